"""Bind: arguments as arrays [lanes, width], and arrays as nests again.

All plain numbers of an argument are one array, and each NumPy array is one of its own. A *template* is the nest of
an argument with the place of each number in place of it, and texts and None as they are; it is hashable, and equal for
arguments that one trace serves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.keys import Exact
from autograd_mini.compiler.program import Floats, Index
from autograd_mini.primitives import brief, is_real, to_float
from autograd_mini.structures import NUMBER, Structure
from autograd_mini.value import Value

Template = tuple[Any, ...]

DOUBLES = numpy.dtype(numpy.float64)


class HoldsValues(TypeError):
    """An argument holds Values, or objects that may be some."""


class Slot(NamedTuple):
    """One array among the arguments: its name, its shape without the batch axis, whether it has one."""

    name: str
    shape: tuple[int, ...]
    batched: bool
    argument: int

    @property
    def lanes(self) -> int:
        return math.prod(self.shape)


@dataclass(eq=False)
class Bound:
    """The arguments of one call.

    Attributes:
        templates: one an argument; with `slots` they are the key of the cache of traces.
        slots: what the arrays are.
        arrays: the numbers, [lanes, width]; possibly views of the caller's memory, only ever read.
        n_examples: the length of the batch; None if no argument has one.
        fixed: what is no number, in words.
    """

    templates: tuple[Template, ...]
    slots: tuple[Slot, ...]
    arrays: list[Floats]
    n_examples: int | None
    fixed: list[str]

    @property
    def key(self) -> Any:
        return self.templates, self.slots

    def example(self, row: int) -> list[Floats]:
        """The numbers of one example; ones if there is none."""
        columns = [row if slot.batched else 0 for slot in self.slots]
        return [
            array[:, column] if array.shape[1] else numpy.ones(len(array))
            for array, column in zip(self.arrays, columns)
        ]

    def part(self, rows: Index) -> Bound:
        """The same with some of the examples."""
        arrays = [
            numpy.take(array, rows, axis=1) if slot.batched else array for slot, array in zip(self.slots, self.arrays)
        ]
        return replace(self, arrays=arrays, n_examples=len(rows))


def bind(args: Sequence[Any], names: Sequence[str], batched: Sequence[bool], taker: str) -> Bound:
    """Take arguments apart.

    Raises:
        HoldsValues: a TypeError; an argument holds Values.
        TypeError: an argument holds something else than real numbers.
        ValueError: batch axes are missing or of unequal length.
    """
    binder = _Binder(taker)
    templates = tuple(
        binder.argument(position, arg, names[position], batched[position]) for position, arg in enumerate(args)
    )
    return Bound(templates, tuple(binder.slots), binder.arrays, binder.n_examples, binder.fixed)


class _Binder:
    def __init__(self, taker: str) -> None:
        self.taker = taker
        self.slots: list[Slot] = []
        self.arrays: list[Floats] = []
        self.n_examples: int | None = None
        self.first_batched = ""
        self.fixed: list[str] = []

    def argument(self, position: int, arg: Any, name: str, batched: bool) -> Template:
        if batched and isinstance(arg, (list, tuple)) and (given := _as_array(arg)) is not None:
            arg = given
        if isinstance(arg, numpy.ndarray):
            return self._array(arg, name, position, batched)
        numbers: list[float] = []
        number_slot = len(self.slots)
        self.slots.append(Slot(name, (), False, position))  # of the plain numbers; dropped if there are none
        self.arrays.append(numpy.empty((0, 1)))
        template = self._take(arg, name, position, batched, number_slot, numbers)
        self.slots[number_slot] = Slot(name, (len(numbers),), False, position)
        self.arrays[number_slot] = numpy.array(numbers, dtype=float)[:, None]
        return template

    def _take(
        self, nest: Any, path: str, position: int, batched: bool, number_slot: int, numbers: list[float]
    ) -> Template:
        def part(item: Any, at: Any) -> Template:
            return self._take(item, f"{path}[{at!r}]", position, batched, number_slot, numbers)

        if isinstance(nest, numpy.ndarray):
            return self._array(nest, path, position, batched)
        if isinstance(nest, dict):
            like = dict if type(nest) is dict else _Dict(nest)
            return "dict", like, tuple(map(_exact, nest)), tuple(part(item, at) for at, item in nest.items())
        if isinstance(nest, (list, tuple)):
            kind = type(nest) if hasattr(nest, "_fields") else list if isinstance(nest, list) else tuple
            return "sequence", kind, tuple(part(item, at) for at, item in enumerate(nest))
        if nest is None or isinstance(nest, str):
            self.fixed.append(f"{path} of {self.taker} is {brief(nest)} ({type(nest).__name__})")
            return "fixed", _exact(nest)
        if isinstance(nest, Value):
            raise HoldsValues(f"{path} of {self.taker} is a Value; it takes plain numbers and arrays here")
        if not is_real(type(nest)):
            raise TypeError(
                f"{path} of {self.taker} is {brief(nest)} ({type(nest).__name__}); it may hold numbers, NumPy arrays, "
                "texts and None, in lists, tuples and dicts"
            )
        if batched:
            raise ValueError(
                f"{path} of {self.taker} should carry a batch axis, but is a number; give an array whose first axis "
                "is the batch, or name in batch=… the arguments that have one"
            )
        numbers.append(to_float(nest, self.taker))
        return "number", number_slot, len(numbers) - 1

    def _array(self, array: Any, path: str, position: int, batched: bool) -> Template:
        if type(array) is not numpy.ndarray or array.dtype is not DOUBLES:
            array = self._doubles(array, path)
        if batched:
            if array.ndim == 0:
                raise ValueError(f"{path} of {self.taker} should carry a batch axis, but is an array without any axis")
            if self.n_examples is None:
                self.n_examples, self.first_batched = len(array), path
            elif len(array) != self.n_examples:
                raise ValueError(
                    f"{self.first_batched} of {self.taker} has {self.n_examples} examples along its first axis, but "
                    f"{path} has {len(array)}; a batch needs equally many"
                )
        shape = array.shape[1:] if batched else array.shape
        slot = Slot(path, shape, batched, position)
        self.slots.append(slot)
        self.arrays.append(array.reshape(len(array), slot.lanes).T if batched else array.reshape(-1, 1))
        return "array", len(self.slots) - 1, shape

    def _doubles(self, array: Any, path: str) -> Floats:
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            kind = HoldsValues if array.dtype.hasobject else TypeError
            raise kind(f"{path} of {self.taker} is an array of {array.dtype}; it must hold real numbers (float64)")
        if isinstance(array, numpy.ma.MaskedArray):
            raise TypeError(f"{path} of {self.taker} is a masked array, and its mask would be lost; give it .filled(…)")
        return numpy.asarray(array, dtype=DOUBLES)


def _as_array(nest: Sequence[Any]) -> Floats | None:
    """A batch that came as a list of numbers, or of lists of equally many; None for any other nest."""
    if not _holds_numbers_alone(nest):
        return None
    try:
        return numpy.array(nest, dtype=DOUBLES)
    except (TypeError, ValueError, OverflowError):
        return None


def _holds_numbers_alone(nest: Any) -> bool:
    if isinstance(nest, (list, tuple)):
        return not hasattr(nest, "_fields") and all(map(_holds_numbers_alone, nest))
    return not isinstance(nest, Value) and is_real(type(nest))


def _exact(thing: Any) -> Any:
    """A key or text as what equals only its like; plain texts do so themselves."""
    return thing if type(thing) is str else Exact(thing)


def _plain(exact: Any) -> Any:
    return exact.thing if type(exact) is Exact else exact


class _Dict(Exact):
    """What makes dicts of the same kind as one: an OrderedDict, a defaultdict with its factory, attributes."""

    __slots__ = ()

    def __init__(self, like: dict[Any, Any]) -> None:
        empty = copy(like)
        empty.clear()
        super().__init__(empty)

    def __call__(self, items: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
        filled: dict[Any, Any] = copy(self.thing)
        for key, item in items:
            filled[key] = item
        return filled


def in_order(template: Template, nest: Any) -> Any:
    """A nest with the entries of its dicts in the order that those of the template have, where the keys are the
    same."""
    kind = template[0]
    if kind == "dict" and isinstance(nest, dict):
        keys = list(map(_plain, template[2]))
        if len(keys) == len(nest) and all(key in nest for key in keys):
            return {key: in_order(part, nest[key]) for key, part in zip(keys, template[3])}
    if kind == "sequence" and isinstance(nest, (list, tuple)) and len(nest) == len(template[2]):
        parts = [in_order(part, each) for part, each in zip(template[2], nest)]
        return (
            type(nest)(*parts) if hasattr(nest, "_fields") else list(parts) if isinstance(nest, list) else tuple(parts)
        )
    return nest


def outline(template: Template) -> Any:
    """The nest of a template with its arrays' shapes and a dot for each number; equal where the same numbers fit."""
    return fill(template, lambda slot, shape: Structure(("array", shape), tuple, ()), lambda slot, lane: NUMBER)


