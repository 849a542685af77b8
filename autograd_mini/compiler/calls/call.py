"""One call of a compiled function: arguments to arrays, the plans that serve them, results to nests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy

from autograd_mini.compiler.calls.binding import bind
from autograd_mini.compiler.calls.entering import Unknown, layout_of
from autograd_mini.compiler.calls.nests import combined, of_gradient, of_jacobian, of_result, parts_of_rows
from autograd_mini.compiler.calls.options import Roles
from autograd_mini.compiler.calls.planning import Plans
from autograd_mini.compiler.calls.serving import Ran, Serving
from autograd_mini.compiler.calls.slots import Arguments, Parts
from autograd_mini.compiler.calls.splitting import Part
from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.request import Kind, Request, Results
from autograd_mini.compiler.run import one_point
from autograd_mini.compiler.run.executing import is_machine
from autograd_mini.compiler.run.one_point import Entry, Short, entry_of
from autograd_mini.compiler.run.python_calls import is_possible
from autograd_mini.primitives import brief
from autograd_mini.structures import Structure


class Call:
    """One call: its arguments as arrays, and the plans that serve them.

    Args:
        roles: what the arguments are for.
        parameters: numbers in place of those of the Values that the function uses.
    """

    def __init__(self, plans: Plans, roles: Roles, args: tuple[Any, ...], parameters: Floats | None = None) -> None:
        self.name: str = plans.name
        self.roles = roles
        self.reduce: str | None = roles.options.reduce
        self.arguments: Arguments = bind(
            args, roles.names, roles.batched, self.name, static=roles.static, floats=roles.floats
        )
        self.serving: Serving = Serving(plans, self.arguments, parameters)

    @property
    def ran(self) -> Ran:
        return self.serving.ran

    @property
    def wrt(self) -> tuple[int, ...]:
        """The slots of the arguments to differentiate towards."""
        positions, _ = self.roles.wrt
        return self.arguments.slots_of(positions)

    def run(self, kind: Kind, wrt: tuple[int, ...] | None = None) -> tuple[Plan, Results]:
        """The results, and one of the plans that serve the examples; for a gradient the function gives one number."""
        towards = () if kind == Kind.VALUE else self.wrt if wrt is None else wrt
        return self.serving.run(Request(kind, towards), scalar=kind == Kind.GRADIENT)

    def value(self, plan: Plan, results: Results) -> Any:
        """The result of the function."""
        assert results.value is not None
        return of_result(self._structure(plan), self.scaled(results.value), plan.per_example)

    def _structure(self, plan: Plan) -> Structure:
        """That of the result."""
        return plan.stacked if plan.per_example and not self.roles.options.as_lists else plan.trace.structure

    def scaled(self, rows: Floats) -> Floats:
        """A result: of the mean over the batch, not the sum; of what is the same for all examples, one each."""
        n = self.arguments.n_examples
        if self.reduce == "mean" and n is not None:
            return rows / n if n else numpy.full_like(rows, numpy.nan)
        if self.reduce or n is None or rows.shape[1] == n:
            return rows
        return numpy.repeat(rows, n, axis=1)

    def gradient(self, results: Results) -> Any:
        """Derivatives towards the arguments, in their structure."""
        per_example = self.serving.ran.parts[0].plan.per_example

        def parts(number: int) -> list[Any]:
            slot, found = self.arguments.slots[number], results.adjoints.get(number)
            has_batch = slot.batched or per_example
            width = self.arguments.n_examples if has_batch else 1
            found = numpy.zeros((slot.lanes, width or 0)) if found is None else self.scaled(found)
            if found.shape[1] == 1 != width:
                found = numpy.repeat(found, width or 0, axis=1)
            return parts_of_rows(found, slot, has_batch)

        return self._like_arguments(parts)

    def _like_arguments(self, parts: Parts) -> Any:
        """Derivatives in the structure of the arguments."""
        counts = {place for plan, _ in self.serving.ran.parts for place in plan.trace.counts}
        return of_gradient(self.arguments, *self.roles.wrt, counts, parts)

    def jacobian(self) -> Any:
        """For each number of the result its gradient."""
        request = Request(Kind.JACOBIAN, self.wrt)
        parts = self.serving.parts()
        plan = parts[0].plan
        m = len(plan.trace.outputs)
        gradients = self._for_each(parts, request, [numpy.eye(m)], m)
        has_batch = self.arguments.n_examples is not None and plan.per_example
        like = self.gradient(Results(None, None, {}))
        return of_jacobian(self._structure(plan), gradients, has_batch, like)

    def hessian(self) -> Any:
        """For each number of the gradient its gradient."""
        slots = [self.arguments.slots[number] for number in self.wrt]
        if self.arguments.n_examples is not None and self.reduce and any(slot.batched for slot in slots):
            raise ValueError(
                f"the Hessian of {self.name}, reduced over a batch, towards the batch itself has no room for all pairs "
                "of examples; name the arguments to differentiate towards in wrt=…"
            )
        size = sum(slot.lanes for slot in slots)
        starts = dict(zip(self.wrt, numpy.cumsum([0, *(slot.lanes for slot in slots)]).tolist()))
        unit = numpy.eye(size)
        directions = [unit[starts[number] :][: slot.lanes] for number, slot in zip(self.wrt, slots)]
        parts = self.serving.parts(scalar=True)
        columns = self._for_each(parts, Request(Kind.PRODUCT, self.wrt), directions, size)
        has_batch = self.arguments.n_examples is not None and parts[0].plan.per_example
        like = self.gradient(Results(None, None, {}))

        def of_slot(number: int) -> list[Any]:
            slot = self.arguments.slots[number]
            found = columns[starts[number] :][: slot.lanes]
            return [combined(found, slot.shape, has_batch, like)] if slot.is_array else found

        return self._like_arguments(of_slot)

    def _for_each(self, parts: Sequence[Part], request: Request, seeds: Sequence[Floats], count: int) -> list[Any]:
        """The nests of derivatives for each column of the seeds: without a batch, they are the batch."""
        self.serving.note(parts, request)
        if self.arguments.n_examples is None:
            results = self.serving.run_plan(parts[0].plan, request, self.arguments, seeds, n=count)
            return [self.gradient(_column(results, column)) for column in range(count)]
        columns = [[seed[:, column : column + 1] for seed in seeds] for column in range(count)]
        return [self.gradient(self.serving.run_parts(parts, request, column)) for column in columns]

    def product(self, vector: Any) -> Any:
        """The Hessian times a vector."""
        positions, is_single = self.roles.wrt
        vectors = (vector,) if is_single else vector
        names = [self.roles.names[position] for position in positions]
        if not isinstance(vectors, tuple) or len(vectors) != len(positions):
            raise TypeError(
                f"hvp's vector for {self.name} must be a tuple of {len(positions)}, one each for "
                f"{', '.join(names)}, got {brief(vector)}"
            )
        expected = tuple(self.arguments.structures[position] for position in positions)
        batched = [
            any(slot.batched for slot in self.arguments.slots if slot.argument == position) for position in positions
        ]
        given = bind(
            [*map(self._in_order, positions, vectors)], [f"the vector for {name}" for name in names], batched, self.name
        )
        if tuple(given.structures) != expected:
            shown = [brief(nests[0] if is_single else nests) for nests in (expected, tuple(given.structures))]
            raise TypeError(
                f"hvp's vector must have the structure of the gradient of {self.name}, {shown[0]}, but has {shown[1]}"
            )
        if given.n_examples is not None and given.n_examples != self.arguments.n_examples:
            raise ValueError(
                f"hvp's vector for {self.name} has {given.n_examples} examples along its first axis, but its arguments "
                f"have {self.arguments.n_examples}"
            )
        parts = self.serving.parts(scalar=True)
        return self.gradient(self.serving.run_parts(parts, Request(Kind.PRODUCT, self.wrt), given.arrays))

    def _in_order(self, position: int, vector: Any) -> Any:
        """A vector with its numbers where those of the argument are, and 0 for None where there may be no derivative;
        as it is if it has another structure."""
        structure, slots = self.arguments.structures[position], self.arguments.ranges[position]
        takes_none = not self.arguments.integers.keys().isdisjoint(slots)
        try:
            leaves = [0.0 if each is None and takes_none else each for each in structure.leaves_of(vector)]
        except (TypeError, KeyError, ValueError, AttributeError):
            return vector
        return structure.rebuild(leaves)

    def short(self, plan: Plan) -> Short | None:
        """The way past all this to the results just found, for such arguments, if there is one."""
        captured, request, n = self.serving.plans.captured, self.ran.request, self.arguments.n_examples
        if n not in (None, 1) or plan.trace.counts or self.serving.parameters is not None:
            return None
        if captured.seen.number != plan.state:  # the function itself, or another thread, has changed it meanwhile
            return None
        if request not in plan.entries:
            plan.entries[request] = self._entry(plan, request)
        found = plan.entries[request]
        return None if found is None else one_point.short(found, captured.seen.watch)

    def _entry(self, plan: Plan, request: Request) -> Entry | None:
        if not is_possible() or not is_machine(plan.target):
            return None
        try:
            layout = layout_of(self.arguments, plan, request.kind, self.roles.wrt, self._structure(plan))
        except Unknown:
            return None
        names = ["value", *(name for _, name in request.names)]
        return entry_of(plan.executor(request), layout, names, len(plan.trace.guards))


def _column(results: Results, column: int) -> Results:
    """Of results for several seeds at once, those of one."""
    adjoints = {
        slot: rows[:, column : column + 1] if rows.shape[1] > 1 else rows for slot, rows in results.adjoints.items()
    }
    return Results(None, None, adjoints)
