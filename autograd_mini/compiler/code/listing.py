"""Many scalars, or operations, as columns of numbers, so that each step of work is done for all of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from itertools import chain, islice
from operator import attrgetter
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.ir.program import Index
from autograd_mini.compiler.ir.scalars import Application, Component, Looped, Picked, Scalar, Terms, operands

ALONE = -1


class Operation(NamedTuple):
    """Computes some scalars: it has the number of a head, and reads scalars or, by negative numbers, rows from the end.

    If its size is `ALONE`, it is a chunk by itself, which is given all that it reads in order.
    """

    results: tuple[int, ...]
    head: int
    reads: tuple[int, ...]
    size: int


class Lists:
    """Lists of numbers, stored one after the other."""

    __slots__ = ("lengths", "numbers")

    def __init__(self, lengths: Index, numbers: Index) -> None:
        self.lengths: Index = lengths
        self.numbers: Index = numbers

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> Lists:
        lengths = numpy.fromiter(map(len, lists), numpy.int64, len(lists))
        return cls(lengths, numpy.fromiter(chain.from_iterable(lists), numpy.int64, lengths.sum()))

    @classmethod
    def joined(cls, some: Sequence[Lists]) -> Lists:
        return cls(*[numpy.concatenate(each) for each in zip(*[(one.lengths, one.numbers) for one in some])])

    @property
    def starts(self) -> Index:
        """Where each list begins, and where the last one ends."""
        return numpy.append(0, self.lengths.cumsum())

    @property
    def owners(self) -> Index:
        """For each number the list that it is in."""
        return numpy.repeat(numpy.arange(len(self.lengths)), self.lengths)

    def at(self, places: Any) -> Lists:
        """The lists at some places."""
        lengths = self.lengths[places]
        shifts = self.starts[places] - (lengths.cumsum() - lengths)
        return Lists(lengths, self.numbers[numpy.repeat(shifts, lengths) + numpy.arange(lengths.sum())])

    def those(self, are_wanted: Any) -> Lists:
        """The lists that are wanted."""
        return Lists(self.lengths[are_wanted], self.numbers[numpy.repeat(are_wanted, self.lengths)])

    def only(self, are_wanted: Any) -> Lists:
        """The lists without the numbers that are not wanted."""
        before = numpy.append(0, are_wanted.cumsum())
        return Lists(numpy.diff(before[self.starts]), self.numbers[are_wanted])

    def after(self, places: Index, numbers: Index) -> Lists:
        """The lists, with one more number in front of those at some places."""
        lengths = self.lengths.copy()
        lengths[places] += 1
        return Lists(lengths, numpy.insert(self.numbers, self.starts[places], numbers))

    def tuples(self) -> Iterator[tuple[int, ...]]:
        rest = iter(self.numbers.tolist())
        return (tuple(islice(rest, n)) for n in self.lengths.tolist())


class Columns:
    """Scalars by kind, and what they read.

    Attributes:
        args: what each application is applied to.
        terms: the terms of each sum, as in `Terms`.
    """

    def __init__(self, scalars: Sequence[Scalar]) -> None:
        self._scalars = scalars
        self._kinds: Index = numpy.fromiter(map(id, map(type, scalars)), numpy.int64, len(scalars))
        self.args: Lists = Lists.of([*map(attrgetter("args"), self.of_kind(Application))])
        self.terms: Lists = Lists.of([*map(attrgetter("flat"), self.of_kind(Terms))])
        others = [each for kind in (Component, Looped, Picked) for each in self.of_kind(kind)]
        self._others = Lists.of([[*operands(each)] for each in others])

    def uses(self, wanted: Sequence[int]) -> Index:
        """How often each scalar is wanted, or read by one that wanted ones need; 0 for those that they do not need."""
        factors = self.terms.numbers.reshape(-1, 3)[:, 1:].T
        read = [self.args.numbers, *factors, self._others.numbers, numpy.array(wanted, numpy.int64)]
        uses = numpy.bincount(numpy.concatenate(read), minlength=len(self._scalars))
        counts, unused = uses.data, numpy.flatnonzero(uses == 0).tolist()
        for number in unused:
            for operand in operands(self._scalars[number]):
                left = counts[operand] = counts[operand] - 1
                if left == 0:
                    unused.append(operand)
        return uses

    def those(self, are_wanted: Any) -> Columns:
        """The columns of some of the scalars."""
        found = copy(self)
        found.args = self.args.those(are_wanted[self.numbers(Application)])
        found.terms = self.terms.those(are_wanted[self.numbers(Terms)])
        found._kinds = numpy.where(are_wanted, self._kinds, 0)
        return found

    def numbers(self, kind: type[Scalar]) -> Index:
        """The numbers of those of a kind."""
        return numpy.flatnonzero(self._kinds == id(kind))

    def of_kind(self, kind: type[Scalar]) -> list[Any]:
        """Those of a kind."""
        return [*map(self._scalars.__getitem__, self.numbers(kind).tolist())]


class Listing:
    """Operations in order, as columns."""

    def __init__(self, results: Lists, heads: Index, reads: Lists, sizes: Index) -> None:
        self.results = results
        self.heads: Index = heads
        self.reads = reads
        self.sizes: Index = sizes

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> Listing:
        results, heads, reads, sizes = zip(*operations) if operations else ((), (), (), ())
        return cls(Lists.of(results), numpy.array(heads, numpy.int64), Lists.of(reads), numpy.array(sizes, numpy.int64))

    @classmethod
    def joined(cls, some: Sequence[Listing]) -> Listing:
        return cls(
            Lists.joined([each.results for each in some]),
            numpy.concatenate([each.heads for each in some]),
            Lists.joined([each.reads for each in some]),
            numpy.concatenate([each.sizes for each in some]),
        )

    def at(self, places: Any) -> Listing:
        """The operations at some places."""
        return Listing(self.results.at(places), self.heads[places], self.reads.at(places), self.sizes[places])

    def __len__(self) -> int:
        return len(self.heads)

    def __iter__(self) -> Iterator[Operation]:
        return map(Operation, self.results.tuples(), self.heads.tolist(), self.reads.tuples(), self.sizes.tolist())


def alike(table: Any) -> tuple[Index, Index]:
    """Group equal rows of a table of numbers from 0 on: the kind of each row, and the first row of each kind."""
    kinds, n_kinds = numpy.zeros(len(table), numpy.int64), min(1, len(table))
    for column in table.T:
        if n_kinds and (column != column[0]).any():
            n_values = int(column.max()) + 1
            kinds, n_kinds = _numbered(kinds * n_values + column, n_kinds * n_values)
    return kinds, first_of_each(kinds, n_kinds)


def first_of_each(kinds: Index, n_kinds: int) -> Index:
    """Where each kind occurs first; `len(kinds)` if it does not."""
    firsts = numpy.full(n_kinds, len(kinds))
    firsts[kinds[::-1]] = numpy.arange(len(kinds))[::-1]  # a kind's first place is written last
    return firsts


def _numbered(numbers: Index, n_values: int) -> tuple[Index, int]:
    """Renumber numbers below `n_values` without gaps, in the same order; also return how many differ."""
    if n_values > 8 * len(numbers) + 4096:
        found, numbers = numpy.unique(numbers, return_inverse=True)
        return numbers, len(found)
    is_there = numpy.zeros(n_values, numpy.int64)
    is_there[numbers] = 1
    places = is_there.cumsum()
    return places[numbers] - 1, int(places[-1])
