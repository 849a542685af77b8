"""Machine code that tells whether what a function reads from outside is still the same."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Sequence
from functools import partial
from types import CellType, FunctionType
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.python_calls import PythonFunction, addresses_of, as_builtin

IS_FREE = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
GET_ITEM = "PySequence_GetItem" if IS_FREE else "PyList_GetItem"
"""How an item of a list is got: where Python has no GIL, it is held, or another thread might free it meanwhile."""

WORDS = ("n", "records", "none", "true", "false", "exception")


def _same() -> str:
    """The text of a function that returns 1 if all that is watched is the same, else 0, perhaps with an error that
    is no `Exception`. A record is about a cell, an entry of a dict, a call, a list, an attribute or a function's code:
    the kind; the holder; the name of the entry or attribute; what stood there or, for a list, a table of the items that
    it held; how many these were."""
    f = PythonFunction()
    f.words("%watched", WORDS, ("n",))
    with f.over("%n") as k:
        kind, holder, name, then, size = f.record("%records", "ipppi", k)
        f.choose(kind, ["cell", "entry_of", "result", "list", "attribute", "code"], "other")
        f.begin("cell")
        content = f.python("PyCell_Get", f"ptr {holder}")
        f.go("owned", "attribute")
        attribute = f.python("PyObject_GetAttr", f"ptr {holder}", f"ptr {name}")
        f.unless(f.let(f"icmp ne ptr {attribute}, null"), "other")
        of_attribute = f.block
        f.go("owned", "result")
        result = f.python("PyObject_CallObject", f"ptr {holder}", "ptr null")
        f.go("owned", "owned")
        found = f.let(f"phi ptr [ {content}, %cell ], [ {attribute}, %{of_attribute} ], [ {result}, %result ]")
        f.python("Py_DecRef", f"ptr {found}")
        f.unless(f.let(f"icmp eq ptr {found}, {then}"), "other")
        f.go("alike", "entry_of")
        entry = f.python("PyDict_GetItemWithError", f"ptr {holder}", f"ptr {name}")
        is_missing = f.let(f"icmp eq ptr {entry}, null")
        f.unless(f.let(f"icmp eq ptr {f.let(f'select i1 {is_missing}, ptr %none, ptr {entry}')}, {then}"), "other")
        f.go("alike", "code")
        code = f.python("PyFunction_GetCode", f"ptr {holder}")
        f.unless(f.let(f"icmp eq ptr {code}, {then}"), "other")
        f.go("alike", "list")
        length = f.python("PyList_Size", f"ptr {holder}")
        f.unless(f.let(f"icmp eq i64 {length}, {size}"), "other")
        with f.over(size) as i:
            each = f.python(GET_ITEM, f"ptr {holder}", f"i64 {i}")
            if IS_FREE:
                f.python("Py_DecRef", f"ptr {each}")
            f.unless(f.let(f"icmp eq ptr {each}, {f.load('ptr', then, i)}"), "other")
        f.go("alike", "alike")
    f.line("ret i64 1")
    f.begin("other")
    f.forget_error()
    return f.text("i64 @BODY(ptr %watched)", "ret i64 0")


def _told() -> str:
    """The text of a function that tells Python whether all that is watched is the same."""
    f = PythonFunction()
    watched, same = (f.pointer("%self", place) for place in range(1, 3))
    f.words(watched, WORDS, ("n",))
    truth = f.let(f"icmp ne i64 {f.let(f'call i64 {same}(ptr {watched})')}, 0")
    told = f.let(f"select i1 {truth}, ptr %true, ptr %false")
    return f.text("ptr @BODY(ptr %self, ptr %unused)", f"ret ptr {f.unless_error(told)}")


SAME, TOLD = _same(), _told()
CELL, ENTRY, RESULT, LIST, ATTRIBUTE, CODE = range(6)

Place = Callable[[], Any]
"""Returns what stands in a place now; None if nothing does."""


class Watch(NamedTuple):
    """What is watched, for machine code.

    Attributes:
        at: the addresses of the table of what is watched, and of the function that compares it.
        is_same: that function, for Python.
        held: all that is watched, and what it was.
    """

    at: tuple[int, int]
    is_same: Callable[[], bool]
    held: Any

    @classmethod
    def of(cls, places: Sequence[tuple[Place, Any]], lists: Sequence[tuple[list[Any], list[Any]]]) -> Watch:
        """Watch what stands in places, and what lists hold."""
        same, told, _ = addresses_of(SAME, TOLD)
        held: list[Any] = [places, lists]
        records = [_record(read, then) for read, then in places]
        for each, then in lists:
            address, numbers = memory.table([[*map(id, then)]], len(then))
            held.append(numbers)
            records.append([LIST, id(each), 0, address, len(then)])
        start, numbers = memory.table(records, 5)
        words = memory.copied([len(records), start, id(None), id(True), id(False), id(Exception)], numpy.int64)
        at = memory.address(words, words.shape), same
        held += [numbers, words]
        return cls(at, partial(as_builtin(told, (0, *at, held)), None), held)


def _record(read: Place, then: Any) -> list[int]:
    if isinstance(read, partial):
        holder = getattr(read.func, "__self__", None)
        if type(holder) is dict and read.func.__name__ == "get" and len(read.args) == 1:
            return [ENTRY, id(holder), id(read.args[0]), id(then), 0]
        if read.func is getattr and type(read.args[0]) is CellType and read.args[1:] == ("cell_contents",):
            return [CELL, id(read.args[0]), 0, id(then), 0]
        if read.func is getattr and type(read.args[0]) is FunctionType and read.args[1:] == ("__code__",):
            return [CODE, id(read.args[0]), 0, id(then), 0]
        if read.func is getattr and then is not None:
            return [ATTRIBUTE, id(read.args[0]), id(read.args[1]), id(then), 0]
    return [RESULT, id(read), 0, id(then), 0]
