"""Kernels: operations in chunks, and where the numbers are that these read and write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograd_mini.compiler.code.chunks import Chunk, Chunks, Form
from autograd_mini.compiler.code.operations import Head, Operations
from autograd_mini.compiler.ir.scalars import Scalar
from autograd_mini.compiler.partition import CHUNK, MOST_CODE, MOST_LITERALS

UNIFORM, SCRATCH, SUMS, SIZES = -1, -2, -3, -4
"""In place of an array: what is the same for all columns, the memory of a block of columns, the sums over its columns,
and what these need to know."""

Place = tuple[int, int]
"""The number of an array, and a row of it."""


@dataclass
class Kernel:
    """Chunks of operations, and where their rows are: first what is the same for all columns, then those of arrays,
    then those of the memory of a block.

    Attributes:
        constants: the first numbers that are the same for all columns.
        uniform: the places of the others.
        arrays: those of the rows of arrays.
        sums: rows of a block that are summed over all columns.
    """

    heads: list[Head]
    forms: list[Form]
    chunks: list[Chunk]
    constants: list[float]
    uniform: list[Place]
    arrays: list[Place]
    n_rows: int
    sums: list[int]

    @property
    def n_uniform(self) -> int:
        return len(self.constants) + len(self.uniform)

    @property
    def n_scratch(self) -> int:
        return self.n_rows - self.n_uniform - len(self.arrays)

    def places(self) -> list[Place]:
        """Where each row is."""
        uniform = [(UNIFORM, row) for row in range(self.n_uniform)]
        return [*uniform, *self.arrays, *((SCRATCH, row) for row in range(self.n_scratch))]


def kernel_of(
    scalars: Sequence[Scalar],
    uniform: Mapping[int, Place],
    arrays: Mapping[int, Place],
    results: Mapping[int, Place],
    sums: Sequence[int],
    *,
    by_demand: bool,
) -> Kernel:
    """The kernel that computes scalars, none of which is an input or a number.

    Args:
        uniform: inputs that are the same for all columns, and their places.
        arrays: those that are not.
        results: scalars with a number for each column, and where these go.
        sums: scalars that are summed over the columns.
        by_demand: compute each scalar when another first needs it, not in the order of the scalars.
    """
    wanted = [*sums, *results]
    for size, most_literals in ((CHUNK[by_demand], MOST_LITERALS), (1, 0)):
        operations = Operations(scalars, wanted, most_literals=most_literals)
        rows = [*operations.constants, *uniform, *arrays, *results]
        row_of = {number: row for row, number in enumerate(rows)}
        n_uniform = len(operations.constants) + len(uniform)
        sequence = operations.by_demand(wanted) if by_demand else operations.sequence
        chunks = Chunks(
            sequence, row_of, wanted, size, where_few_cross=by_demand, n_uniform=n_uniform, n_arrays=len(rows)
        )
        if sum(len(form.steps) for form in chunks.forms) <= MOST_CODE:
            break
    return Kernel(
        operations.heads,
        chunks.forms,
        chunks.chunks,
        [*operations.constants.values()],
        [*uniform.values()],
        [*arrays.values(), *results.values()],
        chunks.n_rows,
        [chunks.row_of[number] for number in sums],
    )
