"""Steps of loops by NumPy, scalar by scalar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import numpy

from autograd_mini.compiler.code import numpy_rows
from autograd_mini.compiler.ir.scalars import ONE, Application, Component, Input, Looped, Number, Picked, Terms, alive
from autograd_mini.compiler.scans.step_programs import Program, Rows


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
