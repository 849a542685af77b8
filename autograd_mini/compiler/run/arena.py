"""Runs a program without a batch in one memory: kernels on columns of what is alike, and sums of gathered terms."""

from __future__ import annotations

import ctypes
import threading
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate, count
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.code import sum_tables
from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.column_kernels import GATHERED, HERE, ColumnScalars
from autograd_mini.compiler.code.emit import write
from autograd_mini.compiler.code.engine import DRIVE, Drive, addresses
from autograd_mini.compiler.code.gathering import COPY, RUN, SECOND, regular_terms, terms
from autograd_mini.compiler.code.kernels import Kernel, kernel_of
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.register_products import FUSED
from autograd_mini.compiler.code.totals import Total, at_once, totals
from autograd_mini.compiler.ir.names import is_checked
from autograd_mini.compiler.ir.program import Floats, Index, Leaf, Pack, Program, Sum
from autograd_mini.compiler.ir.scalars import Number
from autograd_mini.compiler.partition import LONG_OF_FEW, columns_of_a_block
from autograd_mini.compiler.passes.columnar import Columns
from autograd_mini.compiler.passes.columnwise import Gathered, Item, divide
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.numpy_executor import Results, sums_are_finite
from autograd_mini.compiler.run.scheduling import constants_of

GAP = 0
"""How many numbers that nothing reads or writes lie between those of different things."""


class At(NamedTuple):
    """Stands for a word: the address of a number in the memory, or of a table of the addresses of several."""

    place: int | Index


class Body(NamedTuple):
    """A function's text, and the words that it is given: ints, tables, `At`s; a text stands for the address of its
    code, a list of texts for a table of such addresses."""

    text: str
    words: list[Any]


class Ready(NamedTuple):
    """A program with memory of its own: all its numbers; the address of its functions, of where the words of each
    start, how many functions there are, and the address of the words; all that these need."""

    numbers: Floats
    called: tuple[int, int, int, int]
    held: list[Any]


