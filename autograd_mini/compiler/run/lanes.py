"""Many lanes of single numbers as a batch: functions of what is the same for all examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy

from autograd_mini.compiler.code.lower import can_emit, lower
from autograd_mini.compiler.code.machine_rows import is_exact
from autograd_mini.compiler.ir.program import Apply, Leaf, Pack, Reduce, Reference, Vector
from autograd_mini.compiler.run.numpy_executor import Gather, Values
from autograd_mini.compiler.run.running import KernelStep, State

if TYPE_CHECKING:
    from autograd_mini.compiler.run.machine import MachineExecutor


class LanesStep:
    """One pack of single numbers, of many lanes, by a kernel that takes its lanes for columns: so functions have the
    same bits as in other kernels."""

    writes: Sequence[int] = ()
    packs: list[Pack]
    number: int

    def __init__(self, executor: MachineExecutor, pack: Pack, operation: Apply | Reduce | Vector) -> None:
        self.packs, self.number = [pack], executor.place[pack]
        arguments = [arg for arg in operation.arguments() if isinstance(arg, Reference)]
        self.takers: list[tuple[int, Gather]] = [(executor.place[arg.pack], Gather(arg.index)) for arg in arguments]
        self.width: Any = arguments[0].index.shape[-1]
        leaves = [Pack(arg.index.size // self.width, True, Leaf("input", 0, "")) for arg in arguments]
        alone = Pack(pack.lanes // self.width, True, _alone(operation, leaves))
        packs = [*leaves, alone]
        place = {each: number for number, each in enumerate(packs)}
        self.kernel: KernelStep = KernelStep(
            lower([alone], [alone], [], set(packs), {}, place),
            [alone],
            [each.lanes for each in packs],
            outputs=[len(leaves)],
            writes=[len(leaves)],
            is_batched=True,
            cache=executor.cache,
        )

    def prepare(self, values: Values, n: int) -> tuple[Values, State]:
        arrays: Values = [None] * len(self.kernel.lanes)
        return arrays, self.kernel.prepare(arrays, self.width)

    def run(self, values: Values, state: tuple[Values, State]) -> None:
        arrays, kernel_state = state
        for number, (place, gather) in enumerate(self.takers):
            arrays[number] = gather(values[place]).reshape(-1, self.width)
        self.kernel.run(arrays, kernel_state)
        values[self.number] = arrays[-1].reshape(-1, 1)


def _alone(operation: Apply | Reduce | Vector, leaves: Sequence[Pack]) -> Apply | Reduce | Vector:
    """The same for one lane or vector."""
    rest = iter(leaves)
    args: list[Any] = []
    for arg in operation.arguments():
        if isinstance(arg, Reference):
            leaf = next(rest)
            arg = Reference(leaf, numpy.arange(leaf.lanes).reshape(*arg.index.shape[:-1], 1))
        args.append(arg)
    return replace(operation, args=tuple(args)) if isinstance(operation, Apply) else replace(operation, arg=args[0])


def lanes_step(executor: MachineExecutor, pack: Pack) -> LanesStep | None:
    """The step of a pack of single numbers that calls functions."""
    operation = pack.operation
    if executor.is_batched and pack in executor.varying:
        return None
    if not isinstance(operation, Apply | Reduce | Vector) or not can_emit(pack):
        return None
    if isinstance(operation, Apply) and is_exact(operation.primitive, len(operation.args)):
        return None
    return LanesStep(executor, pack, operation)
