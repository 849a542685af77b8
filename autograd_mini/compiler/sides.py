"""Derivatives where something is tied, chosen among their limits from the two sides as `autograd_mini.limits` does."""

from __future__ import annotations

from dataclasses import replace

import numpy

from autograd_mini.compiler.columns import Columns, Mask, rows_of
from autograd_mini.compiler.program import Floats
from autograd_mini.limits import TOLERANCE


def from_both_sides(asked: Columns) -> tuple[dict[str, Floats], Mask] | None:
    """The derivatives for each column, and for which columns this tells them; for all of them at once, if they share
    variables. None if the function a little way off is not known."""
    plan, names = asked.plan, asked.names
    if -1 not in asked.request.wrt and plan.leaf(-1).lanes:  # what is between two limits is so for every variable
        asked = replace(asked, request=asked.request._replace(wrt=(*asked.request.wrt, -1)))
    above, below = (plan.along(asked.request, sign) for sign in (1.0, -1.0))
    if above is None or below is None:
        return None
    executors = [above, below, plan.executor(asked.request)]
    runs = [rows_of(asked.run(executor)) for executor in executors]
    tables = [_Table(asked, found) for found in runs]
    first, last, by_rules = (table.numbers for table in tables)
    with numpy.errstate(invalid="ignore"):
        slack = TOLERANCE * numpy.maximum(abs(first), abs(last)).max(axis=0, initial=0.0)
        is_one = (abs(first - last) <= slack).all(axis=0)
        least, most = numpy.minimum(first, last) - slack, numpy.maximum(first, last) + slack
        is_between = ((least <= by_rules) & (by_rules <= most)).all(axis=0)
        is_known = numpy.isfinite(first + last + by_rules).all(axis=0) & _are_approached(asked)
        is_known &= ~numpy.isnan(runs[2]["value"]).any(axis=0)
    best = tables[0].named(numpy.where(is_between & ~is_one, by_rules, first))
    return {name: best[name] for name in names}, is_known


def _are_approached(asked: Columns) -> Mask:
    """For which columns all variables are finite; for all at once, if they share variables."""
    leaves = [asked.leaves[asked.plan.leaf(slot)] for slot in asked.request.wrt]
    found: Mask = numpy.ones(asked.n, dtype=bool)
    for rows in leaves:
        found &= numpy.isfinite(rows).all(axis=0)
    return numpy.array([found.all()]) if asked.shares_variables else found


class _Table:
    """The derivatives of a run as one array, with a row for each variable and a column for each decision."""

    def __init__(self, asked: Columns, found: dict[str, Floats]) -> None:
        self._is_joint = asked.shares_variables
        lanes = [asked.plan.leaf(slot).lanes for slot in asked.request.wrt]
        widths = [1 if asked.is_sum(name) else asked.n for name in asked.names]
        self._shapes = dict(zip(asked.names, zip(lanes, widths)))
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
