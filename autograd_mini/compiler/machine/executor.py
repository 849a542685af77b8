"""Execute a program in machine code: kernels between the matrix products, which NumPy gives to BLAS."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy

from autograd_mini.compiler.machine.engine import addresses, drive
from autograd_mini.compiler.machine.isolating import is_large, isolate
from autograd_mini.compiler.machine.kernels import COLUMNS, Kernel, can_emit, write_kernel
from autograd_mini.compiler.machine.libraries import host_width
from autograd_mini.compiler.numpy_executor import Gather, NumpyExecutor, Values, step_of
from autograd_mini.compiler.program import Floats, Leaf, Pack, Program, Sum, lanes_of, parents

CACHE = 2**22
"""Bytes that should hold what a program computes for the columns that go through it at a time."""

COLUMNS_A_THREAD = 4096
"""Fewer are not worth a thread."""

KEPT_FRAMES = 3
"""For so many lengths of the batch each thread keeps its memory."""

MOST_LANES_OF_ONE_COLUMN = 256
"""What does not vary over a batch, and has more lanes, is left to NumPy."""


class MachineExecutor:
    """A program ready to run on arrays; as `NumpyExecutor`, but for the machine code.

    Each thread has memory of its own for what is computed on the way, kept from call to call. A large batch with
    matrix products goes through the whole program some columns at a time, so that it stays in the cache.

    Args:
        threads: how many work on a large batch of a program without matrix products; the results do not depend on it.
    """

    def __init__(self, program: Program, threads: int = 1) -> None:
        self.program = program
        self.inner = inner = isolate(program)
        self.packs = inner.packs
        self.place = {pack: number for number, pack in enumerate(inner.packs)}
        self.is_batched = any(pack.batched for pack in inner.packs)
        self.varying = _varying(inner) if self.is_batched else set(inner.packs)
        self.numbers = _constants(inner)
        self.leaves = {
            pack: number
            for pack, number in self.place.items()
            if isinstance(pack.operation, Leaf) and pack not in self.numbers
        }
        needed = {reference.pack for references in inner.results.values() for reference in references}
        self.steps: list[_Step] = []
        self.fresh: list[int] = []  # places of results that kernels write to memory made for the call
        for run in _schedule(self, inner):
            if isinstance(run, Pack):
                self.steps.append(_product_step(self, run) or _batch_sum_step(self, run) or _NumpyStep(self, run))
            else:
                inside = set(run)
                used = {parent for pack in inner.packs if pack not in inside for parent in parents(pack)}
                self.steps.append(KernelStep(self, run, {pack for pack in run if pack in used or pack in needed}))
                self.fresh += [self.place[pack] for pack in run if pack in needed]
        self.results = {
            name: [(self.place[reference.pack], Gather(reference.index)) for reference in references]
            for name, references in inner.results.items()
        }
        self.has_products = any(isinstance(step, _ProductStep) for step in self.steps)
        for step in self.steps:
            if isinstance(step, KernelStep) and not self.has_products:
                step.threads = threads
        self.phases = _phases(self) if self.has_products else None
        n_lanes = sum(pack.lanes for pack in self.packs if pack in self.varying)
        self.tile = max(2, CACHE // (8 * COLUMNS * max(n_lanes, 1))) * COLUMNS
        self._memory = threading.local()

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> dict[str, list[Floats]]:
        """The results by name, each [lanes, width] and the caller's to keep."""
        fresh = self._room(n_examples)
        with numpy.errstate(all="ignore"):
            if self.phases is not None and n_examples >= 2 * self.tile:
                values = self._tiled(self.phases, leaves, fresh, n_examples)
            else:
                frame = self._frame(n_examples)
                values = frame.values
                for pack, number in self.leaves.items():
                    values[number] = leaves[pack]
                for number, array in fresh.items():
                    values[number] = array
                for step, state in zip(self.steps, frame.states):
                    step.run(values, state, n_examples)
        results: dict[str, list[Floats]] = {}
        for name, references in self.results.items():
            results[name] = []
            for number, gather in references:
                is_own = number in fresh and gather.is_whole(values[number])
                results[name].append(fresh.pop(number) if is_own else numpy.array(gather(values[number])))
        return results

    def _room(self, n: int) -> dict[int, Floats]:
        """Memory for the results that kernels write. If it is much, it is one block: the system takes and gives back a
        block more readily than its parts."""
        lanes = [self.packs[number].lanes for number in self.fresh]
        if n < COLUMNS_A_THREAD:
            return {number: numpy.empty((count, n)) for number, count in zip(self.fresh, lanes)}
        parts = numpy.split(numpy.empty((sum(lanes), n)), numpy.cumsum(lanes)[:-1]) if lanes else []
        return dict(zip(self.fresh, parts))

    def _frame(self, n: int) -> _Frame:
        """This thread's memory for n columns; that of the last few lengths is kept."""
        frames: dict[int, _Frame] = self._memory.__dict__.setdefault("frames", {})
        frame = frames.pop(n, None) or _Frame(self, n)
        frames[n] = frame
        if len(frames) > KEPT_FRAMES:
            del frames[next(iter(frames))]
        return frame

    def _tiled(self, phases: _Phases, leaves: Mapping[Pack, Floats], fresh: Mapping[int, Floats], n: int) -> Values:
        """The whole program on some columns after the others; what is summed over the batch adds up."""
        frame = self._frame(self.tile)
        for pack, number in self.leaves.items():
            frame.values[number] = leaves[pack]
        for index in phases.before:
            self.steps[index].run(frame.values, frame.states[index], n)
        same = [(number, frame.values[number]) for number in phases.same]
        loose = {number: numpy.empty((self.packs[number].lanes, n)) for number in phases.loose}
        totals: dict[int, Floats] = {}
        for start in range(0, n, self.tile):
            width = min(self.tile, n - start)
            frame = self._frame(width)
            values = frame.values
            for number, array in same:
                values[number] = array
            for pack, number in self.leaves.items():
                values[number] = leaves[pack][:, start : start + width] if pack in self.varying else leaves[pack]
            for number, array in fresh.items():
                values[number] = array[:, start : start + width]
            for index in phases.columns:
                self.steps[index].run(values, frame.states[index], width)
            for number, array in loose.items():
                array[:, start : start + width] = values[number]
            for number in phases.sums:
                totals[number] = totals[number] + values[number] if start else values[number].copy()
        values = list(frame.values)  # those of the frame stay where its steps write
        for pack, number in self.leaves.items():
            values[number] = leaves[pack]
        for number, array in (*fresh.items(), *loose.items(), *totals.items()):
            values[number] = array
        for index in phases.after:
            self.steps[index].run(values, frame.states[index], n)
        return values


