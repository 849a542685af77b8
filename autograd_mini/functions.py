"""The primitives as functions of numbers and Values; most are methods of Value too.

They return a float for plain numbers, and a Value if any argument is one. Functions of vectors take one iterable.
"""

from __future__ import annotations

import builtins
from math import inf

from autograd_mini.operators import unary
from autograd_mini.primitives import TABLE, Primitive, brief, to_float
from autograd_mini.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal

__test__: dict[str, str] = {}

NO_NUMBER = "TypeError: an argument is not a real number, but text, None, a complex number or a list."
NO_VECTOR = "TypeError: an argument is not an iterable of real numbers."
NEITHER = "TypeError: the arguments are neither real numbers nor one iterable of them."
NO_NUMBERS = "ValueError: there are no numbers."
OF_SOME = {"mean", "max", "min", "logsumexp", "softmax", "log_softmax"}
"""Functions of vectors of at least one number."""

__all__ = sorted({*TABLE, "fabs", "modf"} - {"abs", "max", "min", "pow", "sum"})
"""All except those that would shadow Python's built-ins."""


def documented(function: Callable[..., Any], name: str, *raised: str) -> Any:
    """Give `function` the name of a primitive and a docstring made from its row; `raised` lists what it raises, unless
    that is the usual error of functions of numbers."""
    primitive = TABLE[name]
    lines = [primitive.doc]
    if primitive.policy:
        lines += ["", f"Derivative at kinks and jumps: {primitive.policy}."]
    lines += ["", "Raises:", *[f"    {each}" for each in raised or (NO_NUMBER,)]]
    if primitive.example:
        call, _, result = primitive.example.partition(" == ")
        lines += ["", f">>> {call}", result]
    function.__name__ = function.__qualname__ = name
    function.__module__ = __name__
    function.__doc__ = "\n".join(lines) + "\n"
    __test__[name] = function.__doc__
    return function


def _described(name: str, *raised: str) -> Any:
    return lambda function: documented(function, name, *raised)


def _unary(name: str) -> Any:
    return documented(unary(TABLE[name]), name)


def _binary(name: str) -> Any:
    primitive = TABLE[name]
    return documented(lambda x, y: primitive(x, y), name)


def _reduction(name: str) -> Any:
    primitive = TABLE[name]
    return documented(lambda xs: primitive(*_vector(name, xs)), name, *_of_vectors(name))


def _variadic(name: str) -> Any:
    primitive = TABLE[name]

    def function(*xs: Any) -> Any:
        if len(xs) > 1:
            return primitive(*xs)
        return primitive(*_vector(name, xs[0] if xs and hasattr(xs[0], "__iter__") else xs))

    return documented(function, name, NEITHER, *_of_vectors(name)[1:])


def _pairing(name: str) -> Any:
    primitive = TABLE[name]

    def function(xs: Any, ys: Any) -> Any:
        xs, ys = _vector(name, xs), _vector(name, ys)
        if len(xs) != len(ys):
            raise ValueError(f"{name} takes two vectors of equal length, got lengths {len(xs)} and {len(ys)}")
        return primitive(*xs, *ys)

    return documented(function, name, NO_VECTOR, "ValueError: the vectors differ in length.")


def _vector_function(name: str) -> Any:
    primitive = TABLE[name]

    def function(xs: Any) -> list[Any]:
        xs = _vector(name, xs)
        return [primitive.variant(index=index)(*xs) for index in range(len(xs))]

    return documented(function, name, *_of_vectors(name))


def _of_vectors(name: str) -> tuple[str, ...]:
    """What the function of one vector that has this name raises."""
    return (NO_VECTOR, NO_NUMBERS) if name in OF_SOME else (NO_VECTOR,)


def _vector(name: str, xs: Any) -> tuple[Any, ...]:
    try:
        numbers = tuple(xs)
    except TypeError:
        raise TypeError(
            f"{name} takes an iterable of numbers, got {brief(xs)} ({type(xs).__name__}); put the numbers into a list"
        ) from None
    if not numbers and name in OF_SOME:
        raise ValueError(f"{name} needs at least one number, got none")
    return numbers


OF_ANY_NUMBER = {
    **dict.fromkeys(("sum", "fsum", "mean", "prod", "norm", "logsumexp"), _reduction),
    **dict.fromkeys(("hypot", "max", "min"), _variadic),
    **dict.fromkeys(("dist", "dot", "sumprod"), _pairing),
    **dict.fromkeys(("softmax", "log_softmax"), _vector_function),
}
"""For primitives of any number of arguments, what makes the function: this decides how it takes its arguments."""

