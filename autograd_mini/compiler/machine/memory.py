"""Memory for results and for what is computed on the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from autograd_mini.compiler.program import Floats

MANY = 4096
"""Rows of fewer columns are given memory of their own."""


def room(lanes: Sequence[int], n: int) -> list[Floats]:
    """Memory for results, [lanes, n] each. If it is much, it is one block: the system takes and gives back a block more
    readily than its parts."""
    if n < MANY:
        return [numpy.empty((count, n)) for count in lanes]
    return numpy.split(numpy.empty((sum(lanes), n)), numpy.cumsum(lanes)[:-1]) if lanes else []


def rows_of(lanes: int, n: int) -> Floats:
    """Memory for a pack. Rows do not start at multiples of a power of two, where the same few lines of the cache would
    have to hold them all."""
    return numpy.empty((lanes, n if n < 64 else -(-n // 8) * 8 + 8))[:, :n]
