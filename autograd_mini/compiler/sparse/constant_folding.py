"""Which lanes of a growing program are made of constants only, and what they hold."""

from __future__ import annotations

import numpy

from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.program import Apply, Floats, Index, Leaf, Pack, Reference, Sum
from autograd_mini.compiler.run.numpy_executor import step_of
from autograd_mini.compiler.sparse.entries import Mask


class Folding:
    """The constant lanes of a builder, which may go on growing."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._held: dict[Pack, tuple[Floats, Mask]] = {}  # of packs with such lanes: numbers, and which are known
        self._n_seen = 0

    def __call__(self, lanes: Reference) -> tuple[Floats, Mask]:
        """The numbers of these lanes, and which of them are known."""
        packs = self._builder.packs
        for pack in packs[self._n_seen :]:
            known = self._known_lanes(pack)
            if known.any():
                self._held[pack] = self._computed(pack), known
        self._n_seen = len(packs)
        numbers, known = self._of(lanes.pack)
        return numbers[lanes.index], known[lanes.index]

    def _of(self, pack: Pack) -> tuple[Floats, Mask]:
        """The numbers of a pack, 0 where they are not known, and which are."""
        if pack is self._builder.constants:
            numbers = self._builder.known_constants
            return numbers, numpy.ones(numbers.shape, dtype=bool)
        return self._held.get(pack) or (numpy.zeros(pack.lanes), numpy.zeros(pack.lanes, dtype=bool))

    def _known_lanes(self, pack: Pack) -> Mask:
        operation = pack.operation
        known: Mask = numpy.full(pack.lanes, not isinstance(operation, Leaf))
        if isinstance(operation, Apply):
            for arg in operation.args:
                known &= not isinstance(arg, Reference) or self._of(arg.pack)[1][arg.index.ravel()]
        elif isinstance(operation, Sum):
            is_over_batch = not pack.batched and any(parent.batched for parent in pack.parents)  # of unknown length
            for part, _, lane, a, b in operation.terms():
                term = self._is_zero(part.a, a)
                if part.b is not None:
                    term |= self._is_zero(part.b, b)
                if not is_over_batch:
                    term |= self._of(part.a)[1][a] & (part.b is None or self._of(part.b)[1][b])
                known[lane[~term]] = False
        else:
            known &= all(self._of(parent)[1].all() for parent in pack.parents)
        return known

    def _is_zero(self, pack: Pack, index: Index) -> Mask:
        """Which factors are 0 by what they are made of: they carry nothing whatever the other is."""
        held = self._held.get(pack)
        return numpy.zeros(index.shape, dtype=bool) if held is None else held[1][index] & (held[0][index] == 0.0)

    def _computed(self, pack: Pack) -> Floats:
        parents = list(dict.fromkeys(pack.parents))
        step = step_of(pack, {parent: number for number, parent in enumerate(parents)})
        with numpy.errstate(all="ignore"):
            numbers = step([self._of(parent)[0][:, None] for parent in parents], 1)[:, 0]
        return numpy.broadcast_to(numbers, pack.lanes).copy()
