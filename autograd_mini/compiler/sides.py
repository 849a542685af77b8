"""Derivatives where something is tied, chosen among their limits from the two sides as `autograd_mini.limits` does."""

from __future__ import annotations

from dataclasses import replace

import numpy

from autograd_mini.compiler.program import Floats
from autograd_mini.compiler.request import Mask, Request, rows_of
from autograd_mini.limits import TOLERANCE


def from_both_sides(request: Request) -> tuple[dict[str, Floats], Mask] | None:
    """The derivatives for each column, and for which columns this tells them; for all of them at once, if they share
    variables. None if the function a little way off is not known."""
    plan, names = request.plan, request.names
    if -1 not in request.wanted and plan.leaf(-1).lanes:  # what is between two limits is so for every variable
        request = replace(request, wanted=(*request.wanted, -1))
    above, below = (plan.along(request.kind, request.wanted, sign) for sign in (1.0, -1.0))
    if above is None or below is None:
        return None
    executors = [above, below, plan.executor(request.kind, request.wanted)]
    runs = [rows_of(request.run(executor)) for executor in executors]
    tables = [_Table(request, found) for found in runs]
    first, last, by_rules = (table.numbers for table in tables)
    with numpy.errstate(invalid="ignore"):
        slack = TOLERANCE * numpy.maximum(abs(first), abs(last)).max(axis=0, initial=0.0)
        is_one = (abs(first - last) <= slack).all(axis=0)
        least, most = numpy.minimum(first, last) - slack, numpy.maximum(first, last) + slack
        is_between = ((least <= by_rules) & (by_rules <= most)).all(axis=0)
        is_known = numpy.isfinite(first + last + by_rules).all(axis=0) & _are_approached(request)
        is_known &= ~numpy.isnan(runs[2]["value"]).any(axis=0)
    best = tables[0].named(numpy.where(is_between & ~is_one, by_rules, first))
    return {name: best[name] for name in names}, is_known


def _are_approached(request: Request) -> Mask:
    """For which columns all variables are finite; for all at once, if they share variables."""
    leaves = [request.leaves[request.plan.leaf(slot)] for slot in request.wanted]
    found: Mask = numpy.ones(request.n, dtype=bool)
    for rows in leaves:
        found &= numpy.isfinite(rows).all(axis=0)
    return numpy.array([found.all()]) if request.shares_variables else found


class _Table:
    """The derivatives of a run as one array, with a row for each variable and a column for each decision."""

    def __init__(self, request: Request, found: dict[str, Floats]) -> None:
        self._is_joint = request.shares_variables
        lanes = [request.plan.leaf(slot).lanes for slot in request.wanted]
        widths = [1 if request.is_sum(name) else request.n for name in request.names]
        self._shapes = dict(zip(request.names, zip(lanes, widths)))
        rows = [
            numpy.broadcast_to(found.get(name, numpy.zeros((shape[0], 1))), shape)
            for name, shape in self._shapes.items()
        ]
        self.numbers: Floats = numpy.concatenate([each.reshape(-1, 1) if self._is_joint else each for each in rows])

    def named(self, numbers: Floats) -> dict[str, Floats]:
        """Such an array taken apart again."""
        found, start = {}, 0
        for name, (lanes, width) in self._shapes.items():
            stop = start + (lanes * width if self._is_joint else lanes)
            found[name] = numbers[start:stop].reshape(lanes, width)
            start = stop
        return found