def fill(
    template: Template,
    array: Callable[[int, tuple[int, ...]], Any],
    number: Callable[[int, int], Any],
    *,
    keeps_fixed: bool = False,
) -> Any:
    """The nest of a template with `array(slot, shape)` and `number(slot, lane)` in their places, and None in place of
    texts unless they are kept."""
    kind = template[0]
    if kind == "fixed":
        return _plain(template[1]) if keeps_fixed else None
    if kind == "array":
        return array(template[1], template[2])
    if kind == "number":
        return number(template[1], template[2])
    parts = [fill(part, array, number, keeps_fixed=keeps_fixed) for part in template[-1]]
    if kind == "dict":
        _, cls, keys, _ = template
        return cls(zip(map(_plain, keys), parts))
    return template[1](*parts) if hasattr(template[1], "_fields") else template[1](parts)


def nest_of_values(templates: Sequence[Template], values: Sequence[Sequence[Value]]) -> list[Any]:
    """The arguments with Values for numbers; arrays become arrays of Values, those without an axis a Value."""

    def array(slot: int, shape: tuple[int, ...]) -> Any:
        if not shape:
            return values[slot][0]
        objects = numpy.empty(len(values[slot]), dtype=object)
        objects[:] = values[slot]
        return objects.reshape(shape)

    return [fill(template, array, lambda slot, lane: values[slot][lane], keeps_fixed=True) for template in templates]


