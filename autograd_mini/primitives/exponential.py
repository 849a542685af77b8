"""Exponentials, logarithms, powers and the logistic functions."""

from __future__ import annotations

import math
from math import inf

from autograd_mini.primitives import ieee
from autograd_mini.primitives.arithmetic import div, reciprocal, scale, square
from autograd_mini.primitives.primitive import POSITIVE, REAL, TABLE, Primitive, auxiliary_row, row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LN2, LOG2_E, LOG10_E = math.log(2.0), 1.0 / math.log(2.0), 1.0 / math.log(10.0)

exp: Primitive = row(
    "exp", ieee.total(math.exp), lambda out, x: (out,), doc="eˣ.", example="exp(1.0) == 2.718281828459045"
)
exp2: Primitive = row("exp2", ieee.total(math.exp2), lambda out, x: (LN2 * out,), doc="2ˣ.", example="exp2(3.0) == 8.0")
expm1: Primitive = row(
    "expm1",
    ieee.total(math.expm1),
    lambda out, x: (exp(x),),
    doc="eˣ - 1, exact for small x.",
    example="expm1(1e-20) == 1e-20",
)
log: Primitive = row(
    "log",
    ieee.total(math.log, poles={0.0: -inf}),
    lambda out, x: (reciprocal(x + 0.0),),
    domain=(POSITIVE,),
    doc="The natural logarithm; -inf at 0, nan below.",
    example="log(2.0) == 0.6931471805599453",
)
log2: Primitive = row(
    "log2",
    ieee.total(math.log2, poles={0.0: -inf}),
    lambda out, x: (div(LOG2_E, x + 0.0),),
    domain=(POSITIVE,),
    doc="The logarithm to base 2; -inf at 0, nan below.",
    example="log2(8.0) == 3.0",
)
log10: Primitive = row(
    "log10",
    ieee.total(math.log10, poles={0.0: -inf}),
    lambda out, x: (div(LOG10_E, x + 0.0),),
    domain=(POSITIVE,),
    doc="The logarithm to base 10; -inf at 0, nan below.",
    example="log10(1000.0) == 3.0",
)
log1p: Primitive = row(
    "log1p",
    ieee.total(math.log1p, poles={-1.0: -inf}),
    lambda out, x: (reciprocal(1.0 + x),),
    domain=((-1.0, inf),),
    doc="log(1 + x), exact for small x; -inf at -1, nan below.",
    example="log1p(1e-20) == 1e-20",
)
sqrt: Primitive = row(
    "sqrt",
    ieee.total(math.sqrt),
    lambda out, x: (div(0.5, out + 0.0),),
    domain=(POSITIVE,),
    doc="The square root; nan below 0. Its derivative at 0 is inf.",
    example="sqrt(9.0) == 3.0",
)
cbrt: Primitive = row(
    "cbrt",
    math.cbrt,
    lambda out, x: (square(reciprocal(out)) / 3.0,),
    domain=(POSITIVE,),
    doc="The real cube root, of negative numbers too. Its derivative at 0 is inf.",
    example="cbrt(-1.0) == -1.0",
)


def _towards_base(out: Any, x: Any, y: Any) -> Any:
    if type(y) is float:  # for a constant exponent every derivative is a power again
        return scale(y, pow_(x, y - 1.0))
    return pow_slope.variant(x_order=1, y_order=0)(x, y)


def _towards_exponent(out: Any, x: Any, y: Any) -> Any:
    return scale(out, log(x)) if type(y) is float else pow_slope.variant(x_order=0, y_order=1)(x, y)


pow_: Primitive = row(
    "pow",
    ieee.power,
    lambda out, x, y: (_towards_base(out, x, y), _towards_exponent(out, x, y)),
    to_first=_towards_base,
    domain=(POSITIVE, REAL),
    symbol="**",
    doc="x to the power y, as C99's pow: nan for a negative x with a fractional y, x⁰ = 1 for every x.",
    example="pow(2.0, 10.0) == 1024.0",
)