fma = documented(lambda x, y, z: TABLE["fma"](x, y, z), "fma")
clip = documented(lambda x, low=-inf, high=inf: TABLE["clip"](x, low, high), "clip")
leaky_relu = documented(lambda x, slope=0.01: TABLE["leaky_relu"](x, slope), "leaky_relu")
elu = documented(lambda x, alpha=1.0: TABLE["elu"](x, alpha), "elu")
_log, _relu = unary(TABLE["log"]), unary(TABLE["relu"])


def log(x: Any, base: Any = None) -> Any:
    """The logarithm of x, natural or to a base; -inf at 0, nan below.

    Raises:
        TypeError: an argument is not a real number.

    >>> log(2.0)
    0.6931471805599453
    >>> log(8.0, 2.0)
    3.0
    """
    return _log(x) if base is None else TABLE["div"](_log(x), _log(base))


@_described("ldexp", "TypeError: x is not a real number, or the exponent not an integer; a Value cannot be one.")
def ldexp(x: Any, exponent: int) -> Any:
    if not hasattr(exponent, "__index__"):
        raise TypeError(f"ldexp takes an int as exponent, got {brief(exponent)} ({type(exponent).__name__})")
    return TABLE["ldexp"](x, builtins.max(-10_000, builtins.min(10_000, int(exponent))))


def modf(x: Any) -> tuple[Any, Any]:
    """The fraction and the integer part of x, both with its sign; derivatives 1 and 0.

    Raises:
        TypeError: an argument is not a real number.

    >>> modf(-1.5)
    (-0.5, -1.0)
    """
    return TABLE["frac"](x), TABLE["trunc"](x)


@_described("polygamma", "TypeError: x is not a real number.", "ValueError: the order is not an integer from 0 to 100.")
def polygamma(order: int, x: Any) -> Any:
    if not isinstance(order, int) or not 0 <= order <= 100:
        raise ValueError(f"polygamma takes an integer order from 0 to 100, got {brief(order)}")
    return TABLE["polygamma"].variant(order=order)(x)


def where(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds (is not 0), else y. No derivative flows into the branch not taken.

    Raises:
        TypeError: an argument is not a real number.

    >>> v = Value(0.0)
    >>> where(v > 0, v.log(), 7.0).data
    7.0
    """
    return TABLE["where"](condition, x, y)


def relu(x: Any, at_zero: float | None = None) -> Any:
    """max(0, x), the rectified linear unit.

    Args:
        at_zero: the subgradient taken at 0, in [0, 1]; 1 by convention here, 0 in PyTorch and JAX. If given, it
            holds whatever the function is composed with.

    Raises:
        TypeError: x or at_zero is not a real number.
        ValueError: at_zero lies outside [0, 1], so that it is no subgradient.

    >>> relu(-2.0), relu(2.0)
    (0.0, 2.0)
    """
    if at_zero is None:
        return _relu(x)
    at_zero = to_float(at_zero, "relu's at_zero")
    if not 0.0 <= at_zero <= 1.0:
        raise ValueError(f"relu's at_zero must be a subgradient in [0, 1], got {at_zero}")
    return TABLE["relu"].variant(at_zero=at_zero)(x)


def gelu(x: Any, approximate: Literal["none", "tanh"] = "none") -> Any:
    """x·Φ(x) with the normal distribution function Φ: Hendrycks and Gimpel 2016.

    Args:
        approximate: `"none"` for Φ itself, `"tanh"` for the paper's approximation of it.

    Raises:
        TypeError: x is not a real number.
        ValueError: `approximate` is neither.

    >>> gelu(1.0)
    0.841344746068543
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu's approximate must be 'none' or 'tanh', got {brief(approximate)}")
    return TABLE["gelu"](x) if approximate == "none" else TABLE["gelu"].variant(approximate=approximate)(x)


for _name, _row in TABLE.items():
    if _name not in globals():
        globals()[_name] = (OF_ANY_NUMBER.get(_name) or {1: _unary, 2: _binary}[_row.arity])(_name)
fabs = globals()["abs"]


def attach(primitive: Primitive, function: Callable[..., Any]) -> None:
    for name in (primitive.name, *primitive.aliases):
        setattr(Value, name, function)


for _name, _row in TABLE.items():  # each function whose first argument may be a Value is a method of Value
    if (_row.arity is not None or _name == "hypot") and _name not in ("where", "polygamma"):
        attach(_row, globals()[_name])
setattr(Value, "modf", modf)  # noqa: B010  (a type checker knows no such attribute)
