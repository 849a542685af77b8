"""Operations on any number of arguments, each one node: sums, products, extremes, softmax.

`softmax` and `log_softmax` have many outputs; each is the variant of the primitive with its `index`.
"""

from __future__ import annotations

import math
import operator
from functools import lru_cache
from math import exp, fsum, inf, nan

from autograd_mini.primitives import ieee
from autograd_mini.primitives.piecewise import extreme_row, largest, several_equal, smallest
from autograd_mini.primitives.primitive import Primitive, auxiliary_row, row
from autograd_mini.primitives.trigonometric import hypot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _dot(*args: float) -> float:
    half = len(args) // 2
    return ieee.added(map(operator.mul, args[:half], args[half:]))


def _swap_halves(out: Any, *args: Any) -> tuple[Any, ...]:
    half = len(args) // 2
    return args[half:] + args[:half]


def _products_of_others(out: Any, *xs: Any) -> tuple[Any, ...]:
    """The product of all other xs for each x, by products from the left and from the right: zeros do no harm."""
    left, right = [1.0], [1.0]
    for x, y in zip(xs[:-1], xs[:0:-1]):
        left.append(left[-1] * x)
        right.append(right[-1] * y)
    return tuple(x * y for x, y, _ in zip(left, reversed(right), xs))


def _logsumexp(*xs: float) -> float:
    top = largest(*xs)
    return top + _log_total(xs, top) if math.isfinite(top) else top


def _log_total(xs: tuple[float, ...], top: float) -> float:
    """The sum log Σ exp(x - top), where one x is `top`: exact even if the others add next to nothing to it."""
    first = xs.index(top)
    return math.log1p(fsum(exp(x - top) for i, x in enumerate(xs) if i != first))


@lru_cache(maxsize=8)  # all outputs and all rules of one softmax ask for the same
def _shares(xs: tuple[float, ...], empty: float) -> tuple[float, ...]:
    """All outputs of softmax at once; `empty` for each if there is nothing but -inf."""
    top = largest(*xs)
    if not math.isfinite(top):
        return (empty if top == -inf else nan,) * len(xs)
    powers = [exp(x - top) for x in xs]
    total = fsum(powers)
    return tuple([power / total for power in powers])


def _log_softmax(*xs: float, index: int = 0) -> float:
    top = largest(*xs)
    return xs[index] - top - _log_total(xs, top) if math.isfinite(top) else nan


def _weights(xs: tuple[Any, ...], empty: float = nan, less_one: int | None = None) -> list[Any]:
    """All outputs yⱼ of softmax or, with the index i of the one that is `less_one`, the differences yⱼ - δᵢⱼ."""
    if all(type(x) is float for x in xs):
        ys: list[Any] = list(_shares(xs, empty))
    else:
        ys = [softmax.variant(index=i, empty=empty)(*xs) for i in range(len(xs))]
    if less_one is not None:
        ys[less_one] = -_rest.variant(index=less_one, empty=empty)(*xs)
    return ys


def _rest_partials(out: Any, *xs: Any, index: int = 0, empty: float = nan) -> tuple[Any, ...]:
    ys = _weights(xs, empty)
    share, ys[index] = ys[index], -out
    return tuple(share * y for y in ys)


sum_: Primitive = row(
    "sum",
    lambda *xs: ieee.added(xs),
    lambda out, *xs: (1.0,) * len(xs),
    symbol="Σ",
    doc="Σ xs, added from left to right.",
    example="sum([1.0, 2.0, 3.5]) == 6.5",
)
fsum_: Primitive = row(
    "fsum",
    ieee.exact_sum,
    lambda out, *xs: (1.0,) * len(xs),
    doc="Σ xs, rounded once.",
    example="fsum([1e16, 1.0, -1e16]) == 1.0",
)
mean: Primitive = row(
    "mean",
    lambda *xs: ieee.added(xs) / len(xs),
    lambda out, *xs: (1.0 / len(xs),) * len(xs),
    doc="The arithmetic mean of xs.",
    example="mean([1.0, 2.0, 6.0]) == 3.0",
)
prod: Primitive = row(
    "prod",
    lambda *xs: math.prod(xs, start=1.0),
    _products_of_others,
    symbol="Π",
    doc="The product of xs.",
    example="prod([1.0, 2.0, 6.0]) == 12.0",
)
dot: Primitive = row(
    "dot",
    _dot,
    _swap_halves,
    symbol="·",
    doc="Σ x·y over the pairs of two vectors of equal length.",
    example="dot([1.0, 2.0], [3.0, 4.0]) == 11.0",
)
sumprod: Primitive = row(
    "sumprod",
    ieee.exact_dot,
    _swap_halves,
    doc="Σ x·y over the pairs of two vectors of equal length, rounded once; compiled, it is added as dot is.",
    example="sumprod([1e16, 1.0, -1e16], [1.0, 1.0, 1.0]) == 1.0",
)
max_: Primitive = extreme_row(
    "max", largest, "maximal", "The largest of xs", "max([1.0, 3.0, 2.0]) == 3.0", arity=None, tied=several_equal
)
min_: Primitive = extreme_row(
    "min", smallest, "minimal", "The smallest of xs", "min([1.0, 3.0, 2.0]) == 1.0", arity=None, tied=several_equal
)
norm: Primitive = row(
    "norm",
    hypot.forward,
    hypot.partials,
    tied=hypot.tied,
    policy=hypot.policy,
    doc="The Euclidean norm √(Σ x²) of a vector.",
    example="norm([3.0, 4.0]) == 5.0",
)
logsumexp: Primitive = row(
    "logsumexp",
    _logsumexp,
    lambda out, *xs: tuple(_weights(xs, empty=0.0)),
    doc="log Σ eˣ, without overflow; -inf if all xs are -inf, with derivatives 0.",
    example="logsumexp([1000.0, 1000.0]) == 1000.6931471805599",
)
_rest = auxiliary_row(
    "softmax_rest",
    lambda *xs, index=0, empty=nan: fsum(y for i, y in enumerate(_shares(xs, empty)) if i != index),
    _rest_partials,
    doc="1 - softmax within rules: the sum of the other outputs, so that it does not cancel.",
)
softmax: Primitive = row(
    "softmax",
    lambda *xs, index=0, empty=nan: _shares(xs, empty)[index],
    lambda out, *xs, index=0, empty=nan: tuple(-(out * y) for y in _weights(xs, empty, index)),
    doc="yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ), without overflow; a list as long as xs.",
    example="softmax([2.0, 2.0]) == [0.5, 0.5]",
)
log_softmax: Primitive = row(
    "log_softmax",
    _log_softmax,
    lambda out, *xs, index=0: tuple(-y for y in _weights(xs, nan, index)),
    doc="xᵢ - log Σⱼ exp(xⱼ), finite where a softmax underflows; a list as long as xs.",
    example="log_softmax([0.0, -1000.0]) == [0.0, -1000.0]",
)
