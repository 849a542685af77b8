"""The arguments of a call as arrays [lanes, width].

All plain numbers of an argument are one array, and each NumPy array is one of its own. What else there is in an
argument, and how it is nested, is its structure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.keys import Exact
from autograd_mini.compiler.program import Floats, Index
from autograd_mini.primitives import brief, is_real, to_float
from autograd_mini.structures import NUMBER, OTHER, Structure, is_array, may_hold_numbers, other, walk
from autograd_mini.value import Value

DOUBLES = numpy.dtype(numpy.float64)


Parts = Callable[[int], list[Any]]
"""Gives what stands in place of the numbers of a slot: of an array one thing, of plain numbers one for each."""


class HoldsValues(TypeError):
    """An argument holds Values, or objects that may be some."""


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
        names: what messages call them.
        structures: one an argument; with `slots` they are the key of the cache of traces.
        slots: what the arrays are.
        ranges: which of them are those of an argument.
        arrays: the numbers, [lanes, width]; possibly views of the caller's memory, only ever read.
        n_examples: the length of the batch; None if no argument has one.
        integers: of slots in which some came as ints, these: by lane, or all of them as an array.
        has_others: whether they hold things that hold no numbers.
    """

    names: Sequence[str]
    structures: Sequence[Structure]
    slots: Sequence[Slot]
    ranges: Sequence[range]
    arrays: list[Any]
    n_examples: int | None
    integers: dict[int, Any]
    has_others: bool

    def key(self) -> Hashable:
        kinds = [each.kind if each.build is None else _key(each) for each in self.structures]
        return tuple(kinds), tuple(self.slots)

    def integer(self, slot: int, lane: int) -> int | None:
        """The number at a place, if it came as an int."""
        found = self.integers.get(slot, {})
        return found.get(lane) if isinstance(found, dict) else int(found[lane])

    def others(self) -> Iterator[tuple[str, Any]]:
        """The things that hold no numbers, and what they are called."""
        for name, structure in zip(self.names, self.structures):
            yield from ((path, node.like) for path, node in structure.paths(name) if node.kind == OTHER)

    def slot_names(self) -> list[str]:
        """What the arrays are called."""
        found = []
        for position, (name, structure) in enumerate(zip(self.names, self.structures)):
            slots = self.ranges[position]
            found += [name] * any(not self.slots[slot].is_array for slot in slots)
            found += [path for path, node in structure.paths(name) if node.kind_name == "array"] if slots else []
        return found

    def slots_of(self, positions: Sequence[int]) -> tuple[int, ...]:
        """Those of some arguments."""
        return tuple([slot for position in positions for slot in self.ranges[position]])

    def rebuilt(self, position: int, parts: Parts, **how: bool) -> Any:
        """An argument with other parts in place of its numbers and arrays: `parts(slot)`, one for each lane if it is
        made of plain numbers, else the only one."""
        structure, slots = self.structures[position], self.ranges[position]
        found = [parts(slot) for slot in slots]
        if structure.build is None:
            return found[0][0]
        if len(slots) > 1 and not self.slots[slots[0]].is_array:
            numbers, arrays = iter(found[0]), (array for (array,) in found[1:])
            leaves = [node for _, node in structure.paths("") if node.kind != OTHER]
            found = [[next(arrays if node.kind_name == "array" else numbers) for node in leaves]]
        return structure.rebuild([part for each in found for part in each], **how)

    def for_function(self, numbers: Sequence[Sequence[Any]]) -> list[Any]:
        """The arguments for one example, of the numbers of each slot; arrays without an axis become a number."""

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
        """The same with some of the examples."""
        arrays = [
            numpy.take(array, rows, axis=1) if slot.batched else array for slot, array in zip(self.slots, self.arrays)
        ]
        return replace(self, arrays=arrays, n_examples=len(rows))


def bind(
    args: Sequence[Any],
    names: Sequence[str],
    batched: Sequence[bool],
    taker: str,
    *,
    static: Collection[int] = (),
    floats: Collection[int] = (),
    takes_values: bool = False,
) -> Arguments:
    """Take arguments apart.

    Args:
        taker: the function, for messages.
        static: positions of those that are taken as they are.
        floats: positions of those in which integers are numbers like all others.
        takes_values: whether they may hold Values.

    Raises:
        HoldsValues: a TypeError; an argument holds Values.
        TypeError: an argument holds something else than real numbers and things without any, or is static and not
            hashable.
        ValueError: batch axes are missing or of unequal length.
    """
    binder = _Binder(taker, takes_values)
    structures, ranges = [], []
    for position, (arg, name) in enumerate(zip(args, names)):
        first = len(binder.slots)
        if position in static:
            structures.append(binder.static(arg, name))
        else:
            structures.append(binder.argument(position, arg, name, batched[position], position not in floats))
        ranges.append(range(first, len(binder.slots)))
    found = binder.arrays, binder.n_examples, binder.integers, binder.has_others
    return Arguments(names, structures, binder.slots, ranges, *found)


