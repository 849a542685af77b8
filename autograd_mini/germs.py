"""Germs: how a quantity behaves as its variables approach their numbers along a line.

Where a rule meets 0·inf or a comparison meets a tie, the number alone does not decide the result; how the number is
approached does. The rules of the table run on germs as they run on numbers.
"""

from __future__ import annotations

import threading
from functools import partial, reduce
from math import cbrt, copysign, e, hypot, inf, isclose, isfinite, isnan, log, nan, sqrt

from autograd_mini.jumps import JUMPS
from autograd_mini.primitives import TABLE, ieee, symbols, to_float

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autograd_mini.primitives import Primitive

CANCELLED = 2e-15
"""A sum this small relative to its terms is a rounding of 0: 9 ε, more than the few terms of a rule can round by."""

_DEEPEST = 2
"""The depth of rules within rules at which only limits are computed, so that rules that call each other terminate."""


class Germ(symbols.Number):
    """The quantity limit + c·εᵖ + smaller terms, as ε > 0 goes to 0.

    Attributes:
        limit: its limit; nan where it has none, or none that is known.
        c, p: the next term: p > 0 where the limit is finite, p < 0 where it is infinite. With c = 0 the quantity is
            the limit itself for every ε. With c = nan the term is unknown, but smaller than εᵖ.
        is_exact: there are no further terms.
        is_log: the quantity is c·log ε + p instead.
        level: how many rules deep the calculation is that it belongs to.
    """

    __slots__ = ("c", "is_exact", "is_log", "level", "limit", "p")
    limit: float
    c: float
    p: float
    is_exact: bool
    is_log: bool
    level: int

    def __init__(
        self, limit: float, c: float = 0.0, p: float = 1.0, is_exact: bool = False, is_log: bool = False, level: int = 0
    ) -> None:
        if abs(c) == inf or (abs(limit) == inf and c and p > 0.0 and not is_log):  # beyond the range of numbers
            c, p, is_exact = nan, 0.0, False
        self.limit, self.c, self.p = limit, c, p
        self.is_exact, self.is_log, self.level = is_exact or c == 0.0, is_log, level

    def at(self, level: int) -> Germ:
        """The same germ at another level."""
        return Germ(self.limit, self.c, self.p, is_exact=self.is_exact, is_log=self.is_log, level=level)

    @property
    def is_zero(self) -> bool:
        """Whether the quantity is 0 for every ε."""
        return self.limit == 0.0 and self.c == 0.0

    @property
    def is_pole(self) -> bool:
        return self.limit in (inf, -inf) and not self.is_log

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return apply(primitive, args)

    def __neg__(self) -> Germ:
        p = -self.p if self.is_log else self.p
        return Germ(-self.limit, -self.c, p, is_exact=self.is_exact, is_log=self.is_log, level=self.level)

    def __abs__(self) -> Germ:
        return -self if self < 0.0 else self

    def __lt__(self, other: Any) -> bool:
        return _order(self, other, -1.0) < 0.0

    def __gt__(self, other: Any) -> bool:
        return _order(self, other, 1.0) > 0.0

    def __le__(self, other: Any) -> bool:
        return _order(self, other, -1.0) <= 0.0

    def __ge__(self, other: Any) -> bool:
        return _order(self, other, 1.0) >= 0.0

    def __eq__(self, other: object) -> bool:
        return self is other or _order(self, other, 1.0) == 0.0

    def __bool__(self) -> bool:
        return self.limit != 0.0

    def __float__(self) -> float:
        return self.limit


def germ(number: Any) -> Germ:
    return number if isinstance(number, Germ) else Germ(to_float(number, "Germ"))


class Unknown(threading.local):
    """Comparisons whose result is unknown: whether any was met, and whether they count as true or as equality."""

    is_met = is_true = False


unknown: Unknown = Unknown()


def _order(x: Any, y: Any, if_true: float = 0.0) -> float:
    """The sign of x - y for small ε; 0 or `if_true` if that is not known, nan if x or y is nan."""
    x, y = germ(x), germ(y)
    if x.limit != y.limit or not isfinite(x.limit):
        return -1.0 if x.limit < y.limit else 1.0 if x.limit > y.limit else nan if isnan(x.limit + y.limit) else 0.0
    c = _sum(x, -y).c
    unknown.is_met |= isnan(c)
    return c if c == c else if_true if unknown.is_true else 0.0


