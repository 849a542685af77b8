"""Expand: users' own rows that are written in operators and primitives become what they compute.

This is done after differentiation, since derivatives come from the rules of such rows, not from what they compute.
Other rows without a form of their own are written out with them, so that equal parts are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from autograd_mini.compiler.code.numpy_rows import has_form
from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.program import Apply, Argument, Operation, Pack, Program, Reference, lanes_of
from autograd_mini.compiler.ir.scalars import Application, Input, Scalar
from autograd_mini.compiler.passes.growing import Growing
from autograd_mini.primitives import TABLE, Part, Primitive
from autograd_mini.primitives.symbols import Formula, formula_of, is_own


class Formulas:
    """The formulas of rows without a form of their own, as they are now: what users' functions read may change."""

    def __init__(self, used: set[tuple[Primitive, int]]) -> None:
        self._found: dict[tuple[Primitive, int], Formula | None] = {}
        self.are_needed: bool = any(is_own(primitive) and self(primitive, n_args) for primitive, n_args in used)

    def __call__(self, primitive: Primitive, n_args: int) -> Formula | None:
        if has_form(primitive) or primitive.is_selector or isinstance(primitive, Part):
            return None
        key = primitive, n_args
        if key not in self._found:
            self._found[key] = formula_of(primitive, n_args)
        return self._found[key]

    def written(self, apply: Callable[..., Any], primitive: Primitive, *args: Any) -> Any:
        """Apply a primitive to numbers and what stands for numbers: by its formula or, if it has none, by `apply`."""
        if all(isinstance(arg, float) for arg in args):
            return primitive(*args)
        formula = self(primitive, len(args))
        return apply(primitive, *args) if formula is None else formula.run(args, partial(self.written, apply))


def expanded(program: Program) -> Program:
    """The program with rows written out; equal operations become one."""
    operations = [pack.operation for pack in program.packs]
    formulas = Formulas({(each.primitive, len(each.args)) for each in operations if type(each) is Apply})
    if not formulas.are_needed:
        return program
    builder = _ExpandedPacks(formulas)
    return builder.program(builder.go_on(program))


class _ExpandedPacks(Builder):
    """Builds packs with rows written out."""

    def __init__(self, formulas: Formulas) -> None:
        super().__init__()
        self._formulas = formulas

    def taken(self, pack: Pack, operation: Operation) -> Pack:
        if isinstance(operation, Apply):
            result = self._formulas.written(partial(self._applied, pack.lanes), operation.primitive, *operation.args)
            if isinstance(result, Reference):
                if result.is_whole and result.pack.batched == pack.batched:
                    return result.pack
                operation = Apply(TABLE["pos"], (result,))
            else:  # the same number in every lane
                some = next(arg for arg in operation.args if isinstance(arg, Reference))
                operation = Apply(TABLE["where"], (some, result, result))
        return super().taken(pack, operation)

    def _applied(self, lanes: int, primitive: Primitive, *args: Any) -> Reference:
        if primitive is TABLE["abs"]:
            args = (_without_sign(args[0]),)
        return lanes_of(self.apply(primitive, args, lanes))


def _without_sign(x: Argument) -> Argument:
    """The operand of a negation, which has the same absolute value; any other argument itself."""
    operation = x.pack.operation if isinstance(x, Reference) and x.is_whole else None
    return operation.args[0] if isinstance(operation, Apply) and operation.primitive is TABLE["neg"] else x


def expanded_scalars(
    scalars: Sequence[Scalar], used: set[tuple[Primitive, int]]
) -> tuple[list[Scalar], list[int]] | None:
    """The scalars with rows written out, and where each of the old ones is among them; None if there is nothing to do.

    Args:
        used: the primitives applied, and to how many scalars.
    """
    formulas = Formulas(used)
    if not formulas.are_needed:
        return None
    found = _ExpandedScalars(formulas)
    for scalar in scalars:
        found.take(scalar)
    return found.scalars, found.place


class _ExpandedScalars(Growing):
    """A list of scalars, written out.

    Attributes:
        place: where each scalar taken so far is in it.
    """

    def __init__(self, formulas: Formulas) -> None:
        super().__init__()
        self.place: list[int] = []
        self._formulas = formulas

    def take(self, scalar: Scalar) -> None:
        place = self.place.__getitem__
        if isinstance(scalar, Application):
            found = self._number(self._formulas.written(self._applied, scalar.primitive, *map(place, scalar.args)))
        elif isinstance(scalar, Input):
            is_first = scalar.first == len(self.place)
            found = self.add(replace(scalar, first=len(self.scalars) if is_first else place(scalar.first)))
        else:
            found = self.again(scalar, place)
        self.place.append(found)

    def _applied(self, primitive: Primitive, *args: Any) -> int:
        return self.apply(primitive, *map(self._number, args))

    def _number(self, operand: int | float) -> int:
        return self.number(operand) if isinstance(operand, float) else operand
