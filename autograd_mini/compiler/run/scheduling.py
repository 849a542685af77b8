"""Scheduling: which packs form kernels, in which order, and which steps can go through a batch tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autograd_mini.compiler.code.lower import can_emit
from autograd_mini.compiler.numpy_executor import NumpyExecutor
from autograd_mini.compiler.program import Floats, Leaf, Pack, Program, Sum, lanes_of, parents
from autograd_mini.compiler.run.isolating import is_large
from autograd_mini.compiler.run.memory import copied

if TYPE_CHECKING:
    from autograd_mini.compiler.run.machine import MachineExecutor

MOST_LANES_OF_ONE_COLUMN = 256
"""What does not vary over a batch, and has more lanes, is left to NumPy."""


def varying_packs(program: Program) -> set[Pack]:
    """The packs that differ from example to example; others, batched or not, are the same for all."""
    found: set[Pack] = set()
    for pack in program.packs:
        is_leaf = isinstance(pack.operation, Leaf)
        if pack.batched and (is_leaf or not found.isdisjoint(parents(pack))):
            found.add(pack)
    return found


def constants_of(program: Program) -> dict[Pack, Floats]:
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
    rows = NumpyExecutor(Program(packs, {"all": [lanes_of(pack) for pack in packs]}))({}, 1).rows["all"]
    return {pack: copied(numbers[:, 0]) for pack, numbers in zip(packs, rows)}


def schedule(executor: MachineExecutor, program: Program) -> Iterator[Pack | list[Pack]]:
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


@dataclass
class Phases:
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


def phases_of(executor: MachineExecutor) -> Phases | None:
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
    phases = Phases([], [], [], [], [executor.place[pack] for pack in sums], list(loose))
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
