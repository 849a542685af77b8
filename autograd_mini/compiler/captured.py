"""What a function reads from outside its arguments: numbers in closure cells, defaults, globals and attributes.

A trace keeps them as they were, so they belong to its key. Looked through are the function and the functions that it
names, closes over or is made of, and objects, classes and modules for the attributes that the code names; the standard
library, NumPy and this package only for what they close over. Watched are the places that hold numbers, texts, None,
Values, or containers of them; the functions and objects themselves are taken to stay what they are.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from operator import is_
from types import CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy

from autograd_mini.compiler.keys import LARGEST, token
from autograd_mini.primitives import Primitive, is_real
from autograd_mini.value import Value

MOST_OBJECTS = 1000
"""So many functions and objects are looked through."""

LIBRARIES = {*sys.stdlib_module_names, "autograd_mini", "numpy", "scipy"}

Place = Callable[[], Any]
"""Gives what stands there now; None if nothing does."""

Key = tuple[int, str]
"""The identity of the holder of a place, and the name of the place there."""


class Captured:
    """The state of what a function reads from outside, as a number: the same where all of it is the same."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._watched: dict[Key, Place] = {}
        self._exempt: set[Key] = set()
        self._kept: list[Any] = []
        self._seen = _State(0, [])
        self._numbers: dict[Any, int] = {}
        self._count = 0
        self._lock = threading.Lock()

    @property
    def is_watching(self) -> bool:
        """Whether there is anything that could change."""
        return bool(self._watched)

    def look(self) -> bool:
        """Look what there is to watch, and whether there is more than before."""
        search = _Search()
        search.callable(self._function)
        with self._lock:
            known = self._exempt.union(self._watched)
            new = {key: read for key, read in search.found.items() if key not in known and _is_data(read())}
            self._kept += search.kept if new else []
            self._watched = {**self._watched, **new}
        return bool(new)

    def state(self) -> int:
        """The number of the state now."""
        seen, watched = self._seen, self._watched
        if not watched:
            return seen.number
        now = [read() for read in watched.values()]
        if seen.is_still(now):
            return seen.number
        with self._lock:
            tokens = token(now)
            if tokens not in self._numbers:
                self._count += 1
                self._numbers[tokens] = self._count
            self._seen = _State(self._numbers[tokens], now)
            return self._seen.number

    def exempt_changed(self, number: int) -> None:
        """Watch no longer what is different now: only the function itself was run since the state had this number,
        and what it writes is not what it reads."""
        with self._lock:
            seen, watched = self._seen, self._watched
            now = {key: read() for key, read in watched.items()}
            if seen.number != number or seen.is_still([*now.values()]):
                return
            same = [key for place, key in enumerate(now) if seen.is_still_at(place, now[key])]
            self._exempt |= now.keys() - same
            self._watched = {key: watched[key] for key in same}
            self._numbers = {token([now[key] for key in same]): number}
            self._seen = _State(number, [now[key] for key in same])


class _State:
    """What stood in the places when the state had this number, and copies of the containers there."""

    def __init__(self, number: int, held: list[Any]) -> None:
        self.number = number
        self.held = held
        containers = [place for place, each in enumerate(held) if isinstance(each, (list, tuple, dict, numpy.ndarray))]
        self.copies = {place: _copied(held[place]) for place in containers}

    def is_still(self, now: list[Any]) -> bool:
        return (
            len(now) == len(self.held)
            and all(map(is_, now, self.held))
            and all(_is_unchanged(now[place], copy) for place, copy in self.copies.items())
        )

    def is_still_at(self, place: int, thing: Any) -> bool:
        return thing is self.held[place] and (place not in self.copies or _is_unchanged(thing, self.copies[place]))


