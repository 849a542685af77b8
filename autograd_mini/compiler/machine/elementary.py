"""exp and tanh of whole registers, written in cells: for hosts without vector functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograd_mini.compiler.machine.cells import Cell

LOG_2 = 0.6931471803691238, 1.9082149292705877e-10
"""In two parts: n times the first is exact for the whole numbers n that occur."""

EXP = (
    0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062, 0.0013888888917213717,
    0.00019841269863053618, 2.4801521295954376e-05, 2.7557268459997064e-06, 2.7620088445409746e-07,
    2.510038549551032e-08,
)  # fmt: skip
"""Of (exp(r) - 1 - r)/r² for |r| ≤ ½·log 2, interpolated at Chebyshev nodes; it errs by 2e-17 of exp(r)."""


def exp(x: Cell) -> Cell:
    """2ⁿ·exp(r); 2ⁿ in two factors, because results may be subnormal."""
    x = x.where("ogt", 710.0, 710.0, x.where("olt", -746.0, -746.0, x))
    n, rest = _reduced(x)
    half = x.assembly.intrinsic("floor", n * 0.5)
    return (rest + 1.0) * x.assembly.power_of_two(half) * x.assembly.power_of_two(n - half)


def tanh(x: Cell) -> Cell:
    """-t/(t + 2) with t = exp(-2|x|) - 1, and the sign of x."""
    size = abs(x)
    n, rest = _reduced(-2.0 * size.where("ogt", 20.0, 20.0, size))
    power = x.assembly.power_of_two(n)
    t = _fma(power, rest, power - 1.0)
    return x.assembly.intrinsic("copysign", -t / (t + 2.0), x)


def _reduced(x: Cell) -> tuple[Cell, Cell]:
    """n and exp(r) - 1 of x = n·log 2 + r with the smallest |r|."""
    n = x.assembly.intrinsic("rint", x * (1.0 / math.log(2.0)))
    r = x
    for part in LOG_2:
        r = _fma(n, -part, r)
    return n, _fma(r * r, _polynomial(r, EXP), r)


def _polynomial(x: Cell, coefficients: Sequence[float]) -> Cell:
    """By Estrin's scheme, in which few steps wait for others; the coefficient of the lowest power comes first."""
    terms: list[Any] = list(coefficients)
    while len(terms) > 1:
        pairs = [_fma(x, high, low) for low, high in zip(terms[::2], terms[1::2])]
        terms = pairs + terms[2 * len(pairs) :]
        x = x * x
    return x.assembly.cell(terms[0])


def _fma(x: Cell, y: Any, z: Any) -> Cell:
    return x.assembly.intrinsic("fma", x, x.assembly.cell(y), x.assembly.cell(z))


FUNCTIONS: dict[str, Callable[[Cell], Cell]] = {"exp": exp, "tanh": tanh}
