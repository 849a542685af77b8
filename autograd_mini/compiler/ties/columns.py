"""Columns of numbers, and the request to a plan for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy
from numpy.typing import NDArray

from autograd_mini.compiler.ir.names import is_adjoint
from autograd_mini.compiler.ir.program import Floats, Index, Leaf, Pack
from autograd_mini.compiler.ir.request import Request
from autograd_mini.compiler.run.executing import Executor
from autograd_mini.compiler.run.numpy_executor import Results

if TYPE_CHECKING:
    from autograd_mini.compiler.deriving import Plan

Mask = NDArray[numpy.bool_]


@dataclass(frozen=True, eq=False)
class Columns:
    """Numbers for which results are wanted.

    Attributes:
        request: what is wanted of the plan.
        leaves: the numbers of the plan's inputs, [lanes, width].
        seeds: the numbers of its seeds, likewise.
        n: how many columns there are: examples of a batch; without one, columns of the seeds.
    """

    plan: Plan
    request: Request
    leaves: Mapping[Pack, Floats]
    seeds: Sequence[Floats]
    n: int

    @property
    def names(self) -> list[str]:
        """The names of the derivatives."""
        return [name for _, name in self.request.names]

    @property
    def sums(self) -> bool:
        """Whether results are sums over a batch."""
        return self.plan.has_batch and self.plan.reduces

    @property
    def shares_variables(self) -> bool:
        """Whether examples whose sum is wanted have variables in common: then one example may settle what is tied in
        another."""
        leaves = [self.plan.inputs[slot] for slot in (*self.request.wrt, -1)]
        return self.sums and any(leaf.lanes for leaf in leaves if not leaf.batched)

    def is_concerned(self, name: str) -> bool:
        """Whether ties may affect a result: a derivative, or the value if the function itself takes derivatives."""
        return is_adjoint(name) or (name == "value" and bool(self.plan.trace.inner))

    def some(self, chosen: Mask | Index) -> Columns:
        """The same request for some of the columns."""
        leaves = {pack: rows[:, chosen] if pack.batched else rows for pack, rows in self.leaves.items()}
        seeds = [rows[:, chosen] if rows.shape[1] == self.n else rows for rows in self.seeds]
        return replace(self, leaves=leaves, seeds=seeds, n=numpy.arange(self.n)[chosen].size)

    def numbers(self, seeds: Sequence[Pack]) -> Mapping[Pack, Floats]:
        """The numbers of all leaves, seeds included."""
        if not self.seeds:
            return self.leaves
        held = {seed: self.seeds[seed.operation.position] for seed in seeds if isinstance(seed.operation, Leaf)}
        for seed, rows in held.items():
            if seed.batched and rows.shape[1] != self.n:  # the same for every example
                held[seed] = numpy.repeat(rows, self.n, axis=1)
        return {**self.leaves, **held}

    def run(self, executor: Executor) -> Results:
        """Run a program on these columns."""
        return executor(self.numbers(executor.seeds), self.n)
