"""One call of a function on Values, to be differentiated: its variables, its result, their structures."""

from __future__ import annotations

from contextvars import ContextVar

from autograd_mini import observing
from autograd_mini.adjoints import adjoints, descendants_of, differentiable_adjoints
from autograd_mini.graph import topological_order
from autograd_mini.primitives import brief, is_real
from autograd_mini.structures import Structure, flatten, is_array
from autograd_mini.tangents import differentiable_tangents, tangents
from autograd_mini.value import Constant, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_within_derivative: ContextVar[bool] = ContextVar("autograd_mini_within_derivative", default=False)


class Run:
    """One call of f on Values: its variables, its result, and the structures of the arguments."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        argnums: int | tuple[int, ...] | None,
    ) -> None:
        self.f = f
        self.is_single = isinstance(argnums, int) or (argnums is None and len(args) == 1)
        self.variables: list[Value] = []
        self.structures: list[Structure] = []
        self.keeps_graph = _within_derivative.get()
        inputs = list(args)
        for position in _positions(f, args, argnums):
            leaves, structure = flatten(args[position], f"argument {position} of {name_of(f)}", takes_others=True)
            variables = [self._variable(leaf) for leaf in leaves]
            inputs[position] = structure.rebuild(variables)
            self.variables += variables
            self.structures.append(structure)
        self._require_numbers(args)
        token = _within_derivative.set(True)
        try:
            self.result = f(*inputs, **keywords)
        finally:
            _within_derivative.reset(token)

    def _variable(self, leaf: Any) -> Value:
        """A Value of its own for each input; one that came as a Value stays connected to it."""
        if isinstance(leaf, Value) and not isinstance(leaf, Constant):
            self.keeps_graph = True
            connected: Value = +leaf
            return connected
        return Value(float(leaf))

    def _require_numbers(self, args: tuple[Any, ...]) -> None:
        """Refuse arguments that hold things, but no number among them."""
        if not self.variables and any(structure.has_others for structure in self.structures):
            raise TypeError(
                f"{name_of(self.f)} was called with {brief(args[0] if self.is_single else args)}, which holds no "
                "number to differentiate towards; it may hold numbers, in lists, tuples, dicts and NumPy arrays"
            )

    def number(self) -> Any:
        """The result of f, if it is one number."""
        y = self.result.item() if is_array(self.result) and self.result.shape == () else self.result
        if isinstance(y, Value) or is_real(type(y)):
            return y
        found = f"{brief(y)} ({type(y).__name__})" + ("" if y is None else "; for several numbers use jacobian")
        raise TypeError(f"a gradient needs one number as the result of {name_of(self.f)}, got {found}")

    def rows(self, results: list[Any], *, forward: bool) -> list[list[Any]]:
        """For each of these results its derivatives towards the variables: by a sweep forward for each variable, or
        one backward for each result."""
        order = topological_order(*[y for y in results if isinstance(y, Value)])
        if observing.active and not self.keeps_graph:
            for y in results:
                if isinstance(y, Value):
                    observing.number_read(y, "jacobian()")
        active = descendants_of(self.variables, order) if self.keeps_graph else set()
        if forward:
            columns = [self._column(x, results, order, active) for x in self.variables]
            return [[column[row] for column in columns] for row in range(len(results))]
        return [self._row(y, order, active) for y in results]

    def _row(self, y: Any, order: list[Value], active: set[Value]) -> list[Any]:
        seeds = [(y, 1.0)] if isinstance(y, Value) else []
        found: dict[Value, Any] = (
            differentiable_adjoints(order, seeds, active) if self.keeps_graph else adjoints(order, seeds)
        )
        return [found.get(x, 0.0) for x in self.variables]

    def _column(self, x: Value, results: list[Any], order: list[Value], active: set[Value]) -> list[Any]:
        found = differentiable_tangents(order, {x: 1.0}, active) if self.keeps_graph else tangents(order, {x: 1.0})
        return [found.get(y, 0.0) if isinstance(y, Value) else 0.0 for y in results]

    def in_structure(self, derivatives: list[Any]) -> Any:
        """`derivatives` towards the variables, in the structure of the arguments."""
        derivatives = self._as_results(derivatives)
        return self._each(lambda structure, part: structure.rebuild(derivatives[part], keeps_others=False))

    def in_arrays(self, rows: list[list[Any]], shape: tuple[int, ...]) -> Any:
        """The same for each place of an array of this shape: the structure of the arguments, of arrays."""
        rows = [self._as_results(row) for row in rows]
        return self._each(lambda structure, part: structure.spread([row[part] for row in rows], shape))

    def _as_results(self, derivatives: list[Any]) -> list[Any]:
        return [as_value(derivative) for derivative in derivatives] if self.keeps_graph else derivatives

    def _each(self, build: Callable[[Structure, slice], Any]) -> Any:
        """What `build` makes of each argument's structure and the place of its numbers among all of them."""
        parts, start = [], 0
        for structure in self.structures:
            parts.append(build(structure, slice(start, start + structure.size)))
            start += structure.size
        return parts[0] if self.is_single else tuple(parts)


def _positions(f: Callable[..., Any], args: tuple[Any, ...], argnums: int | tuple[int, ...] | None) -> Sequence[int]:
    if not args:
        raise TypeError(f"differentiating {name_of(f)} needs a positional argument to differentiate towards, got none")
    if argnums is None:
        return range(len(args))
    chosen = argnums if isinstance(argnums, tuple) else (argnums,)
    for position in chosen:
        if not isinstance(position, int) or isinstance(position, bool) or not -len(args) <= position < len(args):
            raise IndexError(
                f"argnums names argument {brief(position)} of {name_of(f)}, which was called with {len(args)} "
                "positional argument(s)"
            )
    positions = [position % len(args) for position in chosen]
    if len(set(positions)) < len(positions):
        raise IndexError(f"argnums names an argument of {name_of(f)} twice: {brief(argnums)}; name each once")
    return positions


def as_value(number: Value | float) -> Value:
    return number if isinstance(number, Value) else Constant(number)


def require_callable(f: Any, taker: str) -> None:
    if not callable(f):
        raise TypeError(f"{taker} takes a function, got {brief(f)} ({type(f).__name__})")


def name_of(f: Any) -> str:
    return getattr(f, "__name__", None) or brief(f)
