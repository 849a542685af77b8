"""What a function reads from outside, at one time; and whether it is still the same."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from copy import copy
from functools import cached_property, partial
from itertools import chain
from operator import is_
from typing import Any

from autograd_mini.compiler.ir.keys import BUFFERS, MAPPINGS
from autograd_mini.compiler.run.watch import Place, Watch


class State:
    """What stood in the places when the state had this number, and copies of the containers there.

    Args:
        containers: with the number of the place where each was found.
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
        self._copies = [(place, each, _copied(each)) for place, each in containers]
        self._told: Callable[[], bool] | None = self.watch.is_same if in_machine_code and places else None

    @cached_property
    def watch(self) -> Watch:
        """The same for machine code."""
        lists = [(each, then) for _, each, then in self._copies if isinstance(each, list)]
        others = [partial(_is_unchanged, each, then) for _, each, then in self._copies if not isinstance(each, list)]
        return Watch.of([*zip(self.places, self.held), *((other, True) for other in others)], lists)

    def is_same(self) -> bool:
        """Whether the same things stand there, and hold the same."""
        if self._told is not None or not self.places:
            return self._told is None or self._told()
        return not self.changed(read(self.places))

    def changed(self, now: Sequence[Any]) -> set[int]:
        """The places where something else stands now, or holds something else."""
        replaced = {place for place, (thing, held) in enumerate(zip(now, self.held)) if thing is not held}
        return replaced | {place for place, each, then in self._copies if not _is_unchanged(each, then)}


def read(places: Collection[Place]) -> list[Any]:
    """What stands there; None in empty cells."""
    try:
        return [place() for place in places]
    except ValueError:
        return [*map(read_one, places)]


def read_one(place: Place) -> Any:
    try:
        return place()
    except ValueError:
        return None


def _copied(container: Any) -> Any:
    if isinstance(container, BUFFERS):
        return memoryview(container).tobytes()
    if isinstance(container, MAPPINGS[1:]):
        return dict(container)
    return [*container] if isinstance(container, list) else copy(container)


def _is_unchanged(thing: Any, then: Any) -> bool:
    """Whether a container holds what its copy does."""
    if isinstance(thing, BUFFERS):
        return bool(memoryview(thing).tobytes() == then)
    if isinstance(thing, (list, tuple, deque)):
        return len(thing) == len(then) and all(map(is_, thing, then))
    if isinstance(thing, MAPPINGS):
        has_entries = len(thing) == len(then) and all(
            map(is_, chain(thing, thing.values()), chain(then, then.values()))
        )
        return has_entries and getattr(thing, "default_factory", None) is getattr(then, "default_factory", None)
    if isinstance(thing, set):
        return {*map(id, thing)} == {*map(id, then)}
    if thing.shape != then.shape or thing.dtype != then.dtype:
        return False
    if thing.dtype.hasobject:
        return all(map(is_, thing.ravel().tolist(), then.ravel().tolist()))
    return bool(thing.tobytes() == then.tobytes())
