"""Lowering columns: the rows of packs as operations on single numbers of each column."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autograd_mini.compiler.code.kernels import Place
from autograd_mini.compiler.code.lower import Lowered
from autograd_mini.compiler.ir.program import Floats, Index, Pack, Sum
from autograd_mini.compiler.ir.scalars import ONE, Input, Terms
from autograd_mini.compiler.passes.columnar import Columns, Flat, Rows

HERE, GATHERED = range(2)
"""Where rows are: at a place of the memory, or among those that are gathered for these columns."""


class ColumnScalars(Lowered):
    """Scalars for the rows of packs in columns.

    Args:
        at: gives the places in the memory of lanes of a pack.
        constants: the numbers of packs that never change.

    Attributes:
        of: the scalar of each row of a pack.
        totals: what each column adds to sums over all columns, as signs and factors.
        uniform, arrays: where the inputs are: those that are the same for all columns, and the others.
        gathered: the places of the numbers of each row that is gathered.
    """

    def __init__(self, columns: Columns, at: Callable[[Pack, Index], Index], constants: Mapping[Pack, Floats]) -> None:
        super().__init__(constants)
        self.of: dict[tuple[Pack, int], int] = {}
        self.uniform: dict[int, Place] = {}
        self.arrays: dict[int, Place] = {}
        self.gathered: list[Index] = []
        self._columns, self._at = columns, at
        self._outside: dict[bytes, int] = {}
        for pack in columns.places:
            self.of.update({(pack, row): number for row, number in enumerate(self._taken(pack))})
        self.totals: list[list[tuple[float, list[int]]]] = []
        for total, flat in columns.totals.items():
            rows = columns.total(flat)
            assert rows is not None
            self.totals += [
                [(sign, [each for each in factors if each != ONE] or [ONE]) for sign, *factors in terms]
                for terms in self._sums(flat, rows, total.lanes)
            ]

    def _taken(self, pack: Pack) -> list[int]:
        """Add the scalars of a pack's rows; return their numbers."""
        operation, n_rows = pack.operation, len(self._columns.places[pack].lanes)
        if isinstance(operation, Sum):
            rows = self._columns.rows(pack)
            assert rows is not None
            return [*map(self.add, self._sums(self._columns.flat[pack], rows, n_rows, operation.from_zero))]
        slots = [[self._read(slot.pack, lanes) for lanes in slot.lanes] for slot in self._columns.slots(pack)]
        return self.lowered(operation, slots, n_rows)

    def _sums(self, flat: Flat, rows: Rows, count: int, from_zero: bool = False) -> list[Terms]:
        """The sums of so many rows."""
        found = [Terms(from_zero=from_zero) for _ in range(count)]
        places = zip(rows.row.tolist(), rows.segment.tolist(), rows.sign.tolist(), rows.a, rows.b)
        for row, number, sign, a, b in places:
            segment = flat.segments[number]
            y = ONE if segment.b is None else self._read(segment.b, b)
            found[row].tail += sign, self._read(segment.a, a), y
        return found

    def _read(self, pack: Pack, lanes: Index) -> int:
        """The scalar of these lanes, one in each column."""
        place = self._columns.places.get(pack)
        if place is not None:
            return self.of[pack, int(place.row[lanes[0]])]
        known = self.known(pack, lanes)
        if known is not None:
            return known
        places = self._at(pack, lanes)
        key = places.tobytes()
        if key not in self._outside:
            number = self._outside[key] = self.add(Input(0, 0))
            first = int(places[0])
            if (places == first).all():
                self.uniform[number] = HERE, first
            elif (places[1:] == places[:-1] + 1).all():
                self.arrays[number] = HERE, first
            else:
                self.arrays[number] = GATHERED, len(self.gathered) * len(lanes)
                self.gathered.append(places)
        return self._outside[key]
