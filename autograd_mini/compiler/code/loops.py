"""The text of functions in LLVM's language: names, memory, loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Carried = Sequence[tuple[str, str]]
"""Types and first values of what a loop hands from turn to turn."""


class Function:
    """The text of one function, line by line."""

    block: str

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self.block = "entry"
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def let(self, text: str) -> str:
        """Write a line that gives what `text` computes a new name; return the name."""
        name = self.name()
        self.line(f"{name} = {text}")
        return name

    def begin(self, block: str) -> None:
        """Begin a block, to which the next lines belong."""
        self.lines.append(f"{block}:")
        self.block = block

    def at(self, kind: str, base: str, index: str | int) -> str:
        """The address of an element of an array."""
        return base if index == 0 else self.let(f"getelementptr {kind}, ptr {base}, i64 {index}")

    def least(self, x: str, y: str) -> str:
        """The smaller of two whole numbers."""
        return self.call("i64", "llvm.smin.i64", f"i64 {x}", f"i64 {y}")

    def moved(self, address: str, distance: str | int, times: str | int) -> str:
        """An address that is `times` a distance in bytes further on."""
        return self.at("i8", address, self.let(f"mul i64 {distance}, {times}"))

    def load(self, kind: str, base: str, index: str | int = 0) -> str:
        """Load an element of an array."""
        return self.let(f"load {kind}, ptr {self.at(kind, base, index)}, align 8")

    def store(self, kind: str, number: str, base: str, index: str | int = 0) -> None:
        self.line(f"store {kind} {number}, ptr {self.at(kind, base, index)}, align 8")

    def record(self, table: str, kinds: str, number: str | int = 0) -> list[str]:
        """Load the words of a record of a table, each a pointer (p) or a count (i)."""
        start = table if number == 0 else self.at("i64", table, self.let(f"mul i64 {number}, {len(kinds)}"))
        return [self.load("ptr" if kind == "p" else "i64", start, place) for place, kind in enumerate(kinds)]

    def filled(self, kind: str, number: str, width: int) -> str:
        """A register full of one number."""
        if width == 1:
            return number
        one = self.let(f"insertelement <{width} x {kind}> poison, {kind} {number}, i32 0")
        return self.let(
            f"shufflevector <{width} x {kind}> {one}, <{width} x {kind}> poison, <{width} x i32> zeroinitializer"
        )

    def call(self, kind: str, function: str, *args: str) -> str:
        """Call a function; return the name of its result. `args` are preceded by their types."""
        types = ", ".join(arg.rpartition(" ")[0] for arg in args)
        self.declarations.add(f"declare {kind} @{function}({types})")
        return self.let(f"call {kind} @{function}({', '.join(args)})")

    def unless(self, truth: str, block: str) -> None:
        """Branch to a block unless the truth is 1."""
        self._count += 1
        onward = f"on{self._count}"
        self.line(f"br i1 {truth}, label %{onward}, label %{block}")
        self.begin(onward)

    def loop(
        self,
        start: str | int,
        stop: str | int,
        body: Callable[..., Sequence[str]],
        carried: Carried = (),
        step: str | int = 1,
        *,
        some: bool = False,
    ) -> list[str]:
        """A loop over the numbers from `start` up to `stop`; written out if these are known to be fewer than two.

        Args:
            body: writes one turn, given the number and what is carried; returns what the next turn is handed.
            some: whether there is at least one turn.

        Returns:
            What is carried, after the last turn.
        """
        with self._turn(start, stop, step, carried, some) as (number, names, later):
            later += body(number, *names)
        return names

    @contextmanager
    def over(self, stop: str | int, start: str | int = 0, step: str | int = 1) -> Iterator[str]:
        """A loop that carries nothing: what is written within the context is one turn, given its number."""
        with self._turn(start, stop, step) as (number, _, _):
            yield number

    def each(self, stop: str | int, do: Callable[[str], object], start: str | int = 0, step: str | int = 1) -> None:
        """The same, where one call writes a turn."""
        with self.over(stop, start, step) as number:
            do(number)

    @contextmanager
    def _turn(
        self, start: str | int, stop: str | int, step: str | int, carried: Carried = (), some: bool = False
    ) -> Iterator[tuple[str, list[str], list[str]]]:
        """Write a loop around what is written within the context, given the number of the turn, what is carried (in the
        end, what is carried after the last turn), and a list to be filled with what the next turn is handed."""
        later: list[str] = []
        if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
            some = start < stop
            if some and stop <= start + step:
                names = [first for _, first in carried]
                yield str(start), names, later
                names[:] = later
                return
        self._count += 1
        number = self._count
        before, turn, after, index = self.block, f"turn{number}", f"after{number}", f"%i{number}"
        first_turn = f"label %{turn}"
        if not some:
            first_turn = f"i1 {self.let(f'icmp slt i64 {start}, {stop}')}, label %{turn}, label %{after}"
        self.line(f"br {first_turn}")
        self.begin(turn)
        place, names = len(self.lines), [self.name() for _ in carried]
        yield index, names, later
        self.line(f"%next{number} = add i64 {index}, {step}")
        self.line(f"%more{number} = icmp slt i64 %next{number}, {stop}")
        last = self.block
        self.line(f"br i1 %more{number}, label %{turn}, label %{after}")
        phis = [f"  {index} = phi i64 [ {start}, %{before} ], [ %next{number}, %{last} ]"]
        for name, (kind, first), next_one in zip(names, carried, later):
            phis.append(f"  {name} = phi {kind} [ {first}, %{before} ], [ {next_one}, %{last} ]")
        self.lines[place:place] = phis
        self.begin(after)
        names[:] = (
            later
            if some
            else [
                self.let(f"phi {kind} [ {first}, %{before} ], [ {next_one}, %{last} ]")
                for (kind, first), next_one in zip(carried, later)
            ]
        )

    def text(self, head: str, *last: str) -> str:
        """The whole text, with the head of its definition."""
        lines = [f"define {head} {{", "entry:", *self.lines, *[f"  {line}" for line in last], "}"]
        return "\n".join([*lines, *sorted(self.declarations)])
