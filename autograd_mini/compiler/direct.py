"""The short way for one point: plain floats in, plain floats out, all in one call of machine code."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy

from autograd_mini.compiler.machine import memory
from autograd_mini.compiler.machine.caching import CodeCache
from autograd_mini.compiler.machine.engine import addresses, each_body
from autograd_mini.compiler.machine.executor import MachineExecutor
from autograd_mini.compiler.machine.libraries import announce_from
from autograd_mini.compiler.machine.running import KernelStep
from autograd_mini.compiler.program import TIED, Pack
from autograd_mini.compiler.scalars.executor import ScalarExecutor

WORDS = (
    "bodies", "count", "starts", "p", "ld", "inputs", "n_inputs", "numbers", "wanted", "n_slopes", "n_checked",
    "is_single", "pair", "value_and_tuple", "float", "none",
)  # fmt: skip
"""What stands in a frame: the tables of the bodies; where the numbers of the arguments begin and how many there are;
all numbers, and which of them are the results; of these, how many are derivatives and how many must be finite; whether
the gradient is one number; formats and objects of Python."""

COUNTS = ("count", "n_inputs", "n_slopes", "n_checked", "is_single")

LOADS = "\n".join(
    f"  %{word}_at = getelementptr i64, ptr %frame, i64 {place}\n"
    f"  %{word} = load {'i64' if word in COUNTS else 'ptr'}, ptr %{word}_at"
    for place, word in enumerate(WORDS)
)

SIGNATURES = {
    "PyTuple_Size": "i64 @{}(ptr)",
    "PyTuple_GetItem": "ptr @{}(ptr, i64)",
    "PyTuple_New": "ptr @{}(i64)",
    "PyTuple_SetItem": "i32 @{}(ptr, i64, ptr)",
    "PyObject_IsInstance": "i32 @{}(ptr, ptr)",
    "PyFloat_AsDouble": "double @{}(ptr)",
    "PyFloat_FromDouble": "ptr @{}(double)",
    "Py_BuildValue": "ptr @{}(ptr, ...)",
    "Py_IncRef": "void @{}(ptr)",
    "Py_DecRef": "void @{}(ptr)",
    "PyErr_Clear": "void @{}()",
}
"""Functions of Python's stable C interface."""

CALL = f"""
define ptr @BODY(ptr %frame, ptr %args) {{
entry:
{LOADS}
  %size = call i64 @PyTuple_Size(ptr %args)
  %fits = icmp eq i64 %size, %n_inputs
  br i1 %fits, label %look, label %long
look:
  %i = phi i64 [ 0, %entry ], [ %i1, %take ]
  %item = call ptr @PyTuple_GetItem(ptr %args, i64 %i)
  %is = call i32 @PyObject_IsInstance(ptr %item, ptr %float)
  %is_float = icmp eq i32 %is, 1
  br i1 %is_float, label %take, label %long
take:
  %x = call double @PyFloat_AsDouble(ptr %item)
  %input = getelementptr double, ptr %inputs, i64 %i
  store double %x, ptr %input
  %i1 = add i64 %i, 1
  %takes_more = icmp slt i64 %i1, %n_inputs
  br i1 %takes_more, label %look, label %each
{each_body("take", "0", "1", "value")}
value:
  %value_place = load i64, ptr %wanted
  %value_at = getelementptr double, ptr %numbers, i64 %value_place
  %y = load double, ptr %value_at
  br label %check
check:
  %j = phi i64 [ 0, %value ], [ %j1, %check ]
  %total = phi double [ %y, %value ], [ %total1, %check ]
  %j1 = add i64 %j, 1
  %place_at = getelementptr i64, ptr %wanted, i64 %j1
  %place = load i64, ptr %place_at
  %number_at = getelementptr double, ptr %numbers, i64 %place
  %number = load double, ptr %number_at
  %total1 = fadd double %total, %number
  %checks_more = icmp slt i64 %j1, %n_checked
  br i1 %checks_more, label %check, label %judge
judge:
  %nothing = fsub double %total1, %total1
  %is_finite = fcmp oeq double %nothing, 0.0
  br i1 %is_finite, label %build, label %long
build:
  %has_one = icmp ne i64 %is_single, 0
  br i1 %has_one, label %single, label %several
single:
  %only_place_at = getelementptr i64, ptr %wanted, i64 1
  %only_place = load i64, ptr %only_place_at
  %only_at = getelementptr double, ptr %numbers, i64 %only_place
  %only = load double, ptr %only_at
  %two = call ptr (ptr, ...) @Py_BuildValue(ptr %pair, double %y, double %only)
  ret ptr %two
several:
  %tuple = call ptr @PyTuple_New(i64 %n_slopes)
  %is_made = icmp ne ptr %tuple, null
  br i1 %is_made, label %fill, label %failed
fill:
  %m = phi i64 [ 0, %several ], [ %m1, %filled ]
  %m1 = add i64 %m, 1
  %slope_place_at = getelementptr i64, ptr %wanted, i64 %m1
  %slope_place = load i64, ptr %slope_place_at
  %slope_at = getelementptr double, ptr %numbers, i64 %slope_place
  %slope = load double, ptr %slope_at
  %object = call ptr @PyFloat_FromDouble(double %slope)
  %is_there = icmp ne ptr %object, null
  br i1 %is_there, label %filled, label %lost
filled:
  %set = call i32 @PyTuple_SetItem(ptr %tuple, i64 %m, ptr %object)
  %fills_more = icmp slt i64 %m1, %n_slopes
  br i1 %fills_more, label %fill, label %done
done:
  %both = call ptr (ptr, ...) @Py_BuildValue(ptr %value_and_tuple, double %y, ptr %tuple)
  ret ptr %both
lost:
  call void @Py_DecRef(ptr %tuple)
  ret ptr null
failed:
  ret ptr null
long:
  call void @PyErr_Clear()
  call void @Py_IncRef(ptr %none)
  ret ptr %none
}}
""" + "\n".join(f"declare {signature.format(name)}" for name, signature in SIGNATURES.items())
"""Runs the bodies of a kernel on the floats of a tuple, and makes the value and the gradient of what they compute;
gives None where an argument is no float or a result not finite."""

