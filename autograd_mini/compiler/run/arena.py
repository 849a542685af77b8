"""A program without a batch, column by column, in one memory: kernels on what is alike, sums of what is gathered."""

from __future__ import annotations

import ctypes
import struct
import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, count
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.column_kernels import GATHERED, HERE, ColumnScalars
from autograd_mini.compiler.code.emit import At as Distances
from autograd_mini.compiler.code.emit import require_emission, write
from autograd_mini.compiler.code.engine import DRIVE, Drive, addresses
from autograd_mini.compiler.code.gathering import COPY, RUN, SECOND, SIGN, terms
from autograd_mini.compiler.code.kernels import Kernel, kernel_of
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.totals import Total, at_once, totals
from autograd_mini.compiler.ir.program import Floats, Index, Leaf, Pack, Program, Sum, is_checked
from autograd_mini.compiler.ir.scalars import Number
from autograd_mini.compiler.partition import LONG_OF_FEW, columns_of_a_block
from autograd_mini.compiler.passes.columnar import Columns
from autograd_mini.compiler.passes.columnwise import Gathered, Item, divide
from autograd_mini.compiler.passes.scheduling import constants_of
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.numpy_executor import Results, sums_are_finite

GAP = 0
"""Numbers between those of different things, which nothing reads or writes."""

MINUS_ZERO, ZERO, UNIT = range(3)
"""Where -0.0, 0.0 and 1.0 are."""


class At(NamedTuple):
    """In place of a word: the address of a number of the memory."""

    place: int


class Pointers(NamedTuple):
    """In place of a word: a table of addresses of numbers of the memory."""

    places: Index


class Bodies(NamedTuple):
    """In place of a word: the addresses of functions."""

    texts: list[str]


class Body(NamedTuple):
    """A function, and its words: numbers, tables, and what stands in place of them."""

    text: str
    words: list[Any]


class Ready(NamedTuple):
    """A program with memory of its own: all numbers, and the addresses of its functions, of where the pointers of
    each start, their count, and the address of the pointers."""

    numbers: Floats
    called: tuple[int, int, int, int]
    held: list[Any]


