"""The short way for one example: numbers, lists and arrays in and out, all in one call of machine code."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.emit_products import copy_weights
from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.kernels import SCRATCH, SIZES, SUMS, UNIFORM
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.sum_tables import bits
from autograd_mini.compiler.ir.program import TIED, Floats, Index, Pack
from autograd_mini.compiler.partition import MOST_ALONE
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.arena import ArenaExecutor
from autograd_mini.compiler.run.entry import MAKE, READ, WORDS, text
from autograd_mini.compiler.run.machine import Runner
from autograd_mini.compiler.run.python_calls import address_of, as_builtin, is_possible
from autograd_mini.compiler.run.running import KernelStep
from autograd_mini.compiler.run.watch import Watch

Short = Callable[[tuple[Any, ...]], Any]
"""Gives the results for a tuple of arguments, None where the long way has to be taken."""

Lane = tuple[str, int]
"""The name of a result, and a lane of it."""


class Layout:
    """How so many arguments are read, and the results are made."""

    depth: int
    deepest: int

    def __init__(self, n_args: int) -> None:
        self.n_args = n_args
        self.reads: list[tuple[int, int, int, int, int, tuple[Pack, int] | None, int, int]] = []
        self.makes: list[tuple[int, int, int, int]] = []
        self.picks: list[Lane] = []
        self.depth = self.deepest = 0
        self.held: list[Any] = []

    def read(
        self, kind: str, at: tuple[int, int], to: tuple[Pack, int] | None = None, size: int = 0, what: Any = None
    ) -> int:
        """Read a thing that the thing `at` a number, 0 for the tuple of arguments, holds at a place; gives its number.

        Args:
            to: where its numbers go: a leaf, and the first lane.
            what: its type, its shape or itself; of an attribute the holder and the name.
        """
        holder, name = what if kind == "attribute" else (0, 0)
        if kind == "array":
            address, numbers = memory.table([[len(what), *what]], 1 + len(what))
            self.held.append(numbers)
        else:
            address = id(what)
        self.held.append(what)
        self.reads.append((READ.index(kind), *at, id(holder), id(name), to, size, address))
        return len(self.reads)

    def make(self, kind: str, size: int = 0, picks: Sequence[Lane] = (), what: Any = None) -> None:
        """Make a thing.

        Args:
            size: how many of those made before are its parts.
            picks: its numbers.
            what: its shape, or whether it is a list or a tuple.
        """
        address = id(what)
        if kind in ("nest", "numbers"):
            name = "List" if what is list else "Tuple"
            functions = [getattr(ctypes.pythonapi, f"Py{name}_{each}") for each in ("New", "SetItem")]
            address, numbers = memory.table([[ctypes.cast(each, ctypes.c_void_p).value or 0 for each in functions]], 2)
            self.held.append(numbers)
        elif kind == "array":
            self.held.append((what,))
            address = id(self.held[-1])
        self.depth += 1 - size
        self.deepest = max(self.deepest, self.depth)
        self.makes.append((MAKE.index(kind), len(self.picks), size or len(picks), address))
        self.picks += picks


@dataclass(frozen=True)
class Entry:
    """The numbers and tables of a program for one example at a time.

    Attributes:
        at: where its words are.
        cache: where machine code is kept.
        held: all that it points to.
    """

    at: int
    cache: CodeCache | None
    held: list[Any] = field(repr=False)


class Prepared(NamedTuple):
    """A program with memory of its own.

    Attributes:
        numbers: all of them.
        first: where those of each leaf begin.
        lanes: where those of each result are.
        sums: where those are that begin with 0.0, and how many.
        functions: the addresses of the bodies and of where their pointers start, how many they are, and the address
            of the pointers.
        work: how many pointers there are, or how much else they stand for.
        held: all that these need.
    """

    numbers: Floats
    first: Mapping[Pack, int]
    lanes: Mapping[str, Index]
    sums: tuple[int, int]
    functions: tuple[int, int, int, int]
    work: int
    held: list[Any]


def entry_of(executor: Any, layout: Layout, names: Sequence[str], n_guards: int) -> Entry | None:
    """What runs a program that machine code alone runs in one memory; None for any other.

    Args:
        names: the results; those of which there are none are 0.
        n_guards: how many decisions there are.
    """
    if not is_possible() or executor.seeds:
        return None
    if isinstance(executor, ArenaExecutor):
        prepared: Prepared | None = _of_arena(executor)
    else:
        prepared = _of_kernel(executor) if isinstance(executor, Runner) else None
    if prepared is None or (n_guards and "guards" not in prepared.lanes):
        return None
    lanes = {name: prepared.lanes[name] for name in [*names, TIED, "guards"] if name in prepared.lanes}
    numbers, (sums, n_sums) = prepared.numbers, prepared.sums
    base = memory.address(numbers, numbers.shape)
    checked = [run for name, places in lanes.items() if name != "guards" for run in _runs(places)]
    picks = numpy.array([lanes[name][lane] if name in lanes else 0 for name, lane in layout.picks], numpy.int64)
    block, array = MAKE.index("block"), MAKE.index("array")
    makes = [
        (block if kind == array and len(_runs(picks[first : first + size])) == 1 else kind, first, size, what)
        for kind, first, size, what in layout.makes
    ]
    reads = [
        [*record, 0 if to is None else prepared.first[to[0]] + to[1], size, what]
        for *record, to, size, what in layout.reads
    ]
    tables = {
        "reads": memory.table(reads, 8),
        "held": memory.table([[0] * (len(reads) + 2)], 1),
        "checked": memory.table(checked, 2),
        "makes": memory.table(makes, 4),
        "made": memory.table([[0] * (layout.deepest + 1)], 1),
        "picks": memory.table([picks], 1),
    }
    objects = {"float": float, "array": numpy.ndarray, "empty": numpy.empty, "none": None}
    words = {word: address for word, (address, _) in tables.items()} | {
        word: id(each) for word, each in objects.items()
    }
    words |= dict(zip(("bodies", "starts", "count", "p"), prepared.functions)) | {"numbers": base}
    words |= {"n_args": layout.n_args, "n_reads": len(reads), "n_makes": len(layout.makes), "busy": 0}
    words |= {"n_sums": n_sums, "sums": base + 8 * sums, "lets_go": prepared.work > MOST_ALONE}
    words |= {"n_checked": len(checked), "guard": lanes["guards"][0] if n_guards else 0}
    words["agreed"] = bits(n_guards)
    address, held_words = memory.table([[words[word] for word in WORDS]], len(WORDS))
    return Entry(address, executor.cache, [layout, executor, prepared, tables, held_words, objects])


def _of_arena(executor: ArenaExecutor) -> Prepared:
    ready = executor.ready()
    return Prepared(ready.numbers, executor.first, executor.results, (0, 0), ready.called, executor.work, [ready])


def _of_kernel(executor: Runner) -> Prepared | None:
    """A program that is one kernel."""
    if len(executor.steps) != 1 or not isinstance(executor.steps[0], KernelStep):
        return None
    step = executor.steps[0]
    kernel, summed = step.kernel, dict(step.summed)
    n_constants, n_sums, n_weights = len(kernel.constants), kernel.n_sums, kernel.n_weights
    inputs = numpy.reshape(kernel.uniform, (-1, 2))
    slots, n_read = step.slots.copy(), len(inputs) - n_weights
    is_uniform = slots[:, 0] == UNIFORM
    is_weight = is_uniform & (slots[:, 1] >= n_constants + n_read)
    is_input = is_uniform & (slots[:, 1] >= n_constants) & ~is_weight
    slots[is_input] = inputs[slots[is_input, 1] - n_constants]
    slots[is_weight, 1] -= n_read
    bodies, starts, count = step.functions(1)
    held = [bodies, starts]
    if n_weights:  # the first function puts them side by side
        slots = numpy.concatenate([[(SIZES, 5), (UNIFORM, n_constants)], inputs[n_read:], slots])
        code = addresses([copy_weights()], keep=True, cache=step.cache)
        bodies = code.table([*code, *bodies])
        starts = (ctypes.c_int64 * (count + 1))(0, *[start + 2 + n_weights for start in starts])
        count += 1
    used = {SUMS, *executor.leaves.values(), *executor.constants, *executor.own, *numpy.unique(slots[:, 0]).tolist()}
    sizes = dict(enumerate(executor.lanes))
    sizes |= {UNIFORM: n_constants + n_weights, SCRATCH: kernel.n_scratch, SUMS: n_sums, SIZES: 6}
    first, end = {}, 1
    for place in sorted(used - summed.keys()):
        first[place], end = end, end + sizes[place]
    first |= {place: first[SUMS] + part.start for place, part in summed.items()}
    results = {name: found[0] for name, found in executor.results.items()}
    if any(place not in first or gather.absent is not None for place, gather in results.values()):
        return None
    numbers = memory.copied(numpy.zeros(end))
    whole = numpy.array([1, 1, 1, n_sums, len(kernel.added), n_weights], numpy.int64)
    known: dict[int, Any] = {**executor.constants, UNIFORM: kernel.constants, SIZES: whole.view(float)}
    for place, held in known.items():
        if place in first:
            numbers[first[place] :][: len(held)] = held
    lanes = {name: first[place] + numpy.arange(sizes[place])[gather.rows] for name, (place, gather) in results.items()}
    starts_of = numpy.zeros(len(sizes) + 4, numpy.int64)
    starts_of[[*first]] = [*first.values()]
    base = memory.address(numbers, numbers.shape)
    pointers, table = memory.table([base + 8 * (starts_of[slots[:, 0]] + slots[:, 1])], 1)
    return Prepared(
        numbers,
        {pack: first[place] for pack, place in executor.leaves.items()},
        lanes,
        (first[SUMS], n_sums),
        (ctypes.addressof(bodies), ctypes.addressof(starts), count, pointers),
        len(slots),
        [*held, bodies, starts, table],
    )


def _runs(places: Index) -> list[tuple[int, int]]:
    """The first of places that follow each other, and how many do."""
    bounds = [0, *(numpy.flatnonzero(numpy.diff(places) != 1) + 1).tolist(), places.size]
    return [(int(places[start]), stop - start) for start, stop in pairwise(bounds) if start < stop]


def short(entry: Entry, watch: Watch) -> Short:
    """The function that runs it as long as what is watched is the same."""
    return as_builtin(address_of(text(host_width()), entry.cache), (entry.at, *watch.at, entry, watch))
