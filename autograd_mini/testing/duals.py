"""Forward mode by dual numbers, in mpmath: a second way to a derivative, with nothing in common with the first."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from autograd_mini.primitives import TABLE, Primitive, brief, symbols
from autograd_mini.structures import flatten
from autograd_mini.testing.input_names import name_of
from autograd_mini.testing.pairing import paired_numbers, plain_numbers
from autograd_mini.testing.reference import evaluate, mpmath_module, slope


class Dual(symbols.Number):
    """value + slope·ε with ε² = 0: what f gives at x + ε is f(x) + f'(x)·ε.

    Both parts are mpmath numbers. Operators and all functions of `autograd_mini` work; each operation takes its
    derivative from difference quotients of its mpmath twin.

    >>> Dual(3.0, 1.0) * Dual(3.0, 1.0)
    Dual(9.0, 6.0)
    """

    __slots__ = ("slope", "value")
    slope: Any
    value: Any

    def __init__(self, value: Any, slope: Any = 0.0) -> None:
        mpf = mpmath_module().mpf
        self.value, self.slope = mpf(value), mpf(slope)

    def __hash__(self) -> int:
        return id(self)

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Dual:
        """f(x + x'ε, …) = f(x, …) + (∂f/∂x·x' + …)·ε."""
        duals = [arg if isinstance(arg, Dual) else Dual(arg) for arg in args]
        values = [dual.value for dual in duals]
        result = Dual(evaluate(primitive, values))
        for index, dual in enumerate(duals):
            if dual.slope:
                local = slope(primitive, values, index)
                if local or primitive.name != "where":  # in a branch not taken, kinks do not matter
                    result.slope += local * dual.slope
        return result

    def __getattr__(self, name: str) -> Callable[..., Dual]:
        for primitive in TABLE.values():
            if name == primitive.name or name in primitive.aliases:
                return lambda *args: primitive(self, *args)
        raise AttributeError(f"a dual number has no {name!r}")

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Dual({float(self.value)!r}, {float(self.slope)!r})"


def forward_derivative(f: Callable[..., Any], *inputs: Any, direction: Any = None, digits: int = 50) -> Any:
    """The derivative of `f` at a point along a direction, by one evaluation on dual numbers in mpmath.

    Args:
        f: a function of numbers, nested as you like, to one number.
        inputs: the point.
        direction: a tuple in the structure of `inputs`; by default 1 for every input.
        digits: how many digits of the result are right, as long as nothing cancels.

    Returns:
        An mpmath number; nan at kinks and jumps.

    Raises:
        TypeError: an input, the direction or the result holds something other than numbers, or the direction has
            another structure than the inputs.
        ValueError: `f` gives several numbers.
        LookupError, ModuleNotFoundError: as for `reference_value`.

    >>> print(forward_derivative(lambda x, y: x * x * y, 3.0, 5.0, direction=(1.0, 0.0)))
    30.0
    """
    point, structure = flatten(inputs, f"an input of {name_of(f)}")
    direction = structure.rebuild([1.0] * len(point)) if direction is None else direction
    fits = isinstance(direction, tuple) and len(direction) == len(inputs)
    along = paired_numbers(direction, inputs, "the direction") if fits else []
    if len(along) != len(point):
        raise TypeError(f"the direction must have the structure of the inputs, {structure}, got {brief(direction)}")
    with mpmath_module().mp.workdps(3 * digits):
        result = f(*structure.rebuild([Dual(x, s) for x, s in zip(point, along)]))
        numbers = plain_numbers(result, f"the result of {name_of(f)}")
        if len(numbers) != 1:
            raise ValueError(f"{name_of(f)} must give one number, got {len(numbers)}: {brief(result)}")
        derivative = numbers[0].slope if isinstance(numbers[0], Dual) else mpmath_module().mpf(0)
    with mpmath_module().mp.workdps(digits):
        return +derivative


def _attach_comparisons() -> None:
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        compare = getattr(operator, name)
        setattr(
            Dual,
            f"__{name}__",
            lambda self, other, compare=compare: compare(self.value, getattr(other, "value", other)),
        )


_attach_comparisons()
