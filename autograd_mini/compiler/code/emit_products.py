"""Matrix products and sums over the columns as functions in LLVM's language; their sums stay in registers.

Sums over the columns are kept apart by place in a register and by group of columns, so that they do not depend on the
number of threads; whoever reads them adds them up.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import groupby, product
from typing import Any, NamedTuple

from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.code.chunks import SCRATCH, UNIFORM, Form
from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.register_products import Matrix, Outer
from autograd_mini.compiler.partition import TILE

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

    with asm.over("%e", "%b", width) as i:
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


def write_outer(form: Form, head: Outer, width: int) -> str:
    """The function of an outer product. Its pointers are to the sizes that its sums need to know, to the first of its
    sums, which lie side by side, and for each term to the vectors x and y.

    The sizes are the columns that fill registers, all columns, the columns of a group, and the numbers of all its sums.
    Where the last columns, as many as fill a register, do not all count, each sum is loaded and stored by itself, in
    code that is short.
    """
    asm = Assembly(width)
    rows, size = Rows(asm, form.kinds), head.n_rows + head.n_columns
    sizes = asm.load("ptr", "%p")
    full, n, group, numbers = (asm.load("i64", sizes, place) for place in range(4))
    offset = asm.let(f"mul i64 {asm.let(f'udiv i64 %b, {group}')}, {numbers}")
    sums = asm.at("double", asm.load("ptr", "%p", 1), offset)
    is_first = asm.let(f"icmp eq i64 {asm.let(f'urem i64 %b, {width}')}, 0")
    asm.unless(asm.let(f"and i1 {is_first}, {asm.let(f'icmp sle i64 %e, {n}')}"), "few")
    totals: Sequence[str] = [asm.load(asm.type, sums, number) for number in range(head.n_rows * head.n_columns)]

    def whole(first: int, k: str, *totals: str) -> Sequence[str]:
        """The totals with one more term, whose factors are k terms after those in the row `first` and after it."""
        further = asm.let(f"mul i64 {k}, {size}")

        def products(i: str, *totals: str) -> Sequence[str]:
            rows.turn(i)
            factors = [rows.read_further(row, further) for row in range(first, first + size)]
            pairs = [(x, y) for x in factors[: head.n_rows] for y in factors[head.n_rows :]]
            return [asm.intrinsic("fmuladd", *pair, Cell(asm, total)).name for pair, total in zip(pairs, totals)]

        return asm.loop("%b", "%e", products, [(asm.type, total) for total in totals], width, some=True)

    for first, length in _terms(form, size):
        totals = asm.loop(0, length, partial(whole, first), [(asm.type, total) for total in totals])
    for number, total in enumerate(totals):
        asm.store(asm.type, total, sums, number)
    asm.line("br label %done")
    asm.begin("few")
    rows.turn("%b")
    counting = _counting(asm, asm.let(f"select i1 {is_first}, i64 %b, i64 {full}"), n)
    for first, length in _terms(form, size):
        asm.each(length, partial(_few, asm, rows, form, head, first, sums, counting))
    asm.line("br label %done")
    asm.begin("done")
    return asm.text(HEAD, "ret void")


def _terms(form: Form, size: int) -> Iterator[tuple[int, int]]:
    """Consecutive terms whose factors, `size` of them, are in rows of the same kinds: the first row, and how many terms
    there are."""
    first = 2
    for _, run in groupby(form.kinds[start : start + size] for start in range(first, len(form.kinds), size)):
        length = len(list(run))
        yield first, length
        first += length * size


def _counting(asm: Assembly, start: str, stop: str) -> str:
    """Which of a register of columns, of which the first one is `b`, are at least `start` and less than `stop`."""
    kind = asm.type.replace("double", "i64")
    lanes = "0" if asm.width == 1 else f"<{', '.join(f'i64 {lane}' for lane in range(asm.width))}>"
    column = asm.let(f"add {kind} {asm.filled('i64', '%b', asm.width)}, {lanes}")
    after, before = (
        asm.let(f"icmp {how} {kind} {column}, {asm.filled('i64', bound, asm.width)}")
        for how, bound in (("sge", start), ("slt", stop))
    )
    return asm.let(f"and {asm.truth} {after}, {before}")


def _few(asm: Assembly, rows: Rows, form: Form, head: Outer, first: int, sums: str, counting: str, k: str) -> None:
    """Add one register of columns, of which only some count, to all sums: one term, as in `write_outer`."""
    further = asm.let(f"mul i64 {k}, {head.n_rows + head.n_columns}")
    vectors = range(head.n_rows), range(head.n_rows, head.n_rows + head.n_columns)
    of_x, of_y = ([[*run] for _, run in groupby(each, lambda row: form.kinds[first + row])] for each in vectors)
    for xs, ys in product(of_x, of_y):
        with asm.over(len(xs) * len(ys)) as number:
            row, column = (asm.let(f"{how} i64 {number}, {len(ys)}") for how in ("udiv", "urem"))
            x, y = (
                asm.select(counting, rows.read_further(first + run[0], asm.let(f"add i64 {further}, {place}")), 0.0)
                for run, place in ((xs, row), (ys, column))
            )
            place = asm.let(f"mul i64 {asm.let(f'add i64 {row}, {xs[0]}')}, {head.n_columns}")
            place = asm.let(f"add i64 {asm.let(f'add i64 {column}, {ys[0] - head.n_rows}')}, {place}")
            total = Cell(asm, asm.load(asm.type, sums, place))
            asm.store(asm.type, asm.intrinsic("fmuladd", x, y, total).name, sums, place)


def add_up(width: int) -> str:
    """The text of a function that adds up each sum over all groups of columns and all places in a register; `order`
    says where each goes."""
    asm = Assembly(width)
    with asm.over("%count") as number:

        def group(k: str, total: str) -> Sequence[str]:
            place = asm.let(f"add i64 {asm.let(f'mul i64 {k}, %count')}, {number}")
            each = asm.load(asm.type, asm.at("double", "%sums", asm.let(f"mul i64 {place}, {width}")))
            return [(Cell(asm, total) + Cell(asm, each)).name]

        (total,) = asm.loop(0, "%groups", group, [(asm.type, asm.number(0.0).name)])
        asm.store("double", asm.across(total), "%totals", asm.load("i64", "%order", number))
    return asm.text("void @BODY(ptr %sums, i64 %groups, i64 %count, ptr %totals, ptr %order)", "ret void")


@cache
def multiply() -> Any:
    """Machine code that computes out = x·y. It is given the addresses of x, y and out, and of room for as many columns
    of y as a tile has; how many rows, columns and terms there are; and for x, y and out the bytes from row to row and
    from column to column. There must be as many rows and columns as a tile has: the last begins sooner, to be whole.
    """
    asm, (height, registers) = Assembly(host_width()), TILE
    width, places = registers * asm.width, [*product(range(height), range(registers))]
    asm.line(f"%found = alloca [{len(places)} x {asm.type}], align 64")

    def term(rows: Sequence[str], k: str, *sums: str) -> Sequence[str]:
        """The sums of a tile with one more term."""
        of_term, place = asm.moved("%room", 8 * width, k), asm.let(f"mul i64 %x_column, {k}")
        ys = [Cell(asm, asm.load(asm.type, of_term, register)) for register in range(registers)]
        xs = [asm.spread(asm.load("double", asm.at("i8", row, place))) for row in rows]
        return [asm.intrinsic("fmuladd", xs[i], ys[j], Cell(asm, total)).name for (i, j), total in zip(places, sums)]

    with asm.over("%columns", step=width) as start:
        column = asm.least(start, asm.let(f"sub i64 %columns, {width}"))
        y = asm.moved("%y", "%y_column", column)
        with asm.over("%terms") as k:
            of_term = asm.moved(y, "%y_row", k)
            for lane in range(width):
                number = asm.load("double", asm.moved(of_term, "%y_column", lane))
                asm.store("double", number, asm.moved("%room", 8 * width, k), lane)
        with asm.over("%rows", step=height) as start:
            row = asm.least(start, asm.let(f"sub i64 %rows, {height}"))
            rows = [asm.moved(asm.moved("%x", "%x_row", row), "%x_row", i) for i in range(height)]
            sums = asm.loop(0, "%terms", partial(term, rows), [(asm.type, asm.number(0.0).name)] * len(places))
            for place, total in enumerate(sums):
                asm.store(asm.type, total, "%found", place)
            out = asm.moved(asm.moved("%out", "%out_row", row), "%out_column", column)
            with asm.over(height) as i, asm.over(width) as j:
                number = asm.load("double", asm.moved("%found", 8 * width, i), j)
                asm.store("double", number, asm.moved(asm.moved(out, "%out_row", i), "%out_column", j))
    distances = ", ".join(f"i64 %{each}_row, i64 %{each}_column" for each in ("x", "y", "out"))
    head = f"void @BODY(ptr %x, ptr %y, ptr %out, ptr %room, i64 %rows, i64 %columns, i64 %terms, {distances})"
    (address,) = addresses([asm.text(head, "ret void")], keep=True)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, *[ctypes.c_int64] * 9)(address)
