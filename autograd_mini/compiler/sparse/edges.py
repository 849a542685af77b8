"""The derivatives of a pack by those that it is made of, as sparse matrices, from the table's own partials."""

from __future__ import annotations

from collections.abc import Iterator, Set

import numpy

from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.program import Apply, Index, Loop, Pack, Reduce, Reference, Sum, Vector
from autograd_mini.compiler.passes.reversing import locals_of
from autograd_mini.compiler.passes.rules import Rules
from autograd_mini.compiler.sparse.entries import Numbers, Terms

MOST_ROWS = 64
"""Of so many numbers that come out of a loop each has a loop of its own for its derivatives."""


def local_terms(builder: Builder, rules: Rules, pack: Pack, active: Set[Pack]) -> Iterator[tuple[Pack, Terms]]:
    """The local derivatives of a pack: with respect to which of the active ones, and at which lanes of both.

    Args:
        rules: what the rules of the table gave so far.
    """
    operation = pack.operation
    if isinstance(operation, Sum):
        for segment, sign, lane, a, b in operation.terms():
            if segment.a in active:
                other = numpy.ones(lane.size) if segment.b is None else Reference(segment.b, b)
                yield segment.a, Terms(lane, a, other, None, sign)
            if segment.b is not None and segment.b in active:
                yield segment.b, Terms(lane, b, Reference(segment.a, a), None, sign)
    elif isinstance(operation, Vector):
        if operation.arg.pack in active:
            yield from _of_vector(builder, pack, operation)
    elif isinstance(operation, Loop):
        yield from _of_loop(builder, operation, active)
    elif isinstance(operation, Apply | Reduce):
        for x, own, c, local in locals_of(builder, rules, pack, operation, active):
            same = 1.0 if local is None else local
            numbers: Numbers = _flat(same) if isinstance(same, Reference) else numpy.full(own.size, same)
            yield x.pack, Terms(own.ravel(), x.index.ravel(), numbers, None, c)


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


def _of_vector(builder: Builder, pack: Pack, operation: Vector) -> Iterator[tuple[Pack, Terms]]:
    """Those of each component of a vector by its own number, and by all others; a choice has none."""
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
