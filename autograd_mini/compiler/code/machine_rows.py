"""The machine code of primitives that are not defined by others, as `numpy_rows` has the NumPy form of primitives.

Functions of whole vectors take a list of cells: n operands, one or n results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, reduce
from math import frexp, inf, isnan, nan
from typing import Any

from autograd_mini.compiler.code import elementary
from autograd_mini.compiler.code.cells import EMISSIONS, Assembly, Cell
from autograd_mini.compiler.code.libraries import binding
from autograd_mini.primitives import TABLE, Part, Primitive, piecewise
from autograd_mini.primitives.symbols import lasting_formula


def _by(method: str, name: str) -> Callable[..., Any]:
    """Calls a method of the assembly for the instruction or function of this name."""
    return lambda *args: getattr(args[0].assembly, method)(name, *args)


def _product(x: Cell, y: Cell) -> Cell:
    if x.constant is not None:
        x, y = y, x
    if y.constant == 1.0:
        return x
    return -x if y.constant == -1.0 else x.assembly.operate("fmul", x, y)


def _quotient(x: Cell, y: Cell) -> Cell:
    """x/y; by a power of two as a product, which takes less time and rounds the same number."""
    if y.constant is not None and abs(frexp(y.constant)[0]) == 0.5 and 2.0**-1022 <= abs(y.constant) <= 2.0**1022:
        return _product(x, y.assembly.number(1.0 / y.constant))
    return x.assembly.operate("fdiv", x, y)


def _negative(x: Cell) -> Cell:
    negative = x.assembly.operate("fneg", x)
    negative.negative_of = x
    return negative


def _comparison(how: str) -> Callable[..., Any]:
    def compared(x: Cell, y: Cell) -> Cell:
        condition = x.compare(how, y)
        truth = x.assembly.select(condition, 1.0, 0.0)
        truth.condition = condition
        return truth

    return compared


def _where(condition: Cell, x: Cell, y: Cell) -> Cell:
    return x.assembly.select(condition.condition or condition.compare("une", 0.0), x, y)


def largest(x: Cell, y: Cell) -> Cell:
    """The larger of two numbers, the first if they are equal; nan if either is."""
    return _or_nan(x, y, x.where("olt", y, y, x))


def smallest(x: Cell, y: Cell) -> Cell:
    return _or_nan(x, y, x.where("ogt", y, y, x))


def _or_nan(x: Cell, y: Cell, chosen: Cell) -> Cell:
    """What a comparison has chosen, or nan if x or y is; where one is, it must have chosen x."""
    is_number = y.constant is not None and not isnan(y.constant)
    return chosen if is_number else x.assembly.select(x.compare("uno", y), x + y, chosen)


def _clip_branch(x: Cell, low: Cell, high: Cell) -> tuple[Cell, Cell, Cell]:
    below, above = x.where("olt", low, 1.0, 0.0), x.where("ogt", high, 1.0, 0.0)
    inside = below.where("oeq", 0.0, above.where("oeq", 0.0, 1.0, 0.0), 0.0)
    to_high = above.where("oeq", 1.0, 1.0, low.where("ogt", high, below, 0.0))
    to_low = below.where("oeq", 1.0, to_high.where("oeq", 1.0, 0.0, 1.0), 0.0)
    return inside, to_low, to_high


def _finite(x: Cell, then: Any, otherwise: Any) -> Cell:
    size: Cell = abs(x)
    return size.where("olt", inf, then, otherwise)


def _ldexp(x: Cell, exponent: Cell) -> Cell:
    """x·2ⁿ, by factors of which at most one rounds."""
    n = TABLE["trunc"](exponent)
    n = n.where("ogt", 2200.0, 2200.0, n.where("olt", -2200.0, -2200.0, n))  # all is 0 or infinite there
    out = x
    for _ in range(2):
        out = n.where("ogt", 1023.0, out * 2.0**1023, n.where("olt", -1022.0, out * 2.0**-969, out))
        n = n.where("ogt", 1023.0, n - 1023.0, n.where("olt", -1022.0, n + 969.0, n))
    out = out * x.assembly.power_of_two(n)
    beyond = exponent.where("oeq", inf, inf, exponent.where("oeq", -inf, 0.0, exponent))
    return _finite(exponent, out, x * beyond)


def _first_equal(out: Cell, *xs: Cell) -> tuple[Cell, ...]:
    """1 for the first of xs that is `out`, where nan is nan; 0 for the others."""
    assembly = out.assembly
    taken: Any = 0.0
    found = []
    for x in xs:
        same = x.where("oeq", out, 1.0, x.where("uno", x, out.where("uno", out, 1.0, 0.0), 0.0))
        found.append(assembly.cell(taken).where("oeq", 0.0, same, 0.0))
        taken = found[-1] + taken
    return tuple(found)


def _norm(*xs: Cell) -> Cell:
    """√(Σ x²) of numbers brought to a size at which no square is lost; inf if any is infinite."""
    if len(xs) == 1:
        return abs(xs[0])  # type: ignore[no-any-return]
    if len(xs) == 2:
        return xs[0].assembly.libm("hypot", *xs)
    top: Any = 0.0
    for x in map(abs, xs):
        top = x.where("ogt", top, x, top)
    factor = top.where("ogt", 1e145, 2.0**-600, top.where("olt", 1e-145, 2.0**600, 1.0))
    back = top.where("ogt", 1e145, 2.0**600, top.where("olt", 1e-145, 2.0**-600, 1.0))
    total: Any = 0.0
    for x in xs:
        total = (x * factor) * (x * factor) + total
    return top.where("oeq", inf, inf, TABLE["sqrt"](total) * back)  # type: ignore[no-any-return]


def _powers(xs: Sequence[Cell]) -> tuple[Cell, list[Cell]]:
    """The largest number, and exp(x - largest) of each."""
    top = reduce(largest, xs)
    return top, [TABLE["exp"](x - top) for x in xs]


def _log_total(xs: Sequence[Cell], top: Cell, powers: Sequence[Cell]) -> Cell:
    """log Σ exp(x - top): exact even when the others add next to nothing to the first one, which is 1."""
    firsts = _first_equal(top, *xs)
    others: Any = 0.0
    for first, power in zip(firsts, powers):
        others = first.where("oeq", 1.0, 0.0, power) + others
    return TABLE["log1p"](others)  # type: ignore[no-any-return]


def _logsumexp(*xs: Cell) -> Cell:
    top, powers = _powers(xs)
    return _finite(top, top + _log_total(xs, top, powers), top)


def _softmax(xs: Sequence[Cell], empty: float) -> list[Cell]:
    top, powers = _powers(xs)
    share = 1.0 / reduce(lambda x, y: x + y, powers)
    return [top.where("oeq", -inf, empty, power * share) for power in powers]


def _log_softmax(xs: Sequence[Cell], empty: float) -> list[Cell]:
    top, powers = _powers(xs)
    log_total = _log_total(xs, top, powers)
    return [_finite(top, x - top - log_total, nan) for x in xs]


def _sum_of_others(xs: Sequence[Cell], empty: float) -> list[Cell]:
    """For each number the sum of the others, by running sums from both ends."""
    zero = xs[0].assembly.number(0.0)
    left, right = [zero], [zero]
    for x, y in zip(xs[:-1], xs[:0:-1]):
        left.append(left[-1] + x)
        right.append(right[-1] + y)
    return [x + y for x, y in zip(left, reversed(right))]


LIBM = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "pow", "sin", "cos", "tan", "asin", "acos",
    "atan", "atan2", "sinh", "cosh", "asinh", "acosh", "atanh", "erf", "erfc", "lgamma", "fmod", "remainder",
)  # fmt: skip
"""Functions of the C library's libm; most of them are in libmvec, too, by another name."""

