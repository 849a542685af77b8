"""Chunks: a sequence of operations cut so that what repeats itself, such as the steps of a recurrence, becomes chunks
of the same form, which need be written and compiled only once.

Where to cut follows from the operations themselves: before the one whose digest is smallest. The same stretch of
operations is so cut in the same way wherever it occurs (content-defined chunking, as in rsync and its successors).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

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
        last: dict[int, int] = {}
        for place, (_, _, reads, _) in enumerate(sequence):
            for number in reads:
                last[number] = place
        last.update(dict.fromkeys([*kept, *row_of], len(sequence)))
        self._form_of: dict[Any, int] = {}
        free: list[int] = []
        crossing = _crossing(sequence, last) if where_few_cross else [0] * len(sequence)
        for start, stop in _bounds(sequence, largest, crossing):
            self._add(sequence[start:stop], stop, last, free)

    def _add(self, operations: Sequence[Operation], stop: int, last: dict[int, int], free: list[int]) -> None:
        if operations[0].size == ALONE:
            self._add_alone(operations[0], stop, last, free)
            return
        inside: list[int] = []
        reads: list[int] = []
        place_of: dict[int, int] = {}  # as in `Form`
        steps = []
        for results, head, numbers, _ in operations:
            for number in numbers:
                if number not in place_of:
                    place_of[number] = ~len(reads)
                    reads.append(number)
            steps.append((head, *map(place_of.__getitem__, numbers)))
            for number in results:
                place_of[number] = len(inside)
                inside.append(number)
        written = [number for number in inside if last.get(number, -1) >= stop]
        rows = self._rows([*reads, *written], written, free)
        self._take(tuple(steps), len(reads), tuple(map(place_of.__getitem__, written)), rows)
        free += [self.row_of[number] for number in reads if last[number] < stop]

    def _add_alone(self, operation: Operation, stop: int, last: dict[int, int], free: list[int]) -> None:
        rows = self._rows([*operation.reads, *operation.results], operation.results, free)
        results = tuple(range(len(operation.results)))
        self._take(((operation.head,),), len(operation.reads), results, rows, is_alone=True)
        free += {self.row_of[number] for number in operation.reads if number >= 0 and last[number] < stop}

    def _rows(self, numbers: Sequence[int], written: Sequence[int], free: list[int]) -> list[int]:
        """The rows of these scalars, some of which are written, and may have none yet; those counted from the end of
        all rows are numbers of rows already."""
        for number in written:
            if number not in self.row_of:
                self.row_of[number] = free.pop() if free else self.n_rows
                self.n_rows = max(self.n_rows, self.row_of[number] + 1)
        return [number if number < 0 else self.row_of[number] for number in numbers]

    def _take(
        self,
        steps: tuple[tuple[int, ...], ...],
        n_reads: int,
        writes: tuple[int, ...],
        rows: list[int],
        *,
        is_alone: bool = False,
    ) -> None:
        key = steps, writes, bytes([bisect_right(self._bounds, row) for row in rows])
        form = self._form_of.get(key)
        if form is None:
            form = self._form_of[key] = len(self.forms)
            self.forms.append(Form(steps, n_reads, *key[1:], is_alone))
        self.chunks.append(Chunk(form, rows))


def _crossing(sequence: Sequence[Operation], last: Mapping[int, int]) -> list[int]:
    """How many results of operations before each are read by it or later ones, without those that are kept anyway."""
    changes = [0] * (len(sequence) + 1)
    for place, operation in enumerate(sequence):
        for number in operation.results:
            end = last.get(number, place)
            if place < end < len(sequence):
                changes[place + 1] += 1
                changes[end + 1] -= 1
    return [*accumulate(changes)]


def _bounds(sequence: Sequence[Operation], largest: int, crossing: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The bounds of the chunks: where few results cross them, and of such places where the digest is smallest."""
    sizes = [size for _, _, _, size in sequence]
    digests = [*zip(crossing, map(hash, zip([head for _, head, _, _ in sequence], sizes)))]
    start, size, place = 0, 0, 0
    while place < len(sizes):
        if sizes[place] == ALONE:
            if place > start:
                yield start, place
            yield place, place + 1
            start, size, place = place + 1, 0, place + 1
            continue
        size += sizes[place]
        if sizes[place] > largest and place > start:
            yield start, place
            start, size = place, 0
        elif size > largest and place > start:
            half = digests[start + (place - start + 1) // 2 : place + 1]
            cut = place - half[::-1].index(min(half))
            yield start, cut
            start, place, size = cut, cut, 0
        else:
            place += 1
    if start < len(sizes):
        yield start, len(sizes)
