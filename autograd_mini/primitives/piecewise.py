"""Rounding, remainders, signs and choices: functions made of pieces."""

from __future__ import annotations

import math
from functools import cache
from math import copysign, inf, isnan

from autograd_mini.primitives import ieee
from autograd_mini.primitives.arithmetic import NONZERO, div
from autograd_mini.primitives.comparisons import FLAT, equal, greater, less, not_equal
from autograd_mini.primitives.primitive import REAL, TABLE, Primitive, row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _at_zero(out: Any, x: Any, *others: Any) -> Any:
    return x == 0.0


def _step_row(name: str, forward: Any, doc: str, example: str, **rest: Any) -> Primitive:
    """A row whose derivative is zero everywhere."""
    return row(
        name,
        forward,
        lambda out, *args: (0.0,) * len(args),
        policy=FLAT,
        selects=True,
        doc=doc,
        example=example,
        **{"arity": 1, **rest},
    )


def several_equal(out: Any, *xs: Any) -> Any:
    """Whether more than one of `xs` equals `out`."""
    return xs.count(out) > 1 if type(out) is float else TABLE["sum"](*[x == out for x in xs]) > 1.0


SELECTORS: dict[str, Primitive] = {}
"""The selectors, by which rules choose, by name."""


def selector(
    tied: Callable[..., Any] | None, formula: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], Primitive]:
    """A decorator that makes a function a selector: a choice from data alone, whose own derivative is zero."""

    def made(forward: Callable[..., Any]) -> Primitive:
        name = forward.__name__.strip("_")
        flat = lambda out, *args: (0.0,) * len(args)
        SELECTORS[name] = Primitive(name, forward, flat, formula=formula, tied=tied, is_selector=True)
        return SELECTORS[name]

    return made


class Part(Primitive):
    """One of the results of a selector that has several, as an operation of its own.

    >>> halves = Primitive("halves", lambda x: (x / 2, -x / 2), lambda out, x: (0.0,), is_selector=True)
    >>> Part(halves, 1)(3.0)
    -1.5
    """

    def __init__(self, whole: Primitive, part: int) -> None:
        super().__init__(
            whole.name,
            lambda *xs: whole.forward(*xs)[part],
            whole.partials,
            arity=None,
            tied=whole.tied,
            is_selector=True,
        )
        self.whole = whole
        self.part = part


@cache
def part_of(primitive: Primitive, part: int) -> Part:
    """One of the results of a selector as a `Part`, made only once.

    >>> halves = Primitive("halves", lambda x: (x / 2, -x / 2), lambda out, x: (0.0,), is_selector=True)
    >>> part_of(halves, 1) is part_of(halves, 1)
    True
    """
    return Part(primitive, part)


def parts_of(primitive: Primitive, n_args: int) -> tuple[Part, ...]:
    """The results of a selector that has several; an empty tuple for any other primitive.

    >>> parts_of(TABLE["tanh"], 1)
    ()
    """
    results = primitive.forward(*(0.0,) * n_args) if primitive.is_selector else None
    return tuple([part_of(primitive, part) for part in range(len(results))]) if isinstance(results, tuple) else ()


@selector(lambda out, x, y: x == y, lambda x, y: where(less(x, y), 0.0, 1.0))
def at_least(x: float, y: float) -> float:
    """1 if x ≥ y, or if x is nan."""
    return 0.0 if x < y else 1.0


@selector(_at_zero, lambda x, at_zero: where(equal(x, 0.0), at_zero, at_least(x, 0.0)))
def step(x: float, at_zero: float) -> float:
    """The slope of relu: 0 below 0, at_zero at 0, else 1."""
    return at_zero if x == 0.0 else 0.0 if x < 0.0 else 1.0


@selector(None, lambda x: not_equal(x, 0.0))
def _is_true(x: float) -> float:
    """1 if x is not 0, else 0."""
    return 1.0 if x else 0.0


@selector(lambda chosen, out, *xs: several_equal(out, *xs))
def first_equal(out: float, *xs: float) -> tuple[float, ...]:
    """1 for the first of `xs` that equals `out` (nan counting as equal to nan), 0 for the others."""
    first = next(i for i, x in enumerate(xs) if x == out or (isnan(x) and isnan(out)))
    return *(0.0,) * first, 1.0, *(0.0,) * (len(xs) - first - 1)


