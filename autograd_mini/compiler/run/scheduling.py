"""Scheduling: which packs form kernels, in which order, and what can go through a batch tile by tile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from autograd_mini.adjoints import descendants_of
from autograd_mini.compiler.code.lower import can_emit
from autograd_mini.compiler.ir.program import Floats, Leaf, Pack, Program, Sum, lanes_of
from autograd_mini.compiler.partition import MOST_ROWS, MOST_TERMS
from autograd_mini.compiler.passes.isolating import is_large, isolate
from autograd_mini.compiler.run.memory import copied
from autograd_mini.compiler.run.numpy_executor import NumpyExecutor, is_placing


class Work(Enum):
    """What computes packs. KERNEL: machine code for each column, and for sums over columns. BEFORE, AFTER: one memory,
    for what all columns share and does not, or does, depend on sums over them. ALONE: a step for one pack."""

    BEFORE, KERNEL, AFTER, ALONE = range(4)


class Part(NamedTuple):
    """Packs that are computed together."""

    kind: Work
    packs: list[Pack]


class Schedule(NamedTuple):
    """A program divided for machine code.

    Attributes:
        program: the program, with every large product in a sum of its own.
        varying: packs that differ from column to column.
        over: these, and all that is computed from them.
        constants: the numbers of packs that are computed from constants alone.
        parts: its parts, in the order in which they are computed.
    """

    program: Program
    is_batched: bool
    varying: frozenset[Pack]
    over: set[Pack]
    constants: Mapping[Pack, Floats]
    parts: Sequence[Part]


def schedule(program: Program) -> Schedule:
    """Divide a program; its leaves stay the same objects."""
    program = isolate(program)
    is_batched = any(pack.batched for pack in program.packs)
    varying, constants = frozenset(_varying(program.packs)), constants_of(program)
    over = descendants_of(varying, program.packs)
    return Schedule(program, is_batched, varying, over, constants, [*_parts(program, varying, over, {*constants})])


def _varying(packs: Sequence[Pack]) -> set[Pack]:
    """The packs that differ from example to example; others, batched or not, are the same for all."""
    found: set[Pack] = set()
    for pack in packs:
        if pack.batched and (isinstance(pack.operation, Leaf) or not found.isdisjoint(pack.parents)):
            found.add(pack)
    return found


def constants_of(program: Program) -> dict[Pack, Floats]:
    """The numbers of the packs that are computed from constants alone."""
    known: dict[Pack, None] = {}
    for pack in program.packs:
        if isinstance(pack.operation, Leaf):
            is_known = pack.operation.constants is not None
        else:  # not a sum over a batch of unknown length
            is_known = known.keys() >= {*pack.parents} and (
                pack.batched or not any(parent.batched for parent in pack.parents)
            )
        if is_known:
            known[pack] = None
    packs = [*known]
    rows = NumpyExecutor(Program(packs, {str(place): lanes_of(pack) for place, pack in enumerate(packs)}))({}, 1).rows
    return {pack: copied(numbers[:, 0]) for pack, numbers in zip(packs, rows.values())}


def _parts(program: Program, varying: frozenset[Pack], over: set[Pack], done: set[Pack]) -> Iterator[Part]:
    """The parts of all packs but those that are done: as many packs as possible at a time, or one alone."""
    done = done | {pack for pack in program.packs if isinstance(pack.operation, Leaf)}
    waiting = [pack for pack in program.packs if pack not in done]
    kinds = {pack: _kind(pack, varying, over) for pack in waiting}
    while waiting:
        for kind in Work:
            found, sums = list[Pack](), set[Pack]()
            for pack in waiting:
                if kinds[pack] is kind and done.issuperset(pack.parents):
                    found.append(pack)
                    (sums if kind is Work.KERNEL and pack not in varying else done).add(pack)
            done.update(sums)  # which are known only after all columns
            if kind is Work.ALONE:
                yield from (Part(kind, [pack]) for pack in found)
            elif found:
                yield Part(kind, found)
            waiting = [pack for pack in waiting if pack not in done]


def _kind(pack: Pack, varying: frozenset[Pack], over: set[Pack]) -> Work:
    """What computes a pack."""
    operation = pack.operation
    segments = operation.segments if isinstance(operation, Sum) else []
    runs_over_batch = not pack.batched and any(parent.batched for parent in pack.parents)
    if not pack.lanes or any(is_large(pack, segment, each) for segment in segments for each in segment.blocks):
        return Work.ALONE
    if pack in varying:
        return Work.KERNEL if can_emit(pack) else Work.ALONE
    if runs_over_batch:
        is_own = all(
            each.a in varying and (each.b is None or each.b in varying or not each.b.batched) for each in segments
        )
        return Work.KERNEL if is_own and pack.lanes <= MOST_ROWS and can_emit(pack) else Work.ALONE
    if pack in over and is_placing(pack):
        return Work.ALONE
    fits = operation.n_terms <= MOST_TERMS if isinstance(operation, Sum) else can_emit(pack)
    return (Work.AFTER if pack in over else Work.BEFORE) if fits else Work.ALONE


def phases_of(whole: Schedule) -> tuple[set[Pack], set[Pack]] | None:
    """The packs that are sums over the batch, and those that are computed from them and do not vary; None if examples
    cannot go tile by tile, as when they read a sum over the batch."""
    made = whole.over - whole.varying
    sums = {pack for pack in made if not whole.varying.isdisjoint(pack.parents)}
    are_first = all(made.isdisjoint(pack.parents) for pack in whole.varying | sums)
    are_sums = all(
        isinstance(pack.operation, Sum) and all(each.batched for each in pack.operation.segments) for pack in sums
    )
    return (sums, made - sums) if whole.is_batched and are_first and are_sums else None