@dataclass
class _Phases:
    """The steps of a program that can go through a batch some columns at a time.

    Attributes:
        before, columns, after: indices of steps: those of what is the same for all examples, those that are run on
            every tile, those of what is made of sums over the batch.
        same: places of the packs of `before`.
        sums: places of the packs that are sums over the batch.
        loose: places of results for each example that are not written to memory made for the call.
    """

    before: list[int]
    columns: list[int]
    after: list[int]
    same: list[int]
    sums: list[int]
    loose: list[int]


def _phases(executor: MachineExecutor) -> _Phases | None:
    """None where something for each example needs a sum over the batch first."""
    if not executor.is_batched:
        return None
    sums: set[Pack] = set()
    later: set[Pack] = set()
    for pack in executor.packs:
        if pack in executor.varying:
            if not (sums | later).isdisjoint(parents(pack)):
                return None
        elif not executor.varying.isdisjoint(parents(pack)):
            runs_over_batch = isinstance(pack.operation, Sum) and all(
                segment.a.batched or (segment.b is not None and segment.b.batched)
                for segment in pack.operation.segments
            )
            if not runs_over_batch or not (sums | later).isdisjoint(parents(pack)):
                return None
            sums.add(pack)
        elif not (sums | later).isdisjoint(parents(pack)):
            later.add(pack)
    results = {number for references in executor.results.values() for number, _ in references}
    varying = {executor.place[pack] for pack in executor.varying}
    loose = results & varying - {*executor.fresh, *executor.leaves.values()}
    phases = _Phases([], [], [], [], [executor.place[pack] for pack in sums], list(loose))
    for index, step in enumerate(executor.steps):
        pack = step.packs[0]
        if pack in executor.varying or pack in sums:
            phases.columns.append(index)
        elif pack in later:
            phases.after.append(index)
        else:
            phases.before.append(index)
            phases.same.append(executor.place[pack])
    return phases


class _Frame:
    """The arrays of one thread for batches of one length."""

    def __init__(self, executor: MachineExecutor, n: int) -> None:
        self.n = n
        self.values: Values = [None] * len(executor.packs)
        for pack, numbers in executor.numbers.items():
            self.values[executor.place[pack]] = numbers[:, None]
        self.states = [step.prepare(self.values, n) for step in executor.steps]


class _Step(Protocol):
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


class _NumpyStep:
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


