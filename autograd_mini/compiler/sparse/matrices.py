"""SciPy's sparse matrices, made from the entries that programs compute."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy

from autograd_mini.compiler.ir.program import Floats, Index
from autograd_mini.compiler.ir.slots import Arguments
from autograd_mini.compiler.sparse.eliminating import SparseProgram

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, eq=False)
class Pattern:
    """Which entries of a matrix can be other than 0, with variables in the order in which the arguments hold them.

    Attributes:
        starts: where each row begins among the entries.
        columns: the column of each entry, ascending within a row.
        order: which entry of the program each one is; None if they are in the order of the program.
    """

    shape: tuple[int, int]
    starts: Index
    columns: Index
    order: Index | None

    def matrix(self, entries: Floats) -> csr_array:
        """The matrix with the entries that the program gave, which are copied: it may be changed in place."""
        return self.filled(entries.copy() if self.order is None else entries[self.order])

    def filled(self, numbers: Floats) -> csr_array:
        """The matrix with these numbers, row by row, which become its own."""
        made = copy(self._empty)  # SciPy checks a new one for longer than it takes to compute it
        made.data = numbers
        made.indices, made.indptr = self.columns.copy(), self.starts.copy()
        return made

    @cached_property
    def _empty(self) -> csr_array:
        zeros = numpy.zeros(self.columns.size)
        made = scipy_sparse().csr_array((zeros, self.columns, self.starts), shape=self.shape)
        made.sum_duplicates()  # there are none, and SciPy notes that
        return made

    def rows(self) -> Index:
        """The row of each entry."""
        return numpy.repeat(numpy.arange(self.shape[0]), numpy.diff(self.starts))


def scipy_sparse() -> Any:
    """SciPy's sparse arrays.

    Raises:
        ModuleNotFoundError: SciPy is not installed.
    """
    try:
        import scipy.sparse
    except ModuleNotFoundError:
        raise ModuleNotFoundError("sparse matrices are SciPy's; install it with: pip install scipy") from None
    return scipy.sparse


def pattern_of(program: SparseProgram, arguments: Arguments, positions: Sequence[int], is_square: bool) -> Pattern:
    """The pattern of a program, for variables in the order of the arguments.

    Args:
        is_square: whether rows are variables, too.
    """
    rows, columns = program.rows, program.columns
    places, order = _in_order_of_arguments(arguments, positions), None
    if places is not None:
        columns = places[columns]
        rows = places[rows] if is_square else rows
        order = numpy.lexsort((columns, rows))
        rows, columns = rows[order], columns[order]
    return _pattern(program.shape, rows, columns, order)


def _pattern(shape: tuple[int, int], rows: Index, columns: Index, order: Index | None) -> Pattern:
    starts = numpy.searchsorted(rows, numpy.arange(shape[0] + 1))
    kind = numpy.int32 if max(*shape, columns.size) < 2**31 else numpy.int64
    return Pattern(shape, starts.astype(kind), columns.astype(kind), order)


def united(parts: Sequence[tuple[Pattern, Floats]]) -> tuple[Pattern, Floats]:
    """The sum of sparse matrices: its pattern, and its numbers."""
    shape = parts[0][0].shape
    keys = numpy.concatenate([each.rows() * shape[1] + each.columns for each, _ in parts])
    numbers = [entries if each.order is None else entries[each.order] for each, entries in parts]
    different, place = numpy.unique(keys, return_inverse=True)
    total = numpy.zeros(different.size)
    numpy.add.at(total, place.ravel(), numpy.concatenate(numbers))
    return _pattern(shape, *numpy.divmod(different, max(shape[1], 1)), None), total


def _in_order_of_arguments(arguments: Arguments, positions: Sequence[int]) -> Index | None:
    """Where each lane of the slots is among the numbers of the arguments; None if they are in that order."""
    slots = arguments.slots_of(positions)
    starts = dict(zip(slots, numpy.cumsum([0, *(arguments.slots[slot].lanes for slot in slots)]).tolist()))
    leaves = chain.from_iterable(map(arguments.leaves, positions))
    places = [starts[slot] + lane for slot, lanes in leaves for lane in lanes]
    order = numpy.array(places, dtype=numpy.int64)
    if (order == numpy.arange(order.size)).all():
        return None
    found = numpy.empty_like(order)
    found[order] = numpy.arange(order.size)
    return found
