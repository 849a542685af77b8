"""Moving: functions in assembly between arrays and the rows of a block of columns."""

from __future__ import annotations


def each_row(first: str, work: str) -> str:
    """The text of what does some work on the rows of an array, and on as many rows of a block.

    Its pointers are to the array, to the sizes (`SIZES`), to the number of rows and the place of each of them in the
    array, and then to the rows of the block.

    Args:
        first: gives %stride, the numbers from row to row of the array, and %start, the column where this block begins.
        work: from the blocks %row to %next, given the pointers %array and %numbers to the two and %n columns.
    """
    return f"""
define void @BODY(ptr %p, ptr %ld, i64 %b, i64 %e) {{
entry:
  %base = load ptr, ptr %p
  %second = getelementptr ptr, ptr %p, i64 1
  %sizes = load ptr, ptr %second
  %third = getelementptr ptr, ptr %p, i64 2
  %table = load ptr, ptr %third
  %count = load i64, ptr %table
  %n = sub i64 %e, %b
  %bytes = mul i64 %n, 8
{first}
  %is_any = icmp sgt i64 %count, 0
  br i1 %is_any, label %row, label %done
row:
  %k = phi i64 [ 0, %entry ], [ %k1, %next ]
  %k1 = add i64 %k, 1
  %place_at = getelementptr i64, ptr %table, i64 %k1
  %place = load i64, ptr %place_at
  %lane = mul i64 %place, %stride
  %lane_b = add i64 %lane, %start
  %array = getelementptr double, ptr %base, i64 %lane_b
  %k3 = add i64 %k, 3
  %numbers_at = getelementptr ptr, ptr %p, i64 %k3
  %numbers = load ptr, ptr %numbers_at
{work}
next:
  %more = icmp slt i64 %k1, %count
  br i1 %more, label %row, label %done
done:
  ret void
}}
"""


COLUMN = """  %stride = load i64, ptr %sizes
  %start = add i64 %b, 0"""

COPY_IN, COPY_OUT = (
    "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)"
    + each_row(
        COLUMN,
        f"""  call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 %bytes, i1 false)
  br label %next""",
    )
    for target, source in (("%numbers", "%array"), ("%array", "%numbers"))
)
"""Copies these columns of an array to the rows of a block, and the other way round."""


def sum_over_columns(width: int) -> str:
    """The text of what sums the columns of each row into the column of this block in an array."""
    vector = f"<{width} x double>"
    block = """  %blocks_at = getelementptr i64, ptr %sizes, i64 1
  %stride = load i64, ptr %blocks_at
  %columns_at = getelementptr i64, ptr %sizes, i64 2
  %columns = load i64, ptr %columns_at
  %start = udiv i64 %b, %columns"""
    return f"declare double @llvm.vector.reduce.fadd.v{width}f64(double, {vector})" + each_row(
        block,
        f"""  %rest = urem i64 %n, {width}
  %full = sub i64 %n, %rest
  br label %several
several:
  %i = phi i64 [ 0, %row ], [ %i1, %add ]
  %total = phi {vector} [ zeroinitializer, %row ], [ %total1, %add ]
  %is_in = icmp slt i64 %i, %full
  br i1 %is_in, label %add, label %all
add:
  %at = getelementptr double, ptr %numbers, i64 %i
  %x = load {vector}, ptr %at, align 8
  %total1 = fadd {vector} %total, %x
  %i1 = add i64 %i, {width}
  br label %several
all:
  %sum = call double @llvm.vector.reduce.fadd.v{width}f64(double 0.0, {vector} %total)
  br label %single
single:
  %j = phi i64 [ %full, %all ], [ %j1, %one ]
  %sum1 = phi double [ %sum, %all ], [ %sum2, %one ]
  %is_left = icmp slt i64 %j, %n
  br i1 %is_left, label %one, label %last
one:
  %y_at = getelementptr double, ptr %numbers, i64 %j
  %y = load double, ptr %y_at
  %sum2 = fadd double %sum1, %y
  %j1 = add i64 %j, 1
  br label %single
last:
  store double %sum1, ptr %array
  br label %next""",
    )
