"""Take the arguments of a call apart into arrays."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy

from autograd_mini.compiler.ir.slots import Arguments, Slot, objects
from autograd_mini.primitives import brief, is_real, require_plain, to_float
from autograd_mini.structures import NUMBER, Structure, is_array, may_hold_numbers, other, walk
from autograd_mini.value import Value

DOUBLES = numpy.dtype(numpy.float64)

LARGEST_EXACT = 2**53
"""Whole numbers up to this can be represented exactly as floats."""


class HoldsValues(TypeError):
    """An argument holds Values, or is an array of objects, which may be Values."""


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
    """Take the arguments of a call apart into arrays.

    Args:
        taker: the function's name, for messages.
        static: positions of the arguments that are kept whole, as part of the key.
        floats: positions of the arguments whose integers are numbers like all others.
        takes_values: whether arguments may hold Values.

    Raises:
        HoldsValues: a TypeError; an argument holds Values.
        TypeError: an argument holds an object in which numbers may hide, or numbers that are not real, or is static
            and not hashable.
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
        self.labels: tuple[str, Any] | None = None  # the first pandas argument's name, and its row labels

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
        if batched and "pandas" in sys.modules:
            self._require_labels(structure)
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
        """Add a slot for the leaves that are plain numbers, not arrays."""
        if self.batched:
            path = next(path for path, node in structure.paths(self.name) if node is NUMBER)
            raise ValueError(
                f"{path} of {self.taker} should carry a batch axis, but is a number; give an array whose first axis "
                "is the batch, or name in batch=… the arguments that have one"
            )
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
        """The structure of an argument that is kept whole, as part of the key."""
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
        """The array of a batch given as a list of numbers, or of lists of equal length; None for any other nest."""
        leaves: list[Any] = []
        try:
            if not self.takes_values and type(nest) in (list, tuple) and _is_plain(nest):
                return numpy.array(nest, dtype=DOUBLES)
            if not _is_rectangle(walk(nest, leaves, self._number)):
                return None
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
        if type(thing) is int and abs(thing) <= LARGEST_EXACT:
            self.whole[len(leaves)] = thing
            leaves.append(float(thing))
            return NUMBER
        if is_real(type(thing)):
            if hasattr(thing, "__index__"):
                self.whole[len(leaves)] = int(thing)
            leaves.append(to_float(thing, self.taker))
            return NUMBER
        if may_hold_numbers(thing) or (hasattr(thing, "__dict__") and not (callable(thing) or isinstance(thing, Enum))):
            raise TypeError(
                f"{self._at(thing)} is {brief(thing)} ({type(thing).__name__}); it may hold numbers, NumPy arrays, "
                "strings and None, in lists, tuples, dicts and dataclasses, or be named in static=…"
            )
        return other(thing)

    def _checked(self, given: Any) -> Any:
        """An array as doubles, after a check of its batch axis if the argument is batched."""
        array = given if type(given) is numpy.ndarray and given.dtype is DOUBLES else self._doubles(given)
        if self.batched:
            if array.ndim and self.n_examples == len(array):
                return array
            self._require_batch(array, given)
        return array

    def _doubles(self, array: Any) -> Any:
        array = array if type(array) is numpy.ndarray else require_plain(array, f"{self._at(array)} is")
        if array.dtype.hasobject and self.takes_values:
            flat = [each if isinstance(each, Value) else to_float(each, self.taker) for each in array.ravel().tolist()]
            return objects(flat, array.shape)
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            kind = HoldsValues if array.dtype.hasobject else TypeError
            raise kind(f"{self._at(array)} is an array of {array.dtype}; it must hold real numbers (float64)")
        return numpy.asarray(array, dtype=DOUBLES)

    def _require_batch(self, array: Any, given: Any) -> None:
        """Require a batch axis, as long as those of the other arguments."""
        if array.ndim == 0:
            raise ValueError(f"{self._at(given)} should carry a batch axis, but is an array without axes")
        if self.n_examples is None:
            self.n_examples, self.first_batched = len(array), (self.arg, self.name, given)
        elif len(array) != self.n_examples:
            raise ValueError(
                f"{_path(*self.first_batched)} of {self.taker} has {self.n_examples} examples along its first axis, "
                f"but {_path(self.arg, self.name, given)} has {len(array)}; the two must agree"
            )

    def _require_labels(self, structure: Structure) -> None:
        """Require one order of rows in all pandas arguments: pandas pairs rows by label, a batch by position."""
        for rows in structure.row_labels():
            first, expected = self.labels = self.labels or (self.name, rows)
            if rows is expected or rows.equals(expected):
                continue
            where = self.name if self.name != first else f"another column of {first}"
            raise ValueError(
                f"{where} of {self.taker} has other row labels than {first}, or another order of them; a batch pairs "
                "rows by place: bring them to one order (.align, .reindex), or give .to_numpy()"
            )

    def _at(self, thing: Any) -> str:
        return f"{_path(self.arg, self.name, thing)} of {self.taker}"


def _path(arg: Any, name: str, thing: Any) -> str:
    """How messages refer to a part of an argument: by its path, or by the argument's name if the part is not found."""
    structure = walk(arg, [], lambda part, leaves: other(part))
    return next((path for path, node in structure.paths(name) if node.like is thing), name)


def _is_plain(nest: Any) -> bool:
    """Whether a nest consists of lists, tuples, floats and ints alone."""
    kinds = set(map(type, nest))
    if kinds <= {list, tuple}:
        return all(map(_is_plain, nest))
    return kinds <= {float, int}


def _is_rectangle(structure: Structure) -> bool:
    """Whether a structure consists of lists, tuples and numbers alone."""
    is_list = structure.kind in (list, tuple)
    return structure is NUMBER or (is_list and (structure.is_flat or all(map(_is_rectangle, structure.children))))


@lru_cache(maxsize=256)
def _array_of(shape: tuple[int, ...]) -> Structure:
    return Structure(("array", shape), None, ())
