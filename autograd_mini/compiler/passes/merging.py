"""Merge paths: one program without branches gives each example of a batch the results of its own path.

Paths share what they compute alike, and `where` chooses between their results: a loop that some examples leave early
runs to the end for all. Only paths without sums are merged, so that nothing is added up in another order than alone.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from autograd_mini.compiler.ir.scalars import Terms, alive
from autograd_mini.compiler.partition import FREE, MOST_WORK
from autograd_mini.compiler.passes.tracing import Trace, truth_of
from autograd_mini.copying import restore
from autograd_mini.graph import topological_order
from autograd_mini.primitives import TABLE
from autograd_mini.value import Constant, Value

if TYPE_CHECKING:
    from autograd_mini.compiler.deriving import Plan


class _Ending(NamedTuple):
    """The results of some paths from a decision on, and the number of the path that an example takes; 0 if none."""

    outputs: list[Value]
    number: Value


def merged(plans: Sequence[Plan]) -> Trace | None:
    """One trace in place of several, with one more result: which of these paths an example takes, counted from 1, or 0
    for none. None if the trace would not give the bits of each path alone, or would not pay."""
    traces = [plan.trace for plan in plans]
    first = traces[0]
    if any(each.structure != first.structure or each.inner for each in traces) or any(map(_has_sums, plans)):
        return None
    together = Together(first)
    for each in traces:
        together.take_in(each)
    outputs, number = together.ending([*enumerate(traces, 1)], 0)
    order = topological_order(*outputs, number)
    if len(order) > MOST_WORK * max(len(each.order) for each in traces) + FREE:
        return None
    parameters = [*dict.fromkeys(chain.from_iterable(each.parameters for each in traces))]
    return Trace(first.inputs, parameters, [*outputs, number], first.structure, [], order, {})


def _has_sums(plan: Plan) -> bool:
    scalars = plan.source.scalars
    used = alive(scalars.scalars, scalars.outputs)
    return any(isinstance(scalar, Terms) for scalar, is_used in zip(scalars.scalars, used) if is_used)


class Together:
    """The nodes of several traces; those that are alike are there once."""

    def __init__(self, first: Trace) -> None:
        self._inputs = [*chain.from_iterable(first.inputs)]
        self._like: dict[Any, Value] = {}
        self._of: dict[Value, Value] = {}

    def take_in(self, trace: Trace) -> None:
        self._of.update(zip(chain.from_iterable(trace.inputs), self._inputs))
        self._of.update((parameter, parameter) for parameter in trace.parameters)
        for node in trace.order:
            if node not in self._of:
                self._of[node] = self._node(node)

    def _node(self, node: Value) -> Value:
        if not node.parents:
            return self._like.setdefault(struct.pack("d", node._number), Constant(node._number))
        parents = tuple([self._of[parent] for parent in node.parents])
        key = node.operation, *map(id, parents)
        if key not in self._like:
            self._like[key] = restore(Value, parents, node._number, 0.0, node.local_grads, node.operation)
        return self._like[key]

    def ending(self, traces: Sequence[tuple[int, Trace]], depth: int) -> _Ending:
        """The ending of numbered traces whose first `depth` decisions are the same."""
        agreements: list[Value] = []
        number, trace = traces[0]
        for place in range(depth, max(len(each.path) for _, each in traces)):
            taken = [[each for each in traces if each[1].path[place] is outcome] for outcome in (True, False)]
            truth = truth_of(self._of[trace.guards[place].node])
            if all(taken):
                yes, no = (self.ending(each, place + 1) for each in taken)
                outputs = [_where(truth, x, y) for x, y in zip(yes.outputs, no.outputs)]
                return _Ending(outputs, _product(agreements, _where(truth, yes.number, no.number)))
            agreements.append(truth if taken[0] else TABLE.auxiliary["equal"](truth, 0.0))
        return _Ending([self._of[each] for each in trace.outputs], _product(agreements, Constant(float(number))))


def _where(truth: Value, x: Value, y: Value) -> Value:
    return x if x is y else TABLE["where"](truth, x, y)


def _product(truths: Sequence[Value], number: Value) -> Value:
    return reduce(TABLE["mul"], [*truths, number])
