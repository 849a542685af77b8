"""Steps of a program that are not kernels: matrix products by BLAS, what all columns share in one memory, and what is
left to NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy

from autograd_mini.compiler.code.emit_products import multiply
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.ir.program import Floats, Pack, Program, Reference, Sum, lanes_of
from autograd_mini.compiler.partition import TILE, threads_for_tiles
from autograd_mini.compiler.passes.isolating import is_large
from autograd_mini.compiler.run import memory, numpy_executor
from autograd_mini.compiler.run.arena import ArenaExecutor
from autograd_mini.compiler.run.gather import Gather
from autograd_mini.compiler.run.numpy_executor import Values, is_placing
from autograd_mini.compiler.run.running import workers
from autograd_mini.compiler.run.scheduling import Part, Work

if TYPE_CHECKING:
    from autograd_mini.compiler.run.machine import MachineExecutor


class Step(Protocol):
    """Part of a program.

    `packs` are those that it computes, `writes` the places of those whose arrays stay the same from call to call.
    """

    packs: list[Pack]
    writes: Sequence[int]

    def prepare(self, values: Values, n: int) -> Any:
        """Make room for what it computes for n columns; return what `run` is to be given."""

    def run(self, values: Values, state: Any, /) -> None:
        """Compute the packs for as many columns as there is room for."""


def step_of(executor: MachineExecutor, part: Part) -> Step:
    """The step of packs that are not in a kernel."""
    if part.kind is not Work.ALONE:
        return ArenaStep(executor, part.packs)
    (pack,) = part.packs
    return _product_step(executor, pack) or NumpyStep(executor, pack)


class ArenaStep:
    """Computes packs that are the same for all columns, in one memory."""

    writes: Sequence[int] = ()

    def __init__(self, executor: MachineExecutor, run: list[Pack]) -> None:
        self.packs: list[Pack] = run
        known = dict.fromkeys([*run, *(parent for pack in run for parent in pack.parents)]).keys()
        constants = {pack: executor.numbers[pack] for pack in known if pack in executor.numbers}
        given = [pack for pack in [*known][len(run) :] if pack not in constants]
        self.gives: dict[str, int] = {}
        results: dict[str, Reference] = {}
        for pack in executor.wanted(run):
            place, kind = executor.place[pack], "value" if pack in executor.of_value else ""
            name = f"{kind} {place}"  # what the value is made of is divided alike in all programs
            self.gives[name], results[name] = place, lanes_of(pack)
        program = Program([*given, *run], results)
        self.arena: ArenaExecutor = ArenaExecutor(program, executor.cache, given, constants)
        self.takes: list[tuple[Pack, int]] = [(pack, executor.place[pack]) for pack in given]

    def prepare(self, values: Values, n: int) -> None:
        pass

    def run(self, values: Values, state: None) -> None:
        rows = self.arena({pack: values[place] for pack, place in self.takes}, 1).rows
        for name, place in self.gives.items():
            values[place] = rows[name]


class NumpyStep:
    """Computes one pack by NumPy."""

    writes: Sequence[int] = ()

    def __init__(self, executor: MachineExecutor, pack: Pack) -> None:
        self.packs: list[Pack] = [pack]
        self.number: int = executor.place[pack]
        executor.own.update({self.number} if is_placing(pack) else ())
        self.compute: Callable[[Values, int], Floats] = numpy_executor.step_of(
            pack, executor.place, in_machine_code=True
        )

    def prepare(self, values: Values, n: int) -> int:
        return n

    def run(self, values: Values, n: int) -> None:
        values[self.number] = self.compute(values, n)


@dataclass(eq=False)
class GatherStep:
    """Copies rows of an array for matrix products to memory that is kept; products that read the same rows share it."""

    packs: list[Pack]
    place: int
    number: int
    gather: Gather
    writes: Sequence[int] = ()

    def prepare(self, values: Values, n: int) -> Floats:
        return numpy.empty((len(self.gather.rows), n))

    def run(self, values: Values, out: Floats) -> None:
        array = values[self.place]
        if out.shape[1] > 1 and array.strides[1] != 8:  # an input: contiguous rows are copied faster
            array = values[self.place] = numpy.ascontiguousarray(array)
        values[self.number] = numpy.take(array, self.gather.rows, axis=0, out=out, mode="clip")


class ProductStep:
    """Computes a matrix product by BLAS, or tile by tile where that takes less time; in memory that is kept, but a sum
    over the batch that is a result, in memory that the caller gets."""

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
        self.shape: tuple[int, ...] = block.lane.shape
        self.sums_batch: bool = sums_batch
        self.varies: bool = pack in executor.varying
        self.a: Callable[[list[Any]], Floats] = executor.rows(segment.a, block.a)
        b = block.b.swapaxes(1, 2) if sums_batch else block.b
        self.b: Callable[[list[Any]], Floats] = executor.rows(segment.b, b)
        self.is_negative: bool = block.sign < 0.0
        self.threads: int = executor.threads

    def prepare(self, values: Values, n: int) -> Floats:
        g, h, s = self.shape
        width = n if self.varies else 1
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
            a, b = a.reshape(g, h, -1), b.reshape(g, s, -1).swapaxes(1, 2)
        else:
            a, b = a[..., 0], b.reshape(g, a.shape[2], out.shape[2])
        if g > 1 or not by_tiles(a[0], b[0], out[0], self.threads):
            numpy.matmul(a, b, out=out)
        if self.is_negative:
            numpy.negative(out, out=out)


def by_tiles(x: Floats, y: Floats, out: Floats, threads: int) -> bool:
    """Compute out = x·y, with the same bits on any number of threads; return False if BLAS should."""
    if len(x) < y.shape[1]:
        x, y, out = y.T, x.T, out.T
    (rows, terms), columns = x.shape, y.shape[1]
    n_parts = threads_for_tiles(rows, columns, terms, host_width(), threads)
    if not n_parts:
        return False

    def compute(first: int, last: int) -> None:
        room = memory.lines_of(1, terms * TILE[1] * host_width())
        arrays = x, y[:, first:last], out[:, first:last]
        (x_at, *x_by), (y_at, *y_by), (out_at, *out_by) = (memory.scattered(each, *each.shape) for each in arrays)
        sizes = rows, last - first, terms
        multiply()(x_at, y_at, out_at, memory.address(room, room.shape), *sizes, *x_by, *y_by, *out_by)

    bounds = [columns * part // n_parts for part in range(n_parts + 1)]
    run: Any = map if n_parts == 1 else workers().map
    list(run(compute, bounds, bounds[1:]))
    return True


def _product_step(executor: MachineExecutor, pack: Pack) -> ProductStep | None:
    """The step of a pack that is one large matrix product and nothing else; None for any other."""
    if not isinstance(pack.operation, Sum) or len(pack.operation.segments) != 1:
        return None
    segment = pack.operation.segments[0]
    if segment.b is None or len(segment.blocks) != 1 or not is_large(pack, segment, segment.blocks[0]):
        return None
    if (segment.blocks[0].lane.ravel() != numpy.arange(pack.lanes)).any():
        return None
    varies = [each in executor.varying for each in (segment.a, segment.b, pack)]
    if varies == [True, True, False]:
        return ProductStep(executor, pack, sums_batch=True)
    is_each = varies[1] == varies[2] and not varies[0] and (pack.batched or not segment.batched)
    return ProductStep(executor, pack, sums_batch=False) if is_each else None
