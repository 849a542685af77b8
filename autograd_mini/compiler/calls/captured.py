"""What a function reads from outside its arguments: in closure cells, defaults, globals and attributes.

A trace keeps it as it was, so it belongs to its key. Looked through are the function and the functions that it names,
closes over or is made of, and objects, classes and modules for the attributes that the code names, networks for all of
theirs; the standard library, NumPy and this package only for what they close over. Watched is what stands in these
places, and what containers there hold; the functions and classes of libraries are taken to stay what they are.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterable
from copy import copy
from dis import get_instructions
from functools import partial
from itertools import chain
from operator import is_
from types import BuiltinFunctionType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy

from autograd_mini.compiler.calls.keys import LARGEST, are_values, token
from autograd_mini.observing import Observer, unheard
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.primitives.symbols import is_own
from autograd_mini.value import Value

CONTAINERS = (list, tuple, dict, set, numpy.ndarray)
PLAIN = (int, float, str, bytes, type(None), numpy.ndarray, numpy.generic, Value)

CODE = (FunctionType, BuiltinFunctionType, MemberDescriptorType, type, ModuleType, Primitive, numpy.ufunc, property)

MOST_OBJECTS = 20_000
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

    def look(self) -> bool:
        """Look what there is to watch, and whether there is more than before."""
        search = _Search()
        search.callable(self._function)
        with self._lock:
            known = self._exempt.union(self._watched)
            fresh = {key: read for key, read in search.found.items() if key not in known}
            new = {key: read for key, read in fresh.items() if _is_watched(_read_one(read), key[1])}
            self._kept += search.kept if new else []
            self._watched = {**self._watched, **new}
        return bool(new)

    def state(self) -> int:
        """The number of the state now."""
        seen, watched = self._seen, self._watched
        if not watched:
            return seen.number
        now = _read(watched.values())
        if seen.is_still(now):
            return seen.number
        with self._lock:
            tokens = token(now)
            if tokens not in self._numbers:
                self._count += 1
                self._numbers[tokens] = self._count
            self._seen = _State(self._numbers[tokens], now)
            return self._seen.number

    def guarded(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The function as long as the state is that of now; afterwards one that gives None."""
        self.state()
        seen = self._seen
        places = tuple(zip(self._watched.values(), seen.held))

        def call(args: Any) -> Any:
            try:
                for read, held in places:
                    if read() is not held:
                        return None
            except ValueError:  # a cell is empty
                return None
            return function(args)

        if not seen.holds_containers:
            return call if places else function
        return lambda args: call(args) if seen.are_containers_still() else None

    def exempt_changed(self, number: int) -> None:
        """Watch no longer what is different now: only the function itself was run since the state had this number,
        and what it writes is not what it reads."""
        with self._lock:
            seen, watched = self._seen, self._watched
            now = dict(zip(watched, _read(watched.values())))
            if seen.number != number or seen.is_still([*now.values()]):
                return
            changed = seen.changed([*now.values()])
            same = [key for place, key in enumerate(now) if place not in changed]
            self._exempt |= now.keys() - same
            self._watched = {key: watched[key] for key in same}
            self._numbers = {token([now[key] for key in same]): number}
            self._seen = _State(number, [now[key] for key in same])


def data_read(function: Callable[..., Any]) -> dict[tuple[str, str], Any]:
    """What a function reads that stands in modules and their classes and is no code, by module and name."""
    search = _Search()
    search.callable(function)
    modules = {id(vars(module)): name for name, module in [*sys.modules.items()] if isinstance(module, ModuleType)}
    modules |= {id(kind): kind.__module__ for kind in search.kept if isinstance(kind, type)}
    found = {(modules[key], name): _read_one(read) for (key, name), read in search.found.items() if key in modules}
    return {key: thing for key, thing in found.items() if not isinstance(thing, CODE) and not _is_library(key[0])}


class _State:
    """What stood in the places when the state had this number, and copies of the containers there."""

    def __init__(self, number: int, held: list[Any]) -> None:
        self.number = number
        self.held = held
        self._copies = [(place, each, _copied(each)) for place, thing in enumerate(held) for each in _containers(thing)]
        pairs = [pair for _, *pair in self._copies]
        self.holds_containers = bool(pairs)
        self._of_values = [each for each, _ in pairs if are_values(each)]
        self._of_values_then = [then for each, then in pairs if are_values(each)]
        self._lists = [each for each, _ in pairs if isinstance(each, (list, tuple)) and not are_values(each)]
        self._others = [(each, then) for each, then in pairs if not isinstance(each, (list, tuple))]
        self._lengths = [*map(len, self._lists)]
        self._items = [*chain.from_iterable(self._lists)]

    def is_still(self, now: list[Any]) -> bool:
        return len(now) == len(self.held) and all(map(is_, now, self.held)) and self.are_containers_still()

    def are_containers_still(self) -> bool:
        if [*map(len, self._lists)] != self._lengths:
            return False
        if not all(map(is_, chain.from_iterable(self._lists), self._items)):
            return False
        for container, then in self._others:
            if not _is_unchanged(container, then):
                return False
        if not self._of_values:
            return True
        with unheard(), _ByIdentity():  # Python's own comparison of lists asks only where identities differ
            return bool(self._of_values == self._of_values_then)

    def changed(self, now: list[Any]) -> set[int]:
        """The places where something else stands now, or holds something else."""
        replaced = {place for place, (thing, held) in enumerate(zip(now, self.held)) if thing is not held}
        return replaced | {place for place, each, then in self._copies if not _is_unchanged(each, then)}


