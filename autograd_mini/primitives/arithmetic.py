"""Sums, products and quotients."""

from __future__ import annotations

import operator

from autograd_mini.primitives import ieee
from autograd_mini.primitives.primitive import REAL, Primitive, auxiliary_row, row

NONZERO = (0.0, float("inf"))

add: Primitive = row(
    "add",
    operator.add,
    lambda out, x, y: (1.0, 1.0),
    symbol="+",
    doc="The sum x + y.",
    example="add(1.5, 2.0) == 3.5",
)
sub: Primitive = row(
    "sub",
    operator.sub,
    lambda out, x, y: (1.0, -1.0),
    symbol="-",
    doc="The difference x - y.",
    example="sub(1.5, 2.0) == -0.5",
)
mul: Primitive = row(
    "mul",
    operator.mul,
    lambda out, x, y: (y, x),
    symbol="*",
    doc="The product x·y.",
    example="mul(1.5, 2.0) == 3.0",
)
reciprocal: Primitive = row(
    "reciprocal",
    lambda x: ieee.divide(1.0, x),
    lambda out, x: (-(out * out),),
    domain=(NONZERO,),
    doc="1/x; ±inf at ±0.",
    example="reciprocal(4.0) == 0.25",
)
div: Primitive = row(
    "div",
    ieee.divide,
    lambda out, x, y: (reciprocal(y), -div(out, y)),
    domain=(REAL, NONZERO),
    symbol="/",
    doc="The quotient x/y in IEEE 754 arithmetic: ±inf or nan for y = 0.",
    example="div(1.0, 8.0) == 0.125",
)
neg: Primitive = row("neg", operator.neg, lambda out, x: (-1.0,), symbol="-", doc="-x.", example="neg(2.0) == -2.0")
pos: Primitive = row("pos", operator.pos, lambda out, x: (1.0,), symbol="+", doc="x itself.", example="pos(2.0) == 2.0")
square: Primitive = row("square", lambda x: x * x, lambda out, x: (2.0 * x,), doc="x².", example="square(3.0) == 9.0")
fma: Primitive = row(
    "fma",
    ieee.fma,
    lambda out, x, y, z: (y, x, 1.0),
    doc="x·y + z, rounded once.",
    example="fma(0.1, 10.0, -1.0) == 5.551115123125783e-17",
)

scale: Primitive = auxiliary_row(
    "scale",
    lambda x, y: 0.0 if x == 0.0 else x * y,
    lambda out, x, y: (y, x),
    symbol="*",
    doc="x·y within rules, where an x of exactly 0 wins over inf and nan.",
)
ratio: Primitive = auxiliary_row(
    "ratio",
    lambda x, y: 0.0 if x == 0.0 else ieee.divide(x, y),
    lambda out, x, y: (reciprocal(y), -ratio(out, y)),
    domain=(REAL, NONZERO),
    symbol="/",
    doc="x/y within rules, where an x of exactly 0 wins over y = 0.",
)
