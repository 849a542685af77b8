"""Loops of compiled functions as loops in C: a step is a function, which is called as often as there are steps."""

from __future__ import annotations

from collections.abc import Callable

from autograd_mini.compiler.code.cells import Cell
from autograd_mini.compiler.code.emit import computed
from autograd_mini.compiler.code.operations import Operations
from autograd_mini.compiler.export.bodies_in_c import function, repeated
from autograd_mini.compiler.export.constants import Constants
from autograd_mini.compiler.export.statements import Statements
from autograd_mini.compiler.ir.scalars import Looped, Number
from autograd_mini.compiler.scans.step_programs import Program
from autograd_mini.compiler.scans.transforming import Reverse, Scan


class Loops:
    """Writes the loops of a body, and the steps that they call.

    Attributes:
        functions: the steps.
    """

    def __init__(self, name: str, constants: Constants) -> None:
        self.functions: list[str] = []
        self._name, self._constants = name, constants
        self._names: dict[tuple[int, str], str] = {}

    def lines(self, scan: Scan, given: int, out: int, take: Callable[[int], int]) -> list[str]:
        """Lines that compute a loop.

        Args:
            given: where in memory its inputs are.
            out: where in memory its results go.
            take: reserves so much memory; returns where it is.
        """
        n, n_x, n_kept, n_fixed = scan.n_carry, scan.n_x, len(scan.body.kept), scan.constants.shape[1]
        fixed = f"{self._constants.numbers(scan.constants.ravel())} + {n_fixed} * k" if n_fixed else "w"
        x, outside = f"w + {given + n} + {n_x} * k", f"w + {given + scan.first_outside}"
        forth = f"for (int k = 0; k < {scan.length}; ++k)"
        if not isinstance(scan, Reverse):
            n_state = n + (scan.tied is not None)
            step, state = self._step(scan, "all"), take(n_state)
            return [
                *repeated(n_state, f"w[{state} + k] = 0.0;"),
                *repeated(n, f"w[{state} + k] = w[{given} + k];"),
                forth,
                f"    {step}(w + {state}, {x}, {outside}, {fixed}, w + {state}, w + {out + n} + {n_kept} * k);",
                *repeated(n, f"w[{out} + k] = w[{state} + k];"),
                *([] if scan.tied is None else [f"w[{out + scan.tied}] = w[{state + n}];"]),
            ]
        onward, back, size = self._step(scan, "states"), self._step(scan, "back"), len(scan.body.state)
        states, carry, slope = take(size * scan.length), take(n), take(n)
        there, adjoints = f"w + {states} + {size} * k", given + scan.n_given
        totals = f"w + {out + scan.first_outside}"
        return [
            *repeated(n, f"w[{carry} + k] = w[{given} + k];"),
            forth,
            f"    {onward}(w + {carry}, {x}, {outside}, {fixed}, w + {carry}, {there});",
            *repeated(n, f"w[{slope} + k] = w[{adjoints} + k];"),
            *repeated(scan.n_out, f"w[{out} + k] = 0.0;"),
            f"for (int k = {scan.length - 1}; k >= 0; --k)",
            f"    {back}({there}, {x}, {outside}, w + {slope}, w + {adjoints + n} + {n_kept} * k, {totals}, {fixed},",
            f"        w + {slope}, w + {out + n} + {n_x} * k, {totals});",
            *repeated(n, f"w[{out} + k] = w[{slope} + k];"),
        ]

    def _step(self, scan: Scan, kind: str) -> str:
        """The name of the function for one of the programs of a step. It is given arrays, then constants, and then
        where its results go, which may be the arrays that it is given."""
        key = id(scan.body), kind
        if key not in self._names:
            self._names[key] = f"{self._name}_step_{len(self._names)}"
            self.functions += _function(self._names[key], scan.body.program(kind))
        return self._names[key]


def _function(name: str, program: Program) -> list[str]:
    if any(type(each) is Looped for each in program.needed()):
        raise NotImplementedError("scan within scan")
    program = program.expanded()
    statements, known = Statements(), dict[int, Cell]()
    places = {
        each: f"a{place}[{row}]" for place, numbers in enumerate(program.inputs) for row, each in enumerate(numbers)
    }
    places |= {each: f"fixed[{row}]" for row, each in enumerate(program.fixed)}

    def cell(number: int) -> Cell:
        if number not in known:
            scalar = program.scalars[number]
            if isinstance(scalar, Number):
                known[number] = statements.number(scalar.number)
            else:
                known[number] = statements.read(places[number])
        return known[number]

    wanted = [number for numbers in program.outputs for number in numbers]
    operations = Operations(program.scalars, wanted, most_literals=len(program.scalars) + 2)
    for results, head, reads, _ in operations.sequence:
        known.update(zip(results, computed(statements, operations.heads[head], [*map(cell, reads)])))
    for place, numbers in enumerate(program.outputs):
        for row, number in enumerate(numbers):
            statements.write(f"r{place}[{row}]", cell(number))
    inputs = [f"a{place}" for place in range(len(program.inputs))] + ["fixed"]
    outputs = [f"r{place}" for place in range(len(program.outputs))]
    given = ", ".join([*(f"const double *{each}" for each in inputs), *(f"double *{each}" for each in outputs)])
    unused = [f"(void){each};" for each in (*inputs, *outputs)]
    return function(f"static void {name}({given})", [*unused, *statements.written()])
