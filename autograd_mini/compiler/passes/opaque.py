"""Rules that cannot be run on symbols, because they branch on a number, say: run as in eager mode, number by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from autograd_mini.derivatives import gradients
from autograd_mini.primitives import Primitive
from autograd_mini.value import Value


def opaque_derivatives(primitive: Primitive, out: Any, operands: Sequence[Any]) -> tuple[Any, ...]:
    """The local derivatives of a row, each by an operation that runs the rule."""
    return tuple([_derivative(primitive, place)(out, *operands) for place in range(len(operands))])


@cache
def _derivative(primitive: Primitive, place: int) -> Primitive:
    return _row(f"{primitive.name}′", lambda *args: primitive.partials(*args)[place])


def _row(name: str, function: Callable[..., Any]) -> Primitive:
    """A function of floats or Values as an operation."""

    @cache
    def slope(place: int) -> Primitive:
        return _row(f"{name}′", lambda *args: _slope(function, args, place))

    return Primitive(
        name,
        lambda *args: float(getattr(number := function(*args), "_data", number)),
        lambda out, *args: tuple([slope(place)(*args) for place in range(len(args))]),
        arity=None,
        symbol=name,
    )


def _slope(function: Callable[..., Any], args: Sequence[Any], place: int) -> Any:
    """The derivative of a function by the graph that it records."""
    variables = [+arg if isinstance(arg, Value) else Value(arg) for arg in args]
    result = function(*variables)
    return gradients(result, [variables[place]], create_graph=True)[0] if isinstance(result, Value) else 0.0
