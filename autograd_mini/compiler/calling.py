"""One call of a compiled function: arguments to arrays, the plan that fits them, results to nests."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy

from autograd_mini.compiler.binding import (
    bind,
    combined,
    fill,
    nest_of_arrays,
    nest_of_nests,
    outline,
)
from autograd_mini.compiler.deriving import Plan, Wanted, run
from autograd_mini.compiler.direct import Short, direct
from autograd_mini.compiler.executing import Target
from autograd_mini.compiler.numpy_rows import errors_kept
from autograd_mini.compiler.planning import Plans
from autograd_mini.compiler.program import Floats, is_adjoint
from autograd_mini.compiler.tracing import Guard, Trace, place
from autograd_mini.primitives import brief

MOST_PATHS = 64
"""So many ways through the branches of a function are kept for one layout of its arguments."""

Chosen = bool | int | str | Collection[int | str] | None


@dataclass(frozen=True)
class Options:
    """Those of `compile`.

    Raises:
        TypeError: one is of another type.
        ValueError: `reduce` is none of its values, or there is no batch to reduce.
    """

    wrt: Chosen
    batch: Chosen
    reduce: str | None
    target: Target

    def __post_init__(self) -> None:
        if self.reduce not in (None, "sum", "mean"):
            raise ValueError(f"reduce must be None, 'sum' or 'mean', got {brief(self.reduce)}")
        if not (self.wrt is None or _names_arguments(self.wrt)):
            raise TypeError(f"wrt takes positions or names of arguments, or None for all, got {brief(self.wrt)}")
        if not (isinstance(self.batch, bool) or _names_arguments(self.batch)):
            raise TypeError(f"batch takes positions or names of arguments, True or False, got {brief(self.batch)}")
        if self.reduce is not None and self.batch is False:
            raise ValueError(f"reduce={self.reduce!r} needs a batch; name the arguments that carry it in batch=…")
        for name in ("wrt", "batch"):
            chosen = getattr(self, name)
            if isinstance(chosen, (list, set)):  # which may change, and are no keys
                object.__setattr__(self, name, tuple(chosen))


def _names_arguments(chosen: Any) -> bool:
    if isinstance(chosen, (list, tuple, set, frozenset)):
        return all(isinstance(each, (int, str)) and not isinstance(each, bool) for each in chosen)
    return isinstance(chosen, (int, str)) and not isinstance(chosen, bool)


class Call:
    """One call: its arguments as arrays, and the plan that fits them."""

    def __init__(
        self,
        plans: Plans,
        names: tuple[str, ...],
        options: Options,
        args: tuple[Any, ...],
        keywords: dict[str, Any],
        parameters: Floats | None = None,
    ) -> None:
        self.plans = plans
        self.name = plans.name
        self.options = options
        if keywords:
            args = self._in_order(args, keywords)
        self.names = _names(names, len(args))
        batch: Any = options.batch
        chosen = _positions(batch, "batch", self.names, self.name)
        self.bound = bind(args, self.names, [position in chosen for position in range(len(args))], self.name)
        self.parameters = parameters

    def _in_order(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments as positional ones."""
        try:
            arguments = inspect.signature(self.plans.function).bind(*args, **keywords)
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None
        except ValueError:
            raise TypeError(f"{self.name} does not tell the names of its arguments; give them by position") from None
        if arguments.kwargs:
            raise TypeError(
                f"{self.name} was given {', '.join(arguments.kwargs)} by name, which it does not take by position next "
                "to the others; a compiled function takes positional arguments"
            )
        return arguments.args

    def wanted(self) -> Wanted:
        """The slots of the arguments to differentiate towards."""
        wrt: Any = self.options.wrt
        self.chosen = _positions(wrt, "wrt", self.names, self.name)
        self.is_single = isinstance(wrt, (int, str)) or (wrt is None and len(self.chosen) == 1)
        slots = list(enumerate(self.bound.slots))
        return tuple(number for position in self.chosen for number, slot in slots if slot.argument == position)

    def run(self, kind: str, wanted: Wanted, scalar: bool = False) -> tuple[Plan, dict[str, Floats]]:
        """The results of the plan whose guards hold, made if there is none."""
        tried: list[Plan] = []
        while len(tried) <= MOST_PATHS:
            plan = self.plans(self.bound, tried)
            is_ready = not scalar or _is_one_number(plan.trace)
            results = self.run_plan(plan, kind, wanted) if is_ready else self.run_plan(plan, "value", ())
            failed = self._failed(plan, results)
            if failed is None and is_ready:
                return plan, results
            if failed is None:
                raise TypeError(
                    f"a gradient needs one number as the result of {self.name}, got {plan.trace.structure!r}; for "
                    "several numbers use jacobian"
                )
            if self.parameters is not None:
                raise ValueError(
                    f"{self.name} branches on numbers at {place(failed.line)}, and takes another way with the numbers "
                    "given in parameters=…; write them into the Values and call it without"
                )
            tried.append(plan)
        assert failed is not None
        raise ValueError(
            f"{self.name} took more than {MOST_PATHS} different ways through its branches, last at "
            f"{place(failed.line)}; use where() or maximum() in place of branches on numbers"
        )

    def run_plan(
        self, plan: Plan, kind: str, wanted: Wanted, seeds: Sequence[Floats] = (), n: int | None = None
    ) -> dict[str, Floats]:
        """The results of one plan, whether its guards hold or not."""
        bound = self.bound
        n = n if n is not None else 1 if bound.n_examples is None else bound.n_examples
        leaves = dict(zip(plan.inputs, [*bound.arrays, self._parameters(plan)]))
        self.ran = plan, kind, wanted
        try:
            return errors_kept(lambda: run(plan, kind, wanted, leaves, seeds, n))
        except MemoryError:
            raise MemoryError(
                f"{self.name} needs more memory for {n} examples than there is; call it with fewer at a time"
            ) from None

    def fitting(self, scalar: bool = False) -> Plan:
        """The plan whose guards hold, made if there is none."""
        plan = self.plans(self.bound, ())
        if plan.trace.guards or (scalar and not _is_one_number(plan.trace)):
            plan, _ = self.run("value", (), scalar)
        return plan

    def short(self, plan: Plan, names: Sequence[str]) -> Short | None:
        """The way past all this for plain floats, if there is one."""
        if self.bound.n_examples is not None or plan.trace.guards or plan.trace.parameters:
            return None
        if any(template[0] != "number" for template in self.bound.templates):
            return None
        inputs = [plan.leaf(number) for number in range(len(self.bound.slots))]
        return direct(plan.executor(*self.ran[1:]), inputs, names, self.is_single)

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

    def scaled(self, rows: Floats) -> Floats:
        """A result: of the mean over the batch, not the sum; of what is the same for all examples, one each."""
        n = self.bound.n_examples
        if self.options.reduce == "mean" and n is not None:
            return rows / n if n else numpy.full_like(rows, numpy.nan)
        if self.options.reduce or n is None or rows.shape[1] == n:
            return rows
        return numpy.repeat(rows, n, axis=1)

    def in_structure(self, plan: Plan, results: dict[str, Floats]) -> Any:
        """Derivatives towards the wanted arguments, in their structure."""
        n = self.bound.n_examples or 1 if self.bound.n_examples is None else self.bound.n_examples
        rows: dict[int, Floats] = {}
        has_batch = [slot.batched or plan.per_example for slot in self.bound.slots]
        for number, slot in enumerate(self.bound.slots):
            if slot.argument not in self.chosen:
                continue
            width = n if has_batch[number] else 1
            found = results.get(f"adjoint {number}")
            found = numpy.zeros((slot.lanes, width)) if found is None else self.scaled(found)
            rows[number] = numpy.repeat(found, width, axis=1) if found.shape[1] == 1 and width != 1 else found
        templates = [self.bound.templates[position] for position in self.chosen]
        nests = nest_of_arrays(templates, rows, has_batch)
        return nests[0] if self.is_single else tuple(nests)

    def jacobian(self) -> Any:
        """For each number of the result its gradient."""
        wanted = self.wanted()
        plan = self.fitting()
        m = len(plan.trace.outputs)
        gradients = self._for_each(plan, "jacobian", wanted, [numpy.eye(m)], m)
        has_batch = self.bound.n_examples is not None and plan.per_example
        return nest_of_nests(plan.trace.structure, gradients, has_batch, self.in_structure(plan, {}))

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
        plan = self.fitting(scalar=True)
        columns = self._for_each(plan, "product", wanted, directions, size)
        has_batch = bound.n_examples is not None and plan.per_example
        like = self.in_structure(plan, {})
        nests = [
            fill(
                bound.templates[position],
                lambda slot, shape: combined(
                    columns[starts[slot] :][: bound.slots[slot].lanes], shape, has_batch, like
                ),
                lambda slot, lane: columns[starts[slot] + lane],
            )
            for position in self.chosen
        ]
        return nests[0] if self.is_single else tuple(nests)

    def _for_each(self, plan: Plan, kind: str, wanted: Wanted, seeds: Sequence[Floats], count: int) -> list[Any]:
        """The nests of derivatives for each column of the seeds: without a batch, they are the batch."""
        if self.bound.n_examples is None:
            results = self.run_plan(plan, kind, wanted, seeds, n=count)
            return [self.in_structure(plan, _column(results, column)) for column in range(count)]
        columns = [[seed[:, column : column + 1] for seed in seeds] for column in range(count)]
        return [self.in_structure(plan, self.run_plan(plan, kind, wanted, column)) for column in columns]

    def product(self, vector: Any) -> Any:
        """The Hessian times a vector."""
        wanted = self.wanted()
        bound = self.bound
        parts = (vector,) if self.is_single else vector
        if not isinstance(parts, tuple) or len(parts) != len(self.chosen):
            raise TypeError(
                f"hvp's vector for {self.name} must be a tuple of {len(self.chosen)}, one each for "
                f"{', '.join(self.names[position] for position in self.chosen)}, got {brief(vector)}"
            )
        names = [f"the vector for {self.names[position]}" for position in self.chosen]
        batched = [any(slot.batched for slot in bound.slots if slot.argument == position) for position in self.chosen]
        given = bind(parts, names, batched, self.name)
        expected = tuple(outline(bound.templates[position]) for position in self.chosen)
        found = tuple(outline(template) for template in given.templates)
        if found != expected:
            shown = [brief(nests[0] if self.is_single else nests) for nests in (expected, found)]
            raise TypeError(
                f"hvp's vector must have the structure of the gradient of {self.name}, {shown[0]}, but has {shown[1]}"
            )
        if given.n_examples is not None and given.n_examples != bound.n_examples:
            raise ValueError(
                f"hvp's vector for {self.name} has {given.n_examples} examples along its first axis, but its arguments "
                f"have {bound.n_examples}"
            )
        plan = self.fitting(scalar=True)
        return self.in_structure(plan, self.run_plan(plan, "product", wanted, given.arrays))


