"""Steps of gradient descent: what a training repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from autograd_mini.interrupts import ensure
from autograd_mini.nn.module import Module
from autograd_mini.observing import write_numbers
from autograd_mini.optim import Optimizer
from autograd_mini.training.examples import Example
from autograd_mini.training.objective import Metric, Objective
from autograd_mini.value import Value


def keeping_modes(model: Module, work: Callable[[], None]) -> None:
    """Do the work, and leave the model and all modules within it in the mode, training or evaluation, they were in."""
    modes = [(module, module.training) for module in model.modules()]

    def give_back() -> None:
        for module, mode in modes:
            module.training = mode

    ensure(give_back, work)


@dataclass(eq=False)
class Steps:
    """Steps of gradient descent on the Values of a model themselves.

    It is a context during training, within which a subclass may keep the numbers of the model elsewhere.
    """

    objective: Objective  # what to minimise
    optimizer: Optimizer
    examples: Sequence[Example]  # the training set
    measured: Sequence[Example]  # the examples to evaluate on
    metrics: Mapping[str, Metric]  # what else to evaluate

    def __post_init__(self) -> None:
        self.parameters: list[Value] = self.objective.model.parameters()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass

    def numbers(self) -> Sequence[float]:
        """The numbers of all parameters of the model, to be kept for `restore`."""
        return [parameter.data for parameter in self.parameters]

    def restore(self, numbers: Sequence[float]) -> None:
        """Set all parameters to the numbers kept."""
        write_numbers(self.parameters, "data", list(map(float, numbers)))

    def write_back(self) -> None:
        """Bring the Values and the optimizer up to date."""

    def find_gradient(self, batch: Sequence[int]) -> list[float]:
        """Find the gradient of the mean divergence over some examples, for the next step.

        Returns:
            The divergences of these examples, or partial sums of them.
        """
        write_numbers(self.parameters, "grad", [0.0] * len(self.parameters))
        return self.objective.add_gradients(self.examples, batch)

    def has_finite_gradient(self) -> bool:
        return all(isfinite(parameter.grad) for parameter in self.parameters)

    def step(self) -> None:
        self.optimizer.step()

    def has_finite_numbers(self) -> bool:
        return all(map(isfinite, self.numbers()))

    def evaluate(self) -> tuple[float, dict[str, float]]:
        """The mean divergence and the mean of every metric, in evaluation mode."""
        return self.objective.evaluate(self.measured, self.metrics)