def _term(c: float, p: float, is_exact: bool = False) -> Germ:
    """The germ of c·εᵖ, the whole of it or with smaller terms."""
    if c == 0.0:
        return Germ(0.0)
    if isnan(c):
        return Germ(0.0 if p >= 0.0 else nan, nan, max(p, 0.0))
    if p == 0.0:
        return Germ(c, 0.0 if is_exact else nan, 0.0)
    return Germ(0.0 if p > 0.0 else copysign(inf, c), c, p, is_exact=is_exact)


def _next(*terms: Germ) -> tuple[float, float, bool]:
    """The c and p of the next term of a sum, and whether it has no further terms."""
    is_exact = all(term.is_exact for term in terms)
    known = [term for term in terms if term.c and not isnan(term.c)]
    bound = min([term.p for term in terms if isnan(term.c)], default=inf)
    least = min([term.p for term in known], default=inf)
    if bound < least:
        return nan, bound, False
    if not known:
        return 0.0, 1.0, True
    leading = [term.c for term in known if term.p == least]
    c = sum(leading)
    if abs(c) > CANCELLED * sum(map(abs, leading)):
        return c, least, is_exact and len(leading) == len(known)
    return (0.0, 1.0, True) if is_exact and len(leading) == len(known) else (nan, least, False)


def _sum(x: Germ, y: Germ) -> Germ:
    if isfinite(x.limit) and isfinite(y.limit):
        c, p, is_exact = _next(x, y)
        return Germ(x.limit + y.limit, c, p, is_exact=is_exact)
    if x.is_log or y.is_log:
        return _sum_of_logs(x, y)
    if x.is_pole and y.is_pole and x.c and y.c and not isnan(x.c + y.c):
        c, p, is_exact = _next(x, y)
        return Germ(nan, nan) if isnan(c) or (c == 0.0 and not is_exact) else _term(c, p, is_exact)
    for pole, other in ((x, y), (y, x)):
        if pole.is_pole and isfinite(other.limit):
            return Germ(pole.limit, pole.c, pole.p, is_exact=pole.is_exact and other.is_zero)
    return Germ(x.limit + y.limit, nan, 0.0)


def _sum_of_logs(x: Germ, y: Germ) -> Germ:
    if x.is_log and y.is_log:
        c = x.c + y.c
        return Germ(copysign(inf, -c), c, x.p + y.p, is_log=True) if c else Germ(x.p + y.p, nan, 0.0)
    term, other = (x, y) if x.is_log else (y, x)
    return Germ(term.limit, term.c, term.p + other.limit, is_log=True) if isfinite(other.limit) else other


def _product(x: Germ, y: Germ) -> Germ:
    if isnan(x.limit) or isnan(y.limit):
        return Germ(nan, nan, 0.0)
    if x.is_zero or y.is_zero:
        return Germ(0.0)
    if isfinite(x.limit) and isfinite(y.limit):
        return _product_of_finite(x, y)
    big, other = (y, x) if isfinite(x.limit) else (x, y)
    if big.is_log:
        if other.c == 0.0 and isfinite(other.limit):
            return Germ(big.limit * other.limit, big.c * other.limit, big.p * other.limit, is_log=True)
        return Germ(0.0 if other.limit == 0.0 and other.p else big.limit * other.limit, nan, 0.0)
    if other.is_log or isnan(big.c) or not big.c:
        return Germ(big.limit * other.limit, nan, 0.0)
    if other.limit and isfinite(other.limit):
        return _term(big.c * other.limit, big.p, big.is_exact and other.c == 0.0)
    return _term(big.c * other.c, big.p + other.p, big.is_exact and other.is_exact)


