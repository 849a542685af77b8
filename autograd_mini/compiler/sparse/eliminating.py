"""Sparse derivatives by elimination: the graph of local derivatives, from which pack after pack is taken out.

Each edge from a pack to one that is made of it holds the sparse matrix of local derivatives. To take a pack out, each
matrix into it is multiplied with each from it, and added to the edge that goes past it. Forward and reverse mode
are two orders in which to do that; here the pack is next that costs the fewest products (H. Markowitz, 1957;
A. Griewank and S. Reese, 1991). What is left are the edges from the results to the variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from math import inf
from typing import NamedTuple, TypeAlias

import numpy

from autograd_mini.adjoints import descendants_of
from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.program import Index, Pack, Reference, lanes_of
from autograd_mini.compiler.passes.rules import Rules
from autograd_mini.compiler.sparse.constant_folding import Folding
from autograd_mini.compiler.sparse.edges import local_terms
from autograd_mini.compiler.sparse.entries import Matrix, Terms, constants, cost, merged, product, sum_of

MOST_PRODUCTS = 2**26
"""So many terms at once take several gigabytes."""


class NotSparse(ValueError):
    """There are too many products."""


Outputs: TypeAlias = "Sequence[tuple[int, Reference]]"


class Nonzeros(NamedTuple):
    """The entries of a matrix that can be other than 0, row by row, and the lanes that hold them."""

    rows: Index
    columns: Index
    lanes: Reference | None


def eliminated(
    builder: Builder,
    outputs: Outputs,
    wrt: Sequence[Pack],
    *,
    batched: bool,
    is_symmetric: bool = False,
    most: float = inf,
) -> Nonzeros:
    """Append the derivatives of the outputs by all lanes of some leaves to the program, those alone that can be
    other than 0.

    Args:
        outputs: lanes, and which row is the first of them.
        batched: whether they differ from example to example.
        is_symmetric: whether outputs and variables are in one order, and the matrix is symmetric: one half is computed.
        most: so many products at once may be there.

    Raises:
        NotSparse: there are more.
    """
    graph = _Graph(builder, outputs, wrt, batched, is_symmetric)
    graph.eliminate(most)
    return graph.nonzeros()


class _Graph:
    """The edges, by the pack that is made and the one that it is made of; None stands for the outputs. They hold terms
    that are added up when that is needed."""

    def __init__(
        self, builder: Builder, outputs: Outputs, wrt: Sequence[Pack], batched: bool, is_symmetric: bool
    ) -> None:
        self.builder, self.wrt, self.batched, self.is_symmetric = builder, wrt, batched, is_symmetric
        starts = numpy.cumsum([0, *(leaf.lanes for leaf in wrt)]).tolist()
        self.first_column = dict(zip(wrt, starts))
        self.parents: dict[Pack | None, dict[Pack, list[Terms]]] = {}
        self.children: dict[Pack, dict[Pack | None, list[Terms]]] = {}
        order, rules = list(builder.packs), Rules()
        active, fold = descendants_of(wrt, order), Folding(builder)
        terms: dict[Pack, list[Terms]] = {}
        for first, each in outputs:
            rows = numpy.arange(first, first + each.index.size)
            terms.setdefault(each.pack, []).append(Terms(rows, each.index, numpy.ones(rows.size)))
        self._add(None, terms)
        for pack in reversed(order):
            if pack in self.children and pack in active and pack not in self.first_column:
                found: dict[Pack, list[Terms]] = {}
                for parent, each_terms in local_terms(builder, rules, pack, active):
                    found.setdefault(parent, []).extend(each_terms.folded(fold))
                self._add(pack, found)

    def _add(self, pack: Pack | None, terms: dict[Pack, list[Terms]]) -> None:
        for parent, each in terms.items():
            entries = self._merged(pack, parent, each)
            if entries:
                self._edge(pack, parent).extend(entries)

    def _edge(self, pack: Pack | None, parent: Pack) -> list[Terms]:
        """What adds up to an edge, which is made if it is not there."""
        found = self.parents.setdefault(pack, {}).setdefault(parent, [])
        return self.children.setdefault(parent, {}).setdefault(pack, found)

    def _merged(self, pack: Pack | None, parent: Pack, terms: Sequence[Terms]) -> Matrix:
        varies = self._varies(pack) or parent.batched
        return merged(self.builder, terms, varies, cancels=parent in self.first_column)

    def _varies(self, pack: Pack | None) -> bool:
        return self.batched if pack is None else pack.batched

    def eliminate(self, most: float) -> None:
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
            if now > price:  # its neighbours have become more
                costs[pack] = now
                heappush(queue, (now, number, pack))
                continue
            waiting.remove(pack)
            most = min(most, MOST_PRODUCTS)
            if now > most:
                raise NotSparse(
                    f"the entries of this matrix take more than {most:,} products, so it is not sparse; leave out "
                    "sparse=True, or take its products with vectors by jvp, vjp or hvp"
                )
            self._take_out(pack)

    def _cost(self, pack: Pack) -> int:
        """How many products there are to take it out."""
        befores, afters = self.parents.get(pack, {}).values(), self.children.get(pack, {}).values()
        return sum(cost(after, before) for after in afters for before in befores)

    def _take_out(self, pack: Pack) -> None:
        befores, afters = self.parents.pop(pack, {}), self.children.pop(pack, {})
        for child in afters:
            del self.parents[child][pack]
        for parent in befores:
            del self.children[parent][pack]
        lefts = {child: self._merged(child, pack, after) for child, after in afters.items()}
        rights = {parent: self._merged(pack, parent, before) for parent, before in befores.items()}
        for child, left in lefts.items():
            for parent, right in rights.items():
                self._join(child, parent, product(left, right), pack.batched)

    def _join(self, child: Pack | None, parent: Pack, terms: Sequence[Terms], batched: bool) -> None:
        """Add the terms of a product to the edge that goes past the pack between them."""
        first = self.first_column.get(parent)
        if child is None and self.is_symmetric and first is not None:
            terms = [each.chosen(numpy.flatnonzero(each.rows >= each.columns + first)) for each in terms]
        if batched and not (self._varies(child) or parent.batched):
            terms = merged(self.builder, terms, False, sums_batch=True)
        terms = [each for each in terms if each.rows.size]
        if terms:
            self._edge(child, parent).extend(terms)

    def nonzeros(self) -> Nonzeros:
        found = [
            each._replace(columns=each.columns + self.first_column[leaf])
            for leaf, terms in self.parents.get(None, {}).items()
            for each in self._merged(None, leaf, terms)
        ]
        if not found:
            nothing = numpy.empty(0, dtype=numpy.int64)
            return Nonzeros(nothing, nothing, None)
        rows, columns = (numpy.concatenate([each[axis] for each in found]) for axis in (0, 1))
        lanes = self._in_one(found)
        index = lanes.index
        if self.is_symmetric:
            lower = numpy.flatnonzero(rows != columns)
            rows, columns = numpy.concatenate([rows, columns[lower]]), numpy.concatenate([columns, rows[lower]])
            index = numpy.concatenate([index, index[lower]])
        order = numpy.lexsort((columns, rows))
        return Nonzeros(rows[order], columns[order], Reference(lanes.pack, index[order]))

    def _in_one(self, parts: Sequence[Terms]) -> Reference:
        """The numbers of all parts as lanes of one pack."""
        first, *others = parts
        is_alone = not others and first.sign == 1.0
        if is_alone and not isinstance(first.x, Reference):
            return constants(self.builder, first.x)
        if is_alone and isinstance(first.x, Reference) and first.x.pack.batched == self.batched:
            return first.x
        ends = numpy.cumsum([0, *(each.rows.size for each in parts)])
        places = [numpy.arange(start, end) for start, end in pairwise(ends)]
        total = self.builder.sum(int(ends[-1]), self.batched, sum_of(self.builder, parts, places))
        return lanes_of(total)
