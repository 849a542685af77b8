"""Evaluates functions on plain floats instead of Values, which is quicker, as long as that gives the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini.testing.pairing import as_floats

MANY = 8
"""How many inputs are examined in full. Each further one is examined in fewer ways, so that 50 take half the time."""

Function = Callable[[Sequence[float]], list[float]]


class Shortcut:
    """A function evaluated on plain floats, as long as these give the same numbers as Values.

    The two are compared at some points of each line; `holds` tells afterwards whether they were always the same.
    Where floats raise an exception, Values are used.
    """

    COMPARED = 1, 12, 30
    """The evaluations on a line, by number, at which the two are compared; after MANY lines only one of these."""

    def __init__(self, plain: Callable[[Sequence[float]], list[Any]], reference: Function) -> None:
        self.holds: bool = True
        self._plain = plain
        self._reference = reference
        self._lines = self._count = 0

    def start_line(self) -> None:
        self._lines, self._count = self._lines + 1, 0

    def __call__(self, numbers: Sequence[float]) -> list[float]:
        if not self.holds:
            return self._reference(numbers)
        self._count += 1
        try:
            found = as_floats(self._plain(numbers))
        except Exception:
            return self._reference(numbers)
        turn = self._lines % len(self.COMPARED)
        if self._count in (self.COMPARED if self._lines <= MANY else self.COMPARED[turn : turn + 1]):
            expected = self._reference(numbers)
            self.holds = len(found) == len(expected) and all(
                x == y or (x != x and y != y) for x, y in zip(found, expected)
            )
            return expected
        return found
