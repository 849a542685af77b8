"""What a call does for sparse matrices, and for columns of Jacobians, which are computed as these are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy

from autograd_mini.compiler.calls.call import Call
from autograd_mini.compiler.calls.splitting import Part
from autograd_mini.compiler.ir.names import ENTRIES
from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.request import Kind, Request
from autograd_mini.compiler.sparse.matrices import Pattern, pattern_of, scipy_sparse, united
from autograd_mini.structures import Structure


def sparse_matrix(call: Call, kind: Kind) -> Any:
    """A sparse matrix; over a batch that is not reduced, a list of one for each example."""
    scipy_sparse()
    patterns = _patterns(call, kind)
    found = [(pattern, _nonzeros(call, kind, part, pattern, len(patterns) == 1)) for part, pattern in patterns]
    n = call.arguments.n_examples
    if n is None:
        ((pattern, entries),) = found
        call.finish = pattern.filled
        return pattern.matrix(entries[:, 0])
    if call.reduce is not None:
        whole, numbers = united([(pattern, entries[:, 0]) for pattern, entries in found])
        return whole.matrix(call.scaled(numbers[:, None])[:, 0])
    matrices: list[Any] = [None] * n
    for ((_, rows), pattern), (_, entries) in zip(patterns if n else (), found):
        columns = numpy.broadcast_to(entries.T, (len(rows), len(entries)))
        for row, numbers in zip(rows.tolist(), columns):
            matrices[row] = pattern.matrix(numbers)
    return matrices


def _nonzeros(call: Call, kind: Kind, part: Part, pattern: Pattern, is_whole: bool) -> Floats:
    """The entries of the matrices of one part's examples."""
    arguments = call.arguments if is_whole else call.arguments.part(part.rows)
    rows = call.run_plan(part.plan, Request(kind, call.wrt), arguments).rows
    return rows.get(ENTRIES, numpy.zeros((pattern.columns.size, 1)))


def sparsity(call: Call, kind: Kind) -> Any:
    """The sparsity pattern, as a matrix of bools; over a batch, the union of the patterns of all examples."""
    scipy_sparse()
    found = [(pattern, numpy.ones(pattern.columns.size)) for _, pattern in _patterns(call, kind)]
    whole, _ = united([(replace(pattern, order=None), ones) for pattern, ones in found])
    matrix = whole.matrix(numpy.ones(whole.columns.size))
    return matrix.astype(bool)


def _patterns(call: Call, kind: Kind) -> list[tuple[Part, Pattern]]:
    """The parts of the batch, each with the sparsity pattern of its plan."""
    is_hessian = kind == Kind.SPARSE_HESSIAN
    if call.reduce is not None and any(call.arguments.slots[number].batched for number in call.wrt):
        raise ValueError(
            f"{call.name} is reduced over its batch, and the columns of a sparse matrix with respect to the batch "
            "have no natural order; name the arguments to differentiate in wrt=…"
        )
    parts = call.parts(scalar=is_hessian)
    request = Request(kind, call.wrt)
    call.note(parts, request)
    found = []
    for part in parts:
        if request not in part.plan.patterns:
            program = part.plan.sparse(request)
            part.plan.patterns[request] = pattern_of(program, call.arguments, call.roles.wrt[0], is_hessian)
        found.append((part, part.plan.patterns[request]))
    return found


def jacobian_of(call: Call) -> Any:
    """The Jacobian; a single column, without a batch, is computed as a sparse matrix from local derivatives."""
    positions, is_single = call.roles.wrt
    parts = call.parts()
    plan = parts[0].plan
    is_column = is_single and call.arguments.structures[positions[0]].kind is None and len(plan.trace.outputs) > 1
    if is_column and not (plan.has_batch or plan.trace.counts) and plan.suits_elimination:
        return _column(call, call.structure(plan))
    return call.jacobian(parts)


def _column(call: Call, structure: Structure) -> Any:
    """The Jacobian with respect to one number, in the structure of the result."""
    ((part, pattern),) = _patterns(call, Kind.SPARSE_JACOBIAN)
    rows, m = pattern.rows(), pattern.shape[0]

    def finish(numbers: Floats) -> Any:
        column = numbers if len(rows) == m else numpy.zeros(m)
        if column is not numbers:
            column[rows] = numbers
        return column.reshape(structure.shape) if structure.shape else structure.rebuild(column.tolist())

    call.finish = finish
    return finish(_nonzeros(call, Kind.SPARSE_JACOBIAN, part, pattern, True)[:, 0])
