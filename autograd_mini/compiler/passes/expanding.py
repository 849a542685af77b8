"""Expand: rows of users that are written in operators and primitives become what they compute.

That is done last, when all derivatives are there: they come from the rules of such rows, not from what they compute.
Other rows without a form of their own are written out with them, so that all share what is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from autograd_mini.compiler.ir.building import Builder, Symbol
from autograd_mini.compiler.ir.program import Apply, Leaf, Pack, Program, Reference, moved
from autograd_mini.compiler.passes.growing import Growing, Operand
from autograd_mini.compiler.passes.normalising import Application, Component, Input, Scalar, Terms
from autograd_mini.compiler.run.numpy_rows import has_form
from autograd_mini.primitives import TABLE, Part, Primitive
from autograd_mini.primitives.symbols import Formula, formula_of, is_own


class Formulas:
    """The formulas of rows without a form, as they are now: what the functions of users read may change."""

    def __init__(self, used: set[tuple[Primitive, int]]) -> None:
        self._found: dict[tuple[Primitive, int], Formula | None] = {}
        self.are_needed = any(is_own(primitive) and self(primitive, n_args) for primitive, n_args in used)

    def __call__(self, primitive: Primitive, n_args: int) -> Formula | None:
        if has_form(primitive) or primitive.is_selector or isinstance(primitive, Part):
            return None
        key = primitive, n_args
        if key not in self._found:
            self._found[key] = formula_of(primitive, n_args)
        return self._found[key]


def expanded(program: Program) -> Program:
    """The program with rows written out; equal operations are one."""
    operations = [pack.operation for pack in program.packs]
    formulas = Formulas({(each.primitive, len(each.args)) for each in operations if type(each) is Apply})
    if not formulas.are_needed:
        return program
    builder = Builder()
    builder.packs.clear()
    copies: dict[Pack, Pack] = {}
    for pack in program.packs:
        operation = moved(pack.operation, copies)
        if isinstance(operation, Leaf):
            builder.packs.append(pack)
            copies[pack] = pack
        elif isinstance(operation, Apply):
            copies[pack] = _applied(builder, operation, pack, formulas)
        else:
            copies[pack] = builder.shared(Pack(pack.lanes, pack.batched, operation))
    results = {
        name: [Reference(copies[each.pack], each.index) for each in references]
        for name, references in program.results.items()
    }
    return Program(builder.packs, results).without_dead().verify()


def _applied(builder: Builder, operation: Apply, pack: Pack, formulas: Formulas) -> Pack:
    formula = formulas(operation.primitive, len(operation.args))
    if formula is not None:
        args = [_Lanes(builder, arg, formulas) if isinstance(arg, Reference) else arg for arg in operation.args]
        result = formula(*args)
        if isinstance(result, Symbol):
            reference = result.reference
            if reference.is_whole and reference.pack.batched == pack.batched:
                return reference.pack
            operation = Apply(TABLE["pos"], (reference,))
        else:  # the same number in every lane
            some = next(arg for arg in operation.args if isinstance(arg, Reference))
            operation = Apply(TABLE["where"], (some, float(result), float(result)))
    return builder.shared(Pack(pack.lanes, pack.batched, operation))


class _Lanes(Symbol):
    """Lanes of a pack as a number of formulas."""

    __slots__ = ("formulas",)

    def __init__(self, builder: Builder, reference: Reference, formulas: Formulas) -> None:
        super().__init__(builder, reference)
        self.formulas = formulas

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        formulas = next(arg.formulas for arg in args if isinstance(arg, _Lanes))
        formula = formulas(primitive, len(args))
        if primitive is TABLE["abs"]:
            args = (args[0].without_sign(),)
        if formula is not None:
            return formula(*args)
        result = Symbol.apply_primitive(primitive, args)
        return _Lanes(result.builder, result.reference, formulas)

    def without_sign(self) -> _Lanes:
        """That of which it is the negative, if it is one: the absolute value is the same."""
        operation = self.reference.pack.operation
        if not (isinstance(operation, Apply) and operation.primitive is TABLE["neg"] and self.reference.is_whole):
            return self
        (arg,) = operation.args
        return _Lanes(self.builder, arg, self.formulas) if isinstance(arg, Reference) else self


def expanded_scalars(scalars: Sequence[Scalar]) -> tuple[list[Scalar], list[int]] | None:
    """The same of a list of scalars, and where each of the old ones is in it; None if there is nothing to do."""
    formulas = Formulas({(each.primitive, len(each.args)) for each in scalars if type(each) is Application})
    if not formulas.are_needed:
        return None
    found = _Expanded(formulas)
    for scalar in scalars:
        found.take(scalar)
    return found.scalars, found.place


class _Expanded(Growing):
    """A list of scalars, written out.

    Attributes:
        place: where those taken so far are in it.
    """

    def __init__(self, formulas: Formulas) -> None:
        super().__init__()
        self.place: list[int] = []
        self._formulas = formulas
        self._vectors: dict[Application, Application] = {}

    def take(self, scalar: Scalar) -> None:
        place = self.place.__getitem__
        if isinstance(scalar, Application):
            result = self.applied(scalar.primitive, [Operand(self, place(arg)) for arg in scalar.args])
            self.place.append(self.number_of(result))
            return
        if isinstance(scalar, Terms):
            scalar = replace(scalar, xs=[*map(place, scalar.xs)], ys=[*map(place, scalar.ys)])
        elif isinstance(scalar, Component):
            vector = scalar.vector
            if vector not in self._vectors:
                self._vectors[vector] = replace(vector, args=tuple(map(place, vector.args)))
            scalar = replace(scalar, vector=self._vectors[vector])
        elif isinstance(scalar, Input):
            scalar = replace(
                scalar, first=len(self.scalars) if scalar.first == len(self.place) else place(scalar.first)
            )
        self.place.append(self.add(scalar))

    def applied(self, primitive: Primitive, args: Sequence[Any]) -> Any:
        formula = self._formulas(primitive, len(args))
        if formula is not None:
            return formula(*args)
        return Operand(self, self.apply(primitive, *map(self.number_of, args)))
