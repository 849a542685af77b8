"""Matrix products and sums over the columns as functions in LLVM's language; their sums stand in registers.

Sums over the columns stay apart by the places that columns have in a register, and by groups of columns, so that they
are the same whatever threads there are; who reads them adds them up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.code.chunks import ARRAY, UNIFORM, Form
from autograd_mini.compiler.code.register_products import Matrix, Outer

HEAD = "void @BODY(ptr %p, i64 %b, i64 %e)"


def write_matrix(form: Form, head: Matrix, width: int) -> str:
    """The function of a matrix. Its pointers are to the weights, a row of them for each factor, to the factors, to what
    the sums begin with, and to the sums."""
    asm = Assembly(width)
    rows = range(head.n_rows)
    first_start = 1 + sum(is_there for _, is_there in head.factors)
    first_result = first_start + head.n_rows * head.has_start
    weights = asm.load("ptr", "%p")

    def columns(i: str) -> Sequence[str]:
        offset = asm.let(f"sub i64 {i}, %b")
        totals = [asm.number(0.0 if head.from_zero else -0.0)] * head.n_rows
        if head.has_start:
            starts = [read(asm, first_start + row, form.kinds[first_start + row], i, offset) for row in rows]
            totals = [total + start for total, start in zip(totals, starts)] if head.from_zero else starts

        def add_factor(number: str, row: str, sign: float, kind: int | None, names: Sequence[str]) -> list[str]:
            """The sums with a factor more; `row` is that of the pointer to it."""
            at = asm.at("double", weights, asm.let(f"mul i64 {number}, {head.n_rows}"))
            each = [asm.spread(asm.load("double", at, row)) for row in rows]
            totals = [Cell(asm, name) for name in names]
            if kind is None:
                return [(total + w if sign > 0.0 else total - w).name for total, w in zip(totals, each)]
            y = read(asm, row, kind, i, offset)
            signed = y if sign > 0.0 else -y
            return [asm.intrinsic("fmuladd", w, signed, total).name for total, w in zip(totals, each)]

        names = [each.name for each in totals]
        for run in _runs(form, head):
            names = asm.loop(0, run.length, run.of_each(asm, add_factor), [(asm.type, name) for name in names])
        for row, name in enumerate(names, first_result):
            pointer = asm.load("ptr", "%p", row)
            index = i if form.kinds[row] == ARRAY else offset
            asm.line(f"store {asm.type} {name}, ptr {asm.at('double', pointer, index)}, align 8")
        return ()

    asm.loop("%b", "%e", columns, step=width)
    return asm.text(HEAD, "ret void")


class _Run(NamedTuple):
    """Factors one after the other that are alike: their sign and where they are; the number of the first of them and
    its row."""

    sign: float
    kind: int | None
    number: int
    row: int
    length: int

    def of_each(self, asm: Assembly, add: Callable[..., Sequence[str]]) -> Callable[..., Sequence[str]]:
        def one(k: str, *names: str) -> Sequence[str]:
            number, row = (asm.let(f"add i64 {k}, {first}") for first in (self.number, self.row))
            return add(number, row, self.sign, self.kind, names)

        return one


def _runs(form: Form, head: Matrix) -> Iterator[_Run]:
    rows = iter(range(1, len(form.kinds)))
    places = [(sign, next(rows) if is_there else None) for sign, is_there in head.factors]
    number = 0
    for (sign, kind), run in groupby(places, lambda each: (each[0], None if each[1] is None else form.kinds[each[1]])):
        members = list(run)
        yield _Run(sign, kind, number, members[0][1] or 0, len(members))
        number += len(members)


def read(asm: Assembly, row: str | int, kind: int, i: str, offset: str) -> Cell:
    """The numbers of a row, of the columns from `i` on, the `offset`-th of the block."""
    pointer = asm.load("ptr", "%p", row)
    if kind == UNIFORM:
        return asm.spread(asm.load("double", pointer))
    return asm.define(f"load {asm.type}, ptr {asm.at('double', pointer, i if kind == ARRAY else offset)}, align 8")


class _Columns:
    """The columns of a block of which sums are made. Of columns that do not begin where a register does, the last ones
    with some before them, only those count that fill none; and none that are not there.

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
        """Where a sum stands; it has a number for each place in a register."""
        return self.asm.at("double", self.asm.load("ptr", "%p", row), self._offset)

    def each(self, totals: Sequence[str], add: Callable[..., Sequence[str]]) -> Sequence[str]:
        """What a loop over the columns makes of totals: `add` is given the columns from which on numbers are, which of
        the block they are, which of them count, None for all, and the totals so far."""
        asm = self.asm

        def turn(counts: bool) -> Callable[..., Sequence[str]]:
            return lambda i, *names: add(i, asm.let(f"sub i64 {i}, %b"), self._counting(i) if counts else None, *names)

        types = [asm.type] * len(totals)
        totals = asm.loop("%b", self._whole, turn(False), [*zip(types, totals)], asm.width)
        return asm.loop(self._whole, "%e", turn(True), [*zip(types, totals)], asm.width)

    def _counting(self, i: str) -> str:
        """Which of the columns from `i` on count."""
        asm = self.asm
        kind = "i64" if asm.width == 1 else f"<{asm.width} x i64>"

        def spread(number: str) -> str:
            if asm.width == 1:
                return number
            one = asm.let(f"insertelement {kind} poison, i64 {number}, i32 0")
            return asm.let(f"shufflevector {kind} {one}, {kind} poison, <{asm.width} x i32> zeroinitializer")

        lanes = "0" if asm.width == 1 else f"<{', '.join(f'i64 {lane}' for lane in range(asm.width))}>"
        column = asm.let(f"add {kind} {spread(i)}, {lanes}")
        after, before = (
            asm.let(f"icmp {how} {kind} {column}, {spread(bound)}")
            for how, bound in (("sge", self._start), ("slt", self._stop))
        )
        return asm.let(f"and {asm.truth} {after}, {before}")


