"""Execute scalars in machine code: chunk after chunk on a few columns of a batch at a time."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from autograd_mini.compiler.machine.engine import addresses, drive
from autograd_mini.compiler.machine.libraries import host_width
from autograd_mini.compiler.machine.steps import room, workers
from autograd_mini.compiler.normalising import Input
from autograd_mini.compiler.program import Floats, Pack
from autograd_mini.compiler.scalars.adjoints import Tape
from autograd_mini.compiler.scalars.chunking import LARGEST, Chunks
from autograd_mini.compiler.scalars.operations import MOST_LITERALS, Operations
from autograd_mini.compiler.scalars.writing import COPY_IN, COPY_OUT, require_emission, sum_over_columns, write

CACHE = 2**19
"""Bytes that should hold the numbers of the columns worked on at a time."""

MOST_COLUMNS = 128

COLUMNS_A_THREAD = 256

MOST_CODE = 8192
"""If chunks that differ hold more operations than this, each operation becomes a chunk of its own."""


@dataclass
class Result:
    """What is wanted: scalars, each for every column, or their sums over the columns."""

    numbers: list[int]
    is_summed: bool


class ScalarExecutor:
    """A program of scalars ready to run on arrays.

    Numbers live in rows: those that are the same for all columns in one row of single numbers, all others in rows of
    a block of columns. Inputs are copied into them and results out of them, so no array of the caller's is ever read
    or written beyond its end.

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
        wanted = [number for result in results.values() for number in result.numbers]
        self._lay_out(tape, arrays, wanted)
        fits = CACHE // (8 * max(self.chunks.n_rows - self.n_uniform, 1))
        self.columns = max(1, min(MOST_COLUMNS, fits) // host_width()) * host_width()
        self.drive = drive()
        self._code: dict[int, _Code] = {}
        for head in self.operations.heads:
            require_emission(head)
        self._memory = threading.local()

    def code(self, width: int) -> _Code:
        """What runs for registers of this width."""
        if width not in self._code:
            self._code[width] = _Code(self, width)
        return self._code[width]

    def _lay_out(self, tape: Tape, arrays: Mapping[int, Pack], wanted: Sequence[int]) -> None:
        """The chunks, and the rows of all that stands in memory: first what is the same for all columns."""
        inputs = [(number, arrays[each.array]) for number, each in enumerate(tape.scalars) if type(each) is Input]
        for largest, most_literals in ((LARGEST, MOST_LITERALS), (1, 0)):
            self.operations = Operations(tape.scalars, wanted, most_literals=most_literals)
            constants = self.operations.constants_among(wanted)
            numbers = [number for number, leaf in inputs if not leaf.batched]
            self.n_uniform = len(constants) + len(numbers)
            numbers = [*constants, *numbers, *(number for number, leaf in inputs if leaf.batched)]
            row_of = {number: row for row, number in enumerate(numbers)}
            self.chunks = Chunks(self.operations.sequence, row_of, wanted, largest, self.n_uniform)
            if sum(len(form.steps) for form in self.chunks.forms) <= MOST_CODE:
                break
        self.constants = numpy.array(list(constants.values()))
        self.leaves: dict[Pack, int] = {}
        for number, leaf in inputs:
            self.leaves.setdefault(leaf, row_of[number])
        self.rows = {
            name: numpy.array([row_of[number] for number in result.numbers], dtype=numpy.int64)
            for name, result in self.results.items()
        }
        self.copied = {name: numpy.flatnonzero(rows >= self.n_uniform) for name, rows in self.rows.items()}
        self.spread = {name: numpy.flatnonzero(rows < self.n_uniform) for name, rows in self.rows.items()}

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> dict[str, list[Floats]]:
        """The results by name, each [lanes, width] and the caller's to keep."""
        columns, width = (1, 1) if n_examples == 1 else (self.columns, host_width())
        code = self.code(width)
        n_blocks = -(-n_examples // columns)
        each = [name for name, result in self.results.items() if not result.is_summed]
        found = dict(zip(each, room([len(self.rows[name]) for name in each], n_examples)))
        for name in self.rows.keys() - found.keys():
            found[name] = numpy.zeros((len(self.rows[name]), n_blocks))
        batched = {pack: numpy.ascontiguousarray(leaves[pack]) for pack in self.leaves if pack.batched}
        same = [leaves[pack][:, 0] for pack in self.leaves if not pack.batched]
        uniform = numpy.concatenate([self.constants, *same])
        n_threads = min(self.threads, n_examples // COLUMNS_A_THREAD) or 1
        share = -(-n_blocks // n_threads) * columns

        def work(start: int) -> None:
            frame = self._frame(code, columns)
            frame.uniform[:] = uniform
            places = [*map(_places, batched.values()), *(_places(found[name])[self.copied[name]] for name in self.rows)]
            frame.places[code.in_arrays] = numpy.concatenate(places) if places else ()
            stop = min(start + share, n_examples)
            if code.table[-1]:
                self.drive(*code.table, frame.pointers, frame.pointers, start, stop, columns)

        if n_threads > 1:
            list(workers().map(work, range(0, n_examples, share)))
        elif n_examples:
            work(0)
        with numpy.errstate(all="ignore"):
            return {name: [self._finished(name, array, uniform, n_examples)] for name, array in found.items()}

    def _finished(self, name: str, array: Floats, uniform: Floats, n_examples: int) -> Floats:
        """A result of what was copied out of the rows, with what is the same for all columns."""
        is_summed, lanes = self.results[name].is_summed, self.spread[name]
        rows: Floats = array.sum(axis=1, keepdims=True) if is_summed else array
        if lanes.size and n_examples:
            numbers = uniform[self.rows[name][lanes], None]
            rows[lanes] = n_examples * numbers if is_summed else numbers
        return rows

    def _frame(self, code: _Code, columns: int) -> _Frame:
        """This thread's memory."""
        frames: dict[int, _Frame] = self._memory.__dict__.setdefault("frames", {})
        if columns not in frames:
            frames[columns] = _Frame(self, code, columns)
        return frames[columns]


class _Code:
    """The functions that run one after the other on each block of columns: the inputs are copied in, the chunks
    computed, and the results copied out.

    Attributes:
        rows: the rows that all their pointers point to; IN_ARRAY for what lies in an array, COLUMNS for the number of
            columns in a block.
        in_arrays: which of the pointers point into arrays.
        table: the functions, where the pointers of each start, and how many functions there are.
    """

    IN_ARRAY, COLUMNS = -1, -2

    def __init__(self, executor: ScalarExecutor, width: int) -> None:
        chunks = executor.chunks
        texts = [COPY_IN, COPY_OUT, sum_over_columns(host_width())]
        texts += [write(form, executor.operations.heads, width) for form in chunks.forms]
        copy_in, copy_out, add, *functions = addresses(texts, is_optimised=False)
        calls: list[tuple[int, list[int]]] = []
        for pack, first in executor.leaves.items():
            if pack.batched:
                calls += [(copy_in, [self.IN_ARRAY, row]) for row in range(first, first + pack.lanes)]
        calls += [(functions[chunk.form], chunk.rows) for chunk in chunks.chunks]
        for name, lanes in executor.copied.items():
            rows = executor.rows[name][lanes].tolist()
            if executor.results[name].is_summed:
                calls += [(add, [row, self.IN_ARRAY, self.COLUMNS]) for row in rows]
            else:
                calls += [(copy_out, [row, self.IN_ARRAY]) for row in rows]
        self.rows = numpy.array([row for _, rows in calls for row in rows], dtype=numpy.int64)
        self.in_arrays = numpy.flatnonzero(self.rows == self.IN_ARRAY)
        starts = numpy.cumsum([0, *(len(rows) for _, rows in calls)])[: len(calls)].tolist()
        self.table = (
            (ctypes.c_void_p * len(calls))(*[function for function, _ in calls]),
            (ctypes.c_int64 * len(calls))(*starts),
            len(calls),
        )


def _places(array: Floats) -> NDArray[numpy.int64]:
    """The addresses of the rows of an array."""
    places: NDArray[numpy.int64] = numpy.arange(len(array)) * array.strides[0] + array.__array_interface__["data"][0]
    return places


class _Frame:
    """The rows of one thread, and the pointers to them."""

    def __init__(self, executor: ScalarExecutor, code: _Code, columns: int) -> None:
        n_uniform = executor.n_uniform
        self.uniform = numpy.empty(n_uniform)
        # Rows at multiples of a power of two would fall on the same lines of the cache.
        stride = columns if columns == 1 else columns + 8
        self.memory = numpy.zeros((executor.chunks.n_rows - n_uniform, stride))
        first, start = (array.__array_interface__["data"][0] for array in (self.uniform, self.memory))
        rows = code.rows
        self.places = numpy.where(rows < n_uniform, first + 8 * rows, start + 8 * stride * (rows - n_uniform))
        self.columns = (ctypes.c_int64 * 1)(columns)
        self.places[rows == code.COLUMNS] = ctypes.addressof(self.columns)
        self.pointers = self.places.ctypes.data_as(ctypes.c_void_p)
