"""Reverse: the adjoints of packs, by the table's own partials; the program grows by the program of its gradient.

Adjoints of isomorphic scalars need not be isomorphic, so it is packs that are differentiated, not scalars.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from autograd_mini.compiler.ir.building import Builder, Symbol, elementwise, local_derivatives
from autograd_mini.compiler.ir.program import (
    TIED,
    Apply,
    Block,
    Index,
    Pack,
    Program,
    Reduce,
    Reference,
    Segment,
    Sum,
    Vector,
    depends_on,
    lanes_of,
)
from autograd_mini.compiler.ir.request import Frame, Kind, Request
from autograd_mini.compiler.passes.vector_rules import reduction_segment, vector_segments
from autograd_mini.primitives import Primitive


def differentiate(base: Program, request: Request, frame: Frame) -> Program:
    """The program for a request, from that of the results, guards and what is watched."""
    builder, found = Builder.of(base)
    outputs = _outputs(builder, found["outputs"], frame)
    results: dict[str, list[Reference]] = {} if request.kind == Kind.GUARDS else {"value": [outputs]}
    if found["guards"]:
        guards = builder.gathered([[guard] for guard in found["guards"]])
        results["guards"] = [Reference(guards.pack, guards.index.ravel())]
    if found[TIED] and request.kind != Kind.GUARDS:
        results[TIED] = found[TIED]
    if request.kind not in (Kind.GUARDS, Kind.VALUE):
        adjoints = _derivatives(builder, outputs, request.kind, [frame.inputs[slot] for slot in request.wrt], frame)
        for (_, name), adjoint in zip(request.names, adjoints):
            if adjoint is not None:
                results[name] = [lanes_of(adjoint)]
    return builder.program(results)


def _outputs(builder: Builder, found: Sequence[Reference], frame: Frame) -> Reference:
    """All results in order; over the batch they are summed if it is reduced."""
    outputs = builder.gathered([[output] for output in found]) if found else None
    if outputs is None:
        outputs = Reference(builder.constants, numpy.empty((0, 1), dtype=numpy.int64))
    flat = Reference(outputs.pack, outputs.index.ravel())
    if not (frame.reduces and frame.has_batch):
        return flat
    lanes = numpy.arange(flat.index.size)
    # A result that does not depend on the example counts for each of them all the same.
    each = builder.sum(lanes.size, True, [Segment(flat.pack, None, [elementwise(lanes, flat.index, None)])])
    total = builder.sum(lanes.size, False, [Segment(each, None, [elementwise(lanes, lanes, None)])])
    return lanes_of(total)


def _derivatives(builder: Builder, outputs: Reference, kind: Kind, wrt: list[Pack], frame: Frame) -> list[Pack | None]:
    if kind == Kind.JACOBIAN:  # the seed picks an output; without a batch, all outputs are the batch
        seed = builder.leaf("seed", 0, "seed", outputs.index.size, not frame.has_batch)
        return reverse(builder, [(outputs, lanes_of(seed))], wrt, per_example=not frame.reduces or seed.batched)
    one = Reference(builder.constants, builder.constant(numpy.ones(1)))
    gradient = reverse(builder, [(outputs, one)], wrt, per_example=frame.per_example)
    if kind == Kind.GRADIENT:
        return gradient
    # The product of the Hessian with a direction is the gradient of the gradient's product with it; without a batch,
    # several directions are the batch.
    segments = []
    for position, (leaf, adjoint) in enumerate(zip(wrt, gradient)):
        name = f"d{getattr(leaf.operation, 'name', '')}"
        direction = builder.leaf("seed", position, name, leaf.lanes, leaf.batched or not frame.has_batch)
        if adjoint is not None and leaf.lanes:
            index = numpy.arange(leaf.lanes).reshape(1, 1, -1)
            block = Block(numpy.zeros((1, 1, 1), dtype=numpy.int64), index, index.swapaxes(1, 2))
            segments.append(Segment(adjoint, direction, [block], adjoint=0))
    if not segments:
        return [None] * len(wrt)
    each = frame.per_example or not frame.has_batch
    slope = builder.sum(1, each, segments)
    return reverse(builder, [(lanes_of(slope), one)], wrt, per_example=each)


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
