"""Changes along a direction, where something is tied or a zero meets inf: by gradients, which know their limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy

from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.request import Kind, Results
from autograd_mini.compiler.ties.columns import Columns


def row_by_row(asked: Columns, entries: Floats, tied: Floats | None, run: Callable[[Columns], Results]) -> Floats:
    """The change of each result along the directions, [results, columns].

    Args:
        entries: what was found by forward sweeps.
        tied: by columns, 0 or inf where something is.
        run: gives the results for other columns.
    """
    hard = numpy.broadcast_to(numpy.isnan(entries).any(axis=0), asked.n).copy()
    if tied is not None:
        hard |= ~numpy.isfinite(tied[0])
    if not hard.any():
        return entries
    m = len(entries)
    request, unit = asked.request._replace(kind=Kind.JACOBIAN), numpy.eye(m)

    def of_row(columns: Columns, row: int) -> list[Floats]:
        """The gradient times the directions, summed over the variables of each array."""
        found = run(replace(columns, request=request, seeds=[unit[:, row : row + 1]])).adjoints
        given = zip(request.wrt, columns.seeds)
        return [_product(found[slot], direction).sum(axis=0) for slot, direction in given if slot in found]

    with numpy.errstate(all="ignore"):
        if asked.sums:
            return numpy.array([[sum(each.sum() for each in of_row(asked, row))] for row in range(m)]).reshape(m, 1)
        entries = numpy.broadcast_to(entries, (m, asked.n)).copy()
        if asked.plan.has_batch:
            some = asked.some(hard)
            for row in range(m):
                entries[row, hard] = sum(of_row(some, row))
        else:  # columns are directions, and all rows of the Jacobian are the columns of one run
            adjoints = run(Columns(asked.plan, request, asked.leaves, [unit], m)).adjoints
            for place in numpy.flatnonzero(hard):
                terms = [
                    _product(adjoints[slot], seed[:, place : place + 1]).sum(axis=0)
                    for slot, seed in zip(request.wrt, asked.seeds)
                    if slot in adjoints
                ]
                entries[:, place] = sum(terms)
        return entries


def _product(slopes: Floats, direction: Floats) -> Floats:
    """Number by number; what does not move carries nothing, even where it meets inf."""
    return numpy.where(direction == 0.0, 0.0, slopes * direction)
