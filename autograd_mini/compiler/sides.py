"""Derivatives where something is tied, chosen among their limits from the two sides as `autograd_mini.limits` does."""

from __future__ import annotations

from collections.abc import Mapping
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
    derivatives = [_derivatives(asked, found) for found in runs]
    first, last, by_rules = (
        numpy.concatenate([rows.reshape(-1, 1) if asked.shares_variables else rows for rows in found.values()])
        for found in derivatives
    )  # a row for each variable and a column for each decision
    with numpy.errstate(invalid="ignore"):
        slack = TOLERANCE * numpy.maximum(abs(first), abs(last)).max(axis=0, initial=0.0)
        is_one = (abs(first - last) <= slack).all(axis=0)
        least, most = numpy.minimum(first, last) - slack, numpy.maximum(first, last) + slack
        is_between = ((least <= by_rules) & (by_rules <= most)).all(axis=0)
        is_known = numpy.isfinite(first + last + by_rules).all(axis=0) & _are_approached(asked)
        is_known &= ~numpy.isnan(runs[2]["value"]).any(axis=0)
    stands = is_between & ~is_one
    return {name: numpy.where(stands, derivatives[2][name], derivatives[0][name]) for name in names}, is_known


def _are_approached(asked: Columns) -> Mask:
    """For which columns all variables are finite; for all at once, if they share variables."""
    leaves = [asked.leaves[asked.plan.leaf(slot)] for slot in asked.request.wrt]
    found: Mask = numpy.ones(asked.n, dtype=bool)
    for rows in leaves:
        found &= numpy.isfinite(rows).all(axis=0)
    return numpy.array([found.all()]) if asked.shares_variables else found


def _derivatives(asked: Columns, found: Mapping[str, Floats]) -> dict[str, Floats]:
    """Those of a run; 0 for what nothing depends on."""
    shapes = {
        name: (asked.plan.leaf(slot).lanes, 1 if asked.is_sum(name) else asked.n) for slot, name in asked.request.names
    }
    return {name: numpy.broadcast_to(found.get(name, 0.0), shape) for name, shape in shapes.items()}
