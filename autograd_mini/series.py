"""Taylor series of a function of one variable, to any order, from the rules that give first derivatives.

With y = f(x₁, …) of the table, y′ = Σᵢ ∂f/∂xᵢ·xᵢ′ holds for whole series in t, and the rule gives ∂f/∂xᵢ as a series
when it is run on series. Coefficient by coefficient that is k·yₖ = Σᵢ Σⱼ j·(xᵢ)ⱼ·(∂f/∂xᵢ)ₖ₋ⱼ: what stands on the
right is known one order before (R. Moore, Interval Analysis, 1966, for the arithmetic of series).
"""

from __future__ import annotations

from autograd_mini import observing
from autograd_mini.calls import Run, name_of, require_callable
from autograd_mini.graph import topological_order
from autograd_mini.primitives import TABLE, Primitive, brief, is_real
from autograd_mini.primitives.piecewise import parts_of
from autograd_mini.primitives.symbols import Number
from autograd_mini.structures import flatten
from autograd_mini.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_total = TABLE["fsum"]


def taylor(f: Callable[..., Any], x: Any, order: int) -> Any:
    """The Taylor coefficients of f at x: f(x), f′(x), f″(x)/2, …, f⁽ⁿ⁾(x)/n! up to n = `order`.

    Args:
        f: a function of one number, to numbers nested as you like.
        x: the number around which to expand; for a Value the coefficients are Values.
        order: the highest order, ≥ 0. The time is quadratic in it for most functions, cubic at worst.

    Returns:
        order + 1 coefficients in place of each number of f's result: in a list, or along a last axis of an array.

    Raises:
        TypeError: f is not a function, or x not one number.
        ValueError: the order is not an integer ≥ 0, or f is at a kink or a jump there; compiled, at a kink.

    >>> from autograd_mini import exp
    >>> taylor(lambda x: exp(2 * x), 0.0, 4)
    [1.0, 2.0, 2.0, 1.3333333333333333, 0.6666666666666666]
    """
    require_callable(f, "taylor")
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise ValueError(f"taylor's order must be an integer ≥ 0, got {brief(order)}")
    if not (isinstance(x, Value) or is_real(type(x))):
        raise TypeError(f"taylor expands a function of one number, got {brief(x)} ({type(x).__name__}) as x")
    run = Run(f, (x,), {}, None)
    results, structure = flatten(run.result, f"the result of {name_of(f)}")
    nodes = topological_order(*[y for y in results if isinstance(y, Value)])
    run.look_at(nodes)
    expansion = _Expansion(name_of(f), order)
    series: dict[Value, Any] = {run.variables[0]: expansion.variable(_number(run.variables[0], run.keeps_graph))}
    for node in nodes:
        if any(parent in series for parent in node.parents):
            args = [series.get(parent) or _number(parent, run.keeps_graph) for parent in node.parents]
            series[node] = expansion.apply(node.operation, args)
    expansion.finish()
    rows = [_coefficients(series.get(y, y) if isinstance(y, Value) else y, order, run) for y in results]
    return structure.replaced(iter(rows), list, _array)


def _number(node: Value, keeps_graph: bool) -> Any:
    """A node that is constant in t: a Value where derivatives with respect to it are wanted, else its number."""
    return node.as_operand() if keeps_graph else node._number


def _coefficients(y: Any, order: int, run: Run) -> list[Any]:
    if isinstance(y, Series):
        found = [0.0 if c is None else c for c in y.coefficients]
    else:
        found = [_number(y, run.keeps_graph) if isinstance(y, Value) else float(y)]
    return run.as_results(found + [0.0] * (order + 1 - len(found)))


def _array(rows: list[list[Any]], shape: tuple[int, ...]) -> Any:
    import numpy as np

    is_numbers = all(type(c) is float for row in rows for c in row)
    return np.array(rows, dtype=float if is_numbers else object).reshape(*shape, -1)


class Series(Number):
    """A power series in t, as far as its coefficients are known; None stands for one that is 0 whatever the data.

    `depth` is the number of rules that it is nested in: at depth d, d coefficients fewer are needed.
    """

    __slots__ = ("args", "coefficients", "depth", "expansion", "operation", "terms")

    def __init__(self, expansion: _Expansion, operation: Primitive, args: Sequence[Any], depth: int) -> None:
        self.expansion: _Expansion = expansion
        self.operation: Primitive = operation
        self.args: Sequence[Any] = args
        self.depth: int = depth
        self.coefficients: list[Any] = []
        self.terms: list[tuple[Any, Series]] | None = None  # local derivatives, with what they are with respect to

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        return next(arg.expansion for arg in args if isinstance(arg, Series)).apply(primitive, args)

    def advance(self) -> None:
        """Add the next coefficient."""
        if self.terms is None:
            self.terms = self.expansion.terms_of(self)
        k = len(self.coefficients)
        whole, weighted = [], []
        for local, arg in self.terms:
            is_series = isinstance(local, Series)
            whole.append(_product(_at(local, 0) if is_series else local, _at(arg, k)))
            for j in range(1, k) if is_series else ():
                weighted.append(_product(_product(float(j), _at(arg, j)), _at(local, k - j)))
        whole = [term for term in whole if term is not None]
        weighted = [term for term in weighted if term is not None]
        if weighted:
            whole.append(_total(*weighted) / float(k))
        self.coefficients.append(_total(*whole) if whole else None)


