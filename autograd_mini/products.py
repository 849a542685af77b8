"""Products of the Jacobian with a vector, without the Jacobian: forward, J v, and backward, wᵀ J."""

from __future__ import annotations

from functools import wraps

from autograd_mini import observing
from autograd_mini.adjoints import adjoints, descendants_of, differentiable_adjoints
from autograd_mini.calls import Run, as_value, name_of, require_callable
from autograd_mini.graph import topological_order
from autograd_mini.structures import flatten
from autograd_mini.tangents import differentiable_tangents, tangents
from autograd_mini.value import Constant, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def jvp(f: Callable[..., Any], argnums: int | tuple[int, ...] | None = None) -> Callable[..., Any]:
    """The product J v of f's Jacobian with a vector, at the cost of about two evaluations, however many results
    there are: a function of f's arguments and, last, the vector, in the structure of the arguments to differentiate
    towards: of several a tuple. It gives the structure of f's result.

    Raises:
        TypeError: when called: the result of f or an argument holds something else than numbers, or the vector
            has another structure than the arguments.
        IndexError: when called: `argnums` names an argument that is not there.

    >>> jvp(lambda x: [x[0] * x[1], x[0] + 3 * x[1]])([2.0, 5.0], [1.0, -1.0])
    [3.0, -2.0]
    >>> jvp(lambda x, y: x**2 * y)(3.0, 5.0, (1.0, 0.0))
    30.0
    """
    require_callable(f, "jvp")

    @wraps(f)
    def product(*args: Any, **keywords: Any) -> Any:
        *args_of_f, vector = _split("jvp", f, args)
        run = Run(f, tuple(args_of_f), keywords, argnums)
        direction = _numbers(vector, "jvp", "the arguments", run.in_structure([0.0] * len(run.variables)))
        results, structure = flatten(run.result, f"the result of {name_of(f)}")
        order = topological_order(*_values(results))
        is_graph = run.keeps_graph or _vary(direction)
        if is_graph:
            seeds = dict(zip(run.variables, direction))
            found = differentiable_tangents(order, seeds, descendants_of(run.variables, order))
        else:
            _tell(results, "jvp()")
            found = tangents(order, {x: float(v) for x, v in zip(run.variables, direction)})
        return structure.rebuild(_as_results([_of(found, y) for y in results], is_graph))

    return product


def vjp(f: Callable[..., Any], argnums: int | tuple[int, ...] | None = None) -> Callable[..., Any]:
    """The product wᵀ J of a vector with f's Jacobian, at the cost of a gradient, however many arguments there are:
    a function of f's arguments and, last, the vector, in the structure of f's result. It gives the structure of
    the gradient: of several arguments a tuple.

    Raises:
        TypeError: when called: the result of f or an argument holds something else than numbers, or the vector
            has another structure than the result.
        IndexError: when called: `argnums` names an argument that is not there.

    >>> vjp(lambda x: [x[0] * x[1], x[0] + 3 * x[1]])([2.0, 5.0], [1.0, -1.0])
    [4.0, -1.0]
    """
    require_callable(f, "vjp")

    @wraps(f)
    def product(*args: Any, **keywords: Any) -> Any:
        *args_of_f, vector = _split("vjp", f, args)
        run = Run(f, tuple(args_of_f), keywords, argnums)
        results, structure = flatten(run.result, f"the result of {name_of(f)}")
        weights = _numbers(vector, "vjp", "the result", structure.rebuild([0.0] * len(results)))
        order = topological_order(*_values(results))
        seeds = [(y, weight) for y, weight in zip(results, weights) if isinstance(y, Value)]
        run.keeps_graph = run.keeps_graph or _vary(weights)
        found: dict[Value, Any]
        if run.keeps_graph:
            found = differentiable_adjoints(order, seeds, descendants_of(run.variables, order))
        else:
            _tell(results, "vjp()")
            found = adjoints(order, [(y, float(weight)) for y, weight in seeds])
        return run.in_structure([found.get(x, 0.0) for x in run.variables])

    return product


def _split(operator: str, f: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(args) < 2:
        raise TypeError(
            f"{operator} of {name_of(f)} takes its arguments and then the vector, got {len(args)} argument(s)"
        )
    return args


def _numbers(vector: Any, operator: str, whose: str, like: Any) -> list[Any]:
    """The numbers of the vector, which must have the structure of `like`."""
    numbers, given = flatten(vector, "the vector", takes_others=True)
    _, expected = flatten(like, whose, takes_others=True)
    if given != expected:
        raise TypeError(f"{operator}'s vector must have the structure of {whose}, {expected}, but has {given}")
    return numbers


def _vary(numbers: Sequence[Any]) -> bool:
    """Whether any of them is a variable."""
    return any(isinstance(number, Value) and not isinstance(number, Constant) for number in numbers)


def _values(results: Sequence[Any]) -> list[Value]:
    return [y for y in results if isinstance(y, Value)]


def _tell(results: Sequence[Any], how: str) -> None:
    """Tell the observers that numbers made from the results leave the graph."""
    if observing.active:
        for y in _values(results):
            observing.number_read(y, how)


def _of(found: dict[Value, Any], y: Any) -> Any:
    return found.get(y, 0.0) if isinstance(y, Value) else 0.0


def _as_results(numbers: list[Any], is_graph: bool) -> list[Any]:
    return [as_value(number) for number in numbers] if is_graph else numbers
