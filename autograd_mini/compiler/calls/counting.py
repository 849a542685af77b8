"""Whole numbers among the arguments, with which Python may count and index; where it does, the trace holds for these
numbers alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from autograd_mini.compiler.passes.tracing import Place
from autograd_mini.graph import leaf
from autograd_mini.value import Value


class Whole(Value):
    """An argument given as an int, or an integer computed from such arguments by + - * // % and abs.

    Attributes:
        number: the integer.
        places: the arguments from which it was computed.
        counted: called with these places when Python asks for the integer.
    """

    __slots__ = ()
    number: int
    places: tuple[Place, ...] = ()
    counted: Callable[[tuple[Place, ...]], None]

    def __index__(self) -> int:
        self.counted(self.places)
        return self.number

    def __copy__(self) -> Whole:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Whole:
        return self

    if not TYPE_CHECKING:
        __int__ = __trunc__ = __floor__ = __ceil__ = __index__
    __round__: Any = __index__


def whole(shown: float, number: int, place: Place, counted: Callable[[tuple[Place, ...]], None]) -> Whole:
    """A leaf for the integer given at a place; the trace computes with `shown` in its stead."""
    node: Any = leaf(shown, Whole)
    node.number, node.places, node.counted = number, (place,), counted
    return node  # type: ignore[no-any-return]


def _closed(name: str) -> Callable[..., Any]:
    """An operator whose result is a whole number if its operands are."""
    operate, of_integers = getattr(Value, name), getattr(int, name)

    def method(self: Whole, *others: Any) -> Any:
        node = operate(self, *others)
        numbers = [other.number if isinstance(other, Whole) else other for other in others]
        if node is not NotImplemented and all(type(number) is int for number in numbers):
            try:
                number = of_integers(self.number, *numbers)
            except ZeroDivisionError:
                return node
            node.__class__ = Whole
            node.number, node.counted = number, self.counted
            node.places = tuple([place for each in (self, *others) if isinstance(each, Whole) for place in each.places])
        return node

    return method


_BINARY = ("add", "sub", "mul", "floordiv", "mod")
for _name in ("neg", "abs", *_BINARY, *[f"r{_name}" for _name in _BINARY]):
    setattr(Whole, f"__{_name}__", _closed(f"__{_name}__"))
