"""What stands in places that only show it: in classes, variables of a context, caches, arrays of other libraries."""

from __future__ import annotations

from contextvars import ContextVar
from operator import is_
from typing import Any

import numpy

from autograd_mini.compiler.ir.keys import token


def is_wrapper(thing: Any) -> bool:
    try:
        return hasattr(thing, "__wrapped__")
    except Exception:  # its own `__getattr__` knows only what it names
        return False


def declared(kind: type, name: str, default: Any = None) -> Any:
    """What a class, or one above it, holds by a name: of a descriptor itself."""
    return next((vars(each)[name] for each in kind.__mro__ if name in vars(each)), default)


def of_class(kind: type, name: str, default: Any) -> Any:
    """What a class has by a name; of a descriptor that is for objects alone, itself."""
    try:
        return getattr(kind, name)
    except Exception:
        return declared(kind, name, default)


def unbound(kind: type, name: str, default: Any) -> Any:
    """The function of a method of a class."""
    found = of_class(kind, name, default)
    return getattr(found, "__func__", found)


def value_of(variable: ContextVar[Any]) -> Any:
    try:
        return variable.get()
    except LookupError:
        return None


class Shown:
    """The numbers of an array of another library, one array as long as they are the same."""

    def __init__(self, thing: Any) -> None:
        self._thing = thing
        self._then: Any = None

    def __call__(self) -> Any:
        try:
            now = numpy.asarray(self._thing)
        except Exception:  # that library's own
            return self._thing
        if self._then is None or token(now) != token(self._then):
            self._then = now.copy()
        return self._then


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
    """One thing as long as a cache of results keeps what it has: they may be those of numbers before these."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache
        self._then = 0, object()

    def __call__(self) -> Any:
        misses = self._cache.cache_info().misses
        self._then = misses, self._then[1] if misses >= self._then[0] else object()
        return self._then[1]
