"""Symbols: numbers that stand for any number. A function that is run on them once is known for all numbers."""

from __future__ import annotations

from functools import lru_cache
from math import inf

from autograd_mini.primitives.numbers import to_float
from autograd_mini.primitives.piecewise import parts_of
from autograd_mini.primitives.primitive import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeAlias

    from autograd_mini.primitives.primitive import Interval, Primitive
    from autograd_mini.signatures import Arithmetic, Undecided

    Steps: TypeAlias = list[tuple[int, Primitive, tuple[int, ...]]]
else:
    Arithmetic = Undecided = object


class Number(Arithmetic):
    """The base class of numbers that primitives take, and so the operators that stand for primitives."""

    __slots__ = ()

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        raise NotImplementedError


for _name in ("add", "sub", "mul", "div", "floordiv", "mod", "pow"):
    _method = "truediv" if _name == "div" else _name
    setattr(Number, f"__{_method}__", lambda self, other, primitive=TABLE[_name]: primitive(self, other))
    setattr(Number, f"__r{_method}__", lambda self, other, primitive=TABLE[_name]: primitive(other, self))
for _name in ("neg", "pos", "abs"):
    setattr(Number, f"__{_name}__", lambda self, primitive=TABLE[_name]: primitive(self))


class Symbol(Number, Undecided):
    """A number without data: operators and primitives take it, but nothing can be decided or looked up by it."""

    __slots__ = ()

    def _undecided(self, other: Any = None) -> Any:
        raise TypeError("it branches on a number, which differs from lane to lane")

    if not TYPE_CHECKING:
        __bool__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __hash__ = _undecided


class Operations:
    """Operations of the table on numbers that have places: the arguments first, then the others in the order recorded.

    Attributes:
        constants: numbers by their place.
        operations: each with the place of its result and those of its arguments.
    """

    constants: dict[int, float]
    operations: Steps

    def numbers(
        self, args: Sequence[Any], apply: Callable[..., Any], number: Callable[[float], Any] = float
    ) -> dict[int, Any]:
        """The numbers in all places, where `apply(primitive, *numbers)` carries out an operation and `number` converts
        a constant."""
        found = dict(enumerate(args))
        for place, constant in self.constants.items():
            found[place] = number(constant)
        for place, operation, places in self.operations:
            found[place] = apply(operation, *[found[each] for each in places])
        return found


class Formula(Operations):
    """The operations by which a function computes its result. Equal formulas compute the same.

    Args:
        output: the place of the result.
    """

    def __init__(self, constants: dict[int, float], operations: Steps, output: int) -> None:
        self.constants = constants
        self.operations = operations
        self.output = output

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formula) and self._key() == other._key()

    def _key(self) -> Any:
        return {place: number.hex() for place, number in self.constants.items()}, self.operations, self.output

    def __call__(self, *args: Any) -> Any:
        """The result for numbers of any kind."""
        return self.run(args, lambda operation, *numbers: operation(*numbers))

    def run(self, args: Sequence[Any], apply: Callable[..., Any]) -> Any:
        """The result, where `apply(primitive, *numbers)` carries out an operation."""
        return self.numbers(args, apply)[self.output]


class Place(Symbol):
    """A number in some place of a recorder, whose `applied(primitive, args)` is called when a primitive takes it."""

    __slots__ = ("place", "recorder")

    def __init__(self, recorder: Any, place: int) -> None:
        self.recorder: Any = recorder
        self.place: int = place

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return next(arg.recorder for arg in args if isinstance(arg, Place)).applied(primitive, args)


class Unknown(Place):
    """A number within a function that is being recorded; deciding by it is noted by the recorder."""

    __slots__ = ()

    def _undecided(self, other: Any = None) -> Any:
        self.recorder.is_decided = True
        return super()._undecided()

    if not TYPE_CHECKING:
        __bool__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __hash__ = _undecided


