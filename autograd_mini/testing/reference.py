"""Derivatives from their definition, to 50 digits, in mpmath: of recorded graphs and, by dual numbers, of functions.

Each operation is evaluated by its mpmath twin and differentiated by difference quotients of the twin, with a step
so small and so many digits that those asked for are right. The derivative rules of the table take no part.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from autograd_mini.adjoints import descendants_of
from autograd_mini.graph import topological_order
from autograd_mini.primitives import TABLE, Primitive, brief, symbols
from autograd_mini.structures import flatten
from autograd_mini.suggesting import did_you_mean
from autograd_mini.testing.pairing import name_of, paired_numbers, plain_numbers
from autograd_mini.value import Value

LEAST_DIGITS = 60
TINIEST = -10_000
"""Arguments below 10 to this power are treated as that large: squares of squares would need billions of digits."""

_twins: dict[str, Callable[..., Any]] = {}


def register_twin(name: str, twin: Callable[..., Any]) -> None:
    """Register the mpmath function of a primitive of your own, so that it can be checked against references.

    Args:
        name: the primitive's name.
        twin: the same function of mpmath numbers, written with mpmath's functions.

    Raises:
        ValueError: no primitive of that name is registered.
        TypeError: the twin is not a function.

    >>> import mpmath
    >>> from autograd_mini import TABLE, Value, register_primitive
    >>> cube = register_primitive("cube", forward=lambda x: x * x * x, partials=lambda out, x: (3.0 * x * x,))
    >>> register_twin("cube", lambda x: mpmath.power(x, 3))
    >>> print(reference_value(cube(Value(2.0))))
    8.0
    >>> del TABLE["cube"], Value.cube
    """
    if name not in TABLE:
        raise ValueError(
            f"there is no primitive named {brief(name)}{did_you_mean(name, TABLE, '; register it before its twin')}"
        )
    if not callable(twin):
        raise TypeError(f"the twin of {name} must be a function, got {brief(twin)} ({type(twin).__name__})")
    _twins[name] = twin


def reference_value(y: Value, *, digits: int = 50) -> Any:
    """The value of y computed from its leaves' floats without rounding errors, as an mpmath number.

    Args:
        y: the result.
        digits: how many digits are right, as long as nothing cancels.

    Raises:
        TypeError: y is not a Value.
        ValueError: `digits` is not a positive integer.
        LookupError: a primitive has no mpmath twin; give it one with `register_twin`.
        ModuleNotFoundError: mpmath is not installed.

    >>> x = Value(2.0)
    >>> print(reference_value((x * 0.5 + 1e16) - 1e16))
    1.0
    """
    _require(y, (), digits)
    mp = mpmath_module().mp
    with mp.workdps(3 * digits):
        value = _results(topological_order(y), lambda result: result)[y]
    with mp.workdps(digits):
        return +value


def reference_gradient(y: Value, xs: Sequence[Value], *, digits: int = 50) -> list[Any]:
    """dy/dx for each x of `xs` as mpmath numbers, from difference quotients of every operation and the chain rule.

    A derivative is nan where y depends on x through a kink, a jump or a point of infinite slope; it may be nan where
    y depends on x through numbers smaller than 1e-10000.

    Arguments and errors are those of `reference_value`.

    >>> x = Value(2.0)
    >>> print(reference_gradient(x * x * x, [x])[0])
    12.0
    """
    _require(y, xs, digits)
    mp = mpmath_module().mp
    with mp.workdps(3 * digits):
        slopes = chain_rule(y, xs, lambda result: result)
    with mp.workdps(digits):
        return [+slope for slope in slopes]


def chain_rule(y: Value, xs: Sequence[Value], rounded: Callable[[Any], Any]) -> list[Any]:
    """dy/dx for each x of `xs`, with every result and every contribution to an adjoint passed through `rounded`."""
    mp = mpmath_module().mp
    order = topological_order(y)
    results, active = _results(order, rounded), descendants_of(xs, order)
    adjoints = {y: mp.one}
    for node in reversed(order):
        if node.operation is None or node not in active or node not in adjoints:
            continue
        args = [results[parent] for parent in node.parents]
        for index, parent in enumerate(node.parents):
            if parent in active:
                local = slope(node.operation, args, index)
                if local or node.operation.name != "where":  # in a branch not taken, kinks do not matter
                    adjoints[parent] = adjoints.get(parent, mp.zero) + rounded(adjoints[node] * local)
    return [adjoints.get(x, mp.zero) for x in xs]


def evaluate(primitive: Primitive, args: Sequence[Any]) -> Any:
    """Apply the primitive's twin to mpmath numbers; nan outside its domain, a LookupError if it has no twin."""
    mpmath = mpmath_module()
    try:
        result = _twin(primitive)(*args)
    except (ArithmeticError, ValueError, mpmath.libmp.ComplexResult):
        return mpmath.nan
    return mpmath.nan if isinstance(result, mpmath.mpc) else mpmath.mpf(result)


