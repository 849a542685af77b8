"""The short way for one point: plain floats in, plain floats out, all in one call of machine code."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.engine import addresses, call_all
from autograd_mini.compiler.code.kernels import SCRATCH, UNIFORM
from autograd_mini.compiler.code.libraries import announce_from
from autograd_mini.compiler.code.loops import Function
from autograd_mini.compiler.ir.program import TIED, Pack
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.machine import Runner
from autograd_mini.compiler.run.numpy_executor import Gather
from autograd_mini.compiler.run.running import KernelStep

WORDS = (
    "bodies", "count", "starts", "p", "inputs", "n_inputs", "numbers", "wanted", "n_results", "n_checked", "is_single",
    "pair", "value_and_tuple", "float", "none",
)  # fmt: skip
"""What stands in a frame: the tables of the bodies; where the numbers of the arguments begin and how many there are;
all numbers, and which of them are the results, how many of these are value and gradient, and how many must be finite;
whether the gradient is one number; formats and objects of Python."""

COUNTS = ("count", "n_inputs", "n_results", "n_checked", "is_single")

SIGNATURES = {
    "PyTuple_Size": "i64 (ptr)",
    "PyTuple_GetItem": "ptr (ptr, i64)",
    "PyTuple_New": "ptr (i64)",
    "PyTuple_SetItem": "i32 (ptr, i64, ptr)",
    "PyObject_IsInstance": "i32 (ptr, ptr)",
    "PyFloat_AsDouble": "double (ptr)",
    "PyFloat_FromDouble": "ptr (double)",
    "Py_BuildValue": "ptr (ptr, ...)",
    "Py_IncRef": "void (ptr)",
    "Py_DecRef": "void (ptr)",
    "PyErr_Clear": "void ()",
}
"""Functions of Python's stable C interface."""


def _text() -> str:
    """The text of what runs the bodies of a kernel on the floats of a tuple, and makes the value and the gradient of
    what they compute; it gives None where an argument is no float or a result not finite."""
    function = Function()

    def python(name: str, *args: str) -> str:
        kind, _, types = SIGNATURES[name].partition(" ")
        function.declarations.add(f"declare {kind} @{name}{types}")
        call = f"call {kind} {types if '...' in types else ''} @{name}({', '.join(args)})"
        if kind == "void":
            function.line(call)
            return ""
        return function.let(call)

    for place, word in enumerate(WORDS):
        kind = "i64" if word in COUNTS else "ptr"
        function.line(f"%{word}_at = getelementptr i64, ptr %frame, i64 {place}")
        function.line(f"%{word} = load {kind}, ptr %{word}_at")
    size = python("PyTuple_Size", "ptr %args")
    function.unless(function.let(f"icmp eq i64 {size}, %n_inputs"), "long")

    def take(i: str) -> Sequence[str]:
        item = python("PyTuple_GetItem", "ptr %args", f"i64 {i}")
        is_float = python("PyObject_IsInstance", f"ptr {item}", "ptr %float")
        function.unless(function.let(f"icmp eq i32 {is_float}, 1"), "long")
        function.store("double", python("PyFloat_AsDouble", f"ptr {item}"), "%inputs", i)
        return ()

    function.loop(0, "%n_inputs", take)
    call_all(function, "%p", "0", "1")

    def result(place: str | int) -> str:
        return function.load("double", "%numbers", function.load("i64", "%wanted", place))

    def check(i: str, total: str) -> Sequence[str]:
        return [function.let(f"fadd double {total}, {result(i)}")]

    value = result(0)
    (total,) = function.loop(1, "%n_checked", check, [("double", value)])
    nothing = function.let(f"fsub double {total}, {total}")
    function.unless(function.let(f"fcmp oeq double {nothing}, 0.0"), "long")
    function.unless(function.let("icmp ne i64 %is_single, 0"), "several")
    both = python("Py_BuildValue", "ptr %pair", f"double {value}", f"double {result(1)}")
    function.line(f"ret ptr {both}")

    function.begin("several")
    slopes = python("PyTuple_New", f"i64 {function.let('sub i64 %n_results, 1')}")
    function.unless(function.let(f"icmp ne ptr {slopes}, null"), "failed")

    def fill(i: str) -> Sequence[str]:
        slope = python("PyFloat_FromDouble", f"double {result(i)}")
        function.unless(function.let(f"icmp ne ptr {slope}, null"), "lost")
        python("PyTuple_SetItem", f"ptr {slopes}", f"i64 {function.let(f'sub i64 {i}, 1')}", f"ptr {slope}")
        return ()

    function.loop(1, "%n_results", fill)
    both = python("Py_BuildValue", "ptr %value_and_tuple", f"double {value}", f"ptr {slopes}")
    function.line(f"ret ptr {both}")

    function.begin("lost")
    python("Py_DecRef", f"ptr {slopes}")
    function.line("br label %failed")
    function.begin("failed")
    function.line("ret ptr null")
    function.begin("long")
    python("PyErr_Clear")
    python("Py_IncRef", "ptr %none")
    return function.text("ptr @BODY(ptr %frame, ptr %args)", "ret ptr %none")


