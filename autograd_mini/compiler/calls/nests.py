"""Arrays [lanes, width] as nests: results in the structure of the result, derivatives in that of the arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.slots import Arguments, Parts, Slot
from autograd_mini.compiler.passes.tracing import Place
from autograd_mini.structures import Structure


def shaped(rows: Floats, shape: tuple[int, ...], has_batch: bool) -> Any:
    """Reshape [lanes, width] to [width, *shape] or, without a batch, to `shape`; a single number becomes a float."""
    if has_batch:
        return numpy.ascontiguousarray(rows.T).reshape(rows.shape[1], *shape)
    return rows[:, 0].reshape(shape) if shape or rows.shape[0] != 1 else float(rows[0, 0])


def of_result(structure: Structure, rows: Floats, has_batch: bool) -> Any:
    """The result of a function, with the numbers [outputs, width] in place of its Values."""

    def array(places: Sequence[int], shape: tuple[int, ...]) -> Any:
        return numpy.asarray(shaped(rows[places[0] : places[-1] + 1] if places else rows[:0], shape, has_batch))

    return structure.replaced(
        iter(range(len(rows))), lambda place: shaped(rows[place : place + 1], (), has_batch), array
    )


def as_number(result: Any) -> Any:
    """The number in an array without axes; any other result unchanged."""
    return float(result) if isinstance(result, numpy.ndarray) and not result.shape else result


def of_gradient(
    arguments: Arguments, positions: Sequence[int], is_single: bool, counts: Collection[Place], parts: Parts
) -> Any:
    """Derivatives in the structure of some arguments.

    Args:
        is_single: whether to return the derivatives of one argument, not a tuple.
        counts: places of the integers that Python counted with, whose derivatives are None.
        parts: lists the derivatives of a slot: one for an array, one for each of plain numbers.
    """
    if counts:
        parts = partial(_but_for_counts, arguments, counts, parts)
    nests = [arguments.rebuilt(position, parts, keeps_others=False) for position in positions]
    return nests[0] if is_single else tuple(nests)


def _but_for_counts(arguments: Arguments, counts: Collection[Place], parts: Parts, number: int) -> list[Any]:
    if arguments.slots[number].is_array:
        return [None] if any(slot == number for slot, _ in counts) else parts(number)
    return [None if (number, lane) in counts else each for lane, each in enumerate(parts(number))]


def parts_of_rows(rows: Floats, slot: Slot, has_batch: bool) -> list[Any]:
    """Derivatives [lanes, width] of one number as parts of a slot, with a batch axis if there is a batch."""
    if slot.is_array:
        return [numpy.asarray(shaped(rows, slot.shape, has_batch))]
    if has_batch:
        return [shaped(rows[lane : lane + 1], (), True) for lane in range(len(rows))]
    return list(rows[:, 0].tolist())


def parts_of_matrix(rows: Floats, shape: tuple[int, ...], slot: Slot, per_example: bool) -> list[Any]:
    """Derivatives [results, lanes, width] of an array as parts of a slot; the batch axis first if per example."""
    _, lanes, width = rows.shape
    axis = (width,) if slot.batched or per_example else ()
    lead, rest = (axis, ()) if per_example else ((), axis)
    rows = rows.transpose((2, 0, 1) if per_example else (0, 2, 1))
    if slot.is_array:
        return [numpy.ascontiguousarray(rows).reshape((*lead, *shape, *rest, *slot.shape))]
    return [numpy.ascontiguousarray(rows[:, :, lane]).reshape((*lead, *shape, *rest)) for lane in range(lanes)]


class Nests(NamedTuple):
    """Builds nests of derivatives; those of several numbers are given by slot, as arrays [numbers, lanes, width].

    Attributes:
        like_arguments: builds a nest like the arguments from the parts of each slot.
    """

    slots: Sequence[Slot]
    per_example: bool
    like_arguments: Callable[[Parts], Any]

    def of_result(self, structure: Structure, rows: Mapping[int, Floats]) -> Any:
        """The result of a function, with a nest of derivatives in place of each number, and a nest of arrays in place
        of each array."""

        def some(places: Sequence[int]) -> dict[int, Floats]:
            chosen = slice(places[0], places[-1] + 1) if places else slice(0)
            return {number: each[chosen] for number, each in rows.items()}

        def one(row: int) -> Any:
            return self.of_numbers(some([row]), (1,))[0]

        def many(places: Sequence[int], shape: tuple[int, ...]) -> Any:
            return self.of_array(some(places), shape)[0]

        return structure.replaced(iter(range(structure.size)), one, many)

    def of_numbers(self, rows: Mapping[int, Floats], shape: tuple[int, ...]) -> list[Any]:
        """A nest of derivatives for each number of an array of this shape."""

        def parts(row: int, number: int) -> list[Any]:
            slot = self.slots[number]
            return parts_of_rows(rows[number][row], slot, slot.batched or self.per_example)

        return [self.like_arguments(partial(parts, row)) for row in range(math.prod(shape))]

    def of_array(self, rows: Mapping[int, Floats], shape: tuple[int, ...]) -> list[Any]:
        """A list of one nest, whose arrays hold the derivatives of all numbers of an array of this shape."""

        def parts(number: int) -> list[Any]:
            return parts_of_matrix(rows[number], shape, self.slots[number], self.per_example)

        return [self.like_arguments(parts)]
