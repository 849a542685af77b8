"""Changes along a direction and sparse matrices where something is tied or a zero meets inf: computed from whole
gradients and products with the Hessian, in which these are settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy

from autograd_mini.compiler.ir.program import Floats, Index
from autograd_mini.compiler.ir.request import Kind
from autograd_mini.compiler.run.numpy_executor import Results
from autograd_mini.compiler.ties.columns import Columns, Mask

Run = Callable[[Columns], Results]

MOST_NUMBERS = 2**22
"""How many derivatives are held at a time."""


def row_by_row(asked: Columns, entries: Floats, tied: Floats | None, run: Run) -> Floats:
    """The change of each result along the directions, or the entries of a sparse matrix, [lanes, columns].

    Args:
        entries: what was found without regard to ties.
        tied: for each column 0, or inf where something is tied.
        run: gives the results for other columns.
    """
    hard = numpy.broadcast_to(numpy.isnan(entries).any(axis=0), asked.n).copy()
    if tied is not None:
        hard |= ~numpy.isfinite(tied[0])
    if not hard.any():
        return entries
    with numpy.errstate(all="ignore"):
        if asked.request.kind == Kind.TANGENT:
            return _changes(asked, entries, hard, run)
        return _nonzeros(asked, entries, hard, run)


def _changes(asked: Columns, entries: Floats, hard: Mask, run: Run) -> Floats:
    m, request = len(entries), asked.request._replace(kind=Kind.JACOBIAN)
    unit = numpy.eye(m)

    def of_row(columns: Columns, row: int) -> list[Floats]:
        """The gradient times the directions, summed over the variables of each array."""
        found = run(replace(columns, request=request, seeds=[unit[:, row : row + 1]])).rows
        return _along(columns, found, columns.seeds)

    if asked.sums:
        return numpy.array([[sum(each.sum() for each in of_row(asked, row))] for row in range(m)]).reshape(m, 1)
    entries = numpy.broadcast_to(entries, (m, asked.n)).copy()
    if asked.plan.has_batch:
        some = asked.some(hard)
        for row in range(m):
            entries[row, hard] = sum(of_row(some, row))
    else:  # columns are directions, and all rows of the Jacobian are the columns of one run
        adjoints = run(replace(asked, request=request, seeds=[unit], n=m)).rows
        for place in numpy.flatnonzero(hard):
            entries[:, place] = sum(_along(asked, adjoints, [seed[:, place : place + 1] for seed in asked.seeds]))
    return entries


def _along(asked: Columns, slopes: dict[str, Floats], directions: Sequence[Floats]) -> list[Floats]:
    """Gradients times directions, summed over the variables of each array; what does not move carries nothing, even
    where it meets inf."""
    given = [(slopes[name], each) for name, each in zip(asked.names, directions) if name in slopes]
    return [numpy.where(each == 0.0, 0.0, slope * each).sum(axis=0) for slope, each in given]


def _nonzeros(asked: Columns, entries: Floats, hard: Mask, run: Run) -> Floats:
    pattern = asked.plan.sparse(asked.request)
    width = 1 if asked.sums else asked.n
    entries = numpy.broadcast_to(entries, (len(entries), width)).copy()
    some = asked if asked.sums or not asked.plan.has_batch else asked.some(hard)
    ends = numpy.searchsorted(pattern.rows, numpy.arange(pattern.shape[0] + 1))
    rows = numpy.flatnonzero(numpy.diff(ends))
    at_a_time = 1 if asked.plan.has_batch else max(1, MOST_NUMBERS // pattern.shape[1])
    for start in range(0, rows.size, at_a_time):
        chosen = rows[start : start + at_a_time]
        whole = _rows(some, chosen, run)
        for place, row in enumerate(chosen.tolist()):
            here = slice(ends[row], ends[row + 1])
            found = whole[pattern.columns[here]]
            if asked.plan.has_batch:
                entries[here, slice(None) if asked.sums else hard] = found
            else:
                entries[here, 0] = found[:, place]
    return entries


def _rows(asked: Columns, rows: Index, run: Run) -> Floats:
    """Whole rows of a matrix, one in a batch, or several as columns, [variables, columns]."""
    kind = Kind.PRODUCT if asked.request.kind == Kind.SPARSE_HESSIAN else Kind.JACOBIAN
    m, _ = asked.plan.sparse(asked.request).shape
    unit = numpy.zeros((m, rows.size))
    unit[rows, numpy.arange(rows.size)] = 1.0
    lanes = [asked.plan.inputs[slot].lanes for slot in asked.request.wrt]
    seeds = [unit] if kind == Kind.JACOBIAN else numpy.split(unit, numpy.cumsum(lanes)[:-1])
    n = asked.n if asked.plan.has_batch else rows.size
    adjoints = run(replace(asked, request=asked.request._replace(kind=kind), seeds=seeds, n=n)).rows
    width = 1 if asked.sums else n
    found = [adjoints.get(name, numpy.zeros((size, 1))) for name, size in zip(asked.names, lanes)]
    return numpy.concatenate([numpy.broadcast_to(each, (len(each), width)) for each in found])
