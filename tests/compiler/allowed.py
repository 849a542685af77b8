"""Numbers as intervals of all results that the contract allows, which are exact where arithmetic runs as written.

Only sums may have rounding errors that differ. Library functions are computed by the back end itself, one number at a
time. Where an interval meets a jump or a pole, every result is allowed.
"""

from fractions import Fraction
from functools import cache
from itertools import chain, product
from math import copysign, inf, isfinite, isnan, nextafter, ulp

import numpy

from autograd_mini import TABLE
from autograd_mini.compiler.code import numpy_rows
from autograd_mini.compiler.code.numpy_rows import VECTORS
from autograd_mini.compiler.passes import packing
from autograd_mini.primitives import piecewise

UNIT = 2.0**-53
TINIEST = 5e-324
LARGEST = Fraction(1.7976931348623157e308)

ROWS = {**TABLE, **TABLE.auxiliary}
MONOTONE = {
    ROWS[name]
    for name in (
        "add sub neg pos mul scale fma floor ceil trunc rint sign maximum minimum max min clip relu sqrt "
        "degrees radians fsum stopped"
    ).split()
}
"""Monotone in every argument, as are their roundings: the ends of an interval give those of the result. A product is
bilinear, which serves as well."""

PRODUCTS = {ROWS[name] for name in ("mul", "scale", "fma")}
POLES = {ROWS[name] for name in ("div", "ratio", "reciprocal")}
BENT_AT_ZERO = {ROWS["abs"], ROWS["square"], ROWS["leaky_relu"]}
CHOICES = {ROWS[name] for name in "where copysign less less_equal greater greater_equal".split()} | {
    getattr(piecewise, name) for name in ("at_least", "step", "_is_true", "first_equal", "_clip_branch")
}
ZERO_DECIDES = {ROWS["where"], ROWS["copysign"], piecewise._is_true, piecewise.step}
"""Operations whose choice changes at a 0 of their first argument."""

OTHERS = {ROWS[name] for name in "mod floordiv fmod remainder frac ldexp prod one_minus_square equal not_equal".split()}
INEXACT = {"gamma", "lgamma"}
"""Python's own functions, which are not monotone in their last digits."""

WRITTEN = MONOTONE | POLES | BENT_AT_ZERO | CHOICES | OTHERS
"""Operations that are compiled as written, or exact by nature; all others are functions of the library."""


class Library:
    """The elementary functions of a back end, called one number at a time."""

    def __init__(self, backend):
        self.backend = backend

    def __call__(self, primitive, args):
        """Compute a primitive of floats; arguments that are not arrays are constants."""
        if all(type(arg) is float for arg in args):
            return primitive.forward(*args)
        name, options = primitive.base.name, primitive.options
        with numpy.errstate(all="ignore"):
            if primitive.base in (ROWS["softmax"], ROWS["log_softmax"]):
                column = numpy.array([float(arg) for arg in args])[:, None]
                empty = options.get("empty", numpy.nan)
                run = self._vector(name, len(args), empty == 0.0)
                return float(run(column)[options.get("index", 0), 0])
            if primitive in packing.REDUCTIONS:
                run = self._reduction(primitive, len(args))
                return float(run(numpy.array([float(arg) for arg in args])[:, None])[0])
            return self.single(primitive, args)

    def single(self, primitive, args):
        """Compute a primitive that is not a function of vectors; arguments that are plain floats are constants."""
        if self.backend == "machine":
            from autograd_mini.compiler.code.machine_rows import has_emission

            if has_emission(primitive, len(args)):
                run = _machine(primitive, len(args))
                return float(run(*[numpy.array([float(arg)]) for arg in args])[0])
        arrays = [arg if type(arg) is float else numpy.array([float(arg)]) for arg in args]
        return float(numpy_rows.elementwise(primitive)(*arrays)[0])

    def _vector(self, name, count, is_empty_zero):
        empty = 0.0 if is_empty_zero else numpy.nan
        if self.backend == "machine":
            return _machine_vector(name, count, is_empty_zero)
        return lambda column: VECTORS[name](column, empty)

    def _reduction(self, primitive, count):
        if self.backend == "machine" and primitive.name != "fsum":
            return _machine_reduction(primitive, count)
        return numpy_rows.reduction(primitive)


@cache
def _machine(primitive, count):
    from tests.compiler.code.kernels_of import machine

    return machine(primitive, count, 1)


@cache
def _machine_vector(name, count, is_empty_zero):
    from tests.compiler.code.kernels_of import vector

    return vector(name, count, 1, 0.0 if is_empty_zero else numpy.nan)


@cache
def _machine_reduction(primitive, count):
    from tests.compiler.code.kernels_of import reduction

    return reduction(primitive, count, 1)


