"""Chunks: a sequence of operations cut so that what repeats itself, such as the steps of a recurrence, becomes chunks
of the same form, which need be written and compiled only once.

Where to cut follows from the operations themselves: before the one whose digest is smallest. The same stretch of
operations is so cut in the same way wherever it occurs (content-defined chunking, as in rsync and its successors).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy

from autograd_mini.compiler.code.listing import ALONE, Listing, alike
from autograd_mini.compiler.ir.program import Index

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
        row_of: the rows of scalars that are in memory beforehand, or have to be written there.
        kept: scalars that must stay in memory, or be written there.
        largest: the size of a chunk.
        where_few_cross: cut where few results are still needed, not where the digest alone says.
        n_uniform: how many rows, the first ones, hold one number for all columns.
        n_arrays: how many rows, those included, are not within the memory of a block.

    Attributes:
        forms: the different forms.
        row_of: the rows of all scalars that are, or were, in memory.
        n_rows: how many rows there are.
    """

    n_rows: int

    def __init__(
        self,
        sequence: Listing,
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
        self.n_rows = max(row_of.values(), default=-1) + 1
        last = _last(sequence, [*kept, *row_of])
        crossing = _crossing(sequence, last) if where_few_cross else None
        bounds = [*_bounds(sequence, largest, crossing)]
        cut = _Cut(sequence, bounds, last)
        self.row_of: Index = numpy.full(cut.n_numbers, -1)
        self.row_of[[*row_of]] = [*row_of.values()]
        rows, ends = self._rows(cut, len(bounds))
        kinds = numpy.searchsorted([n_uniform, max(n_arrays, n_uniform)], rows, side="right").astype(numpy.uint8)
        self._take(sequence, cut, bounds, rows.tolist(), ends, kinds.tobytes())

    def _rows(self, cut: _Cut, n_chunks: int) -> tuple[Index, list[int]]:
        """The rows that each chunk reads and then writes, chunk after chunk, and where those of each end. A row that is
        read for the last time is free from the next chunk on."""
        row_of = self.row_of
        is_fresh = row_of[cut.written] < 0
        fresh, fresh_ends = cut.written[is_fresh], _ends(cut.chunk_of_written[is_fresh], n_chunks)
        freed, freed_ends = cut.outside[cut.is_freed], _ends(cut.chunk_of_outside[cut.is_freed], n_chunks)
        rows = [*range(self.n_rows)]  # those that there are at first, and then those of what is fresh
        row_of[fresh] = len(rows) + numpy.arange(len(fresh))  # at first, where among these
        places = row_of[freed].tolist()
        free: list[int] = []
        start = begin = 0
        for stop, end in zip(fresh_ends, freed_ends):
            n_more = stop - start - len(free)
            n = max(0, -n_more)
            rows += reversed(free[n:])
            rows += range(self.n_rows, self.n_rows + n_more)
            self.n_rows += max(0, n_more)
            del free[n:]
            free += dict.fromkeys(map(rows.__getitem__, places[begin:end]))
            start, begin = stop, end
        row_of[fresh] = rows[len(rows) - len(fresh) :]
        numbers = numpy.concatenate([cut.outside, cut.written])
        chunk_of = numpy.concatenate([cut.chunk_of_outside, cut.chunk_of_written])
        numbers = numbers[numpy.argsort(chunk_of, kind="stable")]
        return numpy.where(numbers < 0, numbers, row_of[numbers]), _ends(chunk_of, n_chunks)

    def _take(
        self,
        sequence: Listing,
        cut: _Cut,
        bounds: Sequence[tuple[int, int]],
        rows: list[int],
        ends: list[int],
        kinds: bytes,
    ) -> None:
        """Make the chunks; those that are alike share a form."""
        form_of: dict[Any, int] = {}
        n_chunks = len(bounds)
        heads, operands, writes = (each.astype(numpy.int32) for each in (sequence.heads, cut.operands, cut.writes))
        texts = [each.tobytes() for each in (heads, operands, writes)]
        starts, sizes = sequence.reads.starts.tolist(), sequence.sizes.tolist()
        n_reads, n_writes = ([0, *_ends(each, n_chunks)] for each in (cut.chunk_of_outside, cut.chunk_of_written))
        start = 0
        for number, ((first, stop), end) in enumerate(zip(bounds, ends)):
            is_alone = sizes[first] == ALONE
            parts = [
                (first, stop),
                (starts[first], starts[first if is_alone else stop]),
                (n_writes[number], n_writes[number + 1]),
            ]
            key = *[text[4 * a : 4 * b] for text, (a, b) in zip(texts, parts)], kinds[start:end]
            form = form_of.get(key)
            if form is None:
                form = form_of[key] = len(self.forms)
                own = [each[a:b].tolist() for each, (a, b) in zip((heads, operands, writes), parts)]
                rest = iter(own[1])
                lengths = sequence.reads.lengths[first:stop].tolist()
                steps = tuple([(head, *islice(rest, n)) for head, n in zip(own[0], lengths)])
                self.forms.append(Form(steps, n_reads[number + 1] - n_reads[number], (*own[2],), key[3], is_alone))
            self.chunks.append(Chunk(form, rows[start:end]))
            start = end


class _Cut:
    """What each chunk reads and writes, chunk by chunk.

    Attributes:
        n_numbers: the length of a table of all scalars and, last, of rows counted from the end.
        operands: for all that is read, what stands for it in a `Form`.
        outside: what each chunk reads and does not compute, each once; all that a chunk reads that is alone.
        is_freed: which of these nothing reads afterwards.
        written: what each chunk computes and others read; all that a chunk computes that is alone.
        writes: the places of these among the results of their chunk.
    """

    def __init__(self, sequence: Listing, bounds: Sequence[tuple[int, int]], last: Index) -> None:
        starts, stops = numpy.array(bounds, numpy.int64).reshape(-1, 2).T
        n_numbers = self.n_numbers = len(last)
        chunk_of = numpy.repeat(numpy.arange(len(starts)), stops - starts)
        is_alone = sequence.sizes[starts] == ALONE
        results, reads = sequence.results, sequence.reads
        first_result = results.starts[starts]
        chunk = chunk_of[results.owners]
        is_written = (last[results.numbers] >= stops[chunk]) | is_alone[chunk]
        self.written, self.chunk_of_written = results.numbers[is_written], chunk[is_written]
        self.writes = numpy.flatnonzero(is_written) - first_result[self.chunk_of_written]
        place = numpy.full(n_numbers, -1)
        place[results.numbers] = numpy.arange(len(results.numbers))
        chunk = chunk_of[reads.owners]
        self.operands = place[reads.numbers] - first_result[chunk]
        outside = numpy.flatnonzero((self.operands < 0) | is_alone[chunk])
        chunk, numbers = chunk[outside], reads.numbers[outside]
        keys = chunk * n_numbers + numbers % n_numbers
        keys = numpy.where(is_alone[chunk], n_numbers * len(starts) + numpy.arange(len(keys)), keys)
        _, firsts, kinds = numpy.unique(keys, return_index=True, return_inverse=True)
        order = numpy.argsort(firsts)
        firsts = firsts[order]
        self.outside, self.chunk_of_outside = numbers[firsts], chunk[firsts]
        before = numpy.searchsorted(self.chunk_of_outside, chunk)
        self.operands[outside] = ~(numpy.argsort(order)[kinds] - before)
        self.is_freed = (self.outside >= 0) & (last[self.outside] < stops[self.chunk_of_outside])


def _ends(chunk_of: Index, n_chunks: int) -> list[int]:
    """Where the items of each chunk end in a list that is ordered by chunks, given the chunk of each item."""
    return numpy.bincount(chunk_of, minlength=n_chunks).cumsum().tolist()  # type: ignore[no-any-return]


def _last(sequence: Listing, kept: Sequence[int]) -> Index:
    """For each scalar the last operation that reads it: -1 if there is none, one after all for those that are kept."""
    numbers, results = sequence.reads.numbers, sequence.results.numbers
    most = max(numbers.max(initial=0), results.max(initial=0), *kept)
    last = numpy.full(most + 1 - min(numbers.min(initial=0), 0), -1)  # rows counted from the end come last
    last[numbers] = sequence.reads.owners
    last[kept] = len(sequence)
    return last


def _crossing(sequence: Listing, last: Index) -> list[int]:
    """For each operation, how many earlier results it or a later one reads, without those that are kept anyway."""
    n, starts, stops = len(sequence), sequence.results.owners, last[sequence.results.numbers]
    crosses = (starts < stops) & (stops < n)
    begun, ended = (numpy.bincount(each[crosses] + 1, minlength=n + 1) for each in (starts, stops))
    return (begun - ended).cumsum().tolist()  # type: ignore[no-any-return]


def _bounds(sequence: Listing, largest: int, crossing: Sequence[int] | None) -> Iterator[tuple[int, int]]:
    """The bounds of the chunks: where the fewest results cross and, of such places, where the digest is smallest; and
    before operations that are large, or alone."""
    sizes = sequence.sizes.tolist()
    pairs = numpy.column_stack([sequence.heads, sequence.sizes - ALONE])
    kinds, firsts = alike(pairs)
    of_kinds = [hash((head, size + ALONE)) for head, size in pairs[firsts].tolist()]
    digests: Sequence[Any] = numpy.array(of_kinds, numpy.int64)[kinds].tolist()
    if crossing is not None:
        digests = [*zip(crossing, digests)]
    ends = numpy.maximum(sequence.sizes, 0).cumsum().tolist()
    is_large = (sequence.sizes == ALONE) | (sequence.sizes > largest)
    barriers = [*numpy.flatnonzero(is_large).tolist(), len(sizes)]
    start = 0
    while start < len(sizes):
        barrier = start + 1 if sizes[start] == ALONE else barriers[bisect_right(barriers, start)]
        place = max(start + 1, bisect_right(ends, ends[start] - sizes[start] + largest, start))
        if place < barrier:
            half = digests[start + (place - start + 1) // 2 : place + 1]
            barrier = place - half[::-1].index(min(half))
        yield start, barrier
        start = barrier