class _Binder:
    def __init__(self, taker: str, takes_values: bool) -> None:
        self.taker = taker
        self.takes_values = takes_values
        self.slots: list[Slot] = []
        self.arrays: list[Any] = []
        self.n_examples: int | None = None
        self.first_batched: tuple[Any, str, Any] = (None, "", None)  # argument, its name, the array in it
        self.integers: dict[int, Any] = {}
        self.has_others = False

    def argument(self, position: int, arg: Any, name: str, batched: bool, counts: bool) -> Structure:
        if batched and isinstance(arg, (list, tuple)) and (given := self._as_array(arg)) is not None:
            arg = given
        self.arg, self.name, self.batched = arg, name, batched
        if isinstance(arg, numpy.ndarray):
            return self._add_array(self._checked(arg), arg, position, counts)
        self.found: list[tuple[Any, Any]] = []  # arrays, as doubles and as given
        self.whole: dict[int, int] = {}  # integers, by their place among the leaves
        leaves: list[Any] = []
        structure = walk(arg, leaves, self._take)
        self.has_others = self.has_others or structure.has_others
        if len(leaves) > len(self.found):
            self._add_numbers(leaves, structure, position, counts)
        for array, given in self.found:
            self._add_array(array, given, position, counts)
        return structure

    def _add_array(self, array: Any, given: Any, position: int, counts: bool) -> Structure:
        if self.batched:
            shape = array.shape[1:]
            rows = array.reshape(len(array), math.prod(shape)).T
        else:
            shape = array.shape
            rows = array.reshape(-1, 1)
            if counts and given.dtype.kind in "iu":
                self.integers[len(self.slots)] = given.ravel()
        self.arrays.append(rows)
        self.slots.append(Slot(shape, self.batched, position, True))
        return _array_of(shape)

    def _add_numbers(self, leaves: list[Any], structure: Structure, position: int, counts: bool) -> None:
        """The leaves that are no arrays."""
        if self.batched:
            self._refuse_number(structure)
        places = (
            [place for place, leaf in enumerate(leaves) if not is_array(leaf)] if self.found else range(len(leaves))
        )
        numbers = [leaves[place] for place in places] if self.found else leaves
        holds_values = self.takes_values and any(isinstance(number, Value) for number in numbers)
        if counts and self.whole:
            lanes = {lane: self.whole[place] for lane, place in enumerate(places) if place in self.whole}
            self.integers[len(self.slots)] = lanes
        self.arrays.append(numpy.array(numbers, dtype=object if holds_values else float)[:, None])
        self.slots.append(Slot((len(numbers),), False, position, False))

    def static(self, arg: Any, name: str) -> Structure:
        """An argument that is taken as it is."""
        try:
            hash(arg)
        except TypeError:
            raise TypeError(
                f"{name} of {self.taker} is static and must be hashable, as it is part of a key, got {brief(arg)} "
                f"({type(arg).__name__}); make it a tuple, a frozen dataclass or the like"
            ) from None
        self.has_others = True
        return other(arg)

    def _as_array(self, nest: Sequence[Any]) -> Any:
        """A batch that came as a list of numbers, or of lists of equally many; None for any other nest."""
        leaves: list[Any] = []
        try:
            walk(nest, leaves, self._number)
            array = numpy.array(nest, dtype=object if self.takes_values else DOUBLES)
        except (TypeError, ValueError, OverflowError):
            return None
        return array if array.size == len(leaves) else None

    def _number(self, thing: Any, leaves: list[Any]) -> Structure:
        if not is_real(type(thing)) or (isinstance(thing, Value) and not self.takes_values):
            raise TypeError
        leaves.append(thing)
        return NUMBER

    def _take(self, thing: Any, leaves: list[Any]) -> Structure:
        if isinstance(thing, numpy.ndarray):
            array = self._checked(thing)
            leaves.append(array)
            self.found.append((array, thing))
            return _array_of(array.shape[self.batched :])
        if isinstance(thing, Value):
            if not self.takes_values:
                raise HoldsValues(f"{self._at(thing)} is a Value; it takes plain numbers and arrays here")
            leaves.append(thing)
            return NUMBER
        if is_real(type(thing)):
            if hasattr(thing, "__index__"):
                self.whole[len(leaves)] = int(thing)
            leaves.append(to_float(thing, self.taker))
            return NUMBER
        if may_hold_numbers(thing):
            raise TypeError(
                f"{self._at(thing)} is {brief(thing)} ({type(thing).__name__}); it may hold numbers, NumPy arrays, "
                "texts and None, in lists, tuples, dicts and dataclasses, or be named in static=…"
            )
        return other(thing)

    def _checked(self, given: Any) -> Any:
        """An array as doubles, with a batch axis if that is required."""
        array = given if type(given) is numpy.ndarray and given.dtype is DOUBLES else self._doubles(given)
        if self.batched:
            if array.ndim and self.n_examples == len(array):
                return array
            self._require_batch(array, given)
        return array

    def _doubles(self, array: Any) -> Any:
        if array.dtype.hasobject and self.takes_values:
            flat = [each if isinstance(each, Value) else to_float(each, self.taker) for each in array.ravel().tolist()]
            return objects(flat, array.shape)
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            kind = HoldsValues if array.dtype.hasobject else TypeError
            raise kind(f"{self._at(array)} is an array of {array.dtype}; it must hold real numbers (float64)")
        if isinstance(array, numpy.ma.MaskedArray):
            raise TypeError(f"{self._at(array)} is a masked array, and its mask would be lost; give it .filled(…)")
        return numpy.asarray(array, dtype=DOUBLES)

    def _require_batch(self, array: Any, given: Any) -> None:
        """Require an axis as long as that of the others."""
        if array.ndim == 0:
            raise ValueError(f"{self._at(given)} should carry a batch axis, but is an array without any axis")
        if self.n_examples is None:
            self.n_examples, self.first_batched = len(array), (self.arg, self.name, given)
        elif len(array) != self.n_examples:
            raise ValueError(
                f"{_path(*self.first_batched)} of {self.taker} has {self.n_examples} examples along its first axis, "
                f"but {_path(self.arg, self.name, given)} has {len(array)}; a batch needs equally many"
            )

    def _refuse_number(self, structure: Structure) -> None:
        path = next(path for path, node in structure.paths(self.name) if node is NUMBER)
        raise ValueError(
            f"{path} of {self.taker} should carry a batch axis, but is a number; give an array whose first axis "
            "is the batch, or name in batch=… the arguments that have one"
        )

    def _at(self, thing: Any) -> str:
        return f"{_path(self.arg, self.name, thing)} of {self.taker}"