_call: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object)

Short = Callable[[tuple[Any, ...]], "tuple[Any, Any] | None"]


@dataclass
class _Code:
    """What runs a program of numbers.

    Attributes:
        table: functions, where the pointers of each start, and how many functions there are.
        slots: the numbers to which all the pointers point.
        numbers: what they are before any call.
        first: the first of them that is an argument; the others follow.
        wanted: those of the results: the value, the derivatives, and what else must be finite.
        n_slopes: how many of them are derivatives.
    """

    table: tuple[Any, Any, int]
    slots: list[int]
    numbers: list[float]
    first: int
    wanted: list[int]
    n_slopes: int


def _short(code: _Code, n_inputs: int, is_single: bool, cache: CodeCache | None) -> Short:
    """The program as a function of floats, which gives None where the long way has to be taken; if `is_single`, the
    gradient is one derivative, not a tuple of them."""
    for name in SIGNATURES:
        announce_from(ctypes.pythonapi, name)
    call, local = _call(addresses([CALL], keep=True, cache=cache)[0]), threading.local()

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
        tables = {"p": [base + 8 * slot for slot in code.slots], "ld": [1] * len(code.slots), "wanted": code.wanted}
        self.tables = {word: memory.copied(table, numpy.int64) for word, table in tables.items()}
        words |= {word: memory.address(table, table.shape) for word, table in self.tables.items()}
        words |= {"count": count, "inputs": base + 8 * code.first, "n_inputs": n_inputs, "numbers": base}
        words |= {"n_slopes": code.n_slopes, "n_checked": len(code.wanted) - 1}
        words |= {"is_single": is_single, "float": id(float), "none": id(None)}
        self.words = memory.copied([words[word] for word in WORDS], numpy.int64)
        self.frame = memory.address(self.words, (len(WORDS),))


def direct(executor: Any, inputs: Sequence[Pack], names: Sequence[str], is_single: bool) -> Short | None:
    """The short way to the results of these names, if each of them and of the inputs is one number, and machine code
    alone computes them."""
    if not hasattr(ctypes, "pythonapi"):  # as in PyPy
        return None
    if len(names) < 2 or any(pack.lanes != 1 for pack in inputs):
        return None
    code, cache = None, None
    if isinstance(executor, ScalarExecutor):
        code = _of_scalars(executor, inputs, names)
    elif isinstance(executor, MachineExecutor):
        code, cache = _of_kernel(executor, inputs, names), executor.cache
    return None if code is None else _short(code, len(inputs), is_single, cache)


def _of_scalars(executor: ScalarExecutor, inputs: Sequence[Pack], names: Sequence[str]) -> _Code | None:
    checked = [name for name in (*names, TIED) if name in names or name in executor.rows]
    rows = [executor.rows[name].tolist() if name in executor.rows else [] for name in checked]
    is_plain = not any(pack.batched for pack in inputs) and all(len(each) == 1 for each in rows)
    if not is_plain or not executor.chunks.chunks:
        return None
    code = executor.code(1)
    functions, starts, _ = code.table
    numbers = [0.0] * executor.chunks.n_rows
    numbers[: len(executor.constants)] = executor.constants.tolist()
    n_slots = sum(len(chunk.rows) for chunk in executor.chunks.chunks)  # without those of results copied out
    table = functions, starts, len(executor.chunks.chunks)
    return _Code(
        table, code.rows[:n_slots].tolist(), numbers, len(executor.constants), [row for (row,) in rows], len(names) - 1
    )


def _of_kernel(executor: MachineExecutor, inputs: Sequence[Pack], names: Sequence[str]) -> _Code | None:
    found = executor.inner.results
    results = [found.get(name, [None])[0] for name in (*names, TIED) if name in names or name in found]
    if executor.is_batched or any(reference is None or reference.index.size != 1 for reference in results):
        return None
    if len(executor.steps) != 1 or not isinstance(executor.steps[0], KernelStep):
        return None
    step, packs = executor.steps[0], list(executor.place)
    wanted = [(executor.place[each.pack], int(each.index[0])) for each in results if each is not None]
    held = {executor.place[pack]: numbers.tolist() for pack, numbers in executor.numbers.items()}
    place: dict[int, int] = {}
    numbers: list[float] = []
    used = [executor.place[pack] for pack in inputs], [each for each, _ in wanted], [each for each, *_ in step.slots]
    for number in dict.fromkeys(chain(*used)):
        place[number] = len(numbers)
        numbers += held.get(number, [0.0] * packs[number].lanes)
    slots = [place[number] + first for number, first, _ in step.slots]
    places = [place[number] + lane for number, lane in wanted]
    return _Code(step.functions(1), slots, numbers, 0, places, len(names) - 1)
