"""Writes the function that runs a program in one call from Python: it reads floats, lists and arrays, runs the bodies
of a kernel on all columns, and builds the results.

Tables say what it reads and builds, so that one function serves all layouts.
"""

from __future__ import annotations

from functools import cache

from autograd_mini.compiler.run.marshalling import make_thing, read_thing
from autograd_mini.compiler.run.python_calls import PythonFunction

COUNTS = (
    "count", "n", "most", "width", "step", "alone", "takes", "n_rows", "group", "in_group", "n_totals", "is_mean",
    "n_inputs", "n_args", "n_reads", "n_checked", "guard", "decides", "agreed", "n_makes",
)  # fmt: skip
WORDS = (
    *COUNTS, "drive", "point", "add_up", "bodies", "starts", "p", "inputs", "uniform", "rows", "arrays", "taking",
    "sizes", "sums", "totals", "order", "numbers", "reads", "held", "checked", "makes", "made", "picks", "busy",
    "float", "array", "empty", "none", "exception",
)  # fmt: skip
"""The words of a frame. Counts: bodies; columns, 0 if arrays tell, and the most there may be; columns in a register, in
a block, and up to which no other thread of Python runs meanwhile; 1 if the first body is `take`; pointers that move;
columns that are summed together, and the numbers in their sums; sums; 1 if results are means; inputs, arguments,
records; the place of the number of decisions that agree, 1 if there are any, how many must agree as a double's bits.
Pointers: functions and their tables, all numbers, records and room for what they are about; objects."""

NOT_FINITE = 0x7FF << 52
"""The bits of a double's exponent; all of them are set in inf and nan alone."""


@cache
def text(width: int) -> str:
    """The text of a function of a tuple of arguments; its self is a tuple of the addresses of a frame, of what is
    watched and of the function that compares that. It returns None if what is watched has changed, the arguments have
    another layout, a result is not finite, a decision comes out otherwise, or another thread uses the frame.

    Args:
        width: how many numbers a register holds.
    """
    f = PythonFunction()
    f.line("%view = alloca [10 x i64], align 8")
    for word in ("n_held", "n_made", "n_columns"):
        f.line(f"%{word} = alloca i64, align 8")
        f.store("i64", "0", f"%{word}")
    frame, watched, same = (f.pointer("%self", place) for place in range(3))
    f.unless(f.let(f"icmp ne i64 {f.let(f'call i64 {same}(ptr {watched})')}, 0"), "away")
    f.words(frame, WORDS, COUNTS)
    taken = f.let("cmpxchg ptr %busy_at, i64 0, i64 1 acquire monotonic")
    f.unless(f.let(f"extractvalue {{ i64, i1 }} {taken}, 1"), "away")
    size = f.python("PyTuple_Size", "ptr %args")
    f.unless(f.let(f"icmp eq i64 {size}, %n_args"), "long")
    f.store("ptr", "%args", "%held")
    f.store("i64", "%n", "%n_columns")
    f.store("i64", "0", "%taking", 4)
    f.each("%n_reads", lambda k: read_thing(f, k))
    n = f.load("i64", "%n_columns")
    f.unless(f.let(f"icmp sle i64 {n}, %most"), "long")
    _run(f, n)
    agreed = f.let("bitcast i64 %agreed to double")
    with f.over(f.let(f"mul i64 {n}, %decides")) as column:
        agreements = f.load("double", f.at("double", "%numbers", f.let(f"add i64 %guard, {column}")))
        f.unless(f.let(f"fcmp oeq double {agreements}, {agreed}"), "long")

    def runs(k: str) -> tuple[str, str]:
        """Where the numbers of a record are, and how many."""
        first, size, by_column = f.record("%checked", "iii", k)
        return f.at("double", "%numbers", first), f.let(f"add i64 {size}, {f.let(f'mul i64 {by_column}, {n}')}")

    (largest,) = f.loop(
        0, "%n_checked", lambda k, largest: _largest_exponent(f, *runs(k), largest, width), [("i64", "0")]
    )
    f.unless(f.let(f"icmp ne i64 {largest}, {NOT_FINITE}"), "long")
    f.unless(f.let("icmp ne i64 %is_mean, 0"), "scaled")
    divisor = f.let(f"sitofp i64 {n} to double")
    f.each("%n_checked", lambda k: _divide(f, *runs(k), divisor, width))
    f.go("scaled", "scaled")
    f.each("%n_makes", lambda k: make_thing(f, k, n))
    made, last = f.load("ptr", "%made"), f.block
    f.go("leave", "lost")
    n_made = f.load("i64", "%n_made")
    f.each(n_made, lambda k: f.python("Py_DecRef", f"ptr {f.load('ptr', '%made', k)}"))
    lost = f.block
    f.go("leave", "long")
    f.forget_error()
    none, given_up = f.unless_error("%none"), f.block
    f.go("leave", "leave")
    f.line(f"%result = phi ptr [ {made}, %{last} ], [ null, %{lost} ], [ {none}, %{given_up} ]")
    n_held, held = f.load("i64", "%n_held"), f.at("ptr", "%held", 1)
    f.each(n_held, lambda k: f.python("Py_DecRef", f"ptr {f.load('ptr', held, k)}"))
    f.line("store atomic i64 0, ptr %busy_at release, align 8")
    f.line("ret ptr %result")
    f.begin("away")
    none = f.load("ptr", f.at("i64", frame, WORDS.index("none")))
    return f.text("ptr @BODY(ptr %self, ptr %args)", f"ret ptr {f.unless_error(none)}")


