"""What a function reads from outside its arguments: in closure cells, defaults, globals and attributes.

A trace records what it read, so what it read is part of its key. The search follows the function and all functions that
it names, closes over or wraps; objects, classes and modules for the attributes that code names, may ask for by a
string, or reads by comparing or showing them; networks for all attributes; installed packages for the data in them; the
standard library, NumPy and this package only for what they close over. Watched are the things in these places, the
contents of containers, and what references, views, context variables and thread-local variables refer to. Functions and
classes of libraries are assumed not to change, and so are methods in installed packages that only their own code names.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy

from autograd_mini.compiler.calls.consumed import standing
from autograd_mini.compiler.calls.ownership import CODE, is_code_of_library, is_library
from autograd_mini.compiler.calls.searching import Key, searched
from autograd_mini.compiler.calls.unchanged import State, read, read_one
from autograd_mini.compiler.ir.keys import BUFFERS, MAPPINGS, VIEWS, are_values, is_small, token
from autograd_mini.compiler.run.executing import Target, is_machine
from autograd_mini.compiler.run.python_calls import is_possible
from autograd_mini.compiler.run.watch import Place

CONTAINERS: tuple[Any, ...] = (list, tuple, deque, *MAPPINGS, set, numpy.ndarray, *BUFFERS)


class Captured:
    """Numbers the states of what a function reads from outside: states in which nothing differs share a number."""

    seen: State

    def __init__(self, function: Callable[..., Any], target: Target | None = None) -> None:
        self._function = function
        self._watched: dict[Key, Place] = {}
        self._exempt: set[Key] = set()
        self._kept: list[Any] = []
        self._consumed: dict[int, Any] = {}
        self._classes: dict[type, None] = {}
        self._target = target
        self.seen = State(0, [], [], [], in_machine_code=False)
        self._numbers: dict[Any, int] = {}
        self._settled: set[int] = set()
        self._count = 0
        self._lock = threading.Lock()

    def look(self, classes: Iterable[type] = ()) -> bool:
        """Search for places to watch; return whether there are more than before.

        Args:
            classes: of objects among the arguments, whose methods may read more.
        """
        self._classes |= dict.fromkeys(classes)
        search = searched(self._function, [*self._classes])
        with self._lock:
            self._consumed |= search.consumed
            known = self._exempt.union(self._watched)
            fresh = {key: read for key, read in search.found.items() if key not in known}
            new = {key: read for key, read in fresh.items() if _is_watched(read_one(read), key[1])}
            if new:
                self._kept += search.kept
                self._watched = {**self._watched, **new}
        return bool(new)

    def settled(self) -> int:
        """The number of the current state, once every place to watch in it has been found."""
        number = self.state()
        if number not in self._settled:
            self.look()
            number = self.state()
            self._settled.add(number)
        return number

    def state(self) -> int:
        """The number of the current state."""
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

    def standings(self) -> list[tuple[Any, Hashable]]:
        """What the function uses up by reading, each with how far it has been read."""
        return [(thing, standing(thing)) for thing in [*self._consumed.values()]]

    def accept_changed(self, number: int, *, is_watched: bool) -> None:
        """Accept what the function itself wrote: nothing else ran since the state had this number, which it keeps.
        Places that it writes at every run are watched no longer: they are output, not input.

        Args:
            is_watched: whether to go on watching places that changed; after a first run these may be caches.
        """
        with self._lock:
            seen, watched = self.seen, self._watched
            if seen.number != number or (len(seen.places) == len(watched) and seen.is_same()):
                return
            now = dict(zip(watched, read(watched.values())))
            changed = seen.changed([*now.values()])
            same = [key for place, key in enumerate(now) if is_watched or place not in changed]
            self._exempt |= now.keys() - same
            self._watched = {key: watched[key] for key in same}
            held = [now[key] for key in same]
            self._numbers = {token(held): number}
            self._see(number, self._watched, held)


def data_read(function: Callable[..., Any]) -> dict[tuple[str, str], Any]:
    """The data, not code, that a function reads from modules and their classes, by module and name."""
    search = searched(function)
    named = reversed([*sys.modules.items()])  # the first name wins: multiprocessing gives __main__ a second
    modules = {id(vars(module)): name for name, module in named if isinstance(module, ModuleType)}
    modules |= {id(kind): kind.__module__ for kind in search.kept if isinstance(kind, type)}
    found = {(modules[key], name): read_one(place) for (key, name), place in search.found.items() if key in modules}
    return {key: thing for key, thing in found.items() if not isinstance(thing, CODE) and not is_library(key[0])}


def _is_watched(thing: Any, name: str) -> bool:
    """Whether a place may hold something else at the next call: modules and code imported from libraries stay."""
    is_imported = is_code_of_library(thing) and name == getattr(thing, "__name__", None)
    return not (is_imported or isinstance(thing, ModuleType))


def _containers(thing: Any) -> list[Any]:
    """The mutable containers in a nest, itself included, and the dicts of attributes of containers that have one."""
    found: list[Any] = []
    known = set()
    open_ones: list[Any] = [thing]
    while open_ones:
        each: Any = open_ones.pop()
        each = each.mapping if isinstance(each, VIEWS) else each
        if id(each) in known or not isinstance(each, CONTAINERS):
            continue
        known.add(id(each))
        if hasattr(each, "__dict__"):
            open_ones.append(vars(each))
        if isinstance(each, (numpy.ndarray, *BUFFERS)):
            found += [each] if is_small(each) else []
            open_ones += each.ravel().tolist() if isinstance(each, numpy.ndarray) and each.dtype.hasobject else []
            continue
        found += [] if type(each) is tuple else [each]
        if not are_values(each):
            open_ones.extend(each.values() if isinstance(each, MAPPINGS) else each)
    return found
