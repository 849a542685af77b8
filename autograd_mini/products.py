"""The derivative of a function as a linear map: its products with vectors, from either side, and its matrix."""

from __future__ import annotations

from functools import wraps
from math import nan

from autograd_mini import observing
from autograd_mini.adjoints import adjoints, descendants_of, differentiable_adjoints
from autograd_mini.calls import Run, name_of, vary, vector_like, with_vector
from autograd_mini.functions import dot
from autograd_mini.graph import topological_order
from autograd_mini.limits import ties
from autograd_mini.observing import current_observers
from autograd_mini.structures import flatten
from autograd_mini.tangents import differentiable_tangents, tangents
from autograd_mini.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Differential:
    """The map from small changes of a run's variables to those of some results.

    Args:
        run: the call; derivatives are Values if its results depend on variables other than its own, else floats.
        results: Values and numbers.
        weights: the vector to multiply with, if there is one; if it holds variables, derivatives are Values too.
    """

    def __init__(self, run: Run, results: Sequence[Any], weights: Sequence[Any] = ()) -> None:
        self.run = run
        self.results = results
        self.order: list[Value] = topological_order(*[y for y in results if isinstance(y, Value)])
        run.look_at(self.order)
        run.keeps_graph = run.keeps_graph or vary(weights)
        self.active: set[Value] = descendants_of(run.variables, self.order) if run.keeps_graph else set()

    def push(self, seeds: dict[Value, Any]) -> list[Any]:
        """The change of each result for given changes of variables. At ties, and where zeros meet inf, it is computed
        from the gradients, which take limits there."""
        observers = [each for each in current_observers() if each.hears_rules] if observing.active else ()
        if observers:  # the recording must hold for other data too
            for observer in observers:
                observer.differentiation_begins()
            changes = self._push(seeds)
            for observer in observers:
                observer.tangents_end(seeds, zip(self.results, changes))
            return changes
        seeds = {x: seed for x, seed in seeds.items() if isinstance(seed, Value) or seed}  # drop what does not move
        changes = self._push(seeds) if not ties(self.order) else [nan]
        if all(change == change for change in changes):
            return changes
        place = {x: number for number, x in enumerate(self.run.variables)}
        return [dot([row[place[x]] for x in seeds], seeds.values()) for row in self.rows(forward=False)]

    def _push(self, seeds: dict[Value, Any]) -> list[Any]:
        found: dict[Value, Any] = (
            differentiable_tangents(self.order, seeds, self.active)
            if self.run.keeps_graph
            else tangents(self.order, {x: float(seed) for x, seed in seeds.items()})
        )
        return [found.get(y, 0.0) if isinstance(y, Value) else 0.0 for y in self.results]

    def pull(self, weights: Sequence[tuple[Any, Any]]) -> list[Any]:
        """The derivative with respect to each variable of the sum of some results, each times its weight."""
        seeds = [(y, weight) for y, weight in weights if isinstance(y, Value)]
        if not self.run.keeps_graph:
            return adjoints(self.order, [(y, float(weight)) for y, weight in seeds], self.run.variables)
        found = differentiable_adjoints(self.order, seeds, self.active)
        return [found.get(x, 0.0) for x in self.run.variables]

    def rows(self, *, forward: bool) -> list[list[Any]]:
        """The Jacobian matrix, by a forward sweep for each variable or a backward sweep for each result."""
        if forward:
            columns = [self.push({x: 1.0}) for x in self.run.variables]
            return [[column[row] for column in columns] for row in range(len(self.results))]
        return [self.pull([(y, 1.0)]) for y in self.results]


def matrix_of(
    f: Callable[..., Any], argnums: int | tuple[int, ...] | None, mode: str, is_gradient: bool = False
) -> Callable[..., Any]:
    """A function that returns f's Jacobian, by passes in the direction of `mode`; a gradient's result may hold None."""

    @wraps(f)
    def jacobian_of_f(*args: Any, **keywords: Any) -> Any:
        run = Run(f, args, keywords, argnums)
        results, structure = flatten(run.result, f"the result of {name_of(f)}", takes_others=is_gradient)
        differential = Differential(run, results)
        is_heard = observing.active and not run.keeps_graph  # debug() listens to the backward pass
        is_cheaper = len(run.variables) < len(results) and not is_heard
        rows = differential.rows(forward=mode == "forward" or (mode == "auto" and is_cheaper))
        return structure.replaced(iter(rows), run.in_structure, run.in_arrays)

    return jacobian_of_f


def jvp(f: Callable[..., Any], argnums: int | tuple[int, ...] | None = None) -> Callable[..., Any]:
    """The product J v of f's Jacobian with a vector, at the cost of about two evaluations however many results there
    are, as a function of f's arguments and, last, the vector. The vector has the structure of the arguments that
    `argnums` names (for several, a tuple), the product that of f's result.

    Args:
        f: a function of numbers to numbers, both nested as you like.
        argnums: as for `grad`.

    Raises:
        TypeError: when called: the result of f or an argument holds something other than numbers, or the vector
            has another structure than the arguments.
        IndexError: when called: `argnums` names an argument that is not there.

    >>> jvp(lambda x: [x[0] * x[1], x[0] + 3 * x[1]])([2.0, 5.0], [1.0, -1.0])
    [3.0, -2.0]
    >>> jvp(lambda x, y: x**2 * y)(3.0, 5.0, (1.0, 0.0))
    30.0
    """

    def product(vector: Any, /, *args: Any, **keywords: Any) -> Any:
        run = Run(f, args, keywords, argnums)
        direction = vector_like(run.in_structure([0.0] * len(run.variables)), vector, "jvp", "arguments")
        results, structure = flatten(run.result, f"the result of {name_of(f)}")
        changes = Differential(run, results, direction).push(dict(zip(run.variables, direction)))
        return structure.rebuild(run.as_results(changes))

    return with_vector("jvp", f, product)


def vjp(f: Callable[..., Any], argnums: int | tuple[int, ...] | None = None) -> Callable[..., Any]:
    """The product wᵀ J of a vector with f's Jacobian, at the cost of a gradient however many arguments there are,
    as a function of f's arguments and, last, the vector. The vector has the structure of f's result, the product that
    of the gradient: for several arguments, a tuple.

    Args:
        f, argnums: as for `jvp`.

    Raises:
        TypeError: when called: the result of f or an argument holds something other than numbers, or the vector
            has another structure than the result.
        IndexError: when called: `argnums` names an argument that is not there.

    >>> vjp(lambda x: [x[0] * x[1], x[0] + 3 * x[1]])([2.0, 5.0], [1.0, -1.0])
    [4.0, -1.0]
    """

    def product(vector: Any, /, *args: Any, **keywords: Any) -> Any:
        run = Run(f, args, keywords, argnums)
        results, structure = flatten(run.result, f"the result of {name_of(f)}")
        weights = vector_like(structure.rebuild([0.0] * len(results)), vector, "vjp", "result")
        return run.in_structure(Differential(run, results, weights).pull(list(zip(results, weights))))

    return with_vector("vjp", f, product)
