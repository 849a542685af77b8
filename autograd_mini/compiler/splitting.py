"""Which path each example of a batch takes: its decisions are compared with those of the paths that are known.

Paths that agree in their first decisions compute the next one alike, so what one plan finds there holds for all of
them: each decision of an example is taken once. Where no path is known for the decisions of an example, the function
itself is traced at it, and it is served by that trace, whatever machine code thinks of its decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy
from numpy.typing import NDArray

from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.program import Index

Outcomes = NDArray[numpy.bool_]
"""The decisions of a plan [guards, examples]."""


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
    decide: Callable[[Plan, Index], Outcomes],
    trace: Callable[[int], Plan],
    first: Plan | None = None,
) -> list[Part]:
    """The parts of a batch of n examples, in the order of their first ones.

    Args:
        known: the plans there are.
        decide: what a plan decides for some of the examples.
        trace: the plan of the path that the function itself takes at an example; it may be a new one.
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
        for stop, found in _departures(decide(plan, rows), expected, len(path)):
            if stop == len(expected):
                served.setdefault(plan, []).append(rows[found])
                continue
            taken = [*expected[:stop], not expected[stop]]
            groups.append(_Group(rows[found], taken, [each for each in plans if each.trace.path[: stop + 1] == taken]))
    parts = [Part(plan, numpy.sort(numpy.concatenate(rows))) for plan, rows in served.items()]
    return sorted(parts, key=lambda part: int(part.rows[0]))


def _departures(outcomes: Outcomes, expected: Sequence[bool], start: int) -> list[tuple[int, Index]]:
    """At which decision, from number `start` on, which examples leave the path; at its end those that do not."""
    staying = numpy.arange(outcomes.shape[1])
    found = []
    for number in range(start, len(expected)):
        leaves = outcomes[number, staying] != expected[number]
        if leaves.any():
            found.append((number, staying[leaves]))
            staying = staying[~leaves]
    if staying.size:
        found.append((len(expected), staying))
    return found