def _path(arg: Any, name: str, thing: Any) -> str:
    """What a part of an argument is called."""
    structure = walk(arg, [], lambda part, leaves: other(part))
    return next((path for path, node in structure.paths(name) if node.like is thing), name)


@lru_cache(maxsize=256)
def _array_of(shape: tuple[int, ...]) -> Structure:
    return Structure(("array", shape), None, ())


def objects(numbers: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """An array of Values."""
    array = numpy.empty(len(numbers), dtype=object)
    array[:] = numbers
    return array.reshape(shape)


def _key(structure: Structure) -> Hashable:
    """What is equal for structures that one trace serves."""
    if structure.build is None:
        return structure.kind  # type: ignore[no-any-return]
    if structure.kind == OTHER:
        thing = structure.like
        has_attributes = hasattr(thing, "__dict__") and not callable(thing)
        return OTHER, _exact(thing), Exact(vars(thing)) if has_attributes else None
    is_plain = structure.is_flat and all(child is NUMBER for child in structure.children)
    children = structure.size if is_plain else tuple([_key(child) for child in structure.children])
    if structure.kind_name == "dict":
        like = None if structure.like is None else Exact(structure.like)
        return "dict", tuple(map(_exact, structure.kind[1])), children, like
    if structure.kind_name == "column" and structure.children[0].kind[1]:  # else there is only one row to see
        return "column", Exact(structure.like.tolist()), children
    return structure.kind, children


def _exact(thing: Any) -> Any:
    """A key or text as what equals only its like; plain texts do so themselves."""
    return thing if type(thing) is str else Exact(thing)
