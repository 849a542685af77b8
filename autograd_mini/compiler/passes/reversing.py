"""Reverse: the adjoints of packs, by the table's own partials; the program grows by the program of its gradient.

Adjoints of isomorphic scalars need not be isomorphic, so it is packs that are differentiated, not scalars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from functools import partial
from typing import Any

import numpy

from autograd_mini.adjoints import descendants_of
from autograd_mini.compiler.ir.building import Builder, elementwise, segment, whole
from autograd_mini.compiler.ir.names import ENTRIES, TIED
from autograd_mini.compiler.ir.program import (
    Apply,
    Argument,
    Index,
    Loop,
    Pack,
    Program,
    Reduce,
    Reference,
    Segment,
    Sum,
    Vector,
    lanes_of,
)
from autograd_mini.compiler.ir.request import Frame, Kind, Request
from autograd_mini.compiler.passes.rules import Rules
from autograd_mini.compiler.passes.vector_rules import REDUCTION_RULES, VECTOR_RULES
from autograd_mini.primitives import Primitive


def differentiate(base: Program, request: Request, frame: Frame) -> Program:
    """The program for a request, given the program of the results, the guards and what is watched."""
    builder = Builder()
    found = builder.go_on(base)
    outputs = outputs_of(builder, found["outputs"], frame)
    results = {} if request.kind == Kind.GUARDS else {"value": outputs}
    results |= decisions_of(found, request)
    if request.kind not in (Kind.GUARDS, Kind.VALUE):
        found_ = _derivatives(builder, outputs, request.kind, [frame.inputs[slot] for slot in request.wrt], frame)
        names = [ENTRIES] if request.kind == Kind.TANGENT else [name for _, name in request.names]
        results |= {name: lanes_of(each) for name, each in zip(names, found_) if each is not None}
    return builder.program(results)


def decisions_of(found: Mapping[str, Reference], request: Request) -> dict[str, Reference]:
    """The guards, and the result that is watched, if there is one."""
    names = ["guards"] if request.kind == Kind.GUARDS else ["guards", TIED]
    return {name: found[name] for name in names if name in found}


def outputs_of(builder: Builder, outputs: Reference, frame: Frame) -> Reference:
    """All results in order, summed over the batch if it is reduced."""
    if not (frame.reduces and frame.has_batch):
        return outputs
    lanes = numpy.arange(outputs.index.size)
    # A result that does not depend on the example still counts once for each of them.
    each = builder.sum(lanes.size, True, [Segment(outputs.pack, None, [elementwise(lanes, outputs.index, None)])])
    return lanes_of(builder.sum(lanes.size, False, [whole(each)]))


def _derivatives(builder: Builder, outputs: Reference, kind: Kind, wrt: list[Pack], frame: Frame) -> list[Pack | None]:
    if kind in (Kind.JACOBIAN, Kind.TANGENT):  # the seed weights outputs; without a batch, several seeds are the batch
        is_each = not (frame.reduces and frame.has_batch)
        weights = builder.leaf("seed", len(wrt) * (kind == Kind.TANGENT), "seed", outputs.index.size, is_each)
        pulled = reverse(builder, [(outputs, lanes_of(weights))], wrt, per_example=is_each)
        if kind == Kind.JACOBIAN:
            return pulled
        # The gradient's product with a direction is linear in the weights: its derivative by them is the change
        # of the outputs along it, and depends on no weights.
        return reverse(builder, _along(builder, pulled, wrt, frame), [weights], per_example=is_each)
    gradient = reverse(builder, [(outputs, builder.repeated(1.0, 1))], wrt, per_example=frame.per_example)
    if kind == Kind.GRADIENT:
        return gradient
    # The product of the Hessian with a direction is the gradient of the gradient's product with it.
    seeds = _along(builder, gradient, wrt, frame)
    return reverse(builder, seeds, wrt, per_example=frame.per_example or not frame.has_batch)


def _along(
    builder: Builder, gradient: Sequence[Pack | None], wrt: Sequence[Pack], frame: Frame
) -> list[tuple[Reference, Reference]]:
    """The factors of the gradient's product with a direction; without a batch, several directions are the batch."""
    seeds = []
    for position, (leaf, adjoint) in enumerate(zip(wrt, gradient)):
        name = f"d{getattr(leaf.operation, 'name', '')}"
        direction = builder.leaf("seed", position, name, leaf.lanes, leaf.batched or not frame.has_batch)
        if adjoint is not None and leaf.lanes:
            seeds.append((lanes_of(adjoint), lanes_of(direction)))
    return seeds


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
        wanted: leaves to differentiate with respect to.
        per_example: give unbatched leaves an adjoint for each example, instead of the sum over the batch.

    Returns:
        The adjoint of each wanted pack; None where no root depends on it.
    """
    order, rules = list(builder.packs), Rules()
    active = descendants_of(wanted, order)
    contributions: dict[Pack, list[Segment]] = {}
    for root, seed in seeds:
        contributions.setdefault(root.pack, []).append(segment(root.index, 1.0, seed, None))
    adjoints: dict[Pack, Pack] = {}
    for pack in reversed(order):
        segments = contributions.get(pack)
        if segments is None or pack not in active:
            continue
        adjoint = builder.sum(pack.lanes, pack.batched or per_example, segments)
        adjoint.adjoint_of = pack
        adjoints[pack] = adjoint
        for parent, each in _spread(builder, rules, pack, adjoint, active):
            contributions.setdefault(parent, []).append(each)
    return [adjoints.get(pack) for pack in wanted]


def _spread(builder: Builder, rules: Rules, pack: Pack, adjoint: Pack, active: set[Pack]) -> list[tuple[Pack, Segment]]:
    """What the adjoint of a pack contributes to the adjoints of the packs that it reads."""
    operation = pack.operation
    if isinstance(operation, Sum):
        return [found for each in operation.segments for found in _spread_segment(each, adjoint, active)]
    if isinstance(operation, Vector):
        x, rule = operation.arg, VECTOR_RULES.get(operation.function)
        index = numpy.arange(pack.lanes).reshape(x.index.shape)
        terms = rule(builder, x, Reference(pack, index), Reference(adjoint, index), operation.empty) if rule else []
        return [(x.pack, segment(x.index, *term)) for term in terms]
    if isinstance(operation, Loop):
        parts = [*zip(operation.args, operation.places)]
        operation.keeps = operation.scan.forward is None
        make = partial(builder.loop, forward=lanes_of(pack) if operation.keeps else None)
        given = operation.scan.spread(make, parts, lambda lanes: Reference(adjoint, lanes))
        return [(x.pack, segment(x.index, 1.0, Reference(loop, places), None)) for x, loop, places in given]
    if not isinstance(operation, Apply | Reduce):
        return []
    selects, found = operation.primitive.selects, []
    for x, own, c, local in locals_of(builder, rules, pack, operation, active):
        factor = builder.repeated(local, pack.lanes) if isinstance(local, float) else local
        found.append((x.pack, segment(x.index, c, Reference(adjoint, own), factor, selects=selects)))
    return found


def _spread_segment(given: Segment, adjoint: Pack, active: set[Pack]) -> list[tuple[Pack, Segment]]:
    found = []
    if given.a in active:
        blocks = [block.towards_a() for block in given.blocks]
        found.append((given.a, Segment(adjoint, given.b, blocks, adjoint=0)))
    if given.b in active and given.b is not None:
        blocks = [block.towards_b() for block in given.blocks]
        found.append((given.b, Segment(given.a, adjoint, blocks, adjoint=1)))
    for _, each in found:  # only where the choice stays a factor
        each.selects = given.selects and each.adjoint == given.adjoint
    return found


def locals_of(
    builder: Builder, rules: Rules, pack: Pack, operation: Apply | Reduce, active: Set[Pack]
) -> Iterator[tuple[Reference, Index, float, Reference | float | None]]:
    """The local derivatives with respect to active packs, by the table: lanes of these, the lanes that read them, a
    sign, and numbers, or one for all lanes, None for 1. Operations that only choose have none."""
    primitive, own = operation.primitive, numpy.arange(pack.lanes)
    args: Sequence[Argument] = operation.arguments()
    if isinstance(operation, Reduce):
        x, reduction = operation.arg, REDUCTION_RULES.get(primitive)
        if reduction is not None:
            own = numpy.broadcast_to(own, x.index.shape)
            yield x, own, 1.0, reduction(builder, x, Reference(pack, own))
            return
        args = [Reference(x.pack, index) for index in x.index]
    if primitive.is_selector:
        return

    def apply(primitive: Primitive, *args: Argument) -> Reference:
        return lanes_of(builder.apply(primitive, args, pack.lanes))

    constants = [None if isinstance(arg, Reference) else arg for arg in args]
    wanted = [isinstance(arg, Reference) and arg.pack in active for arg in args]
    rule = rules.rule(primitive, constants, wanted)
    known = rule.numbers([lanes_of(pack), *args], apply)
    for place, c, local in rule.locals:
        arg: Any = args[place]
        yield arg, own, c, None if local is None else known[local]
