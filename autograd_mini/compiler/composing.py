"""A compiled function among Values: there it is the function that it was made from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from autograd_mini import derivatives, functions
from autograd_mini.compiler.calling import Options, named_positions
from autograd_mini.observing import Differentiation, active, current_observers, differentiations
from autograd_mini.structures import flatten
from autograd_mini.value import Value


def is_among_values(args: Sequence[Any]) -> bool:
    """Whether a call belongs to a computation on Values: some are among its arguments, or a derivative is being taken
    or a function traced in this thread or task."""
    if differentiations and Differentiation.here():
        return True
    if active and any(observer.owns_values for observer in current_observers()):
        return True
    return any(map(_holds_values, args))


def _holds_values(nest: Any) -> bool:
    if isinstance(nest, numpy.ndarray):
        return nest.dtype.hasobject and any(isinstance(each, Value) for each in nest.flat)
    if isinstance(nest, (list, tuple)):
        return any(map(_holds_values, nest))
    return isinstance(nest, Value) or (isinstance(nest, dict) and any(map(_holds_values, nest.values())))


class AsWritten:
    """The function of a compiled one on Values: over a batch example by example, reduced as asked for.

    Its derivatives are the eager ones.
    """

    def __init__(self, function: Callable[..., Any], name: str, names: tuple[str, ...], options: Options) -> None:
        self.function = function
        self.name = name
        self.names = names
        self.options = options

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if self.options.batch is False:
            return self.function(*args, **keywords)
        if keywords:
            args = inspect.signature(self.function).bind(*args, **keywords).args
        batch: Any = self.options.batch
        chosen = named_positions(batch, "batch", self._named(len(args)), self.name)
        n = max((_length(args[position]) for position in chosen), default=0)
        examples = [[_example(arg, i) if p in chosen else arg for p, arg in enumerate(args)] for i in range(n)]
        results = [flatten(self.function(*example), f"the result of {self.name}") for example in examples]
        if not results:
            raise ValueError(f"{self.name} was called on Values with a batch of no example; give it one at least")
        structure = results[0][1]
        if self.options.reduce is None:
            return structure.spread([numbers for numbers, _ in results], (n,))
        reduce = functions.sum if self.options.reduce == "sum" else functions.mean
        return structure.rebuild([reduce(column) for column in zip(*[numbers for numbers, _ in results])])

    def derivative(self, operator: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """What `operator` of derivatives.py gives of it.

        Raises:
            TypeError: there is one result an example.
        """
        if self.options.batch is not False and self.options.reduce is None:
            raise TypeError(
                f"{self.name} gives one number an example, and among Values its derivatives are those of one number; "
                "compile it with reduce='sum' or 'mean', or differentiate its .function example by example"
            )
        wrt: Any = self.options.wrt
        n_args = len(args) - (operator == "hvp")
        chosen = None if wrt is None else tuple(named_positions(wrt, "wrt", self._named(n_args), self.name))
        argnums = chosen[0] if chosen and isinstance(wrt, (int, str)) else chosen
        return getattr(derivatives, operator)(self, argnums)(*args, **keywords)

    def _named(self, count: int) -> tuple[str, ...]:
        return (*self.names, *(f"argument {n}" for n in range(len(self.names), count)))[:count]


def _is_row(nest: Any) -> bool:
    """Whether a list is a batch itself, not a container of batches."""
    return isinstance(nest, (list, tuple)) and not any(isinstance(each, (numpy.ndarray, dict)) for each in nest)


def _length(nest: Any) -> int:
    if isinstance(nest, numpy.ndarray) or _is_row(nest):
        return len(nest)
    return max((_length(each) for each in (nest.values() if isinstance(nest, dict) else nest)), default=0)


def _example(nest: Any, i: int) -> Any:
    if isinstance(nest, numpy.ndarray) or _is_row(nest):
        return nest[i]
    if isinstance(nest, dict):
        return {key: _example(each, i) for key, each in nest.items()}
    return type(nest)([_example(each, i) for each in nest])
