"""Steps of a program that are no kernels: matrix products by BLAS, sums over the batch, and what is left to NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy

from autograd_mini.compiler.ir.program import Floats, Index, Loop, Pack, Sum
from autograd_mini.compiler.partition import MOST_UNUSED
from autograd_mini.compiler.passes.isolating import is_large
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.lanes import lanes_step
from autograd_mini.compiler.run.numpy_executor import Gather, Values, loop_step, step_of
from autograd_mini.compiler.run.terms import terms_step

if TYPE_CHECKING:
    from autograd_mini.compiler.run.machine import MachineExecutor


class Step(Protocol):
    """Part of a program.

    `packs` are those it computes, `writes` the places of those whose arrays stay the same from call to call.
    """

    packs: list[Pack]

    @property
    def writes(self) -> Sequence[int]: ...

    def prepare(self, values: Values, n: int) -> Any:
        """Make room for what it computes for n columns; gives what else it keeps."""

    def run(self, values: Values, state: Any, /) -> None:
        """Compute it for as many columns as there is room for."""


def numpy_step(executor: MachineExecutor, pack: Pack) -> Step:
    """The step of a pack that is in no kernel."""
    return (
        _product_step(executor, pack)
        or _batch_sum_step(executor, pack)
        or terms_step(executor, pack)
        or lanes_step(executor, pack)
        or NumpyStep(executor, pack)
    )


class NumpyStep:
    """One pack, by NumPy."""

    writes: Sequence[int] = ()

    def __init__(self, executor: MachineExecutor, pack: Pack) -> None:
        self.packs: list[Pack] = [pack]
        self.number: int = executor.place[pack]
        operation = pack.operation
        self.compute: Callable[[Values, int], Floats] = (
            loop_step(operation, executor.place, in_machine_code=True)
            if isinstance(operation, Loop)
            else step_of(pack, executor.place)
        )

    def prepare(self, values: Values, n: int) -> int:
        return n

    def run(self, values: Values, n: int) -> None:
        values[self.number] = self.compute(values, n)


class GatherStep:
    """Rows of an array for matrix products, into memory that is kept; steps that want the same rows share them."""

    writes: Sequence[int] = ()
    place: int
    number: int
    gather: Gather

    def __init__(self, source: Pack, place: int, number: int, gather: Gather) -> None:
        self.packs: list[Pack] = [source]
        self.place, self.number, self.gather = place, number, gather

    def prepare(self, values: Values, n: int) -> Floats:
        return numpy.empty((len(self.gather.rows), n))

    def run(self, values: Values, out: Floats) -> None:
        array = values[self.place]
        if out.shape[1] > 1 and array.strides[1] != 8:  # an input, whose rows are copied faster so
            array = values[self.place] = numpy.ascontiguousarray(array)
        values[self.number] = numpy.take(array, self.gather.rows, axis=0, out=out, mode="clip")


class ProductStep:
    """A matrix product, by BLAS into memory that is kept; a sum over the batch that is a result, into memory that the
    caller is given."""

    shape: tuple[int, ...]

    def __init__(self, executor: MachineExecutor, pack: Pack, *, sums_batch: bool) -> None:
        self.packs: list[Pack] = [pack]
        assert isinstance(pack.operation, Sum)
        (segment,) = pack.operation.segments
        (block,) = segment.blocks
        assert segment.b is not None
        assert block.b is not None
        self.number: int = executor.place[pack]
        self.is_given: bool = sums_batch and pack in executor.needed
        self.writes: Sequence[int] = () if self.is_given else (self.number,)
        executor.own.update({self.number} if self.is_given else ())
        self.shape = block.lane.shape
        self.sums_batch = sums_batch
        self.a: Callable[[list[Any]], Floats] = executor.rows(segment.a, block.a)
        b = block.b.swapaxes(1, 2) if sums_batch else block.b
        self.b: Callable[[list[Any]], Floats] = executor.rows(segment.b, b)
        self.is_negative: bool = block.sign < 0.0

    def prepare(self, values: Values, n: int) -> Floats:
        g, h, s = self.shape
        width = 1 if self.sums_batch else n
        if s > 1:  # its columns are those of several lanes
            out = memory.empty(g, h, s * width)
            values[self.number] = out.reshape(g * h * s, width)
            return out
        rows = values[self.number] = memory.rows_of(g * h, width)
        return rows.reshape(g, h, width)

    def run(self, values: Values, out: Floats) -> None:
        if self.is_given:
            out = self.prepare(values, 1)
        a, b = self.a(values), self.b(values)
        g, h, s = self.shape
        if self.sums_batch:
            numpy.matmul(a.reshape(g, h, -1), b.reshape(g, s, -1).swapaxes(1, 2), out=out)
        else:
            numpy.matmul(a[..., 0], b.reshape(g, a.shape[2], out.shape[2]), out=out)
        if self.is_negative:
            numpy.negative(out, out=out)


class BatchSumStep:
    """Sums over the batch of lanes, and of products of two lanes: one product of all the lanes, of which some are
    picked."""

    packs: list[Pack]
    lanes: int
    rows: int
    left: list[int]
    right: list[tuple[int, int]]
    lane: Index
    row: Index
    column: Index
    sign: Floats

    def __init__(self, executor: MachineExecutor, pack: Pack) -> None:
        assert isinstance(pack.operation, Sum)
        self.packs, self.lanes = [pack], pack.lanes
        self.number: int = executor.place[pack]
        self.writes: Sequence[int] = ()
        starts: dict[int, int] = {}
        self.rows = 0
        columns: dict[tuple[int, int], int] = {}
        terms = []
        for segment, sign, lane, a, b in pack.operation.terms():
            place = executor.place[segment.a]
            if place not in starts:
                starts[place] = self.rows
                self.rows += segment.a.lanes
            other = -1 if segment.b is None else executor.place[segment.b]
            picked = [columns.setdefault((other, each), len(columns)) for each in b.tolist()]
            terms.append((lane, a + starts[place], numpy.array(picked, numpy.int64), numpy.full(lane.size, sign)))
        self.lane, self.row, self.column, self.sign = (numpy.concatenate(each) for each in zip(*terms))
        self.left, self.right = list(starts), list(columns)
        lanes = numpy.arange(self.lanes)
        self.picks_all: bool = (len(self.right), self.rows) == (1, self.lanes) and all(
            numpy.array_equal(lanes, each) for each in (self.lane, self.row)
        )

    def prepare(self, values: Values, n: int) -> tuple[Floats, Floats]:
        return numpy.empty((self.rows, n)), numpy.ones((len(self.right), n))

    def run(self, values: Values, state: tuple[Floats, Floats]) -> None:
        left, right = state
        if len(self.left) > 1:
            numpy.concatenate([values[place] for place in self.left], out=left)
        else:
            left = values[self.left[0]]
        for column, (place, lane) in enumerate(self.right):
            if place >= 0:
                right[column] = values[place][lane]
        if self.picks_all:
            values[self.number] = (numpy.matmul(left, right[0]) * self.sign)[:, None]
        else:
            picked = numpy.matmul(left, right.T)[self.row, self.column] * self.sign
            values[self.number] = numpy.bincount(self.lane, picked, self.lanes)[:, None]


def _batch_sum_step(executor: MachineExecutor, pack: Pack) -> BatchSumStep | None:
    """The step of a pack that is sums over the batch of single products, maybe with what is the same for all."""
    if not executor.is_batched or pack.batched or not isinstance(pack.operation, Sum):
        return None
    for segment in pack.operation.segments:
        if segment.a not in executor.varying or not all(block.is_elementwise for block in segment.blocks):
            return None
        if segment.b is not None and segment.b.batched and segment.b not in executor.varying:
            return None
    step = BatchSumStep(executor, pack)
    return step if step.rows * len(step.right) <= MOST_UNUSED * step.lane.size else None


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
