"""The short way for one point: plain floats in, plain floats out, one call of machine code between them."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from struct import Struct
from typing import Any

from autograd_mini.compiler.machine.caching import KernelCache
from autograd_mini.compiler.machine.engine import addresses, each_body
from autograd_mini.compiler.machine.executor import MachineExecutor
from autograd_mini.compiler.machine.steps import KernelStep
from autograd_mini.compiler.program import Pack
from autograd_mini.compiler.scalars.executor import ScalarExecutor

CALL = f"""
define void @BODY(ptr %frame) {{
entry:
  %bodies = load ptr, ptr %frame
  %s1 = getelementptr i64, ptr %frame, i64 1
  %count = load i64, ptr %s1
  %starts_at = getelementptr i64, ptr %frame, i64 2
  %starts = load ptr, ptr %starts_at
  %p_at = getelementptr i64, ptr %frame, i64 3
  %p = load ptr, ptr %p_at
  %ld_at = getelementptr i64, ptr %frame, i64 4
  %ld = load ptr, ptr %ld_at
  br label %each
{each_body("entry", "0", "1", "done")}
done:
  ret void
}}"""
"""Runs the bodies of a kernel on one column: all it needs stands in a frame of five words."""

_call: Any = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)  # too short to let other threads run meanwhile


Short = Callable[[tuple[Any, ...]], "tuple[Any, Any] | None"]


@dataclass
class _Code:
    """What runs a program of numbers.

    Attributes:
        table: functions, where the pointers of each start, and how many functions there are.
        slots: the numbers to which all the pointers point.
        numbers: what they are before any call.
        first: the first of them that is an argument; the others follow.
        wanted: those of the results.
    """

    table: tuple[Any, Any, int]
    slots: list[int]
    numbers: list[float]
    first: int
    wanted: list[int]


def _short(code: _Code, n_inputs: int, is_single: bool, cache: KernelCache | None) -> Short:
    """The program as a function of floats; if `is_single`, the gradient is one derivative, not a tuple of them."""
    wanted = code.wanted
    types = [float] * n_inputs
    first, n = min(wanted), len(wanted)
    pack_into, unpack_from = Struct(f"{n_inputs}d").pack_into, Struct(f"{max(wanted) - first + 1}d").unpack_from
    pick = None if wanted == list(range(first, first + n)) else itemgetter(*[each - first for each in wanted])
    call, local = _call(addresses([CALL], cache=cache)[0]), threading.local()
    start, offset = 8 * code.first, 8 * first

    def run(args: tuple[Any, ...]) -> tuple[Any, Any] | None:
        """The value and the gradient; None where the long way has to be taken: an argument is no float, or a result
        not finite."""
        if [*map(type, args)] != types:
            return None
        try:
            memory, frame = local.held
        except AttributeError:
            made = local.made = _Memory(code)
            memory, frame = local.held = made.numbers, made.frame
        pack_into(memory, start, *args)
        call(frame)
        found = unpack_from(memory, offset)
        if pick is not None:
            found = pick(found)
        total = sum(found)
        if total - total != 0.0:
            return None
        return found[0], found[1] if is_single else found[1:]

    return run


class _Memory:
    """The numbers and tables of one thread."""

    def __init__(self, code: _Code) -> None:
        bodies, starts, count = code.table
        self.numbers = (ctypes.c_double * len(code.numbers))(*code.numbers)
        base = ctypes.addressof(self.numbers)
        self.pointers = (ctypes.c_void_p * len(code.slots))(*[base + 8 * slot for slot in code.slots])
        self.strides = (ctypes.c_int64 * len(code.slots))(*[1] * len(code.slots))
        self.tables = [bodies, starts, self.pointers, self.strides]
        at = [ctypes.addressof(table) for table in self.tables]
        self.words = (ctypes.c_int64 * 5)(at[0], count, *at[1:])
        self.frame = ctypes.addressof(self.words)


def direct(executor: Any, inputs: Sequence[Pack], names: Sequence[str], is_single: bool) -> Short | None:
    """The short way to the results of these names, if each of them and of the inputs is one number, and machine code
    alone computes them."""
    if len(names) < 2 or any(pack.lanes != 1 for pack in inputs):
        return None
    code, cache = None, None
    if isinstance(executor, ScalarExecutor):
        code = _of_scalars(executor, inputs, names)
    elif isinstance(executor, MachineExecutor):
        code, cache = _of_kernel(executor, inputs, names), executor.cache
    return None if code is None else _short(code, len(inputs), is_single, cache)


def _of_scalars(executor: ScalarExecutor, inputs: Sequence[Pack], names: Sequence[str]) -> _Code | None:
    rows = [executor.rows[name].tolist() if name in executor.rows else [] for name in names]
    is_plain = not any(pack.batched for pack in inputs) and all(len(each) == 1 for each in rows)
    if not is_plain or not executor.chunks.chunks:
        return None
    code = executor.code(1)
    functions, starts, _ = code.table
    numbers = [0.0] * executor.chunks.n_rows
    numbers[: len(executor.constants)] = executor.constants.tolist()
    n_slots = sum(len(chunk.rows) for chunk in executor.chunks.chunks)  # without those of results copied out
    table = functions, starts, len(executor.chunks.chunks)
    return _Code(table, code.rows[:n_slots].tolist(), numbers, len(executor.constants), [row for (row,) in rows])


def _of_kernel(executor: MachineExecutor, inputs: Sequence[Pack], names: Sequence[str]) -> _Code | None:
    results = [executor.inner.results.get(name, [None])[0] for name in names]
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
    return _Code(step.compiled[1], slots, numbers, 0, [place[number] + lane for number, lane in wanted])