def slope(primitive: Primitive, args: Sequence[Any], index: int) -> Any:
    """The derivative of the twin with respect to one argument, from its definition; nan at kinks and jumps."""
    mpmath = mpmath_module()
    mp, x = mpmath.mp, args[index]
    if mpmath.isnan(x):
        return mpmath.nan
    digits = max(mp.dps, LEAST_DIGITS)
    size = max(min(abs(x), mpmath.mpf(1)), mpmath.mpf(10) ** TINIEST) if x else mpmath.mpf(1)
    step = mpmath.mpf(10) ** -(digits // 3 + 5) * size
    with mp.workdps(digits + 2 * int(-mpmath.log10(size))):
        here, right, left = (
            evaluate(primitive, [*args[:index], moved, *args[index + 1 :]]) for moved in (x, x + step, x - step)
        )
        above, below = (right - here) / step, (here - left) / step
        steepest = max(abs(above), abs(below))
        if steepest * step > mpmath.mpf(10) ** -12:
            return mpmath.nan  # a jump
        if not abs(above - below) <= mpmath.mpf(10) ** -12 * (steepest + mpmath.mpf(10) ** -12 * abs(here)):
            return mpmath.nan
        return (right - left) / (2 * step)


@cache
def mpmath_module() -> Any:
    """Import mpmath when first needed; a ModuleNotFoundError says how to install it."""
    try:
        import mpmath
    except ModuleNotFoundError:
        raise ModuleNotFoundError("references need mpmath; install it with: pip install mpmath") from None
    return mpmath


def _results(order: Sequence[Value], rounded: Callable[[Any], Any]) -> dict[Value, Any]:
    mpf = mpmath_module().mpf
    results: dict[Value, Any] = {}
    for node in order:
        if node.operation is None:
            results[node] = mpf(node.data)
        else:
            results[node] = rounded(evaluate(node.operation, [results[parent] for parent in node.parents]))
    return results


@cache
def _twin(primitive: Primitive) -> Callable[..., Any]:
    """The twin of a primitive, its options bound as far as the twin takes them."""
    from autograd_mini.testing.oracles import TWINS

    twin = _twins.get(primitive.name) or TWINS.get(primitive.name)
    if twin is None:
        raise LookupError(f"the primitive {primitive.name} has no mpmath twin; give it one with register_twin")
    if not primitive.options:
        return twin
    accepted = inspect.signature(twin).parameters
    options = {key: option for key, option in primitive.options.items() if key in accepted}
    return lambda *args: twin(*args, **options)


def _require(y: Any, xs: Sequence[Any], digits: Any) -> None:
    for thing in (y, *xs):
        if not isinstance(thing, Value):
            raise TypeError(f"a reference takes Values, got {brief(thing)} ({type(thing).__name__})")
    if not isinstance(digits, int) or digits < 1:
        raise ValueError(f"digits must be a positive integer, got {brief(digits)}")


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
        self.value, self.slope = mpf(value._number if isinstance(value, Value) else value), mpf(slope)

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
        raise AttributeError(f"a dual number has no attribute {name!r}")

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Dual({float(self.value)!r}, {float(self.slope)!r})"


def forward_derivative(f: Callable[..., Any], *inputs: Any, direction: Any = None, digits: int = 50) -> Any:
    """The derivative of `f` at a point along a direction, by one evaluation on dual numbers in mpmath.

    Args:
        f: a function of numbers, nested as you like, that returns one number.
        inputs: the point, one for each argument of `f`.
        direction: a tuple in the structure of `inputs`; by default 1 for every input.
        digits: how many digits of the result are right, as long as nothing cancels.

    Returns:
        An mpmath number; nan at kinks and jumps.

    Raises:
        TypeError: an input, the direction or the result holds something other than numbers, or the direction has
            another structure than the inputs.
        ValueError: `f` does not return exactly one number.
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


for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    _compare = getattr(operator, _name)
    setattr(Dual, f"__{_name}__", lambda x, y, compare=_compare: compare(x.value, getattr(y, "value", y)))