def _product_of_finite(x: Germ, y: Germ) -> Germ:
    limit = x.limit * y.limit
    if not isfinite(limit):
        return Germ(limit, nan, 0.0)
    if x.limit == 0.0 and y.limit == 0.0:
        return Germ(0.0, x.c * y.c, x.p + y.p, is_exact=x.is_exact and y.is_exact)
    if x.c == 0.0 or y.c == 0.0 or x.limit == 0.0 or y.limit == 0.0:
        varying, other = (x, y) if y.c == 0.0 or (x.limit == 0.0 and x.c != 0.0) else (y, x)
        return Germ(limit, varying.c * other.limit, varying.p, is_exact=varying.is_exact and other.c == 0.0)
    c, p, _ = _next(Germ(0.0, x.c * y.limit, x.p), Germ(0.0, y.c * x.limit, y.p))
    return Germ(limit, c if c else nan, p)


def _reciprocal(y: Germ) -> Germ:
    if y.limit and isfinite(y.limit):
        return Germ(1.0 / y.limit, -y.c / y.limit / y.limit, y.p)
    if y.c and not isnan(y.c) and not y.is_log:
        return _term(1.0 / y.c, -y.p, y.is_exact)
    if y.limit:
        return Germ(1.0 / y.limit, nan, 0.0)
    return Germ(nan, nan) if y.c else Germ(ieee.divide(1.0, y.limit))


def _quotient(x: Germ, y: Germ) -> Germ:
    result = _product(x, _reciprocal(y))
    if isfinite(x.limit) and isfinite(y.limit) and y.limit and isfinite(x.limit / y.limit):
        result.limit = x.limit / y.limit  # rounded once
    return result


def _power(x: Germ, exponent: float) -> Germ | None:
    """The power of an x that goes to 0, with a constant exponent; None for any other."""
    if x.limit != 0.0 or x.c == 0.0 or exponent == 0.0:
        return None
    c = ieee.power(x.c, exponent)
    return Germ(nan, nan) if isnan(c) and not isnan(x.c) else _term(c, x.p * exponent)


def _exp(x: Germ) -> Germ | None:
    if x.is_log:
        return _term(TABLE["exp"].forward(x.p), x.c)
    return Germ(0.0) if x.limit == -inf and x.c else None  # smaller than every power


def _log(x: Germ, base: float = e) -> Germ | None:
    if x.limit != 0.0 or not x.c or isnan(x.c):
        return None
    return Germ(-inf, x.p / log(base), log(x.c) / log(base), is_log=True) if x.c > 0.0 else Germ(nan, nan)


def _arc(name: str, signs: dict[float, float], x: Germ) -> Germ | None:
    """An inverse function at an edge of its domain, the value there ± √(2·distance); None elsewhere."""
    if x.limit not in signs or not x.c:
        return None
    inward = x.c if name == "acosh" else -x.limit * x.c
    if not inward > 0.0:
        return Germ(nan, nan)
    return Germ(TABLE[name].forward(x.limit), signs[x.limit] * sqrt(2.0 * inward), x.p / 2.0)


def _length(*xs: Germ) -> Germ | None:
    """The length √Σx² of one quantity, or at the origin; None elsewhere."""
    moving = [x for x in xs if not x.is_zero]
    if len(moving) == 1 or any(x.limit != 0.0 for x in moving):
        return abs(moving[0]) if len(moving) == 1 else None
    first = min([x.p for x in moving if not isnan(x.c)], default=inf)
    c = hypot(*[x.c for x in moving if x.p < first or (x.p == first and not isnan(x.c))])
    is_exact = all(x.is_exact and x.p == first for x in moving)
    return Germ(0.0, c, min([x.p for x in moving]), is_exact=is_exact)


def total(*xs: Germ) -> Germ:  # poles first: they may cancel
    return reduce(_sum, sorted(xs, key=lambda x: isfinite(x.limit)), Germ(0.0))


