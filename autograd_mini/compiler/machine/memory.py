"""Memory for results and for what is computed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from autograd_mini.compiler.program import Floats

LINE = 8
"""Numbers in a line of the cache."""

MANY = 4096
"""Rows of fewer columns are given memory of their own."""


def room(lanes: Sequence[int], n: int) -> list[Floats]:
    """Memory for results, [lanes, n] each. If it is much, it is one block: the system takes and gives back a block more
    readily than its parts."""
    if n < MANY:
        return [numpy.empty((count, n)) for count in lanes]
    return numpy.split(numpy.empty((sum(lanes), n)), numpy.cumsum(lanes)[:-1]) if lanes else []


def rows_of(lanes: int, n: int) -> Floats:
    """Memory for a pack; of few columns, without gaps."""
    return numpy.empty((lanes, n)) if n < 64 else lines_of(lanes, n)


def lines_of(lanes: int, n: int) -> Floats:
    """Memory whose rows begin with a line of the cache, and are an odd number of lines apart: at multiples of
    a power of two, the same few lines of the cache would have to hold them all."""
    stride = LINE * (-(-n // LINE) | 1)
    flat = numpy.empty(lanes * stride + LINE)
    first = -(address(flat) // 8) % LINE
    return flat[first : first + lanes * stride].reshape(lanes, stride)[:, :n]


def address(array: NDArray[Any]) -> int:
    """Where its first number lies."""
    return int(array.__array_interface__["data"][0])