@selector(lambda out, *args: _at_bound(out, *args))
def _clip_branch(x: float, low: float, high: float) -> tuple[float, float, float]:
    """1 for the argument that clip returns, 0 for the two others."""
    if not (x < low or x > high):
        return 1.0, 0.0, 0.0
    return (0.0, 0.0, 1.0) if x > high or low > high else (0.0, 1.0, 0.0)


def _like_divisor(rest: Any, y: Any, same: Any, other: Any) -> Any:
    """`other` where the rest of a division and the divisor have opposite signs, else `same`."""
    return where(less(y, 0.0), where(greater(rest, 0.0), other, same), where(less(rest, 0.0), other, same))


def _modulo(x: Any, y: Any) -> Any:
    """The remainder of Python's float.__mod__, in primitives."""
    rest = fmod(x, y)
    return where(equal(rest, 0.0), copysign_(rest, y), _like_divisor(rest, y, rest, rest + y))


def _floor_divide(x: Any, y: Any) -> Any:
    """The quotient of Python's float.__floordiv__, in primitives; x/y for y = 0."""
    rest = fmod(x, y)
    quotient = div(x - rest, y)
    quotient = _like_divisor(rest, y, quotient, quotient - 1.0)
    nearest = floor(quotient)
    nearest = where(greater(quotient - nearest, 0.5), nearest + 1.0, nearest)
    nearest = where(equal(quotient, 0.0), copysign_(0.0 * quotient, div(x, y)), nearest)
    return where(equal(y, 0.0), div(x, y), nearest)


def _at_bound(out: Any, x: Any, low: Any, high: Any) -> Any:
    return (x == low) + (x == high)


def largest(*xs: float) -> float:
    """The maximum; nan if any is nan."""
    return math.nan if any(map(isnan, xs)) else max(xs)


def smallest(*xs: float) -> float:
    """The minimum; nan if any is nan."""
    return math.nan if any(map(isnan, xs)) else min(xs)


def extreme_row(name: str, forward: Any, found: str, doc: str, example: str, *, arity: int | None, **rest: Any) -> Any:
    """A row that returns one of its arguments, the largest or the smallest."""
    others = "all others" if arity is None else "the other"
    policy = f"1 for the first {found} argument, 0 for {others}"
    doc = f"{doc}; nan if an argument is nan."
    return row(name, forward, first_equal, arity=arity, policy=policy, selects=True, doc=doc, example=example, **rest)


