"""Programs of scalars in C: a function for every form of chunk, which is called for all that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy

from autograd_mini.compiler.code.cells import Cell
from autograd_mini.compiler.code.chunks import Form
from autograd_mini.compiler.code.emit import computed
from autograd_mini.compiler.code.kernels import SCRATCH, SIZES, UNIFORM, Kernel, kernel_of
from autograd_mini.compiler.code.scalar_programs import ScalarProgram
from autograd_mini.compiler.export.bodies_in_c import Body, Setting, from_place, function, indented, pieces, repeated
from autograd_mini.compiler.export.constants import Constants
from autograd_mini.compiler.export.statements import Statements
from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.run.one_kernel import own_scalar, places_of_inputs


def body_of_scalars(name: str, program: ScalarProgram, setting: Setting) -> Body:
    """A program of scalars in C, as a function of that name.

    Raises:
        NotImplementedError: there is no C for an operation.
    """
    scalars, taken = [*program.scalars], set[int]()
    inputs = places_of_inputs(scalars, program.arrays)
    offsets, held, room, constants = setting
    own = {
        each: [own_scalar(scalars, number, taken) for number in numbers] for each, numbers in program.results.items()
    }
    places = [number for numbers in own.values() for number in numbers]
    results = {number: (len(program.arrays), place) for place, number in enumerate(places)}
    kernel = kernel_of(scalars, {}, inputs, results, [], by_demand=False, kept=())
    starts: list[int] = []
    copies: list[str] = []

    def put(numbers: Floats) -> int:
        """Copy constants to memory; return where they are."""
        nonlocal room
        if numbers.size:
            copies.extend(repeated(numbers.size, f"w[{room} + k] = {constants.numbers(numbers)}[k];"))
        room += numbers.size
        return room - numbers.size

    for pack in program.arrays.values():
        starts.append(put(held[pack]) if pack in held else offsets[pack])
    uniform = put(numpy.array(kernel.constants))
    starts.append(room)
    first = {}
    for each, numbers in own.items():
        first[each] = room
        room += len(numbers)
    scratch, room = room, room + kernel.n_scratch
    bases = {UNIFORM: uniform, SCRATCH: scratch, SIZES: room, **dict(enumerate(starts))}
    memory = [bases[array] + row for array, row in kernel.places().tolist()]
    functions, lines = _chunks(name, kernel, memory, constants)
    found = {each: from_place(place) for each, place in first.items()}
    return Body(name, functions, pieces([*copies, *lines]), found, room)


def _chunks(name: str, kernel: Kernel, memory: Sequence[int], constants: Constants) -> tuple[list[str], list[str]]:
    """Functions for forms that several chunks have, and the lines for all chunks; a single one is written in place."""
    rows: dict[int, list[int]] = {}  # those of all chunks of a form, in order
    for chunk in kernel.chunks:
        rows.setdefault(chunk.form, []).extend([memory[row] for row in chunk.rows])
    tables: dict[int, str] = {}
    functions: list[str] = []
    lines: list[str] = []
    done = dict.fromkeys(rows, 0)
    for number, chunks in groupby(kernel.chunks, key=lambda chunk: chunk.form):
        form, count = kernel.forms[number], sum(1 for _ in chunks)
        width, form_name = len(form.kinds), f"{name}_form_{number}"
        if len(rows[number]) == width:
            lines += ["{", *indented(_lines(form, kernel, [f"w[{row}]" for row in rows[number]])), "}"]
            continue
        if not done[number]:
            tables[number] = constants.integers(rows[number], "int")
            places = [f"w[r[{place}]]" for place in range(width)]
            functions += function(f"static void {form_name}(double *w, const int *r)", _lines(form, kernel, places))
        table, start = tables[number], done[number]
        done[number] += count
        if count == 1:
            lines.append(f"{form_name}(w, {table} + {width * start});")
        else:
            lines.append(f"for (int k = {start}; k < {start + count}; ++k)")
            lines.append(f"    {form_name}(w, {table} + {width} * k);")
    return functions, lines


def _lines(form: Form, kernel: Kernel, places: Sequence[str]) -> Sequence[str]:
    """The statements of a chunk, given the places that it reads and writes."""
    statements = Statements()
    results: list[Cell] = []
    for head, *operands in form.steps:
        cells = [results[each] if each >= 0 else statements.read(places[~each]) for each in operands]
        results.extend(computed(statements, kernel.heads[head], cells))
    for place, result in zip(places[form.n_reads :], form.writes):
        statements.write(place, results[result])
    return statements.written()
