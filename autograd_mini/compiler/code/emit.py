"""A chunk of operations as a function in LLVM's language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.code.chunks import ARRAY, UNIFORM, Form
from autograd_mini.compiler.code.machine_rows import VECTORS, has_emission
from autograd_mini.compiler.code.operations import Apply, Head, Literal, Sum
from autograd_mini.primitives import Part

Product = tuple[float, Sequence[Any]]
"""A sign and one or two factors."""

FUSED = 4
"""The products of a sum of so many terms or more are rounded together with what they are added to, where the host can
do it; those of fewer before, as they are written."""


def require_emission(head: Head) -> None:
    """Raise NotImplementedError if there is no machine code for it."""
    if isinstance(head, Apply):
        primitive = head.primitive.whole if isinstance(head.primitive, Part) else head.primitive
        is_vector = head.is_vector and primitive.base.name in VECTORS
        if not is_vector and not has_emission(primitive, len(head.args)):
            raise NotImplementedError(primitive.name)


At = Sequence[tuple[int, int]]
"""Where rows are that lie at fixed distances: by which pointer each of them is found, and how far behind it."""


class Rows:
    """The rows that a function reads and writes, a register of columns at a time.

    Args:
        kinds: where each of them is.
        at: if it is given, all pointers are read before any column is looked at.
    """

    def __init__(self, asm: Assembly, kinds: bytes, at: At = ()) -> None:
        self._asm, self._kinds, self._at = asm, kinds, at
        self._pointers = {pointer: asm.load("ptr", "%p", pointer) for pointer, _ in dict.fromkeys(at)}
        self._found: dict[int, Cell] = {}

    def turn(self, i: str) -> None:
        """Go to the columns from i on."""
        self._i, self._offset = i, self._asm.let(f"sub i64 {i}, %b")
        self._found = {}

    def _place(self, row: int) -> str:
        asm, kind = self._asm, self._kinds[row]
        index = 0 if kind == UNIFORM else self._i if kind == ARRAY else self._offset
        if not self._at:
            return asm.at("double", asm.load("ptr", "%p", row), index)
        pointer, distance = self._at[row]
        return asm.at("double", asm.at("double", self._pointers[pointer], index), distance)

    def read(self, row: int) -> Cell:
        if row not in self._found:  # not sooner, so that few are alive at a time
            asm, place = self._asm, self._place(row)
            if self._kinds[row] == UNIFORM:
                self._found[row] = asm.spread(asm.load("double", place))
            else:
                self._found[row] = asm.define(f"load {asm.type}, ptr {place}, align 8")
        return self._found[row]

    def store(self, row: int, number: Cell) -> None:
        self._asm.line(f"store {self._asm.type} {number.name}, ptr {self._place(row)}, align 8")


def write(form: Form, heads: Sequence[Head], width: int, at: At = ()) -> str:
    """The function of a chunk: `p` points to the rows it reads and then to those it writes. It works on the columns
    from `b` to `e`, which are the first of a block.
    """
    asm = Assembly(width)
    rows = Rows(asm, form.kinds, at)

    def columns(i: str) -> Sequence[str]:
        rows.turn(i)
        results: list[Cell] = []
        for head, *operands in form.steps:
            cells = [results[operand] if operand >= 0 else rows.read(~operand) for operand in operands]
            results.extend(computed(asm, heads[head], cells))
        for row, result in enumerate(form.writes, form.n_reads):
            rows.store(row, results[result])
        return ()

    asm.loop("%b", "%e", columns, step=width)
    return asm.text("void @BODY(ptr %p, i64 %b, i64 %e)", "ret void")


def sum_columns(width: int) -> str:
    """The text of what adds up rows of a block of columns, each into its row of an array of a column for each block.

    Its pointers are to the array, to five sizes (the columns that fill registers, all columns, the columns of a block,
    the blocks, the rows), and to the rows. Of columns that do not begin where a register does, the last ones with some
    before them, only those count that fill none.
    """
    asm = Assembly(width)
    sums, sizes = asm.load("ptr", "%p", 0), asm.load("ptr", "%p", 1)
    full, stop, columns, n_blocks, n_rows = (asm.load("i64", sizes, place) for place in range(5))
    is_full = asm.let(f"icmp eq i64 {asm.let(f'urem i64 %b, {width}')}, 0")
    start = asm.let(f"select i1 {is_full}, i64 %b, i64 {full}")
    stop = asm.call("i64", "llvm.smin.i64", f"i64 {stop}", "i64 %e")
    start, stop = asm.let(f"sub i64 {start}, %b"), asm.let(f"sub i64 {stop}, %b")
    rest = asm.let(f"srem i64 {asm.let(f'sub i64 {stop}, {start}')}, {width}")
    whole = asm.let(f"sub i64 {stop}, {rest}")
    block = asm.let(f"udiv i64 %b, {columns}")

    def one(row: str) -> Sequence[str]:
        numbers = asm.load("ptr", "%p", asm.let(f"add i64 {row}, 2"))

        def add(kind: str) -> Callable[[str, str], Sequence[str]]:
            def turn(i: str, total: str) -> Sequence[str]:
                number = asm.let(f"load {kind}, ptr {asm.at('double', numbers, i)}, align 8")
                return [asm.let(f"fadd {kind} {total}, {number}")]

            return turn

        (total,) = asm.loop(start, whole, add(asm.type), [(asm.type, "zeroinitializer" if width > 1 else "0.0")], width)
        if width > 1:
            types, function = f"double, {asm.type}", f"llvm.vector.reduce.fadd.v{width}f64"
            total = asm.call("double", function, "double 0.0", f"{asm.type} {total}", declared=types)
        (total,) = asm.loop(whole, stop, add("double"), [("double", total)])
        place = asm.let(f"add i64 {asm.let(f'mul i64 {row}, {n_blocks}')}, {block}")
        before = asm.load("double", sums, place)
        asm.store("double", asm.let(f"fadd double {before}, {total}"), sums, place)
        return ()

    asm.loop(0, n_rows, one)
    return asm.text("void @BODY(ptr %p, i64 %b, i64 %e)", "ret void")


def computed(asm: Assembly, head: Head, cells: Sequence[Cell]) -> Sequence[Cell]:
    """The results of an operation of these operands."""
    rest = iter(cells)
    if isinstance(head, Sum):
        products = [(sign, [_operand(each, rest) for each in factors] or [1.0]) for sign, factors in head.terms]
        return [total(asm, products, head.from_zero)]
    args = [_operand(literal, rest) for literal in head.args]
    primitive = head.primitive
    if head.is_vector:
        return VECTORS[primitive.base.name]([*map(asm.cell, args)], primitive.options.get("empty", float("nan")))
    if isinstance(primitive, Part):
        return [asm.cell(primitive.whole(*args)[primitive.part])]
    return [asm.cell(primitive(*args))]


def _operand(literal: Literal, cells: Any) -> Any:
    return next(cells) if literal is None else float.fromhex(literal)


def total(assembly: Assembly, products: Sequence[Product], from_zero: bool) -> Cell:
    """Their sum, one after the other."""
    out: Any = assembly.number(0.0) if from_zero or not products else None
    for sign, factors in products:
        x = assembly.cell(factors[0])
        if len(factors) == 2 and out is not None and len(products) >= FUSED:
            out = assembly.intrinsic("fmuladd", -x if sign < 0.0 else x, assembly.cell(factors[1]), out)
            continue
        term = x * factors[1] if len(factors) == 2 else x
        if out is None:
            out = -term if sign < 0.0 else term
        else:
            out = out - term if sign < 0.0 else out + term
    return assembly.cell(out)
