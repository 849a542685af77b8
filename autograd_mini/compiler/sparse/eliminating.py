"""Sparse derivatives by elimination: the graph of local derivatives, from which pack after pack is taken out.

Each edge from a pack to one that reads it holds the sparse matrix of local derivatives. To take a pack out, each matrix
on an edge into it is multiplied with each on an edge from it, and added to the edge that goes past it. Forward and
reverse mode are two orders in which to do that; here, the pack that costs the fewest products is next (H. Markowitz,
1957; A. Griewank and S. Reese, 1991). What is left are the edges from the variables to the results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from heapq import heapify, heappop, heappush
from itertools import pairwise
from math import inf
from typing import NamedTuple

import numpy

from autograd_mini.adjoints import descendants_of
from autograd_mini.compiler.ir import program as ir
from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.names import ENTRIES
from autograd_mini.compiler.ir.request import Frame, Kind, Request
from autograd_mini.compiler.passes.reversing import decisions_of, locals_of, outputs_of, reverse
from autograd_mini.compiler.passes.rules import Rules
from autograd_mini.compiler.sparse import entries

MOST_ROWS = 64
"""Loops with more results are refused, since the derivatives of each result are a loop of their own."""


def local_terms(
    builder: Builder, rules: Rules, pack: ir.Pack, active: Set[ir.Pack]
) -> Iterator[tuple[ir.Pack, entries.Terms]]:
    """The local derivatives of a pack: for each active pack that it reads, terms at lanes of both.

    Args:
        rules: what the rules of the table gave so far.
    """
    operation = pack.operation
    if isinstance(operation, ir.Sum):
        for segment, sign, lane, a, b in operation.terms():
            if segment.a in active:
                other = numpy.ones(lane.size) if segment.b is None else ir.Reference(segment.b, b)
                yield segment.a, entries.Terms(lane, a, other, None, sign)
            if segment.b is not None and segment.b in active:
                yield segment.b, entries.Terms(lane, b, ir.Reference(segment.a, a), None, sign)
    elif isinstance(operation, ir.Vector):
        if operation.arg.pack in active:
            yield from _of_vector(builder, pack, operation)
    elif isinstance(operation, ir.Loop):
        yield from _of_loop(builder, operation, active)
    elif isinstance(operation, ir.Apply | ir.Reduce):
        for x, own, c, local in locals_of(builder, rules, pack, operation, active):
            same = 1.0 if local is None else local
            numbers: entries.Numbers = _flat(same) if isinstance(same, ir.Reference) else numpy.full(own.size, same)
            yield x.pack, entries.Terms(own.ravel(), x.index.ravel(), numbers, None, c)


def _of_loop(builder: Builder, operation: ir.Loop, active: Set[ir.Pack]) -> Iterator[tuple[ir.Pack, entries.Terms]]:
    """The local derivatives of a loop, row by row, by the adjoints of each result; any input may reach any result."""
    scan, parts = operation.scan, [*zip(operation.args, operation.places)]
    if scan.n_rows > MOST_ROWS:
        raise ValueError(
            f"sparse derivatives go through a scan of at most {MOST_ROWS} numbers, and one here carries and keeps "
            f"{scan.n_rows}, or takes as many for a Hessian; ask for them without sparse=True"
        )
    zero, one = builder.constant(numpy.array([0.0, 1.0]))
    for row in range(scan.n_rows):

        def unit(places: ir.Index, row: int = row) -> ir.Reference:
            return ir.Reference(builder.constants, numpy.where(places == row, one, zero))

        for arg, loop, places in scan.spread(builder.loop, parts, unit):
            if arg.pack in active:
                yield arg.pack, entries.Terms(numpy.full(places.size, row), arg.index, ir.Reference(loop, places))


def _of_vector(builder: Builder, pack: ir.Pack, operation: ir.Vector) -> Iterator[tuple[ir.Pack, entries.Terms]]:
    """The local derivatives of each component of a vector by its own number, and by all others; a choice has none."""
    x, function = operation.arg, operation.function
    n, groups = x.index.shape
    lanes = numpy.arange(n * groups).reshape(n, groups)
    others, own = numpy.nonzero(~numpy.eye(n, dtype=bool))
    out, into = lanes[others].ravel(), lanes[own].ravel()
    of_x = x.index.ravel()
    if function == "softmax":
        y = ir.Reference(pack, lanes)
        if n > 1:
            yield x.pack, entries.Terms(lanes.ravel(), of_x, _flat(y), _flat(builder.vector("sum_of_others", y)))
        yield x.pack, entries.Terms(out, of_x[into], ir.Reference(pack, out), ir.Reference(pack, into), -1.0)
    elif function == "log_softmax":
        shares = builder.vector("softmax", x, operation.empty)
        if n > 1:
            yield x.pack, entries.Terms(lanes.ravel(), of_x, _flat(builder.vector("sum_of_others", shares)))
        yield x.pack, entries.Terms(out, of_x[into], ir.Reference(shares.pack, into), None, -1.0)
    elif function == "sum_of_others":
        yield x.pack, entries.Terms(out, of_x[into], numpy.ones(out.size))


def _flat(reference: ir.Reference) -> ir.Reference:
    return ir.Reference(reference.pack, reference.index.ravel())


MOST_PRODUCTS = 2**26
"""The most terms at once; so many take several gigabytes."""


class NotSparse(ValueError):
    """A matrix takes too many products to count as sparse."""


class SparseProgram(NamedTuple):
    """A sparse matrix of derivatives, and what computes it.

    Rows are results in their order, or variables; columns are variables: the lanes of the slots that the request is
    with respect to, one slot after the other.

    Attributes:
        shape: how many rows and columns there are.
        rows, columns: the place of each entry that can be other than 0, row by row, with ascending columns.
        program: computes these, as its result `entries`, which is missing if there are none.
    """

    shape: tuple[int, int]
    rows: ir.Index
    columns: ir.Index
    program: ir.Program


def sparse_program(base: ir.Program, request: Request, frame: Frame, most: float = inf) -> SparseProgram:
    """The program for a sparse Jacobian or Hessian, from that of the results, guards and what is watched.

    Raises:
        NotSparse: it takes more than `most` products at once, or more than memory holds.
    """
    builder = Builder()
    found = builder.go_on(base)
    outputs, wrt = outputs_of(builder, found["outputs"], frame), [frame.inputs[slot] for slot in request.wrt]
    starts = numpy.cumsum([0, *(leaf.lanes for leaf in wrt)]).tolist()
    is_hessian = request.kind == Kind.SPARSE_HESSIAN
    roots = [(0, outputs)]
    if is_hessian:
        gradient = reverse(builder, [(outputs, builder.repeated(1.0, 1))], wrt, per_example=frame.per_example)
        roots = [(start, ir.lanes_of(each)) for start, each in zip(starts, gradient) if each is not None]
    graph = _Graph(builder, roots, wrt, frame.per_example, is_symmetric=is_hessian)
    graph.eliminate(min(most, MOST_PRODUCTS))
    rows, columns, lanes = graph.nonzeros()
    results = ({} if lanes is None else {ENTRIES: lanes}) | decisions_of(found, request)
    shape = starts[-1] if is_hessian else outputs.index.size, starts[-1]
    return SparseProgram(shape, rows, columns, builder.program(results))


class _Graph:
    """The edges, by the pack that reads another and the pack that is read; None stands for the outputs. They hold
    terms, which are added up when that is needed.

    Args:
        outputs: lanes, each after the row of the first one.
        batched: whether outputs differ from example to example.
        is_symmetric: whether outputs and variables are in one order, and the matrix is symmetric: one half is computed.
    """

    def __init__(
        self,
        builder: Builder,
        outputs: Sequence[tuple[int, ir.Reference]],
        wrt: Sequence[ir.Pack],
        batched: bool,
        *,
        is_symmetric: bool,
    ) -> None:
        self.builder, self.batched, self.is_symmetric = builder, batched, is_symmetric
        starts = numpy.cumsum([0, *(leaf.lanes for leaf in wrt)]).tolist()
        self.first_column = dict(zip(wrt, starts))
        self.parents: dict[ir.Pack | None, dict[ir.Pack, list[entries.Terms]]] = {}
        self.children: dict[ir.Pack, dict[ir.Pack | None, list[entries.Terms]]] = {}
        order, rules = list(builder.packs), Rules()
        active, fold = descendants_of(wrt, order), entries.Folding(builder)
        terms: dict[ir.Pack, list[entries.Terms]] = {}
        for first, each in outputs:
            rows = numpy.arange(first, first + each.index.size)
            terms.setdefault(each.pack, []).append(entries.Terms(rows, each.index, numpy.ones(rows.size)))
        self._add(None, terms)
        for pack in reversed(order):
            if pack in self.children and pack in active and pack not in self.first_column:
                found: dict[ir.Pack, list[entries.Terms]] = {}
                for parent, each_terms in local_terms(builder, rules, pack, active):
                    found.setdefault(parent, []).extend(each_terms.folded(fold))
                self._add(pack, found)

    def _add(self, pack: ir.Pack | None, terms: dict[ir.Pack, list[entries.Terms]]) -> None:
        for parent, each in terms.items():
            parts = self._merged(pack, parent, each)
            if parts:
                self._edge(pack, parent).extend(parts)

    def _edge(self, pack: ir.Pack | None, parent: ir.Pack) -> list[entries.Terms]:
        """The terms of an edge, which is made if it is not there."""
        found = self.parents.setdefault(pack, {}).setdefault(parent, [])
        return self.children.setdefault(parent, {}).setdefault(pack, found)

    def _merged(self, pack: ir.Pack | None, parent: ir.Pack, terms: Sequence[entries.Terms]) -> entries.Matrix:
        varies = self._varies(pack) or parent.batched
        cancels = pack is None and parent in self.first_column  # else 0 may meet inf: log(x - x)
        return entries.merged(self.builder, terms, varies, cancels=cancels)

    def _varies(self, pack: ir.Pack | None) -> bool:
        return self.batched if pack is None else pack.batched

    def eliminate(self, most: float) -> None:
        """Take out all packs; if one takes more than `most` products, the matrix is not sparse."""
        waiting = {pack for pack in self.children if pack not in self.first_column}
        place = {pack: number for number, pack in enumerate(self.builder.packs)}
        queue = [(self._cost(pack), -place[pack], pack) for pack in waiting]
        heapify(queue)
        costs = {pack: price for price, _, pack in queue}
        while queue:
            price, number, pack = heappop(queue)
            if pack not in waiting or costs[pack] != price:
                continue
            now = self._cost(pack)
            if now > price:  # it has more neighbours by now
                costs[pack] = now
                heappush(queue, (now, number, pack))
                continue
            waiting.remove(pack)
            if now > most:
                raise NotSparse(
                    f"the entries of this matrix take more than {most:,} products, so it is not sparse; leave out "
                    "sparse=True, or take its products with vectors by jvp, vjp or hvp"
                )
            self._take_out(pack)

    def _cost(self, pack: ir.Pack) -> int:
        """How many products it takes to take out a pack."""
        befores, afters = self.parents.get(pack, {}).values(), self.children.get(pack, {}).values()
        return sum(entries.cost(after, before) for after in afters for before in befores)

    def _take_out(self, pack: ir.Pack) -> None:
        befores, afters = self.parents.pop(pack, {}), self.children.pop(pack, {})
        for child in afters:
            del self.parents[child][pack]
        for parent in befores:
            del self.children[parent][pack]
        lefts = {child: self._merged(child, pack, after) for child, after in afters.items()}
        rights = {parent: self._merged(pack, parent, before) for parent, before in befores.items()}
        for child, left in lefts.items():
            for parent, right in rights.items():
                self._join(child, parent, entries.product(left, right), pack.batched)

    def _join(self, child: ir.Pack | None, parent: ir.Pack, terms: Sequence[entries.Terms], batched: bool) -> None:
        """Add the terms of a product to the edge that goes past the pack that is taken out."""
        first = self.first_column.get(parent)
        if child is None and self.is_symmetric and first is not None:
            terms = [each.chosen(numpy.flatnonzero(each.rows >= each.columns + first)) for each in terms]
        if batched and not (self._varies(child) or parent.batched):
            terms = entries.merged(self.builder, terms, False, sums_batch=True)
        terms = [each for each in terms if each.rows.size]
        if terms:
            self._edge(child, parent).extend(terms)

    def nonzeros(self) -> tuple[ir.Index, ir.Index, ir.Reference | None]:
        """Rows and columns of the entries that can be other than 0, row by row, and the lanes that hold them."""
        found = [
            each._replace(columns=each.columns + self.first_column[leaf])
            for leaf, terms in self.parents.get(None, {}).items()
            for each in self._merged(None, leaf, terms)
        ]
        if not found:
            nothing = numpy.empty(0, dtype=numpy.int64)
            return nothing, nothing, None
        rows, columns = (numpy.concatenate([each[axis] for each in found]) for axis in (0, 1))
        lanes = self._in_one(found)
        index = lanes.index
        if self.is_symmetric:
            lower = numpy.flatnonzero(rows != columns)
            rows, columns = numpy.concatenate([rows, columns[lower]]), numpy.concatenate([columns, rows[lower]])
            index = numpy.concatenate([index, index[lower]])
        order = numpy.lexsort((columns, rows))
        return rows[order], columns[order], ir.Reference(lanes.pack, index[order])

    def _in_one(self, parts: Sequence[entries.Terms]) -> ir.Reference:
        """The numbers of all parts as lanes of one pack."""
        first, *others = parts
        is_alone = not others and first.sign == 1.0
        if is_alone and not isinstance(first.x, ir.Reference):
            return entries.constants(self.builder, first.x)
        if is_alone and isinstance(first.x, ir.Reference) and first.x.pack.batched == self.batched:
            return first.x
        ends = numpy.cumsum([0, *(each.rows.size for each in parts)])
        places = [numpy.arange(start, end) for start, end in pairwise(ends)]
        total = self.builder.sum(int(ends[-1]), self.batched, entries.sum_of(self.builder, parts, places))
        return ir.lanes_of(total)
