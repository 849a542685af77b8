"""Columns of packs: which lanes are computed side by side, and whether all columns do the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.ir.program import Apply, Index, Pack, Reference, Segment, Sum, Vector
from autograd_mini.compiler.partition import FEWEST_COLUMNS

TURNS = 6
"""For how many turns columns that belong together are looked for, each turn following one more link from unit to unit;
after that, all are taken to belong together. Not tuned."""


class Place(NamedTuple):
    """Where the lanes of a pack are: the row and column of each, and the lane at each."""

    row: Index
    column: Index
    lanes: Index

    @classmethod
    def of(cls, column: Index, n: int) -> Place | None:
        """The lanes of each column in order; None if columns have different numbers of them."""
        count, rest = divmod(column.size, n)
        if rest or not count or (numpy.bincount(column, minlength=n) != count).any():
            return None
        order = numpy.argsort(column, kind="stable")
        row = numpy.empty_like(column)
        row[order] = numpy.tile(numpy.arange(count), n)
        return cls(row, column, order.reshape(n, count).T)


class Slot(NamedTuple):
    """What some rows of a pack read: lanes of a pack, [rows, columns]."""

    pack: Pack
    lanes: Index


@dataclass
class Flat:
    """The terms of a sum, as columns: for each its segment, its sign, its lane and the lanes of its factors."""

    segments: Sequence[Segment]
    segment: Index
    sign: Any
    lane: Index
    a: Index
    b: Index

    @classmethod
    def of(cls, operation: Sum) -> Flat:
        numbers = {id(segment): number for number, segment in enumerate(operation.segments)}
        none = numpy.zeros(0, numpy.int64)
        parts = [(none, numpy.zeros(0), none, none, none)]
        for segment, sign, lane, a, b in operation.terms():
            parts.append((numpy.full(lane.size, numbers[id(segment)]), numpy.full(lane.size, sign), lane, a, b))
        return cls(operation.segments, *map(numpy.concatenate, zip(*parts)))

    def part(self, chosen: Any) -> Flat:
        return Flat(self.segments, *[each[chosen] for each in (self.segment, self.sign, self.lane, self.a, self.b)])

    def factors(self) -> Iterator[tuple[Pack, Any, Index]]:
        """The packs of factors; for each, which terms have it, and the lanes of that factor in all terms."""
        for number, segment in enumerate(self.segments):
            chosen = self.segment == number
            yield segment.a, chosen, self.a
            if segment.b is not None:
                yield segment.b, chosen, self.b


class Rows(NamedTuple):
    """The terms of the sums of some rows: [terms] for what all columns share, [terms, columns] for lanes of factors."""

    row: Index
    segment: Index
    sign: Any
    a: Index
    b: Index


@dataclass
class Columns:
    """Packs that are computed in the same `n` columns.

    Attributes:
        places: where the lanes of each are.
        flat: the terms of those that are sums.
        totals: sums over all columns, and their terms.
    """

    n: int
    is_closed: bool = False
    places: dict[Pack, Place] = field(default_factory=dict)
    flat: dict[Pack, Flat] = field(default_factory=dict)
    totals: dict[Pack, Flat] = field(default_factory=dict)

    def reads(self) -> Iterator[Pack]:
        """The packs that these columns read and do not compute."""
        for pack in self.places:
            yield from (parent for parent in pack.parents if parent not in self.places)
        for flat in self.totals.values():
            yield from (pack for pack, _, _ in flat.factors() if pack not in self.places)

    def take(self, pack: Pack) -> bool:
        """Take in a pack that can go on in these columns; return whether it can."""
        units, reads = reads_of(pack)
        low, high = numpy.full(units, self.n), numpy.full(units, -1)
        pairs = []
        for other, unit, lanes in reads:
            if other in self.places:
                column = self.places[other].column[lanes]
                pairs.append((unit, column))
                numpy.minimum.at(low, unit, column)
                numpy.maximum.at(high, unit, column)
        if (high < 0).any():
            return False
        if (low == high).all():
            return self._take(pack, low)
        unit, column = (numpy.concatenate(each) for each in zip(*pairs))
        label = _joined(unit, column, units, self.n)
        n = int(label.max()) + 1
        if self.is_closed or n < FEWEST_COLUMNS or (numpy.bincount(label) != self.n // n).any():
            return False
        before = self.n, {**self.places}
        self.n = n
        for each, place in before[1].items():
            merged = Place.of(label[place.column], n)
            if merged is not None:
                self.places[each] = merged
            if merged is None or not self._is_regular(each):
                self.n, self.places = before
                return False
        if self._take(pack, label[low]):
            return True
        self.n, self.places = before
        return False

    def begin(self, pack: Pack) -> bool:
        """Take in a pack with a column for each of its lanes, or vectors; return whether that can be."""
        return self._take(pack, numpy.arange(self.n))

    def _take(self, pack: Pack, column: Index) -> bool:
        """Take in a pack, given the column of each lane, or vector, if all columns do the same; return whether so."""
        operation = pack.operation
        if isinstance(operation, Vector):
            column = column[numpy.arange(pack.lanes) % operation.arg.index.shape[1]]
        place = Place.of(column, self.n)
        if place is None:
            return False
        self.places[pack] = place
        if isinstance(operation, Sum) and pack not in self.flat:
            self.flat[pack] = Flat.of(operation)
        if self._is_regular(pack):
            return True
        del self.places[pack]
        return False

    def _is_regular(self, pack: Pack) -> bool:
        if isinstance(pack.operation, Sum):
            return self.rows(pack) is not None
        return all(map(self._is_same, self.slots(pack)))

    def _is_same(self, slot: Slot) -> bool:
        """Whether each column reads only its own numbers, and all columns the same rows."""
        place = self.places.get(slot.pack)
        if place is None:
            return True
        row = place.row[slot.lanes]
        return bool((place.column[slot.lanes] == numpy.arange(self.n)).all() and (row == row[:, :1]).all())

    def slots(self, pack: Pack) -> list[Slot]:
        """What each argument, or component, of a pack that is not a sum reads; a column reads a vector only once."""
        operation, lanes = pack.operation, self.places[pack].lanes
        if isinstance(operation, Apply):
            return [Slot(arg.pack, arg.index[lanes]) for arg in operation.args if isinstance(arg, Reference)]
        (arg,) = operation.arguments()
        assert isinstance(arg, Reference)
        if isinstance(operation, Vector):
            lanes = lanes[: len(lanes) // len(arg.index)]  # those of the first component
        return [Slot(arg.pack, row[lanes]) for row in arg.index]

    def rows(self, pack: Pack) -> Rows | None:
        """The terms of a sum's rows; None if columns do not do the same."""
        flat, place = self.flat[pack], self.places[pack]
        return self._sorted(flat, place.column[flat.lane], place.row[flat.lane])

    def total(self, flat: Flat) -> Rows | None:
        """The terms that each column adds to sums over all columns, as rows; None if columns do not do the same."""
        column = numpy.full(flat.lane.size, -1)
        for pack, chosen, lanes in flat.factors():
            if pack in self.places:
                of_factor = self.places[pack].column[lanes[chosen]]
                is_other = (column[chosen] >= 0) & (column[chosen] != of_factor)
                if is_other.any():
                    return None
                column[chosen] = of_factor
        return None if (column < 0).any() else self._sorted(flat, column, flat.lane)

    def _sorted(self, flat: Flat, column: Index, row: Index) -> Rows | None:
        """Sort terms by column and row, so that all columns read the same; None if there is no such order."""
        if flat.lane.size % self.n:
            return None
        keys = [numpy.zeros(flat.lane.size, numpy.int64) for _ in range(2)]
        for number, segment in enumerate(flat.segments):
            chosen = flat.segment == number
            for key, pack, lanes in zip(keys, (segment.a, segment.b), (flat.a, flat.b)):
                if pack in self.places:
                    key[chosen] = self.places[pack].row[lanes[chosen]]
        order = numpy.lexsort((*keys[::-1], flat.sign, flat.segment, row, column)).reshape(self.n, -1).T
        if (column[order] != numpy.arange(self.n)).any():  # columns have different numbers of terms
            return None
        for each in (row, flat.segment, flat.sign):
            if (each[order] != each[order[:, :1]]).any():
                return None
        found = Rows(row[order[:, 0]], flat.segment[order[:, 0]], flat.sign[order[:, 0]], flat.a[order], flat.b[order])
        for number, segment in enumerate(flat.segments):
            chosen = found.segment == number
            slots = [Slot(segment.a, found.a[chosen])]
            if segment.b is not None:
                slots.append(Slot(segment.b, found.b[chosen]))
            if not all(map(self._is_same, slots)):
                return None
        return found


