"""Numbers nested in lists, tuples, dicts, dataclasses and NumPy arrays: taken apart and put together again."""

from __future__ import annotations

import math
import sys
from copy import copy
from functools import partial
from itertools import islice, product

from autograd_mini.primitives import brief, is_real, require_plain
from autograd_mini.value import Constant, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, TypeAlias

    Take: TypeAlias = Callable[[Any, list[Any]], "Structure"]


class Structure:
    """A nest without its numbers: `build` makes one of this `kind` from parts, `children` are the parts' structures.

    For a number, `kind` and `build` are None; an object that holds no numbers has the kind "other". `like` is what else
    is needed: an empty dict of that class, the fields of a dataclass, labels, the object itself.
    Two structures are equal if the same numbers fit into both, whatever else they hold.
    """

    __slots__ = ("build", "children", "is_flat", "kind", "like", "size")

    def __init__(
        self, kind: Any, build: Callable[[list[Any]], Any] | None, children: Sequence[Structure], like: Any = None
    ) -> None:
        self.kind: Any = kind
        self.build: Callable[[list[Any]], Any] | None = build
        self.children: Sequence[Structure] = children
        self.like: Any = like
        self.size: int = sum([child.size for child in children]) if build else 1
        self.is_flat: bool = bool(build) and self.size == len(children) and not [one for one in children if one.build]

    def rebuild(self, leaves: Sequence[Any], *, keeps_others: bool = True, initialises: bool = False) -> Any:
        """The nest with `leaves` in place of its numbers; each may be a nest itself.

        Objects that hold no numbers come back unchanged, or as None if they are not kept; a dataclass keeps its own.

        Args:
            initialises: whether dataclasses run their `__post_init__`, which computes some fields from others.
        """
        return self._rebuild(iter(leaves), keeps_others, initialises)

    def _rebuild(self, leaves: Iterator[Any], keeps_others: bool, initialises: bool) -> Any:
        if self.build is None:
            return next(leaves)
        if self.kind == OTHER and not keeps_others:
            return None
        if self.is_flat and not self.is_record:
            return self.build([*islice(leaves, self.size)])
        keeps = [keeps_others or (self.is_record and not child.size) for child in self.children]
        made = self.build([child._rebuild(leaves, keep, initialises) for child, keep in zip(self.children, keeps)])
        if initialises and self.is_record and hasattr(made, "__post_init__"):
            made.__post_init__()
        return made

    def spread(self, rows: Sequence[Sequence[Any]], shape: tuple[int, ...]) -> Any:
        """The nest with an array of this shape for each of its numbers; an array in it gets the axes of both.

        Args:
            rows: for each place of that array, in order, what stands there for each number of the nest.
            shape: the shape of the array.

        >>> flatten({"a": 0.0, "b": (0.0, 0.0)}, "it")[1].spread([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], (2,))
        {'a': array([1., 4.]), 'b': (array([2., 5.]), array([3., 6.]))}
        """
        return self._spread(iter(range(self.size)), rows, shape)

    def _spread(self, columns: Iterator[int], rows: Sequence[Sequence[Any]], shape: tuple[int, ...]) -> Any:
        if self.shape is not None:
            chosen = [next(columns) for _ in range(self.size)]
            return _array([row[column] for row in rows for column in chosen], shape + self.shape)
        if self.build is None or self.kind == OTHER:
            return None
        parts = [
            child.rebuild([]) if self.is_record and not child.size else child._spread(columns, rows, shape)
            for child in self.children
        ]
        return self.build(parts)

    def replaced(self, rows: Iterator[Any], one: Callable[[Any], Any], many: Callable[[list[Any], Any], Any]) -> Any:
        """The nest with `one(row)` in place of each number, `many(rows, shape)` in place of each array of numbers."""
        if self.build is None:
            return one(next(rows))
        if self.shape is not None:
            return many([next(rows) for _ in range(self.size)], self.shape)
        return self.build([child.replaced(rows, one, many) for child in self.children])

    def stacked(self) -> Structure:
        """The structure with an array in place of each list of numbers, and each list of lists or arrays of one shape.

        >>> flatten([[1.0, 2.0], [3.0, 4.0]], "it")[1].stacked(), flatten([[1.0], (2.0, [3.0])], "it")[1].stacked()
        (array(2, 2), [array(1,), (·, array(1,))])
        """
        if self.shape is not None:
            return self
        children = [child.stacked() for child in self.children]
        (own, *others) = {child.shape for child in children} or {()}
        if self.kind is not list or others or own is None:
            return Structure(self.kind, self.build, children, self.like)
        shape = (len(children), *own)
        return Structure(("array", shape), partial(_array, shape=shape), [NUMBER] * math.prod(shape))

    def leaves_of(self, nest: Any) -> Iterator[Any]:
        """What stands in a nest like this one in place of its numbers; entries of dicts are found by their keys.

        Raises:
            TypeError, KeyError, ValueError, AttributeError: the nest has another structure.
        """
        if self.build is None:
            if self.kind is None and is_array(nest) and not nest.shape:
                nest = nest.item()
            elif self.kind == ("array", ()) and is_real(type(nest)):
                nest = sys.modules["numpy"].asarray(nest)
            yield nest
            return
        if self.kind_name == "dict":
            parts = [nest[key] for key in self.kind[1]] + [nest] * (len(nest) - len(self.kind[1]))
        elif self.kind_name == "labelled" and self.has_labels(getattr(nest, "axes", self.like)):
            parts = [nest if is_array(nest) else nest.to_numpy()]
        elif self.kind == OTHER:
            parts = []
        elif self.kind_name or not isinstance(nest, self.kind):
            raise TypeError
        else:
            parts = [getattr(nest, name) for name in self.like] if self.is_record else nest
        for child, part in zip(self.children, parts, strict=True):
            yield from child.leaves_of(part)

    def paths(self, name: str) -> Iterator[tuple[str, Structure]]:
        """The numbers, and objects that hold none, as structures, each with its path in a nest called `name`."""
        if self.build is None or self.kind == OTHER:
            yield name, self
        shape = self.kind[1] if self.kind_name == "array" else (len(self.children),)
        labels: Iterable[str] = (str([*place]) if place else "" for place in product(*map(range, shape)))
        if self.is_record:
            labels = [f".{field}" for field in self.like]
        elif self.kind_name == "dict":
            labels = [f"[{key!r}]" for key in self.kind[1]]
        for child, label in zip(self.children, labels):
            yield from child.paths(name if self.kind_name == "labelled" else name + label)

    @property
    def has_others(self) -> bool:
        """Whether the nest holds objects that hold no numbers."""
        return self.kind == OTHER or (not self.is_flat and any(child.has_others for child in self.children))

    @property
    def is_record(self) -> bool:
        """Whether the nest is an instance of a dataclass."""
        return isinstance(self.kind, type) and hasattr(self.kind, "__dataclass_fields__")

    @property
    def kind_name(self) -> Any:
        return self.kind[0] if isinstance(self.kind, tuple) else None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The shape of a number, which is (), or of an array of numbers; None for anything else."""
        if self.kind is None:
            return ()
        return self.kind[1] if self.is_flat and self.kind_name == "array" else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structure):
            return False
        one, two = [NUMBER if each.kind == ("array", ()) else each for each in (self, other)]  # as without axes
        is_like = one.kind == two.kind and one.children == two.children
        return is_like and (one.kind != ("labelled",) or one.has_labels(two.like))

    def row_labels(self) -> list[Any]:
        """The row labels of each pandas column and frame in it."""
        children = () if self.is_flat else self.children
        return self.like[:1] if self.kind_name == "labelled" else [x for child in children for x in child.row_labels()]

    def has_labels(self, axes: Any) -> bool:
        """Whether a column or frame has these labels in this order; the last axes count if it has fewer itself."""
        return all(own.equals(its) for own, its in zip(reversed(self.like), reversed(axes)))

    def __repr__(self) -> str:
        """The nest with a dot for each number, e.g. `[·, (·, ·)]`."""
        if self.kind_name == "labelled":
            return f"{self.children[0]!r} labelled {', '.join(brief(axis.tolist()) for axis in self.like)}"
        if self.kind_name == "array":
            return f"array{self.kind[1]}"
        return "·" if self.build is None else brief(self.build(list(self.children)))


NUMBER = Structure(None, None, ())
OTHER = "other"


def flatten(nest: Any, what: str, *, takes_others: bool = False) -> tuple[list[Any], Structure]:
    """The numbers and Values of a nest, from left to right, and its structure.

    Args:
        nest: numbers, in lists, tuples, dicts, dataclasses and arrays, those of pandas included.
        what: what error messages call it.
        takes_others: whether it may also hold objects without numbers, such as strings, None, functions and
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
    return leaves, walk(nest, leaves, partial(_taken, what=what, takes_others=takes_others))


