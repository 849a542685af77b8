"""One step of a loop as a program, which is run many times in a row.

It reads and writes rows of arrays; from one step to the next it moves on by so many rows of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import NamedTuple, Protocol

from autograd_mini.compiler.code.expanding import expanded_scalars
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