ROWS: dict[str, Callable[..., Any]] = {
    "add": _by("operate", "fadd"),
    "sub": _by("operate", "fsub"),
    "mul": _product,
    "div": _quotient,
    "neg": _negative,
    "pos": lambda x: x,
    "fma": _by("intrinsic", "fma"),
    "scale": lambda x, y: x.where("oeq", 0.0, 0.0, x * y),
    "ratio": lambda x, y: x.where("oeq", 0.0, 0.0, x / y),
    "sqrt": _by("intrinsic", "sqrt"),
    "abs": lambda x: x.assembly.intrinsic("fabs", x.negative_of or x),
    "floor": _by("intrinsic", "floor"),
    "ceil": _by("intrinsic", "ceil"),
    "trunc": _by("intrinsic", "trunc"),
    "rint": _by("intrinsic", "rint"),
    "ldexp": _ldexp,
    "copysign": lambda x, y: x.assembly.intrinsic("copysign", x, y.where("uno", y, 0.0, y)),
    "maximum": largest,
    "minimum": smallest,
    "where": _where,
    "less": _comparison("olt"),
    "less_equal": _comparison("ole"),
    "equal": _comparison("oeq"),
    "not_equal": _comparison("une"),
    "greater": _comparison("ogt"),
    "greater_equal": _comparison("oge"),
    "gamma": _by("libm", "tgamma"),
    **{name: _by("libm", name) for name in LIBM},
    **{name: _by("written_out", name) for name in elementary.WRITTEN_OUT},
    "max": lambda *xs: reduce(largest, xs),
    "min": lambda *xs: reduce(smallest, xs),
    "prod": lambda *xs: reduce(lambda x, y: x * y, xs),
    "norm": _norm,
    "hypot": _norm,
    "logsumexp": _logsumexp,
    "softmax": lambda *xs, index=0, empty=nan: _softmax(xs, empty)[index],
    "log_softmax": lambda *xs, index=0: _log_softmax(xs, nan)[index],
}
"""Rows that have machine code of their own, by name; others are defined by these, or run in NumPy."""

