"""One call of a compiled function: arguments to arrays, the plans that serve them, results to nests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy

from autograd_mini.compiler.calls.binding import bind
from autograd_mini.compiler.calls.entering import Unknown, layout_of, layout_of_entries
from autograd_mini.compiler.calls.nests import Nests, of_gradient, of_result
from autograd_mini.compiler.calls.options import Roles
from autograd_mini.compiler.calls.planning import Plans
from autograd_mini.compiler.calls.serving import Serving
from autograd_mini.compiler.calls.splitting import Part
from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.ir.names import ENTRIES, adjoint
from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.request import Kind, Request
from autograd_mini.compiler.ir.slots import Arguments, Parts
from autograd_mini.compiler.partition import SIDE_BY_SIDE
from autograd_mini.compiler.run import short_way
from autograd_mini.compiler.run.executing import is_machine
from autograd_mini.compiler.run.numpy_executor import Results
from autograd_mini.compiler.run.prepared import most_columns, room_for
from autograd_mini.compiler.run.python_calls import is_possible
from autograd_mini.compiler.run.short_way import Entry, Short, entry_of
from autograd_mini.primitives import brief
from autograd_mini.structures import NUMBER, Structure


class Call(Serving):
    """One call: its arguments as arrays, and the plans that serve them.

    Args:
        roles: what the arguments are for.
        parameters: numbers to use instead of those in the Values that the function reads from outside.

    Attributes:
        finish: builds the result from the array of entries that can be other than 0, if the program computes these
            and there is no batch; else None.
        is_plain: whether the results are what the program gave: all finite, and nothing tied.
    """

    is_plain: bool = True

    def __init__(self, plans: Plans, roles: Roles, args: tuple[Any, ...], parameters: Floats | None = None) -> None:
        arguments = bind(args, roles.names, roles.batched, plans.name, static=roles.static, floats=roles.floats)
        arguments.by_name = roles.by_name
        super().__init__(plans, arguments, parameters)
        self.roles = roles
        self.reduce: str | None = roles.options.reduce
        self.finish: Callable[[Floats], Any] | None = None

    @property
    def wrt(self) -> tuple[int, ...]:
        """The slots of the arguments to differentiate with respect to."""
        positions, _ = self.roles.wrt
        return self.arguments.slots_of(positions)

    def run(self, kind: Kind, wrt: tuple[int, ...] | None = None) -> tuple[Plan, Results]:
        """Compute a kind of results; return one of the plans used, and the results."""
        towards = () if kind == Kind.VALUE else self.wrt if wrt is None else wrt
        plan, results = self.serve(Request(kind, towards))
        self.is_plain = results.is_finite
        return plan, results

    def value(self, plan: Plan, results: Results) -> Any:
        """The result of the function."""
        return of_result(self.structure(plan), self.scaled(results.rows["value"]), plan.per_example)

    def structure(self, plan: Plan) -> Structure:
        """The structure of the result."""
        return plan.stacked if plan.per_example and not self.roles.options.as_lists else plan.trace.structure

    def scaled(self, rows: Floats) -> Floats:
        """Divide sums over the batch if their mean is wanted; repeat for each example what all of them share."""
        n = self.arguments.n_examples
        if self.reduce == "mean" and n is not None:
            return rows / n if n else numpy.full_like(rows, numpy.nan)
        if self.reduce or n is None or rows.shape[1] == n:
            return rows
        return numpy.repeat(rows, n, axis=1)

    @property
    def _of_nothing(self) -> float:
        """A derivative of what does not depend on the argument: 0, if it is no mean over no example."""
        return numpy.nan if self.reduce == "mean" and self.arguments.n_examples == 0 else 0.0

    def gradient(self, results: Results) -> Any:
        """Derivatives with respect to the arguments, in their structure."""
        plan = self.ran.parts[0].plan
        rows = {number: self._towards(number, results, plan.per_example)[None] for number in self.wrt}
        (found,) = self._nests(plan).of_numbers(rows, ())
        return found

    def _towards(self, number: int, results: Results, per_example: bool) -> Floats:
        """Derivatives with respect to a slot, [lanes, width]."""
        slot, found = self.arguments.slots[number], results.rows.get(adjoint(number))
        width = (self.arguments.n_examples or 0) if slot.batched or per_example else 1
        found = numpy.full((slot.lanes, width), self._of_nothing) if found is None else self.scaled(found)
        return numpy.repeat(found, width, axis=1) if found.shape[1] == 1 != width else found

    def _like_arguments(self, parts: Parts) -> Any:
        """Derivatives in the structure of the arguments."""
        counts = {place for plan, _ in self.ran.parts for place in plan.trace.counts}
        return of_gradient(self.arguments, *self.roles.wrt, counts, parts)

    def jacobian(self, parts: Sequence[Part]) -> Any:
        """The Jacobian: for each number of the result its gradient, by sweeps in the direction that needs fewer."""
        plan, slots = parts[0].plan, [self.arguments.slots[number] for number in self.wrt]
        m = len(plan.trace.outputs)
        is_joint = self.reduce is not None and any(slot.batched for slot in slots)
        is_forward = sum(slot.lanes for slot in slots) < m and not is_joint
        if is_forward:
            found = self._sweeps(parts, Request(Kind.TANGENT, self.wrt), self._unit, {ENTRIES: m})
            entries = found[ENTRIES].swapaxes(0, 1)
            rows = {number: entries[:, lanes] for number, lanes in self._ranges.items()}
        else:  # by sweeps backward, [results, lanes, width]
            rows = self._adjoints(parts, Kind.JACOBIAN, [numpy.eye(m)])
        return self._nests(plan).of_result(self.structure(plan), rows)

    def _nests(self, plan: Plan) -> Nests:
        return Nests(self.arguments.slots, plan.per_example, self._like_arguments)

    @property
    def _lanes(self) -> dict[int, int]:
        """The number of lanes of each slot to differentiate with respect to."""
        return {number: self.arguments.slots[number].lanes for number in self.wrt}

    @property
    def _ranges(self) -> dict[int, slice]:
        """Where the lanes of each of these slots lie when all are put one after the other."""
        stops = accumulate(self._lanes.values())
        return {number: slice(stop - n, stop) for (number, n), stop in zip(self._lanes.items(), stops)}

    @property
    def _unit(self) -> list[Floats]:
        """The unit directions, as columns of an identity matrix over all these lanes: for each slot its rows."""
        unit = numpy.eye(sum(self._lanes.values()))
        return [unit[lanes] for lanes in self._ranges.values()]

    def _adjoints(self, parts: Sequence[Part], kind: Kind, seeds: Sequence[Floats]) -> dict[int, Floats]:
        """Adjoints by slot, for each of the columns of the seeds."""
        lanes = {adjoint(number): n for number, n in self._lanes.items()}
        return dict(zip(self.wrt, self._sweeps(parts, Request(kind, self.wrt), seeds, lanes).values()))

    def _sweeps(
        self, parts: Sequence[Part], request: Request, seeds: Sequence[Floats], lanes: Mapping[str, int]
    ) -> dict[str, Floats]:
        """Run the programs for a request once for each column of the seeds; return arrays [columns, lanes, width].

        Columns run side by side, as examples; one after the other where examples share directions, or are summed.

        Args:
            lanes: the number of lanes of each wanted result, by name.
        """
        self.note(parts, request)
        n, count = self.arguments.n_examples, seeds[0].shape[1] if seeds else 0
        widths = {name: 1 if n is None or parts[0].plan.frame.is_sum(name) else n for name in lanes}
        found = {name: numpy.full((count, size, widths[name]), self._of_nothing) for name, size in lanes.items()}
        if n is not None and not parts[0].plan.per_example:
            for column in range(count):
                results = self.run_parts(parts, request, [seed[:, column : column + 1] for seed in seeds])
                for name in lanes.keys() & results.rows:
                    found[name][column] = self.scaled(results.rows[name])
            return found
        for plan, places in () if n == 0 else parts:
            n_rows = len(places)
            step = max(1, count if n is None else SIDE_BY_SIDE // max(1, n_rows))
            if not all(seed.batched for seed in plan.executor(request).seeds):
                step = 1  # examples share the direction
            for start in range(0, count, step):
                k = min(step, count - start)
                chosen = [seed[:, start : start + k] for seed in seeds]
                chosen = [numpy.repeat(seed, n_rows, axis=1) for seed in chosen] if k > 1 else chosen
                is_whole = n is None or (k == 1 and len(parts) == 1)
                some = self.arguments if is_whole else self.arguments.part(numpy.tile(places, k))
                results = self.run_plan(plan, request, some, chosen, n=k if n is None else None)
                for name in lanes.keys() & results.rows:
                    flat = numpy.broadcast_to(results.rows[name], (lanes[name], k * n_rows))
                    cube = flat.reshape(lanes[name], k, n_rows)
                    found[name][start : start + k, :, places] = cube.swapaxes(0, 1)
        return found

    def hessian(self) -> Any:
        """The Hessian: for each number of the gradient its own gradient."""
        slots = [self.arguments.slots[number] for number in self.wrt]
        if self.arguments.n_examples is not None and self.reduce and any(slot.batched for slot in slots):
            raise ValueError(
                f"{self.name} is reduced over its batch, and its Hessian with respect to the batch would hold all "
                "pairs of examples; name the arguments to differentiate in wrt=…"
            )
        parts = self.parts(scalar=True)
        found = self._adjoints(parts, Kind.PRODUCT, self._unit)
        ranges, nests = self._ranges, self._nests(parts[0].plan)

        def of_slot(number: int) -> list[Any]:
            slot = self.arguments.slots[number]
            rows = {each: columns[ranges[number]] for each, columns in found.items()}
            return nests.of_array(rows, slot.shape) if slot.is_array else nests.of_numbers(rows, slot.shape)

        return self._like_arguments(of_slot)

    def product(self, vector: Any) -> Any:
        """The Hessian times a vector."""
        directions = self._directions("hvp", "gradient", vector)
        parts = self.parts(scalar=True)
        return self.gradient(self.run_parts(parts, Request(Kind.PRODUCT, self.wrt), directions))

    def change(self, vector: Any) -> Any:
        """The Jacobian times a vector, in the structure of the result."""
        directions = self._directions("jvp", "arguments", vector)
        parts = self.parts()
        plan = parts[0].plan
        results = self.run_parts(parts, Request(Kind.TANGENT, self.wrt), directions)
        entries = results.rows.get(ENTRIES, numpy.zeros((len(plan.trace.outputs), 1)))
        return of_result(self.structure(plan), self.scaled(entries), plan.per_example)

    def pulled(self, vector: Any) -> Any:
        """A vector times the Jacobian."""
        parts = self.parts()
        plan = parts[0].plan
        m, n = len(plan.trace.outputs), self.arguments.n_examples or 0 if plan.per_example else 1
        places = numpy.repeat(numpy.arange(float(m))[:, None], max(n, 1), axis=1)
        like = of_result(self.structure(plan), places, plan.per_example)
        expected = bind([like], ["the result"], [plan.per_example], self.name)
        vector = self._in_order(expected.structures[0], vector)
        given = self._vectors("vjp", "result", [vector], ["the vector"], [plan.per_example], expected.structures)
        weights = numpy.zeros((m, n))
        for chosen, rows in zip(expected.arrays, given.arrays):
            weights[chosen[:, 0].astype(int)] = rows
        return self.gradient(self.run_parts(parts, Request(Kind.JACOBIAN, self.wrt), [weights]))

    def _directions(self, operator: str, whose: str, vector: Any) -> Sequence[Floats]:
        """The arrays of a vector that is given in the structure of the arguments."""
        positions, is_single = self.roles.wrt
        vectors = (vector,) if is_single else vector
        names = [self.roles.names[position] for position in positions]
        if not isinstance(vectors, tuple) or len(vectors) != len(positions):
            raise TypeError(
                f"{operator}'s vector for {self.name} must be a tuple of {len(positions)}, one each for "
                f"{', '.join(names)}, got {brief(vector)}"
            )
        expected = [self.arguments.structures[position] for position in positions]
        batched = [
            any(slot.batched for slot in self.arguments.slots if slot.argument == position) for position in positions
        ]
        slots = [self.arguments.ranges[position] for position in positions]
        takes_none = [not self.arguments.integers.keys().isdisjoint(each) for each in slots]
        ordered = [*map(self._in_order, expected, vectors, takes_none)]
        given = self._vectors(operator, whose, ordered, [f"the vector for {name}" for name in names], batched, expected)
        return given.arrays

    def _vectors(
        self,
        operator: str,
        whose: str,
        vectors: Sequence[Any],
        names: Sequence[str],
        batched: Sequence[bool],
        expected: Sequence[Structure],
    ) -> Arguments:
        """The arrays of vectors, which must have the expected structures and as many examples as the arguments."""
        given = bind(vectors, names, batched, self.name)
        if [*given.structures] != [*expected]:
            shown = [brief(each[0] if len(each) == 1 else tuple(each)) for each in (expected, given.structures)]
            raise TypeError(
                f"{operator}'s vector must have the structure of the {whose} of {self.name}, {shown[0]}, but has "
                f"{shown[1]}"
            )
        if given.n_examples is not None and given.n_examples != self.arguments.n_examples:
            raise ValueError(
                f"{operator}'s vector for {self.name} has {given.n_examples} examples along its first axis, but its "
                f"arguments have {self.arguments.n_examples}"
            )
        return given

    @staticmethod
    def _in_order(structure: Structure, vector: Any, takes_none: bool = False) -> Any:
        """The vector with its numbers in the order of a structure, and with 0 for None if `takes_none`; unchanged if it
        has another structure."""
        is_plain = structure.kind in (list, tuple) and all(child is NUMBER for child in structure.children)
        if is_plain and type(vector) is structure.kind and set(map(type, vector)) == {float}:
            return vector
        try:
            leaves = [0.0 if each is None and takes_none else each for each in structure.leaves_of(vector)]
        except (TypeError, KeyError, ValueError, AttributeError):
            return vector
        return structure.rebuild(leaves)

    def short(self, plan: Plan) -> Short | None:
        """The short way to results like those just found, for floats of the same layout; None if there is none, and
        after a batch with ties or numbers that are not finite: the next one may have some, and waste its work."""
        captured, request = self.plans.captured, self.ran.request
        plan = self.ran.whole or plan
        if frozenset() not in plan.whole or (len(self.ran.parts) > 1 and self.ran.whole is None):
            return None
        if captured.seen.number != plan.state:  # the function itself, or another thread, has changed it meanwhile
            return None
        n = 1 if self.arguments.n_examples is None else self.arguments.n_examples
        most = 1 if n == 1 else most_columns(plan.executor(request))
        if not 1 <= n <= most or (n > 1 and not self.is_plain) or not short_way.is_wanted():
            return None
        key = request, n > 1, self.parameters is not None
        found = plan.entries.get(key)
        if key not in plan.entries or (found is not None and found.most < n):
            found = plan.entries[key] = self._entry(plan, request, most if n == 1 else min(most, room_for(n)))
        return None if found is None else short_way.short(found, captured.seen.watch)

    def _entry(self, plan: Plan, request: Request, most: int) -> Entry | None:
        if not is_possible() or not is_machine(plan.target):
            return None
        try:
            if request.kind.is_sparse:
                pattern = plan.patterns[request]
                order = numpy.arange(pattern.columns.size) if pattern.order is None else pattern.order
                layout = layout_of_entries(self.arguments, plan, order.tolist())
            else:
                is_given, value = self.parameters is not None, self.structure(plan)
                layout = layout_of(self.arguments, plan, request, self.roles.wrt, value, is_given=is_given)
        except Unknown:
            return None
        is_mean = self.reduce == "mean" and layout.has_columns
        return entry_of(plan.executor(request), layout, plan.n_guards, most, is_mean=is_mean)
