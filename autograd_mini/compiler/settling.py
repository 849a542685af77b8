"""Running programs of derivatives, and settling what they cannot: where something is tied, or a zero meets inf.

There, the examples concerned are served by eager mode: what the trace recorded is recorded again on their numbers, and
differentiated as any graph is. Of a batch that is reduced, their sum is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from autograd_mini.adjoints import adjoints, descendants_of, differentiable_adjoints
from autograd_mini.compiler.careful import Careful
from autograd_mini.compiler.deriving import Plan, Wanted
from autograd_mini.compiler.executing import Executor
from autograd_mini.compiler.numpy_executor import Results
from autograd_mini.compiler.program import TIED, Floats, Index, Leaf, Pack, is_adjoint
from autograd_mini.compiler.tracing import Trace, is_decision
from autograd_mini.functions import sum as total
from autograd_mini.graph import topological_order
from autograd_mini.observing import unheard
from autograd_mini.value import Value, leaf

Mask = NDArray[numpy.bool_]


def run(
    plan: Plan, kind: str, wanted: Wanted, leaves: Mapping[Pack, Floats], seeds: Sequence[Floats], n: int
) -> dict[str, Floats]:
    """The results of a program by name.

    Args:
        leaves: the numbers of its inputs, [lanes, width].
        seeds: those of its seeds, likewise.
        n: how many columns there are: examples of a batch; without one, columns of the seeds.
    """
    results = _run(plan.executor(kind, wanted), leaves, seeds, n)
    found = {name: rows for name, (rows,) in results.rows.items()}
    tied = found.pop(TIED, None)
    if results.is_finite:
        return found
    return _Settling(plan, kind, wanted, leaves, seeds, n).settled(found, tied)


@dataclass
class _Settling:
    """One run of a program of derivatives of which some are not finite, or something was tied."""

    plan: Plan
    kind: str
    wanted: Wanted
    leaves: Mapping[Pack, Floats]
    seeds: Sequence[Floats]
    n: int

    def settled(self, found: dict[str, Floats], tied: Floats | None) -> dict[str, Floats]:
        """The results, of which `found` are those by the rules alone."""
        hard = numpy.zeros(self.n, dtype=bool)
        if tied is not None:
            hard |= ~numpy.isfinite(tied[0])
        broken = numpy.zeros(self.n, dtype=bool)
        for name in self._each_column(found):
            found[name] = numpy.repeat(found[name], self.n // found[name].shape[1], axis=1)
            broken |= ~numpy.isfinite(found[name]).all(axis=0)
        broken &= ~hard
        sums = self._sums(found, hard)
        is_broken = not all(numpy.isfinite(rows).all() for rows in sums.values())  # whose terms, is not known
        if self.kind == "product":
            hard |= ~hard if is_broken else broken
        elif broken.any() or is_broken:
            hard |= self._told_apart(found, sums, ~hard if is_broken else broken)
        if hard.any():
            columns = numpy.flatnonzero(hard)
            settled = self._jointly(columns) if self._shares_variables else self._each(columns)
            for name, rows in settled.items():
                if name in sums:
                    sums[name] = sums[name] + rows if not hard.all() else rows
                elif name in found:
                    found[name][:, columns] = rows
        return found | sums

    @property
    def is_summed(self) -> bool:
        """Whether the results are sums over a batch."""
        return self.plan.has_batch and self.plan.reduces

    @property
    def _shares_variables(self) -> bool:
        """Whether examples of which the sum is wanted have variables in common: then one may settle what is tied in
        another."""
        slots = [slot for slot in (*self.wanted, -1) if not self.plan.leaf(slot).batched]
        return self.is_summed and any(self.plan.leaf(slot).lanes for slot in slots)

    def _is_sum(self, name: str) -> bool:
        return self.is_summed and not self.plan.leaf(int(name.split()[1])).batched

    def _each_column(self, found: Mapping[str, Floats]) -> list[str]:
        """The derivatives that differ from column to column."""
        return [name for name in found if is_adjoint(name) and not self._is_sum(name)]

    def _sums(self, found: Mapping[str, Floats], hard: Mask) -> dict[str, Floats]:
        """The derivatives that are summed, over all examples but the hard ones."""
        names = [name for name in found if is_adjoint(name) and self._is_sum(name)]
        if not names or not hard.any():
            return {name: found[name] for name in names}
        results = _run(self.plan.executor(self.kind, self.wanted), *self._some(~hard))
        return {name: results.rows[name][0] for name in names}

    def _told_apart(self, found: dict[str, Floats], sums: dict[str, Floats], chosen: Mask) -> Mask:
        """Put in what is found for some columns where zeros are told apart; which columns stay doubtful."""
        names = [name for name in sums if not numpy.isfinite(sums[name]).all()]
        doubtful, columns = numpy.zeros(self.n, dtype=bool), numpy.flatnonzero(chosen)
        fresh = self._carefully(chosen)
        doubtful[columns] = fresh.doubtful
        for name in self._each_column(found):
            is_finite = numpy.isfinite(found[name][:, columns]).all(axis=0)
            found[name][:, columns] = numpy.where(is_finite, found[name][:, columns], fresh.rows[name])
        rest = chosen & ~doubtful
        if names and doubtful.any() and rest.any():
            fresh = self._carefully(rest)
        for name in names:
            sums[name] = fresh.rows[name] if rest.any() else numpy.zeros_like(sums[name])
        return doubtful

    def _carefully(self, chosen: Mask) -> Careful:
        leaves, seeds, n = self._some(chosen)
        executor = self.plan.careful(self.kind, self.wanted)
        return executor(_with_seeds(executor.seeds, leaves, seeds, n), n)

    def _some(self, chosen: Mask) -> tuple[dict[Pack, Floats], list[Floats], int]:
        """The numbers of some columns."""
        leaves = {pack: _columns(rows, chosen) if pack.batched else rows for pack, rows in self.leaves.items()}
        return leaves, [_columns(rows, chosen) for rows in self.seeds], int(chosen.sum())

    def _each(self, columns: Index) -> dict[str, Floats]:
        """The derivatives by eager mode, column by column."""
        found: dict[str, list[list[float]]] = {f"adjoint {slot}": [] for slot in self.wanted}
        graph = None
        for column in columns.tolist():
            if graph is None or self.plan.has_batch:
                graph = _Graph(self, [column])
            numbers = graph.derivatives(column)
            for name, values in graph.variables.items():
                found[name].append([numbers.get(x, 0.0) for x in values])
        return {name: numpy.array(rows, dtype=float).reshape(len(columns), -1).T for name, rows in found.items()}

    def _jointly(self, rows: Index) -> dict[str, Floats]:
        """The derivatives of the sum over some examples."""
        graph = _Graph(self, rows.tolist())
        numbers = graph.derivatives(0)
        found = {}
        for name, values in graph.variables.items():
            slopes = numpy.array([numbers.get(x, 0.0) for x in values], dtype=float)
            found[name] = slopes[:, None] if self._is_sum(name) else slopes.reshape(len(rows), -1).T
        return found


class _Graph:
    """The graph of some examples, on Values of their numbers; of several, that of the sums of their results.

    Attributes:
        variables: by the names of the results, the Values to differentiate towards: of all examples one after the
            other.
    """

    def __init__(self, settling: _Settling, rows: Sequence[int]) -> None:
        self.settling = settling
        plan, trace = settling.plan, settling.plan.trace
        self.variables: dict[str, list[Value]] = {f"adjoint {slot}": [] for slot in settling.wanted}
        self._inner: list[Any] = []  # as in nested derivatives, each is a Value of its own
        given: dict[Value, Any] = {}
        results = []
        with unheard():
            for number, row in enumerate(rows):
                for slot, values in [*enumerate(trace.inputs), (-1, trace.parameters)]:
                    pack = plan.leaf(slot)
                    if pack.batched or number == 0:
                        column = settling.leaves[pack][:, row if pack.batched else 0].tolist()
                        is_wanted = slot in settling.wanted
                        fresh = [leaf(x, Value) for x in column] if is_wanted or slot == -1 else column
                        inner = [+x for x in fresh] if is_wanted and settling.kind == "product" else fresh
                        given.update(zip(values, inner))
                        if is_wanted:
                            self.variables[f"adjoint {slot}"] += fresh
                            self._inner += inner
                results.append(_recorded_again(trace, given))
            self.outputs = results[0] if len(rows) == 1 else [total(each) for each in zip(*results)]

    def derivatives(self, column: int) -> Mapping[Value, float]:
        """The derivatives towards all variables, for a column of the seeds."""
        kind, seeds = self.settling.kind, [_at(rows, column) for rows in self.settling.seeds]
        weights = seeds[0] if kind == "jacobian" else [1.0] * len(self.outputs)
        roots = [(y, weight) for y, weight in zip(self.outputs, weights) if isinstance(y, Value)]
        with unheard():
            order = topological_order(*[y for y, _ in roots])
            if kind == "product":
                slopes = differentiable_adjoints(order, roots, descendants_of(self._inner, order))
                change = [weight for rows in seeds for weight in rows]
                roots = [(y, each) for x, each in zip(self._inner, change) if isinstance(y := slopes.get(x), Value)]
                order = topological_order(*[y for y, _ in roots])
            return adjoints(order, [(y, weight) for y, weight in roots if weight != 0.0])


def _recorded_again(trace: Trace, given: Mapping[Value, Any]) -> list[Any]:
    """The results of a trace on other numbers: as when its function runs on these in eager mode."""
    found = dict(given)
    for node in trace.order:
        if node in found:
            continue
        operation = node.operation
        if operation is None:
            found[node] = node._data if node.is_constant else node
            continue
        args = [found[parent] for parent in node.parents]
        if is_decision(operation):
            args = [each._data if isinstance(each, Value) else each for each in args]
        found[node] = operation(*args)
    return [found[y] for y in trace.outputs]


def _at(rows: Floats, column: int) -> list[float]:
    return rows[:, column if rows.shape[1] > 1 else 0].tolist()  # type: ignore[no-any-return]


def _columns(rows: Floats, chosen: Mask) -> Floats:
    """Those of the chosen examples."""
    return rows[:, chosen] if rows.shape[1] == chosen.size else rows


def _run(executor: Executor, leaves: Mapping[Pack, Floats], seeds: Sequence[Floats], n: int) -> Results:
    return executor(_with_seeds(executor.seeds, leaves, seeds, n), n)


def _with_seeds(
    wanted: Sequence[Pack], leaves: Mapping[Pack, Floats], seeds: Sequence[Floats], n: int
) -> Mapping[Pack, Floats]:
    """The numbers of all leaves, those of seeds included."""
    if not seeds:
        return leaves
    held = {seed: seeds[_position(seed)] for seed in wanted}
    for seed, numbers in held.items():
        if seed.batched and numbers.shape[1] != n:  # the same for every example
            held[seed] = numpy.repeat(numbers, n, axis=1)
    return {**leaves, **held}


def _position(leaf: Pack) -> int:
    assert isinstance(leaf.operation, Leaf)
    return leaf.operation.position