def _at(series: Series, k: int) -> Any:
    return series.coefficients[k] if k < len(series.coefficients) else None


def _product(x: Any, y: Any) -> Any:
    return None if x is None or y is None else x * y


class _Expansion:
    """All series of one call, which gain their coefficients order by order: no recursion, however deep."""

    def __init__(self, name: str, order: int) -> None:
        self.name = name
        self.order = order
        self.depth: int = 0
        self.levels: list[list[Series]] = [[] for _ in range(order + 1)]
        self.known: dict[Any, Series] = {}

    def variable(self, x: Any) -> Series:
        found = Series(self, TABLE["pos"], (), 0)
        found.coefficients = [x, 1.0]
        return found

    def apply(self, primitive: Any, args: Sequence[Any]) -> Any:
        """Apply an operation to series and numbers; the result is a series, or the plain numbers of a choice."""
        firsts = tuple([arg.coefficients[0] if isinstance(arg, Series) else arg for arg in args])
        if primitive.is_selector or parts_of(primitive, len(args)):
            return primitive(*firsts)
        key = (primitive, *[id(arg) if isinstance(arg, (Series, Value)) else float(arg).hex() for arg in args])
        found = self.known.get(key)
        if found is None or found.depth > self.depth:
            found = Series(self, primitive, tuple(args), self.depth)
            found.coefficients.append(primitive(*firsts))
            self._require_smooth(found, firsts)
            self.known[key] = found
            self.levels[self.depth].append(found)
        return found

    def terms_of(self, series: Series) -> list[tuple[Any, Series]]:
        """The local derivatives of an operation as series, each with its argument, except structural zeros."""
        operation, self.depth = series.operation, series.depth + 1
        if operation.to_first is None or any(isinstance(arg, Series) for arg in series.args[1:]):
            locals_: tuple[Any, ...] = operation.partials(series, *series.args)
        else:
            locals_ = (operation.to_first(series, *series.args),)
        return [
            (local, arg)
            for local, arg in zip(locals_, series.args)
            if isinstance(arg, Series) and not (type(local) is float and local == 0.0)
        ]

    def finish(self) -> None:
        for k in range(1, self.order + 1):
            for depth in range(k - 1, -1, -1):
                for series in self.levels[depth]:
                    series.advance()

    def _require_smooth(self, series: Series, firsts: Sequence[Any]) -> None:
        """Refuse an operation at a kink or a jump, where it has no series. Rules of smooth ones may choose there."""
        operation = series.operation
        if series.depth or not operation.policy:
            return
        known = [each if isinstance(each, Value) else float(each) for each in (series.coefficients[0], *firsts)]
        if not any(each.owns_values for each in observing.current_observers()):
            known = [each._number if isinstance(each, Value) else each for each in known]
        out, *numbers = known  # of a function that is being compiled Values: its comparisons are branches
        if (operation.tied is not None and operation.tied(out, *numbers)) or self._jumps(series, out, *numbers):
            at = "" if isinstance(out, Value) else f", with {', '.join(map(str, numbers))} as its argument(s)"
            raise ValueError(
                f"{self.name} has no Taylor series here: {operation.name} is at a kink or a jump{at}; expand at "
                "another number"
            )

    @staticmethod
    def _jumps(series: Series, out: Any, *numbers: Any) -> bool:
        """Whether a number next to an argument changes the result by more than its local derivative explains."""
        operation = series.operation
        apply = operation if isinstance(out, Value) else operation.forward
        for place, (arg, local) in enumerate(zip(series.args, operation.partials(out, *numbers))):
            for side in (-1.0, 1.0) if isinstance(arg, Series) else ():
                step = side * (abs(numbers[place]) * 2.0**-52 + 5e-324)
                moved = [*numbers[:place], numbers[place] + step, *numbers[place + 1 :]]
                if abs(apply(*moved) - out) > 4.0 * abs(local * step) + 4.0 * abs(out) * 2.0**-52:
                    return True
        return False