floor: Primitive = _step_row("floor", ieee.rounding(math.floor), "The largest integer ≤ x.", "floor(-1.5) == -2.0")
ceil: Primitive = _step_row("ceil", ieee.rounding(math.ceil), "The smallest integer ≥ x.", "ceil(-1.5) == -1.0")
trunc: Primitive = _step_row("trunc", ieee.rounding(math.trunc), "x without its fraction.", "trunc(-1.5) == -1.0")
rint: Primitive = _step_row("rint", ieee.rounding(round), "The nearest integer, halves to even.", "rint(2.5) == 2.0")
sign: Primitive = _step_row(
    "sign",
    lambda x: 1.0 if x > 0.0 else -1.0 if x < 0.0 else abs(x),
    "-1, 0 or 1 by the sign of x.",
    "sign(-3.0) == -1.0",
    formula=lambda x: where(less(x, 0.0), -1.0, where(greater(x, 0.0), 1.0, abs_(x))),
    tied=_at_zero,
)
floordiv: Primitive = _step_row(
    "floordiv",
    lambda x, y: x // y if y else ieee.divide(x, y),
    "The floor of x/y.",
    "floordiv(7.0, 2.0) == 3.0",
    formula=_floor_divide,
    arity=2,
    domain=(REAL, NONZERO),
    symbol="//",
)
frac: Primitive = row(
    "frac",
    lambda x: math.modf(x)[0],
    lambda out, x: (1.0,),
    formula=lambda x: copysign_(where(equal(abs_(x), inf), 0.0, x - trunc(x)), x),
    policy="1 everywhere, at jumps too",
    doc="The fraction of x with the sign of x: the first part of modf.",
    example="frac(-1.5) == -0.5",
)
mod: Primitive = row(
    "mod",
    lambda x, y: x % y if y else math.nan,
    lambda out, x, y: (1.0, -floordiv(x, y)),
    formula=_modulo,
    domain=(REAL, NONZERO),
    policy="that of x - y·⌊x/y⌋ with the floor constant",
    symbol="%",
    doc="Python's remainder x - y·⌊x/y⌋, with the sign of y; nan for y = 0.",
    example="mod(-7.0, 3.0) == 2.0",
)
fmod: Primitive = row(
    "fmod",
    ieee.nan_outside(math.fmod),
    lambda out, x, y: (1.0, -rint(div(x - out, y))),
    domain=(REAL, NONZERO),
    policy="that of x - n·y with the integer n constant",
    doc="C's remainder x - y·trunc(x/y), with the sign of x; nan for y = 0.",
    example="fmod(-7.0, 3.0) == -1.0",
)
remainder: Primitive = row(
    "remainder",
    ieee.nan_outside(math.remainder),
    fmod.partials,
    domain=(REAL, NONZERO),
    policy=fmod.policy,
    doc="IEEE 754's remainder x - n·y, n the integer nearest to x/y; nan for y = 0.",
    example="remainder(7.0, 4.0) == -1.0",
)
abs_: Primitive = row(
    "abs",
    abs,
    lambda out, x: (sign(x),),
    kinks=((0.0,),),
    tied=_at_zero,
    policy="0 at 0",
    aliases=("fabs",),
    doc="|x|.",
    example="abs(-2.0) == 2.0",
)
copysign_: Primitive = row(
    "copysign",
    lambda x, y: copysign(x, y if y == y else 0.0),
    lambda out, x, y: (sign(x) * copysign_(1.0, y), 0.0),
    kinks=((0.0, 1.0), (0.0, -1.0)),
    tied=_at_zero,
    policy="0 for x at x = 0, unless y passes 0 with it; 0 for y",
    doc="|x| with the sign of y; |x| if y is nan, whose sign is not defined.",
    example="copysign(2.0, -0.0) == -2.0",
)
ldexp: Primitive = row(
    "ldexp",
    ieee.ldexp,
    lambda out, x, exponent: (ldexp(1.0, exponent), 0.0),
    domain=(REAL, (-30.0, 30.0)),
    policy="0 for the exponent, which is an integer",
    doc="x·2ⁱ for an integer i, exact.",
    example="ldexp(3.0, -1) == 1.5",
)
of_two: dict[str, Any] = {"arity": 2, "kinks": ((1.0, 1.0),), "tied": lambda out, x, y: x == y}
maximum: Primitive = extreme_row(
    "maximum", largest, "maximal", "The larger of x and y", "maximum(1.0, 2.0) == 2.0", **of_two
)
minimum: Primitive = extreme_row(
    "minimum", smallest, "minimal", "The smaller of x and y", "minimum(1.0, 2.0) == 1.0", **of_two
)
clip: Primitive = row(
    "clip",
    lambda x, low, high: min(max(x, low), high) if x == x and low == low and high == high else math.nan,
    lambda out, x, low, high: _clip_branch(x, low, high),
    formula=lambda x, low, high: minimum(maximum(x, low), high),
    domain=(REAL, (-2.0, 0.0), (0.0, 2.0)),
    kinks=((-1.0, -1.0, 1.0), (1.0, -1.0, 1.0)),
    tied=_at_bound,
    policy="1 for x at a bound, 0 for the bound",
    selects=True,
    doc="x limited to [low, high].",
    example="clip(3.0, high=1.0) == 1.0",
)
where: Primitive = row(
    "where",
    lambda condition, x, y: x if condition else y,
    lambda out, condition, x, y: (0.0, _is_true(condition), 1.0 - _is_true(condition)),
    policy="that of the branch taken; 0 for the condition",
    selects=True,
    doc="x where the condition holds (is not 0), else y.",
    example="where(2.0 > 1.0, 5.0, 6.0) == 5.0",
)
