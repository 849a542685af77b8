"""Keys by type and content: what Python calls equal (1, True and 1.0; 0.0 and -0.0; a member of a text Enum and its
text) need not compute the same."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Hashable
from hashlib import blake2b
from operator import is_
from types import CodeType, FunctionType, MappingProxyType
from typing import Any

import numpy

from autograd_mini.value import Value

DEEPEST = 16
"""What is nested deeper is compared by identity, so that no nest is too deep for Python to recurse. Not tuned."""

LARGEST = 2**24
"""Arrays of more numbers (128 megabytes) are compared by identity: to compare them at each call would take longer than
most calls."""

BUFFERS = (array, bytearray, memoryview)
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
    """Things that equal only themselves, in this order; held, so that no others take their addresses."""

    __slots__ = ("things",)

    def __init__(self, *things: Any) -> None:
        self.things: tuple[Any, ...] = things

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Themselves) or len(self.things) != len(other.things):
            return False
        return all(map(is_, self.things, other.things))

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.things)))


def token(thing: Any, depth: int = 0) -> Hashable:
    """What is equal for two things only if they are of one type and hold the same.

    Containers are compared by their content and attributes, functions by their code and what they hold, numbers to
    the last bit; of other things, those that define equality by that, by how they print and by their attributes, all
    else by identity.

    >>> token(1) == token(1), token(1) == token(True), token([0.0]) == token([-0.0])
    (True, False, False)
    """
    kind = type(thing)
    if kind in (str, CodeType) or thing is None:
        return thing  # type: ignore[no-any-return]
    if kind in (int, bool, complex, float):
        return kind, repr(thing)
    if depth >= DEEPEST:
        return Themselves(thing)
    if isinstance(thing, numpy.ndarray) and thing.size <= LARGEST:
        if thing.dtype.hasobject:
            return kind, thing.shape, token(thing.ravel().tolist(), depth + 1), _attributes(thing, depth)
        return kind, thing.dtype.str, thing.shape, blake2b(thing.tobytes()).digest(), _attributes(thing, depth)
    if isinstance(thing, BUFFERS) and len(thing) <= LARGEST:
        view = memoryview(thing)
        return kind, view.format, view.shape, blake2b(view.tobytes()).digest()
    if isinstance(thing, VIEWS):
        return kind, token(thing.mapping, depth + 1)
    if isinstance(thing, MAPPINGS):
        items = tuple([(token(key, depth + 1), token(each, depth + 1)) for key, each in thing.items()])
        factory = token(getattr(thing, "default_factory", None), depth + 1)
        return kind, items, factory, _attributes(thing, depth)
    if kind in (list, tuple) and are_values(thing):
        return kind, Themselves(*thing)
    if isinstance(thing, (list, tuple, deque)):
        return kind, tuple([token(each, depth + 1) for each in thing]), _attributes(thing, depth)
    if isinstance(thing, (set, frozenset)):
        return kind, frozenset([token(each, depth + 1) for each in thing])
    if isinstance(thing, FunctionType):
        cells = tuple([Themselves(cell.cell_contents) for cell in thing.__closure__ or () if _is_filled(cell)])
        defaults = token(thing.__defaults__, depth + 1), token(thing.__kwdefaults__, depth + 1)
        return thing.__code__, Themselves(thing.__globals__), defaults, cells
    if isinstance(thing, Value):
        return Themselves(thing)
    own: dict[str, Any] = {name: getattr(kind, name) for name in ("__eq__", "__repr__", "__hash__")}
    if any(method is getattr(object, name) for name, method in own.items()) or own["__hash__"] is None:
        return Themselves(thing)
    try:
        hash(thing)
    except TypeError:  # of what it holds
        return Themselves(thing)
    return kind, thing, repr(thing), _attributes(thing, depth)


def are_values(thing: Any) -> bool:
    """Whether it is a list or tuple of Values and nothing else, and of one at least."""
    kinds = set(map(type, thing)) if isinstance(thing, (list, tuple)) else ()
    return bool(kinds) and all(issubclass(kind, Value) for kind in kinds)


def _attributes(thing: Any, depth: int) -> Hashable:
    attributes = getattr(thing, "__dict__", None)
    return token(attributes, depth + 1) if attributes else None


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
