"""Modules one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd_mini.nn.activations import Activation, name_of
from autograd_mini.nn.module import Module
from autograd_mini.primitives import brief


class Sequential(Module):
    """Steps in a row, each given the output of the one before: Y = f_N(… f_2(f_1(x))) (lecture: "The forward
    pass").

    Args:
        steps: modules, or any functions of one argument.

    Raises:
        ValueError: there is no step.
        TypeError: a step cannot be called.

    >>> from autograd_mini.nn import MLP, Conv2d, MaxPool2d
    >>> digits = Sequential(Conv2d(4, 4, 3, padding=1), MaxPool2d(4, 4, window=2), MLP(4, [10], output="softmax"))
    >>> round(sum(y.data for y in digits([0.0] * 16)), 12)
    1.0
    >>> len(digits.logits([0.0] * 16)), digits.output_activation([0.0, 0.0])
    (10, [0.5, 0.5])
    """

    def __init__(self, *steps: Callable[[Any], Any]) -> None:
        if not steps:
            raise ValueError("Sequential needs one step or more, got none")
        for step in steps:
            if not callable(step):
                raise TypeError(f"a step is a module or a function, got {brief(step)} ({type(step).__name__})")
        self.steps: list[Activation] = list(steps)

    def __call__(self, inputs: Any) -> Any:
        for step in self.steps:
            inputs = step(inputs)
        return inputs

    def logits(self, inputs: Any) -> Any:
        """The output before the activation of the last step, which must be an `MLP` or another module that
        has `logits`."""
        for step in self.steps[:-1]:
            inputs = step(inputs)
        last: Any = self.steps[-1]
        if not hasattr(last, "logits"):
            raise AttributeError(f"only a Sequential that ends in an MLP has logits, this one ends in {brief(last)}")
        return last.logits(inputs)

    @property
    def output_activation(self) -> Activation:
        """The output activation of the last step, if that has one."""
        last: Any = self.steps[-1]
        return last.output_activation  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        shown = [repr(step) if isinstance(step, Module) else name_of(step) for step in self.steps]
        indented = [f"  {index}: {text}".replace("\n", "\n  ") for index, text in enumerate(shown)]
        return "\n".join(["Sequential(", *indented, ")"])
