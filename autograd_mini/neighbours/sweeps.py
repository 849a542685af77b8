"""What other libraries need of a function of arrays: its value, products with its Jacobian, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from math import prod
from typing import Any

import numpy

from autograd_mini.compiler import Compiled, compile
from autograd_mini.compiler.calls.options import Roles, roles
from autograd_mini.functions import dot
from autograd_mini.structures import flatten

Arrays = list[Any]


def as_compiled(function: Callable[..., Any], name: str) -> Compiled:
    """Compile the function if it is not compiled already.

    Raises:
        TypeError: it is not a function.
    """
    if not callable(function):
        raise TypeError(f"{name} takes a function in scalar code, got an object of type {type(function).__name__}")
    return function if isinstance(function, Compiled) else compile(function)


@dataclass(frozen=True, eq=False)
class Sweeps:
    """A compiled function of arrays and other arguments, with the two reverse sweeps that give its derivatives.

    With weights w, one for each result of f: `pull` is ∇ₓ⟨w, f(x)⟩, and `pull_again` the derivative of
    ⟨v, ∇ₓ⟨w, f(x)⟩⟩. Both are gradients of scalar functions: for arguments that a batch shares, they sum over it.

    Attributes:
        function: f.
        count: how many arguments it takes.
        places: the places of the arrays among them.
    """

    function: Compiled
    count: int
    places: tuple[int, ...]

    def value(self, arrays: Sequence[Any], others: dict[int, Any]) -> Any:
        return self.function(*self._arguments(arrays, others))

    def watch(self) -> tuple[int, Callable[[], None]]:
        """A number of what the last call read from outside, and a function that raises an error once it has changed."""
        function, ran = self.function, self.function._latest
        parameters = ran.parameters if ran else ()

        def now() -> int:
            numbers = numpy.array([parameter._number for parameter in parameters])
            return hash((function, function._plans.captured.state(), *map(id, parameters), numbers.tobytes()))

        then = now()

        def require_same() -> None:
            if now() != then:
                raise self.changed()

        return then % 2**31, require_same

    def changed(self) -> RuntimeError:
        """The error if anything has changed."""
        return RuntimeError(
            f"{self.function._name} reads numbers from outside that have changed since it was called, so that its "
            "derivatives would not be those of its result; go backward first, or pass them as arguments"
        )

    def pull(self, arrays: Sequence[Any], others: dict[int, Any], weights: Sequence[Any]) -> Arrays:
        row = numpy.concatenate(self._rows(weights), axis=-1)
        return [*self._weighted.grad(*self._arguments(arrays, others), row)[:-1]]

    def pull_again(
        self, arrays: Sequence[Any], others: dict[int, Any], weights: Sequence[Any], directions: Sequence[Any]
    ) -> tuple[Arrays, Arrays]:
        """The derivatives of ⟨directions, pull⟩ with respect to the arrays, and to w in the shapes of `weights`."""
        rows = self._rows(weights)
        row = numpy.concatenate(rows, axis=-1)
        *slopes, flat = self._weighted.hvp(
            *self._arguments(arrays, others), row, (*map(numpy.asarray, directions), numpy.zeros_like(row))
        )
        parts = numpy.split(numpy.asarray(flat), numpy.cumsum([each.shape[-1] for each in rows])[:-1], axis=-1)
        return slopes, [part.reshape(numpy.shape(weight)) for part, weight in zip(parts, weights)]

    @cached_property
    def _roles(self) -> Roles:
        return roles(self.function._options, self.function._name, self.function._names, self.count)

    @property
    def _keeps_batch(self) -> bool:
        return any(self._roles.batched) and self.function._options.reduce is None

    def _rows(self, weights: Sequence[Any]) -> Arrays:
        """Each of the weights as one row, or with the axis of the batch first if there is one, even of no example."""
        arrays, n = [numpy.asarray(weight, dtype=float) for weight in weights], int(self._keeps_batch)
        return [array.reshape(*array.shape[:n], prod(array.shape[n:])) for array in arrays]

    def _arguments(self, arrays: Sequence[Any], others: dict[int, Any]) -> list[Any]:
        standing = {**others, **dict(zip(self.places, arrays))}
        return [standing[place] for place in range(self.count)]

    @cached_property
    def _weighted(self) -> Compiled:
        """The compiled function ⟨w, f(x)⟩, summed over the batch."""
        function = self.function.function

        def weighted(*args: Any) -> Any:
            *xs, weights = args
            return dot(flatten(function(*xs), "the result")[0], weights)

        batch = [place for place in range(self.count) if self._roles.batched[place]]
        options = replace(
            self.function._options,
            wrt=(*self.places, self.count),
            batch=(*batch, self.count) if self._keeps_batch else tuple(batch),
            static=self._roles.static,
            reduce="sum" if self._keeps_batch else self.function._options.reduce,
        )
        return Compiled(weighted, options)


@cache
def batched(function: Compiled) -> Compiled:
    """Compile a function of one example again, over a batch of all its arguments."""
    return compile(function.function, batch=True)


def leaves(result: Any) -> Arrays:
    """The arrays of a result: the result itself, or all those in its tuples and dicts; lists of numbers are arrays."""
    if isinstance(result, (tuple, dict)):
        parts = result.values() if isinstance(result, dict) else result
        return [leaf for part in parts for leaf in leaves(part)]
    try:
        return [numpy.asarray(result, dtype=float)]
    except (TypeError, ValueError):
        raise TypeError(
            "the function returns lists that no array can hold; return numbers, lists and arrays of numbers of one "
            "shape, and tuples and dicts of these"
        ) from None


def rebuilt(result: Any, parts: Any) -> Any:
    """Rebuild a result's tuples and dicts with the next items of the iterator `parts` in place of its arrays."""
    if isinstance(result, dict):
        return {key: rebuilt(part, parts) for key, part in result.items()}
    if isinstance(result, tuple):
        made = [rebuilt(part, parts) for part in result]
        return type(result)(*made) if hasattr(result, "_fields") else tuple(made)
    return next(parts)
