"""The training loop itself (lecture: "Training by BackProp")."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass
from math import inf, isfinite
from random import Random
from typing import Any

from autograd_mini.functions import fsum
from autograd_mini.nn.module import Module
from autograd_mini.optim import Optimizer
from autograd_mini.training.examples import Example
from autograd_mini.training.history import Epoch, History
from autograd_mini.training.objective import Metric, Objective
from autograd_mini.training.steps import Steps, keeping_modes


class TrainingDiverged(FloatingPointError):
    """The loss, a gradient or a parameter became nan or infinite."""


@dataclass(eq=False, repr=False)
class Plateau:
    """Watches a loss: `update` says whether it has not improved by more than `tolerance`, relative to the best,
    for `patience` epochs, `is_rising` whether it grew in each of them.

    >>> plateau = Plateau(tolerance=0.1, patience=2)
    >>> [plateau.update(loss) for loss in (1.0, 0.5, 0.49, 0.46)]
    [False, False, False, True]
    >>> plateau.is_rising
    False
    """

    tolerance: float
    patience: int
    best: float = inf
    last: float = inf
    waited: int = 0
    rises: int = 0

    @property
    def is_rising(self) -> bool:
        return self.rises >= self.patience

    def update(self, loss: float) -> bool:
        self.rises = self.rises + 1 if loss > self.last else 0
        self.last = loss
        if self.best == inf or self.best - loss > self.tolerance * abs(self.best):
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        return self.waited >= self.patience


@dataclass(eq=False)
class Run:
    """The state of one training: everything that a checkpoint keeps."""

    model: Module
    objective: Objective
    optimizer: Optimizer
    examples: Sequence[Example]
    validation: Sequence[Example]
    metrics: Mapping[str, Metric]
    _: KW_ONLY
    batch_size: int
    shuffle: bool
    seed: InitVar[int]
    tolerance: InitVar[float]
    patience: InitVar[int]

    def __post_init__(self, seed: int, tolerance: float, patience: int) -> None:
        self.random: Random = Random(seed)
        self.training_loss: Plateau = Plateau(tolerance, patience)
        self.validation_loss: Plateau = Plateau(tolerance, patience)
        self.history: History = History()
        self.steps: Steps = Steps(*self._made_of())
        self.good: Sequence[float] = self.steps.numbers()
        self.best: Sequence[float] = self.good
        self.best_loss: float = inf
        self.is_on_executor: bool = False

    @property
    def steps_an_epoch(self) -> int:
        return -(-len(self.examples) // self.batch_size)

    @property
    def is_compiled(self) -> bool:
        return type(self.steps) is not Steps

    def compile(self, executor: Any = None) -> None:
        """Take all further steps by compiled functions, on an executor if there is one."""
        from autograd_mini.training.compiled_steps import CompiledSteps  # with NumPy and the compiler

        # The size of tiles depends on the batch alone: enough tiles for many workers, each worth sending.
        tile = max(32, 1 << (max(1, self.batch_size // 16) - 1).bit_length())
        self.steps = CompiledSteps(*self._made_of(), executor=executor, tile=tile)
        self.is_on_executor = executor is not None

    def _made_of(self) -> tuple[Any, ...]:
        """The arguments that the steps are made of."""
        return self.objective, self.optimizer, self.examples, self.validation or self.examples, self.metrics

    def train(self, epochs: int, after_step: Callable[[], None], after_epoch: Callable[[], None]) -> None:
        """Train until `epochs` are spent or the loss has converged."""
        try:
            keeping_modes(self.model, lambda: self._train(epochs, after_step, after_epoch))
        except KeyboardInterrupt:
            self.history.interrupted = True
            self.steps.restore(self.best if self.history.epochs else self.good)

    def _train(self, epochs: int, after_step: Callable[[], None], after_epoch: Callable[[], None]) -> None:
        try:
            self.model.train()
            with self.steps:
                while len(self.history) < epochs and not (self.history.converged or self.history.stopped_early):
                    self._epoch(after_step)
                    after_epoch()
            if self.validation:
                self.steps.restore(self.best)
        except FloatingPointError:  # TrainingDiverged, or debug()
            self.steps.restore(self.good)
            raise

    def _epoch(self, after_step: Callable[[], None]) -> None:
        started = time.perf_counter()
        if not self.model.training:  # evaluation switched it
            self.model.train()
        learning_rate, before, n = self.optimizer.learning_rate, self.steps.numbers(), len(self.examples)
        order: Sequence[int] = range(n)
        if self.shuffle and self.steps_an_epoch > 1:
            order = self.random.sample(order, n)
        divergences: list[float] = []
        for start in range(0, n, self.batch_size):
            divergences += self._step(order[start : start + self.batch_size])
            after_step()
        loss = fsum(divergences) / n
        validation_loss, metrics = self._evaluate()
        # A loss measured in the epoch's only step, and not after it, is that of the parameters before the step.
        measured = before if self.steps_an_epoch == 1 and validation_loss is None else self.steps.numbers()
        self._record(Epoch(loss, validation_loss, metrics, learning_rate, time.perf_counter() - started), measured)

    def _step(self, batch: Sequence[int]) -> list[float]:
        """Take one step of gradient descent; returns the batch's divergences before it, or partial sums of them."""
        divergences = self.steps.find_gradient(batch)
        loss = fsum(divergences) / len(batch)
        if not isfinite(loss):
            raise self._diverged(f"the loss became {loss}")
        if not self.steps.has_finite_gradient():
            raise self._diverged("a gradient became nan or infinite")
        self.good = self.steps.numbers()
        self.steps.step()
        if not self.steps.has_finite_numbers():
            raise self._diverged("a parameter became nan or infinite")
        return divergences

    def _evaluate(self) -> tuple[float | None, dict[str, float]]:
        if not (self.validation or self.metrics):
            return None, {}
        loss, metrics = self.steps.evaluate()
        if self.validation and not isfinite(loss):
            raise self._diverged(f"the validation loss became {loss}")
        return (loss if self.validation else None), metrics

    def _record(self, epoch: Epoch, measured: Sequence[float]) -> None:
        """Add the epoch to the history and judge it; `measured` are the parameters whose loss it is."""
        history, judged = self.history, epoch.loss if epoch.validation_loss is None else epoch.validation_loss
        best = self.best, self.best_loss, history.best_epoch
        if judged < self.best_loss:
            best = measured, judged, len(history)
        epochs = [*history.epochs, epoch]
        # In one line, so that no interrupt comes between them.
        history.epochs, (self.best, self.best_loss, history.best_epoch) = epochs, best
        # A loss that only grows has not converged: training goes on until it is infinite or the epochs are spent.
        history.converged = self.training_loss.update(epoch.loss) and not self.training_loss.is_rising
        if epoch.validation_loss is not None:
            history.stopped_early = self.validation_loss.update(epoch.validation_loss)

    def _diverged(self, what: str) -> TrainingDiverged:
        eagerly = " without compiled=True" if self.is_compiled else ""
        return TrainingDiverged(
            f"{what} in epoch {len(self.history) + 1}, steps taken: {self.optimizer.steps}; the model keeps the last "
            f"parameters whose loss was finite; try a smaller learning rate, or train{eagerly} within "
            "`with autograd_mini.debug():` to see which operation did it"
        )
