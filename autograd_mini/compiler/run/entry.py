"""The text of what runs a program in one call from Python: it reads floats, lists and arrays, runs the bodies of a
kernel, and builds the results.

What it reads and builds stands in tables, so that one text serves all layouts.
"""

from __future__ import annotations

import sys

from autograd_mini.compiler.code.engine import call_all
from autograd_mini.compiler.run.python_calls import PythonFunction

WORDS = (
    "bodies", "starts", "count", "p", "numbers", "n_args", "n_reads", "reads", "held", "n_sums", "sums", "n_checked",
    "checked", "guard", "agreed", "n_makes", "makes", "made", "picks", "lets_go", "busy", "float", "array", "empty",
    "none",
)  # fmt: skip
"""What stands in a frame: the tables of the bodies; all numbers; how many arguments there are, the records of how they
are read, and room for what is read; where sums begin and how many there are; which runs of numbers must be finite;
which number tells how many decisions agree, and how many must; the records of what is made, room for it, and which
numbers it takes; whether other threads may run meanwhile; whether the frame is in use; objects of Python."""

COUNTS = ("count", "n_args", "n_reads", "n_sums", "n_checked", "guard", "agreed", "n_makes", "lets_go")

READ = ("number", "attribute", "nest", "numbers", "array", "itself")
"""Kinds of what is read: a float; one that is an attribute; a list or tuple; one of floats alone; an array; a thing
that is still the same. A record is its kind; the number of the thing that holds it and its place there; an object and
the name of its attribute; where its numbers go, and how many there are; its type, its shape or itself."""

MAKE = ("number", "nest", "numbers", "array", "nothing", "block")
"""Kinds of what is made, the parts of a nest before itself: a float; a list or tuple of the last things made, or of
floats; an array; None; an array of numbers that lie side by side. A record is its kind, its first pick, how many parts
or numbers there are, and its shape, or what makes and fills a nest."""

STRIDES_AND_FORMAT, WRITABLE = 0x18 | 0x4, 0x1
NOT_FINITE = 0x7FF << 52
"""The bits of the exponent, all of which inf and nan have."""

DOUBLES = int.from_bytes(b"d\0", sys.byteorder)


def text(width: int) -> str:
    """The text of a function of a tuple of arguments, handed a tuple of the addresses of a frame, of what is watched
    and of what tells whether that is the same. It gives None where it is not, or the arguments are other ones, a result
    is not finite, a decision comes out otherwise, or another thread uses the frame.

    Args:
        width: how many numbers a register holds.
    """
    f = PythonFunction()
    f.line("%view = alloca [10 x i64], align 8")
    for word in ("n_held", "n_made"):
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
    f.each("%n_reads", lambda k: _read(f, k))
    f.each("%n_sums", lambda k: f.store("double", "0.0", "%sums", k))
    f.unless(f.let("icmp ne i64 %lets_go, 0"), "stays")
    thread = f.python("PyEval_SaveThread")
    call_all(f, "%p", "0", "1")
    f.python("PyEval_RestoreThread", f"ptr {thread}")
    f.go("computed", "stays")
    call_all(f, "%p", "0", "1")
    f.go("computed", "computed")
    agreements, all_of_them = f.load("double", "%numbers", "%guard"), f.let("bitcast i64 %agreed to double")
    f.unless(f.let(f"fcmp oeq double {agreements}, {all_of_them}"), "long")

    def check(k: str, largest: str) -> list[str]:
        first, size = f.record("%checked", k, "ii")
        return _largest_exponent(f, f.at("double", "%numbers", first), size, largest, width)

    (largest,) = f.loop(0, "%n_checked", check, [("i64", "0")])
    f.unless(f.let(f"icmp ne i64 {largest}, {NOT_FINITE}"), "long")
    f.each("%n_makes", lambda k: _make(f, k))
    made, last = f.load("ptr", "%made"), f.block
    f.go("leave", "lost")
    n_made = f.load("i64", "%n_made")
    f.each(n_made, lambda k: f.python("Py_DecRef", f"ptr {f.load('ptr', '%made', k)}"))
    lost = f.block
    f.go("leave", "long")
    f.python("PyErr_Clear")
    f.python("Py_IncRef", "ptr %none")
    f.go("leave", "leave")
    f.line(f"%result = phi ptr [ {made}, %{last} ], [ null, %{lost} ], [ %none, %long ]")
    n_held, held = f.load("i64", "%n_held"), f.at("ptr", "%held", 1)
    f.each(n_held, lambda k: f.python("Py_DecRef", f"ptr {f.load('ptr', held, k)}"))
    f.line("store atomic i64 0, ptr %busy_at release, align 8")
    f.line("ret ptr %result")
    f.begin("away")
    none = f.load("ptr", f.at("i64", frame, WORDS.index("none")))
    f.python("Py_IncRef", f"ptr {none}")
    return f.text("ptr @BODY(ptr %self, ptr %args)", f"ret ptr {none}")


