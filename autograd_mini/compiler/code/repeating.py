"""Loops among scalars as operations of a kernel: a step is written once and turns so many times; what it carries stays
in registers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from autograd_mini.compiler.code.listing import Listing
from autograd_mini.compiler.ir.scalars import Scalar, alive


class Lanes(NamedTuple):
    """Scalars of a step that stand in rows: at the first step from `first` on, at each other one `pace` rows further
    on."""

    numbers: Sequence[int]
    first: int
    pace: int = 0


class Recurrence(NamedTuple):
    """One step of a loop, and where its scalars are among the rows that go in and among those that come out.

    Attributes:
        carried: scalars that are given, what they are at the next step, the row of the first ones, None if these are
            0.0, and the row of the last ones.
        given: what else is given.
        gives: what comes out of each step.
    """

    scalars: Sequence[Scalar]
    steps: int
    carried: Sequence[tuple[int, int, int | None, int]]
    given: Sequence[Lanes]
    gives: Sequence[Lanes]

    def needed(self, rows: Collection[int]) -> Needed:
        """What of it the rows need that are wanted of those that come out."""
        gives = [
            (number, range(first + place, first + place + pace * self.steps, pace) if pace else [first + place])
            for numbers, first, pace in self.gives
            for place, number in enumerate(numbers)
        ]
        gives = [(number, own) for number, own in gives if any(row in rows for row in own)]
        wanted = dict.fromkeys(number for number, _ in gives)
        ends = {number for number, _, _, row in self.carried if row in rows}
        while True:
            found = alive(self.scalars, [*wanted])
            carried = [each for each in self.carried if found[each[0]] or each[0] in ends]
            if wanted.keys() >= {following for _, following, _, _ in carried}:
                break
            wanted |= dict.fromkeys(following for _, following, _, _ in carried)
        given = [
            (number, [first + place + pace * step for step in range(self.steps if pace else 1)], pace != 0)
            for numbers, first, pace in self.given
            for place, number in enumerate(numbers)
            if found[number]
        ]
        return Needed([*wanted], carried, given, gives)


class Needed(NamedTuple):
    """What of a recurrence is needed: the scalars that its steps compute, and the rows of what is carried, given (one
    row for all steps or, where it moves, one for each) and what comes out of each step."""

    wanted: list[int]
    carried: list[tuple[int, int, int | None, int]]
    given: list[tuple[int, list[int], bool]]
    gives: list[tuple[int, Sequence[int]]]


@dataclass(frozen=True, eq=False)
class Turns:
    """The head of a loop: the operations of one step, and the rows of its scalars, by pointers.

    Attributes:
        carried: scalars, what they are at the next step, the rows of the first ones, None if these are 0.0, and those
            of the last ones, None if nobody wants them.
        still: what is the same at each step.
        moving, gives: what has a row for each step, and the first of these: of what is given, and of what is written.
    """

    scalars: Sequence[Scalar]
    heads: Sequence[Any]
    sequence: Listing
    steps: int
    carried: list[tuple[int, int, int | None, int | None]]
    still: list[tuple[int, int]]
    moving: list[tuple[int, int]]
    gives: list[tuple[int, int]]