class ArenaExecutor:
    """A program ready to run: functions called one after the other on one memory. Each thread has its own memory.

    Args:
        given: packs that are computed elsewhere, and given like leaves.
        constants: the numbers of packs that never change; None for those computed from the program's constants.

    Attributes:
        first: where in the memory the numbers of each kept pack begin.
        results: the places of the numbers of each result, by name.
        size: how many numbers the memory holds.
        work: about how many numbers one run reads.

    Raises:
        NotImplementedError: there is no machine code for a primitive.
    """

    def __init__(
        self,
        program: Program,
        cache: CodeCache | None = None,
        given: Collection[Pack] = (),
        constants: Mapping[Pack, Floats] | None = None,
    ) -> None:
        self.cache = cache
        self.seeds: list[Pack] = []
        self.size: int = 0
        self.work: int = 0
        self.first: dict[Pack, int] = {}
        self._offset: dict[Pack, Index] = {}  # for packs whose lanes are not in order
        self._known: list[tuple[int, Floats]] = []  # numbers that stay in the memory
        self._know(sum_tables.KNOWN)
        self._constants = constants_of(program) if constants is None else constants
        for pack, held in self._constants.items():
            self.first[pack] = self._know(held)
        self.leaves: list[Pack] = [
            pack
            for pack in program.packs
            if pack not in self.first and (isinstance(pack.operation, Leaf) or pack in given)
        ]
        for pack in self.leaves:
            self.first[pack] = self._room(pack.lanes)
        items = divide(program, [*self._constants], given)
        self._keep(program, items)
        self._bodies: list[Body] = []
        for item in items:
            self._bodies += self._columns(item) if isinstance(item, Columns) else self._gathered(item)
        if self.size >= 2 ** (SECOND - 1):
            raise NotImplementedError("places of so many numbers")
        self.results: dict[str, Index] = {
            name: self._at(each.pack, each.index) for name, each in program.results.items()
        }
        self._memory = threading.local()

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> Results:
        ready = self._memory.__dict__.pop("ready", None) or self.ready()  # popped: an interrupted run leaves none
        for pack in self.leaves:
            first = self.first[pack]
            ready.numbers[first : first + pack.lanes] = leaves[pack][:, 0]
        self._drive(*ready.called, 1, 0, 1, 0, 0)
        rows = {name: ready.numbers[places][:, None] for name, places in self.results.items()}
        self._memory.ready = ready
        with numpy.errstate(all="ignore"):
            return Results(rows, sums_are_finite(rows[name] for name in rows if is_checked(name)))

    def ready(self) -> Ready:
        """The program in a new memory."""
        texts = [DRIVE, *(body.text for body in self._bodies)]
        for body in self._bodies:
            texts += [text for word in body.words if isinstance(word, list) for text in word]
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
            if isinstance(each, str):
                return address_of[each]
            if isinstance(each, At) and not isinstance(each.place, numpy.ndarray):
                return base + 8 * each.place
            if isinstance(each, At):
                each = memory.copied(base + 8 * each.place, numpy.int64)
            elif isinstance(each, list):
                each = memory.copied([address_of[text] for text in each], numpy.int64)
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
        """Reserve room for so many numbers, in whole registers; return where it begins."""
        width = host_width()
        first = self.size
        self.size += -(-count // width) * width + GAP
        return first

    def _know(self, numbers: Sequence[float] | Floats) -> int:
        first = self._room(len(numbers))
        self._known.append((first, numpy.array(numbers, float)))
        return first

    def _at(self, pack: Pack, lanes: Index) -> Index:
        """The places in the memory of lanes of a pack."""
        offset = self._offset.get(pack)
        return self.first[pack] + (lanes if offset is None else offset[lanes])

    def _keep(self, program: Program, items: Sequence[Item]) -> None:
        """Make room for the packs that others read, or that are results."""
        needed = {reference.pack for reference in program.results.values()}
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
        """The functions that compute columns: those that gather numbers for them, then their kernel."""
        n = columns.n
        found = ColumnScalars(columns, self._at, self._constants)
        results = {
            number: (HERE, self.first[pack] + row * n) for (pack, row), number in found.of.items() if pack in self.first
        }
        computed = {number: None for total in found.totals for _, factors in total for number in factors}
        is_given = {*found.uniform, *found.arrays}
        sums = [each for each in computed if each not in is_given and type(found.scalars[each]) is not Number]
        kernel = kernel_of(found.scalars, found.uniform, found.arrays, results, [], by_demand=True, kept=sums)
        n_constants = len(kernel.constants)
        row_of: dict[int, int | float] = dict(zip((*found.uniform, *found.arrays), count(n_constants)))
        row_of |= dict(zip(sums, kernel.kept))
        for number in computed.keys() - row_of.keys():
            scalar = found.scalars[number]
            assert isinstance(scalar, Number)
            row_of[number] = scalar.number
        sums_of = [[(sign, [row_of[each] for each in factors]) for sign, factors in total] for total in found.totals]
        to = self.first[next(iter(columns.totals))] if sums_of else 0
        if sums_of:
            yield self._copy(to, numpy.full(len(sums_of), sum_tables.MINUS_ZERO))
        first = {HERE: 0, GATHERED: self._room(n * len(found.gathered))}
        if found.gathered:
            yield self._copy(first[GATHERED], numpy.concatenate(found.gathered))
        yield self._kernel(kernel, n, first, sums_of, to)

    def _copy(self, first: int, places: Index) -> Body:
        self.work += places.size
        return Body(COPY, [At(first), At(0), memory.copied(places, numpy.int64), places.size])

    def _kernel(self, kernel: Kernel, n: int, first: Mapping[int, int], sums: Sequence[Total], to: int) -> Body:
        """The function that runs a kernel on n columns, and writes sums over the columns from the place `to` on."""
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
            kinds = {row: bisect_right(bounds, row) for row in rows}
            pointers, at = _by_distance([places[row] for row in rows], [*kinds.values()], len(rows))
            places_of = {row: (pointer + 1, distance) for row, (pointer, distance) in zip(rows, at)}
            texts.append(totals(part, kinds, places_of, width, n))
            calls.append([to + start, *pointers])
        whole = n // width * width
        starts = memory.copied([0, *accumulate(map(len, calls))], numpy.int64)
        every = At(numpy.concatenate(calls).astype(numpy.int64))
        self.work += sum(len(chunk.rows) for chunk in kernel.chunks) * -(-n // width)
        columns = [step, 0, whole, n - width, n if whole < n else whole]
        return Body(RUN, [DRIVE, texts, starts, len(texts), every, *columns])

    def _gathered(self, item: Gathered) -> Iterator[Body]:
        """The functions that compute a sum term by term: regular terms by tables of their own, then the others."""
        assert isinstance(item.pack.operation, Sum)
        flat, lanes, first = item.flat, item.pack.lanes, self.first.get(item.pack)
        if first is None:
            return
        zero = 0.0 if item.pack.operation.from_zero else -0.0
        every, rest = [], []
        for number, segment in enumerate(flat.segments):
            for sign in (1.0, -1.0):
                part = flat.part((flat.segment == number) & (flat.sign == sign))
                b = numpy.full(part.lane.size, sum_tables.UNIT) if segment.b is None else self._at(segment.b, part.b)
                every.append(sum_tables.Listed(part.lane, part.sign, self._at(segment.a, part.a), b).in_order())
        for listed in every:
            found = sum_tables.regular(listed, host_width())
            if found is None:
                rest.append(listed)
                continue
            left, present = listed.part(found.left), numpy.unique(listed.lane)
            is_all = listed.lane.size == flat.lane.size and not left.lane.size and present.size == lanes
            to = first if is_all else self._room(lanes)
            yield self._regular(found, to, float(listed.sign[0]), zero if is_all else -0.0)
            if not is_all:
                ones = numpy.ones(present.size)
                rest += [
                    left,
                    sum_tables.Listed(present, ones, to + present, numpy.full(present.size, sum_tables.UNIT)),
                ]
        if sum(each.lane.size for each in rest) or not flat.lane.size:
            yield from self._terms(sum_tables.together(rest), first, lanes, zero)

    def _regular(self, found: sum_tables.Regular, to: int, sign: float, zero: float) -> Body:
        words, lanes = found.table()
        n_terms, has_many = words.shape[1], words.shape[1] * (host_width() if found.across else 1) >= FUSED
        text = regular_terms(host_width(), found.steps, n_terms, sign, across=found.across, fused=has_many)
        self.work += words.size
        tables = memory.copied(words, numpy.int64), memory.copied(to + lanes, numpy.int64)
        return Body(text, [At(0), *tables, len(lanes), sum_tables.bits(zero)])

    def _terms(self, listed: sum_tables.Listed, first: int, lanes: int, zero: float) -> Iterator[Body]:
        """The functions that gather terms and add them up; long sums of few lanes are first added in several parts."""
        width = host_width()
        if 2 * lanes <= width and listed.lane.size >= LONG_OF_FEW * lanes:
            parts = self._room(lanes * width)
            lane = listed.lane * width + numpy.arange(listed.lane.size) % width
            yield from self._terms(listed._replace(lane=lane).in_order(), parts, lanes * width, -0.0)
            each = numpy.arange(lanes * width)
            listed = sum_tables.Listed(
                each // width, numpy.ones(each.size), parts + each, numpy.full(each.size, sum_tables.UNIT)
            )
        words, starts = sum_tables.gathered(listed, lanes, width)
        self.work += words.size
        tables = memory.copied(words, numpy.int64), memory.copied(starts, numpy.int64)
        text = terms(width, 1 if listed.is_single else 2)
        yield Body(text, [At(first), At(0), *tables, len(starts) - 1, sum_tables.bits(zero)])


def _by_distance(places: Sequence[int], kinds: Sequence[int], n_reads: int) -> tuple[list[int], list[tuple[int, int]]]:
    """A pointer for all places of one kind that are read, or written; for each place, its pointer and the distance."""
    pointers: dict[tuple[int, bool], int] = {}
    at = []
    for number, (place, kind) in enumerate(zip(places, kinds)):
        key = kind, number < n_reads
        first = pointers.setdefault(key, place)
        at.append(([*pointers].index(key), place - first))
    return [*pointers.values()], at
