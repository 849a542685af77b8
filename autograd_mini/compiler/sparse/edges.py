"""The derivatives of a pack towards those that it is made of, as sparse matrices, by the table's own partials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import Any

import numpy

from autograd_mini.compiler.code.lower import terms_of
from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.program import (
    Apply,
    Argument,
    Index,
    Loop,
    Pack,
    Reduce,
    Reference,
    Sum,
    Vector,
    lanes_of,
)
from autograd_mini.compiler.passes.rules import Rules
from autograd_mini.compiler.passes.vector_rules import REDUCTION_RULES
from autograd_mini.compiler.sparse.entries import Numbers, Terms
from autograd_mini.primitives import Primitive

MOST_ROWS = 64
"""Of so many numbers that come out of a loop each has a loop of its own for its derivatives."""


def local_terms(builder: Builder, rules: Rules, pack: Pack, active: Set[Pack]) -> Iterator[tuple[Pack, Terms]]:
    """The local derivatives of a pack: towards which of the active ones, and at which lanes of both.

    Args:
        rules: what the rules of the table gave so far.
    """
    operation = pack.operation
    if isinstance(operation, Sum):
        for segment, sign, lane, a, b in terms_of(operation):
            if segment.a in active:
                other = numpy.ones(lane.size) if segment.b is None else Reference(segment.b, b)
                yield segment.a, Terms(lane, a, other, None, sign)
            if segment.b is not None and segment.b in active:
                yield segment.b, Terms(lane, b, Reference(segment.a, a), None, sign)
    elif isinstance(operation, Vector):
        if operation.arg.pack in active:
            yield from _of_vector(builder, pack, operation)
    elif isinstance(operation, Reduce):
        yield from _of_reduction(builder, rules, pack, operation, active)
    elif isinstance(operation, Loop):
        yield from _of_loop(builder, operation, active)
    elif isinstance(operation, Apply) and not operation.primitive.is_selector:
        yield from _by_rule(builder, rules, pack, operation.primitive, operation.args, active)


def _of_loop(builder: Builder, operation: Loop, active: Set[Pack]) -> Iterator[tuple[Pack, Terms]]:
    """Row by row, by the adjoints for each of the numbers that come out; whatever goes in may reach each of them."""
    scan, parts = operation.scan, [*zip(operation.args, operation.places)]
    if scan.n_rows > MOST_ROWS:
        raise ValueError(
            f"sparse derivatives go through a scan of at most {MOST_ROWS} numbers, and one here carries and keeps "
            f"{scan.n_rows}, or takes as many for a Hessian; ask for them without sparse=True"
        )
    zero, one = builder.constant(numpy.array([0.0, 1.0]))
    for row in range(scan.n_rows):

        def unit(places: Index, row: int = row) -> Reference:
            return Reference(builder.constants, numpy.where(places == row, one, zero))

        for arg, loop, places in scan.spread(builder.loop, parts, unit):
            if arg.pack in active:
                yield arg.pack, Terms(numpy.full(places.size, row), arg.index, Reference(loop, places))


def _by_rule(
    builder: Builder, rules: Rules, pack: Pack, primitive: Primitive, args: Sequence[Argument], active: Set[Pack]
) -> Iterator[tuple[Pack, Terms]]:
    def apply(primitive: Primitive, *args: Argument) -> Reference:
        return lanes_of(builder.apply(primitive, args, pack.lanes))

    constants = [None if isinstance(arg, Reference) else arg for arg in args]
    wanted = [isinstance(arg, Reference) and arg.pack in active for arg in args]
    lanes, ones = numpy.arange(pack.lanes), numpy.ones(pack.lanes)
    for place, c, local in rules.locals(primitive, [lanes_of(pack), *args], constants, wanted, apply):
        arg: Any = args[place]
        if isinstance(local, Reference):
            yield arg.pack, Terms(lanes, arg.index, local, None, c)
        else:
            yield arg.pack, Terms(lanes, arg.index, ones if local is None else ones * local, None, c)


def _of_reduction(
    builder: Builder, rules: Rules, pack: Pack, operation: Reduce, active: Set[Pack]
) -> Iterator[tuple[Pack, Terms]]:
    x, rule = operation.arg, REDUCTION_RULES.get(operation.primitive)
    if rule is None:
        rows = [Reference(x.pack, index) for index in x.index]
        yield from _by_rule(builder, rules, pack, operation.primitive, rows, active)
    elif x.pack in active:
        out = numpy.broadcast_to(numpy.arange(pack.lanes), x.index.shape)
        local = rule(builder, x, Reference(pack, out))
        numbers: Numbers = numpy.ones(out.size) if local is None else Reference(local.pack, local.index.ravel())
        yield x.pack, Terms(out.ravel(), x.index.ravel(), numbers)


def _of_vector(builder: Builder, pack: Pack, operation: Vector) -> Iterator[tuple[Pack, Terms]]:
    """Those of each component of a vector towards its own number, and towards all others; a choice has none."""
    x, function = operation.arg, operation.function
    n, groups = x.index.shape
    lanes = numpy.arange(n * groups).reshape(n, groups)
    others, own = numpy.nonzero(~numpy.eye(n, dtype=bool))
    out, into = lanes[others].ravel(), lanes[own].ravel()
    of_x = x.index.ravel()
    if function == "softmax":
        y = Reference(pack, lanes)
        if n > 1:
            yield x.pack, Terms(lanes.ravel(), of_x, _flat(y), _flat(builder.vector("sum_of_others", y)))
        yield x.pack, Terms(out, of_x[into], Reference(pack, out), Reference(pack, into), -1.0)
    elif function == "log_softmax":
        shares = builder.vector("softmax", x, operation.empty)
        if n > 1:
            yield x.pack, Terms(lanes.ravel(), of_x, _flat(builder.vector("sum_of_others", shares)))
        yield x.pack, Terms(out, of_x[into], Reference(shares.pack, into), None, -1.0)
    elif function == "sum_of_others":
        yield x.pack, Terms(out, of_x[into], numpy.ones(out.size))


def _flat(reference: Reference) -> Reference:
    return Reference(reference.pack, reference.index.ravel())
