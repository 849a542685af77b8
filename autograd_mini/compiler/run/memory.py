"""Memory that machine code reads and writes, for results and for what is computed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.partition import COLUMNS_OF_A_ROOM
from autograd_mini.compiler.run.python_calls import start

LINE = 8
"""Doubles in a cache line."""


def empty(*shape: int, of: type[Any] = float) -> NDArray[Any]:
    """New memory; all that machine code is given comes from here, except the arguments of a call."""
    return numpy.empty(shape, of)


def copied(numbers: Any, of: type[Any] = float) -> NDArray[Any]:
    """A copy of these numbers in new memory, without gaps."""
    numbers = numpy.asarray(numbers)
    array = empty(*numbers.shape, of=of)
    array[...] = numbers
    return array


def room(lanes: Sequence[int], n: int) -> list[Floats]:
    """Memory for results, [lanes, n] each; in a single block, which begins at a cache line, if n is large."""
    if n < COLUMNS_OF_A_ROOM:
        return [empty(count, n) for count in lanes]
    return numpy.split(lines_of(1, sum(lanes) * n).reshape(-1, n), numpy.cumsum(lanes)[:-1]) if lanes else []


def rows_of(lanes: int, n: int) -> Floats:
    """Memory for a pack, or for a block of columns; without gaps if each row is a single number."""
    return empty(lanes, 1) if n == 1 else lines_of(lanes, n)


def lines_of(lanes: int, n: int) -> Floats:
    """Memory whose rows begin at cache lines, an odd number of lines apart: at multiples of a power of two, all rows
    would compete for the same few lines of the cache."""
    stride = LINE * (-(-n // LINE) | 1)
    flat = empty(lanes * stride + LINE)
    first = -(start()(flat) // 8) % LINE
    return flat[first : first + lanes * stride].reshape(lanes, stride)[:, :n]


def address(array: NDArray[Any], shape: tuple[int, ...]) -> int:
    """The address of an array of this shape, without gaps, for machine code.

    Raises:
        ValueError: the array has another shape, or gaps.
    """
    if array.shape != shape or not array.flags.c_contiguous:
        raise _mistaken(array, f"{shape} without gaps")
    return start()(array)


def rows(array: Floats, lanes: int, columns: int) -> tuple[int, int]:
    """The address of an array of so many rows and columns, for machine code, and how many doubles there are from row
    to row; in a row they lie side by side.

    Raises:
        ValueError: the array has another shape, or other strides.
    """
    stride, step = array.strides
    if array.shape != (lanes, columns) or stride % 8 or (columns > 1 and step != 8):
        raise _mistaken(array, f"{(lanes, columns)} with whole rows")
    return start()(array), stride // 8


def scattered(array: Floats, lanes: int, columns: int) -> tuple[int, int, int]:
    """The address of an array of so many rows and columns, in any order, and how many bytes there are from row to row
    and from column to column.

    Raises:
        ValueError: the array has another shape.
    """
    if array.shape != (lanes, columns):
        raise _mistaken(array, f"{(lanes, columns)}")
    by_row, by_column = array.strides
    return start()(array), by_row, by_column


def _mistaken(array: NDArray[Any], wanted: str) -> ValueError:
    return ValueError(f"machine code needs an array {wanted}, but is given {array.shape} with strides {array.strides}")


def table(records: Sequence[Any], width: int) -> tuple[int, Any]:
    """The address of a new table of records of so many words each, and the array that holds it."""
    numbers = copied(records or [[0] * width], numpy.int64)
    return address(numbers, numbers.shape), numbers
