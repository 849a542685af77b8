"""What computes each primitive, in registers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from autograd_mini.compiler.code.registers import RULES, Assembly, Cell, emit
from autograd_mini.primitives import TABLE, Primitive, piecewise


def is_arithmetic(primitive: Primitive) -> bool:
    """Whether it is one instruction or so."""
    return primitive.base in ARITHMETIC


@cache
def calls_library(primitive: Primitive, n_args: int) -> bool:
    """Whether its machine code, which it must have, calls functions of a library."""
    assembly = Assembly(1)
    emit(primitive, [Cell(assembly, "%x") for _ in range(n_args)])
    return any("@llvm." not in declaration for declaration in assembly.declarations)


def has_rule(primitive: Primitive) -> bool:
    """Whether there is machine code for it."""
    return primitive.base in RULES


LIBM = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "cbrt", "pow", "sin", "cos", "tan", "asin", "acos",
    "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "lgamma", "fmod", "remainder",
)  # fmt: skip
"""Functions of the C library's libm, and most of them of libmvec by another name."""


def _libm(name: str) -> Callable[..., Any]:
    return lambda *args: args[0].assembly.libm(name, *args)


def _intrinsic(name: str) -> Callable[..., Any]:
    return lambda *args: args[0].assembly.intrinsic(name, *args)


def _comparison(how: str) -> Callable[..., Any]:
    return lambda x, y: x.where(how, y, 1.0, 0.0)


def _sigmoid(x: Cell) -> Cell:
    e: Cell = ROWS["exp"](-abs(x))
    return x.where("oge", 0.0, 1.0, e) / (1.0 + e)


def _softplus(x: Cell) -> Cell:
    rest: Cell = ROWS["log1p"](ROWS["exp"](-abs(x)))
    return x.where("olt", 0.0, 0.0, x) + rest


def _sigmoid_slope(x: Cell) -> Cell:
    e: Cell = ROWS["exp"](-abs(x))
    return e / ((1.0 + e) * (1.0 + e))


def _sech(x: Cell) -> Cell:
    e: Cell = ROWS["exp"](-abs(x))
    return 2.0 * e / (1.0 + e * e)


def largest(x: Cell, y: Cell) -> Cell:
    """The first that is larger; nan if any is."""
    return x.assembly.select(x.compare("uno", y), x + y, x.where("olt", y, y, x))


def smallest(x: Cell, y: Cell) -> Cell:
    return x.assembly.select(x.compare("uno", y), x + y, x.where("ogt", y, y, x))


def _clip(x: Cell, low: Cell, high: Cell) -> Cell:
    limited = x.where("olt", low, low, x)
    limited = limited.where("ogt", high, high, limited)
    for bound in (x, low, high):
        if bound.constant is None or math.isnan(bound.constant):
            limited = bound.where("uno", bound, bound, limited)
    return limited


def _clip_branch(x: Cell, low: Cell, high: Cell) -> tuple[Cell, Cell, Cell]:
    below, above = x.where("olt", low, 1.0, 0.0), x.where("ogt", high, 1.0, 0.0)
    inside = below.where("oeq", 0.0, above.where("oeq", 0.0, 1.0, 0.0), 0.0)
    to_high = above.where("oeq", 1.0, 1.0, low.where("ogt", high, below, 0.0))
    to_low = below.where("oeq", 1.0, to_high.where("oeq", 1.0, 0.0, 1.0), 0.0)
    return inside, to_low, to_high


def first_equal(out: Cell, *xs: Cell) -> tuple[Cell, ...]:
    """1 for the first that is `out`, nan being nan."""
    assembly = out.assembly
    taken: Any = 0.0
    found = []
    for x in xs:
        same = x.where("oeq", out, 1.0, x.where("uno", x, out.where("uno", out, 1.0, 0.0), 0.0))
        found.append(assembly.cell(taken).where("oeq", 0.0, same, 0.0))
        taken = found[-1] + taken
    return tuple(found)


def _frac(x: Cell) -> Cell:
    return ROWS["copysign"](abs(x).where("oeq", math.inf, 0.0, x - ROWS["trunc"](x)), x)  # type: ignore[no-any-return]


def _like_divisor(rest: Cell, y: Cell, same: Any, other: Any) -> Cell:
    """`other` where the rest of a division has the sign that the divisor has not."""
    return y.where("olt", 0.0, rest.where("ogt", 0.0, other, same), rest.where("olt", 0.0, other, same))


def _mod(x: Cell, y: Cell) -> Cell:
    """As Python's float.__mod__."""
    rest: Cell = ROWS["fmod"](x, y)
    return rest.where("oeq", 0.0, ROWS["copysign"](rest, y), _like_divisor(rest, y, rest, rest + y))