class _ProductStep:
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
        self.a, self.b = executor.place[segment.a], executor.place[segment.b]
        self.gather_a, self.gather_b = Gather(block.a), Gather(block.b)
        self.coefficient = block.coefficient
        self.shape = block.lane.shape
        self.sums_batch = sums_batch

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
        for place, gather in ((self.a, self.gather_a), (self.b, self.gather_b)):
            if gather.copies and n > 1 and values[place].strides[1] != 8:  # an input, whose rows are copied faster so
                values[place] = numpy.ascontiguousarray(values[place])
        a, b = self.gather_a(values[self.a]), self.gather_b(values[self.b])
        g, h, k, _ = a.shape
        s = b.shape[2]
        if self.sums_batch:
            b = b.swapaxes(1, 2).reshape(g, s, k * n).swapaxes(1, 2)
            numpy.matmul(a.reshape(g, h, k * n), b, out=out)
        else:
            numpy.matmul(a[..., 0], b.reshape(g, k, s * n), out=out)
        if self.coefficient != 1.0:
            out *= self.coefficient


class _BatchSumStep:
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
        picked = numpy.matmul(left, right.T)[self.row, self.column] * self.coefficient
        values[self.number] = numpy.bincount(self.lane, picked, self.lanes)[:, None]


def _batch_sum_step(executor: MachineExecutor, pack: Pack) -> _BatchSumStep | None:
    """The step of a pack that is sums over the batch of single products."""
    if not executor.is_batched or pack.batched or not isinstance(pack.operation, Sum):
        return None
    for segment in pack.operation.segments:
        factors = [segment.a] if segment.b is None else [segment.a, segment.b]
        if not executor.varying.issuperset(factors) or not all(block.is_elementwise for block in segment.blocks):
            return None
        if any((block.lane < 0).any() or (block.a < 0).any() for block in segment.blocks):
            return None
    step = _BatchSumStep(executor, pack)
    return step if len(pack.operation.segments) > 1 and step.is_worth_it() else None


def _product_step(executor: MachineExecutor, pack: Pack) -> _ProductStep | None:
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
        return _ProductStep(executor, pack, sums_batch=False)
    if executor.is_batched and not pack.batched and a_varies and b_varies:
        return _ProductStep(executor, pack, sums_batch=True)
    return None if executor.is_batched else _ProductStep(executor, pack, sums_batch=False)


class KernelStep:
    """A kernel; compiled for single columns only when a batch is too short for a register."""

    def __init__(self, executor: MachineExecutor, packs: list[Pack], outputs: set[Pack]) -> None:
        self.packs, self.outputs = packs, outputs
        self.varying, self.numbers = executor.varying, executor.numbers
        self.threads = 1
        self.width = host_width() if executor.is_batched else 1
        self.columns = COLUMNS if executor.is_batched else 1
        self.drive = drive()
        self.compiled: dict[int, tuple[Any, Any, int]] = {}
        kernel = self._compile(self.width)
        place = executor.place
        self.slots = [(place[pack], first, pack in executor.varying) for slots in kernel.slots for pack, first in slots]
        results = {reference.pack for references in executor.inner.results.values() for reference in references}
        self.scratch = [place[pack] for pack in kernel.scratch]
        self.writes: Sequence[int] = [place[pack] for pack in kernel.outputs if pack not in results]
        fixed = {number for step in executor.steps for number in step.writes} | {*self.writes, *self.scratch}
        fixed |= {place[pack] for pack in executor.numbers}
        self.lanes = {number: executor.packs[number].lanes for number in [*self.writes, *self.scratch]}
        moving: dict[tuple[int, bool], list[tuple[int, int]]] = {}
        for slot, (number, first, varies) in enumerate(self.slots):
            if number not in fixed:
                moving.setdefault((number, varies), []).append((slot, first))
        self.moving = [(*key, slots) for key, slots in moving.items()]

    def _compile(self, width: int) -> Kernel:
        kernel = write_kernel(self.packs, self.outputs, self.varying, self.numbers, width, self.columns)
        count = len(kernel.texts)
        starts = numpy.cumsum([0, *map(len, kernel.slots)])[:count].tolist()
        self.compiled[width] = (
            (ctypes.c_void_p * count)(*addresses(kernel.texts)),
            (ctypes.c_int64 * count)(*starts),
            count,
        )
        return kernel

    def prepare(self, values: Values, n: int) -> list[tuple[Any, Any, list[Floats]]]:
        """The tables of pointers and of strides, for every thread."""
        for number in self.writes:
            values[number] = rows_of(self.lanes[number], n)
        moving = {slot for *_, slots in self.moving for slot, _ in slots}
        tables = []
        for _ in range(self._threads(n)):
            for number in self.scratch:
                values[number] = numpy.empty((self.lanes[number], self.columns))
            pointers = (ctypes.c_void_p * len(self.slots))()
            strides = (ctypes.c_int64 * len(self.slots))()
            for slot, (number, first, _) in enumerate(self.slots):
                if slot not in moving:
                    pointers[slot], strides[slot] = _place(values[number], first)
            tables.append((pointers, strides, [values[number] for number in self.scratch]))
        return tables

    def _threads(self, n: int) -> int:
        return self.threads if n >= COLUMNS_A_THREAD * 2 else 1

    def run(self, values: Values, tables: list[Any], n: int) -> None:
        for number, varies, slots in self.moving:
            array = values[number]
            rows, columns = array.strides
            if (rows % 8 or (n > 1 and columns != 8)) if varies else rows != 8:
                array = values[number] = numpy.ascontiguousarray(array)
            address, stride = _place(array, 0)
            for pointers, strides, _ in tables:
                for slot, first in slots:
                    pointers[slot], strides[slot] = address + 8 * stride * first, stride
        width = self.width if n >= self.width else 1
        if width not in self.compiled:
            self._compile(width)
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

    def _columns(self, width: int, table: Any, start: int, stop: int) -> None:
        pointers, strides, _ = table
        bodies, starts, count = self.compiled[width]
        self.drive(bodies, starts, count, pointers, strides, start, stop)


