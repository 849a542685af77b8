"""One call of a function on Values, to be differentiated: its variables, its result, their structures."""

from __future__ import annotations

from functools import wraps

from autograd_mini.functions import dot
from autograd_mini.graph import leaf
from autograd_mini.observing import Differentiation
from autograd_mini.primitives import brief, is_real, to_float
from autograd_mini.structures import Structure, flatten, is_array
from autograd_mini.value import Constant, Value

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
        self.is_single: bool = isinstance(argnums, int) or (argnums is None and len(args) == 1)
        self.variables: list[Value] = []
        self.structures: list[Structure] = []
        self.call: Differentiation = Differentiation(f)
        self._calls = [self.call, *Differentiation.here()]
        self.keeps_graph: bool = False
        inputs = list(args)
        for position in _positions(f, args, argnums):
            leaves, structure = flatten(args[position], f"argument {position} of {name_of(f)}", takes_others=True)
            variables = [self._variable(each) for each in leaves]
            inputs[position] = structure.rebuild(variables, initialises=True)
            self.variables += variables
            self.structures.append(structure)
        if not self.variables and any(structure.has_others for structure in self.structures):
            raise TypeError(
                f"{name_of(f)} was called with {brief(args[0] if self.is_single else args)}, which holds no number to "
                "differentiate; it may hold numbers, in lists, tuples, dicts, dataclasses and NumPy arrays"
            )
        self.call.given = self.variables
        with self.call:
            self.result: Any = f(*inputs, **keywords)
        self.call.warn_of_refusal()

    def _variable(self, number: Any) -> Value:
        """A new Value for an input, connected to the input if that is a variable itself."""
        if isinstance(number, Value) and not isinstance(number, Constant):
            connected: Value = +number
            return connected
        variable = leaf(number._number if isinstance(number, Value) else to_float(number, "a derivative"), Value)
        for call in self._calls:
            call.own.add(variable)
        return variable

    def number(self) -> Any:
        """The result of f, which must be one number."""
        y = self.result.item() if is_array(self.result) and self.result.shape == () else self.result
        if isinstance(y, Value) or is_real(type(y)):
            return y
        advice = "let it return its result" if y is None else "for several numbers use jacobian"
        found = f"{brief(y)} ({type(y).__name__}); {advice}"
        raise TypeError(f"a gradient needs one number as the result of {name_of(self.f)}, got {found}")

    def look_at(self, order: Sequence[Value]) -> None:
        """Decide whether derivatives of results with this graph are plain numbers, as they are if the results depend
        only on this call's own variables, or Values, to be differentiated again with respect to others."""
        self.keeps_graph = any(not node.parents and self.call.is_foreign(node) for node in order)

    def in_structure(self, derivatives: list[Any]) -> Any:
        """`derivatives` with respect to the variables, in the structure of the arguments."""
        derivatives = self.as_results(derivatives)
        return self._each(lambda structure, part: structure.rebuild(derivatives[part], keeps_others=False))

    def in_arrays(self, rows: list[list[Any]], shape: tuple[int, ...]) -> Any:
        """Rows of derivatives, one for each place of an array of this shape, as arrays in the arguments' structure."""
        rows = [self.as_results(row) for row in rows]
        return self._each(lambda structure, part: structure.spread([row[part] for row in rows], shape))

    def as_results(self, derivatives: list[Any]) -> list[Any]:
        """The derivatives as Values if the graph is kept, else as they are."""
        return [as_value(derivative) for derivative in derivatives] if self.keeps_graph else derivatives

    def _each(self, build: Callable[[Structure, slice], Any]) -> Any:
        """What `build` returns for each argument's structure and the slice of its numbers: one result, or a tuple."""
        parts, start = [], 0
        for structure in self.structures:
            parts.append(build(structure, slice(start, start + structure.size)))
            start += structure.size
        return parts[0] if self.is_single else tuple(parts)


def _positions(f: Callable[..., Any], args: tuple[Any, ...], argnums: int | tuple[int, ...] | None) -> Sequence[int]:
    if not args:
        raise TypeError(f"differentiating {name_of(f)} needs a positional argument to differentiate, got none")
    if argnums is None:
        return range(len(args))
    chosen = argnums if isinstance(argnums, tuple) else (argnums,)
    for position in chosen:
        if not isinstance(position, int) or isinstance(position, bool) or not -len(args) <= position < len(args):
            raise IndexError(
                f"argnums names argument {brief(position)} of {name_of(f)}, which was called with {len(args)} "
                "positional argument(s); they count from 0"
            )
    positions = [position % len(args) for position in chosen]
    if len(set(positions)) < len(positions):
        raise IndexError(f"argnums names an argument of {name_of(f)} twice: {brief(argnums)}; name each once")
    return positions


def with_vector(operator: str, f: Callable[..., Any], product: Callable[..., Any]) -> Callable[..., Any]:
    """A function of f's arguments and, last, a vector, which returns `product(vector, *args)`."""
    require_callable(f, operator)

    @wraps(f)
    def of_vector(*args: Any, **keywords: Any) -> Any:
        if len(args) < 2:
            raise TypeError(
                f"{operator} of {name_of(f)} takes its arguments and then the vector, got {len(args)} argument(s)"
            )
        *points, vector = args
        return product(vector, *points, **keywords)

    return of_vector


def vector_like(nest: Any, vector: Any, operator: str, whose: str) -> list[Any]:
    """The numbers of `vector`, which must have the same structure as `nest`."""
    numbers, given = flatten(vector, "the vector", takes_others=True)
    _, expected = flatten(nest, whose, takes_others=True)
    if given != expected:
        raise TypeError(f"{operator}'s vector must have the structure of the {whose}, {expected}, but has {given}")
    return numbers


def along(gradient: Any, vector: Any) -> Any:
    """The product of a gradient with a vector of hvp. Where the vector is 0, not even an infinite slope counts."""
    weights = vector_like(gradient, vector, "hvp", "gradient")
    pairs = zip(flatten(gradient, "", takes_others=True)[0], weights)
    moved = [pair for pair in pairs if isinstance(pair[1], Value) or pair[1]]
    return dot(*zip(*moved)) if moved else 0.0


def as_value(number: Value | float) -> Value:
    return number if isinstance(number, Value) else Constant(number)


def vary(numbers: Sequence[Any]) -> bool:
    """Whether any of the numbers is a variable."""
    return any(isinstance(number, Value) and not number.is_constant for number in numbers)


def require_callable(f: Any, taker: str) -> None:
    if not callable(f):
        raise TypeError(f"{taker} takes a function, got {brief(f)} ({type(f).__name__})")


def name_of(f: Any) -> str:
    return getattr(f, "__name__", None) or brief(f)