_call: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object)

Short = Callable[[tuple[Any, ...]], "tuple[Any, Any] | None"]


@dataclass
class _Code:
    """What runs a program of numbers.

    Attributes:
        table: functions, where the pointers of each start, and how many functions there are.
        slots: the numbers to which all the pointers point.
        numbers: what they are before any call; the arguments come first.
        wanted: those of the results, and after them those that must be finite, too.
        n_results: how many are results.
    """

    table: tuple[Any, Any, int]
    slots: list[int]
    numbers: list[float]
    wanted: list[int]
    n_results: int


def _short(code: _Code, n_inputs: int, is_single: bool, cache: CodeCache | None) -> Short:
    """The program as a function of floats, which gives None where the long way has to be taken; if `is_single`, the
    gradient is one derivative, not a tuple of them."""
    for name in SIGNATURES:
        announce_from(ctypes.pythonapi, name)
    call, local = _call(addresses([_text()], keep=True, cache=cache)[0]), threading.local()

    def run(args: tuple[Any, ...]) -> Any:
        try:
            frame = local.frame
        except AttributeError:
            local.memory = _Memory(code, n_inputs, is_single)
            frame = local.frame = local.memory.frame
        return call(frame, args)

    return run


class _Memory:
    """The numbers and tables of one thread."""

    def __init__(self, code: _Code, n_inputs: int, is_single: bool) -> None:
        bodies, starts, count = code.table
        formats = [ctypes.create_string_buffer(text) for text in (b"dd", b"dN")]
        self.given = [bodies, starts, *formats]
        words = dict(zip(("bodies", "starts", "pair", "value_and_tuple"), map(ctypes.addressof, self.given)))
        self.numbers = memory.copied(code.numbers)
        base = memory.address(self.numbers, (len(code.numbers),))
        tables = {"p": [base + 8 * slot for slot in code.slots], "wanted": code.wanted}
        self.tables = {word: memory.copied(table, numpy.int64) for word, table in tables.items()}
        words |= {word: memory.address(table, table.shape) for word, table in self.tables.items()}
        words |= {"count": count, "inputs": base, "n_inputs": n_inputs, "numbers": base}
        words |= {
            "n_results": code.n_results,
            "n_checked": len(code.wanted),
            "is_single": is_single,
            "float": id(float),
            "none": id(None),
        }
        self.words = memory.copied([words[word] for word in WORDS], numpy.int64)
        self.frame = memory.address(self.words, (len(WORDS),))


def direct(executor: Any, inputs: Sequence[Pack], names: Sequence[str], is_single: bool) -> Short | None:
    """The short way to the results of these names, if each of them and of the inputs is one number, and machine code
    alone computes them."""
    if not hasattr(ctypes, "pythonapi"):  # as in PyPy
        return None
    if len(names) < 2 or any(pack.lanes != 1 for pack in inputs):
        return None
    if not isinstance(executor, Runner) or executor.is_batched or any(name not in executor.results for name in names):
        return None
    checked = [TIED] if TIED in executor.results else []
    code = _code(executor, inputs, [executor.results[name][0] for name in [*names, *checked]], len(names))
    return None if code is None else _short(code, len(inputs), is_single, executor.cache)


def _code(
    executor: Runner, inputs: Sequence[Pack], results: Sequence[tuple[int, Gather]], n_results: int
) -> _Code | None:
    if len(executor.steps) != 1 or not isinstance(executor.steps[0], KernelStep):
        return None
    if any(gather.shape != (1,) for _, gather in results):
        return None
    step = executor.steps[0]
    kernel = step.kernel
    held = {place: numbers.tolist() for place, numbers in executor.constants.items()}
    held |= {UNIFORM: kernel.constants, SCRATCH: [0.0] * kernel.n_scratch}
    n_constants = len(kernel.constants)
    slots = [
        kernel.uniform[row - n_constants] if place == UNIFORM and row >= n_constants else (place, row)
        for place, row in step.slots.tolist()
    ]
    wanted = [(place, int(gather.rows.start)) for place, gather in results]
    first: dict[int, int] = {}
    numbers: list[float] = []
    for place in dict.fromkeys([*(executor.leaves[pack] for pack in inputs), *(place for place, _ in slots + wanted)]):
        first[place] = len(numbers)
        numbers += held[place] if place in held else [0.0] * executor.lanes[place]
    at = [[first[place] + row for place, row in each] for each in (slots, wanted)]
    return _Code(step.functions(1), at[0], numbers, at[1], n_results)
