"""Operators of Values other than + - *, their comparisons and conversions, attached from the table."""

from __future__ import annotations

import math
import operator
import sys

from autograd_mini import observing
from autograd_mini.graph import join, operand
from autograd_mini.primitives import TABLE
from autograd_mini.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autograd_mini.primitives import Primitive


def unary(primitive: Primitive) -> Callable[[Any], Any]:
    """A primitive of one argument as a function of a Value or a number, which serves as a method too."""
    forward, partials = primitive.forward, primitive.partials

    def function(x: Any) -> Any:
        if type(x) is not Value:
            return forward(x) if type(x) is float else primitive(x)
        data = x._number
        out = forward(data)
        (slope,) = partials(out, data)
        return join(out, x, None, slope, 0.0, primitive)

    return function


def _operators(name: str) -> tuple[Callable[[Value, Any], Value], Callable[[Value, Any], Value]]:
    """A primitive of two arguments as the methods behind an operator: plain and reflected."""
    primitive = TABLE[name]
    forward, partials, to_first = primitive.forward, primitive.partials, primitive.to_first

    def method(self: Value, other: Any) -> Any:
        if type(other) is not Value:
            given, other = other, operand(other)
            if other is None:
                return NotImplemented
            if to_first is not None and other is not given:
                x, y = self._number, other._number
                out = forward(x, y)
                return join(out, self, other, to_first(out, x, y), 0.0, primitive)
        x, y = self._number, other._number
        out = forward(x, y)
        slope, other_slope = partials(out, x, y)
        return join(out, self, other, slope, other_slope, primitive)

    def reflected(self: Value, other: Any) -> Any:
        left: Any = operand(other)
        return NotImplemented if left is None else method(left, self)

    return method, reflected


def _comparison(name: str, compare: Callable[[Any, Any], bool]) -> Callable[[Value, Any], bool]:
    primitive = TABLE.auxiliary[name]

    def method(self: Value, other: Any) -> bool:
        if observing.active:
            right = operand(other)
            answer = None if right is None else observing.ask("compared", primitive, self, right)
            if answer is not None:
                return answer  # type: ignore[no-any-return]
        if isinstance(other, Value):
            return compare(self._number, other._number)
        if isinstance(other, (int, float)):
            return compare(self._number, other)
        right = operand(other)
        return NotImplemented if right is None else compare(self._number, right._number)

    return method


def _conversion(name: str, convert: Callable[..., Any]) -> Callable[..., Any]:
    """A method that applies `convert` to `data`."""

    def method(self: Value, *args: Any) -> Any:
        if observing.active:
            observing.number_read(self, name)
        if convert is float:
            if observing.differentiations:
                observing.refuse_conversion(self)
            elif not self.is_constant:
                observing.warn_of_mathematics()
        return convert(self._number, *args)

    return method


def _itself(self: Value) -> Value:
    """The Value itself, which is real."""
    return self


def _refuse_xor(self: Value, other: Any) -> Any:
    raise TypeError("^ is Python's exclusive or, which Values do not have; write ** for a power, as in x**2")


def _attach() -> None:
    methods: dict[str, Any] = {}
    for name in ("floordiv", "mod", "pow"):
        methods[name], methods[f"r{name}"] = _operators(name)
    methods["truediv"], methods["rtruediv"] = _operators("div")
    methods["divmod"] = lambda self, other: (self // other, self % other)
    methods["rdivmod"] = lambda self, other: (other // self, other % self)
    methods |= {name: unary(TABLE[name]) for name in ("neg", "pos", "abs")}
    comparisons = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
    for name, row in {**comparisons, "eq": "equal", "ne": "not_equal"}.items():
        methods[name] = _comparison(row, getattr(operator, name))
    methods["xor"] = methods["rxor"] = _refuse_xor
    formatted = _conversion("format()", format)
    methods["format"] = lambda self, spec: formatted(self, spec) if spec else repr(self)
    conversions: tuple[Any, ...] = (float, int, math.trunc, math.floor, math.ceil, round)
    methods |= {each.__name__: _conversion(f"{each.__name__}()", each) for each in conversions}
    for name, method in methods.items():
        setattr(Value, f"__{name}__", method)
    floats_have: dict[str, Any] = {  # asked for by NumPy, of every element of an array, and by `statistics`
        "conjugate": _itself,
        "real": property(_itself),
        "imag": property(lambda self: 0.0, doc="0.0, since a Value is real."),
        "as_integer_ratio": _as_integer_ratio,
    }
    for name, attribute in floats_have.items():
        setattr(Value, name, attribute)


NO_RATIO = (
    "an exact ratio of integers would cut a Value off from its graph; for statistics of Values use autograd_mini's "
    "mean, fsum and norm, or NumPy's mean, var and std on an array of them"
)


def _as_integer_ratio(value: Value) -> tuple[_Total, None]:
    """What `statistics.mean` adds up for a Value: a "ratio" without a denominator, as inf and nan have there.

    Raises:
        TypeError: the caller is not `statistics`.
    """
    if sys._getframe(1).f_globals.get("__name__") != "statistics":
        raise TypeError(NO_RATIO)
    return _Total(value), None


class _Total:
    """Values that `statistics.mean` adds up before it divides them by their number."""

    def __init__(self, value: Value) -> None:
        self._values = [value]

    def __radd__(self, zero: int) -> _Total:
        return self

    def __add__(self, other: _Total) -> _Total:
        self._values += other._values
        return self

    def is_finite(self) -> bool:
        return False

    def __truediv__(self, count: int) -> Any:
        if count != len(self._values):  # whole numbers are added up elsewhere, and would be lost
            raise TypeError(
                f"statistics.mean takes Values or plain numbers, got {len(self._values)} Value(s) among {count}; use "
                "autograd_mini.mean, which takes both"
            )
        return TABLE["mean"](*self._values)

    def __mul__(self, other: object) -> Any:
        raise TypeError(NO_RATIO)

    __le__ = __mul__


_attach()
