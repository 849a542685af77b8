"""Writes the code that reads floats, lists and arrays of Python, and the code that builds them."""

from __future__ import annotations

import sys

from autograd_mini.compiler.code.taking import HEAD, RECORD
from autograd_mini.compiler.run.python_calls import PythonFunction

READ = ("number", "attribute", "nest", "numbers", "array", "columns", "itself")
"""Kinds of things to read: a float; a float that is an attribute; a list or tuple; one of floats alone; an array; an
array with a column for each example, which is not copied; an object that must be the same. A record is the kind; the
number of the thing that holds it, and its place there; the object and the name of an attribute; where its numbers go,
or which of the arrays it is; how many numbers or lanes it has; its type, itself or, for an array, a table: memory for
its blocks, and the bytes from row to row there; the first axis whose length is given; how many axes; their lengths."""

MAKE = ("number", "nest", "numbers", "array", "nothing", "block", "columns")
"""Kinds of things to make, the parts of a nest before the nest: a float; a list or tuple of the last things made; one
of floats; an array; None; an array of numbers that lie side by side; an array with a row for each column. A record is
the kind, its first pick, how many parts or numbers it has, and its shape or what makes it, and fills a nest."""

STRIDES_AND_FORMAT, WRITABLE = 0x18 | 0x4, 0x1
DOUBLES = int.from_bytes(b"d\0", sys.byteorder)


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


def read_thing(f: PythonFunction, k: str) -> None:
    """Write the code that reads the thing of one record, and holds it until the end."""
    kind, outer, place, holder, name, to, size, what = f.record("%reads", "iiippiip", k)
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
    blocks = ("number", "number", "nest", "nest", "array", "array", "itself")
    f.choose(kind, [f"read_{each}" for each in blocks], "long")

    f.begin("read_number")
    f.store("double", _number(f, thing), into)
    f.go("read", "read_nest")
    _require_type(f, thing, what)
    n_parts = f.python("PySequence_Size", f"ptr {thing}")
    f.unless(f.let(f"icmp eq i64 {n_parts}, {size}"), "long")
    f.unless(f.let(f"icmp eq i64 {kind}, {READ.index('numbers')}"), "read")
    after = f.let(f"add i64 {count}, 1")
    with f.over(size) as i:
        part = f.python("PySequence_GetItem", f"ptr {thing}", f"i64 {i}")
        f.unless(f.let(f"icmp ne ptr {part}, null"), "long")
        f.store("ptr", part, "%held", after)
        f.store("i64", after, "%n_held")
        f.store("double", _number(f, part), into, i)
        f.store("i64", count, "%n_held")
        f.python("Py_DecRef", f"ptr {part}")
    f.go("read", "read_array")
    _require_type(f, thing, "%array")
    failed = f.python("PyObject_GetBuffer", f"ptr {thing}", "ptr %view", f"i32 {STRIDES_AND_FORMAT}")
    f.unless(f.let(f"icmp eq i32 {failed}, 0"), "long")
    numbers, length = f.load("ptr", "%view"), f.load("i64", "%view", 2)
    n_axes = f.let(f"load i32, ptr {f.at('i32', '%view', 9)}, align 4")
    n_axes = f.let(f"sext i32 {n_axes} to i64")
    letters, shape, strides = (f.load("ptr", "%view", place) for place in (5, 6, 7))
    form = f.let(f"load i16, ptr {letters}, align 1")
    first, lengths = f.load("i64", what, 2), f.at("i64", what, 4)
    for truth in (f"icmp eq i16 {form}, {DOUBLES}", f"icmp eq i64 {n_axes}, {f.load('i64', what, 3)}"):
        f.unless(f.let(truth), "other")
    with f.over(n_axes, first) as axis:
        f.unless(f.let(f"icmp eq i64 {f.load('i64', shape, axis)}, {f.load('i64', lengths, axis)}"), "other")
    f.unless(f.let(f"icmp eq i64 {first}, 0"), "columns")
    failed = f.python("PyBuffer_ToContiguous", f"ptr {into}", "ptr %view", f"i64 {length}", f"i8 signext {ord('C')}")
    f.unless(f.let(f"icmp eq i32 {failed}, 0"), "other")
    f.python("PyBuffer_Release", "ptr %view")
    f.go("read", "columns")
    _read_columns(f, to, size, what, numbers, n_axes, shape, strides)
    f.go("read", "other")
    f.python("PyBuffer_Release", "ptr %view")
    f.go("long", "read_itself")
    f.unless(f.let(f"icmp eq ptr {thing}, {what}"), "long")
    f.go("read", "read")


