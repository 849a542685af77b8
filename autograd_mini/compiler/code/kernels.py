"""Kernels: operations in chunks, and where the numbers are that these read and write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy

from autograd_mini.compiler.code.chunks import Chunk, Chunks, Form
from autograd_mini.compiler.code.listing import Columns
from autograd_mini.compiler.code.operations import Head, Operations
from autograd_mini.compiler.code.register_products import OuterScalars, Sums, outers_of
from autograd_mini.compiler.code.repeating import Turns
from autograd_mini.compiler.ir.program import Index
from autograd_mini.compiler.ir.scalars import ONE, Scalar, Terms
from autograd_mini.compiler.partition import CHUNK, MOST_CODE, MOST_LITERALS

UNIFORM, SCRATCH, SUMS, SIZES = -1, -2, -3, -4
"""In place of an array's number: numbers that are the same for all columns, the memory of a block of columns, the sums
over the columns, and the sizes that these sums need to know."""

Place = tuple[int, int]
"""Where a row is: the number of an array, and the row there."""


@dataclass
class Kernel:
    """Chunks of operations, and where their rows are: first what is the same for all columns, then those of arrays,
    then those of the memory of a block; last the sums over all columns, from the last one on, and their sizes.

    Attributes:
        constants: the first of the numbers that are the same for all columns.
        uniform: the places of the others of these.
        arrays: the places of the rows of arrays.
        sums: which of the sums that were asked for lies at each place.
        kept: rows of a block that still hold their scalars at its end.
    """

    heads: list[Head]
    forms: list[Form]
    chunks: list[Chunk]
    constants: list[float]
    uniform: list[Place]
    arrays: list[Place]
    n_rows: int
    sums: list[int]
    kept: list[int]

    @property
    def n_uniform(self) -> int:
        return len(self.constants) + len(self.uniform)

    @property
    def n_scratch(self) -> int:
        return self.n_rows - self.n_uniform - len(self.arrays)

    @property
    def work(self) -> int:
        """About how many numbers are read and written for each column; each step of a loop counts."""
        turns = sum(head.steps * len(head.sequence) for head in self.heads if isinstance(head, Turns))
        return turns + sum(len(chunk.rows) for chunk in self.chunks)

    def places(self) -> Index:
        """The place of each row, in the order of rows: [rows, 2]."""
        counts = {UNIFORM: self.n_uniform, SCRATCH: self.n_scratch, SUMS: len(self.sums)}
        uniform, scratch, sums = (numpy.array([[array] * n, range(n)], numpy.int64).T for array, n in counts.items())
        arrays = numpy.array(self.arrays, numpy.int64).reshape(-1, 2)
        return numpy.concatenate([uniform, arrays, scratch, sums[::-1], [[SIZES, 0]]])


def kernel_of(
    scalars: Sequence[Scalar],
    uniform: Mapping[int, Place],
    arrays: Mapping[int, Place],
    results: Mapping[int, Place],
    sums: Sequence[int],
    *,
    by_demand: bool,
    kept: Sequence[int] | None = None,
) -> Kernel:
    """The kernel that computes some scalars: results, sums and kept ones, none of which is an input or a number.

    Args:
        uniform: inputs that are the same for all columns, and their places.
        arrays: inputs that differ from column to column, and their places.
        results: scalars with a number for each column, and where these go.
        sums: scalars that are summed over the columns.
        by_demand: compute each scalar when another first needs it, not in the order of the scalars.
        kept: scalars that the memory of a block has to hold at its end; there are no matrices then.
    """
    columns = Columns(scalars)
    outers = _summed(scalars, columns.uses([*sums, *results]).tolist(), sums) if sums else []
    factors = {number for each in outers for number in each.factors}  # sums among them are demanded before results
    wanted = [*(number for number in sums if number in factors), *(kept or ()), *results]
    has_matrices = bool(arrays) and kept is None
    for size, most_literals in ((CHUNK[by_demand], MOST_LITERALS), (1, 0)):
        operations = Operations(
            scalars,
            wanted,
            most_literals=most_literals,
            uniform=uniform if has_matrices else (),
            arrays=arrays,
            outers=outers,
            columns=columns,
        )
        read = operations.sequence.reads.numbers.tolist() if operations.weights else ()
        only_weights = {*operations.weights.values()}.difference(read)
        alone = [number for number in uniform if number not in only_weights]
        rows = [*operations.constants, *alone, *operations.weights, *arrays, *results]
        row_of = {number: row for row, number in enumerate(rows)}
        n_uniform = len(operations.constants) + len(alone) + len(operations.weights)
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
        [uniform[number] for number in (*alone, *operations.weights.values())],
        [*arrays.values(), *results.values()],
        chunks.n_rows,
        [number for each in outers for number in each.sums],
        [int(chunks.row_of[number]) for number in kept or ()],
    )


def _summed(scalars: Sequence[Scalar], uses: Sequence[int], sums: Sequence[int]) -> list[OuterScalars]:
    """The outer products that compute sums over the columns."""
    found = Sums(scalars, uses)
    products: list[list[tuple[int, int]]] = []
    for number in sums:
        terms = [(1.0, number, ONE)]
        if type(scalars[number]) is Terms and found.uses[number] == 1:
            own, _, _ = found.products(number)
            if all(c == 1.0 for c, _, _ in own):  # others may cancel example by example, but not when added up first
                terms = own
        products.append([(x, y) if x > y else (y, x) for _, x, y in terms])
    return outers_of(products, sums)