def _largest_exponent(f: PythonFunction, numbers: str, size: str, before: str, width: int) -> list[str]:
    """The bits of the largest exponent of some numbers, as many as fill registers and then the others, and of what
    was before."""
    whole = f.let(f"and i64 {size}, {-width}")
    kind, every = f"<{width} x i64>", f"<{', '.join([f'i64 {NOT_FINITE}'] * width)}>"

    def registers(i: str, largest: str) -> list[str]:
        bits = f.let(f"and {kind} {f.load(kind, f.at('double', numbers, i))}, {every}")
        return [
            f.call(kind, f"llvm.umax.v{width}i64", f"{kind} {largest}", f"{kind} {bits}", declared=f"{kind}, {kind}")
        ]

    def number(i: str, largest: str) -> list[str]:
        bits = f.let(f"and i64 {f.load('i64', f.at('double', numbers, i))}, {NOT_FINITE}")
        return [f.call("i64", "llvm.umax.i64", f"i64 {largest}", f"i64 {bits}", declared="i64, i64")]

    (found,) = f.loop(0, whole, registers, [(kind, "zeroinitializer")], width)
    found = f.call("i64", f"llvm.vector.reduce.umax.v{width}i64", f"{kind} {found}", declared=kind)
    found = f.call("i64", "llvm.umax.i64", f"i64 {before}", f"i64 {found}", declared="i64, i64")
    return f.loop(whole, size, number, [("i64", found)])


def _copy(f: PythonFunction, to: str, numbers: str, size: str) -> None:
    function = "llvm.memcpy.p0.p0.i64"
    f.declarations.add(f"declare void @{function}(ptr, ptr, i64, i1)")
    f.line(f"call void @{function}(ptr {to}, ptr {numbers}, i64 {f.let(f'mul i64 {size}, 8')}, i1 false)")


def _number(f: PythonFunction, thing: str) -> str:
    is_float = f.python("PyObject_IsInstance", f"ptr {thing}", "ptr %float")
    f.unless(f.let(f"icmp eq i32 {is_float}, 1"), "long")
    return f.python("PyFloat_AsDouble", f"ptr {thing}")


def _require_type(f: PythonFunction, thing: str, kind: str) -> None:
    found = f.python("PyObject_Type", f"ptr {thing}")
    f.python("Py_DecRef", f"ptr {found}")
    f.unless(f.let(f"icmp eq ptr {found}, {kind}"), "long")


def _read(f: PythonFunction, k: str) -> None:
    """Write how the thing of one record is read, and held until the end."""
    kind, outer, place, holder, name, to, size, what = f.record("%reads", k, "iiippiip")
    f.unless(f.let(f"icmp ne i64 {kind}, {READ.index('attribute')}"), "attribute")
    item = f.python("PySequence_GetItem", f"ptr {f.load('ptr', '%held', outer)}", f"i64 {place}")
    of_item = f.block
    f.go("found", "attribute")
    attribute = f.python("PyObject_GetAttr", f"ptr {holder}", f"ptr {name}")
    f.go("found", "found")
    thing = f.let(f"phi ptr [ {item}, %{of_item} ], [ {attribute}, %attribute ]")
    f.unless(f.let(f"icmp ne ptr {thing}, null"), "long")
    count = f.let(f"add i64 {k}, 1")
    f.store("ptr", thing, "%held", count)
    f.store("i64", count, "%n_held")
    into = f.at("double", "%numbers", to)
    f.choose(kind, [f"read_{each}" for each in ("number", "number", "nest", "nest", "array", "itself")], "long")

    f.begin("read_number")
    f.store("double", _number(f, thing), into)
    f.go("read", "read_nest")
    _require_type(f, thing, what)
    n_parts = f.python("PySequence_Size", f"ptr {thing}")
    f.unless(f.let(f"icmp eq i64 {n_parts}, {size}"), "long")
    f.unless(f.let(f"icmp eq i64 {kind}, {READ.index('numbers')}"), "read")
    after = f.let(f"add i64 {count}, 1")

    def take(i: str) -> None:
        part = f.python("PySequence_GetItem", f"ptr {thing}", f"i64 {i}")
        f.unless(f.let(f"icmp ne ptr {part}, null"), "long")
        f.store("ptr", part, "%held", after)
        f.store("i64", after, "%n_held")
        f.store("double", _number(f, part), into, i)
        f.store("i64", count, "%n_held")
        f.python("Py_DecRef", f"ptr {part}")

    f.each(size, take)
    f.go("read", "read_array")
    _require_type(f, thing, "%array")
    failed = f.python("PyObject_GetBuffer", f"ptr {thing}", "ptr %view", f"i32 {STRIDES_AND_FORMAT}")
    f.unless(f.let(f"icmp eq i32 {failed}, 0"), "long")
    numbers, length = f.load("ptr", "%view"), f.load("i64", "%view", 2)
    n_axes = f.let(f"load i32, ptr {f.at('i32', '%view', 9)}, align 4")
    letters, shape = f.load("ptr", "%view", 5), f.load("ptr", "%view", 6)
    form = f.let(f"load i16, ptr {letters}, align 1")
    has_no_gaps = f.python("PyBuffer_IsContiguous", "ptr %view", f"i8 signext {ord('C')}")
    for truth in (
        f"icmp eq i16 {form}, {DOUBLES}",
        f"icmp ne i32 {has_no_gaps}, 0",
        f"icmp eq i64 {length}, {f.let(f'mul i64 {size}, 8')}",
        f"icmp eq i64 {f.let(f'sext i32 {n_axes} to i64')}, {f.load('i64', what)}",
    ):
        f.unless(f.let(truth), "other")
    lengths = f.at("i64", what, 1)

    def compare(axis: str) -> None:
        f.unless(f.let(f"icmp eq i64 {f.load('i64', shape, axis)}, {f.load('i64', lengths, axis)}"), "other")

    f.each(f.load("i64", what), compare)
    _copy(f, into, numbers, size)
    f.python("PyBuffer_Release", "ptr %view")
    f.go("read", "other")
    f.python("PyBuffer_Release", "ptr %view")
    f.go("long", "read_itself")
    f.unless(f.let(f"icmp eq ptr {thing}, {what}"), "long")
    f.go("read", "read")


