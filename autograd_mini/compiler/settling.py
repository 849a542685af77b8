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
from autograd_mini.compiler.tracing import recorded_again
from autograd_mini.functions import sum as total
from autograd_mini.graph import topological_order
from autograd_mini.limits import TOLERANCE
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
        if hard.any() and self.kind != "product":
            hard &= ~self._is_cleared(hard)
        is_tied = hard.copy()
        broken = numpy.zeros(self.n, dtype=bool)
        for name in self._each_column(found):
            found[name] = numpy.repeat(found[name], self.n // found[name].shape[1], axis=1)
            broken |= ~hard & ~numpy.isfinite(found[name]).all(axis=0)
        sums = self._sums(found, hard)
        if not _are_finite(sums):
            broken = ~hard  # whose terms they are is not known
        if broken.any() and self.kind == "product":
            hard |= broken
            sums = self._sums(found, hard)
        elif broken.any():
            self._tell_apart(found, sums, broken, hard)
        if hard.any():
            columns = numpy.flatnonzero(hard)
            for name, rows in self._settled(columns, is_tied[columns]).items():
                if name in sums:
                    sums[name] = sums[name] + rows
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

    def _tell_apart(self, found: dict[str, Floats], sums: dict[str, Floats], broken: Mask, hard: Mask) -> None:
        """Put in what is found where zeros are told apart; what stays doubtful is hard, and in no sum."""
        fresh = self._carefully(broken)
        columns = numpy.flatnonzero(broken)
        for name in self._each_column(found):
            is_finite = numpy.isfinite(found[name][:, columns]).all(axis=0)
            found[name][:, columns] = numpy.where(is_finite, found[name][:, columns], fresh.rows[name])
        hard[columns[fresh.doubtful]] = True
        if fresh.doubtful.any():
            sums.update(self._sums(found, hard))
        if not _are_finite(sums):
            again = self._carefully(~hard) if fresh.doubtful.any() else fresh
            sums.update((name, again.rows[name]) for name, rows in sums.items() if not numpy.isfinite(rows).all())

    def _is_cleared(self, tied: Mask) -> Mask:
        """For which columns, of those where something is tied, it changes in one way along the line, whatever is
        chosen: there, the derivatives by the rules stand."""
        cleared = numpy.zeros(self.n, dtype=bool)
        executor = self.plan.differing(self.wanted)
        if executor is not None:
            leaves, _, n = self._some(tied)
            (decisions,) = executor(leaves, n if self.plan.has_batch else 1).rows["guards"]
            cleared[tied] = decisions[0] == 0.0
        return cleared

    def _carefully(self, chosen: Mask) -> Careful:
        leaves, seeds, n = self._some(chosen)
        executor = self.plan.careful(self.kind, self.wanted)
        return executor(_with_seeds(executor.seeds, leaves, seeds, n), n)

    def _some(self, chosen: Mask) -> tuple[dict[Pack, Floats], list[Floats], int]:
        """The numbers of some columns."""
        leaves = {pack: _columns(rows, chosen) if pack.batched else rows for pack, rows in self.leaves.items()}
        return leaves, [_columns(rows, chosen) for rows in self.seeds], int(chosen.sum())

    def _settled(self, columns: Index, is_tied: Mask) -> dict[str, Floats]:
        """The derivatives for hard columns, of which some are tied; sums over them."""
        is_joint = self._shares_variables
        if self.kind != "product" and (is_tied.all() if is_joint else is_tied.any()):
            found, is_found = self._along(columns[is_tied], is_joint)
            if is_joint and is_found.all():
                return found
            if not is_joint:
                rest = numpy.ones(len(columns), dtype=bool)
                rest[numpy.flatnonzero(is_tied)[is_found]] = False
                settled = self._each(columns[rest]) if rest.any() else {}
                joined = {}
                for name, rows in found.items():
                    joined[name] = numpy.empty((len(rows), len(columns)))
                    joined[name][:, ~rest] = rows[:, is_found]
                    if rest.any():
                        joined[name][:, rest] = settled[name]
                return joined
        return self._jointly(columns) if is_joint else self._each(columns)

    def _along(self, columns: Index, is_joint: bool) -> tuple[dict[str, Floats], Mask]:
        """The derivatives where something is tied, from those a little way off, as `autograd_mini.limits` chooses
        among them; and for which columns, or for all if they are taken jointly, this tells them."""
        wanted = self.wanted
        if -1 not in wanted and self.plan.leaf(-1).lanes:
            wanted = (*wanted, -1)
        chosen = numpy.zeros(self.n, dtype=bool)
        chosen[columns] = True
        given = self._some(chosen)
        executors = [self.plan.along(self.kind, wanted, sign) for sign in (1.0, -1.0)]
        sides = [_slopes(_run(executor, *given)) for executor in executors if executor is not None]
        if len(sides) < 2:
            return {}, numpy.zeros(1 if is_joint else len(columns), dtype=bool)
        convention = _slopes(_run(self.plan.executor(self.kind, wanted), *given))
        places, tables = {}, [[], [], []]  # type: ignore[var-annotated]
        start, are_approached = 0, numpy.ones(len(columns), dtype=bool)
        for slot in wanted:
            name, lanes = f"adjoint {slot}", self.plan.leaf(slot).lanes
            width = 1 if self._is_sum(name) else len(columns)
            are_approached &= numpy.isfinite(given[0][self.plan.leaf(slot)]).all(axis=0)
            places[name] = slice(start, start + (lanes * width if is_joint else lanes)), (lanes, width)
            start = places[name][0].stop
            for table, slopes in zip(tables, (*sides, convention)):
                rows = numpy.broadcast_to(slopes.get(name, numpy.zeros((lanes, 1))), (lanes, width))
                table.append(rows.reshape(-1, 1) if is_joint else rows)
        above, below, by_rules = map(numpy.concatenate, tables)
        with numpy.errstate(invalid="ignore"):
            is_found = numpy.isfinite(above + below + by_rules).all(axis=0)
            is_found &= are_approached.all() if is_joint else are_approached
            slack = TOLERANCE * numpy.maximum(abs(above), abs(below)).max(axis=0, initial=0.0)
            is_one = (abs(above - below) <= slack).all(axis=0)
            least, most = numpy.minimum(above, below) - slack, numpy.maximum(above, below) + slack
            is_between = ((least <= by_rules) & (by_rules <= most)).all(axis=0)
        best = numpy.where(is_between & ~is_one, by_rules, above)
        found = {name: best[place].reshape(shape) for name, (place, shape) in places.items()}
        return {f"adjoint {slot}": found[f"adjoint {slot}"] for slot in self.wanted}, is_found

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
                results.append(recorded_again(trace, given))
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


def _slopes(results: Results) -> dict[str, Floats]:
    return {name: rows for name, (rows,) in results.rows.items() if is_adjoint(name)}


def _are_finite(sums: Mapping[str, Floats]) -> bool:
    return all(bool(numpy.isfinite(rows).all()) for rows in sums.values())


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