def _pow_slope(x: Any, y: Any, x_order: int = 0, y_order: int = 0) -> Any:
    """xʸ⁻ᵏ·Σⱼ C(n, j)·p⁽ʲ⁾(y)·(log x)ⁿ⁻ʲ with p(y) = y(y - 1)…(y - k + 1), by Horner's scheme, in which an infinite
    logarithm outweighs the terms after it."""
    power = pow_(x, y - float(x_order))
    if y_order == 0:
        for i in range(x_order):
            power = scale(y - float(i), power)
        return power
    taylor = [1.0] + [0.0] * y_order  # p⁽ʲ⁾(y)/j!
    for i in range(x_order):
        taylor = [(y - float(i)) * c + before for c, before in zip(taylor, [0.0, *taylor])]
    polynomial, logarithm = taylor[0], log(x)
    for j in range(1, y_order + 1):
        polynomial = scale(polynomial, logarithm) + float(math.perm(y_order, j)) * taylor[j]
    return scale(power, polynomial)


pow_slope: Primitive = auxiliary_row(
    "pow_slope",
    _pow_slope,
    lambda out, x, y, x_order=0, y_order=0: (
        pow_slope.variant(x_order=x_order + 1, y_order=y_order)(x, y),
        pow_slope.variant(x_order=x_order, y_order=y_order + 1)(x, y),
    ),
    domain=(POSITIVE, REAL),
    doc="∂ᵏ⁺ⁿ xʸ/∂xᵏ∂yⁿ within rules, in one piece: at x = 0 its factors are 0 and infinite, and so are its terms.",
)


def _sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def _sigmoid_slope(x: float) -> float:
    e = math.exp(-abs(x))
    return e / ((1.0 + e) * (1.0 + e))


def _decay(x: Any) -> Any:
    return exp(-abs(x))


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


tanh: Primitive = row(
    "tanh",
    math.tanh,
    lambda out, x: (square(sech(x)),),  # not 1 - out², which cancels for large x
    doc="The hyperbolic tangent (eˣ - e⁻ˣ)/(eˣ + e⁻ˣ).",
    example="tanh(0.0) == 0.0",
)
sech: Primitive = auxiliary_row(
    "sech",
    lambda x: 2.0 * math.exp(-abs(x)) / (1.0 + math.exp(-2.0 * abs(x))),
    lambda out, x: (-(out * tanh(x)),),
    formula=lambda x: 2.0 * _decay(x) / (1.0 + _decay(x) * _decay(x)),
    doc="1/cosh x within rules.",
)
sigmoid: Primitive = row(
    "sigmoid",
    _sigmoid,
    lambda out, x: (sigmoid_slope(x),),  # not out·(1 - out), which cancels for large x, and its derivative at 0
    formula=lambda x: TABLE["where"](TABLE.auxiliary["less"](x, 0.0), _decay(x), 1.0) / (1.0 + _decay(x)),
    doc="The logistic function 1/(1 + e⁻ˣ).",
    example="sigmoid(0.0) == 0.5",
)
sigmoid_slope: Primitive = auxiliary_row(
    "sigmoid_slope",
    _sigmoid_slope,
    lambda out, x: (-(out * tanh(0.5 * x)),),
    formula=lambda x: _decay(x) / ((1.0 + _decay(x)) * (1.0 + _decay(x))),
    doc="e⁻ˣ/(1 + e⁻ˣ)² within rules.",
)
softplus: Primitive = row(
    "softplus",
    _softplus,
    lambda out, x: (sigmoid(x),),
    formula=lambda x: TABLE["maximum"](x, 0.0) + log1p(_decay(x)),
    doc="log(1 + eˣ), without a threshold.",
    example="softplus(0.0) == 0.6931471805599453",
)
log_sigmoid: Primitive = row(
    "log_sigmoid",
    lambda x: -_softplus(-x),
    lambda out, x: (sigmoid(-x),),
    formula=lambda x: -softplus(-x),
    doc="log(1/(1 + e⁻ˣ)), finite where the sigmoid underflows.",
    example="log_sigmoid(-1000.0) == -1000.0",
)
