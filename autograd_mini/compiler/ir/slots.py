"""The arguments of a call: arrays [lanes, width], and structures, which with the arrays' shapes make up the layout.

All plain numbers of an argument are one array, and each NumPy array is one of its own. The structure of an argument
tells how it is nested, and what else is in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from types import FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.ir.keys import Exact
from autograd_mini.compiler.ir.program import Floats, Index
from autograd_mini.structures import NUMBER, OTHER, Structure

Parts = Callable[[int], list[Any]]
"""Returns what stands in place of the numbers of a slot: one thing for an array, one for each of plain numbers."""


class Slot(NamedTuple):
    """One array among the arguments: its shape without the batch axis, whether it has one, whose it is, and whether
    it came as an array or is made of plain numbers."""

    shape: tuple[int, ...]
    batched: bool
    argument: int
    is_array: bool

    @property
    def lanes(self) -> int:
        return math.prod(self.shape)


@dataclass(eq=False, slots=True)
class Arguments:
    """The arguments of one call.

    Attributes:
        names: their names in messages.
        structures: one for each argument; with `slots` they are the key of the cache of traces.
        slots: one for each array.
        ranges: for each argument, which slots are its own.
        arrays: the numbers, [lanes, width]; possibly views of the caller's memory, only ever read.
        n_examples: the length of the batch; None if no argument has one.
        integers: for each slot in which some numbers were given as ints, these: by lane, or all as an array.
        has_others: whether they hold things that hold no numbers.
        by_name: the names of those at the end that the function is given by name.
    """

    names: Sequence[str]
    structures: Sequence[Structure]
    slots: Sequence[Slot]
    ranges: Sequence[range]
    arrays: list[Any]
    n_examples: int | None
    integers: dict[int, Any]
    has_others: bool
    by_name: Sequence[str] = ()

    def key(self) -> Hashable:
        kinds = [each.kind if each.build is None else _key(each) for each in self.structures]
        return tuple(kinds), tuple(self.slots), self.by_name

    def integer(self, slot: int, lane: int) -> int | None:
        """The number at a place, if it was given as an int."""
        found = self.integers.get(slot, {})
        return found.get(lane) if isinstance(found, dict) else int(found[lane])

    def others(self) -> Iterator[tuple[str, Any]]:
        """The things that hold no numbers, each after its path."""
        for name, structure in zip(self.names, self.structures):
            yield from ((path, node.like) for path, node in structure.paths(name) if node.kind == OTHER)

    def classes(self) -> Iterator[type]:
        """The classes of all nests and things, and classes that are themselves given."""
        open_ones = [*self.structures]
        while open_ones:
            structure = open_ones.pop()
            given = structure.like if structure.kind == OTHER else None
            yield structure.kind if isinstance(structure.kind, type) else type(structure.like)
            yield from [given] if isinstance(given, type) else []
            open_ones += () if structure.is_flat else structure.children

    def slot_names(self) -> list[str]:
        """The names of the arrays: their paths in the arguments."""
        found = []
        for position, (name, structure) in enumerate(zip(self.names, self.structures)):
            slots = self.ranges[position]
            found += [name] * any(not self.slots[slot].is_array for slot in slots)
            found += [path for path, node in structure.paths(name) if node.kind_name == "array"] if slots else []
        return found

    def slots_of(self, positions: Sequence[int]) -> tuple[int, ...]:
        """The slots of some arguments."""
        return tuple([slot for position in positions for slot in self.ranges[position]])

    def leaves(self, position: int) -> Iterator[tuple[int, range]]:
        """The numbers and arrays of an argument in the order of its nest: for each its slot, and its lanes there."""
        slots, n_numbers = iter(self.ranges[position]), count()
        first = next(slots) if not all(self.slots[slot].is_array for slot in self.ranges[position]) else -1
        for _, node in self.structures[position].paths(""):
            if node.kind is None:
                lane = next(n_numbers)
                yield first, range(lane, lane + 1)
            elif node.kind != OTHER:
                slot = next(slots)
                yield slot, range(self.slots[slot].lanes)

    def rebuilt(self, position: int, parts: Parts, **how: bool) -> Any:
        """An argument with other parts in place of its numbers and arrays: `parts(slot)`, one for each lane if it is
        made of plain numbers, else the only one."""
        structure, slots = self.structures[position], self.ranges[position]
        found = [parts(slot) for slot in slots]
        if structure.build is None:
            return found[0][0]
        if len(slots) > 1 and not self.slots[slots[0]].is_array:
            found = [[found[slot - slots[0]][lanes.start] for slot, lanes in self.leaves(position)]]
        return structure.rebuild([part for each in found for part in each], **how)

    def for_function(self, numbers: Sequence[Sequence[Any]]) -> list[Any]:
        """The arguments for one example, given the numbers of each slot; arrays without an axis become a number."""

        def parts(number: int) -> list[Any]:
            slot = self.slots[number]
            if not slot.is_array:
                return [*numbers[number]]
            return [objects(numbers[number], slot.shape) if slot.shape else numbers[number][0]]

        return [self.rebuilt(position, parts, initialises=True) for position in range(len(self.structures))]

    def example(self, row: int) -> list[Floats]:
        """The numbers of one example; ones if there is none."""
        columns = [row if slot.batched else 0 for slot in self.slots]
        return [
            array[:, column] if array.shape[1] else numpy.ones(len(array))
            for array, column in zip(self.arrays, columns)
        ]

    def part(self, rows: Index) -> Arguments:
        """The same arguments, for some of the examples."""
        arrays = [
            numpy.take(array, rows, axis=1) if slot.batched else array for slot, array in zip(self.slots, self.arrays)
        ]
        return replace(self, arrays=arrays, n_examples=len(rows))


def objects(numbers: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """An array of Values or other objects."""
    return numpy.fromiter(numbers, dtype=object, count=len(numbers)).reshape(shape)


def _key(structure: Structure) -> Hashable:
    """A key that is equal for structures that one trace serves."""
    if structure.build is None:
        return structure.kind  # type: ignore[no-any-return]
    if structure.kind == OTHER:
        return OTHER, _exact(structure.like), *_attributes(structure.like, set())
    is_plain = structure.is_flat and all(child is NUMBER for child in structure.children)
    children = structure.size if is_plain else tuple([_key(child) for child in structure.children])
    if structure.kind_name == "dict":
        like = None if structure.like is None else Exact(structure.like)
        return "dict", tuple(map(_exact, structure.kind[1])), children, like
    if structure.kind_name == "labelled" and len(structure.children[0].kind[1]) == len(structure.like):
        # in a batch the function sees single rows, as arrays without labels
        return "labelled", Exact([axis.tolist() for axis in structure.like]), children
    return structure.kind, children


def _attributes(thing: Any, seen: set[int]) -> Iterator[Exact]:
    """The attributes of an object, of the objects in these, and so on; what functions read is watched elsewhere."""
    if id(thing) in seen or isinstance(thing, (type, FunctionType, MethodType, partial, ModuleType, str)):
        return
    seen.add(id(thing))
    parts: Any = thing if isinstance(thing, (list, tuple)) else thing.values() if isinstance(thing, dict) else ()
    if hasattr(thing, "__dict__"):
        yield Exact(vars(thing))
        parts = [*parts, *vars(thing).values()]
    for part in parts:
        yield from _attributes(part, seen)


def _exact(thing: Any) -> Any:
    """A key that equals only its like; a plain text does so itself."""
    return thing if type(thing) is str else Exact(thing)
