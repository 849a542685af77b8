"""Machine code that copies columns of arrays into rows whose numbers lie side by side, a block at a time, just before
they are read: the memory of a block stays in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from autograd_mini.compiler.code.engine import point_to
from autograd_mini.compiler.code.loops import Function

HEAD, RECORD = 6, 7
"""How many words there are in the head of `take`'s table, and for each array in it: which one it is; where it begins;
the bytes from row to row and from column to column; its number of rows; where a block of it goes, and the bytes from
row to row there."""


@cache
def take(width: int) -> str:
    """The text of a function that copies the columns from `b` to `e` of arrays, a multiple of `width`, to memory of a
    block, and sets the pointers to their rows as if all columns were there.

    `p` points to a table: the arguments of `POINT`, how many arrays there are, and their last column, which stands in
    for those that are not there; then a record for each array. Where the numbers of a column lie side by side, as in
    arrays in C order, squares of them are transposed in registers.
    """
    function = Function()
    given = function.load("ptr", "%p")
    table, rows, n_rows, arrays, n_arrays, last = function.record(given, "ppipii")
    records = function.at("i64", given, HEAD)
    n, last = function.let("sub i64 %e, %b"), function.let(f"sub i64 {last}, %b")

    def there(column: str, count: int = 0) -> str:
        """The column so many further on, or the last one if there is none."""
        column = function.let(f"add i64 {column}, {count}") if count else column
        return function.least(column, last)

    with function.over(n_arrays) as k:
        place, start, by_row, by_column, count, out, out_by_row = function.record(records, "ipiiipi", k)
        start = function.moved(start, by_column, "%b")
        whole = "0"
        if width > 1:
            is_turned, fits = (
                function.let(f"icmp {how}") for how in (f"eq i64 {by_row}, 8", f"sge i64 {count}, {width}")
            )
            whole = function.let(f"select i1 {function.let(f'and i1 {is_turned}, {fits}')}, i64 {count}, i64 0")
            last_square = function.let(f"sub i64 {count}, {width}")
            with function.over(n, step=width) as column:
                sources = [function.moved(start, by_column, there(column, each)) for each in range(width)]
                to = function.at("double", out, column)
                with function.over(whole, step=width) as lane:
                    lane = function.least(lane, last_square)
                    kind, row = f"<{width} x double>", function.moved(to, out_by_row, lane)
                    pointers = [function.at("double", source, lane) for source in sources]
                    registers = [function.let(f"load {kind}, ptr {each}, align 1") for each in pointers]
                    for number, register in enumerate(_turned(function, registers)):
                        row = function.at("i8", row, out_by_row) if number else row
                        function.line(f"store {kind} {register}, ptr {row}, align 8")
        with function.over(count, whole) as lane:
            source, to = function.moved(start, by_row, lane), function.moved(out, out_by_row, lane)
            with function.over(n) as column:
                pointer = function.moved(source, by_column, there(column))
                function.store("double", function.let(f"load double, ptr {pointer}, align 1"), to, column)
        before = function.at("double", out, function.let("sub i64 0, %b"))
        function.store("ptr", before, arrays, place)
    point_to(function, table, rows, n_rows, arrays)
    return function.text("void @BODY(ptr %p, i64 %b, i64 %e)", "ret void")


def _turned(function: Function, rows: Sequence[str]) -> Sequence[str]:
    """Transpose a square of registers: exchange corners in squares of two, then in squares of four, and so on."""
    width, step = len(rows), 1
    kind, places = f"<{width} x double>", f"<{width} x i32>"
    turned = [*rows]
    while step < width:
        for i in (i for i in range(width) if not i & step):
            pair = f"{kind} {turned[i]}, {kind} {turned[i + step]}"
            low = [width + k - step if k & step else k for k in range(width)]
            high = [width + k if k & step else k + step for k in range(width)]
            for place, chosen in (i, low), (i + step, high):
                mask = ", ".join(f"i32 {k}" for k in chosen)
                turned[place] = function.let(f"shufflevector {pair}, {places} <{mask}>")
        step *= 2
    return turned
