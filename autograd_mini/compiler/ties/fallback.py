"""Columns served by eager mode: their graph is recorded again, and differentiated as any graph is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy

from autograd_mini.adjoints import adjoints
from autograd_mini.compiler.ir.names import adjoint
from autograd_mini.compiler.ir.program import Floats, Index
from autograd_mini.compiler.ties.columns import Columns
from autograd_mini.compiler.ties.replaying import recorded_again
from autograd_mini.derivatives import gradients
from autograd_mini.functions import sum as total
from autograd_mini.graph import leaf, topological_order
from autograd_mini.observing import unheard
from autograd_mini.value import Value


def in_eager_mode(asked: Columns, columns: Index) -> dict[str, Floats]:
    """The results for some columns, [lanes, columns]; where these share variables, sums are those over all of them."""
    is_joint, graph = asked.shares_variables, None
    found: dict[str, list[list[float]]] = {name: [] for name in ("value", *asked.names)}
    for rows in [columns.tolist()] if is_joint else columns[:, None].tolist():
        if graph is None or asked.plan.has_batch:
            graph = _Graph(asked, rows)
        for name, numbers in graph.results(rows[0]).items():
            found[name].append(numbers)
    widths = {name: 1 if is_joint and asked.plan.frame.is_sum(name) else len(columns) for name in found}
    return {name: numpy.array(each, dtype=float).reshape(widths[name], -1).T for name, each in found.items()}


class _Graph:
    """The graph of the results of an example, or of the sums of those of several."""

    def __init__(self, asked: Columns, rows: Sequence[int]) -> None:
        self.asked = asked
        plan, trace = asked.plan, asked.plan.trace
        self._variables: dict[str, list[Value]] = {name: [] for name in asked.names}
        self._first: list[Any] = []  # the variables of the first derivative, where that is differentiated again
        self._directions: list[tuple[int, int]] = []  # for each of their arrays, which seeds it has, and which row
        given: dict[Value, Any] = {}
        results = []
        with unheard():
            for number, row in enumerate(rows):
                for slot, values in [*enumerate(trace.inputs), (-1, trace.parameters)]:
                    pack = plan.inputs[slot]
                    if not pack.batched and number:
                        continue
                    numbers = asked.leaves[pack][:, row if pack.batched else 0].tolist()
                    if slot not in asked.request.wrt:
                        given.update(zip(values, [leaf(x, Value) for x in numbers] if slot == -1 else numbers))
                        continue
                    variables = [leaf(x, Value) for x in numbers]
                    first = [+x for x in variables] if asked.request.kind == "product" else variables
                    given.update(zip(values, first))
                    self._variables[adjoint(slot)] += variables
                    self._first += first
                    self._directions.append((asked.request.wrt.index(slot), row))
                results.append(recorded_again(trace, given))
            self._outputs = results[0] if len(rows) == 1 else [total(each) for each in zip(*results)]

    def results(self, column: int) -> dict[str, list[float]]:
        """The value and the derivatives, for a column of the seeds."""
        slopes = self._slopes(column)
        found = {"value": [y._number if isinstance(y, Value) else y for y in self._outputs]}
        return found | {name: [slopes.get(x, 0.0) for x in xs] for name, xs in self._variables.items()}

    def _seed(self, position: int, column: int) -> list[float]:
        rows = self.asked.seeds[position]
        return rows[:, column if rows.shape[1] > 1 else 0].tolist()  # type: ignore[no-any-return]

    def _slopes(self, column: int) -> Mapping[Value, float]:
        kind = self.asked.request.kind
        if kind == "value":
            return {}
        weights = self._seed(0, column) if kind == "jacobian" else [1.0] * len(self._outputs)
        roots = [(y, weight) for y, weight in zip(self._outputs, weights) if isinstance(y, Value)]
        with unheard():
            if kind == "product":
                places = [
                    (position, row if self.asked.plan.has_batch else column) for position, row in self._directions
                ]
                change = chain.from_iterable([self._seed(*place) for place in places])
                roots = [(y, weight) for y, weight in zip(self._gradient, change) if isinstance(y, Value)]
            order = topological_order(*[y for y, _ in roots])
            return dict(zip(order, adjoints(order, [(y, weight) for y, weight in roots if weight != 0.0], order)))

    @cached_property
    def _gradient(self) -> list[Any]:
        """The derivative of the one result with respect to each variable, as a graph."""
        (y,) = self._outputs
        return gradients(y, self._first, create_graph=True) if isinstance(y, Value) else []
