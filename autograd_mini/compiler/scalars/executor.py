"""Execute scalars in machine code: chunk after chunk on a few columns of a batch at a time."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy

from autograd_mini.compiler.machine import memory
from autograd_mini.compiler.machine.caching import CodeCache
from autograd_mini.compiler.machine.engine import DRIVE, addresses, drive
from autograd_mini.compiler.machine.libraries import host_width
from autograd_mini.compiler.machine.running import workers
from autograd_mini.compiler.normalising import Input
from autograd_mini.compiler.numpy_executor import Results, are_finite
from autograd_mini.compiler.program import Floats, Pack, is_checked
from autograd_mini.compiler.scalars.adjoints import Tape
from autograd_mini.compiler.scalars.chunking import LARGEST, Chunks
from autograd_mini.compiler.scalars.moving import COPY_IN, COPY_OUT, sum_over_columns
from autograd_mini.compiler.scalars.operations import MOST_LITERALS, Operations
from autograd_mini.compiler.scalars.writing import require_emission, write

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
        cache: where machine code is kept.

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
        cache: CodeCache | None = None,
    ) -> None:
        self.seeds = seeds
        self.cache = cache
        self.threads = threads
        self.results = results
        self.checked = [name for name in results if is_checked(name)]
        wanted = [number for result in results.values() for number in result.numbers]
        self._lay_out(tape, arrays, wanted)
        fits = CACHE // (8 * max(self.chunks.n_rows - self.n_uniform, 1))
        self.columns = max(1, min(MOST_COLUMNS, fits) // host_width()) * host_width()
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
        self.summed: list[int] = []
        self.parts_of_sums: dict[str, slice] = {}
        for name, rows in self.rows.items():
            if self.results[name].is_summed:
                self.parts_of_sums[name] = slice(len(self.summed), len(self.summed) + len(rows))
                self.summed += rows.tolist()
        self.spread = {name: numpy.flatnonzero(rows < self.n_uniform) for name, rows in self.rows.items()}

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> Results:
        columns, width = (1, 1) if n_examples == 1 else (self.columns, host_width())
        code = self.code(width)
        n_blocks = -(-n_examples // columns)
        batched = {pack: memory.without_gaps(leaves[pack]) for pack in self.leaves if pack.batched}
        same = [leaves[pack][:, 0] for pack in self.leaves if not pack.batched]
        each = [name for name, result in self.results.items() if not result.is_summed]
        found = dict(zip(each, memory.room([len(self.rows[name]) for name in each], n_examples)))
        sums = memory.empty(len(self.summed), n_blocks)
        sums[...] = 0.0
        arrays = [(array, (pack.lanes, n_examples)) for pack, array in batched.items()]
        arrays += [(array, (len(self.rows[name]), n_examples)) for name, array in found.items()]
        arrays.append((sums, (len(self.summed), n_blocks)))
        n_threads = min(self.threads, n_examples // COLUMNS_A_THREAD) or 1
        share = -(-n_blocks // n_threads) * columns

        def work(start: int) -> None:
            frame = self._frame(code, columns)
            if same:
                numpy.concatenate(same, out=frame.uniform[len(self.constants) :])
            places = [memory.address(*array) for array in arrays]  # held, even if the call is interrupted
            frame.places[code.in_arrays] = places
            frame.sizes[:2] = n_examples, n_blocks
            code.drive(*code.table, frame.pointers, frame.pointers, start, min(start + share, n_examples), columns)

        if n_threads > 1:
            list(workers().map(work, range(0, n_examples, share)))
        elif n_examples:
            work(0)
        with numpy.errstate(all="ignore"):
            totals = sums if n_blocks == 1 else sums.sum(axis=1, keepdims=True)
            for name, part in self.parts_of_sums.items():
                found[name] = totals[part]
            for name, lanes in self.spread.items():  # what is the same for all columns
                if lanes.size and n_examples:
                    uniform = numpy.concatenate([self.constants, *same])[self.rows[name][lanes], None]
                    found[name][lanes] = n_examples * uniform if self.results[name].is_summed else uniform
        rows = {name: [found[name]] for name in self.results}
        return Results(rows, are_finite(found[name] for name in self.checked))

    def copied(self, rows: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        """Of a result's rows those that differ from column to column: their lanes, and themselves."""
        chosen = [(lane, row) for lane, row in enumerate(rows) if row >= self.n_uniform]
        return [lane for lane, _ in chosen], [row for _, row in chosen]

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
        rows: what all their pointers point to: a row, or less than 0 what else there is.
        in_arrays: which of the pointers point to arrays: those with a batch, the results for each column, the sums.
        table: the functions, where the pointers of each start, and how many functions there are.
        moves: tables for the moving, each of the number of rows and their places.
    """

    ARRAY, SIZES, MOVES = -1, -2, -3

    def __init__(self, executor: ScalarExecutor, width: int) -> None:
        chunks = executor.chunks
        shared = [DRIVE, COPY_IN, COPY_OUT, sum_over_columns(host_width())]
        _, copy_in, copy_out, add = addresses(shared, effort=0, keep=True, cache=executor.cache)
        texts = [write(form, executor.operations.heads, width) for form in chunks.forms]
        functions = addresses(texts, effort=0, cache=executor.cache)
        self.drive = drive(executor.cache)
        calls: list[tuple[int, list[int]]] = []
        moves: list[int] = []

        def move(function: int, lanes: Iterable[int], rows: Sequence[int]) -> None:
            calls.append((function, [self.ARRAY, self.SIZES, self.MOVES - len(moves), *rows]))
            moves.extend([len(rows), *lanes])

        for pack, first in executor.leaves.items():
            if pack.batched:
                move(copy_in, range(pack.lanes), range(first, first + pack.lanes))
        calls += [(functions[chunk.form], chunk.rows) for chunk in chunks.chunks]
        for name, rows in executor.rows.items():
            if not executor.results[name].is_summed:
                move(copy_out, *executor.copied(rows.tolist()))
        move(add, *executor.copied(executor.summed))
        self.rows = numpy.array([row for _, rows in calls for row in rows], dtype=numpy.int64)
        self.in_arrays = numpy.flatnonzero(self.rows == self.ARRAY)
        self.moves = memory.copied(moves, numpy.int64)
        starts = numpy.cumsum([0, *(len(rows) for _, rows in calls)])[: len(calls)].tolist()
        self.table = (
            functions.table([function for function, _ in calls]),
            (ctypes.c_int64 * len(calls))(*starts),
            len(calls),
        )


class _Frame:
    """The rows of one thread, and the pointers to them."""

    def __init__(self, executor: ScalarExecutor, code: _Code, columns: int) -> None:
        n_uniform = executor.n_uniform
        self.uniform = memory.empty(n_uniform)
        self.uniform[: len(executor.constants)] = executor.constants
        n_rows = executor.chunks.n_rows - n_uniform
        self.block = memory.empty(n_rows, 1) if columns == 1 else memory.lines_of(n_rows, columns)
        self.block[...] = 0.0
        self.sizes = memory.copied([0, 0, columns], numpy.int64)
        uniform, sizes = memory.address(self.uniform, (n_uniform,)), memory.address(self.sizes, (3,))
        block, stride = memory.rows(self.block, n_rows, columns)
        rows = code.rows
        places = numpy.where(rows < n_uniform, uniform + 8 * rows, block + 8 * stride * (rows - n_uniform))
        places[rows == code.SIZES] = sizes
        moves = rows <= code.MOVES
        places[moves] = memory.address(code.moves, code.moves.shape) + 8 * (code.MOVES - rows[moves])
        self.places = memory.copied(places, numpy.int64)
        self.pointers = memory.address(self.places, rows.shape)
