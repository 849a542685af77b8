"""Programs to be read, without their plumbing: copies are what they copy, factors 1 are gone, numbers are numbers.

Lanes lie in the order in which a trace met them; a layer's are read in that of its inputs, or of what reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy

from autograd_mini.compiler.ir.program import ABSENT, Index, Leaf, Loop, Pack, Program, Reference, Segment, Sum, Vector

MOST_LEVELS = 4
"""A constant vector with more distinct numbers stays a vector: it would become as many terms."""


@dataclass(eq=False)
class Term:
    """`coefficient · Σ_k a[g,h,k] · b[g,k,s]`, in the lanes [g,h,s] of a sum; `b` is None for a factor 1.

    Attributes:
        over_batch: whether it is summed over the batch, too.
    """

    lane: Index
    a: Reference
    b: Reference | None
    coefficient: float
    over_batch: bool

    def turned(self) -> Term:
        """The transposed term, with its factors exchanged."""
        assert self.b is not None
        a, b = (Reference(factor.pack, factor.index.swapaxes(1, 2)) for factor in (self.b, self.a))
        return replace(self, lane=self.lane.swapaxes(1, 2), a=a, b=b)

    @property
    def factors(self) -> list[Reference]:
        return [self.a] if self.b is None else [self.a, self.b]

    @property
    def lanes(self) -> Index:
        """Where it adds something, in ascending order."""
        return numpy.unique(self.lane[self.lane != ABSENT])

    @property
    def is_copy(self) -> bool:
        return self.b is None and not self.over_batch and not self.is_contraction and self.coefficient == 1.0

    @property
    def is_contraction(self) -> bool:
        return bool(self.a.index.shape[2] > 1)

    @property
    def is_flat(self) -> bool:
        """Whether it is sums of elementwise products rather than a matrix product."""
        return self.b is None or [self.lane.shape[1] > 1, self.lane.shape[2] > 1, self.is_contraction].count(True) < 2

    @property
    def is_row(self) -> bool:
        """Whether it is a row of captured parameters times a vector."""
        is_inner = self.lane.size == 1 and self.is_contraction and self.b is not None
        return is_inner and [factor.pack.role for factor in self.factors].count("parameter") == 1

    @property
    def is_product(self) -> bool:
        """Whether it is written as a matrix product, a row of weights times a vector among them."""
        return not self.is_flat or self.is_row


class Plain:
    """A program seen through its copies.

    Attributes:
        terms: what each sum consists of.
        origins: for packs that only copy, where each lane comes from: the number of a pack, and a lane.
    """

    def __init__(self, program: Program) -> None:
        self._packs = program.packs
        self._numbers = {pack: number for number, pack in enumerate(program.packs)}
        self.terms: dict[Pack, list[Term]] = {}
        self.origins: dict[Pack, tuple[Index, Index]] = {}
        for pack in program.packs:
            if isinstance(pack.operation, Sum):
                self.terms[pack] = [term for segment in pack.operation.segments for term in self._terms(pack, segment)]
                self._follow_copies(pack)

    def resolved(self, reference: Reference) -> Reference:
        """The same numbers where they were first computed, if that is one pack."""
        if reference.pack in self.origins:
            numbers, lanes = self.origins[reference.pack]
            found = numpy.unique(numbers[reference.index[reference.index != ABSENT]])
            if found.size == 1:
                index = numpy.where(reference.index == ABSENT, ABSENT, lanes[reference.index])
                return Reference(self._packs[found[0]], index)
        return reference

    def parts(self, pack: Pack, order: Index) -> list[Reference]:
        """The references from which a pack of copies is joined, with its lanes in some order."""
        numbers, lanes = (each[order] for each in self.origins[pack])
        breaks = numpy.flatnonzero(numpy.diff(numbers)) + 1
        chosen = zip(numpy.split(numbers, breaks), numpy.split(lanes, breaks))
        return [Reference(self._packs[numbers[0]], lanes) for numbers, lanes in chosen]

    def operands(self, pack: Pack) -> list[Reference]:
        """What a pack is computed from."""
        if pack in self.terms:
            return [factor for term in self.terms[pack] for factor in term.factors]
        return [self.resolved(arg) for arg in pack.operation.arguments() if isinstance(arg, Reference)]

    def _terms(self, pack: Pack, segment: Segment) -> Iterator[Term]:
        for block in segment.blocks:
            a = self.resolved(Reference(segment.a, block.a))
            b = None if segment.b is None or block.b is None else self.resolved(Reference(segment.b, block.b))
            term = Term(block.lane, a, b, block.sign, segment.batched and not pack.batched)
            yield from _without_constants(term.turned() if b is not None and constants_of(a) is not None else term)

    def _follow_copies(self, pack: Pack) -> None:
        """Note where the lanes come from, if each is a copy of one number."""
        terms = self.terms[pack]
        if all(term.is_copy for term in terms) and sum(term.lane.size for term in terms) == pack.lanes:
            numbers, lanes = numpy.full((2, pack.lanes), ABSENT)
            for term in terms:
                numbers[term.lane], lanes[term.lane] = self._numbers[term.a.pack], term.a.index
            if ABSENT not in numbers and ABSENT not in lanes:
                self.origins[pack] = numbers, lanes


def constants_of(reference: Reference) -> Any:
    """The numbers of a reference to constants; None for any other."""
    operation = reference.pack.operation
    if not isinstance(operation, Leaf) or operation.constants is None:
        return None
    return numpy.where(reference.index == ABSENT, 0.0, operation.constants[reference.index])


def _without_constants(term: Term) -> list[Term]:
    """A product with constants as one term for each of the numbers, if those are few."""
    numbers = None if term.b is None else constants_of(term.b)
    for axis in (1, 2) if numbers is not None else ():
        levels = numbers.min(axis=(0, 3 - axis), keepdims=True)  # type: ignore[union-attr]
        if (numbers == levels).all() and numpy.unique(levels).size <= MOST_LEVELS:
            found, lane, index = [], term.lane, term.a.index
            for level in dict.fromkeys(levels.ravel().tolist()):
                chosen = levels.ravel() == level
                at, of = (lane, index[:, :, chosen]) if axis == 1 else (lane[:, :, chosen], index)
                a, coefficient = Reference(term.a.pack, of), term.coefficient * level
                found.append(replace(term, lane=at, a=a, b=None, coefficient=coefficient))
            return found
    return [term]


def orders_of(program: Program, plain: Plain, forward: set[Pack], roots: dict[Pack, Pack]) -> dict[Pack, Index]:
    """The lanes of each pack that is its own root, in the order in which they are read."""
    packs = [pack for pack in program.packs if roots[pack] is pack]
    orders = {pack: numpy.arange(pack.lanes) for pack in packs if pack.role in ("input", "seed")}
    made_from: dict[Pack, list[tuple[Pack, Index, Index]]] = {}
    for pack in packs:
        _follow_operands(plain, pack, orders)
        for lanes, operand in _links(plain, pack) if pack in forward else ():
            made_from.setdefault(operand.pack, []).append((pack, operand.index, lanes))
    for pack in reversed(packs):
        if pack not in orders and (pack in forward or pack.role):
            used = [
                index[numpy.argsort(places(orders[made], lanes), kind="stable")]
                for made, index, lanes in made_from.get(pack, [])
            ]
            sequence = numpy.concatenate([*used, numpy.arange(pack.lanes)])
            orders[pack] = sequence[numpy.sort(numpy.unique(sequence, return_index=True)[1])]
    for pack in packs:
        _follow_operands(plain, pack, orders)
        orders.setdefault(pack, numpy.arange(pack.lanes))
    return orders


def _follow_operands(plain: Plain, pack: Pack, orders: dict[Pack, Index]) -> None:
    """Order the lanes of a pack like those of an operand that has one for each of them."""
    for lanes, operand in _links(plain, pack) if pack not in orders else ():
        if operand.pack in orders and numpy.unique(operand.index).size == pack.lanes == lanes.size:
            orders[pack] = lanes[numpy.argsort(places(orders[operand.pack], operand.index))]
            return


def _links(plain: Plain, pack: Pack) -> Iterator[tuple[Index, Reference]]:
    """Pairs of lanes of a pack, and the lanes of an operand from which they are computed one by one."""
    for term in plain.terms.get(pack, []):
        factors = [term.a] if term.b is None or term.b.index.shape[1] > 1 else [term.a, term.b]
        for factor in factors if term.lane.shape[2] == 1 else ():
            if factor.index.shape[:2] == term.lane.shape[:2]:
                lanes, index = term.lane.ravel(), factor.index[:, :, 0].ravel()
                is_there = (lanes != ABSENT) & (index != ABSENT)
                yield lanes[is_there], Reference(factor.pack, index[is_there])
    if pack not in plain.terms and not isinstance(pack.operation, Loop):
        for operand in plain.operands(pack):
            if operand.index.size == pack.lanes and (operand.index.ndim == 1 or isinstance(pack.operation, Vector)):
                yield numpy.arange(pack.lanes), Reference(operand.pack, operand.index.ravel())


def places(order: Index, lanes: Index) -> Index:
    """The place of each lane in an order of lanes; an absent one stays absent."""
    by_lane = numpy.argsort(order)
    found = numpy.searchsorted(order, lanes, sorter=by_lane).clip(0, order.size - 1)
    return numpy.where(lanes == ABSENT, ABSENT, by_lane[found])