class Allowed:
    """The numbers from `low` to `high`, or all numbers if these are None. The table's rules can compute with them."""

    __slots__ = ("high", "library", "low")

    def __init__(self, low, high, library):
        self.low, self.high, self.library = low, high, library

    def __repr__(self):
        return f"{self.low!r}" if self.is_exact else "anything" if self.low is None else f"{self.low!r}…{self.high!r}"

    @property
    def is_exact(self):
        return self.low is not None and same(self.low, self.high)

    @property
    def is_finite(self):
        return self.low is not None and isfinite(self.low) and isfinite(self.high)

    @property
    def may_be_zero(self):
        return self.low is None or self.low <= 0.0 <= self.high

    def __contains__(self, number):
        if self.low is None or same(self.low, number) or (isnan(self.low) and isnan(number)):
            return True
        return not self.is_exact and self.low <= number <= self.high

    @staticmethod
    def apply_primitive(primitive, args):
        return applied(primitive, args)

    def _undecided(self, other=None):
        raise TypeError("a rule branches on a number")

    __bool__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _undecided
    __hash__ = object.__hash__


def _attach():
    def operator(primitive):
        return lambda self, other: primitive(self, other), lambda self, other: primitive(other, self)

    for name, symbol in (("add", "add"), ("sub", "sub"), ("mul", "mul"), ("div", "truediv"), ("pow", "pow")):
        plain, reflected = operator(TABLE[name])
        setattr(Allowed, f"__{symbol}__", plain)
        setattr(Allowed, f"__r{symbol}__", reflected)
    for name in ("neg", "pos", "abs"):
        setattr(Allowed, f"__{name}__", lambda self, primitive=TABLE[name]: primitive(self))


_attach()


def same(x, y):
    """Whether two numbers are the same, signs of zeros included; all nan count as the same."""
    return (isnan(x) and isnan(y)) or (x == y and copysign(1.0, x) == copysign(1.0, y))


def anything(library):
    return Allowed(None, None, library)


def hull(numbers, library):
    if any(map(isnan, numbers)):
        return numbers[0] if len(numbers) == 1 else anything(library)
    ordered = sorted(numbers, key=lambda x: (x, copysign(1.0, x)))
    return Allowed(ordered[0], ordered[-1], library)


class _Variable(float):
    """A number that is not a constant of the program."""


def applied(primitive, args):
    """The interval of what compiled code may give for a primitive of intervals; floats among the arguments are
    constants."""
    library = next(arg.library for arg in args if isinstance(arg, Allowed))
    if all(isinstance(arg, float) or arg.is_exact for arg in args):
        numbers = [arg if isinstance(arg, float) else _Variable(arg.low) for arg in args]
        if primitive.is_selector or primitive.base in WRITTEN:
            out = primitive.forward(*map(float, numbers))
        else:
            out = library(primitive, numbers)
        if isinstance(out, tuple):
            return tuple(Allowed(each, each, library) for each in out)
        return Allowed(out, out, library)
    if any(isinstance(arg, Allowed) and arg.low is None for arg in args):
        return _anything_like(primitive, args, library)
    return _spread(primitive, args, library)


def _anything_like(primitive, args, library):
    if primitive.is_selector:
        out = primitive.forward(*(0.0,) * len(args))
        if isinstance(out, tuple):
            return (anything(library),) * len(out)
    return anything(library)


def _first_equal(args, library):
    """The index of the first of the other intervals, if they lie apart."""
    intervals = [(arg, arg) if isinstance(arg, float) else (arg.low, arg.high) for arg in args]
    out, *others = intervals
    meeting = [place for place, (low, high) in enumerate(others) if low <= out[1] and out[0] <= high]
    if len(meeting) != 1:
        return (anything(library),) * len(others)
    chosen = [float(place == meeting[0]) for place in range(len(others))]
    return tuple(Allowed(each, each, library) for each in chosen)


def _spread(primitive, args, library):
    """The interval of a primitive some of whose arguments are intervals."""
    if primitive is piecewise.first_equal:
        return _first_equal(args, library)
    ends = [
        (arg,) if isinstance(arg, float) else (arg.low, arg.high) if not arg.is_exact else (arg.low,) for arg in args
    ]
    base = primitive.base
    if sum(len(each) > 1 for each in ends) > 5:
        return _anything_like(primitive, args, library)
    corners = list(product(*ends))
    if base in PRODUCTS and not all(map(isfinite, chain(*ends))):
        return anything(library)  # 0·inf within is nan
    if base in MONOTONE:
        return hull([primitive.forward(*corner) for corner in corners], library)
    if base in POLES:
        divisor = args[-1]
        if isinstance(divisor, Allowed) and not divisor.is_exact and divisor.may_be_zero:
            return anything(library)
        if len(args) == 2 and isinstance(args[0], Allowed) and not args[0].is_exact and args[0].may_be_zero:
            corners += [(0.0, corner[1]) for corner in corners]  # 0/0 within is nan
        return hull([primitive.forward(*corner) for corner in corners], library)
    if base in BENT_AT_ZERO:
        holds_zero = isinstance(args[0], Allowed) and args[0].may_be_zero
        return hull([primitive.forward(*corner) for corner in corners] + [0.0] * holds_zero, library)
    if base in OTHERS:
        return anything(library)
    if primitive.is_selector or base in CHOICES:
        if base in ZERO_DECIDES and not isinstance(args[0], float) and not args[0].is_exact and args[0].may_be_zero:
            return _anything_like(primitive, args, library)
        outs = [primitive.forward(*corner) for corner in corners]
        if isinstance(outs[0], tuple):
            if all(out == outs[0] for out in outs):
                return tuple(Allowed(each, each, library) for each in outs[0])
            return _anything_like(primitive, args, library)
        return hull(outs, library)
    return _smooth(primitive, args, corners, library)


