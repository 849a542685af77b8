"""Loops among scalars as operations of a kernel: the code of one step is repeated, and what it carries stays in
registers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from autograd_mini.compiler.code.listing import Listing
from autograd_mini.compiler.ir.scalars import Input, Number, Scalar, alive


class Lanes(NamedTuple):
    """Scalars of a step that are in consecutive rows: those from `first` on at the first step, and at each later step
    those `pace` rows further."""

    numbers: Sequence[int]
    first: int
    pace: int = 0

    def rows(self, steps: int) -> Iterator[tuple[int, Sequence[int]]]:
        """Yield each scalar with its row or, where it moves, its rows at so many steps."""
        for row, number in enumerate(self.numbers, self.first):
            yield number, range(row, row + self.pace * steps, self.pace) if self.pace else [row]


class Recurrence(NamedTuple):
    """One step of a loop, and where its scalars are among the rows that go in and among those that come out.

    Attributes:
        carried: for each number that is carried, its scalar, the scalar that it becomes at the next step, the row of
            its first value, None if that is 0.0, and the row of its last value.
        given: the other scalars that are given.
        gives: the scalars that come out of each step.
    """

    scalars: Sequence[Scalar]
    steps: int
    carried: Sequence[tuple[int, int, int | None, int]]
    given: Sequence[Lanes]
    gives: Sequence[Lanes]

    def needed(self, rows: Collection[int]) -> Needed:
        """What of the loop is needed to compute some of the rows that come out."""
        gives = [each for lanes in self.gives for each in lanes.rows(self.steps) if any(row in rows for row in each[1])]
        wanted = dict.fromkeys(number for number, _ in gives)
        ends = {number for number, _, _, row in self.carried if row in rows}
        while True:
            found = alive(self.scalars, [*wanted])
            carried = [each for each in self.carried if found[each[0]] or each[0] in ends]
            if wanted.keys() >= {following for _, following, _, _ in carried}:
                break
            wanted |= dict.fromkeys(following for _, following, _, _ in carried)
        given = [
            (number, own, lanes.pace != 0)
            for lanes in self.given
            for number, own in lanes.rows(self.steps)
            if found[number]
        ]
        return Needed([*wanted], carried, given, gives)


class Needed(NamedTuple):
    """What of a recurrence is needed: the scalars that its steps compute, and the rows of what is carried, given (one
    row for all steps or, where it moves, one for each) and what comes out of each step."""

    wanted: list[int]
    carried: list[tuple[int, int, int | None, int]]
    given: list[tuple[int, Sequence[int], bool]]
    gives: list[tuple[int, Sequence[int]]]


@dataclass(frozen=True, eq=False)
class Turns:
    """The head of a loop: the operations of one step, and the rows of its scalars, by pointers.

    Attributes:
        carried: as in `Recurrence`, but with pointers; None for a last value that nobody wants.
        still: scalars that are the same at each step, and their rows.
        moving, gives: scalars that have a row for each step, and the first of these rows: scalars that are given, and
            scalars that are written.
    """

    scalars: Sequence[Scalar]
    heads: Sequence[Any]
    sequence: Listing
    steps: int
    carried: Sequence[tuple[int, int, int | None, int | None]]
    still: Sequence[tuple[int, int]]
    moving: Sequence[tuple[int, int]]
    gives: Sequence[tuple[int, int]]


Due = Iterator[tuple[int, tuple[int, ...], Turns | None, tuple[int, ...]]]
"""Operations: the scalar in whose place each comes, its results, its head, None for a copy, and what it reads."""


class Loops:
    """The loops among scalars, as operations.

    Args:
        numbers: the scalars that are numbers.
        arrays: inputs that are not the same for all columns.
        fresh: the first number that no scalar has.
        operations: makes the operations of a step from its scalars and the numbers of those that are wanted.

    Attributes:
        constants: numbers that are read from memory.
    """

    def __init__(
        self,
        scalars: Sequence[Any],
        numbers: Mapping[int, float],
        arrays: Collection[int],
        fresh: int,
        operations: Callable[..., Any],
    ) -> None:
        self.constants: dict[int, float] = {}
        self.fresh: int = fresh
        self._scalars, self._numbers, self._arrays, self._operations = scalars, numbers, arrays, operations

    def operations(self, loops: Sequence[int], picked: Sequence[int]) -> Due:
        """The operations of loops, from whose results some scalars are picked; before a backward loop comes the forward
        one whose states it needs, which keeps them."""
        rows: dict[int, dict[int, int]] = {number: {} for number in loops}
        for number in picked:
            scalar = self._scalars[number]
            first = rows[scalar.loop].setdefault(scalar.index, number)
            if first != number:
                yield number, (number,), None, (first,)
        found = [(number, self._scalars[number].scan, self._scalars[number].args) for number in loops]
        kept = {(scan.body, args[: scan.n_given]) for _, scan, args in found if scan.forward is not None}
        states: dict[Any, range] = {}
        for number, scan, args in found:
            key, forth = (scan.body, args[: scan.n_given]), scan.forward or scan
            own = rows[number]
            if key in kept and key not in states:
                states[key] = self._more(forth.length * len(forth.body.state))
                known = dict(enumerate(states[key], forth.n_out))
                if scan.forward is not None:
                    yield from self._turns(number, forth, key[1], known)
                else:
                    own = own | known
            yield from self._turns(number, scan, args if scan.forward is None else [*args, *states[key]], own)

    def _more(self, count: int) -> range:
        """Reserve so many numbers that no scalar has."""
        self.fresh += count
        return range(self.fresh - count, self.fresh)

    def _turns(self, place: int, scan: Any, args: Sequence[int], rows: Mapping[int, int]) -> Due:
        """The operations of a loop, of whose results some rows are wanted. What it reads at a row for each step has to
        be in one kind of memory, and is copied first if it is not."""
        step = scan.recurrence(keeps=max(rows) >= scan.n_out)
        known = self._more(scan.constants.size)
        self.constants |= zip(known, scan.constants.ravel().tolist())
        given, needed = [*args, *known], step.needed(rows)
        inner = self._operations(step.scalars, needed.wanted, most_literals=len(step.scalars))
        reads: list[int] = []
        results: list[int] = []

        def read(own: Sequence[int]) -> int:
            some = [given[row] for row in own]
            self.constants |= {each: self._numbers[each] for each in some if each in self._numbers}
            if len({*map(self._memory, some)}) > 1:
                copies = dict(zip(dict.fromkeys(some), self._more(len({*some}))))
                copied.extend(copies.items())
                some = [copies[each] for each in some]
            reads.extend(some)
            return len(reads) - len(some)

        def write(own: Sequence[int]) -> int:
            fresh = iter(self._more(sum(row not in rows for row in own)))
            results.extend(rows[row] if row in rows else next(fresh) for row in own)
            return len(reads) + len(results) - len(own)

        copied: list[tuple[int, int]] = []
        places = [(number, read(own), moves) for number, own, moves in needed.given]
        firsts = [None if row is None else read([row]) for _, _, row, _ in needed.carried]
        gives = [(number, write(own)) for number, own in needed.gives]
        lasts = [write([row]) if row in rows else None for _, _, _, row in needed.carried]
        carried = [
            (number, following, first, last)
            for (number, following, _, _), first, last in zip(needed.carried, firsts, lasts)
        ]
        still, moving = ([(number, row) for number, row, moves in places if moves is kind] for kind in (False, True))
        for number, copy in copied:
            yield place, (copy,), None, (number,)
        head = Turns(step.scalars, inner.heads, inner.sequence, step.steps, carried, still, moving, gives)
        yield place, (*results,), head, (*reads,)

    def _memory(self, number: int) -> int:
        """The kind of memory that a scalar is in: 0 for what all columns share, 1 for arrays, 2 for a block."""
        scalar = self._scalars[number] if number < len(self._scalars) else None
        if isinstance(scalar, Input):
            return int(number in self._arrays)
        return 0 if isinstance(scalar, Number) or number in self.constants else 2
