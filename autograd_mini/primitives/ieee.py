"""`math` made total: IEEE 754 results where Python raises ValueError, OverflowError or ZeroDivisionError."""

from __future__ import annotations

import math
from math import copysign, inf, isfinite, nan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    Unary: TypeAlias = Callable[[float], float]


def total(
    function: Unary,
    *,
    overflow: Unary = lambda x: inf,
    poles: dict[float, float] | None = None,
    outside: Unary = lambda x: nan,
) -> Unary:
    """`function` with `overflow(x)` where the result is too large, the values given at `poles`, and
    `outside(x)` elsewhere outside its domain."""
    at_poles = poles or {}

    def forward(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return at_poles[x] if x in at_poles else outside(x)
        except OverflowError:
            return overflow(x)

    return forward


def infinity_like(x: float) -> float:
    """Infinity with the sign of x."""
    return copysign(inf, x)


def divide(x: float, y: float) -> float:
    try:
        return x / y
    except ZeroDivisionError:
        return nan if x == 0.0 or x != x else copysign(inf, x) * copysign(1.0, y)


def power(x: float, y: float) -> float:
    """x**y, nan for a negative base with a fractional exponent, as C99's pow."""
    try:
        return math.pow(x, y)
    except OverflowError:
        return -inf if x < 0.0 and abs(math.fmod(y, 2.0)) == 1.0 else inf
    except ValueError:
        if x == 0.0:
            return copysign(inf, x) if abs(math.fmod(y, 2.0)) == 1.0 else inf
        return nan


def nan_outside(function: Callable[[float, float], float]) -> Callable[[float, float], float]:
    """A function of two arguments with nan outside its domain."""

    def forward(x: float, y: float) -> float:
        try:
            return function(x, y)
        except ValueError:
            return nan

    return forward


def ldexp(x: float, exponent: float) -> float:
    if not isfinite(exponent):
        return x * power(2.0, exponent)
    try:
        return math.ldexp(x, int(exponent))
    except OverflowError:
        return copysign(inf, x)


def rounding(function: Callable[[float], int]) -> Unary:
    """A function to int as one to float; keeps inf, nan and the sign of zero."""

    def forward(x: float) -> float:
        return copysign(float(function(x)), x) if isfinite(x) else x

    return forward


def fma(x: float, y: float, z: float) -> float:
    """x·y + z rounded once."""
    exact = getattr(math, "fma", None)  # Python 3.13
    if exact is not None:
        try:
            return float(exact(x, y, z))
        except ValueError:
            return nan
        except OverflowError:
            return copysign(inf, x) * copysign(1.0, y)
    if not (isfinite(x) and isfinite(y)):
        return x * y + z
    if not isfinite(z):
        return z
    return _rounded([(x, y), (z, 1.0)], zero=x * y + z)


class _Zero(float):
    """0, after which Python's own `sum` adds as `+` does; after a float it makes up for roundings from 3.12 on."""

    __slots__ = ()


_ZERO = 0.0 if sum((1e16, 1.0, 1.0), 0.0) == 1e16 else _Zero()


def added(xs: Iterable[float]) -> float:
    """Σ xs from left to right, every sum rounded.

    >>> added([1e16, 1.0, -1e16])
    0.0
    """
    total = sum(xs, _ZERO)
    return 0.0 if total is _ZERO else total


def exact_sum(*xs: float) -> float:
    """Σ xs rounded once, as math.fsum."""
    try:
        return math.fsum(xs)
    except ValueError:  # inf − inf
        return nan
    except OverflowError:
        infinite = [x for x in xs if not isfinite(x)]
        return sum(infinite) if infinite else _rounded([(x, 1.0) for x in xs], zero=0.0)


def exact_dot(*args: float) -> float:
    """Σ x·y of the first and second half of `args`, rounded once, as math.sumprod of Python 3.12."""
    half = len(args) // 2
    pairs = list(zip(args[:half], args[half:]))
    if not all(map(isfinite, args)):  # a finite product may overflow here, but not in the exact sum
        return sum(x * y for x, y in pairs if not (isfinite(x) and isfinite(y)))
    return _rounded(pairs, zero=0.0)


def _rounded(pairs: list[tuple[float, float]], zero: float) -> float:
    """Σ x·y rounded once; `zero` where it vanishes, for its sign."""
    from fractions import Fraction  # slow to import, seldom needed

    exact = sum((Fraction(x) * Fraction(y) for x, y in pairs), Fraction())
    if not exact:
        return zero
    try:
        return float(exact)
    except OverflowError:
        return inf if exact > 0 else -inf
