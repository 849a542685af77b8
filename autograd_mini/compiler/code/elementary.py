"""Functions of whole registers, written in cells: exp for hosts without vector functions; tanh and sech, which share
most of their work, in less time than libmvec; sin and cos because libmvec's, off by three units in the last place, make
cos² + sin² more than 1 too often."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograd_mini.compiler.code.cells import Cell

LOG_2 = 0.6931471803691238, 1.9082149292705877e-10
"""log 2 in two parts: n times the first is exact for the whole numbers n that occur."""

EXP = (
    0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062, 0.0013888888917213717,
    0.00019841269863053618, 2.4801521295954376e-05, 2.7557268459997064e-06, 2.7620088445409746e-07,
    2.510038549551032e-08,
)  # fmt: skip
"""Coefficients of (exp(r) - 1 - r)/r² for |r| ≤ ½·log 2, interpolated at Chebyshev nodes, off by 2e-17 of exp(r)."""


def exp(x: Cell) -> Cell:
    """2ⁿ·exp(r); 2ⁿ in two factors, because results may be subnormal."""
    x = x.where("ogt", 710.0, 710.0, x.where("olt", -746.0, -746.0, x))
    n, rest = _reduced(x)
    half = x.assembly.intrinsic("floor", n * 0.5)
    out: Cell = (rest + 1.0) * x.assembly.power_of_two(half) * x.assembly.power_of_two(n - half)
    return out


def tanh(x: Cell) -> Cell:
    """-t/(t + 2) with t = exp(-2|x|) - 1 = s² + 2s and s = exp(-|x|) - 1, and the sign of x."""
    s, _ = _decay(x)
    t = _fma(s, s, s + s)
    return x.assembly.intrinsic("copysign", -t / (t + 2.0), x)


def sech(x: Cell) -> Cell:
    """2e/(1 + e²) with e = exp(-|x|)."""
    _, e = _decay(x)
    out: Cell = (e + e) / (e * e + 1.0)
    return out


def _decay(x: Cell) -> tuple[Cell, Cell]:
    """exp(-|x|) - 1 and exp(-|x|); neither is computed from the other, which would cancel digits."""
    size = abs(x)
    n, rest = _reduced(-size.where("ogt", 746.0, 746.0, size))
    half = x.assembly.intrinsic("floor", n * 0.5)
    power = x.assembly.power_of_two(half) * x.assembly.power_of_two(n - half)
    return _fma(power, rest, power - 1.0), _fma(power, rest, power)


def _reduced(x: Cell) -> tuple[Cell, Cell]:
    """n and exp(r) - 1 of x = n·log 2 + r with the smallest |r|."""
    x.assembly.is_exact = False
    n = x.assembly.intrinsic("rint", x * (1.0 / math.log(2.0)))
    r = x
    for part in LOG_2:
        r = _fma(n, -part, r)
    return n, _fma(r * r, _polynomial(r, EXP), r)


def _polynomial(x: Cell, coefficients: Sequence[float]) -> Cell:
    """A polynomial by Estrin's scheme, in which few steps wait for others; lowest powers come first."""
    terms: list[Any] = list(coefficients)
    while len(terms) > 1:
        pairs = [_fma(x, high, low) for low, high in zip(terms[::2], terms[1::2])]
        terms = pairs + terms[2 * len(pairs) :]
        x = x * x
    return x.assembly.cell(terms[0])


HALF_PI = (1.570796325802803, 9.920935791635221e-10, 5.17018297889025e-19, 2.9038559739793605e-28)
"""½π in four parts: n times each but the last is exact for whole numbers n below 2²²."""

LARGEST_ANGLE = 2.0**22
"""sin and cos of larger angles, and of inf and nan, are left to libm."""

SMALL_ANGLE = 0.25 * math.pi
"""Of smaller ones, n is 0."""

SIN = tuple([(-1.0) ** k / math.factorial(2 * k + 1) for k in range(1, 9)])
COS = tuple([(-1.0) ** k / math.factorial(2 * k) for k in range(2, 10)])
"""Coefficients of (sin(r) - r)/r³ and (cos(r) - 1 + ½r²)/r⁴ in r²; for |r| ≤ ¼π the terms left out are below 1e-19."""


def sin_and_cos(x: Cell) -> tuple[Cell, Cell]:
    """Of x = n·½π + r, from the sine and the cosine of r, which is the sum of two numbers."""
    n = x.assembly.intrinsic("rint", x * (2.0 / math.pi))
    r, low = _sum(_fma(n, -HALF_PI[0], x), n * -HALF_PI[1])
    r, rounding = _sum(r, n * -HALF_PI[2])
    sine, cosine = of_small_angle(x, *_sum(r, _fma(n, -HALF_PI[3], low + rounding)))
    turns = n * 0.25
    turn = turns - x.assembly.intrinsic("floor", turns)  # 0, ¼, ½ or ¾
    is_odd = abs(turn - 0.5).compare("oeq", 0.25)
    first, second = x.assembly.select(is_odd, cosine, sine), x.assembly.select(is_odd, sine, cosine)
    return turn.where("oge", 0.5, -first, first), abs(turn - 0.375).where("olt", 0.25, -second, second)


def of_small_angle(x: Cell, r: Cell, low: Cell) -> tuple[Cell, Cell]:
    """The sine, of 0.0 with the sign of x, and the cosine of r + low."""
    square = r * r
    sine = r + _fma(square * r, _polynomial(square, SIN), low * (1.0 - 0.5 * square))
    half, one = 0.5 * square, 1.0 - 0.5 * square
    return x.where("oeq", 0.0, x, sine), one + (
        ((1.0 - one) - half) + _fma(square * square, _polynomial(square, COS), -(r * low))
    )


def _sum(x: Cell, y: Cell) -> tuple[Cell, Cell]:
    """x + y and its rounding error, by Dekker's algorithm: |x| ≥ |y|, or x is a multiple of the last digit of y."""
    out = x + y
    return out, y - (out - x)


def _fma(x: Cell, y: Any, z: Any) -> Cell:
    return x.assembly.intrinsic("fma", x, x.assembly.cell(y), x.assembly.cell(z))


FUNCTIONS: dict[str, Callable[[Cell], Any]] = {"exp": exp, "sin": sin_and_cos, "cos": sin_and_cos}

WRITTEN_OUT: dict[str, Callable[[Cell], Cell]] = {"tanh": tanh, "sech": sech}

OF_ANGLES = "sin", "cos"
"""They come together, since either is made of the sine and the cosine of a smaller angle."""