VECTORS: dict[str, Callable[[Sequence[Cell], float], Sequence[Cell]]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "sum_of_others": _sum_of_others,
    "first_max": lambda xs, empty: _first_equal(reduce(largest, xs), *xs),
    "first_min": lambda xs, empty: _first_equal(reduce(smallest, xs), *xs),
}
"""Functions of whole vectors to vectors by their names in programs."""

_known = {**TABLE, **TABLE.auxiliary}
EMISSIONS.update({_known[name]: row for name, row in ROWS.items()})
EMISSIONS.update({piecewise._clip_branch: _clip_branch, piecewise.first_equal: _first_equal})
_ARITHMETIC = {_known[name] for name in ("add", "sub", "mul", "neg", "pos", "square", "scale", "stopped")}


def is_arithmetic(primitive: Primitive) -> bool:
    """Whether a primitive takes about one instruction."""
    return primitive.base in _ARITHMETIC


@cache
def is_exact(primitive: Primitive, n_args: int) -> bool:
    """Whether the machine code of a primitive, which must have some, rounds as IEEE 754 requires."""
    assembly = Assembly(1)
    primitive(*[Cell(assembly, "%x") for _ in range(n_args)])
    return assembly.is_exact


def is_costly(primitive: Primitive, n_args: int) -> bool:
    """Whether it calls a library, or has no machine code."""
    return binding() is not None and not (has_emission(primitive, n_args) and is_exact(primitive, n_args))


def has_emission(primitive: Primitive, n_args: int) -> bool:
    """Whether there is machine code for a primitive of so many arguments."""
    primitive = primitive.whole if isinstance(primitive, Part) else primitive
    if primitive.base in EMISSIONS:
        return True
    formula = lasting_formula(primitive, n_args)
    return formula is not None and all(has_emission(each, len(places)) for _, each, places in formula.operations)
