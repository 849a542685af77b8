"""Scheduling: which packs form kernels, in which order, and what can go through a batch tile by tile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from autograd_mini.compiler.code.lower import can_emit
from autograd_mini.compiler.ir.program import Floats, Leaf, Pack, Program, Sum, lanes_of
from autograd_mini.compiler.partition import MOST_LANES_OF_ONE_COLUMN
from autograd_mini.compiler.passes.isolating import is_large, isolate
from autograd_mini.compiler.run.memory import copied
from autograd_mini.compiler.run.numpy_executor import NumpyExecutor


class Schedule(NamedTuple):
    """A program divided for machine code.

    Attributes:
        program: its large products share their sums with nothing else.
        varying: packs that differ from column to column.
        constants: what packs hold that are made of constants only.
        parts: in order, packs that no kernel holds, and the packs of each kernel.
    """

    program: Program
    is_batched: bool
    varying: frozenset[Pack]
    constants: Mapping[Pack, Floats]
    parts: Sequence[Pack | list[Pack]]


def schedule(program: Program, *, is_sparse: bool = False) -> Schedule:
    """Divide a program; its leaves stay the same objects.

    Args:
        is_sparse: whether its results are the entries of a sparse matrix.
    """
    program = isolate(program)
    is_batched = any(pack.batched for pack in program.packs)
    varying = frozenset(_varying(program.packs) if is_batched else program.packs)
    constants = constants_of(program)
    most = None if is_batched else MOST_LANES_OF_ONE_COLUMN[is_sparse]
    return Schedule(program, is_batched, varying, constants, [*_parts(program, most, varying, {*constants})])


def _varying(packs: Sequence[Pack]) -> set[Pack]:
    """The packs that differ from example to example; others, batched or not, are the same for all."""
    found: set[Pack] = set()
    for pack in packs:
        if pack.batched and (isinstance(pack.operation, Leaf) or not found.isdisjoint(pack.parents)):
            found.add(pack)
    return found


def constants_of(program: Program) -> dict[Pack, Floats]:
    """What the packs hold that are made of constants only."""
    known: set[Pack] = set()
    for pack in program.packs:
        if isinstance(pack.operation, Leaf):
            is_known = pack.operation.constants is not None
        else:  # not a sum over a batch of unknown length
            is_known = known.issuperset(pack.parents) and (
                pack.batched or not any(parent.batched for parent in pack.parents)
            )
        if is_known:
            known.add(pack)
    packs = [pack for pack in program.packs if pack in known]
    rows = NumpyExecutor(Program(packs, {"all": [lanes_of(pack) for pack in packs]}))({}, 1).rows["all"]
    return {pack: copied(numbers[:, 0]) for pack, numbers in zip(packs, rows)}


def _parts(
    program: Program, most: int | None, varying: frozenset[Pack], done: set[Pack]
) -> Iterator[Pack | list[Pack]]:
    """Packs one by one, and runs of packs for a kernel, as long as they can be; without those that are done.

    Args:
        most: so many lanes a pack of a kernel may have; None for any number.
    """
    done = done | {pack for pack in program.packs if isinstance(pack.operation, Leaf)}
    waiting = [pack for pack in program.packs if pack not in done]
    fits = {pack for pack in waiting if pack in varying and _fits(pack, most)}
    while waiting:
        for is_kernel in (True, False):
            found = []
            for pack in waiting:
                if (pack in fits) is is_kernel and done.issuperset(pack.parents):
                    found.append(pack)
                    done.add(pack)
            if found and is_kernel:
                yield found
            elif found:
                yield from found
            waiting = [pack for pack in waiting if pack not in done]


def _fits(pack: Pack, most: int | None) -> bool:
    """Whether a pack that varies belongs into a kernel."""
    if most is not None and pack.lanes > most:
        return False
    segments = pack.operation.segments if isinstance(pack.operation, Sum) else ()
    return can_emit(pack) and not any(is_large(pack, segment, each) for segment in segments for each in segment.blocks)


def phases_of(whole: Schedule) -> tuple[set[Pack], set[Pack]] | None:
    """The packs that are sums over the batch, and those that are made of them and do not vary; None where something
    for each example needs a sum over the batch first."""
    sums: set[Pack] = set()
    later: set[Pack] = set()
    for pack in whole.program.packs:
        if pack in whole.varying:
            if not (sums | later).isdisjoint(pack.parents):
                return None
        elif not whole.varying.isdisjoint(pack.parents):
            runs_over_batch = isinstance(pack.operation, Sum) and all(each.batched for each in pack.operation.segments)
            if not runs_over_batch or not (sums | later).isdisjoint(pack.parents):
                return None
            sums.add(pack)
        elif not (sums | later).isdisjoint(pack.parents):
            later.add(pack)
    return (sums, later) if whole.is_batched else None
