"""Matrix products and sums over the columns as functions in LLVM's language; their sums stay in registers.

Sums over the columns are kept apart by place in a register and by group of columns, so that they do not depend on the
number of threads; whoever reads them adds them up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import NamedTuple

from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.code.chunks import SCRATCH, UNIFORM, Form
from autograd_mini.compiler.code.register_products import Matrix, Outer

HEAD = "void @BODY(ptr %p, i64 %b, i64 %e)"

At = Sequence[tuple[int, int]] | Mapping[int, tuple[int, int]]
"""Where rows at fixed distances are: for each row, the pointer by which it is found, and how far behind it."""


class Rows:
    """The rows that a function reads and writes, a register of columns at a time.

    Args:
        kinds: where each of them is.
        at: where rows at fixed distances are; if given, all pointers are loaded before the loop over the columns.
    """

    def __init__(self, asm: Assembly, kinds: Sequence[int] | Mapping[int, int], at: At = ()) -> None:
        self._asm, self._kinds, self._at = asm, kinds, at
        pointers = dict.fromkeys(pointer for pointer, _ in (at.values() if isinstance(at, Mapping) else at))
        self._pointers = {pointer: asm.load("ptr", "%p", pointer) for pointer in pointers}
        self._found: dict[int, Cell] = {}

    def turn(self, i: str) -> None:
        """Go to the columns from i on."""
        self._i, self._found = i, {}

    def _place(self, row: int, further: str | None = None) -> str:
        asm, kind = self._asm, self._kinds[row]
        index = 0 if kind == UNIFORM else self._i
        if kind == SCRATCH:
            index = asm.define(f"sub i64 {self._i}, %b").name
        if not self._at:
            pointer = row if further is None else asm.let(f"add i64 {further}, {row}")
            return asm.at("double", asm.load("ptr", "%p", pointer), index)
        pointer, distance = self._at[row]
        return asm.at("double", asm.at("double", self._pointers[pointer], index), distance)

    def read(self, row: int) -> Cell:
        if row not in self._found:  # not sooner, so that few are alive at a time
            self._found[row] = self.read_further(row)
        return self._found[row]

    def read_further(self, row: int, further: str | None = None) -> Cell:
        """Read the row that comes `further` rows, a number known at run time, after one of the same kind."""
        asm, place = self._asm, self._place(row, further)
        if self._kinds[row] == UNIFORM:
            return asm.spread(asm.load("double", place))
        return asm.define(f"load {asm.type}, ptr {place}, align 8")

    def store(self, row: int, number: str, further: str | None = None) -> None:
        self._asm.line(f"store {self._asm.type} {number}, ptr {self._place(row, further)}, align 8")


def write_matrix(form: Form, head: Matrix, width: int) -> str:
    """The function of a matrix. Its pointers are to the weights, a row of them for each factor, to the factors, to what
    the sums begin with, and to the sums."""
    asm = Assembly(width)
    rows, lanes = Rows(asm, form.kinds), range(head.n_rows)
    first_start = 1 + sum(is_there for _, is_there in head.factors)
    first_result = first_start + head.n_rows * head.has_start
    weights = asm.load("ptr", "%p")

    def add_factor(run: _Run, k: str, *names: str) -> list[str]:
        """The sums with one more factor."""
        number = asm.let(f"mul i64 {asm.let(f'add i64 {k}, {run.number}')}, {head.n_rows}")
        at = asm.at("double", weights, number)
        each = [asm.spread(asm.load("double", at, lane)) for lane in lanes]
        totals = [Cell(asm, name) for name in names]
        if run.kind is None:
            return [(total + w if run.sign > 0.0 else total - w).name for total, w in zip(totals, each)]
        y = rows.read_further(run.row, k)
        signed = y if run.sign > 0.0 else -y
        return [asm.intrinsic("fmuladd", w, signed, total).name for total, w in zip(totals, each)]

    def columns(i: str) -> None:
        rows.turn(i)
        totals = [asm.number(0.0 if head.from_zero else -0.0)] * head.n_rows
        if head.has_start:
            starts = [rows.read(first_start + lane) for lane in lanes]
            totals = [total + start for total, start in zip(totals, starts)] if head.from_zero else starts
        names = [each.name for each in totals]
        for run in _runs(form, head):
            names = asm.loop(0, run.length, partial(add_factor, run), [(asm.type, name) for name in names])
        for row, name in enumerate(names, first_result):
            rows.store(row, name)

    asm.each("%e", columns, "%b", width)
    return asm.text(HEAD, "ret void")


class _Run(NamedTuple):
    """Consecutive factors that are alike: their sign, the kind of their rows, the number and row of the first one, and
    how many there are."""

    sign: float
    kind: int | None
    number: int
    row: int
    length: int


def _runs(form: Form, head: Matrix) -> Iterator[_Run]:
    rows = iter(range(1, len(form.kinds)))
    places = [(sign, next(rows) if is_there else None) for sign, is_there in head.factors]
    number = 0
    for (sign, kind), run in groupby(places, lambda each: (each[0], None if each[1] is None else form.kinds[each[1]])):
        members = list(run)
        yield _Run(sign, kind, number, members[0][1] or 0, len(members))
        number += len(members)


class _Columns:
    """The columns of a block that are summed. Where the last columns are computed with as many before them as fill a
    register, only those count that do not fill one by themselves; columns beyond the last one never count.

    The first pointer is to four sizes: the columns that fill registers, all columns, the columns of a group, and the
    numbers of all its sums.
    """

    def __init__(self, asm: Assembly) -> None:
        self.asm = asm
        sizes = asm.load("ptr", "%p")
        full, n, group, self._size = (asm.load("i64", sizes, place) for place in range(4))
        is_first = asm.let(f"icmp eq i64 {asm.let(f'urem i64 %b, {asm.width}')}, 0")
        self._start = asm.let(f"select i1 {is_first}, i64 %b, i64 {full}")
        self._stop = asm.call("i64", "llvm.smin.i64", f"i64 {n}", "i64 %e")
        are_all = asm.let(f"and i1 {is_first}, {asm.let(f'icmp sle i64 %e, {n}')}")
        self._whole = asm.let(f"select i1 {are_all}, i64 %e, i64 %b")
        self._offset = asm.let(f"mul i64 {asm.let(f'udiv i64 %b, {group}')}, {self._size}")

    def place(self, row: str | int) -> str:
        """The address of a sum, which has a number for each place in a register."""
        return self.asm.at("double", self.asm.load("ptr", "%p", row), self._offset)

    def each(self, totals: Sequence[str], add: Callable[..., Sequence[str]]) -> Sequence[str]:
        """Loop over the columns, and return the totals after it: `add` is given the first column of a register, which
        of its columns count, or None for all, and the totals so far."""
        asm = self.asm

        def turn(counts: bool) -> Callable[..., Sequence[str]]:
            return lambda i, *names: add(i, self._counting(i) if counts else None, *names)

        types = [asm.type] * len(totals)
        totals = asm.loop("%b", self._whole, turn(False), [*zip(types, totals)], asm.width)
        return asm.loop(self._whole, "%e", turn(True), [*zip(types, totals)], asm.width)

    def _counting(self, i: str) -> str:
        """Which of the columns from `i` on count."""
        asm = self.asm
        kind = "i64" if asm.width == 1 else f"<{asm.width} x i64>"
        lanes = "0" if asm.width == 1 else f"<{', '.join(f'i64 {lane}' for lane in range(asm.width))}>"
        column = asm.let(f"add {kind} {asm.filled('i64', i, asm.width)}, {lanes}")
        after, before = (
            asm.let(f"icmp {how} {kind} {column}, {asm.filled('i64', bound, asm.width)}")
            for how, bound in (("sge", self._start), ("slt", self._stop))
        )
        return asm.let(f"and {asm.truth} {after}, {before}")


def write_outer(form: Form, head: Outer, width: int) -> str:
    """The function of an outer product. Its pointers are to the sizes that its sums need to know, to the sums, and for
    each term to the vectors x and y."""
    asm = Assembly(width)
    columns = _Columns(asm)
    rows, n_sums, size = Rows(asm, form.kinds), head.n_rows * head.n_columns, head.n_rows + head.n_columns
    places = [columns.place(1 + number) for number in range(n_sums)]
    totals: Sequence[str] = [asm.load(asm.type, place) for place in places]

    def terms(first: int) -> Callable[..., Sequence[str]]:
        """The turn of a loop over terms whose factors are in rows of the same kinds, beginning with the row `first`."""

        def one(k: str, *totals: str) -> Sequence[str]:
            further = asm.let(f"mul i64 {k}, {size}")

            def products(i: str, counting: str | None, *totals: str) -> Sequence[str]:
                rows.turn(i)
                factors = [rows.read_further(row, further) for row in range(first, first + size)]
                if counting is not None:
                    factors = [asm.select(counting, factor, 0.0) for factor in factors]
                pairs = [(x, y) for x in factors[: head.n_rows] for y in factors[head.n_rows :]]
                return [asm.intrinsic("fmuladd", *pair, Cell(asm, total)).name for pair, total in zip(pairs, totals)]

            return columns.each(totals, products)

        return one

    first = 1 + n_sums
    vectors = [form.kinds[start : start + size] for start in range(first, len(form.kinds), size)]
    for _, run in groupby(vectors):
        length = len(list(run))
        totals = asm.loop(0, length, terms(first), [(asm.type, total) for total in totals])
        first += length * size
    for place, total in zip(places, totals):
        asm.store(asm.type, total, place)
    return asm.text(HEAD, "ret void")


def add_up(width: int) -> str:
    """The text of a function that adds up each sum over all groups of columns and all places in a register."""
    asm = Assembly(width)

    def one(number: str) -> None:
        def group(k: str, total: str) -> Sequence[str]:
            place = asm.let(f"add i64 {asm.let(f'mul i64 {k}, %count')}, {number}")
            each = asm.load(asm.type, asm.at("double", "%sums", asm.let(f"mul i64 {place}, {width}")))
            return [(Cell(asm, total) + Cell(asm, each)).name]

        (total,) = asm.loop(0, "%groups", group, [(asm.type, asm.number(0.0).name)])
        asm.store("double", asm.across(total), "%totals", number)

    asm.each("%count", one)
    return asm.text("void @BODY(ptr %sums, i64 %groups, i64 %count, ptr %totals)", "ret void")
