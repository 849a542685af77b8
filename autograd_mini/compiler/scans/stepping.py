"""One step of a loop as a program, run many times in a row: in machine code, or by NumPy.

A program reads and writes rows of arrays; from one step to the next it moves on by so many rows of each.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import compress
from typing import Any, NamedTuple, Protocol

import numpy

from autograd_mini.compiler.code.emit import require_emission
from autograd_mini.compiler.code.engine import Code, addresses, call_all
from autograd_mini.compiler.code.kernels import SCRATCH, UNIFORM, Place, kernel_of
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.loops import Function
from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.scalars import (
    ONE,
    Application,
    Component,
    Input,
    Looped,
    Number,
    Picked,
    Scalar,
    Terms,
    alive,
)
from autograd_mini.compiler.passes.expanding import expanded_scalars
from autograd_mini.compiler.run import memory, numpy_rows
from autograd_mini.compiler.run.one_kernel import own_scalar
from autograd_mini.compiler.run.running import KernelStep

LARGEST_OPTIMISED = 1000
"""Steps of more operations are compiled with less effort, which takes a fraction of the time."""


class Rows(NamedTuple):
    """The rows of an array that the first of some steps reads or writes, from `first` on, and how many rows further
    on those of the next one are."""

    array: Floats
    first: int = 0
    pace: int = 0


class Program(NamedTuple):
    """One step: scalars, which of them are given in each of several arrays, and which go to others.

    Attributes:
        fixed: those that are the same for all columns, in an array of their own.
    """

    scalars: Sequence[Scalar]
    inputs: Sequence[Sequence[int]]
    fixed: Sequence[int]
    outputs: Sequence[Sequence[int]]

    def needed(self) -> Iterator[Scalar]:
        """The scalars that what it gives is made of."""
        found = alive(self.scalars, [number for numbers in self.outputs for number in numbers])
        return compress(self.scalars, found)

    def expanded(self) -> Program:
        """The same with rows of users written out."""
        written = expanded_scalars(self.scalars)
        if written is None:
            return self
        scalars, place = written

        def moved(numbers: Sequence[int]) -> list[int]:
            return [place[number] for number in numbers]

        return Program(scalars, [*map(moved, self.inputs)], moved(self.fixed), [*map(moved, self.outputs)])


class Step(Protocol):
    """A program ready to run."""

    def run(self, steps: int, rows: Sequence[Rows], fixed: Rows) -> None:
        """Run it several times.

        Args:
            rows: of each array that it reads, and then of each that it writes, all of as many columns.
            fixed: of what is the same for all columns.
        """


class MachineStep:
    """A program in machine code; arrays have one column, or whole registers of them.

    Raises:
        NotImplementedError: there is no machine code for a primitive.
    """

    def __init__(self, program: Program) -> None:
        program = program.expanded()
        if any(type(each) is Looped for each in program.needed()):
            raise NotImplementedError("scan")
        scalars, taken = [*program.scalars], set[int]()
        arrays = {
            number: (place, row) for place, numbers in enumerate(program.inputs) for row, number in enumerate(numbers)
        }
        n_inputs, results = len(program.inputs), dict[int, Place]()
        for place, numbers in enumerate(program.outputs):
            results |= {own_scalar(scalars, each, taken): (n_inputs + place, row) for row, each in enumerate(numbers)}
        fixed = {number: (-1, row) for row, number in enumerate(program.fixed)}
        self.kernel = kernel_of(scalars, fixed, arrays, results, [], by_demand=False)
        for head in self.kernel.heads:
            require_emission(head)
        size = sum(len(form.steps) for form in self.kernel.forms)
        effort = int(size <= LARGEST_OPTIMISED)
        self._step = KernelStep(self.kernel, [], [], outputs=[], is_batched=True, effort=effort, cache=None)
        self._uniform = memory.copied(self.kernel.constants)
        self._linked: dict[int, tuple[Any, Any, Code]] = {}
        array, row = self._step.slots.reshape(-1, 2).T.copy()
        is_fixed, n = (array == UNIFORM) & (row >= len(self._uniform)), n_inputs + len(program.outputs)
        row[is_fixed] -= len(self._uniform)
        self._row = row  # of what each pointer points to: the row, and the array it is in
        self._array = numpy.select([is_fixed, array == UNIFORM, array == SCRATCH], [n + 1, n, n + 2], array)

    def _functions(self, width: int) -> tuple[Any, Any, Code]:
        """What runs the steps of so many columns, and the table of the bodies."""
        if width not in self._linked:
            code = addresses([STEPPING, *self._step.texts(width)], effort=self._step.effort)
            bodies = Code.of(code.functions[1:])
            self._linked[width] = Stepping(code[0]), bodies.table(bodies), code
        return self._linked[width]

    def run(self, steps: int, rows: Sequence[Rows], fixed: Rows) -> None:
        columns = rows[0].array.shape[1]
        run, bodies, _ = self._functions(1 if columns == 1 else host_width())
        scratch = Rows(memory.empty(self.kernel.n_scratch, columns))
        arrays = [*rows, Rows(self._uniform), fixed, scratch]
        sizes = [8 * columns] * len(rows) + [8, 8, 8 * columns]
        starts = [memory.address(each, each.shape) + size * first for (each, first, _), size in zip(arrays, sizes)]
        paces = [size * pace for (_, _, pace), size in zip(arrays, sizes)]
        pointers, moves = memory.empty(len(self._array), of=numpy.int64), numpy.array(paces)[self._array]
        pointers[...] = numpy.array(starts)[self._array] + numpy.array(sizes)[self._array] * self._row
        moving = moves.nonzero()[0]
        table = memory.empty(len(moving), 2, of=numpy.int64)
        table[:, 0], table[:, 1] = moving, moves[moving]
        at = [memory.address(each, each.shape) for each in (pointers, table)]
        run(bodies, self._step.starts, len(self._step.starts), at[0], columns, steps, at[1], len(table))


def _stepping() -> str:
    """The text of what runs the bodies of a kernel so many times; in between some of the pointers move on."""
    function = Function()

    def move(k: str) -> Sequence[str]:
        record = function.at("i64", "%moves", function.let(f"mul i64 {k}, 2"))
        place = function.at("i64", "%p", function.load("i64", record))
        before, by = function.load("i64", place), function.load("i64", record, 1)
        function.store("i64", function.let(f"add i64 {before}, {by}"), place)
        return ()

    def step(k: str) -> Sequence[str]:
        call_all(function, "%p", "0", "%columns")
        function.loop(0, "%n_moves", move)
        return ()

    function.loop(0, "%steps", step)
    counts = "i64 %columns, i64 %steps, ptr %moves, i64 %n_moves"
    return function.text(f"void @BODY(ptr %bodies, ptr %starts, i64 %count, ptr %p, {counts})", "ret void")


STEPPING = _stepping()

Stepping = ctypes.CFUNCTYPE(
    None,
    *[ctypes.c_void_p] * 2,
    ctypes.c_int64,
    ctypes.c_void_p,
    *[ctypes.c_int64] * 2,
    ctypes.c_void_p,
    ctypes.c_int64,
)


class NumpyStep:
    """A program by NumPy, scalar by scalar for all columns; loops within it may run in machine code."""

    def __init__(self, program: Program, *, in_machine_code: bool) -> None:
        self.program = program
        self._in_machine_code = in_machine_code

    @cached_property
    def _computed(self) -> list[tuple[int, Callable[[list[Any]], Any]]]:
        """What computes each scalar that is needed, from all that are known."""
        scalars = self.program.scalars
        needed = alive(scalars, [number for numbers in self.program.outputs for number in numbers])
        return [
            (number, partial(_COMPUTED.get(type(scalar), self._looped), scalar))
            for number, scalar in enumerate(scalars)
            if needed[number] and not isinstance(scalar, Input | Number)
        ]

    def _looped(self, scalar: Looped, numbers: list[Any]) -> Any:
        given = numpy.stack(numpy.broadcast_arrays(*[numbers[arg] for arg in scalar.args]))
        return scalar.scan.run(given, in_machine_code=self._in_machine_code)

    def run(self, steps: int, rows: Sequence[Rows], fixed: Rows) -> None:
        columns = rows[0].array.shape[1]
        numbers: list[Any] = [None] * len(self.program.scalars)
        for number, scalar in enumerate(self.program.scalars):
            if type(scalar) is Number:
                numbers[number] = numpy.full(columns, scalar.number)
        n_inputs = len(self.program.inputs)
        with numpy.errstate(all="ignore"):
            for step in range(steps):
                for places, (array, first, pace) in zip(self.program.inputs, rows):
                    for row, number in enumerate(places, first + step * pace):
                        numbers[number] = array[row]
                for row, number in enumerate(self.program.fixed, fixed.first + step * fixed.pace):
                    numbers[number] = fixed.array[row : row + 1]
                for number, compute in self._computed:
                    numbers[number] = compute(numbers)
                found = [[numbers[number] for number in places] for places in self.program.outputs]
                for results, (array, first, pace) in zip(found, rows[n_inputs:]):
                    for row, result in enumerate(results, first + step * pace):
                        array[row] = result


def _applied(scalar: Application, numbers: list[Any]) -> Any:
    return numpy_rows.elementwise(scalar.primitive)(*[numbers[arg] for arg in scalar.args])


def _component(scalar: Component, numbers: list[Any]) -> Any:
    primitive = scalar.vector.primitive
    x = numpy.stack(numpy.broadcast_arrays(*[numbers[arg] for arg in scalar.vector.args]))[:, None]
    return numpy_rows.VECTORS[primitive.base.name](x, primitive.options.get("empty", numpy.nan))[scalar.index, 0]


def _summed(scalar: Terms, numbers: list[Any]) -> Any:
    total: Any = 0.0 if scalar.from_zero or not len(scalar) else None
    for c, x, y in zip(scalar.cs, scalar.xs, scalar.ys):
        term = numbers[x] if y == ONE else numbers[y] if x == ONE else numbers[x] * numbers[y]
        term = -term if c < 0.0 else term
        total = term if total is None else total + term
    return total


def _picked(scalar: Picked, numbers: list[Any]) -> Any:
    return numbers[scalar.loop][scalar.index]


_COMPUTED: dict[type, Callable[..., Any]] = {
    Application: _applied,
    Component: _component,
    Terms: _summed,
    Picked: _picked,
}


def step_of(program: Program, *, in_machine_code: bool) -> Step:
    """A program ready to run; by NumPy where there is no machine code for a primitive."""
    if in_machine_code:
        try:
            return MachineStep(program)
        except NotImplementedError:
            pass
    return NumpyStep(program, in_machine_code=in_machine_code)
