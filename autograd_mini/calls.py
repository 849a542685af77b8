"""One call of a function on Values, to be differentiated: its variables, its result, their structures."""

from __future__ import annotations

from autograd_mini.adjoints import adjoints, descendants_of, differentiable_adjoints
from autograd_mini.graph import topological_order
from autograd_mini.observing import Differentiation
from autograd_mini.primitives import brief, is_real
from autograd_mini.structures import Structure, flatten, is_array
from autograd_mini.value import Constant, Value, leaf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


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
        self.call = Differentiation(f)
        inputs = list(args)
        for position in _positions(f, args, argnums):
            leaves, structure = flatten(args[position], f"argument {position} of {name_of(f)}")
            variables = [self._variable(each) for each in leaves]
            inputs[position] = structure.rebuild(variables)
            self.variables += variables
            self.structures.append(structure)
        self.call.variables.update(self.variables)
        with self.call:
            self.result = f(*inputs, **keywords)

    def _variable(self, number: Any) -> Value:
        """A Value of its own for each input; one that came as a Value stays connected to it."""
        if isinstance(number, Value) and not isinstance(number, Constant):
            connected: Value = +number
            return connected
        variable = leaf(number._data if isinstance(number, Value) else float(number), Value)
        for call in (self.call, *Differentiation.here()):
            call.own.add(variable)
        return variable

    def number(self) -> Any:
        """The result of f, if it is one number."""
        y = self.result.item() if is_array(self.result) and self.result.shape == () else self.result
        if isinstance(y, Value) or is_real(type(y)):
            return y
        found = f"{brief(y)} ({type(y).__name__})" + ("" if y is None else "; for several numbers use jacobian")
        raise TypeError(f"a gradient needs one number as the result of {name_of(self.f)}, got {found}")

    def rows(self, results: list[Any]) -> list[Any]:
        """The derivatives of each of `results` in the structure of the arguments.

        They are plain numbers if the results depend on nothing but this call's own variables. Else they are Values,
        which can be differentiated again towards whatever else the results depend on.
        """
        order = topological_order(*[y for y in results if isinstance(y, Value)])
        self.keeps_graph = any(not node.parents and self.call.is_foreign(node) for node in order)
        active = descendants_of(self.variables, order) if self.keeps_graph else set()
        found = []
        for y in results:
            seeds = [(y, 1.0)] if isinstance(y, Value) else []
            derivatives: dict[Value, Any] = (
                differentiable_adjoints(order, seeds, active) if self.keeps_graph else adjoints(order, seeds)
            )
            found.append(self._in_structure([derivatives.get(x, 0.0) for x in self.variables]))
        return found

    def _in_structure(self, derivatives: list[Any]) -> Any:
        """`derivatives` towards the variables, in the structure of the arguments."""
        if self.keeps_graph:
            derivatives = [as_value(derivative) for derivative in derivatives]
        parts, start = [], 0
        for structure in self.structures:
            parts.append(structure.rebuild(derivatives[start : start + structure.size]))
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
