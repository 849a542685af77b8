"""Programs in C: functions that compute in a memory of doubles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autograd_mini.compiler.export.constants import Constants
from autograd_mini.compiler.ir.program import Floats, Pack

Place = Callable[[str], str]
"""Returns the place of a result's number in C, given the variable that counts the numbers."""


def from_place(start: int) -> Place:
    """The places of numbers that lie one after the other."""
    return lambda variable: f"w[{start} + {variable}]"


class Setting(NamedTuple):
    """The surroundings of a program in C.

    Attributes:
        offsets: where leaves are in memory.
        held: the numbers of leaves that are constants in the file.
        room: where the memory begins that it may use.
        constants: the tables of the file.
    """

    offsets: Mapping[Pack, int]
    held: Mapping[Pack, Floats]
    room: int
    constants: Constants


@dataclass(frozen=True)
class Body:
    """A program in C.

    Attributes:
        name: the name of the function that carries it out.
        helpers: functions that it calls.
        pieces: what it does, in pieces that are functions of their own.
        results: by name, where the numbers of each are.
        size: how many doubles of memory it needs, those of its inputs included.
    """

    name: str
    helpers: Sequence[str]
    pieces: Sequence[Sequence[str]]
    results: Mapping[str, Place]
    size: int

    def written(self) -> list[str]:
        """The lines of its functions."""
        lines, names = [*self.helpers], []
        for number, piece in enumerate(self.pieces):
            names.append(f"{self.name}_{number}")
            lines += function(f"static void {names[-1]}(double *w)", piece)
        calls = [f"{name}(w);" for name in names] or ["(void)w;"]
        return [*lines, *function(f"static void {self.name}(double *w)", calls)]


MOST_LINES = 256
"""How many lines make one function: time to compile grows faster than their number. Not tuned."""


def pieces(lines: Iterable[str]) -> list[list[str]]:
    """Divide lines into pieces; a line that is indented stays with those before it."""
    found: list[list[str]] = []
    for line in lines:
        if not found or (len(found[-1]) >= MOST_LINES and line[0] not in " }"):
            found.append([])
        found[-1].append(line)
    return found


class Room:
    """Places in a memory that grows; a place that is free again is reused for what has the same size."""

    def __init__(self, size: int) -> None:
        self.size: int = size
        self._free: dict[int, list[int]] = {}

    def take(self, size: int) -> int:
        free = self._free.get(size)
        if free:
            return free.pop()
        self.size += size
        return self.size - size

    def give(self, start: int, size: int) -> None:
        self._free.setdefault(size, []).append(start)


def indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]


def function(head: str, lines: Sequence[str]) -> list[str]:
    """A function with this head."""
    return [head, "{", *indented(lines), "}", ""]


def repeated(count: int, line: str) -> list[str]:
    """A loop over a line for each k; nothing if there is no k."""
    return [f"for (int k = 0; k < {count}; ++k)", f"    {line}"] if count else []


def nested(variables: Sequence[str], sizes: Sequence[int], body: Sequence[str]) -> list[str]:
    """Loops around some lines; none for a size of 1, whose variable lines must not use."""
    lines = list(body)
    for variable, size in reversed([*zip(variables, sizes)]):
        if size == 1:
            continue
        head = f"for (int {variable} = 0; {variable} < {size}; ++{variable})"
        is_one = len(lines) == 1 or (lines[0].startswith("for") and all(each[0] in " }" for each in lines[1:]))
        lines = [head, *indented(lines)] if is_one else [f"{head} {{", *indented(lines), "}"]
    return lines
