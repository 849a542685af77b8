"""What the packs of a growing program hold that are made of constants only."""

from __future__ import annotations

import numpy

from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.program import Floats, Leaf, Pack, Reference, Sum
from autograd_mini.compiler.run.numpy_executor import step_of


class Folding:
    """The constant packs of a builder, which may go on growing."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._held: dict[Pack, Floats] = {}
        self._n_seen = 0

    def __call__(self, lanes: Reference) -> Floats | Reference:
        """The numbers of these lanes if they are constants, else the lanes."""
        packs = self._builder.packs
        for pack in packs[self._n_seen :]:
            self._look_at(pack)
        self._n_seen = len(packs)
        if lanes.pack is self._builder.constants:
            return self._builder.known_constants[lanes.index]
        held = self._held.get(lanes.pack)
        return lanes if held is None else held[lanes.index]

    def _is_nothing(self, operation: Sum) -> bool:
        """Whether each product has a constant 0 as a factor, which carries nothing whatever the other is."""
        return all(
            any(pack in self._held and not self._held[pack][index].any() for pack, index in ((s.a, a), (s.b, b)))
            for s, _, _, a, b in operation.terms()
        )

    def _look_at(self, pack: Pack) -> None:
        constants = self._builder.constants
        parents = list(dict.fromkeys(pack.parents))
        if isinstance(pack.operation, Sum) and self._is_nothing(pack.operation):
            self._held[pack] = numpy.zeros(pack.lanes)
            return
        if isinstance(pack.operation, Leaf) or not all(each is constants or each in self._held for each in parents):
            return
        if isinstance(pack.operation, Sum) and not pack.batched and any(parent.batched for parent in parents):
            return  # a sum over a batch of unknown length
        values = [self._builder.known_constants if each is constants else self._held[each] for each in parents]
        step = step_of(pack, {parent: number for number, parent in enumerate(parents)})
        with numpy.errstate(all="ignore"):
            self._held[pack] = numpy.broadcast_to(step([each[:, None] for each in values], 1)[:, 0], pack.lanes).copy()
