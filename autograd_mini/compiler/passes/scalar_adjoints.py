"""Adjoints of scalars: a list of scalars grows by those of its gradient, by the table's own partials."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

from autograd_mini.compiler.ir.scalars import (
    ONE,
    Application,
    Component,
    Number,
    Scalars,
    Terms,
    operands,
)
from autograd_mini.compiler.partition import MOST_CONTRIBUTIONS
from autograd_mini.compiler.passes.growing import Growing
from autograd_mini.compiler.passes.rules import Rules
from autograd_mini.compiler.passes.vector_rules import REDUCTION_RULES, VECTOR_RULES
from autograd_mini.primitives import Primitive


class Tape(Growing):
    """Scalars that grow."""

    def __init__(self, scalars: Scalars) -> None:
        super().__init__(scalars.scalars)
        self._rules = Rules()
        self._sums: list[Terms | None] = []  # the adjoint of each scalar so far, within `reverse`

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
        primitive, args = scalar.primitive, scalar.args
        if primitive.is_selector:
            return
        reduction = REDUCTION_RULES.get(primitive)
        if reduction is not None:
            locals_ = reduction(self, args, [number] * len(args)) or [ONE] * len(args)
            found = [(place, 1.0, local) for place, local in enumerate(locals_) if active[args[place]]]
        else:
            constants = [each.number if type(each := self.scalars[arg]) is Number else None for arg in args]
            wanted = [bool(active[arg]) for arg in args]
            found = self._rules.locals(primitive, (number, *args), constants, wanted, self._applied, self.number)
        for place, c, local in found:
            self.give(args[place], c, adjoint, ONE if local is None else local)

    def _spread_vector(self, first: int, scalar: Component, active: bytearray) -> None:
        """What the adjoints of all components of a vector give to its arguments."""
        x, primitive = scalar.vector.args, scalar.vector.primitive
        rule, found = VECTOR_RULES.get(primitive.base.name), self._sums[first : first + len(x)]
        if rule is None or not any(found):
            return
        zero = self.number(0.0)
        adjoints = [zero if terms is None else self._total(terms) for terms in found]
        ys = range(first, first + len(x))
        terms = rule(self, x, ys, adjoints, primitive.options.get("empty", nan))
        for place, arg in enumerate(x):
            for c, gs, others in terms if active[arg] else ():
                self.give(arg, c, gs[place], ONE if others is None else others[place])

    def _applied(self, primitive: Primitive, *args: int) -> int:
        return self.add(Application(primitive, args))

    def each(self, primitive: Primitive, x: Sequence[int], y: Sequence[int]) -> list[int]:
        return [self._applied(primitive, *args) for args in zip(x, y)]

    def combined(self, terms: Sequence[tuple[float, Sequence[int], Sequence[int] | None]]) -> list[int]:
        signs = [c for c, _, _ in terms]
        xs, ys = zip(*[x for _, x, _ in terms]), zip(*[y or [ONE] * len(x) for _, x, y in terms])
        return [self.add(Terms(signs[:], [*x], [*y])) for x, y in zip(xs, ys)]