class ArenaExecutor:
    """A program ready to run, by functions that take turns in one memory. Each thread has such a memory of its own.

    Attributes:
        first: where the numbers of each pack that is kept begin.
        results: by name, the places of their numbers.
        size: how many numbers there are.
        work: about how many times numbers are read.

    Raises:
        NotImplementedError: there is no machine code for a primitive.
    """

    def __init__(self, program: Program, cache: CodeCache | None = None) -> None:
        self.cache = cache
        self.seeds: list[Pack] = []
        self.size = self.work = 0
        self.first: dict[Pack, int] = {}
        self._offset: dict[Pack, Index] = {}  # of lanes that do not come in order
        self._known: list[tuple[int, Floats]] = []  # what stays in the memory
        self._know([-0.0, 0.0, 1.0])
        self._constants = constants_of(program)
        for pack, held in self._constants.items():
            self.first[pack] = self._know(held)
        self.leaves = [pack for pack in program.packs if isinstance(pack.operation, Leaf) and pack not in self.first]
        for pack in self.leaves:
            self.first[pack] = self._room(pack.lanes)
        items = divide(program, [*self._constants])
        self._keep(program, items)
        self._bodies: list[Body] = []
        for item in items:
            self._bodies += self._columns(item) if isinstance(item, Columns) else self._gathered(item)
        if self.size >= 2 ** (SECOND - 1):
            raise NotImplementedError("places of so many numbers")
        self.results = {
            name: numpy.concatenate([self._at(each.pack, each.index) for each in references])
            for name, references in program.results.items()
        }
        self._memory = threading.local()

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> Results:
        ready = self._memory.__dict__.pop("ready", None) or self.ready()  # none is left where an interrupt ends this
        for pack in self.leaves:
            first = self.first[pack]
            ready.numbers[first : first + pack.lanes] = leaves[pack][:, 0]
        self._drive(*ready.called, 1, 0, 1, 0, 0)
        rows = {name: [ready.numbers[places][:, None]] for name, places in self.results.items()}
        self._memory.ready = ready
        with numpy.errstate(all="ignore"):
            return Results(rows, sums_are_finite(array for name in rows if is_checked(name) for array in rows[name]))

    def ready(self) -> Ready:
        """The program in a new memory."""
        texts = [DRIVE, *(body.text for body in self._bodies)]
        for body in self._bodies:
            texts += [text for word in body.words if isinstance(word, Bodies) for text in word.texts]
        code = addresses(texts, cache=self.cache)
        address_of = dict(zip(texts, code))
        self._drive = Drive(address_of[DRIVE])
        numbers = memory.empty(self.size)
        for first, known in self._known:
            numbers[first : first + len(known)] = known
        base = memory.address(numbers, numbers.shape)
        held: list[Any] = [code, numbers]

        def word(each: Any) -> int:
            if isinstance(each, int):
                return each
            if isinstance(each, At):
                return base + 8 * each.place
            if isinstance(each, str):
                return address_of[each]
            if isinstance(each, Pointers):
                each = memory.copied(base + 8 * each.places, numpy.int64)
            elif isinstance(each, Bodies):
                each = memory.copied([address_of[text] for text in each.texts], numpy.int64)
            held.append(each)
            return memory.address(each, each.shape)

        words = [[*map(word, body.words)] for body in self._bodies]
        at, pointers = memory.table([[each for part in words for each in part]], sum(map(len, words)))
        held.append(pointers)
        bodies = code.table([address_of[body.text] for body in self._bodies])
        starts = [0, *accumulate(map(len, words))]
        starts_at, starts = memory.table([starts], 1)
        return Ready(numbers, (ctypes.addressof(bodies), starts_at, len(words), at), [*held, bodies, starts])

    def _room(self, count: int) -> int:
        """Where so many numbers are put; sums fill whole registers."""
        width = host_width()
        first = self.size
        self.size += -(-count // width) * width + GAP
        return first

    def _know(self, numbers: Sequence[float] | Floats) -> int:
        first = self._room(len(numbers))
        self._known.append((first, numpy.array(numbers, float)))
        return first

    def _at(self, pack: Pack, lanes: Index) -> Index:
        """The places of lanes of a pack."""
        offset = self._offset.get(pack)
        return self.first[pack] + (lanes if offset is None else offset[lanes])

    def _keep(self, program: Program, items: Sequence[Item]) -> None:
        """Make room for the packs that others read, or that are results."""
        needed = {reference.pack for references in program.results.values() for reference in references}
        for item in items:
            needed.update(item.reads())
        for item in items:
            for pack in item.places if isinstance(item, Columns) else [item.pack]:
                if pack not in needed:
                    continue
                self.first[pack] = self._room(pack.lanes)
                if isinstance(item, Columns):
                    place = item.places[pack]
                    self._offset[pack] = place.row * item.n + place.column
            if isinstance(item, Columns):
                first = self._room(sum(total.lanes for total in item.totals))
                for total in item.totals:
                    self.first[total], first = first, first + total.lanes

    def _columns(self, columns: Columns) -> Iterator[Body]:
        """What gathers for columns, and their kernel."""
        n = columns.n
        found = ColumnScalars(columns, self._at, self._constants)
        results = {
            number: (HERE, self.first[pack] + row * n) for (pack, row), number in found.of.items() if pack in self.first
        }
        computed = {number: None for total in found.totals for _, factors in total for number in factors}
        is_given = {*found.uniform, *found.arrays}
        sums = [each for each in computed if each not in is_given and type(found.scalars[each]) is not Number]
        kernel = kernel_of(found.scalars, found.uniform, found.arrays, results, sums, by_demand=True)
        for head in kernel.heads:
            require_emission(head)
        n_constants = len(kernel.constants)
        row_of: dict[int, int | float] = dict(zip((*found.uniform, *found.arrays), count(n_constants)))
        row_of |= dict(zip(sums, kernel.sums))
        for number in computed.keys() - row_of.keys():
            scalar = found.scalars[number]
            assert isinstance(scalar, Number)
            row_of[number] = scalar.number
        sums_of = [[(sign, [row_of[each] for each in factors]) for sign, factors in total] for total in found.totals]
        to = self.first[next(iter(columns.totals))] if sums_of else 0
        if sums_of:
            yield self._copy(to, numpy.full(len(sums_of), MINUS_ZERO))
        first = {HERE: 0, GATHERED: self._room(n * len(found.gathered))}
        if found.gathered:
            yield self._copy(first[GATHERED], numpy.concatenate(found.gathered))
        yield self._kernel(kernel, n, first, sums_of, to)

    def _copy(self, first: int, places: Index) -> Body:
        self.work += places.size
        return Body(COPY, [At(first), At(0), memory.copied(places, numpy.int64), places.size])

    def _kernel(self, kernel: Kernel, n: int, first: Mapping[int, int], sums: Sequence[Total], to: int) -> Body:
        """A kernel on n columns, and what adds them up to sums, which go to a place."""
        width = min(host_width(), 1 << n.bit_length() - 1)
        step = columns_of_a_block(kernel.n_scratch, width)
        constants, scratch = self._know(kernel.constants), self._room(kernel.n_scratch * step)
        places = [constants + number for number in range(len(kernel.constants))]
        places += [first[array] + place for array, place in (*kernel.uniform, *kernel.arrays)]
        places += [scratch + row * step for row in range(kernel.n_scratch)]
        texts, calls = [], []
        for chunk in kernel.chunks:
            form = kernel.forms[chunk.form]
            pointers, at = _by_distance([places[row] for row in chunk.rows], form.kinds, form.n_reads)
            texts.append(write(form, kernel.heads, width, at))
            calls.append(pointers)
        bounds = kernel.n_uniform, kernel.n_uniform + len(kernel.arrays)
        for start in range(0, len(sums), at_once(width)):
            part = sums[start : start + at_once(width)]
            rows = {row: None for total in part for _, factors in total for row in factors if isinstance(row, int)}
            number = {row: place for place, row in enumerate(rows)}
            kinds = bytes([bisect_right(bounds, row) for row in rows])
            pointers, at = _by_distance([places[row] for row in rows], kinds, len(rows))
            renamed = [
                [
                    (sign, [number[each] if isinstance(each, int) else each for each in factors])
                    for sign, factors in total
                ]
                for total in part
            ]
            texts.append(totals(renamed, kinds, [(pointer + 1, distance) for pointer, distance in at], width, n))
            calls.append([to + start, *pointers])
        whole = n // width * width
        starts = memory.copied([0, *accumulate(map(len, calls))], numpy.int64)
        every = Pointers(numpy.concatenate(calls).astype(numpy.int64))
        self.work += sum(len(chunk.rows) for chunk in kernel.chunks) * -(-n // width)
        columns = [step, 0, whole, n - width, n if whole < n else whole]
        return Body(RUN, [DRIVE, Bodies(texts), starts, len(texts), every, *columns])

    def _gathered(self, item: Gathered) -> Iterator[Body]:
        """What computes a sum term by term; a long one of few lanes in several parts first."""
        assert isinstance(item.pack.operation, Sum)
        flat, lanes, width = item.flat, item.pack.lanes, host_width()
        a, b = (numpy.full(flat.lane.size, UNIT) for _ in range(2))
        is_single = all(segment.b is None for segment in flat.segments)
        for number, segment in enumerate(flat.segments):
            chosen = flat.segment == number
            a[chosen] = self._at(segment.a, flat.a[chosen])
            if segment.b is not None:
                b[chosen] = self._at(segment.b, flat.b[chosen])
        order = numpy.argsort(flat.lane, kind="stable")
        lane, sign, a, b = flat.lane[order], flat.sign[order], a[order], b[order]
        first, zero = self.first.get(item.pack), 0.0 if item.pack.operation.from_zero else -0.0
        if first is None:
            return
        if 2 * lanes <= width and lane.size >= LONG_OF_FEW * lanes:
            parts = self._room(lanes * width)
            part = lane * width + numpy.arange(lane.size) % width
            again = numpy.argsort(part, kind="stable")
            yield self._terms(
                parts, lanes * width, part[again], sign[again], a[again], None if is_single else b[again], -0.0
            )
            lane, a = numpy.repeat(numpy.arange(lanes), width), parts + numpy.arange(lanes * width)
            sign, is_single = numpy.ones(a.size), True
        yield self._terms(first, lanes, lane, sign, a, None if is_single else b, zero)

    def _terms(self, first: int, lanes: int, lane: Index, sign: Any, a: Index, b: Index | None, zero: float) -> Body:
        """Sums of terms in the order of their lanes."""
        width = host_width()
        n_registers = -(-lanes // width)
        counts = numpy.bincount(lane, minlength=n_registers * width)
        starts = numpy.cumsum([0, *numpy.maximum(counts.reshape(-1, width).max(axis=1), 1)])
        turn = numpy.arange(lane.size) - numpy.repeat(numpy.cumsum(counts) - counts, counts)
        nothing = MINUS_ZERO | UNIT << SECOND
        words = numpy.full((int(starts[-1]), width), nothing, numpy.int64)
        words[starts[:-1]] = numpy.where(counts.reshape(-1, width) > 0, nothing, ZERO | UNIT << SECOND)
        found = a | (UNIT if b is None else b) << SECOND
        words[starts[lane // width] + turn, lane % width] = numpy.where(sign < 0.0, found | SIGN, found)
        self.work += words.size
        (bits,) = struct.unpack("q", struct.pack("d", zero))
        tables = memory.copied(words, numpy.int64), memory.copied(starts, numpy.int64)
        return Body(terms(width, 1 if b is None else 2), [At(first), At(0), *tables, n_registers, bits])


def _by_distance(places: Sequence[int], kinds: bytes, n_reads: int) -> tuple[list[int], Distances]:
    """Pointers to the first place of those of one kind that are read, or written, and how each of them is found."""
    pointers: dict[tuple[int, bool], int] = {}
    at = []
    for number, (place, kind) in enumerate(zip(places, kinds)):
        key = kind, number < n_reads
        first = pointers.setdefault(key, place)
        at.append(([*pointers].index(key), place - first))
    return [*pointers.values()], at