def _smooth(primitive, args, corners, library):
    """A library function of narrow intervals: its values at the corners, widened by how far its slopes carry."""
    kinds = [isinstance(arg, Allowed) for arg in args]
    within = [tuple(_whole_in(arg) for arg in args)]  # where gamma and its derivatives have their poles
    points = [[_Variable(x) if own else x for x, own in zip(point, kinds)] for point in [*corners, *within]]
    *values, at_whole = [library(primitive, point) for point in points]
    if not all(map(isfinite, [*values, at_whole])):
        return anything(library)
    radius = 0.0
    slopes = [_slopes(primitive, corner) for corner in (corners[0], corners[-1])]
    for place, arg in enumerate(args):
        if isinstance(arg, Allowed) and not arg.is_exact:
            steepest = max(abs(each[place]) for each in slopes)
            radius += 4.0 * steepest * (arg.high - arg.low)
            if not (arg.high - arg.low <= 1e-6 * max(abs(arg.low), abs(arg.high), 1e-300)):
                return anything(library)
    last_place = max(map(ulp, values))
    radius += 64.0 * max(last_place, ulp(1.0)) if primitive.name in INEXACT else 16.0 * last_place
    if not isfinite(radius):
        return anything(library)
    return Allowed(min(values) - radius, max(values) + radius, library)


def _whole_in(arg):
    """The whole number in an interval, if there is one; otherwise its lower end."""
    if isinstance(arg, float):
        return arg
    whole = float(round(arg.high)) if isfinite(arg.high) else arg.high
    return whole if arg.low <= whole <= arg.high else arg.low


def _slopes(primitive, point):
    return [float(each) for each in primitive.partials(primitive.forward(*point), *map(float, point))]


def total(terms, library, *, from_zero=False, roundings=0):
    """The interval of a sum of products of one or two factors, added in any order, fused or not.

    Args:
        roundings: how many roundings to allow for beyond one for each term.
    """
    if len(terms) == 1 and not from_zero and not roundings:
        return terms[0][0] if len(terms[0]) == 1 else applied(ROWS["mul"], terms[0])
    terms = [[f if isinstance(f, Allowed) else Allowed(f, f, library) for f in term] for term in terms]
    if any(factor.low is None for term in terms for factor in term):
        return anything(library)
    if not all(factor.is_finite for term in terms for factor in term):
        return _infinite(terms, library)
    low = high = size = Fraction()
    for term in terms:
        corners = [Fraction(1)]
        for factor in term:
            corners = [corner * Fraction(end) for corner in corners for end in (factor.low, factor.high)]
        low, high, size = low + min(corners), high + max(corners), size + max(map(abs, corners))
    if not size:
        numbers = [_product([factor.low for factor in term]) for term in terms]
        is_negative = not from_zero and all(copysign(1.0, number) < 0.0 for number in numbers)
        zero = -0.0 if is_negative else 0.0
        return Allowed(zero, zero, library)
    n = len(terms) + roundings
    largest = max(1, *[Fraction(max(abs(term[0].low), abs(term[0].high))) for term in terms])
    underflows = sum(len(term) > 1 for term in terms) + 2 * roundings * largest
    error = size * n * Fraction(UNIT) / (1 - n * Fraction(UNIT)) + Fraction(TINIEST) * underflows
    if size + error > LARGEST:
        return anything(library)
    return Allowed(_below(low - error), -_below(-(high + error)), library)


def _product(numbers):
    return numbers[0] if len(numbers) == 1 else numbers[0] * numbers[1]


def _infinite(terms, library):
    """The sum where inf or nan are among the terms."""
    if not all(factor.is_exact for term in terms for factor in term):
        return anything(library)
    numbers = [_product([factor.low for factor in term]) for term in terms]
    if any(isfinite(x) and abs(x) > 1e300 for x in numbers) or any(
        abs(x) == inf and all(isfinite(factor.low) for factor in term) for x, term in zip(numbers, terms)
    ):
        return anything(library)
    out = sum(x for x in numbers if not isfinite(x))
    return Allowed(out, out, library)


def _below(x):
    found = float(x)
    return found if Fraction(found) <= x else nextafter(found, -inf)
