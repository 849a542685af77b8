"""Chunks: a sequence of operations cut so that what repeats itself, such as the steps of a recurrence, becomes chunks
of the same form, which need be written and compiled only once.

Where to cut follows from the operations themselves: before the one whose digest is smallest. The same stretch of
operations is so cut in the same way wherever it occurs (content-defined chunking, as in rsync and its successors).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autograd_mini.compiler.scalars.operations import Operation

LARGEST = 64
"""The size of a chunk, in additions and multiplications."""


@dataclass(frozen=True)
class Form:
    """What the code of a chunk depends on.

    Attributes:
        steps: for each operation its head and its operands: i ≥ 0 is the i-th result within the chunk, ~k the k-th
            number that the chunk reads from memory.
        n_reads: how many numbers it reads.
        uniform: which of them are the same for all columns.
        writes: which results within the chunk are written to memory.
    """

    steps: tuple[tuple[int, ...], ...]
    n_reads: int
    uniform: tuple[int, ...]
    writes: tuple[int, ...]


@dataclass
class Chunk:
    """One stretch of operations: its form, by number, and the rows of memory that it reads and writes."""

    form: int
    rows: list[int]


class Chunks:
    """The chunks of a sequence of operations, and the memory they need: rows of one number for each column.

    Args:
        sequence: the operations.
        row_of: the rows of scalars that stand in memory before.
        kept: scalars that must stay in memory, or be put there.
        largest: the size of a chunk.
        n_uniform: the first so many rows hold one number for all columns.

    Attributes:
        forms: the different forms.
        row_of: the rows of all scalars that stand, or stood, in memory.
        n_rows: rows in all.
    """

    def __init__(
        self,
        sequence: Sequence[Operation],
        row_of: dict[int, int],
        kept: Sequence[int],
        largest: int = LARGEST,
        n_uniform: int = 0,
    ) -> None:
        self.forms: list[Form] = []
        self.chunks: list[Chunk] = []
        self.row_of = row_of
        self.n_uniform = n_uniform
        self.n_rows = max(row_of.values(), default=-1) + 1
        bounds = list(_bounds(sequence, largest))
        last = _last_uses(sequence, bounds)
        last.update(dict.fromkeys(kept, len(bounds)))
        last.update(dict.fromkeys(row_of, len(bounds)))
        self._form_of: dict[Any, int] = {}
        free: list[int] = []
        for place, (start, stop) in enumerate(bounds):
            self._add(sequence[start:stop], place, last, free)

    def _add(self, operations: Sequence[Operation], place: int, last: dict[int, int], free: list[int]) -> None:
        inside: dict[int, int] = {}
        reads: dict[int, int] = {}
        steps = []
        for operation in operations:
            step = [operation.head]
            for number in operation.reads:
                if number in inside:
                    step.append(inside[number])
                else:
                    step.append(~reads.setdefault(number, len(reads)))
            steps.append(tuple(step))
            for number in operation.results:
                inside[number] = len(inside)
        written = [number for number in inside if last.get(number, -1) > place]
        uniform = [read for number, read in reads.items() if self.row_of[number] < self.n_uniform]
        key = tuple(steps), tuple(uniform), tuple([inside[number] for number in written])
        form = self._form_of.get(key)
        if form is None:
            form = self._form_of[key] = len(self.forms)
            self.forms.append(Form(key[0], len(reads), *key[1:]))
        for number in written:
            self.row_of[number] = free.pop() if free else self.n_rows
            self.n_rows = max(self.n_rows, self.row_of[number] + 1)
        self.chunks.append(Chunk(form, [self.row_of[number] for number in (*reads, *written)]))
        free += [self.row_of[number] for number in reads if last[number] == place]


def _last_uses(sequence: Sequence[Operation], bounds: Sequence[tuple[int, int]]) -> dict[int, int]:
    """The last chunk in which a scalar is read."""
    last: dict[int, int] = {}
    for place, (start, stop) in enumerate(bounds):
        for operation in sequence[start:stop]:
            last.update(dict.fromkeys(operation.reads, place))
    return last


def _bounds(sequence: Sequence[Operation], largest: int) -> Iterator[tuple[int, int]]:
    """The bounds of the chunks."""
    digests = [hash((operation.head, operation.size)) for operation in sequence]
    start, size, place = 0, 0, 0
    while place < len(sequence):
        size += sequence[place].size
        if size > largest and place > start:
            half = digests[start + (place - start + 1) // 2 : place + 1]
            cut = place - half[::-1].index(min(half))
            yield start, cut
            start, place, size = cut, cut, 0
        else:
            place += 1
    if start < len(sequence):
        yield start, len(sequence)
