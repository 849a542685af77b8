"""`fit`: train a model on examples."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from autograd_mini.interrupts import ensure
from autograd_mini.nn.divergences import Divergence
from autograd_mini.nn.module import Module
from autograd_mini.optim import SGD, Optimizer
from autograd_mini.optim.schedules import require_between, require_steps
from autograd_mini.primitives import brief
from autograd_mini.training.checkpoint import load_checkpoint, save_checkpoint
from autograd_mini.training.examples import Example, as_examples
from autograd_mini.training.history import History
from autograd_mini.training.objective import Metric, Objective
from autograd_mini.training.run import Run


def fit(
    model: Module,
    data: Iterable[Example],
    divergence: Divergence | Callable[[Any, Any], Any],
    optimizer: Optimizer | None = None,
    *,
    epochs: int = 100,
    batch_size: int | None = None,
    tolerance: float = 1e-4,
    patience: int = 10,
    validation: Iterable[Example] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    shuffle: bool = True,
    seed: int = 0,
    compiled: bool = False,
    executor: Any = None,
    progress: bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
) -> History:
    """Minimise Loss(W) = 1/N Σᵢ Div(f(Xᵢ; W), dᵢ) over the model's parameters W by gradient descent "until
    Loss has converged" (lecture: "Training by BackProp").

    Args:
        model: f, a `Module` called with one X. A model with `logits` and `output_activation` is trained
            through its logits if the divergence belongs to that activation, which is stable.
        data: the pairs (X, d); `pairs(X, d)` makes them from two lists or arrays.
        divergence: Div, called with (Y, d).
        optimizer: updates the model's parameters; by default SGD with learning rate 0.1.
        epochs: the maximum number of passes over the data, 1 or more.
        batch_size: how many examples each step takes; None for all, which is plain gradient descent.
        tolerance: a loss counts as better only if it improves by this fraction of the best so far; ≥ 0.
        patience: after this many epochs in a row without a better loss, training has converged; 1 or more. (Not if
            the loss grew in each of them.)
        validation: pairs held out. Training also stops when their loss is no better for `patience` epochs,
            and ends with the parameters that were best on them.
        metrics: functions of (Y, d) by name, such as `{"accuracy": accuracy}`, whose means are recorded in the
            history: over the validation set, or without one over the data.
        shuffle: whether batches are drawn anew, without replacement, each epoch.
        seed: the seed of the shuffling.
        compiled: run the model and its derivatives as array programs, which is far faster, with the same numbers up
            to rounding. The model must do the same operations for every X: see `autograd_mini.compiler`.
        executor: whatever has `submit` or `map` (those of concurrent.futures, a client of Dask), to share the examples
            of each step among its workers: the data is sent once, the parameters once a step, and the optimizer
            stays here. It is compiled training, and its numbers do not depend on how many workers there are; see
            `Compiled.on`. The executor remains the caller's, who shuts it down.
        progress: whether to show a progress bar; None for only on a terminal. Without tqdm there is none.
        checkpoint: a file for the state of training, written after every epoch and whole at any moment.
        resume: continue from that file if it exists, with the numbers that an uninterrupted training gives.

    Returns:
        The `History`. After Ctrl-C its `interrupted` is True, and the model keeps its best parameters.

    Raises:
        ValueError: bad input, refused before any work: nan in the data, a label or a divergence that does
            not fit the model, a number out of range, a checkpoint of another training, a model that cannot be
            compiled.
        TypeError: an argument of the wrong type.
        FileExistsError: the checkpoint exists and `resume` is False.
        TrainingDiverged: (a FloatingPointError) the loss became nan or infinite; the model keeps the last
            parameters whose loss was finite.

    >>> from autograd_mini.nn import MLP, squared_error
    >>> line = MLP(1, [1])
    >>> history = fit(line, [([x], 3 * x + 1) for x in (0.0, 0.5, 1.0)], squared_error, SGD(line.parameters(), 0.5),
    ...     epochs=1000, tolerance=0.0)
    >>> [round(weight.data, 6) for weight in line.parameters()]
    [1.0, 3.0]
    """
    objective = Objective(model, divergence)
    examples = as_examples(data, "data")
    held_out = [] if validation is None else as_examples(validation, "validation")
    run = Run(
        model,
        objective,
        _fitting_optimizer(model, optimizer),
        examples,
        held_out,
        _require_metrics(metrics or {}),
        batch_size=len(examples) if batch_size is None else require_steps(batch_size, "batch_size"),
        shuffle=shuffle,
        seed=_require_seed(seed),
        tolerance=require_between(tolerance, 0.0, None, "tolerance"),
        patience=require_steps(patience, "patience"),
    )
    require_steps(epochs, "epochs")
    objective.try_out(examples, "data")
    if held_out:
        objective.try_out(held_out, "validation")
    if compiled or executor is not None:
        run.compile(executor)
    if checkpoint is not None:
        _start_checkpoint(run, checkpoint, resume)
    bars: list[Any] = []

    def after_step() -> None:
        for bar in bars:
            bar.update()

    def after_epoch() -> None:
        for bar in bars:
            bar.set_postfix_str(_figures(run.history))
        if checkpoint is not None:
            save_checkpoint(run, checkpoint)

    def train() -> None:
        bars.extend(_progress_bars(run, epochs, progress))
        run.train(epochs, after_step, after_epoch)

    ensure(lambda: [bar.close() for bar in bars], train)
    return run.history


def _fitting_optimizer(model: Module, optimizer: Optimizer | None) -> Optimizer:
    parameters = model.parameters()
    if not parameters:
        raise ValueError(f"fit needs a model with parameters, but {brief(model)} has none")
    if optimizer is None:
        return SGD(parameters, learning_rate=0.1)
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be one of autograd_mini.optim, such as SGD, got {brief(optimizer)}")
    if not set(optimizer.parameters) <= set(parameters):
        raise ValueError("the optimizer updates parameters that are not the model's; make it with model.parameters()")
    return optimizer


def _start_checkpoint(run: Run, path: str | os.PathLike[str], resume: bool) -> None:
    """Load the checkpoint, or write the first one, which shows before any work whether it can be written."""
    if os.path.exists(path):
        if not resume:
            raise FileExistsError(
                f"the checkpoint {os.fspath(path)} exists already; go on from it with resume=True, or delete it"
            )
        load_checkpoint(run, path)
    else:
        save_checkpoint(run, path)


def _progress_bars(run: Run, epochs: int, wanted: bool | None) -> list[Any]:
    """A list with one bar over all steps; empty if none is wanted or tqdm is missing."""
    if not (sys.stderr.isatty() if wanted is None else wanted):
        return []
    try:
        from tqdm import tqdm
    except ImportError:
        return []
    steps = run.steps_an_epoch
    return [tqdm(total=epochs * steps, initial=len(run.history) * steps, unit="step", desc="fit", dynamic_ncols=True)]


def _figures(history: History) -> str:
    """The last epoch in short, such as `epoch 3, loss 0.25, accuracy 0.9`."""
    epoch = history.epochs[-1]
    figures = {"loss": epoch.loss, "validation": epoch.validation_loss, **epoch.metrics}
    shown = [f"{name} {number:.4g}" for name, number in figures.items() if number is not None]
    return ", ".join([f"epoch {len(history)}", *shown])


def _require_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise TypeError(f"seed must be an int, got {brief(seed)} ({type(seed).__name__})")
    return int(seed)


def _require_metrics(metrics: Any) -> Mapping[str, Metric]:
    if not isinstance(metrics, Mapping) or not all(map(callable, metrics.values())):
        raise TypeError(
            f'metrics must be functions of (y, d) by name, as in {{"accuracy": accuracy}}, got {brief(metrics)}'
        )
    return metrics
