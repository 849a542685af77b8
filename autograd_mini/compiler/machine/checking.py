"""Checking: a body in assembly that tells whether the numbers of a pack are finite while they are in the cache."""

from __future__ import annotations


def check(width: int) -> str:
    """The text of a body that adds x - x, which is 0 or nan, of all numbers of a pack to a sum; its second pointer is
    to the sum, and has the number of lanes in place of a stride."""
    kind, zero = ("double", "0.0") if width == 1 else (f"<{width} x double>", "zeroinitializer")
    reduce = f"@llvm.vector.reduce.fadd.v{width}f64"
    add = "fadd double %before, %total2" if width == 1 else f"call double {reduce}(double %before, {kind} %total2)"
    declaration = "" if width == 1 else f"declare double {reduce}(double, {kind})"
    return f"""
define void @BODY(ptr %p, ptr %ld, i64 %b, i64 %e) {{
entry:
  %numbers = load ptr, ptr %p
  %stride = load i64, ptr %ld
  %second = getelementptr ptr, ptr %p, i64 1
  %sum = load ptr, ptr %second
  %lanes_at = getelementptr i64, ptr %ld, i64 1
  %lanes = load i64, ptr %lanes_at
  %is_any = icmp sgt i64 %lanes, 0
  br i1 %is_any, label %lane, label %end
lane:
  %l = phi i64 [ 0, %entry ], [ %l1, %next ]
  %total = phi {kind} [ {zero}, %entry ], [ %total2, %next ]
  %row = mul i64 %l, %stride
  br label %loop
loop:
  %i = phi i64 [ %b, %lane ], [ %i1, %loop ]
  %total1 = phi {kind} [ %total, %lane ], [ %total2, %loop ]
  %place = add i64 %row, %i
  %at = getelementptr double, ptr %numbers, i64 %place
  %x = load {kind}, ptr %at, align 8
  %nothing = fsub {kind} %x, %x
  %total2 = fadd {kind} %total1, %nothing
  %i1 = add i64 %i, {width}
  %on = icmp slt i64 %i1, %e
  br i1 %on, label %loop, label %next
next:
  %l1 = add i64 %l, 1
  %more = icmp slt i64 %l1, %lanes
  br i1 %more, label %lane, label %done
done:
  %before = load double, ptr %sum
  %after = {add}
  store double %after, ptr %sum
  br label %end
end:
  ret void
}}
{declaration}"""