def _run(f: PythonFunction, n: str) -> None:
    """Write what computes all columns and adds up sums; other threads of Python may run meanwhile if it takes long."""
    last = f.let(f"sub i64 {n}, 1")
    f.store("i64", last, "%taking", 5)
    f.store("i64", f.let(f"sub i64 {n}, {f.let(f'urem i64 {n}, %width')}"), "%sizes")
    f.store("i64", n, "%sizes", 1)
    n_groups = f.let(f"add i64 {f.let(f'udiv i64 {last}, %group')}, 1")
    n_sums = f.let(f"mul i64 {n_groups}, %in_group")
    f.each(n_sums, lambda k: f.store("double", "0.0", "%sums", k))
    f.each(
        "%n_inputs",
        lambda k: f.store("double", f.load("double", "%numbers", f.load("i64", "%inputs", k)), "%uniform", k),
    )
    n_taken = f.load("i64", "%taking", 4)
    pointing = f.block
    f.unless(f.let(f"icmp eq i64 {n_taken}, 0"), "pointed")
    f.line("call void %point(ptr %p, ptr %rows, i64 %n_rows, ptr %arrays)")
    none_taken = f.block
    f.go("pointed", "pointed")
    skipped = f.let(f"phi i64 [ %takes, %{none_taken} ], [ 0, %{pointing} ]")
    bodies, starts = f.at("ptr", "%bodies", skipped), f.at("i64", "%starts", skipped)
    count = f.let(f"sub i64 %count, {skipped}")
    larger = f.call("i64", "llvm.smax.i64", f"i64 {n}", "i64 %width")
    whole = f.let(f"sub i64 {larger}, {f.let(f'urem i64 {larger}, %width')}")
    more = f.let(f"sub i64 {larger}, %width")
    end = f.call("i64", "llvm.smax.i64", f"i64 {n}", f"i64 {whole}")
    f.unless(f.let(f"icmp sgt i64 {n}, %alone"), "stays")
    others = f.python("PyEval_SaveThread")
    letting_go = f.block
    f.go("running", "stays")
    f.go("running", "running")
    thread = f.let(f"phi ptr [ {others}, %{letting_go} ], [ null, %stays ]")
    columns = ", ".join(f"i64 {each}" for each in ("%step", "0", whole, more, end))
    f.line(f"call void %drive(ptr {bodies}, ptr {starts}, i64 {count}, ptr %p, {columns})")
    f.line(f"call void %add_up(ptr %sums, i64 {n_groups}, i64 %n_totals, ptr %totals, ptr %order)")
    f.unless(f.let(f"icmp ne ptr {thread}, null"), "computed")
    f.python("PyEval_RestoreThread", f"ptr {thread}")
    f.go("computed", "computed")


def _largest_exponent(f: PythonFunction, numbers: str, size: str, before: str, width: int) -> list[str]:
    """The bits of the largest exponent among some numbers and `before`; numbers that fill registers come first, then
    the others one by one."""
    whole = f.let(f"and i64 {size}, {-width}")
    kind, every = f"<{width} x i64>", f"<{', '.join([f'i64 {NOT_FINITE}'] * width)}>"

    def registers(i: str, largest: str) -> list[str]:
        bits = f.let(f"and {kind} {f.load(kind, f.at('double', numbers, i))}, {every}")
        return [f.call(kind, f"llvm.umax.v{width}i64", f"{kind} {largest}", f"{kind} {bits}")]

    def number(i: str, largest: str) -> list[str]:
        bits = f.let(f"and i64 {f.load('i64', f.at('double', numbers, i))}, {NOT_FINITE}")
        return [f.call("i64", "llvm.umax.i64", f"i64 {largest}", f"i64 {bits}")]

    (found,) = f.loop(0, whole, registers, [(kind, "zeroinitializer")], width)
    found = f.call("i64", f"llvm.vector.reduce.umax.v{width}i64", f"{kind} {found}")
    found = f.call("i64", "llvm.umax.i64", f"i64 {before}", f"i64 {found}")
    return f.loop(whole, size, number, [("i64", found)])


def _divide(f: PythonFunction, numbers: str, size: str, divisor: str, width: int) -> None:
    """Divide some numbers in place: first those that fill registers, then the others one by one."""
    whole, kind = f.let(f"and i64 {size}, {-width}"), f"<{width} x double>"
    every = f.filled("double", divisor, width)

    def divide(kind: str, divisor: str, i: str) -> None:
        here = f.at("double", numbers, i)
        f.store(kind, f.let(f"fdiv {kind} {f.load(kind, here)}, {divisor}"), here)

    f.each(whole, lambda i: divide(kind, every, i), step=width)
    f.each(size, lambda i: divide("double", divisor, i), whole)