class _Search:
    """What can be read.

    Attributes:
        kept: what was looked at, held so that addresses stay its own.
    """

    def __init__(self) -> None:
        self.found: dict[Key, Place] = {}
        self.kept: list[Any] = []
        self._known: set[tuple[int, int]] = set()

    def callable(self, function: Any) -> None:
        """A function, a method, a partial, a wrapper, or an object that can be called."""
        if isinstance(function, partial):
            self.callable(function.func)
            for name in ("args", "keywords"):
                self._place(function, name, partial(getattr, function, name), ())
        elif isinstance(function, MethodType):
            self._function(function.__func__, function.__self__)
        elif isinstance(function, FunctionType):
            self._function(function, None)
        elif hasattr(function, "__wrapped__"):
            self.callable(function.__wrapped__)
        elif not isinstance(function, type | ModuleType) and callable(function):
            self._function(type(function).__call__, function)

    def _function(self, function: Any, owner: Any) -> None:
        if not isinstance(function, FunctionType) or not self._is_new(function, owner):
            return
        names = _names(function.__code__)
        for cell in function.__closure__ or ():
            self._place(cell, "cell_contents", partial(_contents, cell), names)
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(function, name):
                self._place(function, name, partial(getattr, function, name), names)
        if owner is not None:
            self._content(owner, names)
        if not _is_library(function.__globals__.get("__name__")):
            for name in names:
                if name in function.__globals__:
                    self._entry(function.__globals__, name, names)

    def _entry(self, entries: dict[str, Any], name: str, names: Iterable[str]) -> None:
        self._place(entries, name, partial(entries.get, name), names)

    def _place(self, holder: Any, name: str, read: Place, names: Iterable[str]) -> None:
        if (id(holder), name) not in self.found:
            self.kept.append(holder)
            self.found[id(holder), name] = read
        self._content(read(), names)

    def _content(self, content: Any, names: Iterable[str]) -> None:
        """What stands in a place: a function, or an object with attributes of these names."""
        if isinstance(content, (list, tuple)):
            for part in content:
                self._content(part, names)
        elif isinstance(content, dict):
            self._content([*content.values()], names)
        elif isinstance(content, (FunctionType, MethodType, partial)):
            self.callable(content)
        elif not (_is_data(content) or isinstance(content, Primitive)):
            module = content.__name__ if isinstance(content, ModuleType) else getattr(content, "__module__", None)
            if not _is_library(module):
                for name in names:
                    self._attribute(content, name, names)
            self.callable(content)

    def _attribute(self, thing: Any, name: str, names: Iterable[str]) -> None:
        if not self._is_new(thing, name):
            return
        entries = getattr(thing, "__dict__", None)
        if isinstance(entries, dict) and name in entries:
            self._entry(entries, name, names)
            return
        kind = thing if isinstance(thing, type) else type(thing)
        found = getattr(kind, name, None)
        if isinstance(found, property):
            found = found.fget
        if isinstance(found, FunctionType):
            self._function(found, thing)
        elif isinstance(found, MemberDescriptorType):
            self._place(thing, name, partial(getattr, thing, name, None), names)
        elif found is not None and not isinstance(thing, ModuleType):
            if entries is not None:  # which may come to hide that of the class
                self._entry(entries, name, names)
            self._place(kind, name, partial(getattr, kind, name, None), names)

    def _is_new(self, thing: Any, other: Any) -> bool:
        """Whether it was not looked at together with the other, and there is room for more."""
        key = id(thing), hash(other) if isinstance(other, str) else id(other)
        if key in self._known or len(self._known) > MOST_OBJECTS:
            return False
        self._known.add(key)
        self.kept += [thing, other]
        return True


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def _names(code: CodeType) -> list[str]:
    """The globals and attributes that code names, that of the functions within it included."""
    inner = [name for each in code.co_consts if isinstance(each, CodeType) for name in _names(each)]
    return [*dict.fromkeys([*code.co_names, *inner])]


def _is_library(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in LIBRARIES


def _is_data(thing: Any, depth: int = 0) -> bool:
    """Whether it is a number, a text, None, a Value, or a container with any of the first three."""
    if thing is None or isinstance(thing, (str, numpy.ndarray)) or is_real(type(thing)):
        return depth == 0 or not isinstance(thing, Value)
    if isinstance(thing, (list, tuple, dict)) and depth < 4:
        parts = thing.values() if isinstance(thing, dict) else thing
        return not parts or any(_is_data(part, depth + 1) for part in parts)
    return False


def _copied(thing: Any) -> Any:
    """A copy of containers; what is none stays itself."""
    if isinstance(thing, (list, tuple)):
        return [*map(_copied, thing)]
    if isinstance(thing, dict):
        return {key: _copied(part) for key, part in thing.items()}
    return thing.copy() if isinstance(thing, numpy.ndarray) and thing.size <= LARGEST else thing


def _is_unchanged(thing: Any, copy: Any) -> bool:
    """Whether a container holds what it held when it was copied."""
    if thing is copy:
        return True
    if isinstance(thing, (list, tuple)):
        return type(copy) is list and len(thing) == len(copy) and all(map(_is_unchanged, thing, copy))
    if isinstance(thing, dict):
        is_like = type(copy) is dict and len(thing) == len(copy) and all(map(is_, thing, copy))
        return is_like and all(map(_is_unchanged, thing.values(), copy.values()))
    if not isinstance(thing, numpy.ndarray) or type(copy) is not type(thing):
        return False
    if thing.dtype.hasobject:
        return thing.shape == copy.shape and all(map(is_, thing.ravel().tolist(), copy.ravel().tolist()))
    return thing.shape == copy.shape and thing.dtype == copy.dtype and thing.tobytes() == copy.tobytes()
