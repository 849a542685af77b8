"""Chunks: a sequence of operations cut so that what repeats itself, such as the steps of a recurrence, becomes chunks
of the same form, which need be written and compiled only once.

Where to cut follows from the operations themselves: before the one whose digest is smallest. The same stretch of
operations is so cut in the same way wherever it occurs (content-defined chunking, as in rsync and its successors).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, count, filterfalse, islice, repeat
from typing import Any

import numpy

from autograd_mini.compiler.code.operations import ALONE, Operation

UNIFORM, ARRAY, SCRATCH = range(3)
"""Where the numbers of a row are: one for all columns, those of the whole batch, those of one block of columns."""


@dataclass(frozen=True)
class Form:
    """What the code of a chunk depends on.

    Attributes:
        steps: for each operation its head and its operands: i ≥ 0 is the i-th result within the chunk, ~k the k-th
            number that the chunk reads from memory.
        n_reads: how many numbers it reads.
        writes: which results within the chunk are written to memory.
        kinds: for each number read, and then for each written, where it is.
        is_alone: whether it is one operation that is given all that it reads in order.
    """

    steps: tuple[tuple[int, ...], ...]
    n_reads: int
    writes: tuple[int, ...]
    kinds: bytes
    is_alone: bool = False


@dataclass
class Chunk:
    """One stretch of operations: its form, by number, and the rows of memory that it reads and writes."""

    form: int
    rows: list[int]


class Chunks:
    """The chunks of a sequence of operations, and the memory they need: rows of one number for each column.

    Args:
        sequence: the operations.
        row_of: the rows of scalars that stand in memory before, or have to be put there.
        kept: scalars that must stay in memory, or be put there.
        largest: the size of a chunk.
        where_few_cross: cut where few results are still needed, not where the digest alone says.
        n_uniform: the first so many rows hold one number for all columns.
        n_arrays: so many rows, those included, are not within the block of columns.

    Attributes:
        forms: the different forms.
        row_of: the rows of all scalars that stand, or stood, in memory.
        n_rows: rows in all.
    """

    n_rows: int

    def __init__(
        self,
        sequence: Sequence[Operation],
        row_of: dict[int, int],
        kept: Sequence[int],
        largest: int,
        *,
        where_few_cross: bool = False,
        n_uniform: int = 0,
        n_arrays: int = 0,
    ) -> None:
        self.forms: list[Form] = []
        self.chunks: list[Chunk] = []
        self.row_of = row_of
        self._bounds = n_uniform, max(n_arrays, n_uniform)
        self.n_rows = max(row_of.values(), default=-1) + 1
        self._form_of: dict[Any, int] = {}
        self._free: list[int] = []
        columns: Any = zip(*sequence) if sequence else ((), (), (), ())
        self._results, self._heads, self._reads, sizes = columns
        self._last = _last(self._reads, self._results, [*kept, *row_of])
        crossing = _crossing(self._results, self._last) if where_few_cross else None
        for start, stop in _bounds(self._heads, sizes, largest, crossing):
            if sizes[start] == ALONE:
                self._add_alone(start)
            else:
                self._add(start, stop)

    def _add(self, start: int, stop: int) -> None:
        reads, last = self._reads[start:stop], self._last
        inside, read = [*chain.from_iterable(self._results[start:stop])], [*chain.from_iterable(reads)]
        place_of = dict(zip(inside, count()))  # as in `Form`
        outside = [*dict.fromkeys(filterfalse(place_of.__contains__, read))]
        place_of.update(zip(outside, count(-1, -1)))
        written = [number for number in inside if last[number] >= stop]
        self._give_rows(written)
        rows = [*map(self.row_of.__getitem__, chain(outside, written))]
        operands, writes = (tuple(map(place_of.__getitem__, each)) for each in (read, written))
        self._take(self._heads[start:stop], reads, operands, len(outside), writes, rows)
        self._free += [self.row_of[number] for number in outside if last[number] < stop]

    def _add_alone(self, place: int) -> None:
        """What is counted from the end of all rows is the number of a row already."""
        reads, results = self._reads[place], self._results[place]
        self._give_rows(results)
        rows = [number if number < 0 else self.row_of[number] for number in (*reads, *results)]
        self._take((self._heads[place],), None, (), len(reads), tuple(range(len(results))), rows)
        self._free += {self.row_of[number] for number in reads if number >= 0 and self._last[number] <= place}

    def _give_rows(self, written: Iterable[int]) -> None:
        """Give rows to scalars that have none yet."""
        fresh = [*filterfalse(self.row_of.__contains__, written)]
        n = max(0, len(self._free) - len(fresh))
        rows = [*reversed(self._free[n:]), *range(self.n_rows, self.n_rows + len(fresh))]
        self.n_rows += max(0, len(fresh) - len(self._free))
        del self._free[n:]
        self.row_of.update(zip(fresh, rows))

    def _take(
        self,
        heads: tuple[int, ...],
        reads: Sequence[tuple[int, ...]] | None,
        operands: tuple[int, ...],
        n_reads: int,
        writes: tuple[int, ...],
        rows: list[int],
    ) -> None:
        """A chunk; `reads` tells how many of the operands are each operation's, None if it is one that is alone."""
        key = heads, operands, writes, bytes(map(bisect_right, repeat(self._bounds), rows))
        form = self._form_of.get(key)
        if form is None:
            form = self._form_of[key] = len(self.forms)
            rest = iter(operands)
            steps = [(head, *islice(rest, len(each))) for head, each in zip(heads, reads or [()])]
            self.forms.append(Form(tuple(steps), n_reads, *key[2:], reads is None))
        self.chunks.append(Chunk(form, rows))


