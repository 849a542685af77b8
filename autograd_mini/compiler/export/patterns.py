"""Which numbers of a derivative may not be 0, in the order in which they are kept, and which are computed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy

from autograd_mini.compiler.ir.program import Index


@dataclass(frozen=True, eq=False)
class Pattern:
    """Rows and columns of the nonzeros of a matrix, column after column."""

    shape: tuple[int, int]
    rows: Index
    columns: Index

    @property
    def T(self) -> Pattern:
        """Of the transposed matrix."""
        return Pattern(self.shape[::-1], self.columns[self.turned], self.rows[self.turned])

    @property
    def turned(self) -> Index:
        """Which nonzero here is each of the transposed matrix."""
        return numpy.lexsort((self.columns, self.rows))

    @property
    def in_casadi(self) -> list[int]:
        """The integers by which CasADi knows it: the shape, where each column starts, and the row of each nonzero."""
        n_rows, n_columns = self.shape
        if self.rows.size == n_rows * n_columns:
            return [n_rows, n_columns, 1]
        starts = numpy.searchsorted(self.columns, numpy.arange(n_columns + 1))
        return [n_rows, n_columns, *starts.tolist(), *self.rows.tolist()]


def dense(n_rows: int, n_columns: int) -> Pattern:
    columns, rows = (each.ravel() for each in numpy.indices((n_columns, n_rows)))
    return Pattern((n_rows, n_columns), rows, columns)


def empty(n_rows: int, n_columns: int) -> Pattern:
    none = numpy.zeros(0, dtype=numpy.int64)
    return Pattern((n_rows, n_columns), none, none)


class Part(NamedTuple):
    """A block of a matrix, and which of its entries each of its nonzeros is."""

    pattern: Pattern
    places: Index


def parts_of(rows: Index, columns: Index, heights: Sequence[int], widths: Sequence[int]) -> list[list[Part]]:
    """The blocks of a matrix, given the rows and columns of its entries."""
    ends, edges = numpy.cumsum([0, *heights]), numpy.cumsum([0, *widths])
    row, column = (numpy.searchsorted(each[1:], at, "right") for each, at in ((ends, rows), (edges, columns)))

    def part(i: int, j: int) -> Part:
        chosen = numpy.flatnonzero((row == i) & (column == j))
        at = rows[chosen] - ends[i], columns[chosen] - edges[j]
        order = numpy.lexsort(at)
        return Part(Pattern((heights[i], widths[j]), at[0][order], at[1][order]), chosen[order])

    return [[part(i, j) for j in range(len(widths))] for i in range(len(heights))]
