"""Running kernels: tables of pointers for their bodies, and threads that share the columns of a large batch."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy

from autograd_mini.compiler.machine import memory
from autograd_mini.compiler.machine.bodies import COLUMNS
from autograd_mini.compiler.machine.checking import check
from autograd_mini.compiler.machine.engine import addresses, drive
from autograd_mini.compiler.machine.kernels import Kernel, write_kernel
from autograd_mini.compiler.machine.libraries import host_width
from autograd_mini.compiler.numpy_executor import Values
from autograd_mini.compiler.program import Floats, Pack

if TYPE_CHECKING:
    from autograd_mini.compiler.machine.executor import MachineExecutor

COLUMNS_A_THREAD = 4096
"""Fewer are not worth a thread."""

SUM = -1
"""In place of a pack: the sum that is no longer 0 when something was not finite."""


@dataclass
class Table:
    """What the bodies of a kernel are given in one thread: pointers, strides, and memory that these point to, for a
    batch of n columns."""

    n: int
    pointers: Any
    strides: Any
    total: Floats
    scratch: list[Floats]


class KernelStep:
    """A kernel; compiled for single columns only when a batch is too short for a register.

    Args:
        outputs: packs that something else needs.
        checked: those of them of which it tells whether they are finite, as long as they are in the cache.
    """

    def __init__(
        self, executor: MachineExecutor, packs: list[Pack], outputs: set[Pack], checked: Sequence[Pack]
    ) -> None:
        self.packs, self.outputs, self.checked = packs, outputs, checked
        self.varying, self.numbers, self.lanes = executor.varying, executor.numbers, executor.lanes
        self.threads = 1
        self.width = columns_at_a_time() if executor.is_batched else 1
        self.columns = COLUMNS if executor.is_batched else 1
        self.cache = executor.cache
        self.texts: dict[int, list[str]] = {}
        self._functions: dict[int, tuple[Any, Any, int]] = {}
        kernel = self._write(self.width)
        place = executor.place
        self.slots = [(place[pack], first, pack in executor.varying) for slots in kernel.slots for pack, first in slots]
        for pack in checked:
            self.slots += [(place[pack], 0, True), (SUM, pack.lanes, True)]
        results = {reference.pack for references in executor.inner.results.values() for reference in references}
        self.scratch = [place[pack] for pack in kernel.scratch]
        self.writes: Sequence[int] = [place[pack] for pack in kernel.outputs if pack not in results]
        fixed = {number for step in executor.steps for number in step.writes} | {*self.writes, *self.scratch}
        fixed |= {SUM, *(place[pack] for pack in executor.numbers)}
        moving: dict[tuple[int, bool], list[tuple[int, int]]] = {}
        for slot, (number, first, varies) in enumerate(self.slots):
            if number not in fixed:
                moving.setdefault((number, varies), []).append((slot, first))
        self.moving = [(*key, slots) for key, slots in moving.items()]

    def _write(self, width: int) -> Kernel:
        kernel = write_kernel(self.packs, self.outputs, self.varying, self.numbers, width, self.columns)
        self.texts[width] = [*kernel.texts, *[check(width)] * len(self.checked)]
        starts = numpy.cumsum([0, *map(len, kernel.slots), *[2] * len(self.checked)])
        self.starts = (ctypes.c_int64 * len(starts))(*starts.tolist())
        return kernel

    def link(self) -> None:
        """Get ready to run: its bodies are compiled if they are not yet."""
        self.drive = drive(self.cache)
        self.functions(self.width)

    def functions(self, width: int) -> tuple[Any, Any, int]:
        """The bodies for so many columns at a time, where the pointers of each start, and how many bodies there are."""
        if width not in self._functions:
            if width not in self.texts:
                self._write(width)
            texts = self.texts[width]
            self._functions[width] = addresses(texts, cache=self.cache).table(), self.starts, len(texts)
        return self._functions[width]

    def prepare(self, values: Values, n: int) -> list[Table]:
        """The tables of every thread."""
        for number in self.writes:
            values[number] = memory.rows_of(self.lanes[number], n)
        moving = {slot for *_, slots in self.moving for slot, _ in slots}
        tables = []
        for _ in range(self._threads(n)):
            for number in self.scratch:
                values[number] = memory.empty(self.lanes[number], self.columns)
            pointers = (ctypes.c_void_p * len(self.slots))()
            strides = (ctypes.c_int64 * len(self.slots))()
            total = memory.empty(1)
            for slot, (number, first, varies) in enumerate(self.slots):
                if number == SUM:
                    pointers[slot], strides[slot] = memory.address(total, (1,)), first
                elif slot not in moving:
                    columns = self.columns if number in self.scratch else n if varies else 1
                    start, stride = memory.rows(values[number], self.lanes[number], columns)
                    pointers[slot], strides[slot] = start + 8 * stride * first, stride
            tables.append(Table(n, pointers, strides, total, [values[number] for number in self.scratch]))
        return tables

    def is_finite(self, tables: list[Table]) -> bool:
        """Whether all that is checked was finite in the last run."""
        return all(table.total[0] == 0.0 for table in tables)

    def _threads(self, n: int) -> int:
        return self.threads if n >= COLUMNS_A_THREAD * 2 else 1

    def run(self, values: Values, tables: list[Table]) -> None:
        n = tables[0].n
        for table in tables:
            table.total[0] = 0.0
        for number, varies, slots in self.moving:
            array = values[number]
            rows, columns = array.strides
            if (rows % 8 or (n > 1 and columns != 8)) if varies else rows != 8:
                array = values[number] = memory.copied(array)
            start, stride = memory.rows(array, self.lanes[number], n if varies else 1)
            for table in tables:
                for slot, first in slots:
                    table.pointers[slot], table.strides[slot] = start + 8 * stride * first, stride
        width = self.width if n >= self.width else 1
        whole = n - n % width
        if len(tables) == 1:
            self._columns(width, tables[0], 0, whole)
        else:
            share = -(-whole // (len(tables) * self.columns)) * self.columns
            held = list(values)  # what the pointers point to, if an interrupt ends the call before its threads

            def work(start: int, table: Table, held: Values = held) -> None:
                self._columns(width, table, start, min(start + share, whole))

            list(workers().map(work, range(0, whole, share), tables))
        if whole < n:  # the last columns, with those before them that fill the register once more
            self._columns(width, tables[0], n - width, n)

    def _columns(self, width: int, table: Table, start: int, stop: int) -> None:
        self.drive(*self.functions(width), table.pointers, table.strides, start, stop, self.columns)


def columns_at_a_time() -> int:
    """As many as two registers hold: what one computes need not wait for the other."""
    return 2 * host_width()


def workers() -> ThreadPoolExecutor:
    """The threads that work on large batches; a forked process has none of its parent's."""
    return _workers_of(os.getpid())


@cache
def _workers_of(process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="autograd_mini")
