"""Execute a program in machine code: kernels between the matrix products, which NumPy gives to BLAS."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy

from autograd_mini.compiler.machine.engine import addresses, drive
from autograd_mini.compiler.machine.isolating import is_large, isolate
from autograd_mini.compiler.machine.kernels import COLUMNS, Kernel, can_emit, write_kernel
from autograd_mini.compiler.machine.libraries import host_width
from autograd_mini.compiler.numpy_executor import Gather, NumpyExecutor, Values, step_of
from autograd_mini.compiler.program import Floats, Leaf, Pack, Program, Sum, lanes_of, parents

MOST_LANES_OF_ONE_COLUMN = 256
"""What does not vary over a batch, and has more lanes, is left to NumPy."""


class MachineExecutor:
    """A program ready to run on arrays; as `NumpyExecutor`, but for the machine code.

    Each thread has memory of its own for what is computed on the way, kept from call to call.
    """

    def __init__(self, program: Program) -> None:
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
        self.fresh = [self.place[pack] for pack in needed if pack in self.varying]
        for run in _schedule(inner, self.varying, set(self.numbers), self.is_batched):
            if isinstance(run, Pack):
                self.steps.append(_product_step(self, run) or _NumpyStep(self, run))
            else:
                inside = set(run)
                used = {parent for pack in inner.packs if pack not in inside for parent in parents(pack)}
                self.steps.append(KernelStep(self, run, {pack for pack in run if pack in used or pack in needed}))
        self.results = {
            name: [(self.place[reference.pack], Gather(reference.index)) for reference in references]
            for name, references in inner.results.items()
        }
        self._memory = threading.local()

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> dict[str, list[Floats]]:
        """The results by name, each [lanes, width] and the caller's to keep."""
        frame = getattr(self._memory, "frame", None)
        if frame is None or frame.n != n_examples:
            frame = self._memory.frame = _Frame(self, n_examples)
        values = frame.values
        for pack, number in self.leaves.items():
            values[number] = leaves[pack]
        with numpy.errstate(all="ignore"):
            for step, state in zip(self.steps, frame.states):
                step.run(values, state, n_examples)
        return {
            name: [gather(values[number]) for number, gather in references] for name, references in self.results.items()
        }


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

    `writes` are the places of the packs whose arrays stay the same from call to call.
    """

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
        self.number = executor.place[pack]
        self.compute = step_of(pack, executor.place, careful=False)

    def prepare(self, values: Values, n: int) -> None:
        return None

    def run(self, values: Values, state: None, n: int) -> None:
        values[self.number] = self.compute(values, n)


class _ProductStep:
    """A matrix product, by BLAS into memory that is kept."""

    def __init__(self, executor: MachineExecutor, pack: Pack, *, sums_batch: bool) -> None:
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
        out = numpy.empty((g, h, s * width))
        values[self.writes[0]] = out.reshape(g * h * s, width)
        return out

    def run(self, values: Values, out: Floats, n: int) -> None:
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
        self.executor, self.packs, self.outputs = executor, packs, outputs
        self.width = host_width() if executor.is_batched else 1
        self.drive = drive()
        self.compiled: dict[int, tuple[Any, Any, int]] = {}
        kernel = self._compile(self.width)
        place = executor.place
        self.slots = [(place[pack], pack in executor.varying) for slots in kernel.slots for pack in slots]
        self.writes: Sequence[int] = [place[pack] for pack in kernel.outputs]
        self.scratch = [place[pack] for pack in kernel.scratch]
        fresh = set(executor.fresh)
        self.fresh = [number for number in self.writes if number in fresh]
        self.writes = [number for number in self.writes if number not in fresh]
        fixed = {number for step in executor.steps for number in step.writes} | {*self.writes, *self.scratch}
        fixed |= {place[pack] for pack in executor.numbers}
        self.moving = [(slot, *each) for slot, each in enumerate(self.slots) if each[0] not in fixed]

    def _compile(self, width: int) -> Kernel:
        kernel = write_kernel(self.packs, self.outputs, self.executor.varying, self.executor.numbers, width)
        count = len(kernel.texts)
        starts = numpy.cumsum([0, *map(len, kernel.slots)])[:count].tolist()
        self.compiled[width] = (
            (ctypes.c_void_p * count)(*addresses(kernel.texts)),
            (ctypes.c_int64 * count)(*starts),
            count,
        )
        return kernel

    def prepare(self, values: Values, n: int) -> tuple[Any, Any]:
        packs = self.executor.packs
        for number in self.writes:
            values[number] = numpy.empty((packs[number].lanes, n))
        for number in self.scratch:
            values[number] = numpy.empty((packs[number].lanes, COLUMNS))
        pointers = (ctypes.c_void_p * len(self.slots))()
        strides = (ctypes.c_int64 * len(self.slots))()
        moving = {slot for slot, _, _ in self.moving}
        for slot, (number, _) in enumerate(self.slots):
            if slot not in moving:
                pointers[slot], strides[slot] = _address(values[number]), values[number].strides[0] // 8
        return pointers, strides

    def run(self, values: Values, state: tuple[Any, Any], n: int) -> None:
        pointers, strides = state
        for number in self.fresh:
            values[number] = numpy.empty((self.executor.packs[number].lanes, n))
        for slot, number, varies in self.moving:
            array = values[number]
            if array.strides[1 if varies and n > 1 else 0] != 8:
                array = values[number] = numpy.ascontiguousarray(array)
            pointers[slot], strides[slot] = _address(array), array.strides[0] // 8
        width = self.width if n >= self.width else 1
        if width not in self.compiled:
            self._compile(width)
        bodies, starts, count = self.compiled[width]
        whole = n - n % width
        self.drive(bodies, starts, count, pointers, strides, 0, whole)
        if whole < n:  # the last columns, with those before them that fill the register once more
            self.drive(bodies, starts, count, pointers, strides, n - width, n)


def _address(array: Floats) -> int:
    return int(array.__array_interface__["data"][0])


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


def _schedule(program: Program, varying: set[Pack], known: set[Pack], is_batched: bool) -> Iterator[Pack | list[Pack]]:
    """Packs for NumPy one by one, and runs of packs for a kernel, as long as they can be."""
    done = known | {pack for pack in program.packs if isinstance(pack.operation, Leaf)}
    waiting = [pack for pack in program.packs if pack not in done]
    fits = {pack for pack in waiting if _fits(pack, varying, is_batched)}
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


def _fits(pack: Pack, varying: set[Pack], is_batched: bool) -> bool:
    """Whether a pack belongs into a kernel."""
    if pack not in varying or (not is_batched and pack.lanes > MOST_LANES_OF_ONE_COLUMN):
        return False
    if isinstance(pack.operation, Sum):
        for segment in pack.operation.segments:
            if any(is_large(pack, segment, block) for block in segment.blocks):
                return False
    return can_emit(pack)
