"""The numbers of nests that other libraries or other calls return, in the order of a known nest; and the names of
inputs and results."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini.primitives import brief
from autograd_mini.structures import flatten
from autograd_mini.value import Value


def plain_numbers(nest: Any, what: str) -> list[Any]:
    """The numbers of a nest, which may hold PyTorch tensors and JAX arrays; for anything else, a TypeError that calls
    the nest `what`."""
    if isinstance(nest, (list, tuple, dict)):
        parts = nest.values() if isinstance(nest, dict) else nest
        return [number for part in parts for number in plain_numbers(part, what)]
    if not isinstance(nest, Value):
        nest = nest.detach() if hasattr(nest, "detach") else nest
        nest = nest.tolist() if hasattr(nest, "tolist") else nest
    return flatten(nest, what)[0]


def paired_numbers(nest: Any, like: Any, what: str) -> list[Any]:
    """The numbers of a nest in the order of the nest `like`: dicts are matched by their keys, whatever their order.

    Where there are no dicts, lists, tuples and arrays match if they hold equally many numbers.

    Raises:
        TypeError: keys are missing or unknown, one nest has a dict where the other has none, or a part holds another
            count of numbers.

    >>> paired_numbers({"b": [3.0, 4.0], "a": 2.0}, {"a": 0.0, "b": [0.0, 0.0]}, "the gradient")
    [2.0, 3.0, 4.0]
    """
    if type(nest) in (float, Value) and not _holds_dict(like):
        return [nest]
    if isinstance(nest, dict) and isinstance(like, dict) and nest.keys() == like.keys():
        pairs = [(nest[key], part, f"{what} at {brief(key)}") for key, part in like.items()]
    elif _holds_dict(nest) or _holds_dict(like):
        if not (isinstance(nest, (list, tuple)) and isinstance(like, (list, tuple)) and len(nest) == len(like)):
            raise TypeError(f"{what} must be {_shape(like)}, got {_shape(nest)}")
        pairs = [(each, part, f"{what} at {index}") for index, (each, part) in enumerate(zip(nest, like))]
    else:
        return plain_numbers(nest, what)
    numbers: list[Any] = []
    for each, part, where in pairs:
        found, count = paired_numbers(each, part, where), len(plain_numbers(part, where))
        if len(found) != count:
            raise TypeError(f"{where} must hold {count} number(s), got {len(found)}")
        numbers += found
    return numbers


def as_floats(numbers: Sequence[Any]) -> list[float]:
    return [number.data if isinstance(number, Value) else float(number) for number in numbers]


def _holds_dict(nest: Any) -> bool:
    return isinstance(nest, dict) or (isinstance(nest, (list, tuple)) and any(map(_holds_dict, nest)))


def _shape(nest: Any) -> str:
    if isinstance(nest, dict):
        return f"a dict with the keys {brief(list(nest))}"
    if isinstance(nest, (list, tuple)):
        return f"a {type(nest).__name__} of {len(nest)} part(s)"
    return f"a {type(nest).__name__}"


def name_of(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", "") or getattr(f, "name", "")
    return name if isinstance(name, str) and name else brief(f)


def input_names(f: Callable[..., Any], inputs: Sequence[Any]) -> list[str]:
    """The names of all numbers in the inputs, in the order of `flatten`, such as `x` or `weights['b'][1]`.

    >>> input_names(lambda x, w: None, (1.0, {"a": [2.0, 3.0]}))
    ['x', "w['a'][0]", "w['a'][1]"]
    """
    structures = [flatten(nest, f"an input of {name_of(f)}")[1] for nest in inputs]
    tops = zip(_parameters(f, len(inputs)), structures)
    return [name for top, structure in tops for name, _ in structure.paths(top)]


def result_names(function: str, count: int) -> list[str]:
    return [function] if count == 1 else [f"{function}[{index}]" for index in range(count)]


def _parameters(f: Callable[..., Any], count: int) -> list[str]:
    numbered = [f"x{index}" for index in range(count)]
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return numbered
    positional = [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return positional[:count] if len(positional) >= count else numbered
