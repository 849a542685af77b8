"""Execute scalars in machine code: chunk after chunk on a few columns of a batch at a time."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from autograd_mini.compiler.machine.engine import addresses, drive
from autograd_mini.compiler.machine.libraries import host_width
from autograd_mini.compiler.machine.steps import workers
from autograd_mini.compiler.normalising import Input
from autograd_mini.compiler.program import Floats, Pack
from autograd_mini.compiler.scalars.adjoints import Tape
from autograd_mini.compiler.scalars.chunking import LARGEST, Chunks
from autograd_mini.compiler.scalars.operations import MOST_LITERALS, Operations
from autograd_mini.compiler.scalars.writing import write

CACHE = 2**20
"""Bytes that should hold the numbers of the columns worked on at a time."""

MOST_COLUMNS = 128

MOST_CODE = 8192
"""If chunks that differ hold more operations than this, each operation becomes a chunk of its own."""


@dataclass
class Result:
    """What is wanted: scalars, each for every column, or their sums over the columns."""

    numbers: list[int]
    is_summed: bool


class ScalarExecutor:
    """A program of scalars ready to run on arrays.

    Args:
        tape: the scalars.
        arrays: the leaf that stands for each array, by its number among the arrays of the scalars.
        seeds: those of them that are seeds.
        results: what is wanted, by name.
        threads: how many work on a large batch; the results do not depend on it.

    Raises:
        NotImplementedError: there is no machine code for a primitive.
    """

    def __init__(
        self,
        tape: Tape,
        arrays: Mapping[int, Pack],
        seeds: list[Pack],
        results: dict[str, Result],
        threads: int,
    ) -> None:
        self.seeds = seeds
        self.threads = threads
        self.results = results
        self.leaves: dict[Pack, int] = {}
        row_of: dict[int, int] = {}
        for number, scalar in enumerate(tape.scalars):
            if type(scalar) is Input:
                row_of[number] = len(row_of)
                self.leaves.setdefault(arrays[scalar.array], row_of[number])
        wanted = [number for result in results.values() for number in result.numbers]
        self._lay_out(tape, wanted, row_of)
        self.columns = max(1, min(MOST_COLUMNS, CACHE // (8 * self.n_rows)) // host_width()) * host_width()
        self.drive = drive()
        self._code: dict[int, Any] = {1: self._compiled(1)}
        self._memory = threading.local()

    def _lay_out(self, tape: Tape, wanted: Sequence[int], inputs: Mapping[int, int]) -> None:
        for largest, most_literals in ((LARGEST, MOST_LITERALS), (1, 0)):
            self.operations = Operations(tape.scalars, wanted, most_literals=most_literals)
            row_of = dict(inputs)
            self.constants = {}
            for number, constant in self.operations.constants_among(wanted).items():
                row_of[number] = len(row_of)
                self.constants[row_of[number]] = constant
            self.chunks = Chunks(self.operations.sequence, row_of, wanted, largest)
            if sum(len(form.steps) for form in self.chunks.forms) <= MOST_CODE:
                break
        self.n_rows = self.chunks.n_rows
        self.rows = {name: [row_of[number] for number in result.numbers] for name, result in self.results.items()}

    def _compiled(self, width: int) -> tuple[Any, Any, int]:
        """The functions of the chunks, and where the rows of each start in the table of pointers."""
        texts = [write(form, self.operations.heads, width) for form in self.chunks.forms]
        functions = addresses(texts, is_optimised=False)
        chunks = self.chunks.chunks
        starts = numpy.cumsum([0, *(len(chunk.rows) for chunk in chunks)])[: len(chunks)].tolist()
        count = len(chunks)
        return (
            (ctypes.c_void_p * count)(*[functions[chunk.form] for chunk in chunks]),
            (ctypes.c_int64 * count)(*starts),
            count,
        )

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> dict[str, list[Floats]]:
        """The results by name, each [lanes, width] and the caller's to keep."""
        columns, width = (1, 1) if n_examples == 1 else (self.columns, host_width())
        if width not in self._code:
            self._code[width] = self._compiled(width)
        blocks = [(start, min(start + columns, n_examples)) for start in range(0, n_examples, columns)]
        found = {
            name: numpy.empty((len(rows), len(blocks) if self.results[name].is_summed else n_examples))
            for name, rows in self.rows.items()
        }
        share = -(-len(blocks) // self.threads) if len(blocks) > 2 * self.threads else max(len(blocks), 1)
        parts = [range(first, min(first + share, len(blocks))) for first in range(0, len(blocks), share)]

        def work(part: range) -> None:
            frame = self._frame(columns, width)
            frame.fill([(row, leaves[pack]) for pack, row in self.leaves.items() if leaves[pack].shape[1] == 1])
            batched = [(row, leaves[pack]) for pack, row in self.leaves.items() if leaves[pack].shape[1] != 1]
            for number in part:
                self._run(frame, batched, found, number, *blocks[number])

        if len(parts) > 1:
            list(workers().map(work, parts))
        elif parts:
            work(parts[0])
        return {
            name: [array.sum(axis=1, keepdims=True) if self.results[name].is_summed else array]
            for name, array in found.items()
        }

    def _run(
        self,
        frame: _Frame,
        batched: Sequence[tuple[int, Floats]],
        found: Mapping[str, Floats],
        number: int,
        start: int,
        stop: int,
    ) -> None:
        """One block of columns."""
        n = stop - start
        for row, array in batched:
            frame.memory[row : row + len(array), :n] = array[:, start:stop]
        bodies, starts, count = self._code[frame.width]
        if count:
            self.drive(bodies, starts, count, frame.pointers, frame.pointers, 0, n)
        with numpy.errstate(all="ignore"):
            for name, rows in self.rows.items():
                if self.results[name].is_summed:
                    frame.memory[rows, :n].sum(axis=1, out=found[name][:, number])
                else:
                    found[name][:, start:stop] = frame.memory[rows, :n]

    def _frame(self, columns: int, width: int) -> _Frame:
        """This thread's memory."""
        frames: dict[int, _Frame] = self._memory.__dict__.setdefault("frames", {})
        if columns not in frames:
            frames[columns] = _Frame(self, columns, width)
        return frames[columns]


class _Frame:
    """The rows of one thread for a block of columns."""

    def __init__(self, executor: ScalarExecutor, columns: int, width: int) -> None:
        self.width = width
        self.memory = numpy.zeros((executor.n_rows, columns))
        for row, number in executor.constants.items():
            self.memory[row] = number
        base = self.memory.__array_interface__["data"][0]
        rows = [row for chunk in executor.chunks.chunks for row in chunk.rows]
        self.pointers = (ctypes.c_void_p * len(rows))(*[base + 8 * columns * row for row in rows])

    def fill(self, arrays: Sequence[tuple[int, Floats]]) -> None:
        """Put numbers that are the same for all columns into their rows."""
        for row, array in arrays:
            self.memory[row : row + len(array)] = array
