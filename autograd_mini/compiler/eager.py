"""A compiled function as the function it was made from: for Values, and within what is being differentiated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy

from autograd_mini.compiler.binding import Bound, bind, fill
from autograd_mini.derivatives import hvp
from autograd_mini.functions import sum as total
from autograd_mini.structures import Structure, flatten
from autograd_mini.value import Value


class Eager:
    """One call of it.

    Args:
        function: what was compiled.
        name: what messages call it.
        args: all arguments in order.
        names: what messages call them.
        batched: which of them carry a batch.
        reduce: what becomes of the batch: None, "sum" or "mean".
        argnums: the arguments to differentiate towards.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        names: Sequence[str],
        batched: Sequence[bool],
        reduce: str | None,
        argnums: int | tuple[int, ...],
    ) -> None:
        self.function = function
        self.name = name
        self.args = args
        self.names = [*names]
        self.batched = [*batched]
        self.reduce = reduce
        self.argnums = argnums

    def result(self) -> Any:
        """The result of the function."""
        return self._over_batch(self.function, self.reduce)(*self.args)

    def derivative(self, operator: Callable[..., Callable[..., Any]]) -> Any:
        """What `value_and_grad`, `jacobian` or the like makes of the function: over a batch that is not reduced, for
        each example."""
        if self.reduce is None:
            return self._over_batch(operator(self.function, self.argnums), None)(*self.args)
        return operator(self._over_batch(self.function, self.reduce), self.argnums)(*self.args)

    def product(self, vector: Any) -> Any:
        """The Hessian times a vector."""
        if self.reduce is not None:
            return hvp(self._over_batch(self.function, self.reduce), self.argnums)(*self.args, vector)
        argnums = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        parts = vector if isinstance(self.argnums, tuple) else (vector,)
        n = len(self.args)
        product = hvp(self.function, self.argnums)

        @wraps(self.function)
        def of_parts(*args: Any) -> Any:
            return product(*args[:n], args[n:] if isinstance(self.argnums, tuple) else args[n])

        if isinstance(parts, tuple) and len(parts) == len(argnums):
            self.names += [f"the vector for {self.names[position]}" for position in argnums]
            self.batched += [self.batched[position] for position in argnums]
            return self._over_batch(of_parts, None)(*self.args, *parts)
        return product(*self.args, vector)  # which says what is wrong with it

    def _over_batch(self, function: Callable[..., Any], reduce: str | None) -> Callable[..., Any]:
        """The function applied to each example, and the results put together."""
        if not any(self.batched):
            return function

        @wraps(self.function)
        def over_batch(*args: Any) -> Any:
            leaves, bound = self._bound(args)
            n = bound.n_examples or 0
            results: list[list[Any]] = []
            structure: Structure | None = None
            for row in range(max(n, 1)):  # of no example, one of ones tells the structure
                found, structure = self._flattened(function(*_example(bound, leaves, row)), structure)
                results.append(found)
            assert structure is not None
            if reduce is None:
                return structure.spread(results[:n], (n,))
            sums = [total(column) for column in zip(*results)] if n else [0.0] * structure.size
            if reduce == "mean":
                sums = [each / n if n else numpy.nan for each in sums]
            return structure.rebuild(sums)

        return over_batch

    def _bound(self, args: Sequence[Any]) -> tuple[list[Any], Bound]:
        """The numbers and Values of the arguments, and arguments with the places of these in place of them."""
        leaves: list[Any] = []
        places = []
        for arg, name in zip(args, self.names):
            found, structure = flatten(arg, f"{name} of {self.name}", takes_others=True)
            places.append(structure.rebuild([float(len(leaves) + place) for place in range(len(found))]))
            leaves += [each if isinstance(each, Value) else float(each) for each in found]
        return leaves, bind(places, self.names, self.batched, self.name)

    def _flattened(self, result: Any, known: Structure | None) -> tuple[list[Any], Structure]:
        leaves, structure = flatten(result, f"the result of {self.name}", takes_others=True)
        if known is not None and structure != known:
            raise ValueError(
                f"{self.name} gives {known!r} for example 0 of the batch and {structure!r} for another; results of one "
                "batch need one structure"
            )
        return [each if isinstance(each, Value) else float(each) for each in leaves], structure


def with_stacked_results(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that gives arrays where this one gives lists that an array can hold."""

    @wraps(function)
    def stacked(*args: Any) -> Any:
        leaves, structure = flatten(function(*args), f"the result of {function!r}", takes_others=True)
        return structure.stacked().rebuild(leaves)

    return stacked


def _example(bound: Bound, leaves: Sequence[Any], row: int) -> list[Any]:
    """The arguments for one example; ones if there is none."""
    numbers = [
        [leaves[int(place)] for place in places.tolist()] if bound.n_examples else [1.0] * len(places)
        for places in bound.example(row)
    ]

    def array(slot: int, shape: tuple[int, ...]) -> Any:
        _, structure = flatten(numpy.empty(shape), "an array")
        return structure.rebuild(numbers[slot]) if shape else numbers[slot][0]

    return [
        fill(template, array, lambda slot, lane: numbers[slot][lane], keeps_fixed=True) for template in bound.templates
    ]
