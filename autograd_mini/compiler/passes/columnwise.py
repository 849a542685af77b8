"""Columns: what one example computes again and again, as for each of many points or pairs, becomes columns that a
kernel computes side by side.

Packs are taken in order. If each lane of a pack reads a single column, the pack goes on in the columns that it reads;
if a lane reads several, and no two lanes the same, these are merged into one. Else the pack begins columns of its own,
one for each lane, and numbers are gathered for it. A sum over all columns alike is added up by the kernel; any other
sum is computed term by term.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy

from autograd_mini.compiler.ir.program import Leaf, Pack, Program, Segment, Sum, made_of
from autograd_mini.compiler.partition import FEWEST_COLUMNS, MOST_GATHERED_TERMS, MOST_ROWS
from autograd_mini.compiler.passes.columnar import Columns, Flat, Rows, reads_of


@dataclass
class Gathered:
    """A sum that is computed term by term: its numbers may come from anywhere."""

    pack: Pack
    flat: Flat

    def reads(self) -> Iterator[Pack]:
        """The packs that the sum reads."""
        return (pack for pack, _, _ in self.flat.factors())


Item = Columns | Gathered


def divide(
    program: Program, constants: Sequence[Pack] = (), given: Iterable[Pack] = (), *, however_many: bool = False
) -> list[Item]:
    """The columns and sums that compute a program without a batch, in order, from its leaves and other packs that are
    given.

    What the value depends on comes first and is divided in the same way whatever else a program computes, so that the
    value has the same bits. If its columns have too many rows, all sums are computed term by term, which compiles
    faster, unless there may be `however_many`.
    """
    wanted = made_of([each.pack for name, each in program.results.items() if name.startswith("value")])
    given = {pack for pack in program.packs if isinstance(pack.operation, Leaf)} | {*constants, *given}
    used = {parent for pack in program.packs for parent in pack.parents}
    first, others = ([pack for pack in program.packs if (pack in wanted) is each] for each in (True, False))
    found = _Division(given, constants)
    found.take_all(first, ())
    if not however_many and sizes_in_columns(found.items)[0] > MOST_ROWS:
        found = _Division(given, constants, are_apart=True)
        found.take_all(first, ())
    found.take_all(others, {*others}.difference(used))
    return found.items


def sizes_in_columns(items: Sequence[Item]) -> tuple[int, int, int]:
    """How many operations a column has, summed over all groups of columns; how many all columns have, in groups of at
    least `FEWEST_COLUMNS`; and how many numbers are gathered."""
    rows = inside = gathered = 0
    for item in items:
        if isinstance(item, Gathered):
            gathered += 2 * item.flat.lane.size
            continue
        sizes = [len(place.lanes) for pack, place in item.places.items() if pack not in item.flat]
        sizes += [flat.lane.size // item.n for flat in (*item.flat.values(), *item.totals.values())]
        rows += sum(sizes)
        inside += sum(sizes) * item.n * (item.n >= FEWEST_COLUMNS)
    return rows, inside, gathered


class _Division:
    """Divides packs into items; if `are_apart`, all sums are computed term by term."""

    def __init__(self, given: set[Pack], constants: Sequence[Pack], *, are_apart: bool = False) -> None:
        self.items: list[Item] = []
        self._are_apart = are_apart
        self._constants = {*constants} | {
            pack for pack in given if isinstance(pack.operation, Leaf) and pack.operation.constants is not None
        }
        self._item_of: dict[Pack, int] = dict.fromkeys(given, -1)

    def take_all(self, packs: Iterable[Pack], last: Collection[Pack]) -> None:
        """Find the items of packs, of which `last` are read by no other. Later packs do not merge their columns."""
        for pack in packs:
            if pack not in self._item_of:
                self.take(pack, is_last=pack in last)
        for item in self.items:
            if isinstance(item, Columns):
                item.is_closed = True

    def take(self, pack: Pack, *, is_last: bool) -> None:
        """Find the item of a pack.

        Args:
            is_last: whether no other reads it: a sum of many rows is then better computed in the order of its lanes.
        """
        latest = max([self._item_of[parent] for parent in pack.parents], default=-1)
        item = self.items[latest] if latest >= 0 else None
        is_alone = self._are_apart and isinstance(pack.operation, Sum)
        if isinstance(item, Columns) and not is_alone:
            is_apart = is_last and isinstance(pack.operation, Sum) and pack.lanes > FEWEST_COLUMNS * item.n
            if not is_apart and item.take(pack):
                self._item_of[pack] = latest
                return
            if isinstance(pack.operation, Sum) and self._total(pack, pack.operation, item):
                return
        most = 0 if is_alone or is_last else MOST_GATHERED_TERMS * pack.lanes
        if isinstance(pack.operation, Sum) and (not most or pack.operation.n_terms > most):
            self._append(Gathered(pack, Flat.of(pack.operation)), pack)
            return
        n = reads_of(pack)[0]
        for number in range(len(self.items) - 1, latest, -1):
            item = self.items[number]
            if isinstance(item, Columns) and item.n == n and item.begin(pack):
                self._item_of[pack] = number
                return
        columns = Columns(n)
        if columns.begin(pack):
            self._append(columns, pack)
        else:
            assert isinstance(pack.operation, Sum)
            self._append(Gathered(pack, Flat.of(pack.operation)), pack)

    def _append(self, item: Item, pack: Pack) -> None:
        self._item_of[pack] = len(self.items)
        self.items.append(item)

    def _total(self, pack: Pack, operation: Sum, columns: Columns) -> bool:
        """Take a sum that runs over all columns alike, apart from terms without them; return whether it does."""
        flat = Flat.of(operation)
        inner = numpy.zeros(flat.lane.size, bool)
        for other, chosen, _ in flat.factors():
            if other in columns.places:
                inner |= chosen
        within = flat.part(inner)
        rows = columns.total(within) if inner.any() else None
        if rows is None or 2 * self._gathered(columns, within, rows) > len(rows.row):
            return False
        lanes, within.lane = numpy.unique(within.lane, return_inverse=True)
        total = Pack(lanes.size, False, Leaf("total", 0, ""))
        columns.totals[total] = within
        rest, each = flat.part(~inner), numpy.arange(lanes.size)
        segments = [*flat.segments, Segment(total, None, [])]
        more = [numpy.full(lanes.size, len(flat.segments)), numpy.ones(lanes.size), lanes, each, each]
        parts = zip((rest.segment, rest.sign, rest.lane, rest.a, rest.b), more)
        self._append(Gathered(pack, Flat(segments, *[numpy.concatenate(part) for part in parts])), pack)
        return True

    def _gathered(self, columns: Columns, flat: Flat, rows: Rows) -> int:
        """How many rows of factors from elsewhere do not lie side by side."""
        found = 0
        for number, segment in enumerate(flat.segments):
            for pack, lanes in ((segment.a, rows.a), (segment.b, rows.b)):
                if pack is None or pack in columns.places or pack in self._constants:
                    continue
                places = lanes[rows.segment == number]
                item = self.items[self._item_of[pack]] if self._item_of[pack] >= 0 else None
                if isinstance(item, Columns):
                    place = item.places[pack]
                    places = (place.row * item.n + place.column)[places]
                steps = numpy.diff(places, axis=1)
                found += int(((steps != 0).any(axis=1) & (steps != 1).any(axis=1)).sum())
        return found
