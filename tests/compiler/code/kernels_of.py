"""Single operations as programs, compiled for registers of a given width."""

from unittest import mock

import numpy

from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.ir.program import Apply, Leaf, Pack, Program, Reduce, Reference, Vector, lanes_of
from autograd_mini.compiler.run import machine as machine_code
from autograd_mini.compiler.run import running
from autograd_mini.compiler.run.scheduling import schedule
from autograd_mini.primitives import parts_of
from tests.compiler.verifying import verified

WIDTHS = sorted({1, host_width(), 2 * host_width()})


def machine(primitive, arity, width, constants=None):
    """Like `numpy_rows.elementwise`, a function of arrays, in machine code; `constants` are arguments by position."""
    constants = constants or {}
    leaves = {i: leaf(i, 1) for i in range(arity) if i not in constants}
    args = tuple(constants[i] if i in constants else lanes_of(leaves[i]) for i in range(arity))
    parts = parts_of(primitive, arity)
    run = runner(list(leaves.values()), [Pack(1, True, Apply(each, args)) for each in parts or [primitive]], width)

    def call(*arrays):
        results = run([numpy.asarray(arrays[i])[None] for i in leaves])
        return tuple(rows[0] for rows in results) if parts else results[0][0]

    return call


def reduction(primitive, count, width):
    """A function of an array [count, n], in machine code."""
    xs = leaf(0, count)
    run = runner([xs], [Pack(1, True, Reduce(primitive, Reference(xs, numpy.arange(count)[:, None])))], width)
    return lambda array: run([array])[0][0]


def vector(function, count, width, empty=numpy.nan):
    """A function of an array [count, n] that returns one, in machine code."""
    xs = leaf(0, count)
    index = numpy.arange(count)[:, None]
    run = runner([xs], [Pack(count, True, Vector(function, Reference(xs, index), empty))], width)
    return lambda array: run([array])[0]


def leaf(position, lanes):
    return Pack(lanes, True, Leaf("input", position, f"x{position}"))


def runner(leaves, packs, width):
    """A function that runs these packs as one kernel on the arrays of their leaves."""
    program = verified(Program([*leaves, *packs], {str(place): lanes_of(pack) for place, pack in enumerate(packs)}))
    with mock.patch.object(running, "host_width", return_value=width):
        compiled = machine_code.MachineExecutor(schedule(program))
    assert [type(step) for step in compiled.steps] == [running.KernelStep]

    def run(arrays):
        arrays = [numpy.ascontiguousarray(array, dtype=float) for array in arrays]
        return [*compiled(dict(zip(leaves, arrays)), arrays[0].shape[1]).rows.values()]

    return run
