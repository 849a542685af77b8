"""One call of a compiled function: arguments to arrays, the plan that fits them, results to nests."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from autograd_mini.compiler.binding import (
    bind,
    combined,
    fill,
    nest_of_arrays,
    nest_of_nests,
)
from autograd_mini.compiler.deriving import Plan, Wanted, run
from autograd_mini.compiler.planning import Plans
from autograd_mini.compiler.program import Floats
from autograd_mini.compiler.tracing import Guard, Trace, place

MOST_PATHS = 64
"""So many ways through the branches of a function are kept for one layout of its arguments."""

Chosen = bool | int | str | Sequence[int | str] | None


@dataclass(frozen=True)
class Options:
    """Those of `compile`."""

    wrt: Chosen
    batch: Chosen
    reduce: str | None


class Call:
    """One call: its arguments as arrays, and the plan that fits them."""

    def __init__(
        self,
        plans: Plans,
        names: Sequence[str],
        options: Options,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        parameters: Floats | None = None,
    ) -> None:
        self.plans = plans
        self.name = plans.name
        self.options = options
        if keywords:
            arguments = inspect.signature(plans.function).bind(*args, **keywords)
            if arguments.kwargs:
                raise TypeError(f"{self.name} has keyword-only arguments; a compiled function takes positional ones")
            args = arguments.args
        self.names = [*names, *(f"argument {n}" for n in range(len(names), len(args)))][: len(args)]
        chosen = self._positions(options.batch, "batch")
        self.bound = bind(args, self.names, [position in chosen for position in range(len(args))], self.name)
        self.parameters = parameters

    def _positions(self, chosen: Any, option: str) -> list[int]:
        """The arguments that an option names."""
        if chosen is True or chosen is None:
            return list(range(len(self.names)))
        if chosen is False:
            return []
        found = []
        for each in [chosen] if isinstance(chosen, (int, str)) else chosen:
            position = self.names.index(each) if each in self.names else each
            if not isinstance(position, int) or not -len(self.names) <= position < len(self.names):
                raise ValueError(
                    f"{option} names argument {each!r} of {self.name}, which has {', '.join(self.names) or 'none'}"
                )
            found.append(position % len(self.names))
        return found

    def wanted(self) -> Wanted:
        """The slots of the arguments to differentiate towards."""
        wrt = self.options.wrt
        self.chosen = self._positions(wrt, "wrt")
        self.is_single = isinstance(wrt, (int, str)) or (wrt is None and len(self.chosen) == 1)
        return tuple(number for number, slot in enumerate(self.bound.slots) if slot.argument in self.chosen)

    def run(
        self, kind: str, wanted: Wanted, seeds: Sequence[Floats] = (), n: int | None = None, scalar: bool = False
    ) -> tuple[Plan, dict[str, Floats]]:
        """The results of the plan whose guards hold, made if there is none."""
        bound = self.bound
        n = n if n is not None else 1 if bound.n_examples is None else bound.n_examples
        for attempt in range(MOST_PATHS + 1):
            plan = self.plans(bound, attempt)
            if scalar:
                _require_one_number(plan.trace, self.name)
            leaves = dict(zip(plan.packed.inputs, [*bound.arrays, self._parameters(plan)]))
            program = plan.executor(kind, wanted).program
            leaves |= dict(zip(program.leaves("seed"), seeds))
            try:
                results = run(plan, kind, wanted, leaves, n)
            except MemoryError:
                raise MemoryError(
                    f"{self.name} needs more memory for {n} examples than there is; call it with fewer at a time"
                ) from None
            failed = self._failed(plan, results)
            if failed is None:
                self.ran = plan, kind, wanted
                return plan, results
        assert failed is not None
        raise ValueError(
            f"{self.name} took more than {MOST_PATHS} different ways through its branches, last at "
            f"{place(failed.line)}; use where() or maximum() in place of branches on numbers"
        )

    def _parameters(self, plan: Plan) -> Floats:
        count = len(plan.trace.parameters)
        if self.parameters is None:
            return numpy.array([parameter._data for parameter in plan.trace.parameters], dtype=float)[:, None]
        given = numpy.asarray(self.parameters, dtype=float)
        if given.shape != (count,):
            raise ValueError(f"{self.name} has {count} parameters, got an array of shape {given.shape} for them")
        return given[:, None]

    def _failed(self, plan: Plan, results: dict[str, Floats]) -> Guard | None:
        """The first guard that does not hold for this call."""
        if "guards" not in results or not results["guards"].shape[1]:
            return None
        for guard, row in zip(plan.trace.guards, results["guards"]):
            holds = (row != 0.0) == guard.outcome
            if not holds.all():
                if holds.any():
                    raise ValueError(
                        f"a branch of {self.name} differs within the batch, at {place(guard.line)}; use where() or "
                        "maximum() in place of the branch, or call it without a batch"
                    )
                return guard
        return None

    def width(self, rows: Floats) -> int:
        """How often to repeat rows that are the same for all examples."""
        n = self.bound.n_examples
        return 1 if n is None or rows.shape[1] == n else n

    def scaled(self, rows: Floats) -> Floats:
        """A result: of the mean over the batch, not the sum; of what is the same for all examples, one each."""
        n = self.bound.n_examples
        if self.options.reduce == "mean" and n is not None:
            return rows / n if n else numpy.full_like(rows, numpy.nan)
        return rows if self.options.reduce or n is None else numpy.repeat(rows, self.width(rows), axis=1)

    def in_structure(self, plan: Plan, results: dict[str, Floats]) -> Any:
        """Derivatives towards the wanted arguments, in their structure."""
        n = self.bound.n_examples or 1 if self.bound.n_examples is None else self.bound.n_examples
        rows, has_batch = [], []
        for number, slot in enumerate(self.bound.slots):
            width = n if slot.batched or plan.per_example else 1
            found = results.get(f"adjoint {number}")
            found = numpy.zeros((slot.lanes, width)) if found is None else self.scaled(found)
            rows.append(numpy.repeat(found, width, axis=1) if found.shape[1] == 1 and width != 1 else found)
            has_batch.append(slot.batched or plan.per_example)
        templates = [self.bound.templates[position] for position in self.chosen]
        nests = nest_of_arrays(templates, rows, has_batch)
        return nests[0] if self.is_single else tuple(nests)

    def jacobian(self) -> Any:
        """For each number of the result its gradient."""
        wanted = self.wanted()
        plan = self.plans(self.bound, 0)
        m = plan.outputs.index.size
        unit = numpy.eye(m)
        if self.bound.n_examples is None:
            plan, results = self.run("jacobian", wanted, [unit], n=m)
            gradients = [self.in_structure(plan, _column(results, output)) for output in range(m)]
        else:
            gradients = []
            for output in range(m):
                plan, results = self.run("jacobian", wanted, [unit[:, output : output + 1]])
                gradients.append(self.in_structure(plan, results))
        return nest_of_nests(plan.trace.structure, gradients, self.bound.n_examples is not None and plan.per_example)

    def hessian(self) -> Any:
        """For each number of the gradient its gradient."""
        wanted = self.wanted()
        bound, slots = self.bound, [self.bound.slots[number] for number in wanted]
        if bound.n_examples is not None and self.options.reduce and any(slot.batched for slot in slots):
            raise ValueError(
                f"the Hessian of {self.name}, reduced over a batch, towards the batch itself has no room for all pairs "
                "of examples; name the arguments to differentiate towards in wrt=…"
            )
        size = sum(slot.lanes for slot in slots)
        starts = dict(zip(wanted, numpy.cumsum([0, *(slot.lanes for slot in slots)]).tolist()))
        unit = numpy.eye(size)
        directions = [unit[starts[number] :][: bound.slots[number].lanes] for number in wanted]
        columns = []
        if bound.n_examples is None:
            plan, results = self.run("product", wanted, directions, n=size, scalar=True)
            columns = [self.in_structure(plan, _column(results, column)) for column in range(size)]
        else:
            for column in range(size):
                seeds = [direction[:, column : column + 1] for direction in directions]
                plan, results = self.run("product", wanted, seeds, scalar=True)
                columns.append(self.in_structure(plan, results))
        has_batch = bound.n_examples is not None and plan.per_example
        nests = [
            fill(
                bound.templates[position],
                lambda slot, shape: combined(columns[starts[slot] :][: bound.slots[slot].lanes], shape, has_batch),
                lambda slot, lane: columns[starts[slot] + lane],
            )
            for position in self.chosen
        ]
        return nests[0] if self.is_single else tuple(nests)

    def product(self, vector: Any) -> Any:
        """The Hessian times a vector."""
        wanted = self.wanted()
        bound = self.bound
        parts = (vector,) if self.is_single else vector
        names = [f"the vector for {self.names[position]}" for position in self.chosen]
        batched = [any(slot.batched for slot in bound.slots if slot.argument == position) for position in self.chosen]
        given = bind(parts, names, batched, self.name)
        expected = [slot for slot in bound.slots if slot.argument in self.chosen]
        if [slot.shape for slot in given.slots] != [slot.shape for slot in expected]:
            raise TypeError(
                f"hvp's vector must have the structure of the gradient of {self.name}, arrays of "
                f"{[slot.shape for slot in expected]}, but has {[slot.shape for slot in given.slots]}"
            )
        plan, results = self.run("product", wanted, given.arrays, scalar=True)
        return self.in_structure(plan, results)


def _column(results: dict[str, Floats], column: int) -> dict[str, Floats]:
    """Of results for several seeds at once, those of one."""
    return {
        name: rows[:, column : column + 1] if rows.shape[1] > 1 else rows
        for name, rows in results.items()
        if name.startswith("adjoint")
    }


def _require_one_number(traced: Trace, name: str) -> None:
    if traced.structure.build is not None and not (len(traced.outputs) == 1 and traced.structure.kind == ("array", ())):
        raise TypeError(
            f"a gradient needs one number as the result of {name}, got {traced.structure!r}; for several numbers use "
            "jacobian"
        )
