"""A compiled function as the function it was made from: for Values, and within what is being differentiated."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy

from autograd_mini.compiler.calls.binding import bind
from autograd_mini.compiler.calls.options import Roles, by_position
from autograd_mini.compiler.ir.slots import Arguments
from autograd_mini.functions import sum as total
from autograd_mini.products import vjp
from autograd_mini.structures import NUMBER, Structure, flatten, walk
from autograd_mini.value import Value


class Eager:
    """One call of a compiled function in eager mode.

    Args:
        function: the function that was compiled.
        name: its name in messages.
        roles: what the arguments are for.
        args: all arguments in order.
    """

    def __init__(self, function: Callable[..., Any], name: str, roles: Roles, args: tuple[Any, ...]) -> None:
        self.function: Callable[..., Any] = by_position(function, roles.by_name)
        self.name = name
        self.args = args
        self.names: list[str] = [*roles.names]
        self.batched: list[bool] = [*roles.batched]
        self.static: tuple[int, ...] = roles.static
        self.reduce: str | None = roles.options.reduce
        self.as_lists: bool = roles.options.as_lists
        positions, is_single = roles.wrt
        self.argnums: int | tuple[int, ...] = positions[0] if is_single and positions else positions

    def result(self) -> Any:
        """The result of the function."""
        return self._over_batch(self._of_example, self.reduce)(*self.args)

    def derivative(self, operator: Callable[..., Callable[..., Any]]) -> Any:
        """Apply `value_and_grad`, `jacobian` or the like to the function; to each example by itself, if a batch is not
        reduced."""
        if self.reduce is None:
            return self._over_batch(operator(self._of_example, self.argnums), None)(*self.args)
        return operator(self._over_batch(self._of_example, self.reduce), self.argnums)(*self.args)

    def product(self, operator: Callable[..., Callable[..., Any]], vector: Any) -> Any:
        """Apply `hvp`, `jvp` or `vjp` to the function and a vector."""
        if self.reduce is not None:
            return operator(self._over_batch(self.function, self.reduce), self.argnums)(*self.args, vector)
        is_tuple = isinstance(self.argnums, tuple) and operator is not vjp
        argnums = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        parts = vector if is_tuple else (vector,)
        n = len(self.args)
        product = operator(self._of_example, self.argnums)

        @wraps(self.function)
        def of_parts(*args: Any) -> Any:
            return product(*args[:n], args[n:] if is_tuple else args[n])

        if operator is vjp:
            self.names.append("the vector")
            self.batched.append(any(self.batched))
            return self._over_batch(of_parts, None)(*self.args, vector)
        if isinstance(parts, tuple) and len(parts) == len(argnums):
            self.names += [f"the vector for {self.names[position]}" for position in argnums]
            self.batched += [self.batched[position] for position in argnums]
            return self._over_batch(of_parts, None)(*self.args, *parts)
        return product(*self.args, vector)  # which raises the error

    @property
    def _of_example(self) -> Callable[..., Any]:
        """The function of one example; if a batch is not reduced, its results have arrays for lists that fit in one."""
        if not any(self.batched) or self.reduce is not None or self.as_lists:
            return self.function

        @wraps(self.function)
        def stacked(*args: Any) -> Any:
            leaves, structure = flatten(self.function(*args), f"the result of {self.name}", takes_others=True)
            return structure.stacked().rebuild(leaves)

        return stacked

    def _over_batch(self, function: Callable[..., Any], reduce: str | None) -> Callable[..., Any]:
        """A function that applies the given one to each example, and puts the results together."""
        if not any(self.batched):
            return function

        @wraps(self.function)
        def over_batch(*args: Any) -> Any:
            arguments = bind(args, self.names, self.batched, self.name, static=self.static, takes_values=True)
            n = arguments.n_examples or 0
            results: list[list[Any]] = []
            structure: Structure | None = None
            for row in range(max(n, 1)):  # in place of an empty batch, an example of ones tells the structure
                found, structure = self._flattened(function(*_example(arguments, row)), structure)
                results.append(found)
            assert structure is not None
            if reduce is None:
                return structure.spread(results[:n], (n,))
            sums = [total(column) for column in zip(*results)] if n else [0.0] * structure.size
            if reduce == "mean":
                sums = [each / n if n else numpy.nan for each in sums]
            return structure.rebuild(sums)

        return over_batch

    def _flattened(self, result: Any, known: Structure | None) -> tuple[list[Any], Structure]:
        leaves, structure = flatten(result, f"the result of {self.name}", takes_others=True)
        if known is not None and structure != known:
            raise ValueError(
                f"{self.name} gives {known!r} for example 0 of the batch and {structure!r} for another; results of one "
                "batch need one structure"
            )
        return [each if isinstance(each, Value) else float(each) for each in leaves], structure


def _example(arguments: Arguments, row: int) -> list[Any]:
    """The arguments for one example, with ints where ints were given."""
    numbers: list[list[Any]] = [array.tolist() for array in arguments.example(row)]
    for slot, given in arguments.integers.items():
        if isinstance(given, dict):
            for lane, number in given.items():
                numbers[slot][lane] = number
    return arguments.for_function(numbers)


def holds_values(nest: Any) -> bool:
    """Whether there are Values in a nest."""
    if type(nest) is numpy.ndarray and not nest.dtype.hasobject:
        return False
    found: list[Any] = []
    walk(nest, found, _look)
    return any(isinstance(each, Value) for each in found)


def _look(thing: Any, found: list[Any]) -> Structure:
    if isinstance(thing, numpy.ndarray) and thing.dtype.hasobject:
        return walk(thing.ravel().tolist(), found, _look)
    found.append(thing)
    return NUMBER
