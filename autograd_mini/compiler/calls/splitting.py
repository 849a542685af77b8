"""Which path each example of a batch takes: its decisions are compared with those of the paths that are known.

Paths that agree in their first decisions compute the next one alike, so what one plan finds there holds for all of
them: each decision of an example is taken once. Where no path is known for the decisions of an example, the function
itself is traced at it, and it is served by that trace, whatever machine code thinks of its decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.ir.program import Index

Agreements = NDArray[numpy.unsignedinteger[Any]]
"""How many of a plan's decisions, from the first on, come out for each example as they did in its trace."""


class Part(NamedTuple):
    """The examples that one plan serves."""

    plan: Plan
    rows: Index


class _Group(NamedTuple):
    """Examples whose first decisions are known, and the plans whose paths begin with these."""

    rows: Index
    path: list[bool]
    plans: list[Plan]


def split(
    n: int,
    known: Sequence[Plan],
    decide: Callable[[Plan, Index], Agreements],
    trace: Callable[[int], Plan],
    first: Plan | None = None,
) -> list[Part]:
    """The parts of a batch of n examples, ordered by their first examples.

    Args:
        known: the plans that exist.
        decide: tells how many decisions of a plan some of the examples share.
        trace: returns the plan of the path that the function itself takes at an example; it may be a new one.
        first: the plan to ask first, if it is among them.
    """
    plans = [*known]
    served: dict[Plan, list[Index]] = {}
    groups = [_Group(numpy.arange(n), [], plans)] if n else []
    while groups:
        rows, path, candidates = groups.pop()
        if not candidates:
            plan = trace(int(rows[0]))
            if plan not in plans:
                plans.append(plan)
            served.setdefault(plan, []).append(rows[:1])
            if len(rows) > 1:
                is_like = plan.trace.path[: len(path)] == path
                groups.append(_Group(rows[1:], path, [plan] if is_like else []))
            continue
        plan = max(candidates, key=lambda each: (each is first, len(each.trace.path)))
        expected = plan.trace.path
        if len(expected) == len(path):
            served.setdefault(plan, []).append(rows)
            continue
        agreements = decide(plan, rows)
        for stop, places in _by_number(agreements):
            found = places if len(rows) == n else rows[places]
            if stop == len(expected):
                served.setdefault(plan, []).append(found)
            elif stop < len(path):  # the plan takes an earlier decision otherwise
                groups.append(_Group(found, path, []))
            else:
                taken = [*expected[:stop], not expected[stop]]
                groups.append(_Group(found, taken, [each for each in plans if each.trace.path[: stop + 1] == taken]))
    parts = [
        Part(plan, rows[0] if len(rows) == 1 else numpy.sort(numpy.concatenate(rows))) for plan, rows in served.items()
    ]
    return sorted(parts, key=lambda part: int(part.rows[0]))


def in_parts(plans: Sequence[Plan], taken: Agreements) -> list[Part]:
    """The parts of a batch, given which plan, counted from 1, each example takes; ordered by their first examples."""
    parts = [Part(plans[number - 1], rows) for number, rows in _by_number(taken)]
    return sorted(parts, key=lambda part: int(part.rows[0]))


def _by_number(agreements: Agreements) -> Iterator[tuple[int, Index]]:
    """Yield each number that occurs, in ascending order, and the places where it does."""
    order = numpy.argsort(agreements, kind="stable")
    counts = numpy.bincount(agreements)
    ends = numpy.cumsum(counts)
    for number in numpy.flatnonzero(counts).tolist():
        yield number, order[ends[number] - counts[number] : ends[number]]
