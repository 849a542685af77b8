"""Many lanes of single numbers as a batch: functions of what is the same for all examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy

from autograd_mini.compiler.code.lower import can_emit
from autograd_mini.compiler.code.rules import calls_library
from autograd_mini.compiler.numpy_executor import Gather, Values
from autograd_mini.compiler.program import (
    Apply,
    Argument,
    Leaf,
    Pack,
    Program,
    Reduce,
    Reference,
    Vector,
    lanes_of,
)

if TYPE_CHECKING:
    from autograd_mini.compiler.run.machine import MachineExecutor


class LanesStep:
    """One pack of single numbers, of many lanes, by machine code that takes its lanes for a batch: so functions have
    the same bits as in kernels.

    Args:
        inner: the executor of a program with the pack's operation on batches of its operands.
    """

    writes: Sequence[int] = ()

    def __init__(self, executor: MachineExecutor, pack: Pack, inner: MachineExecutor) -> None:
        self.packs, self.number = [pack], executor.place[pack]
        self.inner = inner
        arguments = [arg for arg in pack.operation.arguments() if isinstance(arg, Reference)]
        self.takers = [(executor.place[arg.pack], Gather(arg.index)) for arg in arguments]

    def prepare(self, values: Values, n: int) -> None:
        return None

    def run(self, values: Values, state: None) -> None:
        arrays = [gather(values[place])[..., 0] for place, gather in self.takers]
        width = arrays[0].shape[-1]
        leaves = {leaf: array.reshape(-1, width) for leaf, array in zip(self.inner.leaves, arrays)}
        ((rows,),) = self.inner(leaves, width).rows.values()
        values[self.number] = rows.reshape(-1, 1)


def lanes_step(executor: MachineExecutor, pack: Pack) -> LanesStep | None:
    """The step of a pack of single numbers that calls functions."""
    operation = pack.operation
    if executor.is_batched and pack in executor.varying:
        return None
    if not isinstance(operation, Apply | Reduce | Vector) or not can_emit(pack):
        return None
    if isinstance(operation, Apply) and not calls_library(operation.primitive, len(operation.args)):
        return None
    leaves: list[Pack] = []

    def leaf(arg: Reference) -> Reference:
        rows = 1 if arg.index.ndim == 1 else len(arg.index)
        leaves.append(Pack(rows, True, Leaf("input", len(leaves), "")))
        index = numpy.arange(rows)
        return Reference(leaves[-1], index if arg.index.ndim == 1 else index[:, None])

    if isinstance(operation, Apply):
        args: list[Argument] = [leaf(arg) if isinstance(arg, Reference) else arg for arg in operation.args]
        alone = Pack(1, True, Apply(operation.primitive, tuple(args), operation.part))
    elif isinstance(operation, Reduce):
        alone = Pack(1, True, Reduce(operation.primitive, leaf(operation.arg)))
    else:
        alone = Pack(len(operation.arg.index), True, Vector(operation.function, leaf(operation.arg), operation.empty))
    program = Program([*leaves, alone], {"all": [lanes_of(alone)]})
    return LanesStep(executor, pack, type(executor)(program, cache=executor.cache))
