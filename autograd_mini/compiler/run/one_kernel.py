"""A program of scalars ready to run: one kernel computes all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.kernels import Place, kernel_of
from autograd_mini.compiler.code.scalar_programs import ScalarProgram
from autograd_mini.compiler.ir.program import Pack
from autograd_mini.compiler.ir.scalars import ONE, Input, Looped, Number, Picked, Scalar, Terms, of_kind
from autograd_mini.compiler.partition import BY_DEMAND
from autograd_mini.compiler.run.gather import Gather
from autograd_mini.compiler.run.machine import Runner
from autograd_mini.compiler.run.matrix_products import Step
from autograd_mini.compiler.run.running import KernelStep


class ScalarExecutor(Runner):
    """A program of scalars ready to run.

    Args:
        threads: how many work on a large batch; the results do not depend on it.
        cache: where machine code is kept.

    Raises:
        NotImplementedError: there is no machine code for a primitive.
    """

    def __init__(self, program: ScalarProgram, threads: int, cache: CodeCache | None = None) -> None:
        scalars, arrays = [*program.scalars], program.arrays
        super().__init__(is_batched=any(pack.batched for pack in arrays.values()), threads=threads, cache=cache)
        self.seeds: list[Pack] = program.seeds
        self.lanes: list[int] = [pack.lanes for pack in arrays.values()]
        self.leaves: dict[Pack, int] = {pack: place for place, pack in enumerate(arrays.values())}
        self.varies: set[int] = {place for pack, place in self.leaves.items() if pack.batched or not self.is_batched}
        inputs: dict[bool, dict[int, Place]] = {False: {}, True: {}}  # by whether inputs differ between columns
        is_batched = [pack.batched for pack in arrays.values()]
        for number, place_in in places_of_inputs(scalars, arrays).items():
            inputs[is_batched[place_in[0]]][number] = place_in
        places: dict[int, Place] = {}
        sums: list[int] = []
        summed: list[tuple[int, slice]] = []
        loops: list[Any] = [scalars[number] for number in of_kind(scalars, Looped)]  # no result takes their places
        taken = {*chain(of_kind(scalars, Picked), *[each.args for each in loops])} if loops else set()
        for name, numbers in program.results.items():
            place = len(self.lanes)
            self.lanes.append(len(numbers))
            self.own.add(place)
            self.results[name] = place, Gather(numpy.arange(len(numbers)))
            own = [own_scalar(scalars, number, taken) for number in numbers]
            if name in program.summed:
                summed.append((place, slice(len(sums), len(sums) + len(own))))
                sums += own
            else:
                self.fresh.append(place)
                self.varies.add(place)
                places.update({number: (place, row) for row, number in enumerate(own)})
        kernel = kernel_of(scalars, inputs[False], inputs[True], places, sums, by_demand=len(scalars) < BY_DEMAND)
        step = KernelStep(
            kernel,
            [],
            self.lanes,
            outputs=self.fresh,
            summed=summed,
            is_batched=self.is_batched,
            threads=threads,
            cache=cache,
        )
        self.steps: list[Step] = [step]


def places_of_inputs(scalars: Sequence[Any], arrays: Iterable[int]) -> dict[int, Place]:
    """For each input among scalars: the number of its array, and its lane there; an array's lanes come in order."""
    number_of = {array: number for number, array in enumerate(arrays)}
    inputs = [(number, scalars[number]) for number in of_kind(scalars, Input)]
    return {number: (number_of[each.array], number - each.first) for number, each in inputs}


def own_scalar(scalars: list[Scalar], number: int, taken: set[int]) -> int:
    """The scalar itself, or a copy if it is an input, a constant or taken already; mark it as taken."""
    if type(scalars[number]) in (Input, Number) or number in taken:
        scalars.append(Terms([1.0, number, ONE]))
        number = len(scalars) - 1
    taken.add(number)
    return number
