"""Steps of loops in machine code; where there is none, and where loops are within them, as programs of packs."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate, chain, compress
from typing import Any

import numpy

from autograd_mini.compiler.code import chunks, emit_products
from autograd_mini.compiler.code.cells import Assembly
from autograd_mini.compiler.code.emit import turns
from autograd_mini.compiler.code.engine import Code, addresses, call_all
from autograd_mini.compiler.code.kernels import SCRATCH, UNIFORM, Kernel, Place, kernel_of
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.loops import Function
from autograd_mini.compiler.code.operations import Operations
from autograd_mini.compiler.code.repeating import Turns
from autograd_mini.compiler.ir.program import Floats, Leaf, Pack
from autograd_mini.compiler.ir.request import Frame, Kind, Request
from autograd_mini.compiler.ir.scalars import ONE, Looped, Number, Scalars, alive
from autograd_mini.compiler.partition import BLOCK_BYTES
from autograd_mini.compiler.passes.growing import Growing
from autograd_mini.compiler.pipeline import Source, build
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.executing import Target
from autograd_mini.compiler.run.one_kernel import own_scalar
from autograd_mini.compiler.run.running import KernelStep
from autograd_mini.compiler.scans.step_programs import Program, Rows, Step

LONGEST_STRAIGHT = 1000
"""Steps of more operations are compiled in chunks, and with less effort, which takes a fraction of the time."""


class _Moving(emit_products.Rows):
    """The rows of arrays with so many rows each, which are some bytes further on at each step. Those of the last array
    are the same for all columns."""

    def __init__(self, asm: Assembly, sizes: Sequence[int]) -> None:
        super().__init__(asm, bytes([chunks.ARRAY] * sum(sizes[:-1]) + [chunks.UNIFORM] * sizes[-1]))
        arrays = [
            (asm.load("ptr", "%p", 2 * place), asm.load("i64", "%p", 2 * place + 1)) for place in range(len(sizes))
        ]
        self._places = [(*array, row) for array, size in zip(arrays, sizes) for row in range(size)]

    def _place(self, row: int, further: str | None = None) -> str:
        asm, (start, pace, index) = self._asm, self._places[row]
        if further is not None:
            offset = asm.define(f"mul i64 {further}, {pace}").name
            start = asm.define(f"getelementptr i8, ptr {start}, i64 {offset}").name
        if asm.width == 1 or self._kinds[row] == chunks.UNIFORM:
            return asm.at("double", start, index)
        return asm.at("double", start, asm.let(f"add i64 {asm.let(f'mul i64 %columns, {index}')}, {self._i}"))


class StraightStep:
    """A short program in machine code, the loop around it included: what is carried stays in registers. Arrays have one
    column, or whole registers of them."""

    def __init__(self, program: Program, operations: Operations) -> None:
        self._program, self._operations = program, operations
        self._linked: dict[int, tuple[Any, Code]] = {}

    def _function(self, width: int) -> Any:
        if width not in self._linked:
            code = addresses([self.text(width)])
            self._linked[width] = Straight(code[0]), code
        return self._linked[width][0]

    def text(self, width: int) -> str:
        """The text of a function for so many columns at a time; `p` points to a table that says of each array where its
        rows begin, and how many bytes further those of the next step are: of inputs, outputs and fixed numbers."""
        program, asm = self._program, Assembly(width)
        arrays = [*program.inputs, *program.outputs, program.fixed]
        rows = [[*range(end - len(each), end)] for each, end in zip(arrays, accumulate(map(len, arrays)))]
        n_inputs = len(program.inputs)
        moving = [*zip(chain(*program.inputs, program.fixed), chain(*rows[:n_inputs], rows[-1]))]
        carried = [
            (number, following, row, row)
            for given, given_back in program.carried
            for number, following, row in zip(program.inputs[given], program.outputs[given_back], rows[given])
        ]
        others = {*range(len(program.outputs))}.difference(given_back for _, given_back in program.carried)
        gives = [each for place in others for each in zip(program.outputs[place], rows[n_inputs + place])]
        head = Turns(program.scalars, self._operations.heads, self._operations.sequence, 0, carried, [], moving, gives)
        places = _Moving(asm, [*map(len, arrays)])
        with asm.over("%columns", step=width) as i:
            places.turn(i)
            turns(asm, head, "%steps", places)
        return asm.text("void @BODY(ptr %p, i64 %columns, i64 %steps)", "ret void")

    def run(self, steps: int, rows: Sequence[Rows], fixed: Rows) -> None:
        columns = rows[0].array.shape[1]
        function = self._function(1 if columns == 1 else host_width())
        table = memory.empty(2 * len(rows) + 2, of=numpy.int64)
        for place, (array, first, pace) in enumerate((*rows, fixed)):
            size = 8 * columns if place < len(rows) else 8
            table[2 * place] = memory.address(array, array.shape) + size * first
            table[2 * place + 1] = size * pace
        function(memory.address(table, table.shape), columns, steps)


Straight: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class ChunkedStep:
    """A long program in machine code; arrays have one column, or whole registers of them.

    Raises:
        NotImplementedError: there is no machine code for a primitive.
    """

    def __init__(self, program: Program) -> None:
        scalars, taken = [*program.scalars], set[int]()
        arrays = {
            number: (place, row) for place, numbers in enumerate(program.inputs) for row, number in enumerate(numbers)
        }
        n_inputs, results = len(program.inputs), dict[int, Place]()
        for place, numbers in enumerate(program.outputs):
            results |= {own_scalar(scalars, each, taken): (n_inputs + place, row) for row, each in enumerate(numbers)}
        fixed = {number: (-1, row) for row, number in enumerate(program.fixed)}
        self.kernel: Kernel = kernel_of(scalars, fixed, arrays, results, [], by_demand=False, kept=[])
        self._step = KernelStep(self.kernel, [], [], outputs=[], is_batched=True, cache=None)
        self._uniform = memory.copied(self.kernel.constants)
        self._linked: dict[int, tuple[Any, Any]] = {}
        array, row = self._step.slots.reshape(-1, 2).T.copy()
        is_fixed, n = (array == UNIFORM) & (row >= len(self._uniform)), n_inputs + len(program.outputs)
        row[is_fixed] -= len(self._uniform)
        self._row = row  # for each pointer: the row that it points to, and its array
        self._array = numpy.select([is_fixed, array == UNIFORM, array == SCRATCH], [n + 1, n, n + 2], array)
        given, back = program.carried[0]
        self._carried: tuple[int, int, int] = given, n_inputs + back, len(program.inputs[given])

    def _functions(self, width: int) -> tuple[Any, Any]:
        """The function that runs steps on so many columns at a time, and the table of the bodies."""
        if width not in self._linked:
            code = addresses([STEPPING, *self._step.texts(width)], effort=0)
            self._linked[width] = Stepping(code[0]), code.table(code[1:])
        return self._linked[width]

    def run(self, steps: int, rows: Sequence[Rows], fixed: Rows) -> None:
        columns = rows[0].array.shape[1]
        at_a_time = max(1, BLOCK_BYTES // (8 * max(1, self._carried[-1]) * columns))
        for start in range(0, steps, at_a_time):
            *some, last = [Rows(array, first + start * pace, pace) for array, first, pace in (*rows, fixed)]
            self._run(min(at_a_time, steps - start), some, last, columns)

    def _run(self, steps: int, rows: Sequence[Rows], fixed: Rows, columns: int) -> None:
        """Steps whose carries all have memory: machine code that comes in parts writes none over the one it reads."""
        run, bodies = self._functions(1 if columns == 1 else host_width())
        scratch = Rows(memory.empty(self.kernel.n_scratch, columns))
        arrays = [*rows, Rows(self._uniform), fixed, scratch]
        given, back, n = self._carried
        carries = memory.empty((steps + 1) * n, columns)
        carries[:n] = rows[given].array[rows[given].first :][:n]
        arrays[given], arrays[back] = Rows(carries, 0, n), Rows(carries, n, n)
        sizes = [8 * columns] * len(rows) + [8, 8, 8 * columns]
        starts = [memory.address(each, each.shape) + size * first for (each, first, _), size in zip(arrays, sizes)]
        paces = [size * pace for (_, _, pace), size in zip(arrays, sizes)]
        pointers, moves = memory.empty(len(self._array), of=numpy.int64), numpy.array(paces)[self._array]
        pointers[...] = numpy.array(starts)[self._array] + numpy.array(sizes)[self._array] * self._row
        table = memory.copied([*zip(*moves.nonzero(), moves[moves != 0])], numpy.int64)
        at = [memory.address(each, each.shape) for each in (pointers, table)]
        run(bodies, self._step.starts, *at, len(self._step.starts), columns, steps, len(table))
        rows[given].array[rows[given].first :][:n] = carries[steps * n :]


def _stepping() -> str:
    """The text of a function that runs the bodies of a kernel for each step, and then moves some of the pointers on."""
    function = Function()
    with function.over("%steps"):
        call_all(function, "%p", "0", "%columns")
        with function.over("%n_moves") as k:
            place, by = function.record("%moves", "ii", k)
            before = function.load("i64", "%p", place)
            function.store("i64", function.let(f"add i64 {before}, {by}"), "%p", place)
    counts = "i64 %count, i64 %columns, i64 %steps, i64 %n_moves"
    return function.text(f"void @BODY(ptr %bodies, ptr %starts, ptr %p, ptr %moves, {counts})", "ret void")


STEPPING = _stepping()

Stepping: Any = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, *[ctypes.c_int64] * 4)


class PackedStep:
    """A program that is built like those of functions, and called for each step."""

    def __init__(self, program: Program, *, in_machine_code: bool) -> None:
        growing, place = Growing([Number(1.0)]), {ONE: ONE}
        arrays = [*program.inputs, program.fixed]
        for number, each in enumerate(arrays):
            place.update(zip(each, growing.inputs(number if each is not program.fixed else -1, len(each))))
        wanted = [number for numbers in program.outputs for number in numbers]
        for number in compress(range(len(program.scalars)), alive(program.scalars, wanted)):
            if number not in place:
                place[number] = growing.again(program.scalars[number], place.__getitem__)
        self.leaves: list[Pack] = [
            Pack(len(each), each is not program.fixed, Leaf("input", number, "")) for number, each in enumerate(arrays)
        ]
        scalars = Scalars(growing.scalars, [place[number] for number in wanted], [])
        source = Source(scalars, Frame(self.leaves, False))
        target = Target("machine" if in_machine_code else "numpy", threads=1)
        self._executor = build(source, Request(Kind.VALUE), target)
        self._sizes: list[int] = [*map(len, program.outputs)]

    def run(self, steps: int, rows: Sequence[Rows], fixed: Rows) -> None:
        columns, n_inputs = rows[0].array.shape[1], len(self.leaves) - 1
        for step in range(steps):
            given: dict[Pack, Floats] = {}
            for leaf, (array, first, pace) in zip(self.leaves, (*rows[:n_inputs], fixed)):
                width = columns if leaf.batched else 1
                given[leaf] = array[first + step * pace :][: leaf.lanes].reshape(leaf.lanes, width)
            found, start = numpy.array(self._executor(given, columns).rows["value"]), 0
            for size, (array, first, pace) in zip(self._sizes, rows[n_inputs:]):
                array[first + step * pace :][:size] = found[start : start + size]
                start += size


def step_of(program: Program, *, in_machine_code: bool) -> Step:
    """A program ready to run; as packs if there is a loop in it, or a primitive without machine code."""
    if in_machine_code and not any(type(each) is Looped for each in program.needed()):
        with suppress(NotImplementedError):
            written = program.expanded()
            wanted = [number for numbers in written.outputs for number in numbers]
            operations = Operations(written.scalars, wanted, most_literals=LONGEST_STRAIGHT)
            if len(operations.sequence) <= LONGEST_STRAIGHT:
                return StraightStep(written, operations)
            return ChunkedStep(written)
    return PackedStep(program, in_machine_code=in_machine_code)
