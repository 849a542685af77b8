"""Keys by type and content: what Python calls equal (1, True and 1.0; 0.0 and -0.0; a member of a text Enum and its
text) need not compute the same."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Hashable
from ctypes import c_double
from hashlib import blake2b
from mmap import mmap
from operator import is_
from types import CodeType, FunctionType, MappingProxyType
from typing import Any

import numpy

from autograd_mini.value import Value

DEEPEST = 64
"""What is nested more deeply is compared by identity, so that Python can recurse into any nest. Not tuned."""

LARGEST = 2**24
"""Arrays of more numbers (128 megabytes) are compared by identity: to compare them at each call would take longer than
most calls."""

BUFFERS: tuple[Any, ...] = (array, bytearray, memoryview, mmap, c_double.__mro__[-2])
"""Types that share their memory; the last is the base class of all data of `ctypes`."""

MAPPINGS = (dict, MappingProxyType)
VIEWS: tuple[Any, ...] = (type({}.keys()), type({}.values()), type({}.items()))


class Exact:
    """A thing that equals another only if they are of one type and content.

    Attributes:
        thing: the thing itself.
    """

    __slots__ = ("thing", "token")

    def __init__(self, thing: Any) -> None:
        self.thing: Any = thing
        self.token: Hashable = token(thing)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exact) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __repr__(self) -> str:
        return f"Exact({self.thing!r})"


class Themselves:
    """A key of things that are compared by identity, in order; it holds them, so that no others get their addresses."""

    __slots__ = ("things",)

    def __init__(self, *things: Any) -> None:
        self.things: tuple[Any, ...] = things

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Themselves) or len(self.things) != len(other.things):
            return False
        return all(map(is_, self.things, other.things))

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.things)))


def token(thing: Any, within: tuple[int, ...] = ()) -> Hashable:
    """A key that is equal for two things only if they have the same type and content.

    Containers are compared by their content and attributes, functions by their code and what they hold, numbers to
    the last bit. Other things that define equality are compared by that, by how they print and by their attributes;
    all else is compared by identity.

    >>> token(1) == token(1), token(1) == token(True), token([0.0]) == token([-0.0])
    (True, False, False)
    """
    kind = type(thing)
    if kind in (str, CodeType) or thing is None:
        return thing  # type: ignore[no-any-return]
    if kind in (int, bool, complex, float):
        return kind, repr(thing)
    if id(thing) in within or len(within) >= DEEPEST:  # a thing within itself, or too deep
        return within.index(id(thing)) if id(thing) in within else Themselves(thing)
    own_place = (*within, id(thing))
    if isinstance(thing, numpy.ndarray) and is_small(thing):
        if thing.dtype.hasobject:
            return kind, thing.shape, token(thing.ravel().tolist(), own_place), _attributes(thing, own_place)
        return kind, thing.dtype.str, thing.shape, blake2b(thing.tobytes()).digest(), _attributes(thing, own_place)
    if isinstance(thing, BUFFERS) and is_small(thing):
        view = memoryview(thing)
        return kind, view.format, view.shape, blake2b(view.tobytes()).digest()
    if isinstance(thing, VIEWS):
        return kind, token(thing.mapping, own_place)
    if isinstance(thing, MAPPINGS):
        items = tuple([(token(key, own_place), token(each, own_place)) for key, each in thing.items()])
        factory = token(getattr(thing, "default_factory", None), own_place)
        return kind, items, factory, _attributes(thing, own_place)
    if kind in (list, tuple) and are_values(thing):
        return kind, Themselves(*thing)
    if isinstance(thing, (list, tuple, deque)):
        return kind, tuple([token(each, own_place) for each in thing]), _attributes(thing, own_place)
    if isinstance(thing, (set, frozenset)):
        return kind, frozenset([token(each, own_place) for each in thing])
    if isinstance(thing, FunctionType):
        cells = tuple([Themselves(cell.cell_contents) for cell in thing.__closure__ or () if _is_filled(cell)])
        defaults = token(thing.__defaults__, own_place), token(thing.__kwdefaults__, own_place)
        return thing.__code__, Themselves(thing.__globals__), defaults, cells
    if isinstance(thing, Value):
        return Themselves(thing)
    own: dict[str, Any] = {name: getattr(kind, name) for name in ("__eq__", "__repr__", "__hash__")}
    if any(method is getattr(object, name) for name, method in own.items()) or own["__hash__"] is None:
        return Themselves(thing)
    try:
        hash(thing)
    except TypeError:  # because of something in it
        return Themselves(thing)
    return kind, thing, repr(thing), _attributes(thing, own_place)


def is_small(thing: Any) -> bool:
    """Whether an array or buffer is compared by its content."""
    return bool((thing.size if isinstance(thing, numpy.ndarray) else memoryview(thing).nbytes) <= LARGEST)


def are_values(thing: Any) -> bool:
    """Whether a thing is a list or tuple of Values and nothing else, and has at least one."""
    kinds = set(map(type, thing)) if isinstance(thing, (list, tuple)) else ()
    return bool(kinds) and all(issubclass(kind, Value) for kind in kinds)


def _attributes(thing: Any, within: tuple[int, ...]) -> Hashable:
    attributes = getattr(thing, "__dict__", None)
    return token(attributes, within) if attributes else None


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
