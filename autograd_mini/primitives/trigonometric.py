"""Angles and hyperbolas."""

from __future__ import annotations

import math
from functools import reduce
from math import inf, pi

from autograd_mini.primitives import ieee
from autograd_mini.primitives.arithmetic import div, ratio, reciprocal, square
from autograd_mini.primitives.exponential import sqrt
from autograd_mini.primitives.primitive import Primitive, auxiliary_row, row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNIT = (-1.0, 1.0)

one_minus_square: Primitive = auxiliary_row(
    "one_minus_square",
    lambda x: (1.0 - x) * (1.0 + x),
    lambda out, x: (-2.0 * x,),
    doc="1 - x² within rules, without cancellation near ±1, nor in its derivative near 0.",
)

sin: Primitive = row(
    "sin",
    ieee.total(math.sin),
    lambda out, x: (cos(x),),
    doc="The sine of x radians.",
    example="sin(0.0) == 0.0",
)
cos: Primitive = row(
    "cos",
    ieee.total(math.cos),
    lambda out, x: (-sin(x),),
    doc="The cosine of x radians.",
    example="cos(0.0) == 1.0",
)
tan: Primitive = row(
    "tan",
    ieee.total(math.tan),
    lambda out, x: (1.0 + out * out,),
    domain=((-pi / 2, pi / 2),),
    doc="The tangent of x radians.",
    example="tan(0.0) == 0.0",
)
asin: Primitive = row(
    "asin",
    ieee.total(math.asin),
    lambda out, x: (reciprocal(sqrt(one_minus_square(x))),),
    domain=(UNIT,),
    aliases=("arcsin",),
    doc="The angle in [-π/2, π/2] whose sine is x; nan outside [-1, 1]. Its derivative at ±1 is inf.",
    example="asin(1.0) == 1.5707963267948966",
)
acos: Primitive = row(
    "acos",
    ieee.total(math.acos),
    lambda out, x: (-reciprocal(sqrt(one_minus_square(x))),),
    domain=(UNIT,),
    aliases=("arccos",),
    doc="The angle in [0, π] whose cosine is x; nan outside [-1, 1]. Its derivative at ±1 is -inf.",
    example="acos(1.0) == 0.0",
)
hypot: Primitive = row(
    "hypot",
    math.hypot,
    lambda out, *xs: tuple(ratio(x, out) for x in xs),
    tied=lambda out, *xs: out == 0.0,
    policy="0 for every component at the origin",
    doc="√(Σ x²), without overflow in between.",
    example="hypot(3.0, 4.0) == 5.0",
)
dist: Primitive = row(
    "dist",
    lambda *pq: math.dist(pq[: len(pq) // 2], pq[len(pq) // 2 :]),
    lambda out, *pq: _towards_points(out, pq[: len(pq) // 2], pq[len(pq) // 2 :]),
    formula=lambda *pq: hypot(*[p - q for p, q in zip(pq[: len(pq) // 2], pq[len(pq) // 2 :])]),
    tied=lambda out, *pq: out == 0.0,
    policy="0 where the points coincide",
    doc="The distance √(Σ (p - q)²) of two points.",
    example="dist([1.0, 1.0], [4.0, 5.0]) == 5.0",
)


def _towards_points(out: Any, p: tuple[Any, ...], q: tuple[Any, ...]) -> tuple[Any, ...]:
    units = [ratio(x - y, out) for x, y in zip(p, q)]
    return *units, *(-unit for unit in units)


atan: Primitive = row(
    "atan",
    math.atan,
    lambda out, x: (square(reciprocal(hypot(1.0, x))),),
    aliases=("arctan",),
    doc="The angle in (-π/2, π/2) whose tangent is x.",
    example="atan(1.0) == 0.7853981633974483",
)


def _inverse_power(y: Any, x: Any, power: int = 1, turns: int = 0) -> Any:
    r = hypot(y, x)
    if power == 1:  # atan2 has the derivatives 0 at the origin
        out = ratio(ratio(y if turns % 2 else x, r), r)
    else:
        c, s = real, imag = div(x, r), div(y, r)
        for _ in range(1, power):
            real, imag = real * c - imag * s, real * s + imag * c
        out = reduce(div, [r] * power, imag if turns % 2 else real)
    return -out if turns > 1 else out


inverse_power: Primitive = auxiliary_row(
    "inverse_power",
    _inverse_power,
    lambda out, y, x, power=1, turns=0: (
        float(-power) * inverse_power.variant(power=power + 1, turns=(turns + 1) % 4)(y, x),
        float(-power) * inverse_power.variant(power=power + 1, turns=turns)(y, x),
    ),
    doc="The real part of iᵗ·(x + iy)⁻ᵏ within rules; by powers of (x + iy)/r, so that nothing overflows in between.",
)
_turned_thrice = inverse_power.variant(turns=3)  # made once, since atan2 asks for it at each node
atan2: Primitive = row(
    "atan2",
    math.atan2,
    lambda out, y, x: (inverse_power(y, x), _turned_thrice(y, x)),
    aliases=("arctan2",),
    policy="0 at the origin",
    doc="The angle in [-π, π] from the x-axis to the point (x, y); the arguments are y, x.",
    example="atan2(1.0, 1.0) == 0.7853981633974483",
)
sinh: Primitive = row(
    "sinh",
    ieee.total(math.sinh, overflow=ieee.infinity_like),
    lambda out, x: (cosh(x),),
    doc="The hyperbolic sine (eˣ - e⁻ˣ)/2.",
    example="sinh(0.0) == 0.0",
)
cosh: Primitive = row(
    "cosh",
    ieee.total(math.cosh),
    lambda out, x: (sinh(x),),
    doc="The hyperbolic cosine (eˣ + e⁻ˣ)/2.",
    example="cosh(0.0) == 1.0",
)
asinh: Primitive = row(
    "asinh",
    math.asinh,
    lambda out, x: (reciprocal(hypot(1.0, x)),),
    aliases=("arcsinh",),
    doc="The inverse of sinh, log(x + √(x² + 1)).",
    example="asinh(0.0) == 0.0",
)
acosh: Primitive = row(
    "acosh",
    ieee.total(math.acosh),
    lambda out, x: (reciprocal(sqrt(x - 1.0) * sqrt(x + 1.0)),),
    domain=((1.0, inf),),
    aliases=("arccosh",),
    doc="The inverse of cosh, log(x + √(x² - 1)); nan below 1. Its derivative at 1 is inf.",
    example="acosh(1.0) == 0.0",
)
atanh: Primitive = row(
    "atanh",
    ieee.total(math.atanh, poles={1.0: inf, -1.0: -inf}),
    lambda out, x: (reciprocal(one_minus_square(x)),),
    domain=(UNIT,),
    aliases=("arctanh",),
    doc="The inverse of tanh, log((1 + x)/(1 - x))/2; ±inf at ±1, nan beyond.",
    example="atanh(0.0) == 0.0",
)
degrees: Primitive = row(
    "degrees",
    math.degrees,
    lambda out, x: (180.0 / pi,),
    formula=lambda x: x * (180.0 / pi),
    aliases=("rad2deg",),
    doc="x radians in degrees.",
    example="degrees(0.0) == 0.0",
)
radians: Primitive = row(
    "radians",
    math.radians,
    lambda out, x: (pi / 180.0,),
    formula=lambda x: x * (pi / 180.0),
    aliases=("deg2rad",),
    doc="x degrees in radians.",
    example="radians(180.0) == 3.141592653589793",
)
