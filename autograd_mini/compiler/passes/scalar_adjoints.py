"""Adjoints of scalars: a list of scalars grows by those of its gradient, by the table's own partials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd_mini.compiler.ir.building import local_derivatives
from autograd_mini.compiler.partition import MOST_CONTRIBUTIONS
from autograd_mini.compiler.passes.growing import Growing
from autograd_mini.compiler.passes.normalising import (
    ONE,
    Application,
    Component,
    Input,
    Number,
    Scalars,
    Terms,
    operands,
)
from autograd_mini.compiler.passes.vector_adjoints import give_reduction, give_vector
from autograd_mini.primitives import Primitive, part_of, parts_of
from autograd_mini.primitives.symbols import Place, Recorder


class Tape(Growing):
    """Scalars that grow."""

    def __init__(self, scalars: Scalars) -> None:
        super().__init__(scalars.scalars)
        self._rules: dict[Any, _Rule] = {}
        self._sums: list[Terms | None] = []  # the adjoint of each scalar so far, within `reverse`

    def inputs(self, array: int, lanes: int) -> list[int]:
        """The scalars of a new array among the arguments."""
        first = len(self.scalars)
        self.scalars += [Input(array, first)] * lanes
        return list(range(first, first + lanes))

    def reverse(self, seeds: Sequence[tuple[int, int]], wanted: Sequence[int]) -> list[int | None]:
        """Append the adjoints Σ seed · ∂root/∂scalar of the wanted scalars, given pairs (root, seed).

        Returns:
            The adjoint of each wanted scalar; None where no root depends on it.
        """
        active = self._active(wanted)
        self._sums = [None] * len(self.scalars)
        for root, seed in seeds:
            self.give(root, 1.0, seed, ONE)
        adjoints: dict[int, int] = {}
        for number in range(len(self._sums) - 1, -1, -1):
            scalar = self.scalars[number]
            if type(scalar) is Component:
                if active[number] and scalar.index == 0:
                    self._spread_vector(number, scalar, active)
                continue
            terms = self._sums[number]
            if terms is None or not active[number]:
                continue
            adjoint = adjoints[number] = self._total(terms)
            self._sums[number] = None
            if type(scalar) is Terms:
                for c, x, y in zip(scalar.cs, scalar.xs, scalar.ys):
                    if active[x]:
                        self.give(x, c, adjoint, y)
                    if active[y]:
                        self.give(y, c, x, adjoint)
            elif type(scalar) is Application:
                self._spread(number, scalar, adjoint, active)
        return [adjoints.get(number) for number in wanted]

    def give(self, number: int, c: float, x: int, y: int) -> None:
        """Add c·x·y to the adjoint of a scalar."""
        terms = self._sums[number]
        if terms is None:
            self._sums[number] = Terms([c], [x], [y])
            return
        if len(terms.cs) >= MOST_CONTRIBUTIONS:
            terms = self._sums[number] = Terms([1.0], [self.add(terms)], [ONE])
        terms.append(c, x, y)

    def _active(self, wanted: Sequence[int]) -> bytearray:
        """Which scalars are made of the wanted ones."""
        active = bytearray(len(self.scalars))
        for number in wanted:
            active[number] = 1
        is_active = active.__getitem__
        for number, scalar in enumerate(self.scalars):
            if any(map(is_active, operands(scalar))):
                active[number] = 1
        return active

    def _total(self, terms: Terms) -> int:
        is_copy = len(terms.cs) == 1 and terms.cs[0] == 1.0 and ONE in (terms.xs[0], terms.ys[0])
        return max(terms.xs[0], terms.ys[0]) if is_copy else self.add(terms)

    def _spread(self, number: int, scalar: Application, adjoint: int, active: bytearray) -> None:
        """What the adjoint of an application gives to its arguments."""
        if scalar.primitive.is_selector or give_reduction(self, number, scalar, adjoint, active):
            return
        constants = [each.number if type(each := self.scalars[arg]) is Number else None for arg in scalar.args]
        wanted = tuple([bool(active[arg]) for arg in scalar.args])
        key = scalar.primitive, wanted, *[None if each is None else each.hex() for each in constants]
        rule = self._rules.get(key)
        if rule is None:
            rule = self._rules[key] = _Rule(scalar.primitive, constants, wanted)
        known = dict(enumerate((number, *scalar.args)))
        known.update((place, self.number(constant)) for place, constant in rule.constants.items())
        for place, primitive, places in rule.operations:
            known[place] = self.add(Application(primitive, tuple([known[each] for each in places])))
        for place, c, local in rule.locals:
            self.give(scalar.args[place], c, adjoint, ONE if local is None else known[local])

    def _spread_vector(self, first: int, scalar: Component, active: bytearray) -> None:
        """What the adjoints of all components of a vector give to its arguments."""
        n = len(scalar.vector.args)
        found = self._sums[first : first + n]
        if any(found):
            zero = self.number(0.0)
            adjoints = [zero if terms is None else self._total(terms) for terms in found]
            give_vector(self, range(first, first + n), scalar.vector, adjoints, active)


class _Rule(Recorder):
    """A rule of the table, run once: what it computes of `out` and the arguments, in this order.

    Attributes:
        locals: for arguments by place a sign, and the place of a local derivative; None for 1.
    """

    def __init__(self, primitive: Primitive, constants: Sequence[float | None], wanted: Sequence[bool]) -> None:
        super().__init__(1 + len(constants))
        out, *args = self.args
        operands = [arg if constant is None else constant for arg, constant in zip(args, constants)]
        self.locals: list[tuple[int, float, int | None]] = []
        last = 0
        for place, (local, is_wanted) in enumerate(zip(local_derivatives(primitive, out, operands), wanted)):
            if isinstance(local, Place):
                last = max(last, local.place if is_wanted else 0)
            elif local == 0.0 and primitive.selects:
                continue
            is_sign = not isinstance(local, Place) and abs(local) == 1.0
            if is_wanted and is_sign:
                self.locals.append((place, float(local), None))
            elif is_wanted:
                self.locals.append((place, 1.0, self.place(local, primitive.name)))
        self.operations = [each for each in self.operations if each[0] <= last]

    def applied(self, primitive: Primitive, args: tuple[Any, ...]) -> Any:
        parts = parts_of(primitive, len(args))
        if parts is not None:
            return tuple([super(_Rule, self).applied(part_of(primitive, part), args) for part in parts])
        return super().applied(primitive, args)
