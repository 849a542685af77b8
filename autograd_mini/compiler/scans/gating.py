"""Adjoints of steps that branch: what was not chosen gets nothing, even where its derivatives are inf or nan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

from autograd_mini.compiler.code.scalar_programs import ScalarTape
from autograd_mini.compiler.ir.scalars import ONE, Application, Component, Looped, Scalars
from autograd_mini.primitives import TABLE

_where, _multiply = TABLE["where"], TABLE["mul"]


class GatedTape(ScalarTape):
    """A tape on which the adjoint of what only `where` reads is 0 where it was not chosen."""

    def __init__(self, scalars: Scalars) -> None:
        super().__init__(scalars)
        self._gates = True
        self._given: dict[int, int | None] = {}  # what tells whether a scalar gets anything; None if always
        self._chosen: int | None = None  # the same for the scalar whose adjoint is passed on

    def reverse(self, seeds: Sequence[tuple[int, int]], wanted: Sequence[int]) -> list[int | None]:
        self._given, self._chosen = {}, None
        return super().reverse(seeds, wanted)

    def gives(self, number: int) -> None:
        scalar = self.scalars[number]
        if not isinstance(scalar, Component | Looped):
            self._chosen = self._given.get(number)
            return
        numbers: Iterable[int] = self._picked.get(number, ())
        if isinstance(scalar, Component):
            numbers = range(number, number + len(scalar.vector.args))
        self._chosen = self._any([self._given[each] for each in numbers if each in self._given])

    def give(self, number: int, c: float, x: int, y: int) -> None:
        before = self._given.get(number, self._chosen)
        self._given[number] = self._any([before, self._chosen]) if before != self._chosen else before
        if self._chosen is not None:
            product = y if x == ONE else x if y == ONE else self.apply(_multiply, x, y)
            x, y = self.apply(_where, self._chosen, product, self.number(0.0)), ONE
        super().give(number, c, x, y)

    def _spread(self, number: int, scalar: Application, adjoint: int, active: bytearray) -> None:
        if scalar.primitive is not _where:
            super()._spread(number, scalar, adjoint, active)
            return
        outer, (condition, x, y) = self._chosen, scalar.args
        zero, one = self.number(0.0), self.number(1.0)
        for arg, chosen in ((x, condition), (y, self.apply(_where, condition, zero, one))):
            if active[arg]:
                self._chosen = chosen if outer is None else self.apply(_where, outer, chosen, zero)
                self.give(arg, 1.0, adjoint, ONE)

    def _any(self, truths: Iterable[int | None]) -> int | None:
        """A scalar that tells whether any of these holds; None if one always does."""
        found = [*truths]
        known = [each for each in found if each is not None]
        if len(known) < len(found) or not known:
            return None
        return reduce(lambda a, b: self.apply(_where, a, self.number(1.0), b), dict.fromkeys(known))
