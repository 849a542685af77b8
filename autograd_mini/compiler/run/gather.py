"""Rows of arrays by index arrays, without copying where possible."""

from __future__ import annotations

from typing import Any

import numpy

from autograd_mini.compiler.ir.program import ABSENT, Floats, Index
from autograd_mini.compiler.partition import SHORTEST_RUN


class Gather:
    """Takes rows of an array by an index array, without copying if the indices are evenly spaced, or form evenly spaced
    runs, as the rows of a matrix among other numbers do.

    The result has the shape of the index array, followed by the width.
    """

    def __init__(self, index: Index) -> None:
        self.shape: tuple[int, ...] = index.shape
        flat = index.ravel()
        self.absent: Any | None = flat == ABSENT if (flat == ABSENT).any() else None
        self.rows: Any = numpy.where(flat == ABSENT, 0, flat)
        self.only: int = int(flat[0]) if flat.size > 1 and (flat == flat[0]).all() else ABSENT
        if self.absent is None and flat.size:
            step = int(flat[1] - flat[0]) if flat.size > 1 else 1
            if step > 0 and (numpy.diff(flat) == step).all():
                self.rows = slice(int(flat[0]), int(flat[-1]) + 1, step)
        self._runs: tuple[int, int, int, int] | None = (
            self._in_runs(flat) if self.copies and self.absent is None else None
        )

    @property
    def copies(self) -> bool:
        return self.only == ABSENT and not isinstance(self.rows, slice)

    def is_whole(self, lanes: int) -> bool:
        """Whether it takes all rows of an array of so many, in order."""
        return bool(self.rows == slice(0, lanes, 1)) if isinstance(self.rows, slice) else False

    def __call__(self, array: Floats) -> Floats:
        if self.only != ABSENT:
            return numpy.broadcast_to(array[self.only], (*self.shape, array.shape[1]))
        if self._runs is not None:
            return _there(array, *self._runs).reshape(*self.shape, array.shape[1])
        rows = array[self.rows]
        if self.absent is not None:
            rows[self.absent] = 0.0
        gathered: Floats = rows.reshape(*self.shape, array.shape[1])
        return gathered

    @staticmethod
    def _in_runs(flat: Index) -> tuple[int, int, int, int] | None:
        """Of evenly spaced runs: the first index, the distance from run to run, how many they are, and their length."""
        starts = numpy.flatnonzero(numpy.diff(flat, prepend=-2) != 1)
        length, rest = divmod(flat.size, max(1, starts.size))
        if rest or length < SHORTEST_RUN or (starts != numpy.arange(0, flat.size, length)).any():
            return None
        spacing = int(flat[length] - flat[0])
        is_even = spacing > 0 and (numpy.diff(flat[starts]) == spacing).all()
        return (int(flat[0]), spacing, starts.size, length) if is_even else None

    def put(self, array: Floats, rows: Floats) -> None:
        """Write rows to where they would be taken from; no index may occur twice."""
        if self._runs is None:
            array[self.rows] = rows.reshape(-1, array.shape[1])
        else:
            there = _there(array, *self._runs)
            there[...] = rows.reshape(there.shape)


def _there(array: Floats, first: int, spacing: int, n: int, length: int) -> Floats:
    """A view of evenly spaced runs of rows: [runs, rows, width]."""
    strides = spacing * array.strides[0], *array.strides
    return numpy.lib.stride_tricks.as_strided(array[first:], (n, length, array.shape[1]), strides)
