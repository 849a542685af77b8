"""Numbers nested in lists, tuples, dicts and NumPy arrays: taken apart and put together again."""

from __future__ import annotations

import sys
from copy import copy

from autograd_mini.primitives import brief, is_real
from autograd_mini.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any


class Structure:
    """A nest without its numbers: `kind` builds one from parts, `children` are those parts' structures.

    A number has no kind. Two structures are equal if the same numbers fit into both.
    """

    __slots__ = ("build", "children", "kind", "size")

    def __init__(self, kind: Any, build: Callable[[list[Any]], Any] | None, children: Sequence[Structure]) -> None:
        self.kind = kind
        self.build = build
        self.children = children
        self.size: int = sum(child.size for child in children) if build else 1

    def rebuild(self, leaves: Sequence[Any]) -> Any:
        """The nest with `leaves` in place of its numbers; each may be a nest itself."""
        return self._rebuild(iter(leaves))

    def _rebuild(self, leaves: Iterator[Any]) -> Any:
        if self.build is None:
            return next(leaves)
        return self.build([child._rebuild(leaves) for child in self.children])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self.kind == other.kind and self.children == other.children

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """The nest with a dot for each number, e.g. `[·, (·, ·)]`."""
        if self.build is None:
            return "·"
        if isinstance(self.kind, tuple) and self.kind[0] == "array":
            return f"array{self.kind[1]}"
        return brief(self.build(list(self.children)))


NUMBER = Structure(None, None, ())


def flatten(nest: Any, what: str) -> tuple[list[Any], Structure]:
    """The numbers and Values of a nest, from left to right, and its structure.

    Raises:
        TypeError: it holds something else; the message calls the nest `what`.

    >>> leaves, structure = flatten({"w": [1.0, 2.0], "b": 3.0}, "the parameters")
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> structure.rebuild([10, 20, 30])
    {'w': [10, 20], 'b': 30}
    """
    leaves: list[Any] = []
    return leaves, _flatten(nest, leaves, what)


def _flatten(nest: Any, leaves: list[Any], what: str) -> Structure:
    kind = type(nest)
    if isinstance(nest, dict):
        keys, empty = list(nest), copy(nest)
        empty.clear()
        children = [_flatten(part, leaves, what) for part in nest.values()]
        return Structure(("dict", tuple(keys)), lambda parts: _filled(empty, keys, parts), children)
    if isinstance(nest, (list, tuple)):
        children = [_flatten(part, leaves, what) for part in nest]
        if hasattr(kind, "_fields"):
            return Structure(kind, lambda parts: kind(*parts), children)
        return Structure(list if isinstance(nest, list) else tuple, list if isinstance(nest, list) else tuple, children)
    if is_array(nest):
        children = [_flatten(part, leaves, what) for part in nest.ravel().tolist()]
        return Structure(("array", nest.shape), lambda parts: _array(parts, nest.shape), children)
    if isinstance(nest, Value) or is_real(kind):
        leaves.append(nest)
        return NUMBER
    raise TypeError(
        f"{what} holds {brief(nest)} ({kind.__name__}); it may hold numbers, in lists, tuples, dicts and NumPy arrays"
    )


def _filled(empty: dict[Any, Any], keys: list[Any], parts: list[Any]) -> dict[Any, Any]:
    """A dict of the same kind as `empty`: an OrderedDict, a defaultdict with its factory."""
    filled = copy(empty)
    for key, part in zip(keys, parts):
        filled[key] = part
    return filled


def is_array(thing: Any) -> bool:
    """Whether it is a NumPy array, without importing NumPy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(thing, numpy.ndarray)


def _array(parts: list[Any], shape: tuple[int, ...]) -> Any:
    """A float array of floats, one array of arrays of one shape, else an object array."""
    import numpy

    if all(type(part) is float for part in parts):
        return numpy.array(parts, dtype=float).reshape(shape)
    if all(isinstance(part, numpy.ndarray) and part.shape == parts[0].shape for part in parts):
        return numpy.stack(parts).reshape(shape + parts[0].shape)
    objects = numpy.empty(len(parts), dtype=object)
    for index, part in enumerate(parts):
        objects[index] = part
    return objects.reshape(shape)