def _taken(thing: Any, leaves: list[Any], what: str, takes_others: bool) -> Structure:
    if isinstance(thing, Value) or is_real(type(thing)):
        leaves.append(thing)
        return NUMBER
    if is_array(thing):
        take = partial(_taken, what=what, takes_others=takes_others)
        children = [walk(part, leaves, take) for part in require_plain(thing, f"{what} holds").ravel().tolist()]
        return Structure(("array", thing.shape), partial(_array, shape=thing.shape), children)
    if takes_others and not may_hold_numbers(thing):
        return other(thing)
    raise TypeError(
        f"{what} holds {brief(thing)} ({type(thing).__name__}); it may hold numbers, in lists, tuples, dicts, "
        "dataclasses and NumPy arrays"
    )


def other(thing: Any) -> Structure:
    """The structure of an object that holds no numbers."""
    return Structure(OTHER, lambda parts: thing, (), thing)


def walk(nest: Any, leaves: list[Any], take: Take, depth: int = 0) -> Structure:
    """The structure of a nest, whose floats are added to `leaves`; `take(thing, leaves)` returns the structure of what
    is neither a float nor a container, and adds the leaves in it. `depth` counts the containers around the nest."""
    kind = type(nest)
    if kind is float:
        leaves.append(nest)
        return NUMBER
    if isinstance(nest, Value):
        return take(nest, leaves)
    if (depth := depth + 1) > (most := sys.getrecursionlimit() // 5):
        raise TypeError(f"numbers may be nested {most} levels deep, got more; a container must not contain itself")
    if kind in (list, tuple) and set(map(type, nest)) == {float}:
        leaves += nest
        return Structure(kind, kind, [NUMBER] * len(nest))
    if isinstance(nest, dict):
        keys, empty = tuple(nest), None
        if kind is not dict:
            empty = copy(nest)
            empty.clear()
        children = [walk(part, leaves, take, depth) for part in nest.values()]
        return Structure(("dict", keys), partial(_filled, empty, keys), children, empty)
    if isinstance(nest, (list, tuple)):
        children = [walk(part, leaves, take, depth) for part in nest]
        if not hasattr(kind, "_fields"):
            kind = list if isinstance(nest, list) else tuple
        return Structure(kind, kind if kind in (list, tuple) else lambda parts: kind(*parts), children)
    if hasattr(kind, "__dataclass_fields__"):
        return _record(nest, leaves, take, depth)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(nest, (pandas.Series, pandas.DataFrame)):
        array = walk(nest.to_numpy(), leaves, take)
        return Structure(("labelled",), partial(_labelled, nest.iloc[:0], nest.axes), [array], nest.axes)
    return take(nest, leaves)


def _filled(empty: dict[Any, Any] | None, keys: Sequence[Any], parts: list[Any]) -> dict[Any, Any]:
    """A dict of the same kind as `empty`: an OrderedDict, a defaultdict with its factory."""
    filled = {} if empty is None else copy(empty)
    for key, part in zip(keys, parts):
        filled[key] = part
    return filled


def _record(nest: Any, leaves: list[Any], take: Take, depth: int) -> Structure:
    """The structure of an instance of a dataclass: of its fields, and of no other attributes."""
    from dataclasses import fields

    kind = type(nest)
    if hasattr(kind, "__post_init__") and kind.__post_init__.__code__.co_argcount > 1:
        raise TypeError(
            f"{brief(nest)} cannot be rebuilt with other numbers: the __post_init__ of {kind.__name__} takes an "
            "argument that no field keeps; give its numbers in a dict"
        )
    names = [field.name for field in fields(nest)]
    if isinstance(take, partial):  # given by flatten: fields may hold other objects even where nothing else may
        take = partial(take, takes_others=True)
    children = [walk(getattr(nest, name), leaves, take, depth) for name in names]
    return Structure(kind, partial(_instance, kind, names), children, names)


def _instance(kind: type, names: Sequence[str], parts: list[Any]) -> Any:
    made: Any = object.__new__(kind)
    for name, part in zip(names, parts):
        object.__setattr__(made, name, part)  # even if it is frozen
    return made


def _labelled(empty: Any, axes: Sequence[Any], parts: list[Any]) -> Any:
    """A pandas Series or DataFrame like the empty one, of an array that fits its labels; another array as it is."""
    (array,) = parts
    if not is_array(array) or array.shape != tuple(map(len, axes)):
        return array
    pandas = sys.modules["pandas"]
    return pandas.DataFrame(array, *axes) if len(axes) > 1 else pandas.Series(array, *axes, name=empty.name)


def may_hold_numbers(thing: Any) -> bool:
    """Whether something is a container, an array, an object with fields or a complex number, which may hide numbers."""
    if thing is None or isinstance(thing, (str, bytes)) or callable(thing):
        return False
    marks = ("__iter__", "__len__", "__getitem__", "__array__", "__complex__", "__float__", "__dataclass_fields__")
    return any(mark in vars(kind) for kind in type(thing).__mro__ for mark in marks)


def is_array(thing: Any) -> bool:
    """Whether something is a NumPy array, without importing NumPy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(thing, numpy.ndarray)


def _array(parts: list[Any], shape: tuple[int, ...]) -> Any:
    """A float array of floats, one array of arrays of one shape, else an object array.

    Floats next to Values become constants, as `numpy.exp` and its like call a method of that name on every element.
    In place of a 0-dimensional array of a Value comes the Value itself, as in what NumPy computes of such arrays.
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
    return numpy.fromiter(parts, object, len(parts)).reshape(shape)
