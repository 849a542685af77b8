"""Reverse: the adjoints of packs, by the table's own partials; the program grows by the program of its gradient.

Adjoints of isomorphic scalars need not be isomorphic, so it is packs that are differentiated, not scalars.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from autograd_mini.compiler.building import Builder, Symbol, elementwise, local_derivatives
from autograd_mini.compiler.program import (
    Apply,
    Index,
    Pack,
    Reduce,
    Reference,
    Segment,
    Sum,
    Vector,
    depends_on,
    lanes_of,
)
from autograd_mini.compiler.vector_rules import reduction_segment, vector_segments
from autograd_mini.primitives import Primitive


def reverse(
    builder: Builder,
    seeds: Sequence[tuple[Reference, Reference]],
    wanted: Sequence[Pack],
    *,
    per_example: bool,
) -> list[Pack | None]:
    """Append the adjoints Σ seed · ∂root/∂pack of the wanted packs to the program.

    Args:
        seeds: pairs (root, seed) of references with equally many lanes.
        wanted: leaves to differentiate towards.
        per_example: give unbatched leaves an adjoint for each example, instead of the sum over the batch.

    Returns:
        The adjoint of each wanted pack; None where no root depends on it.
    """
    order = list(builder.packs)
    active = depends_on(order, set(wanted))
    contributions: dict[Pack, list[Segment]] = {}
    for root, seed in seeds:
        segment = Segment(seed.pack, None, [elementwise(root.index, seed.index, None)], adjoint=0)
        contributions.setdefault(root.pack, []).append(segment)
    adjoints: dict[Pack, Pack] = {}
    for pack in reversed(order):
        segments = contributions.get(pack)
        if segments is None or pack not in active:
            continue
        adjoint = builder.sum(pack.lanes, pack.batched or per_example, segments)
        adjoint.adjoint_of = pack
        adjoints[pack] = adjoint
        for parent, segment in _spread(builder, pack, adjoint, active):
            contributions.setdefault(parent, []).append(segment)
    return [adjoints.get(pack) for pack in wanted]


def _spread(builder: Builder, pack: Pack, adjoint: Pack, active: set[Pack]) -> list[tuple[Pack, Segment]]:
    """What the adjoint of a pack gives to the packs it is made of."""
    operation = pack.operation
    if isinstance(operation, Sum):
        return [found for segment in operation.segments for found in _spread_segment(segment, adjoint, active)]
    if isinstance(operation, Vector):
        return [(operation.arg.pack, segment) for segment in vector_segments(builder, pack, adjoint, operation)]
    if isinstance(operation, Reduce):
        whole = reduction_segment(builder, pack, adjoint, operation)
        if whole is not None:
            return [(operation.arg.pack, whole)]
        rows = [Reference(operation.arg.pack, index) for index in operation.arg.index]
        return _spread_by_rule(builder, pack, adjoint, operation.primitive, rows, active)
    if isinstance(operation, Apply) and not operation.primitive.is_selector:
        return _spread_by_rule(builder, pack, adjoint, operation.primitive, operation.args, active)
    return []


def _spread_segment(segment: Segment, adjoint: Pack, active: set[Pack]) -> list[tuple[Pack, Segment]]:
    found = []
    if segment.a in active:
        blocks = [block.towards_a() for block in segment.blocks]
        found.append((segment.a, Segment(adjoint, segment.b, blocks, adjoint=0)))
    if segment.b in active and segment.b is not None:
        blocks = [block.towards_b() for block in segment.blocks]
        found.append((segment.b, Segment(segment.a, adjoint, blocks, adjoint=1)))
    for _, each in found:  # of a product of an adjoint and a choice, what goes to the adjoint
        each.selects = segment.selects and each.adjoint == segment.adjoint
    return found


def _spread_by_rule(
    builder: Builder,
    pack: Pack,
    adjoint: Pack,
    primitive: Primitive,
    args: Sequence[Reference | float],
    active: set[Pack],
) -> list[tuple[Pack, Segment]]:
    """The rule of the table, run on symbols."""
    operands = [Symbol(builder, arg) if isinstance(arg, Reference) else arg for arg in args]
    lanes: Index = numpy.arange(pack.lanes)
    found = []
    for arg, local in zip(args, local_derivatives(primitive, Symbol(builder, lanes_of(pack)), operands)):
        if not isinstance(arg, Reference) or arg.pack not in active:
            continue
        if isinstance(local, Symbol):
            block = elementwise(arg.index, lanes, local.reference.index)
            segment = Segment(adjoint, local.reference.pack, [block], adjoint=0, selects=primitive.selects)
        elif local == 0.0 and primitive.selects:
            continue
        elif abs(local) == 1.0:
            segment = Segment(adjoint, None, [elementwise(arg.index, lanes, None, float(local))], adjoint=0)
        else:
            number = numpy.repeat(builder.constant(numpy.array([float(local)])), pack.lanes)
            segment = Segment(adjoint, builder.constants, [elementwise(arg.index, lanes, number)], adjoint=0)
        found.append((arg.pack, segment))
    return found
