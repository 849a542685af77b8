"""Lists of scalars to which operations are appended, one by one or by rules that run on symbols."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import nan
from typing import Any

from autograd_mini.compiler.ir.scalars import ONE, Application, Component, Input, Looped, Number, Picked, Scalar, Terms
from autograd_mini.compiler.passes.vector_rules import vector_primitive
from autograd_mini.primitives import TABLE, Primitive, parts_of, to_float
from autograd_mini.primitives.symbols import Place

_equal, _greater = TABLE.auxiliary["equal"], TABLE.auxiliary["greater"]


class Growing:
    """A list of scalars that grows; the same operation on the same scalars is made once."""

    scalars: list[Scalar]

    def __init__(self, scalars: Iterable[Scalar] = ()) -> None:
        self.scalars = [*scalars]
        self._memo: dict[Any, int] = {}
        self._applied_to: defaultdict[Primitive, dict[tuple[int, ...], int]] = defaultdict(dict)

    def add(self, scalar: Scalar) -> int:
        self.scalars.append(scalar)
        return len(self.scalars) - 1

    def inputs(self, array: int, lanes: int) -> range:
        """The scalars of a new array among the arguments."""
        first = len(self.scalars)
        self.scalars += [Input(array, first)] * lanes
        return range(first, first + lanes)

    def number(self, number: float) -> int:
        """The scalar of a constant."""
        key = number if number < 0.0 or number > 0.0 else number.hex()
        if key not in self._memo:
            self._memo[key] = self.add(Number(number))
        return self._memo[key]

    def apply(self, primitive: Primitive, *args: int) -> int:
        return self.application(primitive, args)

    def application(self, primitive: Primitive, args: tuple[int, ...]) -> int:
        """A primitive applied to scalars."""
        fresh = len(self.scalars)
        found = self._applied_to[primitive].setdefault(args, fresh)
        if found == fresh:
            self.scalars.append(Application(primitive, args))
        return found

    def vector(self, function: str, x: Sequence[int], empty: float = nan) -> Sequence[int]:
        """A function of vectors to vectors, by its name."""
        return self.components(vector_primitive(function, empty == 0.0), x)

    def components(self, function: Primitive, args: Sequence[int]) -> range:
        """A function of vectors to vectors."""
        key = "vector", function, *args
        if key not in self._memo:
            vector = Application(function, tuple(args))
            self._memo[key] = len(self.scalars)
            self.scalars += [Component(vector, index) for index in range(len(args))]
        first = self._memo[key]
        return range(first, first + len(args))

    def sum(self, numbers: Sequence[int]) -> int:
        if len(numbers) == 1:
            return numbers[0]
        return self.add(Terms.of([(1.0, number, ONE) for number in numbers]))

    def again(self, scalar: Scalar, place: Callable[[int], int]) -> int:
        """Add a scalar again, with operands that `place` gives for the old ones."""
        if isinstance(scalar, Terms):
            return self.add(Terms.of([(c, place(x), place(y)) for c, x, y in scalar], scalar.from_zero))
        if isinstance(scalar, Component):
            return self.components(scalar.vector.primitive, [*map(place, scalar.vector.args)])[scalar.index]
        if isinstance(scalar, Application):
            return self.apply(scalar.primitive, *map(place, scalar.args))
        if isinstance(scalar, Looped):
            return self.add(Looped(scalar.scan, tuple(map(place, scalar.args))))
        if isinstance(scalar, Picked):
            return self.add(Picked(place(scalar.loop), scalar.index))
        return self.add(scalar)

    def operand(self, number: int) -> Any:
        """A scalar as rules compute with it: a constant's number, or else an `Operand`."""
        scalar = self.scalars[number]
        return scalar.number if type(scalar) is Number else Operand(self, number)

    def number_of(self, operand: Any) -> int:
        """The scalar of an operand, or of a number."""
        return operand.place if isinstance(operand, Operand) else self.number(to_float(operand, "a rule"))

    def applied(self, primitive: Primitive, args: Sequence[Any]) -> Any:
        """Apply a primitive to operands and numbers."""
        numbers = [*map(self.number_of, args)]
        if parts := parts_of(primitive, len(args)):
            return tuple(Operand(self, self.apply(part, *numbers)) for part in parts)
        return Operand(self, self.sum(numbers) if primitive is TABLE["sum"] else self.apply(primitive, *numbers))


class Operand(Place):
    """A scalar with which rules compute as with a number; comparisons of it are scalars, 1 or 0."""

    __slots__ = ()

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> Any:
        return _equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return _greater(self, other)