@lru_cache
def _names(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """What so many arguments are called."""
    return (*names, *(f"argument {n}" for n in range(len(names), count)))[:count]


@lru_cache(typed=True)
def _positions(chosen: Chosen, option: str, names: tuple[str, ...], function: str) -> list[int]:
    """The arguments that an option names."""
    if chosen is True or chosen is None:
        return list(range(len(names)))
    if chosen is False:
        return []
    found: list[int] = []
    for each in [chosen] if isinstance(chosen, (int, str)) else chosen:
        position = names.index(each) if each in names else each
        if not isinstance(position, int) or not -len(names) <= position < len(names):
            raise ValueError(f"{option} names argument {each!r} of {function}, which has {', '.join(names) or 'none'}")
        if position % len(names) in found:
            raise ValueError(f"{option} names argument {names[position]} of {function} twice")
        found.append(position % len(names))
    return found


def _column(results: dict[str, Floats], column: int) -> dict[str, Floats]:
    """Of results for several seeds at once, those of one."""
    return {
        name: rows[:, column : column + 1] if rows.shape[1] > 1 else rows
        for name, rows in results.items()
        if is_adjoint(name)
    }


def _is_one_number(traced: Trace) -> bool:
    return traced.structure.build is None or traced.structure.kind == ("array", ())
