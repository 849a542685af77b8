"""One step of a loop as a program, which is run many times in a row.

It reads and writes rows of arrays; from one step to the next it moves on by so many rows of each. As part of a kernel,
its numbers are among those that go in and come out of the loop. After those that come out come the states; after those
that go in come, for a backward loop, the states, and then the constants, step by step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import NamedTuple, Protocol

from autograd_mini.compiler.code.expanding import expanded_scalars
from autograd_mini.compiler.code.repeating import Lanes, Recurrence
from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.scalars import Scalar, alive, primitives_of


class Rows(NamedTuple):
    """The rows of an array that steps read or write: the first step those from `first` on, and each next step those
    `pace` rows further."""

    array: Floats
    first: int = 0
    pace: int = 0


class Program(NamedTuple):
    """One step: scalars, which of them are given in each of several arrays, and which go to others.

    Attributes:
        fixed: scalars that are given in an array of their own, the same for all columns.
        carried: pairs of an input and an output of the same size: the input holds the output at the next step. Both
            have the same rows, which hold what the first step is given, and in the end what the last one gives. To
            numbers of all but the first such array a step only adds.
    """

    scalars: Sequence[Scalar]
    inputs: Sequence[Sequence[int]]
    fixed: Sequence[int]
    outputs: Sequence[Sequence[int]]
    carried: Sequence[tuple[int, int]]

    def needed(self) -> Iterator[Scalar]:
        """The scalars that the outputs depend on."""
        found = alive(self.scalars, [number for numbers in self.outputs for number in numbers])
        return compress(self.scalars, found)

    def expanded(self) -> Program:
        """The program with users' own rows written out."""
        written = expanded_scalars(self.scalars, primitives_of(self.scalars))
        if written is None:
            return self
        scalars, place = written

        def moved(numbers: Sequence[int]) -> list[int]:
            return [place[number] for number in numbers]

        return self._replace(
            scalars=scalars,
            inputs=[*map(moved, self.inputs)],
            fixed=moved(self.fixed),
            outputs=[*map(moved, self.outputs)],
        )


class Step(Protocol):
    """A program ready to run."""

    def run(self, steps: int, rows: Sequence[Rows], fixed: Rows) -> None:
        """Run so many steps.

        Args:
            rows: the rows of each array that steps read, and then of each that they write, all with the same columns.
            fixed: the rows of what is the same for all columns.
        """


def forth(step: Program, length: int, n: int, n_out: int, tied: int | None) -> Recurrence:
    """A loop that carries n numbers, and from which `n_out` numbers come out; `tied` is as in `Scan`."""
    (carry, x, outside), (following, kept, *states) = step.inputs, step.outputs
    n_x = len(x)
    end = n + length * n_x
    rows: list[tuple[int | None, int]] = [(row, row) for row in range(n)]
    if tied is not None:
        rows.append((None, tied))
    fixed = Lanes(step.fixed, end + len(outside), len(step.fixed))
    given = [Lanes(x, n, n_x), Lanes(outside, end), fixed]
    gives = [Lanes(kept, n, len(kept)), *[Lanes(each, n_out, len(each)) for each in states]]
    carried = [(*pair, *own) for pair, own in zip(zip(carry, following), rows)]
    return Recurrence(step.scalars, length, carried, given, gives)


def back(step: Program, length: int, n_in: int) -> Recurrence:
    """The backward loop, which computes adjoints; `n_in` numbers go into it."""
    (state, x, outside, of_following, of_kept, before), (slopes, of_x, totals) = step.inputs, step.outputs
    n, n_x, n_kept, n_fixed, last = len(slopes), len(x), len(of_kept), len(step.fixed), length - 1
    end, known = n + length * n_x, n_in + length * len(state)
    adjoints = end + len(outside)
    given = [
        Lanes(state, n_in + last * len(state), -len(state)),
        Lanes(x, n + last * n_x, -n_x),
        Lanes(outside, end),
        Lanes(of_kept, adjoints + n + last * n_kept, -n_kept),
        Lanes(step.fixed, known + last * n_fixed, -n_fixed),
    ]
    carried: list[tuple[int, int, int | None, int]] = [
        (number, slope, adjoints + row, row) for row, (number, slope) in enumerate(zip(of_following, slopes))
    ]
    carried += [(number, total, None, row) for row, (number, total) in enumerate(zip(before, totals), end)]
    return Recurrence(step.scalars, length, carried, given, [Lanes(of_x, n + last * n_x, -n_x)])
