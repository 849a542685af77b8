"""Programs whose only results are the entries of a Jacobian or Hessian that can be other than 0."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy

from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.names import ENTRIES, TIED
from autograd_mini.compiler.ir.program import Index, Program, Reference, lanes_of
from autograd_mini.compiler.ir.request import Frame, Kind, Request
from autograd_mini.compiler.passes.reversing import outputs_of, reverse
from autograd_mini.compiler.sparse.eliminating import eliminated


class SparseProgram(NamedTuple):
    """A sparse matrix of derivatives, and what computes it.

    Rows are results in their order, or variables; columns are variables: the lanes of the slots that the request is
    with respect to, one slot after the other.

    Attributes:
        shape: how many rows and columns there are.
        rows, columns: the place of each entry that can be other than 0, row by row, with ascending columns.
        program: its result `entries` are these; there is none if there are none.
    """

    shape: tuple[int, int]
    rows: Index
    columns: Index
    program: Program


def sparse_program(base: Program, request: Request, frame: Frame, most: float = inf) -> SparseProgram:
    """The program for a sparse Jacobian or Hessian, from that of the results, guards and what is watched.

    Raises:
        NotSparse: it takes more than so many products at once, or more than memory holds.
    """
    builder = Builder()
    found = builder.go_on(base)
    outputs, wrt = outputs_of(builder, found["outputs"], frame), [frame.inputs[slot] for slot in request.wrt]
    starts = numpy.cumsum([0, *(leaf.lanes for leaf in wrt)]).tolist()
    is_hessian = request.kind == Kind.SPARSE_HESSIAN
    roots = [(0, outputs)]
    if is_hessian:
        one = Reference(builder.constants, builder.constant(numpy.ones(1)))
        gradient = reverse(builder, [(outputs, one)], wrt, per_example=frame.per_example)
        roots = [(start, lanes_of(each)) for start, each in zip(starts, gradient) if each is not None]
    rows, columns, lanes = eliminated(
        builder, roots, wrt, batched=frame.per_example, is_symmetric=is_hessian, most=most
    )
    results = {} if lanes is None else {ENTRIES: [lanes]}
    if found["guards"]:
        guards = builder.gathered([[guard] for guard in found["guards"]])
        results["guards"] = [Reference(guards.pack, guards.index.ravel())]
    if found[TIED]:
        results[TIED] = found[TIED]
    shape = starts[-1] if is_hessian else outputs.index.size, starts[-1]
    return SparseProgram(shape, rows, columns, builder.program(results))