def _floordiv(x: Cell, y: Cell) -> Cell:
    """As Python's float.__floordiv__; x/y for y = 0."""
    rest = ROWS["fmod"](x, y)
    quotient = (x - rest) / y
    quotient = _like_divisor(rest, y, quotient, quotient - 1.0)
    floor = ROWS["floor"](quotient)
    floor = (quotient - floor).where("ogt", 0.5, floor + 1.0, floor)
    floor = quotient.where("oeq", 0.0, ROWS["copysign"](0.0 * quotient, x / y), floor)
    return y.where("oeq", 0.0, x / y, floor)


def _ldexp(x: Cell, exponent: Cell) -> Cell:
    """By factors of which at most one rounds."""
    n = ROWS["trunc"](exponent)
    n = n.where("ogt", 2200.0, 2200.0, n.where("olt", -2200.0, -2200.0, n))  # all is 0 or infinite there
    out = x
    for _ in range(2):
        out = n.where("ogt", 1023.0, out * 2.0**1023, n.where("olt", -1022.0, out * 2.0**-969, out))
        n = n.where("ogt", 1023.0, n - 1023.0, n.where("olt", -1022.0, n + 969.0, n))
    out = out * x.assembly.power_of_two(n)
    beyond = exponent.where("oeq", math.inf, math.inf, exponent.where("oeq", -math.inf, 0.0, exponent))
    return abs(exponent).where("olt", math.inf, out, x * beyond)


def norm(*xs: Cell) -> Cell:
    """√(Σ x²) of numbers brought to a size at which no square is lost; inf if any is infinite."""
    if len(xs) == 1:
        return abs(xs[0])
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
    root: Cell = ROWS["sqrt"](total) * back
    return root.assembly.cell(top).where("oeq", math.inf, math.inf, root)


def _dist(*pq: Cell) -> Cell:
    half = len(pq) // 2
    return norm(*[p - q for p, q in zip(pq[:half], pq[half:])])


ROWS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "pos": lambda x: x,
    "stopped": lambda x: x,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1.0 / x,
    "fma": _intrinsic("fma"),
    "scale": lambda x, y: x.where("oeq", 0.0, 0.0, x * y),
    "ratio": lambda x, y: x.where("oeq", 0.0, 0.0, x / y),
    "sqrt": _intrinsic("sqrt"),
    "abs": abs,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "log_sigmoid": lambda x: -_softplus(-x),
    "sech": _sech,
    "sigmoid_slope": _sigmoid_slope,
    "one_minus_square": lambda x: (1.0 - x) * (1.0 + x),
    "degrees": lambda x: x * (180.0 / math.pi),
    "radians": lambda x: x * (math.pi / 180.0),
    "floor": _intrinsic("floor"),
    "ceil": _intrinsic("ceil"),
    "trunc": _intrinsic("trunc"),
    "rint": _intrinsic("rint"),
    "frac": _frac,
    "mod": _mod,
    "floordiv": _floordiv,
    "ldexp": _ldexp,
    "sign": lambda x: x.where("olt", 0.0, -1.0, x.where("ogt", 0.0, 1.0, abs(x))),
    "copysign": lambda x, y: x.assembly.intrinsic("copysign", x, y.where("uno", y, 0.0, y)),
    "maximum": largest,
    "minimum": smallest,
    "clip": _clip,
    "where": lambda condition, x, y: condition.where("une", 0.0, x, y),
    "relu": lambda x, at_zero=1.0: x.where("olt", 0.0, 0.0, x),
    "leaky_relu": lambda x, slope: x.where("oge", 0.0, x, slope * x),
    "elu": lambda x, alpha: x.where("oge", 0.0, x, alpha * ROWS["expm1"](x)),
    "less": _comparison("olt"),
    "less_equal": _comparison("ole"),
    "equal": _comparison("oeq"),
    "not_equal": _comparison("une"),
    "greater": _comparison("ogt"),
    "greater_equal": _comparison("oge"),
    "at_least": lambda x, y: x.where("olt", y, 0.0, 1.0),
    "step": lambda x, at_zero: x.where("oeq", 0.0, at_zero, x.where("olt", 0.0, 0.0, 1.0)),
    "is_true": lambda x: x.where("une", 0.0, 1.0, 0.0),
    "first_equal": first_equal,
    "clip_branch": _clip_branch,
    "gamma": _libm("tgamma"),
    "hypot": norm,
    "dist": _dist,
    **{name: _libm(name) for name in LIBM},
}
"""Every row with machine code by its name; others run in NumPy."""

_SELECTORS = (piecewise.at_least, piecewise.step, piecewise._is_true, piecewise._clip_branch, piecewise.first_equal)
_KNOWN = {**TABLE, **TABLE.auxiliary, **{selector.name: selector for selector in _SELECTORS}}

ARITHMETIC = {_KNOWN[name] for name in ("add", "sub", "mul", "neg", "pos", "square", "scale", "stopped")}
WRITTEN_IN_PRIMITIVES = {_KNOWN[name] for name in ("silu", "gelu", "pow_slope", "sum", "mean")}
"""Their forward functions take cells as they are."""

RULES |= {_KNOWN[name]: row for name, row in ROWS.items()} | {each: each.forward for each in WRITTEN_IN_PRIMITIVES}