def nest_of_arrays(templates: Sequence[Template], rows: Mapping[int, Floats], has_batch: Sequence[bool]) -> list[Any]:
    """The arguments with derivatives for numbers: of each slot `rows` [lanes, width], the batch axis coming first
    where it has one."""

    def array(slot: int, shape: tuple[int, ...]) -> Any:
        found = shaped(rows[slot], shape, has_batch[slot])
        return found if shape or has_batch[slot] else numpy.array(found)

    return [
        fill(t, array, lambda slot, lane: shaped(rows[slot][lane : lane + 1], (), has_batch[slot])) for t in templates
    ]


def nest_of_results(structure: Structure, rows: Floats, has_batch: bool) -> Any:
    """The result of a function with numbers [outputs, width] for Values."""
    return structure.replaced(
        iter(range(len(rows))),
        lambda place: shaped(rows[place : place + 1], (), has_batch),
        lambda places, shape: numpy.asarray(
            shaped(rows[places[0] : places[-1] + 1] if places else rows[:0], shape, has_batch)
        ),
    )


def as_number(result: Any) -> Any:
    """The number in an array without an axis; any other result itself."""
    return float(result) if isinstance(result, numpy.ndarray) and not result.shape else result


def shaped(rows: Floats, shape: tuple[int, ...], has_batch: bool) -> Any:
    """[lanes, width] as [width, *shape] or as shape; a number as a float."""
    if has_batch:
        return numpy.ascontiguousarray(rows.T).reshape(rows.shape[1], *shape)
    return rows[:, 0].reshape(shape) if shape or rows.shape[0] != 1 else float(rows[0, 0])


def nest_of_nests(structure: Structure, parts: Sequence[Any], has_batch: bool, like: Any) -> Any:
    """The result of a function with a nest of derivatives for each of its numbers; all are `like` one nest."""
    return structure.replaced(
        iter(parts), lambda part: part, lambda chosen, shape: combined(chosen, shape, has_batch, like)
    )


def combined(parts: Sequence[Any], shape: tuple[int, ...], has_batch: bool, like: Any) -> Any:
    """One nest of arrays for an array of nests, all like one: an array for each number, the batch axis first."""
    if like is None or (not shape and has_batch):
        return parts[0] if parts else None
    if isinstance(like, (float, numpy.ndarray)):
        stacked = numpy.stack([numpy.asarray(part) for part in parts or [like]], axis=int(has_batch))
        lead, rest = stacked.shape[: int(has_batch)], stacked.shape[int(has_batch) + 1 :]
        return stacked.reshape((*lead, *shape, *rest)) if parts else numpy.empty((*lead, *shape, *rest))
    if isinstance(like, dict):
        filled = copy(like)
        for key in like:
            filled[key] = combined([part[key] for part in parts], shape, has_batch, like[key])
        return filled
    columns = [combined([part[at] for part in parts], shape, has_batch, each) for at, each in enumerate(like)]
    return type(like)(*columns) if hasattr(like, "_fields") else type(like)(columns)
