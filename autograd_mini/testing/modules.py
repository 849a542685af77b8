"""`check_module`: checks the derivatives with respect to all parameters of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini.nn import Module
from autograd_mini.primitives import brief
from autograd_mini.testing.checking import LIMIT, Evaluation, check, in_one_order, require_options
from autograd_mini.testing.reports import Report


def check_module(
    model: Module,
    *inputs: Any,
    loss: Callable[[Any], Any] | None = None,
    order: int = 1,
    limit: float = LIMIT,
) -> Report:
    """Compare a module's derivatives with respect to all its parameters with difference quotients.

    This is `check_gradients` for modules. Afterwards the parameters hold their numbers again; no `grad` is touched.

    Args:
        model: the module. It must be deterministic: switch off dropout and the like with `model.eval()`.
        inputs: the arguments to call it with.
        loss: a function of its result; by default each number of the result is checked.
        order, limit: as for `check_gradients`.

    Returns:
        The `Report` of all comparisons.

    Raises:
        GradientError, UndecidedError: AssertionErrors, as for `check_gradients`.
        TypeError: `model` is not a Module, or it or `loss` returns something other than numbers.
        ValueError: the module has no parameters, or as for `check_gradients`.

    >>> from autograd_mini.nn import MLP
    >>> report = check_module(MLP(2, [3, 1], activation="tanh"), [0.5, -1.0])
    >>> len(report.comparisons), report.comparisons[0].component
    (13, '∂MLP/∂layers.0.neurons.0.weights.0')
    """
    __tracebackhide__ = True
    if not isinstance(model, Module):
        raise TypeError(f"check_module takes a Module, got {brief(model)} ({type(model).__name__})")
    require_options(order, limit)
    named = list(model.named_parameters())
    if not named:
        raise ValueError(f"{brief(model)} has no parameters to check")
    parameters = [parameter for _, parameter in named]
    point = [parameter.data for parameter in parameters]
    numbers_of = in_one_order("the result of the module")

    def evaluate(numbers: Sequence[float]) -> Evaluation:
        assign(numbers)
        result = model(*inputs)
        return parameters, numbers_of(result if loss is None else loss(result))

    def assign(numbers: Sequence[float]) -> None:
        for parameter, number in zip(parameters, numbers):
            parameter.data = number

    names, name = [path for path, _ in named], type(model).__name__
    try:
        return check(evaluate, point, names, name, order=order, limit=limit, reset=lambda: assign(point))
    finally:
        assign(point)