def reads_of(pack: Pack) -> tuple[int, list[tuple[Pack, Index, Index]]]:
    """How many lanes, or vectors, a pack has, and which of them read which lanes of which packs."""
    operation = pack.operation
    if isinstance(operation, Sum):
        flat = Flat.of(operation)
        return pack.lanes, [(other, flat.lane[chosen], lanes[chosen]) for other, chosen, lanes in flat.factors()]
    units = operation.arg.index.shape[1] if isinstance(operation, Vector) else pack.lanes
    every = numpy.arange(units)
    references = [arg for arg in operation.arguments() if isinstance(arg, Reference)]
    return units, [(arg.pack, every, row) for arg in references for row in numpy.atleast_2d(arg.index)]


def _joined(unit: Index, column: Index, units: int, n: int) -> Index:
    """Number columns from 0 on, in order, so that those which a unit joins get the same number; all get 0 if that is
    not settled after `TURNS`."""
    label = numpy.arange(n)
    for _ in range(TURNS):
        lowest = numpy.full(units, n)
        numpy.minimum.at(lowest, unit, label[column])
        after = label.copy()
        numpy.minimum.at(after, column, lowest[unit])
        if (after == label).all():
            return numpy.unique(label, return_inverse=True)[1]
        label = after
    return numpy.zeros(n, numpy.int64)
