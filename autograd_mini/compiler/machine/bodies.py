"""Bodies: which packs of a kernel are computed together, in a loop over the lanes or in one straight line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from autograd_mini.compiler.machine.cells import has_emission, is_arithmetic
from autograd_mini.compiler.machine.vectors import REDUCTIONS, VECTORS
from autograd_mini.compiler.program import ABSENT, Apply, Floats, Index, Pack, Reduce, Reference, Sum, Vector

COLUMNS = 128
"""Columns in a block."""

FEW_LANES = 8
"""Packs of more lanes are computed in a loop, if every lane is computed in the same way."""

STRAIGHT = 128
"""So many operations at most are written as one straight line."""

LONGEST = 512
"""What would need more operations in one straight line is left to NumPy."""

Term = tuple[float, Pack, Index, Pack | None, Index | None]
"""A sign and for each lane the lanes of one or two factors."""


def size(pack: Pack) -> int:
    """About how many operations a column takes."""
    operation = pack.operation
    if isinstance(operation, Sum):
        return sum(block.n_terms for segment in operation.segments for block in segment.blocks)
    if isinstance(operation, Apply):
        return pack.lanes * (1 if is_arithmetic(operation.primitive) else 4)
    return 4 * sum(argument.index.size for argument in operation.arguments() if isinstance(argument, Reference))


def can_emit(pack: Pack) -> bool:
    """Whether a kernel may hold this pack."""
    operation = pack.operation
    if isinstance(operation, Apply):
        return has_emission(operation.primitive, len(operation.args))
    if isinstance(operation, Reduce):
        return operation.primitive.name in REDUCTIONS and size(pack) <= LONGEST * pack.lanes
    if isinstance(operation, Vector):
        return operation.function in VECTORS and size(pack) <= LONGEST * turns(pack)
    return isinstance(operation, Sum) and (size(pack) <= LONGEST or _is_loop(pack))


def _is_loop(pack: Pack) -> bool:
    """Whether every lane, or every vector, is computed in the same way."""
    return not isinstance(pack.operation, Sum) or (size(pack) <= 64 * pack.lanes and lanewise_terms(pack) is not None)


def turns(pack: Pack) -> int:
    """How often a loop runs that computes this pack."""
    return int(pack.operation.arg.index.shape[1]) if isinstance(pack.operation, Vector) else pack.lanes


def lanewise_terms(pack: Pack) -> list[Term] | None:
    """The terms of a sum, each with one product for every lane; None if lanes have different numbers of them."""
    assert isinstance(pack.operation, Sum)
    terms: list[Term] = []
    for segment in pack.operation.segments:
        for block in segment.blocks:
            (g, h, s), k = block.lane.shape, block.a.shape[2]
            lane = block.lane.ravel()
            a = numpy.broadcast_to(block.a[:, :, None, :], (g, h, s, k)).reshape(-1, k)
            b = (
                None
                if block.b is None
                else numpy.broadcast_to(block.b.swapaxes(1, 2)[:, None], (g, h, s, k)).reshape(-1, k)
            )
            order = numpy.argsort(lane, kind="stable")
            if lane.size != pack.lanes or (
                (lane[order] != numpy.arange(pack.lanes)).any()
                or (a == ABSENT).any()
                or (b is not None and (b == ABSENT).any())
            ):
                return None
            for step in range(k):
                second = None if b is None else b[order, step]
                terms.append((block.sign, segment.a, a[order, step], segment.b, second))
    return terms


@dataclass(eq=False)
class Body:
    """Packs computed together: in a loop over the lanes, or in one straight line."""

    is_loop: bool
    packs: list[Pack] = field(default_factory=list)
    size: int = 0

    def takes(self, pack: Pack) -> bool:
        if not self.is_loop:
            return not _prefers_loop(pack) and self.size + size(pack) <= STRAIGHT
        if not _prefers_loop(pack) or pack.lanes != self.packs[0].lanes:
            return False
        if isinstance(pack.operation, Vector) or isinstance(self.packs[-1].operation, Vector):
            return False  # it writes many lanes in a turn
        inside = set(self.packs)
        return all(
            (index == numpy.arange(pack.lanes)).all() if index.size == pack.lanes else False
            for parent, index in _lane_references(pack)
            if parent in inside
        )


def _prefers_loop(pack: Pack) -> bool:
    if isinstance(pack.operation, Vector | Reduce):
        return size(pack) > STRAIGHT and turns(pack) > 1
    return pack.lanes > FEW_LANES and _is_loop(pack)


def _lane_references(pack: Pack) -> list[tuple[Pack, Index]]:
    """Which lanes of which packs each lane reads, of a pack that is computed in a loop."""
    if isinstance(pack.operation, Apply):
        return [(arg.pack, arg.index) for arg in pack.operation.args if isinstance(arg, Reference)]
    if isinstance(pack.operation, Reduce):
        return [(pack.operation.arg.pack, row) for row in pack.operation.arg.index]
    found = []
    for _, a, ia, b, ib in lanewise_terms(pack) or []:
        found.append((a, ia))
        if b is not None and ib is not None:
            found.append((b, ib))
    return found


def bodies(packs: Iterable[Pack]) -> list[Body]:
    """The packs of a kernel in the bodies that compute them."""
    found: list[Body] = []
    for pack in packs:
        if not found or not found[-1].takes(pack):
            found.append(Body(_prefers_loop(pack)))
        found[-1].packs.append(pack)
        found[-1].size += size(pack)
    return found


def form_of(
    part: Body,
    first: Mapping[Pack, int],
    scratch: set[Pack],
    outputs: set[Pack],
    varying: set[Pack],
    numbers: Mapping[Pack, Floats],
) -> tuple[Any, dict[Pack, int]]:
    """What the text of a body depends on, and its packs numbered in the order in which that mentions them: bodies of
    the same form need not be written twice."""
    members: dict[Pack, int] = {}
    form: list[Any] = [part.is_loop]
    for pack in part.packs:
        operation = pack.operation
        form.append((pack.lanes, type(operation), members.setdefault(pack, len(members))))
        if isinstance(operation, Apply):
            form += [operation.primitive, operation.part, *[a.hex() for a in operation.args if isinstance(a, float)]]
            form.append(tuple([isinstance(a, float) for a in operation.args]))
        elif isinstance(operation, Reduce):
            form.append(operation.primitive)
        elif isinstance(operation, Vector):
            form += [operation.function, operation.empty == 0.0]
        elif isinstance(operation, Sum):
            form.append(operation.from_zero)
            for segment in operation.segments:
                for block in segment.blocks:
                    form.append((block.sign, block.lane.shape, block.a.shape, block.lane.tobytes()))
        for parent, index in _reads(pack):
            held = numbers.get(parent)
            lanes = index - first.get(parent, 0) if held is None else held[index]
            form.append((members.setdefault(parent, len(members)), index.shape, lanes.tobytes()))
    for pack in members:
        form.append((pack in varying, pack in outputs, pack in scratch))
    return tuple(form), members


def first_lanes(packs: Sequence[Pack]) -> dict[Pack, int]:
    """The first lane that these packs read of each pack that is not among them."""
    inside = set(packs)
    found: dict[Pack, int] = {}
    for pack in packs:
        for parent, index in _reads(pack):
            if parent not in inside:
                lanes = index[index != ABSENT]
                if lanes.size:
                    found[parent] = min(found.get(parent, parent.lanes), int(lanes.min()))
    return found


def _reads(pack: Pack) -> Iterator[tuple[Pack, Index]]:
    """Which lanes of which packs it is made of."""
    if not isinstance(pack.operation, Sum):
        for argument in pack.operation.arguments():
            if isinstance(argument, Reference):
                yield argument.pack, argument.index
        return
    for segment in pack.operation.segments:
        for block in segment.blocks:
            yield segment.a, block.a
            if segment.b is not None and block.b is not None:
                yield segment.b, block.b
