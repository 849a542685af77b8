"""Reads what does not simply stand in a place: in classes, context variables, caches, arrays of other libraries."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Collection
from contextvars import ContextVar
from copy import copy
from functools import partial
from operator import is_
from types import MethodType, SimpleNamespace
from typing import Any
from weakref import ReferenceType

import numpy

from autograd_mini.compiler.calls.ownership import is_library
from autograd_mini.compiler.ir.keys import token


def is_wrapper(thing: Any) -> bool:
    """Whether it holds what it wraps; a `__getattr__` that answers to any name, as `mock.call`'s, does not count."""
    try:
        return "__wrapped__" in getattr(thing, "__dict__", ()) or declared(type(thing), "__wrapped__") is not None
    except Exception:  # its own `__getattr__` may raise anything
        return False


def reads_itself(thing: Any, called: Collection[str]) -> bool:
    """Whether methods of a library that no code names read an object's attributes; a wrapper and a network are known
    otherwise."""
    if is_wrapper(thing) or hasattr(type(thing), "named_parameters"):
        return False
    if isinstance(thing, SimpleNamespace) and ("__eq__" in called or "__repr__" in called):
        return True
    methods = [getattr(type(thing), name, None) for name in ("__getitem__", "__call__", "__contains__")]
    return any(is_library(getattr(each, "__module__", None)) for each in methods)


def declared(kind: type, name: str, default: Any = None) -> Any:
    """What a class, or one that it inherits from, holds under a name; a descriptor is returned itself."""
    return next((vars(each)[name] for each in kind.__mro__ if name in vars(each)), default)


def of_class(kind: type, name: str, default: Any) -> Any:
    """An attribute of a class, a bound method's function in its place; a descriptor that works for objects alone is
    returned itself."""
    try:
        found = getattr(kind, name)
    except Exception:
        return declared(kind, name, default)
    return found.__func__ if isinstance(found, MethodType) else found


def reader_of(thing: Any) -> Callable[[], Any] | None:
    """What reads the thing that another stands for; None if it stands for itself."""
    if isinstance(thing, ContextVar):
        return partial(_value_of, thing)
    if isinstance(thing, ReferenceType):
        return thing
    if hasattr(type(thing), "__array__"):
        return Shown(partial(numpy.asarray, thing))
    return thing.get_obj if hasattr(type(thing), "get_obj") else None  # memory that processes share


def _value_of(variable: ContextVar[Any]) -> Any:
    try:
        return variable.get()
    except LookupError:
        return None


def uses_decimals(thing: Any) -> bool:
    makers = decimal, decimal.Decimal, decimal.getcontext
    return isinstance(thing, decimal.Decimal) or any(thing is each for each in makers)


def _settings_of_decimals() -> Any:
    """What results of decimal numbers depend on, besides these."""
    now = decimal.getcontext()
    return now.prec, now.rounding, now.Emin, now.Emax, now.capitals, now.clamp


class Shown:
    """Reads an array of another library, or settings: returns the same copy as long as the content is the same."""

    def __init__(self, read: Callable[[], Any]) -> None:
        self._read = read
        self._then: Any = None

    def __call__(self) -> Any:
        try:
            now = self._read()
        except Exception:  # whatever that library raises
            return self._read
        if self._then is None or token(now) != token(self._then):
            self._then = copy(now)
        return self._then


DECIMALS = Shown(_settings_of_decimals)


class Entries:
    """What a class or a module holds by its names, in one tuple as long as it is the same."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing
        self._names: list[str] = []
        self._then: tuple[Any, ...] = ()

    def __call__(self) -> Any:
        entries = vars(self._thing)
        if [*entries] != self._names or not all(map(is_, entries.values(), self._then)):
            self._names, self._then = [*entries], (*entries.values(), *entries)
        return self._then


class Cleared:
    """Reads a cache of results: returns the same object until it is cleared, as it may hold results of old numbers."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache
        self._then = 0, object()

    def __call__(self) -> Any:
        misses = self._cache.cache_info().misses
        self._then = misses, self._then[1] if misses >= self._then[0] else object()
        return self._then[1]
