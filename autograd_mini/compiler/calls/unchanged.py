"""A snapshot of what a function reads from outside, and whether it is still true."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property, partial
from math import inf
from operator import is_
from typing import Any

import numpy

from autograd_mini.compiler.ir.keys import BUFFERS, MAPPINGS
from autograd_mini.compiler.partition import LOOKS
from autograd_mini.compiler.run.watch import Place, Watch


class State:
    """What stood in the watched places when the state had this number, and copies of the containers there.

    Args:
        containers: the containers, each after the index of the place where it was found.
    """

    number: int
    places: Sequence[Place]
    held: Sequence[Any]

    def __init__(
        self,
        number: int,
        places: Sequence[Place],
        held: Sequence[Any],
        containers: Iterable[tuple[int, Any]],
        *,
        in_machine_code: bool,
    ) -> None:
        self.number, self.places, self.held = number, places, held
        self._copies = [(place, each, _content(each)) for place, each in containers]
        self._looks_left: float = LOOKS if in_machine_code else inf

    @cached_property
    def watch(self) -> Watch:
        """The same snapshot, for machine code to compare."""
        lists = [(each, things) for _, each, (_, things) in self._copies if isinstance(each, list)]
        others = [partial(_is_unchanged, each, then) for _, each, then in self._copies if not isinstance(each, list)]
        return Watch.of([*zip(self.places, self.held), *((other, True) for other in others)], lists)

    def is_same(self) -> bool:
        """Whether the same things still stand in the places, with the same contents."""
        if self.places and self._looks_left:
            self._looks_left -= 1
            return not self.changed(read(self.places))
        return not self.places or self.watch.is_same()

    def changed(self, now: Sequence[Any]) -> set[int]:
        """The indices of the places where something else stands now, or where the contents have changed."""
        replaced = {place for place, (thing, held) in enumerate(zip(now, self.held)) if thing is not held}
        return replaced | {place for place, each, then in self._copies if not _is_unchanged(each, then)}


def read(places: Collection[Place]) -> list[Any]:
    """What stands in the places; None for empty closure cells."""
    try:
        return [place() for place in places]
    except ValueError:
        return [*map(read_one, places)]


def read_one(place: Place) -> Any:
    try:
        return place()
    except ValueError:
        return None


def _content(container: Any) -> tuple[Any, list[Any]]:
    """What a container holds: numbers, compared by their bytes, and things, compared one by one."""
    if isinstance(container, BUFFERS):
        return memoryview(container).tobytes(), []
    if isinstance(container, numpy.ndarray):
        things = container.ravel().tolist() if container.dtype.hasobject else []
        return (container.shape, container.dtype, None if things else container.tobytes()), things
    if isinstance(container, MAPPINGS):
        return None, [*container, *container.values(), getattr(container, "default_factory", None)]
    return None, [*container]


def _is_unchanged(container: Any, then: tuple[Any, list[Any]]) -> bool:
    """Whether a container still holds what it did then."""
    numbers, things = _content(container)
    return bool(numbers == then[0] and len(things) == len(then[1]) and all(map(is_, things, then[1])))