def workers() -> ThreadPoolExecutor:
    """The threads that work on large batches; a forked process has none of its parent's."""
    return _workers_of(os.getpid())


@cache
def _workers_of(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="autograd_mini")


def rows_of(lanes: int, n: int) -> Floats:
    """Memory for a pack. Rows do not start at multiples of a power of two, where the same few lines of the cache would
    have to hold them all."""
    return numpy.empty((lanes, n if n < 64 else -(-n // 8) * 8 + 8))[:, :n]


def _place(array: Floats, lane: int) -> tuple[int, int]:
    """The address of a lane, and how many doubles there are from lane to lane."""
    stride = array.strides[0]
    return array.__array_interface__["data"][0] + lane * stride, stride // 8


def _varying(program: Program) -> set[Pack]:
    """The packs that differ from example to example; others, batched or not, are the same for all."""
    found: set[Pack] = set()
    for pack in program.packs:
        is_leaf = isinstance(pack.operation, Leaf)
        if pack.batched and (is_leaf or not found.isdisjoint(parents(pack))):
            found.add(pack)
    return found


def _constants(program: Program) -> dict[Pack, Floats]:
    """What the packs hold that are made of constants only."""
    known: set[Pack] = set()
    for pack in program.packs:
        if isinstance(pack.operation, Leaf):
            is_known = pack.operation.constants is not None
        else:  # not a sum over a batch of unknown length
            is_known = known.issuperset(parents(pack)) and (
                pack.batched or not any(parent.batched for parent in parents(pack))
            )
        if is_known:
            known.add(pack)
    packs = [pack for pack in program.packs if pack in known]
    results = NumpyExecutor(Program(packs, {"all": [lanes_of(pack) for pack in packs]}))({}, 1)
    return {pack: rows[:, 0].copy() for pack, rows in zip(packs, results["all"])}


def _schedule(executor: MachineExecutor, program: Program) -> Iterator[Pack | list[Pack]]:
    """Packs for NumPy one by one, and runs of packs for a kernel, as long as they can be."""
    done = set(executor.numbers) | {pack for pack in program.packs if isinstance(pack.operation, Leaf)}
    waiting = [pack for pack in program.packs if pack not in done]
    fits = {pack for pack in waiting if _fits(executor, pack)}
    while waiting:
        run = []
        for pack in waiting:
            if pack in fits and done.issuperset(parents(pack)):
                run.append(pack)
                done.add(pack)
        if run:
            yield run
        waiting = [pack for pack in waiting if pack not in done]
        for pack in waiting:
            if pack not in fits and done.issuperset(parents(pack)):
                done.add(pack)
                yield pack
        waiting = [pack for pack in waiting if pack not in done]


def _fits(executor: MachineExecutor, pack: Pack) -> bool:
    """Whether a pack belongs into a kernel."""
    if pack not in executor.varying or (not executor.is_batched and pack.lanes > MOST_LANES_OF_ONE_COLUMN):
        return False
    if isinstance(pack.operation, Sum):
        for segment in pack.operation.segments:
            if any(is_large(pack, segment, block) for block in segment.blocks):
                return False
    return can_emit(pack)
