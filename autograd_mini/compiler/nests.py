"""Arrays [lanes, width] as nests: results in the structure of the result, derivatives in that of the arguments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy

from autograd_mini.compiler.arguments import Arguments
from autograd_mini.compiler.counting import Place
from autograd_mini.compiler.program import Floats
from autograd_mini.structures import NUMBER, Structure, other, walk


def shaped(rows: Floats, shape: tuple[int, ...], has_batch: bool) -> Any:
    """[lanes, width] as [width, *shape] or as shape; a number as a float."""
    if has_batch:
        return numpy.ascontiguousarray(rows.T).reshape(rows.shape[1], *shape)
    return rows[:, 0].reshape(shape) if shape or rows.shape[0] != 1 else float(rows[0, 0])


def of_result(structure: Structure, rows: Floats, has_batch: bool) -> Any:
    """The result of a function with numbers [outputs, width] for Values."""

    def array(places: Sequence[int], shape: tuple[int, ...]) -> Any:
        return numpy.asarray(shaped(rows[places[0] : places[-1] + 1] if places else rows[:0], shape, has_batch))

    return structure.replaced(
        iter(range(len(rows))), lambda place: shaped(rows[place : place + 1], (), has_batch), array
    )


def as_number(result: Any) -> Any:
    """The number in an array without an axis; any other result itself."""
    return float(result) if isinstance(result, numpy.ndarray) and not result.shape else result


class Towards:
    """The structure of derivatives towards some arguments.

    Args:
        positions: those of the arguments.
        is_single: whether it is that of the only one, not a tuple.
        counts: what Python counted with; there is no derivative towards it, but None.
    """

    def __init__(
        self, arguments: Arguments, positions: Sequence[int], is_single: bool, counts: Collection[Place]
    ) -> None:
        self.arguments = arguments
        self.positions = positions
        self.is_single = is_single
        self.counts = counts
        self.counted = {slot for slot, _ in counts}

    def nest(self, array: Callable[[int], Any], numbers: Callable[[int], list[Any]]) -> Any:
        """The arguments with `array(slot)` for arrays, and `numbers(slot)` for plain numbers, one for each lane."""

        def parts(number: int) -> Any:
            is_array = self.arguments.slots[number].is_array
            if number not in self.counted:
                return [array(number)] if is_array else numbers(number)
            if is_array:
                return [None]
            return [None if (number, lane) in self.counts else each for lane, each in enumerate(numbers(number))]

        nests = [self.arguments.rebuilt(position, parts, keeps_others=False) for position in self.positions]
        return nests[0] if self.is_single else tuple(nests)

    def of_rows(self, rows: Mapping[int, Floats], has_batch: Sequence[bool]) -> Any:
        """That of one number, given [lanes, width] for each slot, which get a batch axis where there is one."""

        def array(number: int) -> Any:
            return numpy.asarray(shaped(rows[number], self.arguments.slots[number].shape, has_batch[number]))

        def numbers(number: int) -> list[Any]:
            found = rows[number]
            if not has_batch[number]:
                return list(found[:, 0].tolist())
            return [shaped(found[lane : lane + 1], (), True) for lane in range(len(found))]

        return self.nest(array, numbers)

    def of_nests(self, columns: Sequence[Any], starts: Mapping[int, int], has_batch: bool, like: Any) -> Any:
        """That of a gradient: for each of its numbers, one of these nests of derivatives, all like one; `starts` tells
        which are those of a slot."""

        def part(number: int) -> list[Any]:
            return [*columns[starts[number] :][: self.arguments.slots[number].lanes]]

        def array(number: int) -> Any:
            return combined(part(number), self.arguments.slots[number].shape, has_batch, like)

        return self.nest(array, part)


def of_jacobian(structure: Structure, gradients: Sequence[Any], has_batch: bool, like: Any) -> Any:
    """The result of a function with a nest of derivatives for each of its numbers; all are `like` one nest."""
    return structure.replaced(
        iter(gradients), lambda part: part, lambda chosen, shape: combined(chosen, shape, has_batch, like)
    )


def combined(nests: Sequence[Any], shape: tuple[int, ...], has_batch: bool, like: Any) -> Any:
    """One nest of arrays for an array of nests, all like one: an array for each number, the batch axis first."""
    if not shape and has_batch:
        return nests[0]
    one: list[Any] = []
    structure = walk(like, one, _whole)
    rows: list[list[Any]] = []
    for nest in nests:
        rows.append([])
        walk(nest, rows[-1], _whole)
    return structure.rebuild([_stacked([row[i] for row in rows], shape, has_batch, each) for i, each in enumerate(one)])


def _whole(thing: Any, leaves: list[Any]) -> Structure:
    if not isinstance(thing, numpy.ndarray):
        return other(thing)
    leaves.append(thing)
    return NUMBER


def _stacked(parts: Sequence[Any], shape: tuple[int, ...], has_batch: bool, like: Any) -> Any:
    stacked = numpy.stack([numpy.asarray(part) for part in parts or [like]], axis=int(has_batch))
    lead, rest = stacked.shape[: int(has_batch)], stacked.shape[int(has_batch) + 1 :]
    return stacked.reshape((*lead, *shape, *rest)) if parts else numpy.empty((*lead, *shape, *rest))
