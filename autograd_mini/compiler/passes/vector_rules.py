"""The rules of operations on whole vectors at once, in packs instead of scalar by scalar.

A softmax of n outputs has n² local derivatives in the table; here the same sums are taken in O(n). A test holds
each of these rules to the table's own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy

from autograd_mini.compiler.ir.building import Builder, elementwise
from autograd_mini.compiler.ir.program import Argument, Pack, Reduce, Reference, Segment, Vector, lanes_of
from autograd_mini.primitives import TABLE

_scale, _ratio = TABLE.auxiliary["scale"], TABLE.auxiliary["ratio"]


def _first_equal(function: str) -> Callable[[Builder, Pack, Reference], Argument]:
    return lambda builder, out, arg: lanes_of(builder.vector(function, arg))


def _shares(builder: Builder, out: Pack, arg: Reference) -> Argument:
    return lanes_of(builder.vector("softmax", arg, 0.0))


def _unit(builder: Builder, out: Pack, arg: Reference) -> Argument:
    """x / out."""
    n, lanes = arg.index.shape
    xs, outs = Reference(arg.pack, arg.index.ravel()), Reference(out, numpy.tile(numpy.arange(lanes), n))
    return lanes_of(builder.apply(_ratio, [xs, outs], n * lanes))


REDUCTION_RULES: dict[str, Callable[[Builder, Pack, Reference], Argument]] = {
    "max": _first_equal("first_max"),
    "min": _first_equal("first_min"),
    "logsumexp": _shares,
    "norm": _unit,
    "hypot": _unit,
    "fsum": lambda builder, out, arg: 1.0,
}
"""The local derivatives of `out` towards all its arguments, row after row: [n · lanes]."""


def reduction_segment(builder: Builder, pack: Pack, adjoint: Pack, operation: Reduce) -> Segment | None:
    """What the adjoint of a reduction gives its argument, if there is a rule for the whole of it."""
    rule = REDUCTION_RULES.get(operation.primitive.name)
    if rule is None:
        return None
    n, lanes = operation.arg.index.shape
    local = rule(builder, pack, operation.arg)
    outs = numpy.tile(numpy.arange(lanes), n)
    if isinstance(local, float):
        return Segment(adjoint, None, [elementwise(operation.arg.index, outs, None, local)], adjoint=0)
    block = elementwise(operation.arg.index, outs, local.index)
    return Segment(adjoint, local.pack, [block], adjoint=0, selects=operation.primitive.selects)


def vector_segments(builder: Builder, pack: Pack, adjoint: Pack, operation: Vector) -> list[Segment]:
    """What the adjoint g of y = function(x) gives x."""
    if operation.function == "softmax":  # yⱼ·(gⱼ·Σ_{i≠j} yᵢ - Σ_{i≠j} gᵢ·yᵢ)
        weighted = builder.apply(_scale, [lanes_of(adjoint), lanes_of(pack)], pack.lanes)
        segments = [
            _product(adjoint, _others(builder, pack, operation), 1.0),
            _product(_others(builder, weighted, operation), None, -1.0),
        ]
        change = builder.sum(pack.lanes, adjoint.batched, segments)
        return [_product(change, pack, 1.0, operation.arg)]
    if operation.function == "log_softmax":  # gⱼ·Σ_{i≠j} yᵢ - yⱼ·Σ_{i≠j} gᵢ with the softmax y
        shares = builder.vector("softmax", operation.arg, operation.empty)
        return [
            _product(adjoint, _others(builder, shares, operation), 1.0, operation.arg),
            _product(_others(builder, adjoint, operation), shares, -1.0, operation.arg),
        ]
    if operation.function == "sum_of_others":
        return [_product(_others(builder, adjoint, operation), None, 1.0, operation.arg)]
    return []  # a choice


def _others(builder: Builder, pack: Pack, operation: Vector) -> Pack:
    """For each component the sum of the others, of a pack laid out as the vectors are."""
    index = numpy.arange(pack.lanes).reshape(operation.arg.index.shape)
    return builder.vector("sum_of_others", Reference(pack, index))


def _product(a: Pack, b: Pack | None, coefficient: float, target: Reference | None = None) -> Segment:
    lanes = numpy.arange(a.lanes)
    lane = lanes if target is None else target.index
    return Segment(a, b, [elementwise(lane, lanes, None if b is None else lanes, coefficient)], adjoint=0)