class Recorder(Operations):
    """Records what a function computes from `args`, which are numbers of class `kind`."""

    kind: type[Place] = Unknown

    def __init__(self, n_args: int) -> None:
        self.args: list[Any] = [self.kind(self, place) for place in range(n_args)]
        self.constants: dict[int, float] = {}
        self.operations: Steps = []
        self.known: dict[Any, int] = {}
        self.count: int = n_args
        self.is_decided = False  # even if the function hides the error

    def applied(self, primitive: Primitive, args: tuple[Any, ...]) -> Any:
        if parts_of(primitive, len(args)):
            raise TypeError(f"{primitive.name} has several results")
        places = tuple([self.place(arg, primitive.name) for arg in args])
        place = self.known.setdefault((primitive, places), self.count)
        if place == self.count:
            self.operations.append((place, primitive, places))
            self.count += 1
        return self.kind(self, place)

    def place(self, number: Any, taker: str) -> int:
        if isinstance(number, Place) and number.recorder is self:
            return number.place
        constant = to_float(number, taker)
        place = self.known.setdefault(constant.hex(), self.count)
        if place == self.count:
            self.constants[place] = constant
            self.count += 1
        return place


class RuleRecorder(Recorder):
    """Records what a rule computes, where selectors may have several results, each recorded as a `Part`."""

    def applied(self, primitive: Primitive, args: tuple[Any, ...]) -> Any:
        if parts := parts_of(primitive, len(args)):
            return tuple([self.applied(part, args) for part in parts])
        return super().applied(primitive, args)


def is_own(primitive: Primitive) -> bool:
    """Whether a primitive is a row of the user's, not of this package."""
    module = getattr(primitive.base.partials, "__module__", None) or ""
    return module.partition(".")[0] != "autograd_mini"


def formula_of(primitive: Primitive, n_args: int) -> Formula | None:
    """The formula of a row for `n_args` arguments; None unless its function can be run on symbols: it must be written
    in operators and primitives, take no decisions, and compute the same twice and from plain numbers."""
    first = _recorded(primitive, n_args)
    if first is None or first != _recorded(primitive, n_args) or not _agrees(first, primitive, n_args):
        return None
    return first


lasting_formula: Callable[[Primitive, int], Formula | None] = lru_cache(maxsize=None)(formula_of)
"""The same as `formula_of`, but cached: for rows whose functions read nothing that changes."""


def _recorded(primitive: Primitive, n_args: int) -> Formula | None:
    recorder = Recorder(n_args)
    try:
        output = recorder.place(primitive.formula(*recorder.args), primitive.name)
    except Exception:  # a function may raise anything if its argument is no float
        return None
    if recorder.is_decided or any(operation is primitive for _, operation, _ in recorder.operations):
        return None
    return Formula(recorder.constants, recorder.operations, output)


def _agrees(formula: Formula, primitive: Primitive, n_args: int) -> bool:
    """Whether the formula gives the same as the function at some points of the domain."""
    domain = primitive.domain if len(primitive.domain) == n_args else primitive.domain[:1] * n_args
    results = []
    for numbers in zip(*[_points(interval, place) for place, interval in enumerate(domain)]):
        try:
            results.append((float(primitive.formula(*numbers)).hex(), float(formula(*numbers)).hex()))
        except (ArithmeticError, ValueError, TypeError):  # a pole, or a complex number
            continue
    return bool(results) and all(own == recorded for own, recorded in results)


def _points(interval: Interval, turn: int) -> Iterator[float]:
    """Some numbers of an interval, in another order for each argument."""
    low, high = interval
    found = [within(interval, place) for place in (0.4, 0.7, 0.1, 0.9)]
    found += [x for x in (-0.4, -0.7, 0.0, -3.0, 3.0, 30.0, -30.0) if low < x < high]
    for number in range(11):
        yield found[(number + turn * (1 + number // 4)) % len(found)]


def within(interval: Interval, place: float) -> float:
    """A point of an open interval, `place` of the way through it."""
    low, high = interval
    if low == -inf:
        return place if high == inf else high - 1.0 / place
    return low + place if high == inf else low + place * (high - low)
