"""Execute a program in machine code: kernels between the matrix products, which NumPy gives to BLAS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.lower import lower
from autograd_mini.compiler.ir.names import is_checked
from autograd_mini.compiler.ir.program import Floats, Index, Leaf, Pack, made_of
from autograd_mini.compiler.partition import columns_of_a_tile
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.gather import Gather
from autograd_mini.compiler.run.matrix_products import GatherStep, ProductStep, Step, step_of
from autograd_mini.compiler.run.numpy_executor import Results, Values, sums_are_finite
from autograd_mini.compiler.run.running import KernelStep, link
from autograd_mini.compiler.run.scheduling import Schedule, Work, phases_of

KEPT_FRAMES = 3
"""For how many lengths of a batch each thread keeps memory: full batches, a shorter last one, and an evaluation. Not
tuned."""


class Tiles(NamedTuple):
    """How a program goes through a batch some columns at a time.

    Attributes:
        before, columns, after: indices of the steps for what all examples share, of those that run on every tile, and
            of those that compute with sums over the batch.
        same: places of the packs that `before` computes.
        sums: places of the packs that are sums over the batch.
        loose: places of results for each example that kernels do not write to memory made for the call.
    """

    before: list[int]
    columns: list[int]
    after: list[int]
    same: list[int]
    sums: list[int]
    loose: list[int]


@dataclass(eq=False, repr=False, kw_only=True)
class Runner:
    """Steps ready to run on arrays; they compute what `NumpyExecutor` does, in machine code.

    Each thread has memory of its own for what is computed on the way, kept from call to call. A large batch with
    matrix products goes through all steps some columns at a time, so that these stay in the cache.

    Attributes:
        seeds: leaves that are seeds.
        lanes: the number of lanes of each array, by place.
        varies: the places of arrays with a column for each example; others have one.
        leaves: the places of the leaves that are given.
        constants: what constant arrays hold, by place.
        fresh: places of results that kernels write to memory made for the call.
        own: places of results in memory that is made anew in each call.
        checked: places of derivatives that kernels themselves check to be finite.
        results: for each name the place of an array, and which of its rows to take.
        tiles: how steps go tile by tile, of `tile` columns each; None if they cannot.
    """

    is_batched: bool
    threads: int
    cache: CodeCache | None
    seeds: list[Pack] = field(default_factory=list)
    lanes: list[int] = field(default_factory=list)
    varies: set[int] = field(default_factory=set)
    leaves: dict[Pack, int] = field(default_factory=dict)
    constants: dict[int, Floats] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    fresh: list[int] = field(default_factory=list)
    own: set[int] = field(default_factory=set)
    checked: set[int] = field(default_factory=set)
    results: dict[str, tuple[int, Gather]] = field(default_factory=dict)
    tiles: Tiles | None = None
    tile: int = 0
    _memory: threading.local = field(default_factory=threading.local)

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> Results:
        try:
            return self._run(leaves, n_examples)
        except BaseException:
            self._memory.__dict__.clear()  # other threads may be at work in it
            raise

    def _run(self, leaves: Mapping[Pack, Floats], n_examples: int) -> Results:
        n = n_examples if self.is_batched else 1  # what is the same for all examples has one column
        fresh = dict(zip(self.fresh, memory.room([self.lanes[number] for number in self.fresh], n)))
        with numpy.errstate(all="ignore"):
            if self.tiles is not None and n >= 2 * self.tile:
                values, is_finite = self._tiled(self.tiles, leaves, fresh, n)
            else:
                frame = self._frame(n)
                values = frame.values
                for pack, number in self.leaves.items():
                    values[number] = leaves[pack]
                for number, array in fresh.items():
                    values[number] = array
                for step, state in zip(self.steps, frame.states):
                    step.run(values, state)
                is_finite = self._is_finite(frame)
            results: dict[str, Floats] = {}
            for name, number, gather in self._taken:
                results[name] = values[number] if gather is None else numpy.array(gather(values[number]))
            return Results(results, is_finite and sums_are_finite(results[name] for name in self._unchecked))

    @cached_property
    def _taken(self) -> list[tuple[str, int, Gather | None]]:
        """For each result: its name, its array's place, and the rows to copy or None if the caller may have the array
        itself."""
        own, found = {*self.own}, []
        for name, (number, gather) in self.results.items():
            is_given = number in own and gather.is_whole(self.lanes[number])
            own.discard(number)
            found.append((name, number, None if is_given else gather))
        return found

    @cached_property
    def _unchecked(self) -> list[str]:
        """The results of which NumPy has to see that they are finite."""
        return [name for name, (place, _) in self.results.items() if is_checked(name) and place not in self.checked]

    @property
    def kernels(self) -> list[KernelStep]:
        """The steps that are kernels."""
        return [step for step in self.steps if isinstance(step, KernelStep)]

    def _is_finite(self, frame: _Frame) -> bool:
        """Whether everything that kernels check was finite in their last run."""
        return all(step.is_finite(state) for step, state in frame.checking)

    def _frame(self, n: int) -> _Frame:
        """This thread's memory for n columns; the memory for the last few lengths is kept."""
        frames: dict[int, _Frame] = self._memory.__dict__.setdefault("frames", {})
        frame = frames.pop(n, None) or _Frame(self, n)
        frames[n] = frame
        if len(frames) > KEPT_FRAMES:
            del frames[next(iter(frames))]
        return frame

    def _tiled(
        self, tiles: Tiles, leaves: Mapping[Pack, Floats], fresh: Mapping[int, Floats], n: int
    ) -> tuple[Values, bool]:
        """Run the program tile by tile, and add up what is summed over the batch; return values, and whether finite."""
        frame = self._frame(self.tile)
        for pack, number in self.leaves.items():
            frame.values[number] = leaves[pack]
        for step in [self.steps[index] for index in tiles.before]:
            step.run(frame.values, step.prepare(frame.values, n))
        same = [(number, frame.values[number]) for number in tiles.same]
        loose = {number: memory.empty(self.lanes[number], n) for number in tiles.loose}
        totals: dict[int, Floats] = {}
        is_finite = True
        for start in range(0, n, self.tile):
            width = min(self.tile, n - start)
            frame = self._frame(width)
            values = frame.values
            for number, array in same:
                values[number] = array
            for pack, number in self.leaves.items():
                values[number] = leaves[pack][:, start : start + width] if number in self.varies else leaves[pack]
            for number, array in fresh.items():
                values[number] = array[:, start : start + width]
            for index in tiles.columns:
                self.steps[index].run(values, frame.states[index])
            is_finite &= self._is_finite(frame)
            for number, array in loose.items():
                array[:, start : start + width] = values[number]
            for number in tiles.sums:
                totals[number] = totals[number] + values[number] if start else values[number].copy()
        values = list(frame.values)  # the frame keeps its own, to which its steps write
        for pack, number in self.leaves.items():
            values[number] = leaves[pack]
        for number, array in (*fresh.items(), *loose.items(), *totals.items()):
            values[number] = array
        for step in [self.steps[index] for index in tiles.after]:
            step.run(values, step.prepare(values, n))
        return values, is_finite


