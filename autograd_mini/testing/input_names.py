"""Names for the inputs and results of a function that is checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autograd_mini.primitives import brief


def name_of(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", "") or getattr(f, "name", "")
    return name if isinstance(name, str) and name else brief(f)


def input_names(f: Callable[..., Any], inputs: Sequence[Any]) -> list[str]:
    """One for each number in the inputs, in the order of `flatten`, such as `x` or `weights['b'][1]`.

    >>> input_names(lambda x, w: None, (1.0, {"a": [2.0, 3.0]}))
    ['x', "w['a'][0]", "w['a'][1]"]
    """
    return [name for top, nest in zip(_parameters(f, len(inputs)), inputs) for name in _paths(nest, top)]


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


def _paths(nest: Any, path: str) -> Iterator[str]:
    if isinstance(nest, dict):
        parts = [(f"{path}[{key!r}]", part) for key, part in nest.items()]
    elif isinstance(nest, (list, tuple)):
        parts = [(f"{path}[{index}]", part) for index, part in enumerate(nest)]
    elif hasattr(nest, "shape") and nest.shape:
        import numpy

        yield from (f"{path}[{', '.join(map(str, index))}]" for index in numpy.ndindex(nest.shape))
        return
    else:
        yield path
        return
    for name, part in parts:
        yield from _paths(part, name)
