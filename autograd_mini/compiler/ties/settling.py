"""Run programs of derivatives, and settle what they leave open: where something is tied, or a zero meets inf.

Ties whose candidates all change in one way decide nothing. Where they do not, derivatives are limits from both sides.
Adjoints to which nothing contributed are told from zeros of the data. What is still open is left to eager mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy

from autograd_mini.compiler.ir.names import ENTRIES, TIED, is_adjoint
from autograd_mini.compiler.ir.program import Floats, Index, Pack
from autograd_mini.compiler.ir.request import Kind, Request
from autograd_mini.compiler.run.numpy_executor import NumpyExecutor, Results
from autograd_mini.compiler.scans.transforming import n_operations
from autograd_mini.compiler.ties.careful import DOUBTFUL
from autograd_mini.compiler.ties.columns import Columns, Mask
from autograd_mini.compiler.ties.fallback import in_eager_mode
from autograd_mini.compiler.ties.row_by_row import row_by_row
from autograd_mini.limits import TOLERANCE

if TYPE_CHECKING:
    from autograd_mini.compiler.deriving import Plan

FIRST = (Kind.GRADIENT, Kind.JACOBIAN)
"""The kinds of first derivatives."""

MOST_RECORDED = 2**21
"""Loops of more operations in all, of which each takes 0.2 KB and 3 µs, are not left to eager mode."""

MOST_NUMBERS = 2**22
"""How many products are held at a time where zeros are told apart."""


def run(
    plan: Plan,
    request: Request,
    leaves: Mapping[Pack, Floats],
    seeds: Sequence[Floats],
    n: int,
    *,
    settles: bool = True,
) -> Results:
    """The results of the program for a request, whether they are what it gave: all finite, and nothing tied; arguments
    as for `Columns`.

    Args:
        settles: whether to settle what the program leaves open.
    """
    asked = Columns(plan, request, leaves, seeds, n)
    found, is_finite = asked.run(plan.executor(request))
    tied = found.pop(TIED, None)
    if settles and not is_finite:
        if ENTRIES in found:
            found[ENTRIES] = row_by_row(
                asked, found[ENTRIES], tied, lambda some: run(plan, some.request, some.leaves, some.seeds, some.n)
            )
        elif not (request.kind == Kind.TANGENT or request.kind.is_sparse):
            found = _Settling(asked, found).settled(tied)
    return Results(found, is_finite)


class _Settling:
    """Settles results where some are not finite, or something was tied.

    Attributes:
        each: the results concerned that each column has its own of.
        sums: the results concerned that are sums over the columns, without the hard ones.
        hard: the columns that are not settled yet.
    """

    def __init__(self, asked: Columns, found: dict[str, Floats]) -> None:
        self.asked = asked
        self.found = found
        concerned = [name for name in found if asked.is_concerned(name)]
        self.each = {
            name: numpy.repeat(found[name], asked.n // found[name].shape[1], axis=1)
            for name in concerned
            if not asked.plan.frame.is_sum(name)
        }
        self.sums = {name: found[name] for name in concerned if asked.plan.frame.is_sum(name)}
        self.hard: Mask = numpy.zeros(asked.n, dtype=bool)

    def settled(self, tied: Floats | None) -> dict[str, Floats]:
        """All results.

        Args:
            tied: for each column 0, or inf where something is tied.
        """
        at_kinks = self.hard if tied is None else numpy.broadcast_to(~numpy.isfinite(tied[0]), self.asked.n)
        self.hard = at_kinks.copy()
        self.hard &= ~self._is_cleared()
        is_tied = self.hard.copy()
        if is_tied.any() and not self._can_be_recorded:
            raise ValueError(
                f"a step of a scan meets a tie or kink (of max, abs, relu …), and loops of more than {MOST_RECORDED} "
                "operations are too long to settle that; start a little off it, or write the step without it"
            )
        self._leave_out()
        broken = self._broken()
        if (broken & at_kinks).any() and self._can_be_recorded:  # the limits may be finite there
            self.hard |= broken & at_kinks
            self._leave_out()
            broken = self._broken()
        if broken.any():
            self._tell_apart(broken)
        for columns, results in self._of_hard(is_tied) if self.hard.any() else ():
            for name, rows in results.items():
                if name in self.sums:
                    with numpy.errstate(all="ignore"):
                        self.sums[name] = self.sums[name] + rows.sum(axis=1, keepdims=True)
                elif name in self.each:
                    self.each[name][:, columns] = rows
        return self.found | self.each | self.sums

    @property
    def _can_be_recorded(self) -> bool:
        """Whether the loops are short enough to be recorded step by step."""
        loops = [loop.scan for loop in self.asked.plan.source.scalars.loops]
        return sum(scan.length * n_operations(scan.trace) for scan in loops) <= MOST_RECORDED

    def _is_cleared(self) -> Mask:
        """The hard columns in which all that is tied changes in one way along a line, whatever is chosen: there, the
        derivatives by the rules stand."""
        plan, cleared = self.asked.plan, numpy.zeros(self.asked.n, dtype=bool)
        is_first = self.asked.request.kind in FIRST
        request = self.asked.request._replace(kind=Kind.GUARDS)
        executor = plan.along(request, 1.0) if self.hard.any() and is_first else None
        if executor is not None:
            some = self.asked.some(self.hard)
            decisions = executor(some.leaves, some.n if plan.has_batch else 1).rows["guards"]
            cleared[self.hard] = decisions[0] == 0.0
        return cleared

    def _leave_out(self) -> None:
        """Leave the hard columns out of the sums."""
        if self.sums and self.hard.any():
            executor = self.asked.plan.executor(self.asked.request)
            rows = self.asked.some(~self.hard).run(executor).rows
            self.sums = {name: rows[name] for name in self.sums}

    def _broken(self) -> Mask:
        """The columns, without the hard ones, in which a derivative may not be finite."""
        if not all(numpy.isfinite(rows).all() for name, rows in self.sums.items() if is_adjoint(name)):
            return ~self.hard  # a sum does not tell which columns made it so
        broken = numpy.zeros(self.asked.n, dtype=bool)
        for name, rows in self.each.items():
            if is_adjoint(name):
                broken |= ~numpy.isfinite(rows).all(axis=0)
        return broken & ~self.hard

    def _tell_apart(self, broken: Mask) -> None:
        """Replace broken derivatives by those found where zeros are told apart; columns still doubtful become hard."""
        if not self.asked.plan.knows_doubts(self.asked.request):
            if self._can_be_recorded:  # else they stay inf or nan
                self.hard |= broken
                self._leave_out()
            return
        derivatives, doubts = self.asked.plan.careful(self.asked.request)
        fresh, columns = self._run(derivatives, broken), numpy.flatnonzero(broken)
        for name in [name for name in self.each if is_adjoint(name)]:
            rows = self.each[name][:, columns]
            self.each[name][:, columns] = numpy.where(numpy.isfinite(rows).all(axis=0), rows, fresh[name])
        open_ = [name for name, rows in self.sums.items() if is_adjoint(name) and not numpy.isfinite(rows).all()]
        self.sums.update((name, fresh[name]) for name in open_)
        is_open = self._broken()
        if not is_open.any():
            return
        is_doubtful = self._run(doubts, is_open)[DOUBTFUL][0] != 0.0
        if is_doubtful.any() and self._can_be_recorded:
            self.hard[is_open] = is_doubtful
            self._leave_out()
            if open_:
                fresh = self._run(derivatives, ~self.hard)
                self.sums.update((name, fresh[name]) for name in open_)

    def _run(self, executor: NumpyExecutor, chosen: Mask) -> dict[str, Floats]:
        """The results for some columns, computed for as many at a time as memory holds."""
        places = numpy.flatnonzero(chosen)
        found: dict[str, Floats] = {}
        most_lanes = max([pack.lanes for pack in executor.program.packs if pack.batched], default=1)
        at_a_time = max(1, MOST_NUMBERS // max(1, most_lanes))
        for start in range(0, max(1, places.size), at_a_time):
            some = self.asked.some(places[start : start + at_a_time])
            for name, rows in some.run(executor).rows.items():
                if self.asked.plan.frame.is_sum(name):
                    found[name] = found[name] + rows if start else rows
                else:
                    rows = numpy.broadcast_to(rows, (len(rows), some.n))
                    found[name] = numpy.hstack([found[name], rows]) if start else rows
        return found

    def _of_hard(self, is_tied: Mask) -> Iterator[tuple[Index, dict[str, Floats]]]:
        """Yield the results for the hard columns, of which some are tied, part by part; as sums, if they share
        variables."""
        asked, is_joint, rest = self.asked, self.asked.shares_variables, self.hard
        if asked.request.kind in FIRST and is_tied.any() and (not is_joint or (is_tied == self.hard).all()):
            sides = _from_both_sides(asked.some(is_tied))
            if sides is not None and (sides[1].all() or not is_joint):
                found, is_known = sides
                rest = self.hard.copy()
                rest[is_tied] = ~is_known
                places = numpy.flatnonzero(self.hard & ~rest)
                yield places, found if is_joint else {name: rows[:, is_known] for name, rows in found.items()}
        if rest.any():
            places = numpy.flatnonzero(rest)
            yield places, in_eager_mode(asked, places)


def _from_both_sides(asked: Columns) -> tuple[dict[str, Floats], Mask] | None:
    """The derivatives for each column, chosen among their limits from the two sides as `autograd_mini.limits` does, and
    for which columns this settles them; for all at once, if they share variables. None if it is not known what the
    function is a little way off."""
    plan, names = asked.plan, asked.names
    if -1 not in asked.request.wrt and plan.inputs[-1].lanes:  # limits are chosen for all variables together
        asked = replace(asked, request=asked.request._replace(wrt=(*asked.request.wrt, -1)))
    above, below = (plan.along(asked.request, sign) for sign in (1.0, -1.0))
    if above is None or below is None:
        return None
    executors = [above, below, plan.executor(asked.request)]
    runs = [asked.run(executor).rows for executor in executors]
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
    leaves = [asked.leaves[asked.plan.inputs[slot]] for slot in asked.request.wrt]
    found: Mask = numpy.ones(asked.n, dtype=bool)
    for rows in leaves:
        found &= numpy.isfinite(rows).all(axis=0)
    return numpy.array([found.all()]) if asked.shares_variables else found


def _derivatives(asked: Columns, found: Mapping[str, Floats]) -> dict[str, Floats]:
    """The derivatives that a run found; 0 for variables on which nothing depends."""
    shapes = {
        name: (asked.plan.inputs[slot].lanes, 1 if asked.plan.frame.is_sum(name) else asked.n)
        for slot, name in asked.request.names
    }
    return {name: numpy.broadcast_to(found.get(name, 0.0), shape) for name, shape in shapes.items()}
