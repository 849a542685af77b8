"""What a function reads from outside its arguments: in closure cells, defaults, globals and attributes.

A trace keeps it as it was, so it belongs to its key. Looked through are the function and the functions that it names,
closes over or is made of, and objects, classes and modules for the attributes that the code names, or may ask for by a
string, networks for all of theirs; packages that are installed for data that are there; the standard library, NumPy and
this package only for what they close over. Watched is what stands in these places, what containers there hold, and what
references, views and variables of a context or a thread there show; the functions and classes of libraries are taken to
stay what they are, and so are methods in packages where no code but theirs names them.
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
    """The state of what a function reads from outside, as a number: the same where all of it is the same."""

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
        """Look what there is to watch, and whether there is more than before.

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

    def standings(self) -> list[tuple[Any, Hashable]]:
        """What the function reads that is used up by it, and where that stands now."""
        return [(thing, standing(thing)) for thing in [*self._consumed.values()]]

    def accept_changed(self, number: int, *, is_watched: bool) -> None:
        """Only the function itself was run since the state had this number. What it wrote belongs to that, and is
        watched no longer if it writes it each time: what it writes is not what it reads.

        Args:
            is_watched: it was run once, and may keep there what it does not compute again.
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
    """What a function reads that stands in modules and their classes and is no code, by module and name."""
    search = searched(function)
    named = reversed([*sys.modules.items()])  # the first name is its own: multiprocessing gives __main__ another
    modules = {id(vars(module)): name for name, module in named if isinstance(module, ModuleType)}
    modules |= {id(kind): kind.__module__ for kind in search.kept if isinstance(kind, type)}
    found = {(modules[key], name): read_one(place) for (key, name), place in search.found.items() if key in modules}
    return {key: thing for key, thing in found.items() if not isinstance(thing, CODE) and not is_library(key[0])}


def _is_watched(thing: Any, name: str) -> bool:
    """Whether another one could stand there the next time: what was imported stays what it is."""
    is_imported = is_code_of_library(thing) and name == getattr(thing, "__name__", None)
    return not (is_imported or isinstance(thing, ModuleType))


def _containers(thing: Any) -> list[Any]:
    """Those in a nest that can change, that itself included, and the attributes of such as have some."""
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
            open_ones += each.values() if isinstance(each, MAPPINGS) else each
    return found
