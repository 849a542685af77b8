"""Activation functions by name: f in the lecture's y = f(z)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini import functions
from autograd_mini.primitives import brief
from autograd_mini.suggesting import did_you_mean
from autograd_mini.value import Value

Activation = Callable[..., Any]


def identity(z: Any) -> Any:
    """z itself: no activation.

    >>> identity(2.0)
    2.0
    """
    return z


SCALAR: dict[str, Activation] = {"identity": identity} | {
    name: getattr(functions, name)
    for name in ("relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "softplus", "sin", "exp")
}
VECTOR: dict[str, Activation] = {"softmax": functions.softmax, "log_softmax": functions.log_softmax}


class VectorActivation:
    """Marks a function as one of the whole layer, from z₁ … z_D to y₁ … y_M (lecture: "Vector activations").

    >>> from autograd_mini.nn import Layer
    >>> halves = VectorActivation(lambda zs: [z / 2 for z in zs])
    >>> len(Layer(3, 4, activation=halves)([1.0, 2.0, 3.0]))
    4
    """

    def __init__(self, function: Callable[[Sequence[Any]], Sequence[Any]]) -> None:
        self.function = function
        self.__name__: Any | str = getattr(function, "__name__", "vector activation")

    def __call__(self, zs: Sequence[Any]) -> list[Any]:
        return list(self.function(zs))

    def __repr__(self) -> str:
        return f"VectorActivation({self.__name__})"


def find_activation(activation: str | Activation) -> Activation:
    """The activation of that name, or the function itself.

    Raises:
        ValueError: no activation has that name.
        TypeError: it is neither a name nor a function.

    >>> find_activation("relu")(-1.0)
    0.0
    """
    if isinstance(activation, str):
        known = {**SCALAR, **VECTOR}
        if activation not in known:
            hint = did_you_mean(activation, known, f"; choose one of {', '.join(known)}, or give a function")
            raise ValueError(f"no activation is named {brief(activation)}{hint}")
        return known[activation]
    if not callable(activation):
        raise TypeError(f"an activation is a name or a function, got {brief(activation)} ({type(activation).__name__})")
    return activation


def is_vector(activation: Activation) -> bool:
    """Whether an activation takes the whole layer at once."""
    return isinstance(activation, VectorActivation) or activation in VECTOR.values()


def activated(activation: Activation, zs: list[Value]) -> list[Value]:
    """The outputs of a layer, from its z."""
    ys: list[Value] = activation(zs) if is_vector(activation) else [activation(z) for z in zs]
    return ys


def name_of(activation: Activation) -> str:
    """The name of an activation, for messages and pictures."""
    return str(getattr(activation, "__name__", type(activation).__name__))
