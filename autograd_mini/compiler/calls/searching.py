"""What can be read from outside a function: in closure cells, defaults, globals and attributes of what it names."""

from __future__ import annotations

import builtins
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache, partial, partialmethod
from operator import attrgetter, methodcaller
from threading import local
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

import numpy

from autograd_mini.compiler.calls.code_names import (
    ASKING,
    DYNAMIC,
    EVERYTHING,
    NAMES,
    WHOLE,
    called_by,
    is_generated,
    looked_up,
    names_in,
    words_in,
)
from autograd_mini.compiler.calls.consumed import CONSUMED
from autograd_mini.compiler.calls.ownership import CODE, is_code_of_library, is_installed, is_library, special, stays
from autograd_mini.compiler.calls.shown import (
    DECIMALS,
    Cleared,
    Entries,
    declared,
    is_wrapper,
    of_class,
    reader_of,
    reads_itself,
    uses_decimals,
)
from autograd_mini.compiler.calls.unchanged import read_one
from autograd_mini.compiler.ir.keys import MAPPINGS, VIEWS, are_values
from autograd_mini.compiler.run.watch import Place
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.primitives.symbols import is_own
from autograd_mini.value import Value

CACHE = type(lru_cache(len))
ABSENT = object()

PLAIN = (int, float, str, bytes, type(None), CodeType, numpy.ndarray, numpy.generic, Value)
BARE: set[type] = {int, float, bool, str, bytes, type(None)}
NESTS = (list, tuple, set, frozenset, deque, *MAPPINGS)
CALLED = (FunctionType, MethodType, partial, partialmethod, BuiltinFunctionType, MethodWrapperType)

MOST_OBJECTS = 20_000
"""How many functions and objects are searched at most."""

Key = tuple[int, str]
"""The identity of the holder of a place, and the name of the place there."""


def searched(function: Callable[..., Any], classes: Iterable[type] = ()) -> Search:
    """Search for all that a function can read from outside, given objects of some classes."""
    search = Search()
    while search.reads_more(function, classes):
        search = Search(search.names, search.asked, search.outer)
    return search


