"""Sums over columns of products of rows; registers hold several sums at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.code.emit_products import At, Rows

Total = Sequence[tuple[float, Sequence[int | float]]]
"""What each column adds to a sum: signs, and one or two factors, by their rows; a number stands for itself."""


def at_once(width: int) -> int:
    """How many sums registers hold besides the factors of what is added to them."""
    return 16 if width > 4 else 8


def totals(sums: Sequence[Total], kinds: Sequence[int] | Mapping[int, int], at: At, width: int, n: int) -> str:
    """The text of a function that adds to sums what `n` columns contribute; one call takes the columns from `b` to `e`.

    The first pointer is to the sums, the others to rows. If the last columns do not fill a register, they come together
    with as many before them as do, which do not count again.
    """
    asm = Assembly(width)
    rows = Rows(asm, kinds, at)
    full = n - n % width

    def turn(is_last: bool) -> Callable[..., Sequence[str]]:
        def columns(i: str, *before: str) -> Sequence[str]:
            rows.turn(i)
            return [
                _added(asm, rows, each, Cell(asm, name), full - n + width if is_last else 0).name
                for each, name in zip(sums, before)
            ]

        return columns

    carried = [(asm.type, asm.number(-0.0).name)] * len(sums)
    if n == full:
        found = asm.loop("%b", "%e", turn(False), carried, width)
    else:
        is_last = asm.let(f"icmp eq i64 %b, {n - width}")
        start, after = (
            asm.let(f"select i1 {is_last}, i64 {yes}, i64 {no}") for yes, no in (("%e", "%b"), ("%b", "%e"))
        )
        found = asm.loop(start, "%e", turn(False), carried, width)
        found = asm.loop(after, "%e", turn(True), [(asm.type, name) for name in found], width)
    out = asm.load("ptr", "%p", 0)
    for number, register in enumerate(found):
        total = asm.let(f"fadd double {asm.load('double', out, number)}, {asm.across(register)}")
        asm.store("double", total, out, number)
    return asm.text("void @BODY(ptr %p, i64 %b, i64 %e)", "ret void")


def _added(asm: Assembly, rows: Rows, total: Total, before: Cell, skipped: int) -> Cell:
    """The sum before, plus what a register of columns contributes, without the first `skipped` of them."""
    for sign, factors in total:
        x, *others = (rows.read(each) if isinstance(each, int) else asm.number(each) for each in factors)
        x = -x if sign < 0.0 else x
        if skipped:
            product = x * others[0] if others else x
            truth = ", ".join(f"i1 {'false' if lane < skipped else 'true'}" for lane in range(asm.width))
            before = before + asm.select(f"<{truth}>", product, -0.0)
        else:
            before = asm.intrinsic("fmuladd", x, others[0], before) if others else before + x
    return before
