"""One call of a compiled function: arguments to arrays, the plan that fits them, results to nests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from operator import is_
from typing import Any, Literal

import numpy

from autograd_mini.compiler.binding import (
    Bound,
    bind,
    combined,
    fill,
    in_order,
    nest_of_arrays,
    nest_of_nests,
    outline,
)
from autograd_mini.compiler.deriving import Plan, Wanted
from autograd_mini.compiler.direct import Short, direct
from autograd_mini.compiler.executing import Target
from autograd_mini.compiler.numpy_rows import errors_kept
from autograd_mini.compiler.planning import Plans
from autograd_mini.compiler.program import Floats, Index, Program, is_adjoint
from autograd_mini.compiler.settling import run
from autograd_mini.compiler.splitting import Agreements, Part, split
from autograd_mini.compiler.tracing import Trace, place
from autograd_mini.primitives import brief
from autograd_mini.value import Value

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


RUNS = {
    "value": "the value",
    "gradient": "value and gradient",
    "jacobian": "the Jacobian",
    "product": "products with the Hessian",
}


@dataclass(frozen=True)
class Ran:
    """What a call ran: programs of a kind, each for a part of the examples.

    Attributes:
        parameters: those of all parts.
    """

    parts: Sequence[Part]
    kind: str
    wanted: Wanted
    parameters: Sequence[Value]

    @property
    def program(self) -> Program:
        """That of most examples."""
        plan, rows = max(self.parts, key=lambda part: len(part.rows))
        remarks = ["run scalar by scalar, not pack by pack"] if plan.runs_scalars(self.kind, self.wanted) else []
        if len(self.parts) > 1:
            n = sum(len(part.rows) for part in self.parts)
            remarks.append(f"one of {len(self.parts)} paths, that of {len(rows)} of {n} examples")
        return replace(plan.shown(self.kind, self.wanted), run=RUNS[self.kind], remarks=remarks)


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
        args, self.names, batched = arranged(plans.function, self.name, names, options, args, keywords)
        self.bound = bind(args, self.names, batched, self.name)
        self.parameters = parameters

    def wanted(self) -> Wanted:
        """The slots of the arguments to differentiate towards."""
        self.chosen, self.is_single = differentiated(self.options, self.names, self.name)
        slots = list(enumerate(self.bound.slots))
        return tuple(number for position in self.chosen for number, slot in slots if slot.argument == position)

    def run(self, kind: str, wanted: Wanted, scalar: bool = False) -> tuple[Plan, dict[str, Floats]]:
        """The results of the plans that serve the examples, joined; and one of the plans."""
        known = self.plans.known(self.bound)
        if not self._has_several:
            return self._at_one_point(known, kind, wanted, scalar)
        first = max(known, key=lambda plan: plan.share) if known else self._traced(0, known)
        # The values of one example do not depend on the others; their derivatives may be computed with more care where
        # those of others are not finite.
        stays = kind == "value" and first.per_example
        whole = self.plans.together(self.bound, known) if stays and len(known) > 1 and self.parameters is None else None
        if whole is not None:
            of_all = self._run_plan(whole, kind, wanted, self.bound)
            if _holds(whole, of_all):
                self._note([Part(whole, numpy.arange(self.bound.n_examples or 0))], kind, wanted)
                return whole, of_all
        results: dict[str, Floats] | None = None
        if first.share >= (0.5 if stays else 1.0) and (not scalar or _is_one_number(first.trace)):
            results = self._run_plan(first, kind, wanted, self.bound)
        parts = self._parts(known, first, results)
        self._require(parts, scalar)
        self._note(parts, kind, wanted)
        if results is not None and (stays or [part.plan for part in parts] == [first]):
            return parts[0].plan, self._run_parts(parts, kind, wanted, given=(first, results))
        return parts[0].plan, self._run_parts(parts, kind, wanted)

    @property
    def _has_several(self) -> bool:
        """Whether there are several examples."""
        return self.bound.n_examples is not None and self.bound.n_examples > 1

    def _at_one_point(
        self, known: Sequence[Plan], kind: str, wanted: Wanted, scalar: bool
    ) -> tuple[Plan, dict[str, Floats]]:
        """The results of the plan that holds there; of the trace made there, if there is none."""
        for plan in known:
            is_ready = not scalar or _is_one_number(plan.trace)
            results = self._run_plan(plan, kind if is_ready else "guards", wanted if is_ready else (), self.bound)
            if _holds(plan, results):
                break
        else:
            plan = self._traced(0, known)
            results = {}
        parts = [Part(plan, numpy.arange(1))]
        self._require(parts, scalar)
        if not results:
            results = self._run_plan(plan, kind, wanted, self.bound)
            if self.parameters is not None and not _holds(plan, results):
                raise self._other_way(plan)
        self._note(parts, kind, wanted)
        return plan, results

    def _parts(self, known: Sequence[Plan], first: Plan, results: dict[str, Floats] | None) -> list[Part]:
        """Which plan serves which examples, if there are several.

        Args:
            results: those of the first plan for all of them, if there are.
        """
        n = self.bound.n_examples or 0
        if not first.trace.guards or (results is not None and _holds(first, results)):
            first.share = 1.0
            return [Part(first, numpy.arange(n))]

        def decide(plan: Plan, rows: Index) -> Agreements:
            is_whole = len(rows) == n
            if plan is first and results is not None:
                found = results
            else:
                found = self._run_plan(plan, "guards", (), self.bound if is_whole else self.bound.part(rows))
            narrow = numpy.uint8 if len(plan.trace.guards) < 256 else numpy.uint32
            agreements: Agreements = found["guards"][0].astype(narrow)
            if agreements.size == 1:
                return numpy.repeat(agreements, len(rows))
            return agreements if len(agreements) == len(rows) else agreements[rows]

        plans = known or [first]
        parts = split(n, plans, decide, lambda row: self._traced(row, plans), None if results is None else first)
        for plan in plans:
            plan.share = 0.0
        for plan, rows in parts:
            plan.share = len(rows) / n
        return parts

    def _serving(self, scalar: bool = False) -> list[Part]:
        """Which plan serves which examples."""
        known = self.plans.known(self.bound)
        if self._has_several:
            first = max(known, key=lambda plan: plan.share) if known else self._traced(0, known)
            parts = self._parts(known, first, None)
        else:
            plan = next((plan for plan in known if self._is_serving(plan)), None)
            parts = [Part(self._traced(0, known) if plan is None else plan, numpy.arange(1))]
        self._require(parts, scalar)
        return parts

    def _is_serving(self, plan: Plan) -> bool:
        return not plan.trace.guards or _holds(plan, self._run_plan(plan, "guards", (), self.bound))

    def _traced(self, row: int, known: Sequence[Plan]) -> Plan:
        """The plan of the path that the function takes at an example."""
        if self.parameters is not None and known:
            raise self._other_way(known[0])
        return self.plans.traced(self.bound, row)

    def _other_way(self, plan: Plan) -> ValueError:
        return ValueError(
            f"{self.name} branches on numbers at {place(plan.trace.guards[-1].line)}, and takes another way with the "
            "numbers given in parameters=…; write them into the Values and call it without"
        )

    def _require(self, parts: Sequence[Part], scalar: bool) -> None:
        """Require results of one structure; if `scalar`, one number.

        Raises:
            TypeError: there are several numbers.
            ValueError: the structures differ within the batch.
        """
        first = parts[0].plan.trace.structure
        for plan, rows in parts:
            if scalar and not _is_one_number(plan.trace):
                raise TypeError(
                    f"a gradient needs one number as the result of {self.name}, got {plan.trace.structure!r}; for "
                    "several numbers use jacobian"
                )
            if plan.trace.structure != first:
                raise ValueError(
                    f"{self.name} gives {first!r} for example 0 of the batch and {plan.trace.structure!r} for example "
                    f"{rows[0]}; results of one batch need one structure"
                )
            if self.parameters is not None and not _same(plan.trace.parameters, parts[0].plan.trace.parameters):
                raise self._other_way(plan)

    def _note(self, parts: Sequence[Part], kind: str, wanted: Wanted) -> None:
        """Keep what ran."""
        all_of_them = [plan.trace.parameters for plan, _ in parts]
        parameters = all_of_them[0] if len(parts) == 1 else [*dict.fromkeys(chain.from_iterable(all_of_them))]
        self.ran = Ran(parts, kind, wanted, parameters)

    def _run_parts(
        self,
        parts: Sequence[Part],
        kind: str,
        wanted: Wanted,
        seeds: Sequence[Floats] = (),
        given: tuple[Plan, dict[str, Floats]] | None = None,
    ) -> dict[str, Floats]:
        """The results of all parts, joined.

        Args:
            given: a plan and its results for the whole batch, to be changed.
        """
        found = []
        for plan, rows in parts:
            if given is not None and plan is given[0]:
                found.append(given[1])
            elif len(parts) == 1:
                found.append(self._run_plan(plan, kind, wanted, self.bound, seeds))
            else:
                chosen = [seed[:, rows] if seed.shape[1] == self.bound.n_examples else seed for seed in seeds]
                found.append(self._run_plan(plan, kind, wanted, self.bound.part(rows), chosen))
        return found[0] if len(parts) == 1 else self._joined(parts, found)

    def _joined(self, parts: Sequence[Part], found: Sequence[dict[str, Floats]]) -> dict[str, Floats]:
        """The results of the whole batch: those of each example in its place, the sums added up."""
        slots, n = self.bound.slots, self.bound.n_examples or 0
        number_of = {parameter: number for number, parameter in enumerate(self.ran.parameters)}
        joined: dict[str, Floats] = {}
        for name in dict.fromkeys(name for results in found for name in results if name != "guards"):
            slot = int(name.split()[1]) if is_adjoint(name) else None
            is_each = parts[0].plan.per_example or (slot is not None and slot >= 0 and slots[slot].batched)
            pieces = [(part, results[name]) for part, results in zip(parts, found) if name in results]
            if slot == -1:
                pieces = [(part, _spread(rows, part.plan.trace.parameters, number_of)) for part, rows in pieces]
            lanes = len(pieces[0][1])
            if not is_each:
                joined[name] = numpy.sum([piece for _, piece in pieces], axis=0)
                continue
            whole = next((piece for (_, rows), piece in pieces if piece.shape[1] == n and len(rows) < n), None)
            joined[name] = total = numpy.zeros((lanes, n)) if whole is None else whole
            others = [(part.rows, piece) for part, piece in pieces if piece is not whole]
            if others and all(len(rows) == piece.shape[1] for rows, piece in others):
                together = numpy.concatenate([rows for rows, _ in others])
                others = [(together, numpy.concatenate([piece for _, piece in others], axis=1))]
            for rows, piece in others:
                total[:, rows] = piece
        return joined

    def _run_plan(
        self,
        plan: Plan,
        kind: str,
        wanted: Wanted,
        bound: Bound,
        seeds: Sequence[Floats] = (),
        n: int | None = None,
    ) -> dict[str, Floats]:
        """The results of one plan for some arguments, whether its guards hold or not."""
        n = n if n is not None else 1 if bound.n_examples is None else bound.n_examples
        leaves = dict(zip(plan.inputs, [*bound.arrays, self._parameters(plan)]))
        try:
            return errors_kept(lambda: run(plan, kind, wanted, leaves, seeds, n))
        except MemoryError:
            raise MemoryError(
                f"{self.name} needs more memory for {n} examples than there is; call it with fewer at a time"
            ) from None

    def short(self, plan: Plan) -> Short | None:
        """The way past all this for plain floats to the value and the gradient just found, if there is one."""
        if plan.short is None:
            plan.short = self._short(plan)
        return plan.short or None

    def _short(self, plan: Plan) -> Short | Literal[False]:
        if self.bound.n_examples is not None or plan.trace.guards or plan.trace.parameters:
            return False
        if any(template[0] != "number" for template in self.bound.templates):
            return False
        inputs = [plan.leaf(number) for number in range(len(self.bound.slots))]
        kind, wanted = self.ran.kind, self.ran.wanted
        names = ["value", *(f"adjoint {number}" for number in wanted)]
        short = direct(plan.executor(kind, wanted), inputs, names, self.is_single)
        return False if short is None else self.plans.captured.guarded(short)

    def _parameters(self, plan: Plan) -> Floats:
        count = len(plan.trace.parameters)
        if self.parameters is None:
            return numpy.array([parameter._data for parameter in plan.trace.parameters], dtype=float)[:, None]
        given = numpy.asarray(self.parameters, dtype=float)
        if given.shape != (count,):
            raise ValueError(f"{self.name} has {count} parameters, got an array of shape {given.shape} for them")
        return given[:, None]

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
        parts = self._serving()
        plan = parts[0].plan
        m = len(plan.trace.outputs)
        gradients = self._for_each(parts, "jacobian", wanted, [numpy.eye(m)], m)
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
        parts = self._serving(scalar=True)
        columns = self._for_each(parts, "product", wanted, directions, size)
        has_batch = bound.n_examples is not None and parts[0].plan.per_example
        like = self.in_structure(parts[0].plan, {})
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

    def _for_each(
        self, parts: Sequence[Part], kind: str, wanted: Wanted, seeds: Sequence[Floats], count: int
    ) -> list[Any]:
        """The nests of derivatives for each column of the seeds: without a batch, they are the batch."""
        self._note(parts, kind, wanted)
        plan = parts[0].plan
        if self.bound.n_examples is None:
            results = self._run_plan(plan, kind, wanted, self.bound, seeds, n=count)
            return [self.in_structure(plan, _column(results, column)) for column in range(count)]
        columns = [[seed[:, column : column + 1] for seed in seeds] for column in range(count)]
        return [self.in_structure(plan, self._run_parts(parts, kind, wanted, column)) for column in columns]

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
        parts = tuple(in_order(bound.templates[position], part) for position, part in zip(self.chosen, parts))
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
        parts = self._serving(scalar=True)
        self._note(parts, "product", wanted)
        return self.in_structure(parts[0].plan, self._run_parts(parts, "product", wanted, given.arrays))


def arranged(
    function: Callable[..., Any],
    name: str,
    names: tuple[str, ...],
    options: Options,
    args: tuple[Any, ...],
    keywords: dict[str, Any],
) -> tuple[tuple[Any, ...], tuple[str, ...], list[bool]]:
    """All arguments as positional ones, what they are called, and which of them carry a batch."""
    if keywords:
        args = _in_order(function, name, args, keywords)
    names = _names(names, len(args))
    batch: Any = options.batch
    chosen = _positions(batch, "batch", names, name)
    return args, names, [position in chosen for position in range(len(args))]


def _in_order(
    function: Callable[..., Any], name: str, args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[Any, ...]:
    try:
        arguments = inspect.signature(function).bind(*args, **keywords)
    except TypeError as error:
        raise TypeError(f"{name}(): {error}") from None
    except ValueError:
        raise TypeError(f"{name} does not tell the names of its arguments; give them by position") from None
    if arguments.kwargs:
        raise TypeError(
            f"{name} was given {', '.join(arguments.kwargs)} by name, which it does not take by position next to the "
            "others; a compiled function takes positional arguments"
        )
    return arguments.args


def differentiated(options: Options, names: tuple[str, ...], name: str) -> tuple[list[int], bool]:
    """The arguments to differentiate towards, and whether the gradient is that of one."""
    wrt: Any = options.wrt
    chosen = _positions(wrt, "wrt", names, name)
    return chosen, isinstance(wrt, (int, str)) or (wrt is None and len(chosen) == 1)


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


def _holds(plan: Plan, results: dict[str, Floats]) -> bool:
    """Whether all of a plan's decisions come out as they did in its trace."""
    return not plan.trace.guards or bool((results["guards"] == len(plan.trace.guards)).all())


def _spread(rows: Floats, parameters: Sequence[Value], number_of: Mapping[Value, int]) -> Floats:
    """Derivatives towards some parameters among those towards all."""
    spread = numpy.zeros((len(number_of), rows.shape[1]))
    spread[[number_of[parameter] for parameter in parameters]] = rows
    return spread


def _same(ones: Sequence[Value], others: Sequence[Value]) -> bool:
    """Whether they are the same Values."""
    return ones is others or (len(ones) == len(others) and all(map(is_, ones, others)))


def _is_one_number(traced: Trace) -> bool:
    return traced.structure.build is None or traced.structure.kind == ("array", ())