class Search:
    """A search for all that a function can read from outside.

    Attributes:
        names: what all functions found name; each name is looked for in all objects, as functions may pass these on.
        outer: those of these names that not only code of installed packages names, and special methods that it calls.
        asked: names that code may ask for where nothing has them.
        kept: what was searched, held so that no other object gets its address.
        consumed: what is used up by being read, by address.
    """

    def __init__(self, names: Iterable[str] = (), asked: Iterable[str] = (), outer: Iterable[str] = ()) -> None:
        self.names: dict[str, None] = dict.fromkeys(names)
        self.outer: set[str] = {*outer}
        self.asked: set[str] = set()
        self._asked_before = {*asked}
        self.found: dict[Key, Place] = {}
        self.kept: list[Any] = []
        self.consumed: dict[int, Any] = {}
        self._known: set[tuple[int, int]] = set()
        self._nests: set[tuple[int, int]] = set()
        self._later: deque[Callable[[], None]] = deque()

    def reads_more(self, function: Any, classes: Iterable[type]) -> bool:
        """Search a function; return whether names were found that were not known from the start: then objects that were
        searched before have to be searched again for these."""
        n_known = len(self.names) + len(self.outer)
        self.callable(function)
        for each in classes:
            self._content(each, ())
        while self._later and not self._is_full():
            self._later.popleft()()
        self._later.clear()  # what is left refers to this search
        return len(self.names) + len(self.outer) > n_known or not self.asked <= self._asked_before

    def callable(self, function: Any) -> None:
        """Search a function, a method, a partial, a wrapper, or an object that can be called."""
        if isinstance(function, partial | partialmethod):
            self.callable(function.func)
            for name in ("args", "keywords"):
                self._place(function, name, partial(getattr, function, name), ())
            self._given(function, ())
        elif isinstance(function, MethodType) and isinstance(function.__func__, FunctionType):
            self._function(function.__func__, function.__self__)
        elif isinstance(function, FunctionType):
            self._function(function, None)
        elif isinstance(function, (MethodType, BuiltinFunctionType, MethodWrapperType)):
            if not isinstance(function.__self__, ModuleType | type | None):
                self._place(function, "__self__", partial(getattr, function, "__self__"), ())
            self.callable(getattr(function, "__func__", None))
        elif is_wrapper(function) and self._is_new(function, "__wrapped__"):
            self.callable(function.__wrapped__)
        elif not isinstance(function, type | ModuleType) and callable(function) and self._is_new(function, "__call__"):
            self._function(type(function).__call__, function)

    def _function(self, function: Any, owner: Any) -> None:
        """Put off the search of a function until that of its caller has ended: chains of calls may have any depth."""
        if isinstance(function, FunctionType) and self._is_new(function, owner):
            self._later.append(partial(self._all_that_it_reads, function, owner))

    def _all_that_it_reads(self, function: FunctionType, owner: Any) -> None:
        names, of_library = names_in(function.__code__), is_library(function.__module__)
        of_package = is_installed(function.__module__)
        if not ASKING.isdisjoint(names):
            names += words_in(function.__code__, NAMES if EVERYTHING.isdisjoint(names) else r"\w+")
            self.asked.update(() if of_package else names)
        if of_library and "environ" in names:  # as functions of `os`
            self._content(os.environ, names)
        if of_library and getattr(sys.modules.get(function.__module__), function.__name__, None) is function:
            return  # what it holds belongs to the library
        if not of_library:
            self.names |= dict.fromkeys(names)
            if not of_package:
                self.outer.update(names, called_by(function.__code__))
                self._place(function, "__code__", partial(getattr, function, "__code__"), ())  # reloading replaces it
            self._given(function, names)
        for cell in function.__closure__ or ():
            read = partial(getattr, cell, "cell_contents")
            content = read_one(read)
            if of_library and is_code_of_library(content):
                self._content(content, names)
            else:
                self._place(cell, "cell_contents", read, names)
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(function, name):
                self._place(function, name, partial(getattr, function, name), names)
        if owner is not None:
            self._content(owner, names)
        if not is_library(function.__globals__.get("__name__")):
            entries = function.__globals__
            read_here = looked_up(function.__code__, "LOAD_GLOBAL", "LOAD_NAME")
            if not EVERYTHING.isdisjoint(read_here):
                for name in entries:  # what such code may look up is watched, but objects there lead too far
                    if name[:2] != "__" and isinstance(entries[name], (*PLAIN, *NESTS)):
                        self._watch(entries, name, partial(entries.get, name))
                read_here += self.asked.intersection(names)
            for name in read_here:
                if name in entries or not hasattr(builtins, name):
                    self._entry(entries, name, names)
            for name in [*looked_up(function.__code__, "IMPORT_NAME"), *self.asked.intersection(names)]:
                self._content(sys.modules.get(name), names)
            for name in names:
                if name in TABLE:  # it may be called as a method
                    self._row(TABLE[name])

    def _given(self, function: Any, names: Iterable[str]) -> None:
        """The attributes that a function was given, or may be asked for."""
        asked = () if is_installed(function.__module__) else self._asked_before - vars(builtins).keys()
        for name in self.names.keys() & {*vars(function), *asked}:
            self._entry(vars(function), name, names)

    def _row(self, row: Primitive) -> None:
        """Search the functions in a row of the user's own, which is compiled by running them."""
        if is_own(row):
            self.callable(row.base.formula)
            self.callable(row.base.partials)

    def _entry(self, entries: dict[str, Any], name: str, names: Iterable[str]) -> None:
        self._place(entries, name, partial(entries.get, name), names)

    def _place(self, holder: Any, name: str, read: Place, names: Iterable[str]) -> None:
        self._watch(holder, name, read)
        self._content(read_one(read), names)

    def _watch(self, holder: Any, name: str, read: Place) -> None:
        if (id(holder), name) not in self.found:
            self.kept.append(holder)
            self.found[id(holder), name] = read

    def _content(self, content: Any, names: Iterable[str]) -> None:
        """Search what stands in a place: a function, or an object for attributes of these names."""
        if isinstance(content, CONSUMED):
            self.consumed[id(content)] = content
        if uses_decimals(content):
            self._place(DECIMALS, "()", DECIMALS, ())
        if isinstance(content, NESTS):
            if (id(content), id(names)) not in self._nests and not are_values(content):  # a nest may hold itself
                self._nests.add((id(content), id(names)))
                self.kept += [content, names]
                for part in [*content, *content.values()] if isinstance(content, MAPPINGS) else [*content]:
                    if type(part) not in BARE:
                        self._later.append(partial(self._content, part, names))
                if not is_library(type(content).__module__):
                    self._object(content, names)
        elif isinstance(content, CALLED):
            self.callable(content)
            is_read = not (ASKING.isdisjoint(names) and WHOLE.isdisjoint(self.outer))
            if is_read and isinstance(content, FunctionType) and not is_installed(content.__module__):
                self._all_attributes(content, names)
        elif isinstance(content, CACHE):
            self._place(content, "cache_clear", Cleared(content), ())
            self._given(content, names)
            self.callable(content)
        elif isinstance(content, Primitive):
            self._row(content)
        elif hasattr(type(content), "named_parameters") and self._is_new(content, "named_parameters"):
            for name in [name for name in vars(content) if not name.startswith("_")]:
                self._entry(vars(content), name, names)
            self._content(content, names)
        elif isinstance(content, ModuleType):
            if not is_library(content.__name__):  # functions hand it on as they do objects
                of_package = is_installed(content.__name__)
                if not DYNAMIC.isdisjoint(names if of_package else self.outer):
                    self._entries(content)
                there = {"__getattr__"} | (self.names.keys() & {*vars(content), *self._asked_before})
                for name in dict.fromkeys((*names, *(() if of_package else there))):
                    self._attribute(content, name, names)
                return
            for name in vars(content).keys() & {*names}:
                thing = vars(content)[name]
                is_read = isinstance(thing, CALLED) or not isinstance(thing, (*PLAIN, *CODE))
                if is_read or thing is numpy.random:  # whose functions are methods
                    self._content(thing, names)
        elif isinstance(content, VIEWS):
            self._content(content.mapping, names)
        elif isinstance(content, local):
            for name in self.names:
                self._place(content, name, partial(getattr, content, name, None), names)
        elif isinstance(content, (attrgetter, methodcaller)):
            texts = [each for each in content.__reduce__()[1] if isinstance(each, str)]
            self.names |= dict.fromkeys(name for text in texts for name in text.split("."))
        elif (read := None if isinstance(content, PLAIN) else reader_of(content)) is not None:
            self._place(content, "()", read, names)
        elif not (isinstance(content, PLAIN) and is_library(type(content).__module__)) or hasattr(content, "__dict__"):
            self._later.append(partial(self._object, content, names))

    def _object(self, thing: Any, names: Iterable[str]) -> None:
        """Search an object: its attributes of known names, and its special methods, which no code names."""
        kind = thing if isinstance(thing, type) else type(thing)
        of_library, of_package = is_library(getattr(thing, "__module__", None)), is_installed(kind.__module__)
        entries, named = getattr(thing, "__dict__", ()), self.outer if of_package else self.names.keys()
        is_read = not DYNAMIC.isdisjoint(named)
        if of_library or of_package:  # what is not there may be asked for
            own: Any = {*entries, *(self._asked_before & named)} if entries or not of_library else set()
            own.update(*[vars(each) for each in kind.__mro__ if not of_library])
            own &= self.names.keys()
            if entries and not (of_library or ASKING.isdisjoint(names) or isinstance(thing, type)):
                self._entries(thing)
        else:
            own = self.names
        for name in [*own] if of_library else [*own, *special(thing, self.outer)]:
            self._attribute(thing, name, names)
        if (is_read and not of_library) or reads_itself(thing, self.outer) or not WHOLE.isdisjoint(names):
            self._all_attributes(thing, names)
        kinds = thing.__mro__ if is_read and isinstance(thing, type) else ()
        for kind in kinds or (() if DYNAMIC.isdisjoint(names) else type(thing).__mro__):
            if not is_library(kind.__module__):
                self._entries(kind)
        self.callable(thing)

    def _all_attributes(self, thing: Any, names: Iterable[str]) -> None:
        """Search all attributes of an object, and watch its `__dict__` for new ones."""
        entries = getattr(thing, "__dict__", None)
        if isinstance(entries, dict) and self._is_new(thing, "__dict__"):
            self._place(thing, "__dict__", partial(getattr, thing, "__dict__"), names)
            for name in [*entries]:
                self._entry(entries, name, names)
        for kind in type(thing).__mro__:
            for name, each in [] if is_library(kind.__module__) else [*vars(kind).items()]:
                if isinstance(each, MemberDescriptorType):
                    self._attribute(thing, name, names)

    def _entries(self, thing: Any) -> None:
        """All that a class or a module holds, whose objects lead too far."""
        if self._is_new(thing, "__dict__"):
            self._watch(thing, "__dict__", Entries(thing))

    def _attribute(self, thing: Any, name: str, names: Iterable[str]) -> None:
        if name in ("__dict__", "__class__") or not self._is_new(thing, name):
            return
        entries = getattr(thing, "__dict__", None)
        if isinstance(entries, dict) and name in entries:
            self._entry(entries, name, names)
            return
        kind = thing if isinstance(thing, type) else type(thing)
        own = declared(kind, name)
        self._function(getattr(type(own), "__get__", None), own)  # if the user wrote the descriptor
        found = of_class(kind, name, ABSENT)
        if isinstance(found, MemberDescriptorType):
            self._place(thing, name, partial(getattr, thing, name, None), names)
        elif found is ABSENT:
            if name in self.asked or (name in self._asked_before and not is_installed(kind.__module__)):
                self._place(kind, name, partial(of_class, kind, name, None), names)
            elif declared(kind, "__getattr__") is None:
                return
            if isinstance(entries, dict):
                self._entry(entries, name, names)
        elif not isinstance(thing, ModuleType) and not is_library(kind.__module__):
            can_change = name in self.outer or not (stays(found) and is_installed(kind.__module__))
            if can_change and not is_generated(name, found):
                self._place(kind, name, partial(of_class, kind, name, None), names)
            found = found.fget if isinstance(found, property) else getattr(found, "func", found)
            if isinstance(found, FunctionType):
                self._function(found, thing)
            for above in kind.__mro__[1:] if "super" in self.names else ():
                self._attribute(above, name, names)
            if isinstance(entries, dict) and can_change and not name.startswith("__"):  # may come to hide the class's
                self._entry(entries, name, names)

    def _is_new(self, thing: Any, other: Any) -> bool:
        """Whether a thing has not been searched in combination with the other, and there is room for more."""
        key = id(thing), hash(other) if isinstance(other, str) else id(other)
        if key in self._known or self._is_full():
            return False
        self._known.add(key)
        self.kept += [thing, other]
        return True

    def _is_full(self) -> bool:
        return len(self._known) > MOST_OBJECTS