def write_outer(form: Form, head: Outer, width: int) -> str:
    """The function of an outer product. Its pointers are to the sizes that its sums need to know, to the sums, and for
    each term to the vectors x and y."""
    asm = Assembly(width)
    columns = _Columns(asm)
    n_sums, size = head.n_rows * head.n_columns, head.n_rows + head.n_columns
    places = [columns.place(1 + number) for number in range(n_sums)]
    totals: Sequence[str] = [asm.load(asm.type, place) for place in places]

    def terms(first: int, kinds: Sequence[int]) -> Callable[..., Sequence[str]]:
        """What adds terms whose factors are in rows of the same kinds."""

        def one(k: str, *totals: str) -> Sequence[str]:
            row = asm.let(f"add i64 {asm.let(f'mul i64 {k}, {size}')}, {first}")
            rows = [asm.let(f"add i64 {row}, {place}") for place in range(size)]

            def products(i: str, offset: str, counting: str | None, *totals: str) -> Sequence[str]:
                factors = [read(asm, *each, i, offset) for each in zip(rows, kinds)]
                if counting is not None:
                    factors = [asm.select(counting, factor, 0.0) for factor in factors]
                pairs = [(x, y) for x in factors[: head.n_rows] for y in factors[head.n_rows :]]
                return [asm.intrinsic("fmuladd", *pair, Cell(asm, total)).name for pair, total in zip(pairs, totals)]

            return columns.each(totals, products)

        return one

    first = 1 + n_sums
    vectors = [form.kinds[start : start + size] for start in range(first, len(form.kinds), size)]
    for kinds, run in groupby(vectors):
        length = len(list(run))
        totals = asm.loop(0, length, terms(first, kinds), [(asm.type, total) for total in totals])
        first += length * size
    for place, total in zip(places, totals):
        asm.store(asm.type, total, place)
    return asm.text(HEAD, "ret void")


def add_up(width: int) -> str:
    """The text of what adds up sums: what groups of columns gave, and the places that columns have in a register."""
    asm = Assembly(width)

    def one(number: str) -> Sequence[str]:
        def group(k: str, total: str) -> Sequence[str]:
            place = asm.let(f"add i64 {asm.let(f'mul i64 {k}, %count')}, {number}")
            each = asm.load(asm.type, asm.at("double", "%sums", asm.let(f"mul i64 {place}, {width}")))
            return [(Cell(asm, total) + Cell(asm, each)).name]

        (total,) = asm.loop(0, "%groups", group, [(asm.type, asm.number(0.0).name)])
        asm.store("double", asm.across(total), "%totals", number)
        return ()

    asm.loop(0, "%count", one)
    return asm.text("void @BODY(ptr %sums, i64 %groups, i64 %count, ptr %totals)", "ret void")


def sum_columns(width: int) -> str:
    """The text of what adds up rows of a block of columns. Its pointers are to the sizes that its sums need to know,
    and as a fifth one how many rows there are; and for each row to its sum and to the row."""
    asm = Assembly(width)
    columns = _Columns(asm)
    n_rows = asm.load("i64", asm.load("ptr", "%p"), 4)

    def one(row: str) -> Sequence[str]:
        pair = asm.let(f"add i64 {asm.let(f'mul i64 {row}, 2')}, 1")
        place, numbers = columns.place(pair), asm.load("ptr", "%p", asm.let(f"add i64 {pair}, 1"))

        def add(i: str, offset: str, counting: str | None, total: str) -> Sequence[str]:
            number = Cell(asm, asm.load(asm.type, asm.at("double", numbers, offset)))
            if counting is not None:
                number = asm.select(counting, number, 0.0)
            return [(Cell(asm, total) + number).name]

        (total,) = columns.each([asm.load(asm.type, place)], add)
        asm.store(asm.type, total, place)
        return ()

    asm.loop(0, n_rows, one)
    return asm.text(HEAD, "ret void")