def _read_columns(
    f: PythonFunction, to: str, size: str, what: str, start: str, n_axes: str, shape: str, strides: str
) -> None:
    """Write the code for an array whose columns are read where they are, or are copied a block at a time."""
    before, count = f.load("i64", "%n_columns"), f.load("i64", shape)
    n = f.let(f"select i1 {f.let(f'icmp eq i64 {before}, 0')}, i64 {count}, i64 {before}")
    f.unless(f.let(f"icmp eq i64 {n}, {count}"), "other")
    f.unless(f.let(f"icmp sgt i64 {n}, 0"), "other")
    f.store("i64", n, "%n_columns")
    last = f.let(f"sub i64 {n_axes}, 1")
    with f.over(last, 1) as axis:  # lanes must be equally far apart
        after = f.let(f"add i64 {axis}, 1")
        stride = f.let(f"mul i64 {f.load('i64', shape, after)}, {f.load('i64', strides, after)}")
        f.unless(f.let(f"icmp eq i64 {f.load('i64', strides, axis)}, {stride}"), "other")
    by_column, by_row = f.load("i64", strides), f.load("i64", strides, last)
    f.python("PyBuffer_Release", "ptr %view")
    array = f.at("i64", "%arrays", to)
    address = f.let(f"ptrtoint ptr {start} to i64")
    odd = f.let(f"or i64 {f.let(f'xor i64 {by_column}, 8')}, {f.let(f'and i64 {by_row}, 7')}")
    f.unless(f.let(f"icmp eq i64 {odd}, 0"), "taken")
    f.unless(f.let(f"icmp sge i64 {n}, %width"), "taken")
    f.store("i64", address, array)
    f.store("i64", by_row, array, 1)
    f.go("read", "taken")
    n_taken = f.load("i64", "%taking", 4)
    record = f.at("i64", "%taking", f.let(f"add i64 {f.let(f'mul i64 {n_taken}, {RECORD}')}, {HEAD}"))
    out_by_row = f.load("i64", what, 1)
    for place, word in enumerate((to, address, by_row, by_column, size, f.load("i64", what), out_by_row)):
        f.store("i64", word, record, place)
    f.store("i64", out_by_row, array, 1)
    f.store("i64", f.let(f"add i64 {n_taken}, 1"), "%taking", 4)


def make_thing(f: PythonFunction, k: str, n: str) -> None:
    """Write the code that makes the thing of one record, and puts it after those made before."""
    kind, first, size, what = f.record("%makes", "iiip", k)
    depth, picks = f.load("i64", "%n_made"), f.at("i64", "%picks", first)

    def pick(i: str | int) -> str:
        return f.load("double", "%numbers", f.load("i64", picks, i))

    blocks = ("number", "nest", "nest", "array", "nothing", "array", "columns")
    f.choose(kind, [f"make_{each}" for each in blocks], "lost")
    f.begin("make_number")
    number = f.python("PyFloat_FromDouble", f"double {pick(0)}")
    f.go("made_one", "make_nothing")
    f.python("Py_IncRef", "ptr %none")
    f.go("made_one", "make_array")
    of_shape = f.python("PyObject_CallObject", "ptr %empty", f"ptr {what}")
    f.go("new_array", "make_columns")
    length = f.python("PyLong_FromSsize_t", f"i64 {n}")
    f.unless(f.let(f"icmp ne ptr {length}, null"), "lost")
    of_columns = f.python("PyObject_CallOneArg", f"ptr {what}", f"ptr {length}")
    f.python("Py_DecRef", f"ptr {length}")
    counted = f.block
    f.go("new_array", "new_array")
    array = f.let(f"phi ptr [ {of_shape}, %make_array ], [ {of_columns}, %{counted} ]")
    f.unless(f.let(f"icmp ne ptr {array}, null"), "lost")
    failed = f.python("PyObject_GetBuffer", f"ptr {array}", "ptr %view", f"i32 {WRITABLE}")
    f.unless(f.let(f"icmp eq i32 {failed}, 0"), "half_array")
    numbers = f.load("ptr", "%view")
    f.unless(f.let(f"icmp ne i64 {kind}, {MAKE.index('array')}"), "one_by_one")
    f.unless(f.let(f"icmp eq i64 {kind}, {MAKE.index('block')}"), "row_by_row")
    _copy(f, numbers, f.at("double", "%numbers", f.load("i64", picks)), size)
    f.go("filled", "one_by_one")
    f.each(size, lambda i: f.store("double", pick(i), numbers, i))
    f.go("filled", "row_by_row")
    with f.over(size) as lane:
        source, to = f.at("double", "%numbers", f.load("i64", picks, lane)), f.at("double", numbers, lane)
        with f.over(n) as column:
            f.store("double", f.load("double", source, column), to, f.let(f"mul i64 {column}, {size}"))
    f.go("filled", "filled")
    f.python("PyBuffer_Release", "ptr %view")
    of_array = f.block
    f.go("made_one", "make_nest")
    make, fill = f.load("ptr", what), f.load("ptr", what, 1)
    nest = f.let(f"call ptr {make}(i64 {size})")
    f.unless(f.let(f"icmp ne ptr {nest}, null"), "lost")
    f.unless(f.let(f"icmp eq i64 {kind}, {MAKE.index('numbers')}"), "of_things")
    with f.over(size) as i:
        part = f.python("PyFloat_FromDouble", f"double {pick(i)}")
        f.unless(f.let(f"icmp ne ptr {part}, null"), "half_nest")
        f.let(f"call i32 {fill}(ptr {nest}, i64 {i}, ptr {part})")
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