def _last(reads: Sequence[tuple[int, ...]], results: Sequence[tuple[int, ...]], kept: Sequence[int]) -> list[int]:
    """For each scalar the last operation that reads it: -1 if there is none, one after all for those that are kept."""
    numbers = numpy.fromiter(chain.from_iterable(reads), numpy.int64)
    most = max(chain([numbers.max(initial=0)], kept, chain.from_iterable(results)))
    last = numpy.full(most + 1 - min(numbers.min(initial=0), 0), -1)  # those counted from the end come last
    last[numbers] = numpy.repeat(numpy.arange(len(reads)), [*map(len, reads)])
    last[kept] = len(reads)
    return last.tolist()  # type: ignore[no-any-return]


def _crossing(results: Sequence[tuple[int, ...]], last: Sequence[int]) -> list[int]:
    """How many results of operations before each are read by it or later ones, without those that are kept anyway."""
    changes = [0] * (len(results) + 1)
    for place, numbers in enumerate(results):
        for number in numbers:
            end = last[number]
            if place < end < len(results):
                changes[place + 1] += 1
                changes[end + 1] -= 1
    return [*accumulate(changes)]


def _bounds(
    heads: Sequence[int], sizes: Sequence[int], largest: int, crossing: Sequence[int] | None
) -> Iterator[tuple[int, int]]:
    """The bounds of the chunks: where few results cross them, and of such places where the digest is smallest; and
    before what is large, or alone."""
    digests: Sequence[Any] = [*map(hash, zip(heads, sizes))]
    if crossing is not None:
        digests = [*zip(crossing, digests)]
    of_each = numpy.array(sizes, dtype=numpy.int64)
    ends = numpy.maximum(of_each, 0).cumsum().tolist()
    barriers = [*numpy.flatnonzero((of_each == ALONE) | (of_each > largest)).tolist(), len(sizes)]
    start = 0
    while start < len(sizes):
        barrier = start + 1 if sizes[start] == ALONE else barriers[bisect_right(barriers, start)]
        place = max(start + 1, bisect_right(ends, ends[start] - sizes[start] + largest, start))
        if place < barrier:
            half = digests[start + (place - start + 1) // 2 : place + 1]
            barrier = place - half[::-1].index(min(half))
        yield start, barrier
        start = barrier
