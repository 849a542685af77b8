"""Exponentials, logarithms, powers and the logistic functions."""

from __future__ import annotations

import math
from math import inf

from autograd_mini.primitives import ieee
from autograd_mini.primitives.arithmetic import div, reciprocal, scale, square
from autograd_mini.primitives.primitive import POSITIVE, REAL, Primitive, auxiliary_row, row

LN2, LOG2_E, LOG10_E = math.log(2.0), 1.0 / math.log(2.0), 1.0 / math.log(10.0)

exp = row("exp", ieee.total(math.exp), lambda out, x: (out,), doc="eˣ.", example="exp(1.0) == 2.718281828459045")
exp2 = row("exp2", ieee.total(math.exp2), lambda out, x: (LN2 * out,), doc="2ˣ.", example="exp2(3.0) == 8.0")
expm1 = row(
    "expm1",
    ieee.total(math.expm1),
    lambda out, x: (exp(x),),
    doc="eˣ - 1, exact for small x.",
    example="expm1(1e-20) == 1e-20",
)
log = row(
    "log",
    ieee.total(math.log, poles={0.0: -inf}),
    lambda out, x: (reciprocal(x),),
    domain=(POSITIVE,),
    doc="The natural logarithm; -inf at 0, nan below.",
    example="log(2.0) == 0.6931471805599453",
)
log2 = row(
    "log2",
    ieee.total(math.log2, poles={0.0: -inf}),
    lambda out, x: (div(LOG2_E, x),),
    domain=(POSITIVE,),
    doc="The logarithm to base 2; -inf at 0, nan below.",
    example="log2(8.0) == 3.0",
)
log10 = row(
    "log10",
    ieee.total(math.log10, poles={0.0: -inf}),
    lambda out, x: (div(LOG10_E, x),),
    domain=(POSITIVE,),
    doc="The logarithm to base 10; -inf at 0, nan below.",
    example="log10(1000.0) == 3.0",
)
log1p = row(
    "log1p",
    ieee.total(math.log1p, poles={-1.0: -inf}),
    lambda out, x: (reciprocal(1.0 + x),),
    domain=((-1.0, inf),),
    doc="log(1 + x), exact for small x; -inf at -1, nan below.",
    example="log1p(1e-20) == 1e-20",
)
sqrt = row(
    "sqrt",
    ieee.total(math.sqrt),
    lambda out, x: (div(0.5, out),),
    domain=(POSITIVE,),
    doc="The square root; nan below 0. Its derivative at 0 is inf.",
    example="sqrt(9.0) == 3.0",
)
cbrt = row(
    "cbrt",
    math.cbrt,
    lambda out, x: (square(reciprocal(out)) / 3.0,),
    domain=(POSITIVE,),
    doc="The real cube root, of negative numbers too. Its derivative at 0 is inf.",
    example="cbrt(-1.0) == -1.0",
)
pow_: Primitive = row(
    "pow",
    ieee.power,
    lambda out, x, y: (scale(y, pow_(x, y - 1.0)), scale(out, log(x))),
    arity=2,
    domain=(POSITIVE, REAL),
    symbol="**",
    doc="x to the power y, as C99's pow: nan for a negative x with a fractional y, x⁰ = 1 for every x.",
    example="pow(2.0, 10.0) == 1024.0",
)


def _sigmoid(x: float) -> float:
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


tanh = row(
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
    doc="1/cosh x within rules.",
)
sigmoid = row(
    "sigmoid",
    _sigmoid,
    lambda out, x: (square(0.5 * sech(0.5 * x)),),  # out·(1 - out) cancels for large x, its derivative at 0
    doc="The logistic function 1/(1 + e⁻ˣ).",
    example="sigmoid(0.0) == 0.5",
)
softplus = row(
    "softplus",
    _softplus,
    lambda out, x: (sigmoid(x),),
    doc="log(1 + eˣ), without a threshold.",
    example="softplus(0.0) == 0.6931471805599453",
)
log_sigmoid = row(
    "log_sigmoid",
    lambda x: -_softplus(-x),
    lambda out, x: (sigmoid(-x),),
    doc="log(1/(1 + e⁻ˣ)), finite where the sigmoid underflows.",
    example="log_sigmoid(-1000.0) == -1000.0",
)
