"""Sums of products on cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd_mini.compiler.machine.cells import Assembly, Cell

Product = tuple[float, Sequence[Any]]
"""A sign and one or two factors."""

FUSED = 4
"""The products of a sum of so many terms or more are rounded together with what they are added to, where the host can
do it; those of fewer before, as they are written."""


def total(assembly: Assembly, products: Sequence[Product], from_zero: bool) -> Cell:
    """Their sum, one after the other."""
    out: Any = assembly.number(0.0) if from_zero or not products else None
    for sign, factors in products:
        x = assembly.cell(factors[0])
        if len(factors) == 2 and out is not None and len(products) >= FUSED:
            out = assembly.intrinsic("fmuladd", -x if sign < 0.0 else x, assembly.cell(factors[1]), out)
            continue
        term = x * factors[1] if len(factors) == 2 else x
        if out is None:
            out = -term if sign < 0.0 else term
        else:
            out = out - term if sign < 0.0 else out + term
    return assembly.cell(out)