_EXACT: dict[str, Callable[..., Germ | None]] = {
    "pos": lambda x: x,
    "neg": lambda x: -x,
    "add": _sum,
    "sub": lambda x, y: _sum(x, -y),
    **dict.fromkeys(("mul", "scale"), _product),
    "div": _quotient,
    "ratio": lambda x, y: (  # at an unknown y, depends on the comparison
        x if x.is_zero else Germ(float(y > 0.0)) if not (x.limit or y.limit or y.c == y.c) else _quotient(x, y)
    ),
    "reciprocal": _reciprocal,
    "fma": lambda x, y, z: _sum(_product(x, y), z),
    "square": lambda x: _product(x, x),
    **dict.fromkeys(("sum", "fsum"), total),
    "mean": lambda *xs: _quotient(total(*xs), Germ(float(len(xs)))),
    "dot": lambda *xs: total(*[_product(x, y) for x, y in zip(xs[: len(xs) // 2], xs[len(xs) // 2 :])]),
    "prod": lambda *xs: reduce(_product, xs, Germ(1.0)),
    "pow": lambda x, y: _power(x, y.limit) if y.c == 0.0 else Germ(nan, nan) if x < 0.0 else None,
    "pow_slope": lambda x, y, x_order, y_order: (
        Germ(nan, nan) if y.c and (x < 0.0 or (x.limit == 0.0 and y.limit in range(x_order))) else None
    ),
    "sqrt": lambda x: _power(x, 0.5),
    "cbrt": lambda x: None if x.limit or not x.c else _term(cbrt(x.c), x.p / 3.0),
    "exp": _exp,
    "log": _log,
    **{f"log{base}": partial(_log, base=float(base)) for base in (2, 10)},
    "log1p": lambda x: _log(_sum(x, Germ(1.0))),
    "asin": partial(_arc, "asin", {1.0: -1.0, -1.0: 1.0}),
    "acos": partial(_arc, "acos", {1.0: 1.0, -1.0: -1.0}),
    "acosh": partial(_arc, "acosh", {1.0: 1.0}),
    **dict.fromkeys(("hypot", "norm"), _length),
    "dist": TABLE["dist"].formula,
    "inverse_power": TABLE.auxiliary["inverse_power"].forward,
    "abs": abs,
    "leaky_relu": TABLE["leaky_relu"].forward,
    **JUMPS,
}
"""What local derivatives do not tell: arithmetic, functions at infinite slopes, and jumps. None where they do tell."""


def apply(primitive: Primitive, args: Sequence[Any]) -> Any:
    """Apply a primitive to germs and numbers; the result is a germ, or what a selector chooses."""
    if primitive.is_selector or (primitive.selects and (primitive.tied or primitive.name == "where")):
        if primitive.tied and not primitive.is_selector and any(isnan(germ(arg).limit) for arg in args):
            return Germ(nan, nan)
        return primitive.forward(*args)  # it compares its arguments, and returns one
    germs = [germ(arg) for arg in args]
    level = max(each.level for each in germs)
    limits = [each.limit for each in germs]
    exact = _EXACT.get(primitive.base.name)
    if (primitive.selects and not exact) or all(each.c == 0.0 for each in germs):
        is_nothing = exact is _product and any(each.is_zero for each in germs)  # for every ε, whatever the other is
        return Germ(0.0 if is_nothing else primitive.forward(*limits), level=level)
    found = exact(*germs, **primitive.options) if exact else None
    if found is None:
        return _by_rule(primitive, germs, level)
    result = germ(found)
    limit = primitive.forward(*limits) if all(map(isfinite, limits)) else nan
    if isfinite(limit) and isclose(limit, result.limit):
        result = Germ(limit, result.c, result.p, is_exact=result.is_exact)  # rounded as in numbers
    return result.at(level)


def _by_rule(primitive: Primitive, args: list[Germ], level: int) -> Germ:
    """A primitive of germs: its limit is that of the limits, its next term comes from the local derivatives."""
    limit = primitive.forward(*[arg.limit for arg in args])
    if level >= _DEEPEST or not (isfinite(limit) and all(isfinite(arg.limit) for arg in args)):
        return Germ(limit, nan, 0.0, level=level)
    inner = [arg.at(level + 1) for arg in args]
    terms = []
    for arg, local in zip(args, primitive.partials(Germ(limit, nan, 0.0, level=level + 1), *inner)):
        slope = germ(local)
        if arg.c == 0.0 or slope.is_zero:
            continue
        p = arg.p if slope.limit else slope.p + arg.p
        rise = (slope.limit or slope.c * arg.p / (p or nan)) * arg.c  # ∫ slope·dx
        terms.append(Germ(0.0, rise, p) if isfinite(slope.limit) else Germ(0.0, nan, 0.0))
    c, p, _ = _next(*terms)
    return Germ(limit, c if c or not terms else nan, p, level=level)
