"""Programs without their plumbing, to be read: copies are what they copy, factors 1 are gone, numbers are numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy

from autograd_mini.compiler.program import ABSENT, Floats, Index, Leaf, Pack, Program, Reference, Segment, Sum

MOST_LEVELS = 4
"""A constant vector of more different numbers stays one."""


@dataclass(eq=False)
class Term:
    """`coefficient · Σ_k a[g,h,k] · b[g,k,s]`, in the lanes [g,h,s] of a sum; `b` is None for a factor 1.

    Attributes:
        over_batch: whether it is summed over the batch too.
    """

    lane: Index
    a: Reference
    b: Reference | None
    coefficient: float
    over_batch: bool

    def turned(self) -> Term:
        """The same with the factors exchanged."""
        assert self.b is not None
        a, b = (Reference(factor.pack, factor.index.swapaxes(1, 2)) for factor in (self.b, self.a))
        return replace(self, lane=self.lane.swapaxes(1, 2), a=a, b=b)

    @property
    def is_copy(self) -> bool:
        alone = self.b is None and not self.over_batch and self.a.index.shape[2] == 1
        return alone and self.coefficient == 1.0

    @property
    def lanes(self) -> Index:
        """Where it adds something, in ascending order."""
        return numpy.unique(self.lane[self.lane != ABSENT])


class Origin(NamedTuple):
    """Where the lanes of a pack of copies come from: which of `packs`, and which of its lanes."""

    packs: list[Pack]
    which: Index
    lane: Index


class Plain:
    """A program seen through its copies.

    Attributes:
        terms: what each sum consists of.
        origins: of the packs that are nothing but copies.
    """

    def __init__(self, program: Program) -> None:
        self.terms: dict[Pack, list[Term]] = {}
        self.origins: dict[Pack, Origin] = {}
        for pack in program.packs:
            if isinstance(pack.operation, Sum):
                self.terms[pack] = [term for segment in pack.operation.segments for term in self._terms(pack, segment)]
                origin = _origin(pack, self.terms[pack])
                if origin is not None:
                    self.origins[pack] = origin

    def resolved(self, reference: Reference) -> Reference:
        """The same numbers where they were first computed, if that is one pack."""
        origin = self.origins.get(reference.pack)
        if origin is None:
            return reference
        which = numpy.unique(origin.which[reference.index[reference.index != ABSENT]])
        if which.size != 1:
            return reference
        return Reference(origin.packs[which[0]], _picked(origin.lane, reference.index))

    def parts(self, pack: Pack, order: Index) -> list[Reference]:
        """What a pack of copies is joined from, its lanes in that order."""
        origin = self.origins[pack]
        which, lane = origin.which[order], origin.lane[order]
        breaks = numpy.flatnonzero(numpy.diff(which)) + 1
        chosen = zip(numpy.split(which, breaks), numpy.split(lane, breaks))
        return [Reference(origin.packs[which[0]], lanes) for which, lanes in chosen]

    def operands(self, pack: Pack) -> list[Reference]:
        """What a pack is computed from."""
        if pack in self.terms:
            return [factor for term in self.terms[pack] for factor in (term.a, term.b) if factor is not None]
        return [self.resolved(arg) for arg in pack.operation.arguments() if isinstance(arg, Reference)]

    def _terms(self, pack: Pack, segment: Segment) -> Iterator[Term]:
        batched = segment.a.batched or (segment.b is not None and segment.b.batched)
        for block in segment.blocks:
            a = self.resolved(Reference(segment.a, block.a))
            b = None if segment.b is None or block.b is None else self.resolved(Reference(segment.b, block.b))
            term = Term(block.lane, a, b, block.sign, batched and not pack.batched)
            if b is not None and constants_of(a) is not None:
                term = term.turned()
            yield from _without_constants(term)


def constants_of(reference: Reference) -> Floats | None:
    """The numbers themselves, where a reference is to constants."""
    operation = reference.pack.operation
    if not isinstance(operation, Leaf) or operation.constants is None:
        return None
    return numpy.where(reference.index == ABSENT, 0.0, operation.constants[reference.index])


def _without_constants(term: Term) -> list[Term]:
    """A product with constants as one term for each of the numbers, if those are few."""
    numbers = None if term.b is None else constants_of(term.b)
    if numbers is None:
        return [term]
    for axis in (1, 2):
        levels = numbers.min(axis=(0, 3 - axis))
        if not (numbers == (levels[:, None] if axis == 1 else levels)).all():
            continue
        if numpy.unique(levels).size > MOST_LEVELS:
            continue
        found = []
        for level in dict.fromkeys(levels.tolist()):
            chosen = levels == level
            lane, index = term.lane, term.a.index
            lane, index = (lane, index[:, :, chosen]) if axis == 1 else (lane[:, :, chosen], index)
            found.append(
                replace(term, lane=lane, a=Reference(term.a.pack, index), b=None, coefficient=term.coefficient * level)
            )
        return found
    return [term]


def _origin(pack: Pack, terms: list[Term]) -> Origin | None:
    """Where the lanes come from, if each is a copy of one number."""
    if not all(term.is_copy for term in terms) or sum(term.lane.size for term in terms) != pack.lanes:
        return None
    packs = list(dict.fromkeys(term.a.pack for term in terms))
    which, lane = numpy.full(pack.lanes, ABSENT), numpy.full(pack.lanes, ABSENT)
    for term in terms:
        which[term.lane] = packs.index(term.a.pack)
        lane[term.lane] = term.a.index
    return None if (which == ABSENT).any() or (lane == ABSENT).any() else Origin(packs, which, lane)


def _picked(lanes: Index, index: Index) -> Index:
    return numpy.where(index == ABSENT, ABSENT, lanes[index])
