"""Run kernels: memory and tables of pointers for them, and threads that share the columns of a large batch."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field
from functools import cache
from itertools import chain
from struct import pack_into
from typing import Any

import numpy

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.emit import write
from autograd_mini.compiler.code.emit_products import add_up
from autograd_mini.compiler.code.engine import DRIVE, POINT, AddUp, Drive, Point, addresses
from autograd_mini.compiler.code.kernels import SCRATCH, SIZES, SUMS, UNIFORM, Kernel
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.taking import HEAD, RECORD, take
from autograd_mini.compiler.ir.program import Floats, Index, Pack
from autograd_mini.compiler.partition import columns_of_a_block, columns_of_a_group, threads_for
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.gather import Gather
from autograd_mini.compiler.run.numpy_executor import Values


@dataclass
class Table:
    """What one thread is given: pointers, the memory of a block, and what the sums need to know.

    Attributes:
        arrays: the address of each array that differs from call to call, and the bytes from row to row.
        taking: the table of `take`, to which the last pointer points.
        blocks: memory for blocks of arrays whose strides machine code cannot read.
    """

    pointers: Index
    scratch: Floats
    sizes: Index
    arrays: Index
    taking: Index
    blocks: dict[int, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.at: int
        self.at, self.sizes_at, self.arrays_at, taking_at = (
            memory.address(each, each.shape) for each in (self.pointers, self.sizes, self.arrays, self.taking)
        )
        self.pointers[-1] = taking_at


@dataclass
class State:
    """What a kernel is given for a batch of n columns, by all its threads.

    Attributes:
        uniform: numbers that are the same for all columns.
        padded: arrays that stand in for those of a batch too small to fill a register, by place.
        moving: places of arrays that differ from call to call; `rows` says which pointers point to which of their
            rows.
        sums: for each group of columns, [sums, places in a register].
        totals: the sums of all groups, added up.
    """

    n: int
    tables: list[Table]
    uniform: Floats
    padded: dict[int, Floats]
    moving: list[int]
    rows: Index
    sums: Floats
    totals: Floats

    def __post_init__(self) -> None:
        self.uniform_at, self.rows_at, self.sums_at, self.totals_at = (
            memory.address(each, each.shape) for each in (self.uniform, self.rows, self.sums, self.totals)
        )


@dataclass(eq=False, repr=False)
class KernelStep:
    """A kernel, compiled at its first run; compiled once more for single columns.

    Args:
        packs: those that it computes; none if it is a whole program.
        lanes: the number of lanes of each array, by place.
        outputs: places of arrays that it writes; `writes` are those of them whose memory is its own.
        fixed: places of arrays that stay the same from call to call.
        summed: places of results that are sums of the kernel, and which of its sums they are; the sums before all of
            these tell whether what is checked is finite.
    """

    drive: Any = field(init=False)
    point: Any = field(init=False)
    kernel: Kernel
    packs: list[Pack]
    lanes: Sequence[int]
    _: KW_ONLY
    outputs: Sequence[int]
    is_batched: bool
    cache: CodeCache | None
    writes: Sequence[int] = ()
    fixed: Set[int] = frozenset()
    summed: Sequence[tuple[int, slice]] = ()
    threads: int = 1

    def __post_init__(self) -> None:
        kernel = self.kernel
        n_checks = len(kernel.sums) - sum(part.stop - part.start for _, part in self.summed)
        self.order: Index = memory.copied(kernel.sums, numpy.int64)
        self.order_at: int = memory.address(self.order, self.order.shape)
        self.checks: Index = numpy.flatnonzero(self.order < n_checks)
        self.fixed = {*self.fixed, *self.writes, UNIFORM, SCRATCH, SUMS, SIZES}
        self.width: int = host_width() if self.is_batched else 1
        self.columns: int = columns_of_a_block(kernel.n_scratch, self.width) if self.is_batched else 1
        self.group: int = columns_of_a_group(len(kernel.sums), self.columns)
        calls = [chunk.rows for chunk in kernel.chunks]
        starts = numpy.cumsum([0, *map(len, calls)])[: len(calls)].tolist()
        self.starts: Any = (ctypes.c_int64 * len(starts))(*starts)
        self.linked: dict[int, tuple[Any, Any, int]] = {}
        self.add_up: dict[int, Any] = {}
        self.slots: Index = kernel.places()[numpy.fromiter(chain.from_iterable(calls), numpy.int64)]
        self.rows: dict[int, Index] = _by_array(self.slots)
        self.work: int = kernel.work
        self.inputs: list[tuple[int, Any, Any]] = [
            (number, Gather(row + len(kernel.constants)).rows, Gather(lane).rows)
            for number, (row, lane) in _by_array(kernel.uniform).items()
        ]

    def texts(self, width: int) -> list[str]:
        """The texts of the functions for so many columns at a time, in order."""
        forms = [write(form, self.kernel.heads, width) for form in self.kernel.forms]
        return [forms[chunk.form] for chunk in self.kernel.chunks]

    def functions(self, width: int) -> tuple[Any, Any, int]:
        """The functions for so many columns at a time, where the pointers of each start, and how many there are."""
        if width not in self.linked:
            link([self], width)
        return self.linked[width]

    def prepare(self, values: Values, n: int) -> State:
        """Make memory for n columns, and set pointers to all that stays where it is."""
        for number in self.writes:
            values[number] = memory.rows_of(self.lanes[number], n)
        arrays = [number for number in self.rows if number >= 0]
        padded = {each: memory.empty(self.lanes[each], self.width) for each in arrays} if 1 < n < self.width else {}
        moving = [each for each in arrays if not (each in self.fixed or each in padded)]
        rows = [numpy.insert(self.rows[each], 1, k, axis=0) for k, each in enumerate(moving)]
        uniform = memory.copied([*self.kernel.constants, *[0.0] * len(self.kernel.uniform)])
        n_sums, width = len(self.kernel.sums), 1 if n == 1 else self.width
        state = State(
            n,
            [],
            uniform,
            padded,
            moving,
            memory.copied(numpy.concatenate([numpy.zeros((3, 0)), *rows], axis=1).T, numpy.int64),
            memory.empty(-(-n // self.group), n_sums, width),
            memory.empty(n_sums if self.summed else 0, 1),
        )
        columns = self.width if padded else n
        for _ in range(threads_for(n, self.threads, self.work)):
            table = Table(
                memory.empty(len(self.slots) + 1, of=numpy.int64),
                memory.rows_of(self.kernel.n_scratch, self.columns),
                memory.copied([n - n % width, n, self.group, n_sums * width], numpy.int64),
                memory.empty(len(moving), 2, of=numpy.int64),
                memory.empty(HEAD + RECORD * len(moving), of=numpy.int64),
            )
            state.tables.append(table)
            for number in self.rows.keys() - moving:
                if number == UNIFORM:
                    start, stride = state.uniform_at, 1
                elif number == SCRATCH:
                    start, stride = memory.rows(table.scratch, self.kernel.n_scratch, self.columns)
                elif number == SIZES:
                    start, stride = table.sizes_at, 0
                elif number == SUMS:
                    start, stride = state.sums_at, width
                else:
                    array = padded[number] if padded else values[number]
                    start, stride = memory.rows(array, self.lanes[number], columns)
                slots, lanes = self.rows[number]
                table.pointers[slots] = start + 8 * stride * lanes
        return state

    def run(self, values: Values, state: State) -> None:
        n, tables = state.n, state.tables
        width = 1 if n == 1 else self.width
        functions = self.functions(width)
        for number, rows, lanes in self.inputs:
            state.uniform[rows] = values[number][lanes, 0]
        for number, array in state.padded.items():
            if number not in self.outputs:  # the last column stands in for missing ones
                array[:, :n] = values[number]
                array[:, n:] = values[number][:, -1:]
        if len(state.sums):
            state.sums[...] = 0.0
        if self._point(values, state):
            functions = self.taking(width)
        whole = max(n, width) // width * width if n else 0
        # Columns left over are computed together with as many before them as fill a register.
        rest = max(n - width, 0), n if whole < n else whole
        if len(tables) == 1:
            self.drive(*functions, tables[0].at, self.columns, 0, whole, *rest)
        else:
            share = -(-whole // (len(tables) * self.group)) * self.group
            held = list(values), state  # what the pointers point to, if an interrupt ends the call before its threads

            def work(start: int, table: Table, held: object = held) -> None:
                stop = min(start + share, whole)
                bounds = start, stop, *(rest if stop == whole else (0, 0))
                self.drive(*functions, table.at, self.columns, *bounds)

            list(workers().map(work, range(0, whole, share), tables))
        for number in self.outputs if state.padded else ():
            values[number][...] = state.padded[number][:, :n]
        if self.summed:
            self.add_up[width](state.sums_at, len(state.sums), len(state.totals), state.totals_at, self.order_at)
            for number, part in self.summed:
                values[number] = state.totals[part].copy()

    def _point(self, values: Values, state: State) -> bool:
        """Set the pointers to arrays that differ from call to call; return whether some have strides that machine code
        cannot read, so that it has to copy them a block at a time."""
        found: list[int] = []
        taken: list[tuple[int, int]] = []
        for number in state.moving:
            array = values[number]
            rows, columns = array.strides
            if state.n == 1 and rows % 8:
                array = values[number] = memory.copied(array)
            elif state.n > 1 and (columns != 8 or rows % 8):
                taken.append((len(found), number))
                found += 0, 0
                continue
            start, stride = memory.rows(array, self.lanes[number], state.n)
            found += start, 8 * stride
        for table in state.tables if state.moving else ():
            pack_into(f"{len(found)}q", table.arrays.data, 0, *found)
            if taken:
                self._take(values, state, table, taken)
            else:
                self.point(table.at, state.rows_at, len(state.rows), table.arrays_at)
        return bool(taken)

    def _take(self, values: Values, state: State, table: Table, taken: Sequence[tuple[int, int]]) -> None:
        """Fill the table that tells `take` which arrays to copy by blocks."""
        records = [table.at, state.rows_at, len(state.rows), table.arrays_at, len(taken), state.n - 1]
        for place, number in taken:
            if number not in table.blocks:
                table.blocks[number] = memory.lines_of(self.lanes[number], self.columns)
            start, stride = memory.rows(table.blocks[number], self.lanes[number], self.columns)
            table.arrays[place // 2, 1] = 8 * stride
            given = memory.scattered(values[number], self.lanes[number], state.n)
            records += place, *given, self.lanes[number], start, 8 * stride
        table.taking[: len(records)] = records

    def taking(self, width: int) -> tuple[Any, Any, int]:
        """As `functions`, with the function that copies blocks of arrays before the others."""
        if -width not in self.linked:
            bodies, starts, count = self.linked[width]
            code = addresses([take(width)], effort=0, keep=True, cache=self.cache)
            every = code.table([code[0], *bodies])  # the others are held where they were linked
            self.linked[-width] = every, (ctypes.c_int64 * (count + 1))(len(self.slots), *starts), count + 1
        return self.linked[-width]

    def is_finite(self, state: State) -> bool:
        """Whether everything that is checked was finite in the last run."""
        return not state.sums[:, self.checks].any()


def _by_array(places: Any) -> dict[int, Index]:
    """For each array, the indices of those places that are in it, and their rows there: [2, …]."""
    arrays, rows = numpy.asarray(places, dtype=numpy.int64).reshape(-1, 2).T
    order = numpy.argsort(arrays, kind="stable")
    found, firsts = numpy.unique(arrays[order], return_index=True)
    parts = numpy.split(order, firsts[1:])
    return {array: numpy.stack([part, rows[part]]) for array, part in zip(found.tolist(), parts)}


def link(steps: Sequence[KernelStep], width: int) -> None:
    """Compile together all functions that steps need for so many columns at a time; loops of loops with more effort."""
    steps = [step for step in steps if width not in step.linked]
    texts = [step.texts(width) for step in steps]
    if texts:
        drivers = [DRIVE, POINT, add_up(width)]
        kinds: dict[bool, list[str]] = {False: [*drivers], True: []}
        for step, each in zip(steps, texts):
            are_loops = [step.kernel.forms[chunk.form].is_alone for chunk in step.kernel.chunks]
            for text, is_loop in zip(each, are_loops):
                kinds[is_loop].append(text)
        held = [addresses(group, effort=int(is_loop), cache=steps[0].cache) for is_loop, group in kinds.items()]
        for step, each in zip(steps, texts):
            own = addresses([*each, *drivers])  # all compiled by now
            step.drive, step.point, step.add_up[width] = Drive(own[-3]), Point(own[-2]), AddUp(own[-1])
            step.linked[width] = own.table(own[: len(each)]), step.starts, len(each)
        del held


def workers() -> ThreadPoolExecutor:
    """The threads that work on large batches; a forked process has none of its parent's."""
    return _workers_of(os.getpid())


@cache
def _workers_of(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="autograd_mini")