class _Frame:
    """The arrays of one thread for batches of one length."""

    def __init__(self, executor: Runner, n: int) -> None:
        self.values: Values = [None] * len(executor.lanes)
        for number, held in executor.constants.items():
            self.values[number] = held[:, None]
        link(executor.kernels, 1 if n == 1 or not executor.is_batched else host_width())
        self.states = [step.prepare(self.values, n) for step in executor.steps]
        kernels = [(step, state) for step, state in zip(executor.steps, self.states) if isinstance(step, KernelStep)]
        self.checking = [(step, state) for step, state in kernels if step.checks.size]


class MachineExecutor(Runner):
    """A program ready to run: kernels between the matrix products, most of which NumPy gives to BLAS.

    Args:
        threads: how many work on a large batch without matrix products, or on a product in tiles; the results do not
            depend on it.
        cache: where kernels are kept on disk.
    """

    def __init__(self, divided: Schedule, threads: int = 1, cache: CodeCache | None = None) -> None:
        super().__init__(is_batched=divided.is_batched, threads=threads, cache=cache)
        program = divided.program
        self.varying: frozenset[Pack] = divided.varying
        self.numbers: Mapping[Pack, Floats] = divided.constants
        self.packs: Sequence[Pack] = program.packs
        self.seeds: list[Pack] = program.leaves("seed")
        self.lanes: list[int] = [pack.lanes for pack in program.packs]
        self.place: dict[Pack, int] = {pack: number for number, pack in enumerate(program.packs)}
        place = self.place
        self.varies: set[int] = {place[pack] for pack in self.varying}
        self.constants: dict[int, Floats] = {place[pack]: held for pack, held in self.numbers.items()}
        self.leaves: dict[Pack, int] = {
            pack: number
            for pack, number in place.items()
            if isinstance(pack.operation, Leaf) and pack not in self.numbers
        }
        results = program.results
        self.needed: set[Pack] = {reference.pack for reference in results.values()}
        self.of_value: set[Pack] = made_of([results["value"].pack] if "value" in results else [])
        adjoints = {reference.pack for name, reference in results.items() if is_checked(name)}
        self.adjoints: set[Pack] = adjoints & self.varying
        self._gathered: dict[tuple[Pack, bytes, tuple[int, ...]], int] = {}
        for part in divided.parts:
            self.steps.append(self._kernel(part.packs) if part.kind is Work.KERNEL else step_of(self, part))
        self.results: dict[str, tuple[int, Gather]] = {
            name: (place[each.pack], Gather(each.index)) for name, each in results.items()
        }
        if any(isinstance(step, ProductStep) for step in self.steps):
            phases = phases_of(divided)
            self.tiles: Tiles | None = None if phases is None else self._tiles(*phases)
            for kernel in self.kernels:
                kernel.threads = 1
        self.tile: int = columns_of_a_tile(sum(pack.lanes for pack in self.varying))

    def _tiles(self, sums: set[Pack], after: set[Pack]) -> Tiles:
        firsts = [step.packs[0] for step in self.steps]
        columns = self.varying | sums
        before = [index for index, pack in enumerate(firsts) if pack not in columns and pack not in after]
        same = [pack for index in before for pack in self.steps[index].packs]
        results = {number for number, _ in self.results.values()}
        return Tiles(
            before,
            [index for index, pack in enumerate(firsts) if pack in columns],
            [index for index, pack in enumerate(firsts) if pack in after],
            [self.place[pack] for pack in same],
            [self.place[pack] for pack in sums],
            [*(results & self.varies - {*self.fresh, *self.leaves.values()})],
        )

    def _kernel(self, run: list[Pack]) -> KernelStep:
        """The step of a kernel that computes these packs."""
        place, wanted = self.place, self.wanted(run)
        outputs = [pack for pack in wanted if pack in self.varying]
        checked = [pack for pack in outputs if pack in self.adjoints]
        sums = [pack for pack in run if pack not in self.varying]
        ends = [*accumulate((pack.lanes for pack in sums), initial=int(bool(checked)))]
        self.fresh.extend([place[pack] for pack in outputs if pack in self.needed])
        self.own.update(self.fresh, [place[pack] for pack in sums])
        self.checked.update([place[pack] for pack in checked])
        return KernelStep(
            lower(run, outputs, checked, self.varying, self.numbers, place),
            run,
            self.lanes,
            fixed={number for step in self.steps for number in step.writes},
            outputs=[place[pack] for pack in outputs],
            writes=[place[pack] for pack in outputs if pack not in self.needed],
            summed=[(place[pack], slice(*bounds)) for pack, bounds in zip(sums, pairwise(ends))],
            is_batched=self.is_batched,
            threads=self.threads,
            cache=self.cache,
        )

    def wanted(self, run: Sequence[Pack]) -> list[Pack]:
        """Those of some packs that other packs read, or that are results."""
        used = {parent for pack in {*self.packs}.difference(run) for parent in pack.parents}
        return [pack for pack in run if pack in used or pack in self.needed]

    def rows(self, pack: Pack, index: Index) -> Callable[[Values], Floats]:
        """A function that gives these rows of a pack to a matrix product; if they must be copied, a step does so."""
        gather, place = Gather(index), self.place[pack]
        if not gather.copies or gather.absent is not None or pack not in self.varying:
            return lambda values: gather(values[place])
        key = pack, index.tobytes(), index.shape
        if key not in self._gathered:
            self._gathered[key] = len(self.lanes)
            self.lanes.append(index.size)
            self.steps.append(GatherStep([pack], place, self._gathered[key], gather))
        number = self._gathered[key]
        return lambda values: values[number].reshape(*index.shape, -1)
