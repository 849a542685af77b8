"""Which numbers of a derivative may not be 0, in the order in which they are kept, and which are computed together."""

from __future__ import annotations

from dataclasses import dataclass

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
        order = numpy.lexsort((self.columns, self.rows))
        return Pattern(self.shape[::-1], self.columns[order], self.rows[order])

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
