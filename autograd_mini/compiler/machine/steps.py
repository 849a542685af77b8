"""Steps of a program: kernels, matrix products by BLAS, sums over the batch, and what is left to NumPy."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy

from autograd_mini.compiler.machine.bodies import COLUMNS
from autograd_mini.compiler.machine.engine import addresses, drive
from autograd_mini.compiler.machine.isolating import is_large
from autograd_mini.compiler.machine.kernels import Kernel, check, write_kernel
from autograd_mini.compiler.machine.libraries import host_width
from autograd_mini.compiler.numpy_executor import Gather, Values, step_of
from autograd_mini.compiler.program import Floats, Pack, Sum

if TYPE_CHECKING:
    from autograd_mini.compiler.machine.executor import MachineExecutor

COLUMNS_A_THREAD = 4096
"""Fewer are not worth a thread."""


class Step(Protocol):
    """Part of a program.

    `packs` are those it computes, `writes` the places of those whose arrays stay the same from call to call.
    """

    packs: list[Pack]

    @property
    def writes(self) -> Sequence[int]: ...

    def prepare(self, values: Values, n: int) -> Any:
        """Make room for what it computes; gives what else it keeps."""

    def run(self, values: Values, state: Any, n: int) -> None:
        """Compute it."""


def numpy_step(executor: MachineExecutor, pack: Pack) -> Step:
    """The step of a pack that is in no kernel."""
    return _product_step(executor, pack) or _batch_sum_step(executor, pack) or NumpyStep(executor, pack)


class NumpyStep:
    """One pack, by NumPy."""

    writes: Sequence[int] = ()

    def __init__(self, executor: MachineExecutor, pack: Pack) -> None:
        self.packs = [pack]
        self.number = executor.place[pack]
        self.compute = step_of(pack, executor.place, careful=False)

    def prepare(self, values: Values, n: int) -> None:
        return None

    def run(self, values: Values, state: None, n: int) -> None:
        values[self.number] = self.compute(values, n)


class GatherStep:
    """Rows of an array for matrix products, into memory that is kept; steps that want the same rows share them."""

    writes: Sequence[int] = ()

    def __init__(self, source: Pack, place: int, number: int, gather: Gather) -> None:
        self.packs = [source]
        self.place, self.number, self.gather = place, number, gather

    def prepare(self, values: Values, n: int) -> Floats:
        return numpy.empty((len(self.gather.rows), n))

    def run(self, values: Values, out: Floats, n: int) -> None:
        array = values[self.place]
        if n > 1 and array.strides[1] != 8:  # an input, whose rows are copied faster so
            array = values[self.place] = numpy.ascontiguousarray(array)
        values[self.number] = numpy.take(array, self.gather.rows, axis=0, out=out, mode="clip")


class ProductStep:
    """A matrix product, by BLAS into memory that is kept."""

    def __init__(self, executor: MachineExecutor, pack: Pack, *, sums_batch: bool) -> None:
        self.packs = [pack]
        assert isinstance(pack.operation, Sum)
        (segment,) = pack.operation.segments
        (block,) = segment.blocks
        assert segment.b is not None
        assert block.b is not None
        assert isinstance(block.coefficient, float)
        self.writes: Sequence[int] = (executor.place[pack],)
        self.shape = block.lane.shape
        self.sums_batch = sums_batch
        self.a = executor.rows(segment.a, block.a)
        self.b = executor.rows(segment.b, block.b.swapaxes(1, 2) if sums_batch else block.b)
        self.coefficient = block.coefficient

    def prepare(self, values: Values, n: int) -> Floats:
        g, h, s = self.shape
        width = 1 if self.sums_batch else n
        if s > 1:  # its columns are those of several lanes
            out = numpy.empty((g, h, s * width))
            values[self.writes[0]] = out.reshape(g * h * s, width)
            return out
        rows = values[self.writes[0]] = rows_of(g * h, width)
        return rows.reshape(g, h, width)

    def run(self, values: Values, out: Floats, n: int) -> None:
        a, b = self.a(values), self.b(values)
        g, h, s = self.shape
        if self.sums_batch:
            numpy.matmul(a.reshape(g, h, -1), b.reshape(g, s, -1).swapaxes(1, 2), out=out)
        else:
            numpy.matmul(a[..., 0], b.reshape(g, a.shape[2], s * n), out=out)
        if self.coefficient != 1.0:
            out *= self.coefficient


class BatchSumStep:
    """Sums over the batch of lanes, and of products of two lanes: one product of all the lanes, of which some are
    picked."""

    def __init__(self, executor: MachineExecutor, pack: Pack) -> None:
        assert isinstance(pack.operation, Sum)
        self.packs, self.lanes = [pack], pack.lanes
        self.number = executor.place[pack]
        self.writes: Sequence[int] = ()
        starts: dict[int, int] = {}
        self.rows = 0
        columns: dict[tuple[int, int], int] = {}
        terms = []
        for segment in pack.operation.segments:
            place = executor.place[segment.a]
            if place not in starts:
                starts[place] = self.rows
                self.rows += segment.a.lanes
            other = -1 if segment.b is None else executor.place[segment.b]
            for block in segment.blocks:
                lanes = numpy.zeros_like(block.a) if block.b is None else block.b
                picked = [columns.setdefault((other, lane), len(columns)) for lane in lanes.ravel().tolist()]
                coefficient = numpy.broadcast_to(block.coefficient, block.lane.size)
                terms.append((block.lane.ravel(), block.a.ravel() + starts[place], numpy.array(picked), coefficient))
        self.lane, self.row, self.column, self.coefficient = (numpy.concatenate(each) for each in zip(*terms))
        self.left, self.right = list(starts), list(columns)
        lanes = numpy.arange(self.lanes)
        self.picks_all = len(self.right) == 1 and all(numpy.array_equal(lanes, each) for each in (self.lane, self.row))

    def is_worth_it(self) -> bool:
        return self.rows * len(self.right) <= 16 * self.lane.size

    def prepare(self, values: Values, n: int) -> tuple[Floats, Floats]:
        return numpy.empty((self.rows, n)), numpy.ones((len(self.right), n))

    def run(self, values: Values, state: tuple[Floats, Floats], n: int) -> None:
        left, right = state
        if len(self.left) > 1:
            numpy.concatenate([values[place] for place in self.left], out=left)
        else:
            left = values[self.left[0]]
        for column, (place, lane) in enumerate(self.right):
            if place >= 0:
                right[column] = values[place][lane]
        if self.picks_all:
            values[self.number] = (numpy.matmul(left, right[0]) * self.coefficient)[:, None]
        else:
            picked = numpy.matmul(left, right.T)[self.row, self.column] * self.coefficient
            values[self.number] = numpy.bincount(self.lane, picked, self.lanes)[:, None]


def _batch_sum_step(executor: MachineExecutor, pack: Pack) -> BatchSumStep | None:
    """The step of a pack that is sums over the batch of single products."""
    if not executor.is_batched or pack.batched or not isinstance(pack.operation, Sum):
        return None
    for segment in pack.operation.segments:
        factors = [segment.a] if segment.b is None else [segment.a, segment.b]
        if not executor.varying.issuperset(factors) or not all(block.is_elementwise for block in segment.blocks):
            return None
        if any((block.lane < 0).any() or (block.a < 0).any() for block in segment.blocks):
            return None
    step = BatchSumStep(executor, pack)
    return step if step.is_worth_it() else None


def _product_step(executor: MachineExecutor, pack: Pack) -> ProductStep | None:
    """The step of a pack that is one matrix product and nothing else."""
    if not isinstance(pack.operation, Sum) or len(pack.operation.segments) != 1:
        return None
    segment = pack.operation.segments[0]
    if segment.b is None or len(segment.blocks) != 1 or not is_large(pack, segment, segment.blocks[0]):
        return None
    if (segment.blocks[0].lane.ravel() != numpy.arange(pack.lanes)).any():
        return None
    a_varies, b_varies = segment.a in executor.varying, segment.b in executor.varying
    if executor.is_batched and pack in executor.varying and not a_varies and b_varies:
        return ProductStep(executor, pack, sums_batch=False)
    if executor.is_batched and not pack.batched and a_varies and b_varies:
        return ProductStep(executor, pack, sums_batch=True)
    return None if executor.is_batched else ProductStep(executor, pack, sums_batch=False)


SUM = -1
"""In place of a pack: the sum that is no longer 0 when something was not finite."""


@dataclass
class Table:
    """What the bodies of a kernel are given in one thread: pointers, strides, and memory that these point to."""

    pointers: Any
    strides: Any
    total: ctypes.c_double
    scratch: list[Floats]


class KernelStep:
    """A kernel; compiled for single columns only when a batch is too short for a register.

    Args:
        outputs: packs that something else needs.
        checked: those of them of which it tells whether they are finite, as long as they are in the cache.
    """

    def __init__(
        self, executor: MachineExecutor, packs: list[Pack], outputs: set[Pack], checked: Sequence[Pack]
    ) -> None:
        self.packs, self.outputs, self.checked = packs, outputs, checked
        self.varying, self.numbers = executor.varying, executor.numbers
        self.threads = 1
        self.width = columns_at_a_time() if executor.is_batched else 1
        self.columns = COLUMNS if executor.is_batched else 1
        self.cache = executor.cache
        self.texts: dict[int, list[str]] = {}
        self._functions: dict[int, tuple[Any, Any, int]] = {}
        kernel = self._write(self.width)
        place = executor.place
        self.slots = [(place[pack], first, pack in executor.varying) for slots in kernel.slots for pack, first in slots]
        for pack in checked:
            self.slots += [(place[pack], 0, True), (SUM, pack.lanes, True)]
        results = {reference.pack for references in executor.inner.results.values() for reference in references}
        self.scratch = [place[pack] for pack in kernel.scratch]
        self.writes: Sequence[int] = [place[pack] for pack in kernel.outputs if pack not in results]
        fixed = {number for step in executor.steps for number in step.writes} | {*self.writes, *self.scratch}
        fixed |= {SUM, *(place[pack] for pack in executor.numbers)}
        self.lanes = {number: executor.packs[number].lanes for number in [*self.writes, *self.scratch]}
        moving: dict[tuple[int, bool], list[tuple[int, int]]] = {}
        for slot, (number, first, varies) in enumerate(self.slots):
            if number not in fixed:
                moving.setdefault((number, varies), []).append((slot, first))
        self.moving = [(*key, slots) for key, slots in moving.items()]

    def _write(self, width: int) -> Kernel:
        kernel = write_kernel(self.packs, self.outputs, self.varying, self.numbers, width, self.columns)
        self.texts[width] = [*kernel.texts, *[check(width)] * len(self.checked)]
        starts = numpy.cumsum([0, *map(len, kernel.slots), *[2] * len(self.checked)])
        self.starts = (ctypes.c_int64 * len(starts))(*starts.tolist())
        return kernel

    def link(self) -> None:
        """Get ready to run: its bodies are compiled if they are not yet."""
        self.drive = drive(self.cache)
        self.functions(self.width)

    def functions(self, width: int) -> tuple[Any, Any, int]:
        """The bodies for so many columns at a time, where the pointers of each start, and how many bodies there are."""
        if width not in self._functions:
            if width not in self.texts:
                self._write(width)
            texts = self.texts[width]
            found = (ctypes.c_void_p * len(texts))(*addresses(texts, cache=self.cache))
            self._functions[width] = found, self.starts, len(texts)
        return self._functions[width]

    def prepare(self, values: Values, n: int) -> list[Table]:
        """The tables of every thread."""
        for number in self.writes:
            values[number] = rows_of(self.lanes[number], n)
        moving = {slot for *_, slots in self.moving for slot, _ in slots}
        tables = []
        for _ in range(self._threads(n)):
            for number in self.scratch:
                values[number] = numpy.empty((self.lanes[number], self.columns))
            pointers = (ctypes.c_void_p * len(self.slots))()
            strides = (ctypes.c_int64 * len(self.slots))()
            total = ctypes.c_double(0.0)
            for slot, (number, first, _) in enumerate(self.slots):
                if number == SUM:
                    pointers[slot], strides[slot] = ctypes.addressof(total), first
                elif slot not in moving:
                    pointers[slot], strides[slot] = _place(values[number], first)
            tables.append(Table(pointers, strides, total, [values[number] for number in self.scratch]))
        return tables

    def is_finite(self, tables: list[Table]) -> bool:
        """Whether all that is checked was finite in the last run."""
        return all(table.total.value == 0.0 for table in tables)

    def _threads(self, n: int) -> int:
        return self.threads if n >= COLUMNS_A_THREAD * 2 else 1

    def run(self, values: Values, tables: list[Table], n: int) -> None:
        for table in tables:
            table.total.value = 0.0
        for number, varies, slots in self.moving:
            array = values[number]
            rows, columns = array.strides
            if (rows % 8 or (n > 1 and columns != 8)) if varies else rows != 8:
                array = values[number] = numpy.ascontiguousarray(array)
            address, stride = _place(array, 0)
            for table in tables:
                for slot, first in slots:
                    table.pointers[slot], table.strides[slot] = address + 8 * stride * first, stride
        width = self.width if n >= self.width else 1
        whole = n - n % width
        if len(tables) == 1:
            self._columns(width, tables[0], 0, whole)
        else:
            share = -(-whole // (len(tables) * COLUMNS)) * COLUMNS
            list(
                workers().map(
                    lambda start, table: self._columns(width, table, start, min(start + share, whole)),
                    range(0, whole, share),
                    tables,
                )
            )
        if whole < n:  # the last columns, with those before them that fill the register once more
            self._columns(width, tables[0], n - width, n)

    def _columns(self, width: int, table: Table, start: int, stop: int) -> None:
        self.drive(*self.functions(width), table.pointers, table.strides, start, stop, COLUMNS)


def columns_at_a_time() -> int:
    """As many as two registers hold: what one computes need not wait for the other."""
    return 2 * host_width()


def workers() -> ThreadPoolExecutor:
    """The threads that work on large batches; a forked process has none of its parent's."""
    return _workers_of(os.getpid())


@cache
def _workers_of(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="autograd_mini")


def room(lanes: Sequence[int], n: int) -> list[Floats]:
    """Memory for results, [lanes, n] each. If it is much, it is one block: the system takes and gives back a block more
    readily than its parts."""
    if n < COLUMNS_A_THREAD:
        return [numpy.empty((count, n)) for count in lanes]
    return numpy.split(numpy.empty((sum(lanes), n)), numpy.cumsum(lanes)[:-1]) if lanes else []


def rows_of(lanes: int, n: int) -> Floats:
    """Memory for a pack. Rows do not start at multiples of a power of two, where the same few lines of the cache would
    have to hold them all."""
    return numpy.empty((lanes, n if n < 64 else -(-n // 8) * 8 + 8))[:, :n]


def _place(array: Floats, lane: int) -> tuple[int, int]:
    """The address of a lane, and how many doubles there are from lane to lane."""
    stride = array.strides[0]
    return array.__array_interface__["data"][0] + lane * stride, stride // 8
