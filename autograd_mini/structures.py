"""Numbers nested in lists, tuples, dicts and NumPy arrays: taken apart and put together again."""

from __future__ import annotations

import math
import sys
from copy import copy

from autograd_mini.primitives import brief, is_real
from autograd_mini.value import Constant, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any


class Structure:
    """A nest without its numbers: `kind` builds one from parts, `children` are those parts' structures.

    A number has no kind; a thing that holds no numbers is of the kind "other". Two structures are equal if the
    same numbers fit into both, whatever else they hold.
    """

    __slots__ = ("build", "children", "kind", "size")

    def __init__(self, kind: Any, build: Callable[[list[Any]], Any] | None, children: Sequence[Structure]) -> None:
        self.kind = kind
        self.build = build
        self.children = children
        self.size: int = sum(child.size for child in children) if build else 1

    def rebuild(self, leaves: Sequence[Any], *, keeps_others: bool = True) -> Any:
        """The nest with `leaves` in place of its numbers; each may be a nest itself.

        Things that hold no numbers come back as they are, or as None unless they are kept.
        """
        return self._rebuild(iter(leaves), keeps_others)

    def _rebuild(self, leaves: Iterator[Any], keeps_others: bool) -> Any:
        if self.build is None:
            return next(leaves)
        if self.kind == OTHER and not keeps_others:
            return None
        return self.build([child._rebuild(leaves, keeps_others) for child in self.children])

    def spread(self, rows: Sequence[Sequence[Any]], shape: tuple[int, ...]) -> Any:
        """The nest with an array of this shape for each of its numbers; an array in it gets the axes of both.

        Args:
            rows: for each place of that array, in order, what stands there for each number of the nest.
            shape: that of the array.

        >>> flatten({"a": 0.0, "b": (0.0, 0.0)}, "it")[1].spread([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], (2,))
        {'a': array([1., 4.]), 'b': (array([2., 5.]), array([3., 6.]))}
        """
        return self._spread(iter(range(self.size)), rows, shape)

    def _spread(self, columns: Iterator[int], rows: Sequence[Sequence[Any]], shape: tuple[int, ...]) -> Any:
        if self.build is None or self.is_array_of_numbers:
            chosen = [next(columns) for _ in range(self.size)]
            own = () if self.build is None else self.kind[1]
            return _array([row[column] for row in rows for column in chosen], shape + own)
        return (
            None if self.kind == OTHER else self.build([child._spread(columns, rows, shape) for child in self.children])
        )

    def replaced(self, rows: Iterator[Any], one: Callable[[Any], Any], many: Callable[[list[Any], Any], Any]) -> Any:
        """The nest with `one(row)` in place of each number, and `many(rows, shape)` of each array of numbers."""
        if self.build is None:
            return one(next(rows))
        if self.is_array_of_numbers:
            return many([next(rows) for _ in range(self.size)], self.kind[1])
        return self.build([child.replaced(rows, one, many) for child in self.children])

    def stacked(self) -> Structure:
        """The nest with an array in place of each list of numbers, and of each list of lists or arrays of one shape.

        >>> flatten([[1.0, 2.0], [3.0, 4.0]], "it")[1].stacked(), flatten([[1.0], (2.0, [3.0])], "it")[1].stacked()
        (array(2, 2), [array(1,), (·, array(1,))])
        """
        if self.build is None or self._shape is not None:
            return self
        children = [child.stacked() for child in self.children]
        shapes = {child._shape for child in children} or {()}
        (own, *others) = shapes
        if self.kind is not list or others or own is None:
            return Structure(self.kind, self.build, children)
        shape = (len(children), *own)
        return Structure(("array", shape), lambda parts: _array(parts, shape), [NUMBER] * math.prod(shape))

    @property
    def _shape(self) -> tuple[int, ...] | None:
        """That of a number or of an array of numbers."""
        return () if self.build is None else self.kind[1] if self.is_array_of_numbers else None

    @property
    def has_others(self) -> bool:
        """Whether it holds things that hold no numbers."""
        return self.kind == OTHER or any(child.has_others for child in self.children)

    @property
    def is_array_of_numbers(self) -> bool:
        is_array = isinstance(self.kind, tuple) and self.kind[0] == "array"
        return is_array and all(child.build is None for child in self.children)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structure):
            return False
        one, two = self._without_axis(), other._without_axis()
        return one.kind == two.kind and one.children == two.children

    def _without_axis(self) -> Structure:
        """The number in an array that has no axis."""
        return NUMBER if self.kind == ("array", ()) else self

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """The nest with a dot for each number, e.g. `[·, (·, ·)]`."""
        if self.build is None:
            return "·"
        if isinstance(self.kind, tuple) and self.kind[0] == "array":
            return f"array{self.kind[1]}"
        return brief(self.build(list(self.children)))


