"""Execute a program in machine code: kernels between the matrix products, which NumPy gives to BLAS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import numpy

from autograd_mini.compiler.machine import memory
from autograd_mini.compiler.machine.bodies import COLUMNS
from autograd_mini.compiler.machine.caching import CodeCache
from autograd_mini.compiler.machine.engine import addresses
from autograd_mini.compiler.machine.isolating import isolate
from autograd_mini.compiler.machine.running import KernelStep
from autograd_mini.compiler.machine.scheduling import Phases, constants_of, phases_of, schedule, varying_packs
from autograd_mini.compiler.machine.steps import GatherStep, ProductStep, Step, numpy_step
from autograd_mini.compiler.numpy_executor import Gather, Results, Values, are_finite
from autograd_mini.compiler.program import Floats, Index, Leaf, Pack, Program, is_checked, parents

CACHE = 2**24
"""Bytes that should hold what a program computes for the columns that go through it at a time: with 2²² a network
784-128-10 takes 12.1 ms, with 2²⁴ to 2⁴⁰ 9.2; digits, attention, convolution and LSTM do not mind."""

KEPT_FRAMES = 3
"""For so many lengths of the batch each thread keeps its memory."""


class MachineExecutor:
    """A program ready to run on arrays; as `NumpyExecutor`, but for the machine code.

    Each thread has memory of its own for what is computed on the way, kept from call to call. A large batch with
    matrix products goes through the whole program some columns at a time, so that it stays in the cache.

    Args:
        threads: how many work on a large batch of a program without matrix products; the results do not depend on it.
        cache: where kernels are kept on disk.
    """

    def __init__(self, program: Program, threads: int = 1, cache: CodeCache | None = None) -> None:
        self.cache = cache
        self.program = program
        self.seeds = program.leaves("seed")
        self.inner = inner = isolate(program)
        self.packs = inner.packs
        self.lanes = [pack.lanes for pack in inner.packs]
        self.place = {pack: number for number, pack in enumerate(inner.packs)}
        self.is_batched = any(pack.batched for pack in inner.packs)
        self.varying = varying_packs(inner) if self.is_batched else set(inner.packs)
        self.numbers = constants_of(inner)
        self.leaves = {
            pack: number
            for pack, number in self.place.items()
            if isinstance(pack.operation, Leaf) and pack not in self.numbers
        }
        needed = {reference.pack for references in inner.results.values() for reference in references}
        adjoints = {
            reference.pack for name in inner.results if is_checked(name) for reference in inner.results[name]
        } & (self.varying if self.is_batched else set())
        self.steps: list[Step] = []
        self._gathered: dict[tuple[Pack, bytes, tuple[int, ...]], int] = {}
        self.fresh: list[int] = []  # places of results that kernels write to memory made for the call
        for run in schedule(self, inner):
            if isinstance(run, Pack):
                self.steps.append(numpy_step(self, run))
            else:
                inside = set(run)
                used = {parent for pack in inner.packs if pack not in inside for parent in parents(pack)}
                outputs = {pack for pack in run if pack in used or pack in needed}
                fresh = [pack for pack in run if pack in needed]
                self.steps.append(KernelStep(self, run, outputs, [pack for pack in fresh if pack in adjoints]))
                self.fresh += [self.place[pack] for pack in fresh]
        self.results = {
            name: [(self.place[reference.pack], Gather(reference.index)) for reference in references]
            for name, references in inner.results.items()
        }
        kernels = [step for step in self.steps if isinstance(step, KernelStep)]
        self.code = addresses([text for step in kernels for text in step.texts[step.width]], cache=cache)  # all at once
        self.has_products = any(isinstance(step, ProductStep) for step in self.steps)
        for kernel in kernels:
            kernel.link()
            kernel.threads = 1 if self.has_products else threads
        self.checking = [(self.steps.index(kernel), kernel) for kernel in kernels if kernel.checked]
        self.checked = {self.place[pack] for kernel in kernels for pack in kernel.checked}
        self.phases = phases_of(self) if self.has_products else None
        n_lanes = sum(pack.lanes for pack in self.packs if pack in self.varying)
        self.tile = max(2, CACHE // (8 * COLUMNS * max(n_lanes, 1))) * COLUMNS
        self._memory = threading.local()

    def rows(self, pack: Pack, index: Index) -> Callable[[Values], Floats]:
        """What gives these rows of a pack to a matrix product; a step before it does the copying, if that is needed."""
        gather, place = Gather(index), self.place[pack]
        if not gather.copies or gather.absent is not None or not self.is_batched or pack not in self.varying:
            return lambda values: gather(values[place])
        key = pack, index.tobytes(), index.shape
        if key not in self._gathered:
            self._gathered[key] = len(self.packs) + len(self._gathered)
            self.steps.append(GatherStep(pack, place, self._gathered[key], gather))
        number = self._gathered[key]
        return lambda values: values[number].reshape(*index.shape, -1)

    @property
    def n_places(self) -> int:
        """How many arrays there are."""
        return len(self.packs) + len(self._gathered)

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
            if self.phases is not None and n >= 2 * self.tile:
                values, is_finite = self._tiled(self.phases, leaves, fresh, n)
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
        unchecked: list[Floats] = []
        results: dict[str, list[Floats]] = {}
        for name, references in self.results.items():
            results[name] = []
            for number, gather in references:
                is_own = number in fresh and gather.is_whole(values[number])
                results[name].append(fresh.pop(number) if is_own else numpy.array(gather(values[number])))
                if is_checked(name) and number not in self.checked:
                    unchecked.append(results[name][-1])
        return Results(results, is_finite and are_finite(unchecked))

    def _is_finite(self, frame: _Frame) -> bool:
        """Whether all that kernels check was finite in their last run."""
        return all(step.is_finite(frame.states[index]) for index, step in self.checking)

    def _frame(self, n: int) -> _Frame:
        """This thread's memory for n columns; that of the last few lengths is kept."""
        frames: dict[int, _Frame] = self._memory.__dict__.setdefault("frames", {})
        frame = frames.pop(n, None) or _Frame(self, n)
        frames[n] = frame
        if len(frames) > KEPT_FRAMES:
            del frames[next(iter(frames))]
        return frame

    def _tiled(
        self, phases: Phases, leaves: Mapping[Pack, Floats], fresh: Mapping[int, Floats], n: int
    ) -> tuple[Values, bool]:
        """The whole program on some columns after the others; what is summed over the batch adds up."""
        frame = self._frame(self.tile)
        for pack, number in self.leaves.items():
            frame.values[number] = leaves[pack]
        for step in [self.steps[index] for index in phases.before]:
            step.run(frame.values, step.prepare(frame.values, n))
        same = [(number, frame.values[number]) for number in phases.same]
        loose = {number: memory.empty(self.lanes[number], n) for number in phases.loose}
        totals: dict[int, Floats] = {}
        is_finite = True
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
                self.steps[index].run(values, frame.states[index])
            is_finite &= self._is_finite(frame)
            for number, array in loose.items():
                array[:, start : start + width] = values[number]
            for number in phases.sums:
                totals[number] = totals[number] + values[number] if start else values[number].copy()
        values = list(frame.values)  # those of the frame stay where its steps write
        for pack, number in self.leaves.items():
            values[number] = leaves[pack]
        for number, array in (*fresh.items(), *loose.items(), *totals.items()):
            values[number] = array
        for step in [self.steps[index] for index in phases.after]:
            step.run(values, step.prepare(values, n))
        return values, is_finite


class _Frame:
    """The arrays of one thread for batches of one length."""

    def __init__(self, executor: MachineExecutor, n: int) -> None:
        self.n = n
        self.values: Values = [None] * executor.n_places
        for pack, numbers in executor.numbers.items():
            self.values[executor.place[pack]] = numbers[:, None]
        self.states = [step.prepare(self.values, n) for step in executor.steps]