def _make(f: PythonFunction, k: str) -> None:
    """Write how the thing of one record is made, and put after those made before."""
    kind, first, size, what = f.record("%makes", k, "iiip")
    depth, picks = f.load("i64", "%n_made"), f.at("i64", "%picks", first)

    def pick(i: str | int) -> str:
        return f.load("double", "%numbers", f.load("i64", picks, i))

    f.choose(kind, [f"make_{each}" for each in ("number", "nest", "nest", "array", "nothing", "array")], "lost")
    f.begin("make_number")
    number = f.python("PyFloat_FromDouble", f"double {pick(0)}")
    f.go("made_one", "make_nothing")
    f.python("Py_IncRef", "ptr %none")
    f.go("made_one", "make_array")
    array = f.python("PyObject_CallObject", "ptr %empty", f"ptr {what}")
    f.unless(f.let(f"icmp ne ptr {array}, null"), "lost")
    failed = f.python("PyObject_GetBuffer", f"ptr {array}", "ptr %view", f"i32 {WRITABLE}")
    f.unless(f.let(f"icmp eq i32 {failed}, 0"), "half_array")
    numbers = f.load("ptr", "%view")
    f.unless(f.let(f"icmp eq i64 {kind}, {MAKE.index('block')}"), "one_by_one")
    _copy(f, numbers, f.at("double", "%numbers", f.load("i64", picks)), size)
    f.go("filled", "one_by_one")
    f.each(size, lambda i: f.store("double", pick(i), numbers, i))
    f.go("filled", "filled")
    f.python("PyBuffer_Release", "ptr %view")
    of_array = f.block
    f.go("made_one", "make_nest")
    make, fill = f.load("ptr", what), f.load("ptr", what, 1)
    nest = f.let(f"call ptr {make}(i64 {size})")
    f.unless(f.let(f"icmp ne ptr {nest}, null"), "lost")
    f.unless(f.let(f"icmp eq i64 {kind}, {MAKE.index('numbers')}"), "of_things")

    def fill_in(i: str) -> None:
        part = f.python("PyFloat_FromDouble", f"double {pick(i)}")
        f.unless(f.let(f"icmp ne ptr {part}, null"), "half_nest")
        f.let(f"call i32 {fill}(ptr {nest}, i64 {i}, ptr {part})")

    f.each(size, fill_in)
    of_numbers = f.block
    f.go("made_one", "of_things")
    below = f.let(f"sub i64 {depth}, {size}")
    parts = f.at("ptr", "%made", below)
    f.each(size, lambda i: f.let(f"call i32 {fill}(ptr {nest}, i64 {i}, ptr {f.load('ptr', parts, i)})"))
    of_things = f.block
    f.go("made_one", "half_array")
    f.python("Py_DecRef", f"ptr {array}")
    f.go("lost", "half_nest")
    f.python("Py_DecRef", f"ptr {nest}")
    f.go("lost", "made_one")
    made = [
        (number, depth, "make_number"),
        ("%none", depth, "make_nothing"),
        (array, depth, of_array),
        (nest, depth, of_numbers),
        (nest, below, of_things),
    ]
    thing = f.let(f"phi ptr {', '.join([f'[ {one}, %{block} ]' for one, _, block in made])}")
    place = f.let(f"phi i64 {', '.join([f'[ {at}, %{block} ]' for _, at, block in made])}")
    f.store("i64", place, "%n_made")
    f.unless(f.let(f"icmp ne ptr {thing}, null"), "lost")
    f.store("ptr", thing, "%made", place)
    f.store("i64", f.let(f"add i64 {place}, 1"), "%n_made")