NUMBER = Structure(None, None, ())
OTHER = "other"


def flatten(nest: Any, what: str, *, takes_others: bool = False) -> tuple[list[Any], Structure]:
    """The numbers and Values of a nest, from left to right, and its structure.

    Args:
        nest: numbers, in lists, tuples, dicts and arrays.
        what: what messages call it.
        takes_others: whether it may hold things that hold no numbers, such as texts, None, functions and
            members of an Enum.

    Raises:
        TypeError: it holds something else.

    >>> leaves, structure = flatten({"w": [1.0, 2.0], "b": 3.0}, "the parameters")
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> structure.rebuild([10, 20, 30])
    {'w': [10, 20], 'b': 30}
    """
    leaves: list[Any] = []
    return leaves, _flatten(nest, leaves, what, takes_others)


def _flatten(nest: Any, leaves: list[Any], what: str, takes_others: bool) -> Structure:
    kind = type(nest)
    if isinstance(nest, dict):
        keys, empty = list(nest), copy(nest)
        empty.clear()
        children = [_flatten(part, leaves, what, takes_others) for part in nest.values()]
        return Structure(("dict", tuple(keys)), lambda parts: _filled(empty, keys, parts), children)
    if isinstance(nest, (list, tuple)):
        children = [_flatten(part, leaves, what, takes_others) for part in nest]
        if hasattr(kind, "_fields"):
            return Structure(kind, lambda parts: kind(*parts), children)
        return Structure(list if isinstance(nest, list) else tuple, list if isinstance(nest, list) else tuple, children)
    if is_array(nest):
        children = [_flatten(part, leaves, what, takes_others) for part in nest.ravel().tolist()]
        return Structure(("array", nest.shape), lambda parts: _array(parts, nest.shape), children)
    if isinstance(nest, Value) or is_real(kind):
        leaves.append(nest)
        return NUMBER
    if takes_others and not _may_hold_numbers(nest):
        return Structure(OTHER, lambda parts: nest, ())
    raise TypeError(
        f"{what} holds {brief(nest)} ({kind.__name__}); it may hold numbers, in lists, tuples, dicts and NumPy arrays"
    )


def _may_hold_numbers(thing: Any) -> bool:
    """Whether it is a container, an array, an object with fields or a complex number, which may hide numbers."""
    if thing is None or isinstance(thing, (str, bytes)) or callable(thing):
        return False
    marks = ("__iter__", "__len__", "__getitem__", "__array__", "__complex__", "__float__", "__dataclass_fields__")
    return any(mark in vars(kind) for kind in type(thing).__mro__ for mark in marks)


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
    """A float array of floats, one array of arrays of one shape, else an object array.

    Floats next to Values become constants, as `numpy.exp` and its like ask every element for a method of that
    name. Without an axis, a Value stands for itself, as what NumPy computes of such arrays does.
    """
    import numpy

    if all(type(part) is float for part in parts):
        return numpy.array(parts, dtype=float).reshape(shape)
    if any(isinstance(part, Value) for part in parts):
        if not shape:
            return parts[0]
        parts = [part if isinstance(part, Value) or not is_real(type(part)) else Constant(part) for part in parts]
    if all(isinstance(part, numpy.ndarray) and part.shape == parts[0].shape for part in parts):
        return numpy.stack(parts).reshape(shape + parts[0].shape)
    objects = numpy.empty(len(parts), dtype=object)
    for index, part in enumerate(parts):
        objects[index] = part
    return objects.reshape(shape)
