"""What a function reads from outside its arguments: in closure cells, defaults, globals and attributes.

A trace keeps it as it was, so it belongs to its key. Looked through are the function and the functions that it names,
closes over or is made of, and objects, classes and modules for the attributes that the code names, networks for all of
theirs; the standard library, NumPy and this package only for what they close over. Watched is what stands in these
places, and what containers there hold; the functions and classes of libraries are taken to stay what they are.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dis import get_instructions
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy

from autograd_mini.compiler.calls.keys import BUFFERS, LARGEST, are_values, token
from autograd_mini.compiler.calls.unchanged import State, read, read_one
from autograd_mini.compiler.run.executing import Target, is_machine
from autograd_mini.compiler.run.python_calls import is_possible
from autograd_mini.compiler.run.watch import Place
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.primitives.symbols import is_own
from autograd_mini.value import Value

CONTAINERS = (list, tuple, deque, dict, set, numpy.ndarray, *BUFFERS)
PLAIN = (int, float, str, bytes, type(None), numpy.ndarray, numpy.generic, Value)

CODE = (FunctionType, BuiltinFunctionType, MemberDescriptorType, type, ModuleType, Primitive, numpy.ufunc, property)

MOST_OBJECTS = 20_000
"""So many functions and objects are looked through."""

LIBRARIES = {*sys.stdlib_module_names, "autograd_mini", "numpy", "scipy"}

Key = tuple[int, str]
"""The identity of the holder of a place, and the name of the place there."""


class Captured:
    """The state of what a function reads from outside, as a number: the same where all of it is the same."""

    seen: State

    def __init__(self, function: Callable[..., Any], target: Target | None = None) -> None:
        self._function = function
        self._watched: dict[Key, Place] = {}
        self._exempt: set[Key] = set()
        self._kept: list[Any] = []
        self._target = target
        self.seen = State(0, [], [], [], in_machine_code=False)
        self._numbers: dict[Any, int] = {}
        self._settled: set[int] = set()
        self._count = 0
        self._lock = threading.Lock()

    def look(self) -> bool:
        """Look what there is to watch, and whether there is more than before."""
        search = _searched(self._function)
        with self._lock:
            known = self._exempt.union(self._watched)
            fresh = {key: read for key, read in search.found.items() if key not in known}
            new = {key: read for key, read in fresh.items() if _is_watched(read_one(read), key[1])}
            if new:
                self._kept += search.kept
                self._watched = {**self._watched, **new}
        return bool(new)

    def settled(self) -> int:
        """The number of the state now, when all has been looked at that there is to watch in it."""
        number = self.state()
        if number not in self._settled:
            self.look()
            number = self.state()
            self._settled.add(number)
        return number

    def state(self) -> int:
        """The number of the state now."""
        seen = self.seen
        if len(seen.places) == len(self._watched) and seen.is_same():
            return seen.number
        with self._lock:
            watched = self._watched
            now = read(watched.values())
            tokens = token(now)
            if tokens not in self._numbers:
                self._count += 1
                self._numbers[tokens] = self._count
            self._see(self._numbers[tokens], watched, now)
            return self.seen.number

    def _see(self, number: int, watched: Mapping[Key, Place], now: Sequence[Any]) -> None:
        containers = [(place, each) for place, thing in enumerate(now) for each in _containers(thing)]
        in_machine_code = self._target is not None and is_machine(self._target) and is_possible()
        self.seen = State(number, [*watched.values()], now, containers, in_machine_code=in_machine_code)

    def exempt_changed(self, number: int) -> None:
        """Watch no longer what is different now: only the function itself was run since the state had this number,
        and what it writes is not what it reads."""
        with self._lock:
            seen, watched = self.seen, self._watched
            if seen.number != number or (len(seen.places) == len(watched) and seen.is_same()):
                return
            now = dict(zip(watched, read(watched.values())))
            changed = seen.changed([*now.values()])
            same = [key for place, key in enumerate(now) if place not in changed]
            self._exempt |= now.keys() - same
            self._watched = {key: watched[key] for key in same}
            held = [now[key] for key in same]
            self._numbers = {token(held): number}
            self._see(number, self._watched, held)


def data_read(function: Callable[..., Any]) -> dict[tuple[str, str], Any]:
    """What a function reads that stands in modules and their classes and is no code, by module and name."""
    search = _searched(function)
    modules = {id(vars(module)): name for name, module in [*sys.modules.items()] if isinstance(module, ModuleType)}
    modules |= {id(kind): kind.__module__ for kind in search.kept if isinstance(kind, type)}
    found = {(modules[key], name): read_one(place) for (key, name), place in search.found.items() if key in modules}
    return {key: thing for key, thing in found.items() if not isinstance(thing, CODE) and not _is_library(key[0])}


def _searched(function: Callable[..., Any]) -> _Search:
    search = _Search()
    while search.reads_more(function):
        search = _Search(search.names)
    return search


class _Search:
    """What can be read.

    Attributes:
        names: what functions name, which may hand objects to each other.
        kept: what was looked at, held so that addresses stay its own.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = dict.fromkeys(names)
        self.found: dict[Key, Place] = {}
        self.kept: list[Any] = []
        self._known: set[tuple[int, int]] = set()

    def reads_more(self, function: Any) -> bool:
        """Look through a function; whether there are names that were not known from the start."""
        n_known = len(self.names)
        self.callable(function)
        return len(self.names) > n_known

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
        self.names |= {} if is_library else dict.fromkeys(names)
        for cell in function.__closure__ or ():
            read = partial(getattr, cell, "cell_contents")
            content = read_one(read)
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
        self._content(read_one(read), names)

    def _content(self, content: Any, names: Iterable[str]) -> None:
        """What stands in a place: a function, or an object with attributes of these names."""
        if isinstance(content, (list, tuple, set, frozenset, deque)):
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
        elif isinstance(content, ModuleType):
            for name in () if _is_library(content.__name__) else names:
                self._attribute(content, name, names)
        elif not isinstance(content, PLAIN):
            for name in () if _is_library(getattr(content, "__module__", None)) else [*self.names]:
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
    """Those in a nest that can change, that itself included, and the attributes of such as have some."""
    found: list[Any] = []
    known = set()
    open_ones = [thing]
    while open_ones:
        each = open_ones.pop()
        if id(each) in known or not isinstance(each, CONTAINERS):
            continue
        known.add(id(each))
        if isinstance(each, (numpy.ndarray, *BUFFERS)):
            found += [each] if (each.size if isinstance(each, numpy.ndarray) else len(each)) <= LARGEST else []
            continue
        found += [] if type(each) is tuple else [each]
        if hasattr(each, "__dict__"):
            open_ones.append(vars(each))
        if not are_values(each):
            open_ones += each.values() if isinstance(each, dict) else each
    return found
