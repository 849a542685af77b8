"""The short way for one point: plain floats in, plain floats out, one call of machine code between them."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from operator import itemgetter
from struct import Struct
from typing import Any

from autograd_mini.compiler.machine.engine import addresses
from autograd_mini.compiler.machine.executor import MachineExecutor
from autograd_mini.compiler.machine.steps import KernelStep
from autograd_mini.compiler.program import Pack, Reference

CALL = """
define void @BODY(ptr %frame) {
entry:
  %b = load ptr, ptr %frame
  %s1 = getelementptr i64, ptr %frame, i64 1
  %count = load i64, ptr %s1
  %starts_at = getelementptr i64, ptr %frame, i64 2
  %starts = load ptr, ptr %starts_at
  %p_at = getelementptr i64, ptr %frame, i64 3
  %p = load ptr, ptr %p_at
  %ld_at = getelementptr i64, ptr %frame, i64 4
  %ld = load ptr, ptr %ld_at
  br label %each
each:
  %k = phi i64 [ 0, %entry ], [ %k1, %each ]
  %body_at = getelementptr ptr, ptr %b, i64 %k
  %body = load ptr, ptr %body_at
  %start_at = getelementptr i64, ptr %starts, i64 %k
  %offset = load i64, ptr %start_at
  %pk = getelementptr ptr, ptr %p, i64 %offset
  %ldk = getelementptr i64, ptr %ld, i64 %offset
  call void %body(ptr %pk, ptr %ldk, i64 0, i64 1)
  %k1 = add i64 %k, 1
  %on = icmp slt i64 %k1, %count
  br i1 %on, label %each, label %done
done:
  ret void
}"""
"""Runs the bodies of a kernel on one column: all it needs stands in a frame of five words."""

_call: Any = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)  # too short to let other threads run meanwhile


Short = Callable[[tuple[Any, ...]], "tuple[Any, Any] | None"]


def _short(
    executor: MachineExecutor,
    step: KernelStep,
    inputs: Sequence[Pack],
    results: Sequence[Reference],
    is_single: bool,
) -> Short:
    """The program, whose one step is a kernel, as a function of floats.

    Args:
        inputs: the leaf of each argument, of one lane.
        results: the value and the derivatives, each one lane.
        is_single: the gradient is one derivative, not a tuple of them.
    """
    bodies, starts, count = step.compiled[1]
    packs = list(executor.place)
    held = {executor.place[pack]: numbers.tolist() for pack, numbers in executor.numbers.items()}
    place: dict[int, int] = {}
    numbers: list[float] = []
    for number in dict.fromkeys(
        [
            *(executor.place[pack] for pack in inputs),
            *(executor.place[reference.pack] for reference in results),
            *(number for number, _, _ in step.slots),
        ]
    ):
        place[number] = len(numbers)
        numbers += held.get(number, [0.0] * packs[number].lanes)
    wanted = [place[executor.place[reference.pack]] + int(reference.index[0]) for reference in results]
    slots = [place[number] + first for number, first, _ in step.slots]
    first, n = min(wanted), len(wanted)
    types = [float] * len(inputs)
    pack_into, unpack_from = Struct(f"{len(inputs)}d").pack_into, Struct(f"{max(wanted) - first + 1}d").unpack_from
    pick = None if wanted == list(range(first, first + n)) else itemgetter(*[each - first for each in wanted])
    call, local = _call(addresses([CALL], cache=executor.cache)[0]), threading.local()
    offset = 8 * first

    def run(args: tuple[Any, ...]) -> tuple[Any, Any] | None:
        """The value and the gradient; None where the long way has to be taken: an argument is no float, or a result
        not finite."""
        if [*map(type, args)] != types:
            return None
        try:
            memory, frame = local.held
        except AttributeError:
            made = local.made = _Memory(numbers, slots, bodies, starts, count)
            memory, frame = local.held = made.numbers, made.frame
        pack_into(memory, 0, *args)
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

    def __init__(self, fixed: list[float], slots: list[int], bodies: Any, starts: Any, count: int) -> None:
        self.numbers = (ctypes.c_double * len(fixed))(*fixed)
        base = ctypes.addressof(self.numbers)
        self.pointers = (ctypes.c_void_p * len(slots))(*[base + 8 * slot for slot in slots])
        self.strides = (ctypes.c_int64 * len(slots))(*[1] * len(slots))
        tables = [bodies, starts, self.pointers, self.strides]
        self.tables = tables
        at = [ctypes.addressof(table) for table in tables]
        self.words = (ctypes.c_int64 * 5)(at[0], count, *at[1:])
        self.frame = ctypes.addressof(self.words)


def direct(executor: Any, inputs: Sequence[Pack], names: Sequence[str], is_single: bool) -> Short | None:
    """The short way to the results of these names, if the program is a single kernel of numbers."""
    if not isinstance(executor, MachineExecutor) or executor.is_batched or len(names) < 2:
        return None
    results = [executor.inner.results.get(name, [None])[0] for name in names]
    steps = executor.steps
    is_short = all(pack.lanes == 1 for pack in inputs) and all(
        reference is not None and reference.index.size == 1 for reference in results
    )
    if len(steps) != 1 or not isinstance(steps[0], KernelStep) or not is_short:
        return None
    return _short(executor, steps[0], inputs, [each for each in results if each is not None], is_single)