class _ByIdentity(Observer):
    """Different Values are unequal."""

    def compared(self, primitive: Primitive, x: Value, y: Value) -> bool:
        return False


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
        is_library = _is_library(function.__module__)
        for cell in function.__closure__ or ():
            read = partial(getattr, cell, "cell_contents")
            content = _read_one(read)
            if is_library and _is_code_of_library(content):
                self._content(content, names)
            else:
                self._place(cell, "cell_contents", read, names)
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(function, name):
                self._place(function, name, partial(getattr, function, name), names)
        if owner is not None:
            self._content(owner, names)
        if not _is_library(function.__globals__.get("__name__")):
            for name in _globals(function.__code__):
                if name in function.__globals__:
                    self._entry(function.__globals__, name, names)
            for name in names:
                if name in TABLE:  # as a method
                    self._row(TABLE[name])

    def _row(self, row: Primitive) -> None:
        """A row of the user's, which is compiled by running it."""
        if is_own(row):
            self.callable(row.base.formula)
            self.callable(row.base.partials)

    def _entry(self, entries: dict[str, Any], name: str, names: Iterable[str]) -> None:
        self._place(entries, name, partial(entries.get, name), names)

    def _place(self, holder: Any, name: str, read: Place, names: Iterable[str]) -> None:
        if (id(holder), name) not in self.found:
            self.kept.append(holder)
            self.found[id(holder), name] = read
        self._content(_read_one(read), names)

    def _content(self, content: Any, names: Iterable[str]) -> None:
        """What stands in a place: a function, or an object with attributes of these names."""
        if isinstance(content, (list, tuple)):
            for part in () if are_values(content) else content:
                self._content(part, names)
        elif isinstance(content, dict):
            self._content([*content.values()], names)
        elif isinstance(content, (FunctionType, MethodType, partial)):
            self.callable(content)
        elif isinstance(content, Primitive):
            self._row(content)
        elif hasattr(type(content), "named_parameters") and self._is_new(content, "named_parameters"):
            for name in [name for name in vars(content) if not name.startswith("_")]:
                self._entry(vars(content), name, names)
            self._content(content, names)
        elif not isinstance(content, PLAIN):
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


def _read(places: Collection[Place]) -> list[Any]:
    """What stands there; None in empty cells."""
    try:
        return [read() for read in places]
    except ValueError:
        return [*map(_read_one, places)]


def _read_one(place: Place) -> Any:
    try:
        return place()
    except ValueError:
        return None


def _names(code: CodeType) -> list[str]:
    """The globals and attributes that code names, that of the functions within it included."""
    inner = [name for each in code.co_consts if isinstance(each, CodeType) for name in _names(each)]
    return [*dict.fromkeys([*code.co_names, *inner])]


def _globals(code: CodeType) -> list[str]:
    """Those names alone that code looks up as globals."""
    inner = [name for each in code.co_consts if isinstance(each, CodeType) for name in _globals(each)]
    own = [each.argval for each in get_instructions(code) if each.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return [*dict.fromkeys([*own, *inner])]


def _is_library(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] in LIBRARIES


def _is_watched(thing: Any, name: str) -> bool:
    """Whether another one could stand there the next time: what was imported stays what it is."""
    is_imported = _is_code_of_library(thing) and name == getattr(thing, "__name__", None)
    return not (is_imported or isinstance(thing, ModuleType))


def _is_code_of_library(thing: Any) -> bool:
    if isinstance(thing, (type, FunctionType, BuiltinFunctionType)):
        return _is_library(thing.__module__ or "numpy")
    return isinstance(thing, (Primitive, numpy.ufunc))


def _containers(thing: Any) -> list[Any]:
    """Those in a nest that can change, that itself included."""
    found: list[Any] = []
    known = set()
    open_ones = [thing]
    while open_ones:
        each = open_ones.pop()
        if id(each) in known or not isinstance(each, CONTAINERS):
            continue
        known.add(id(each))
        if isinstance(each, numpy.ndarray):
            found += [each] if each.size <= LARGEST else []
            continue
        found += [] if type(each) is tuple else [each]
        if not are_values(each):
            open_ones += each.values() if isinstance(each, dict) else each
    return found


def _copied(container: Any) -> Any:
    return [*container] if isinstance(container, list) else copy(container)


def _is_unchanged(thing: Any, then: Any) -> bool:
    """Whether a container holds what its copy does."""
    if isinstance(thing, (list, tuple)):
        return len(thing) == len(then) and all(map(is_, thing, then))
    if isinstance(thing, dict):
        return len(thing) == len(then) and all(map(is_, thing, then)) and all(map(is_, thing.values(), then.values()))
    if isinstance(thing, set):
        return bool(thing == then)
    if thing.shape != then.shape or thing.dtype != then.dtype:
        return False
    if thing.dtype.hasobject:
        return all(map(is_, thing.ravel().tolist(), then.ravel().tolist()))
    return bool(thing.tobytes() == then.tobytes())
