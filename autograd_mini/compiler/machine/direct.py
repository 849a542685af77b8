"""The short way for one point: plain floats in, plain floats out, one call of machine code between them."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from math import isfinite
from operator import itemgetter
from struct import Struct
from typing import Any

from autograd_mini.compiler.machine.engine import addresses
from autograd_mini.compiler.machine.executor import KernelStep, MachineExecutor
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


class Direct:
    """A program of numbers only, as a function of floats.

    Args:
        executor, step: its program, and the kernel that is its only step.
        inputs: the leaf of each argument, of one lane.
        results: the numbers wanted, each one lane.
    """

    def __init__(
        self, executor: MachineExecutor, step: KernelStep, inputs: Sequence[Pack], results: Sequence[Reference]
    ) -> None:
        bodies, starts, count = step.compiled[1]
        packs = list(executor.place)
        held = {executor.place[pack]: numbers.tolist() for pack, numbers in executor.numbers.items()}
        place: dict[int, int] = {}
        fixed: list[float] = []
        for number in dict.fromkeys(
            [
                *(executor.place[pack] for pack in inputs),
                *(executor.place[reference.pack] for reference in results),
                *(number for number, _, _ in step.slots),
            ]
        ):
            place[number] = len(fixed)
            fixed += held.get(number, [0.0] * packs[number].lanes)
        wanted = [place[executor.place[reference.pack]] + int(reference.index[0]) for reference in results]
        self._types = [float] * len(inputs)
        self._pack = Struct(f"{len(inputs)}d").pack_into
        self._unpack = Struct(f"{len(fixed)}d").unpack_from
        self._pick = itemgetter(*wanted, wanted[0])
        self._function = _call(addresses([CALL])[0])
        self._tables = fixed, [place[number] + first for number, first, _ in step.slots], bodies, starts, count
        self._local = threading.local()

    def __call__(self, args: tuple[Any, ...]) -> Any:
        """The results; None where the long way has to be taken: an argument is no float, or a result not finite."""
        if [*map(type, args)] != self._types:
            return None
        try:
            memory, frame = self._local.held
        except AttributeError:
            made = self._local.made = _Memory(*self._tables)
            memory, frame = self._local.held = made.numbers, made.frame
        self._pack(memory, 0, *args)
        self._function(frame)
        results = self._pick(self._unpack(memory))
        return results[:-1] if isfinite(sum(results)) else None


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


def direct(executor: Any, inputs: Sequence[Pack], names: Sequence[str]) -> Direct | None:
    """The short way to the results of these names, if the program is a single kernel of numbers."""
    if not isinstance(executor, MachineExecutor) or executor.is_batched:
        return None
    results = [executor.inner.results.get(name, [None])[0] for name in names]
    steps = executor.steps
    is_short = all(pack.lanes == 1 for pack in inputs) and all(
        reference is not None and reference.index.size == 1 for reference in results
    )
    if len(steps) != 1 or not isinstance(steps[0], KernelStep) or not is_short:
        return None
    return Direct(executor, steps[0], inputs, [reference for reference in results if reference is not None])
