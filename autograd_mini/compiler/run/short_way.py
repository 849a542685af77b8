"""The short way: one call of machine code reads numbers, lists and arrays, runs a program, and builds its results."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, pairwise
from typing import Any

import numpy

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.emit_products import add_up
from autograd_mini.compiler.code.engine import DRIVE, POINT, addresses
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.sum_tables import bits
from autograd_mini.compiler.ir.program import Floats, Index, Pack
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.entry import COUNTS, WORDS, text
from autograd_mini.compiler.run.marshalling import MAKE, READ
from autograd_mini.compiler.run.prepared import Prepared, prepared_for
from autograd_mini.compiler.run.python_calls import addresses_of, as_builtin, is_possible
from autograd_mini.compiler.run.watch import Watch

Short = Callable[[tuple[Any, ...]], Any]
"""Returns the results for a tuple of arguments; None if the long way has to be taken."""

Lane = tuple[str, int]
"""The name of a result, and a lane of it."""

Read = tuple[str, int, int, int, int, "tuple[Pack, int] | None", int, Any]
"""A thing to read: a record as described at `marshalling.READ`, but with its kind by name, its leaf and its object."""


@dataclass(eq=False)
class Layout:
    """How the arguments are read, and how the results are made.

    Attributes:
        has_columns: whether there are several examples.
    """

    n_args: int
    has_columns: bool
    reads: list[Read] = field(default_factory=list)
    makes: list[tuple[int, int, int, int]] = field(default_factory=list)
    picks: list[Lane] = field(default_factory=list)
    held: list[Any] = field(default_factory=list)
    depth: int = 0
    deepest: int = 0

    def read(
        self, kind: str, at: tuple[int, int], to: tuple[Pack, int] | None = None, size: int = 0, what: Any = None
    ) -> int:
        """Add a thing to read; return its number. `at`: the holder's number, 0 for all arguments, and the place there.

        Args:
            to: where its numbers go: a leaf, and the first lane.
            what: its type, its shape without columns, or itself; for an attribute, the holder and the name.
        """
        holder, name = what if kind == "attribute" else (0, 0)
        self.held.append(what)
        self.reads.append((kind, *at, id(holder), id(name), to, size, what))
        return len(self.reads)

    def array(self, shape: tuple[int, ...], is_batched: bool) -> tuple[str, tuple[int, ...]]:
        """The kind and shape of an array; if it has a batch of one example, its shape begins with 1."""
        if is_batched and self.has_columns:
            return "columns", shape
        return "array", (1, *shape) if is_batched else shape

    def make(self, kind: str, size: int = 0, picks: Sequence[Lane] = (), what: Any = None) -> None:
        """Add a thing to make.

        Args:
            size: how many of the things made before are its parts.
            picks: where its numbers come from.
            what: its shape without columns, or `list` or `tuple`.
        """
        address = id(what)
        if kind in ("nest", "numbers"):
            name = "List" if what is list else "Tuple"
            functions = [getattr(ctypes.pythonapi, f"Py{name}_{each}") for each in ("New", "SetItem")]
            address, numbers = memory.table([[ctypes.cast(each, ctypes.c_void_p).value or 0 for each in functions]], 2)
            self.held.append(numbers)
        elif kind in ("array", "columns"):
            self.held.append((what,) if kind == "array" else partial(_rows, what) if what else numpy.empty)
            address = id(self.held[-1])
        self.depth += 1 - size
        self.deepest = max(self.deepest, self.depth)
        self.makes.append((MAKE.index(kind), len(self.picks), size or len(picks), address))
        self.picks += picks


def _rows(shape: tuple[int, ...], n: int) -> Floats:
    return numpy.empty((n, *shape))


@dataclass(frozen=True)
class Entry:
    """The frame of a program on the short way: its numbers and tables.

    Attributes:
        at: the address of its words.
        most: how many columns it has room for.
        cache: where machine code is kept.
        held: all objects that it points to.
    """

    at: int
    most: int
    cache: CodeCache | None
    held: list[Any] = field(repr=False)


_is_asked_for = False


def is_wanted() -> bool:
    """Whether this is not the first time in this process that it is asked: the code of all short ways, which is the
    same, takes 27 ms to compile, and many a script calls one function, once."""
    global _is_asked_for
    before, _is_asked_for = _is_asked_for, True
    return before


def entry_of(executor: Any, layout: Layout, n_guards: int, most: int, *, is_mean: bool) -> Entry | None:
    """The frame of a program that machine code can run alone, in one memory; None for any other. Results that the
    program does not have are 0.

    Args:
        n_guards: how many decisions there are.
        most: how many columns there may be; 1 if there is no batch.
        is_mean: whether results are divided by the number of columns.
    """
    if not is_possible() or executor.seeds:
        return None
    prepared = prepared_for(executor, most)
    if prepared is None or (n_guards and "guards" not in prepared.lanes):
        return None
    lanes = prepared.lanes
    checked = _checked(prepared, [name for name in lanes if name != "guards"])
    picks = numpy.array([lanes[name][lane] if name in lanes else 0 for name, lane in layout.picks], numpy.int64)
    block, array = MAKE.index("block"), MAKE.index("array")
    makes = [
        (block if kind == array and len(_runs(picks[first : first + size])) == 1 else kind, first, size, what)
        for kind, first, size, what in layout.makes
    ]
    held: list[Any] = []
    reads = [_read(prepared, held, read) for read in layout.reads]
    tables = {
        "reads": memory.table(reads, 8),
        "held": memory.table([[0] * (len(reads) + 2)], 1),
        "checked": memory.table(checked, 3),
        "makes": memory.table(makes, 4),
        "made": memory.table([[0] * (layout.deepest + 1)], 1),
        "picks": memory.table([picks], 1),
    }
    objects = {"float": float, "array": numpy.ndarray, "empty": numpy.empty, "none": None, "exception": Exception}
    drivers = addresses([DRIVE, POINT, add_up(prepared.words["width"])], keep=True, cache=executor.cache)
    words = dict.fromkeys(COUNTS, 0) | {word: address for word, (address, _) in tables.items()}
    words |= {word: id(each) for word, each in objects.items()}
    words |= zip(("drive", "point", "add_up"), drivers)
    words |= {"numbers": memory.address(prepared.numbers, prepared.numbers.shape), "busy": 0, "is_mean": is_mean}
    words |= {"n": not layout.has_columns, "most": most, "n_args": layout.n_args}
    words |= {"n_reads": len(reads), "n_makes": len(layout.makes), "n_checked": len(checked)}
    words |= {"guard": lanes["guards"][0] if n_guards else 0, "decides": n_guards > 0}
    words["agreed"] = bits(n_guards)
    words |= prepared.words
    address, held_words = memory.table([[words[word] for word in WORDS]], len(WORDS))
    return Entry(address, most, executor.cache, [layout, executor, prepared, tables, held, held_words, objects])


def _read(prepared: Prepared, held: list[Any], read: Read) -> list[int]:
    """The record of a thing to read; for an array, with a table."""
    kind, outer, place, holder, name, to, size, what = read
    address = id(what)
    if kind in ("array", "columns"):
        assert to is not None
        has_columns = kind == "columns"
        lengths = [0, *what] if has_columns else what
        block = prepared.blocks[to[0]] if has_columns else (0, 0)
        address, numbers = memory.table([[*block, has_columns, len(lengths), *lengths]], 4 + len(lengths))
        held.append(numbers)
    first = 0 if to is None else prepared.first[to[0]] + to[1]
    return [READ.index(kind), outer, place, holder, name, first, size, address]


def _checked(prepared: Prepared, names: Iterable[str]) -> list[tuple[int, int, int]]:
    """Runs of numbers that have to be finite, each number once: where a run begins, how many numbers it has, and how
    many more for each column."""
    rows = sorted({*chain.from_iterable(prepared.lanes[name].tolist() for name in names if name in prepared.rows)})
    single = {*chain.from_iterable(prepared.lanes[name].tolist() for name in names if name not in prepared.rows)}
    runs = _runs(numpy.array(sorted(single), numpy.int64))
    return [(row, 0, 1) for row in rows] + [(first, count, 0) for first, count in runs]


def _runs(places: Index) -> list[tuple[int, int]]:
    """The runs of consecutive places: the first place of each, and its length."""
    bounds = [0, *(numpy.flatnonzero(numpy.diff(places) != 1) + 1).tolist(), places.size]
    return [(int(places[start]), stop - start) for start, stop in pairwise(bounds) if start < stop]


def short(entry: Entry, watch: Watch) -> Short:
    """The function that runs a frame as long as what is watched is the same."""
    address, *_ = addresses_of(text(host_width()), cache=entry.cache, effort=1)
    return as_builtin(address, (entry.at, *watch.at, entry, watch))
