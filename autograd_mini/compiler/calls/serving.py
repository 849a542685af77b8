"""Which plans serve the examples of a call, and what these compute together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import is_
from typing import Any

import numpy

from autograd_mini.compiler.calls.planning import Plans
from autograd_mini.compiler.calls.splitting import Agreements, Part, in_parts, split
from autograd_mini.compiler.calls.together import Joint
from autograd_mini.compiler.code.numpy_rows import errors_kept
from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.ir.names import adjoint
from autograd_mini.compiler.ir.program import Floats, Index, Program
from autograd_mini.compiler.ir.request import GUARDS, PARAMETERS, Kind, Request
from autograd_mini.compiler.ir.slots import Arguments
from autograd_mini.compiler.run.numpy_executor import Results
from autograd_mini.compiler.run.one_kernel import ScalarExecutor
from autograd_mini.compiler.ties.settling import run
from autograd_mini.leaving import place
from autograd_mini.value import Value

NO_PARAMETERS = numpy.empty((0, 1))


@dataclass(frozen=True)
class Ran:
    """What a call ran: programs of a kind, each for a part of the examples.

    Attributes:
        parameters: the parameters of all parts.
        whole: the plan that computed all parts together, if there is one; at later calls it may divide the examples
            otherwise.
    """

    parts: Sequence[Part]
    request: Request
    parameters: Sequence[Value]
    whole: Plan | None = None

    @property
    def program(self) -> Program:
        """The program that ran for most examples."""
        plan, _ = max(self.parts, key=lambda part: len(part.rows))
        is_of_scalars = isinstance(plan.executor(self.request), ScalarExecutor)
        remarks = ["run scalar by scalar, not pack by pack"] if is_of_scalars else []
        if len(self.parts) > 1:
            remarks.append(f"one of {len(self.parts)} paths")
        return replace(plan.shown(self.request), run=self.request.kind.in_words, remarks=remarks)


class Serving:
    """The examples of one call, and the plans that serve them.

    Args:
        parameters: numbers to use instead of those in the Values that the function reads from outside.

    Attributes:
        ran: what ran last.
    """

    ran: Ran

    def __init__(self, plans: Plans, arguments: Arguments, parameters: Floats | None) -> None:
        self.plans = plans
        self.name: str = plans.name
        self.arguments = arguments
        self.parameters = parameters

    def serve(self, request: Request) -> tuple[Plan, Results]:
        """Run the plans that serve the examples; return one of them, and the joined results. A gradient needs one
        number."""
        known, scalar = self.plans.known(self.arguments), request.kind == Kind.GRADIENT
        if (self.arguments.n_examples or 0) <= 1:
            return self._at_one_point(known, request, scalar)
        first = max(known, key=lambda plan: plan.share) if known else self._traced(0, known)
        # The values of one example do not depend on the others; their derivatives may be computed with more care where
        # those of others are not finite.
        stays = request.kind == Kind.VALUE and first.per_example
        joins = request.kind in (Kind.VALUE, Kind.GRADIENT) and first.per_example and len(known) > 1
        if joins and self.parameters is None and (not scalar or all(plan.is_one_number for plan in known)):
            found = self._together(known, request)
            if found is not None:
                return found
        results: Results | None = None
        if first.share >= (0.5 if stays else 1.0) and (not scalar or first.is_one_number):
            results = self.run_plan(first, request, self.arguments)
            if not first.trace.guards:
                self.note([Part(first, numpy.arange(self.arguments.n_examples or 0))], request)
                return first, results
        parts = self._parts(known, first, results)
        self._require(parts, scalar)
        if results is not None and (stays or [part.plan for part in parts] == [first]):
            return parts[0].plan, self.run_parts(parts, request, given=(first, results))
        return parts[0].plan, self.run_parts(parts, request)

    def _together(self, known: Sequence[Plan], request: Request) -> tuple[Plan, Results] | None:
        """The results of several plans joined into one; None if they are not joined, if an example takes none of their
        paths, or if something is tied or not finite: then each plan has to run by itself."""
        whole = self.plans.together(self.arguments, known, request)
        if whole is None:
            return None
        results = self.run_plan(whole, request, self.arguments, settles=False)
        value = results.rows["value"]
        taken = numpy.broadcast_to(value[-1], self.arguments.n_examples or 0).astype(numpy.uint8)
        if not (taken.all() and results.is_finite):
            return None
        parts = in_parts(known, taken)
        self._require(parts, False)
        self.note(parts, request, whole if isinstance(whole, Joint) else None)
        return parts[0].plan, results._replace(rows=results.rows | {"value": value[:-1]})

    def _at_one_point(self, known: Sequence[Plan], request: Request, scalar: bool) -> tuple[Plan, Results]:
        """The results at a single example, from the plan whose guards hold there, or from a new trace if none do."""
        results: Results | None = None
        for plan in known:
            is_ready = not scalar or plan.is_one_number
            results = self.run_plan(plan, request if is_ready else GUARDS, self.arguments)
            if _holds(plan, results):
                break
        else:
            plan, results = self._traced(0, known), None
        parts = [Part(plan, numpy.arange(1))]
        self._require(parts, scalar)
        if results is None:
            results = self.run_plan(plan, request, self.arguments)
            if self.parameters is not None and not _holds(plan, results):
                raise self._other_way(plan)
        self.note(parts, request)
        return plan, results

    def _parts(self, known: Sequence[Plan], first: Plan, results: Results | None) -> list[Part]:
        """Which plan serves which of several examples.

        Args:
            results: the results of the plan `first` for all examples, if it has run.
        """
        n = self.arguments.n_examples or 0
        if not first.trace.guards or (results is not None and _holds(first, results)):
            first.share = 1.0
            return [Part(first, numpy.arange(n))]

        def decide(plan: Plan, rows: Index) -> Agreements:
            is_whole = len(rows) == n
            if plan is first and results is not None:
                found = results
            else:
                found = self.run_plan(plan, GUARDS, self.arguments if is_whole else self.arguments.part(rows))
            narrow = numpy.uint8 if len(plan.trace.guards) < 256 else numpy.uint32
            agreements: Agreements = found.rows["guards"][0].astype(narrow)
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

    def parts(self, *, scalar: bool = False) -> list[Part]:
        """Which plan serves which examples."""
        known = self.plans.known(self.arguments)
        if (self.arguments.n_examples or 0) > 1:
            first = max(known, key=lambda plan: plan.share) if known else self._traced(0, known)
            parts = self._parts(known, first, None)
        else:
            plan = next((plan for plan in known if self._is_serving(plan)), None)
            parts = [Part(self._traced(0, known) if plan is None else plan, numpy.arange(1))]
        self._require(parts, scalar)
        return parts

    def _is_serving(self, plan: Plan) -> bool:
        return not plan.trace.guards or _holds(plan, self.run_plan(plan, GUARDS, self.arguments))

    def _traced(self, row: int, known: Sequence[Plan]) -> Plan:
        """The plan of the path that the function takes at an example."""
        if self.parameters is not None and known:
            raise self._other_way(known[0])
        return self.plans.traced(self.arguments, row)

    def _other_way(self, plan: Plan) -> ValueError:
        return ValueError(
            f"{self.name} branches on numbers at {place(plan.trace.guards[-1].line)}, and takes another path with the "
            "numbers given in parameters=…; write them into the Values, and call it without parameters=…"
        )

    def _require(self, parts: Sequence[Part], scalar: bool) -> None:
        """Require that all parts give results of one structure, a single number if `scalar`, and that they use the same
        Values if parameters are given.

        Raises:
            TypeError: a result is not a single number.
            ValueError: the structures differ within the batch, or the Values.
        """
        first = parts[0].plan.trace.structure
        for plan, rows in parts:
            if scalar and not plan.is_one_number:
                raise TypeError(
                    f"a gradient needs one number as the result of {self.name}, got {plan.trace.structure!r}; for "
                    "several numbers use jacobian"
                )
            if plan is not parts[0].plan and plan.trace.structure != first:
                raise ValueError(
                    f"{self.name} gives {first!r} for example 0 of the batch and {plan.trace.structure!r} for example "
                    f"{rows[0]}; results of one batch need one structure"
                )
            if self.parameters is not None and not _same(plan.trace.parameters, parts[0].plan.trace.parameters):
                raise self._other_way(plan)

    def note(self, parts: Sequence[Part], request: Request, whole: Plan | None = None) -> None:
        """Record what ran."""
        all_of_them = [plan.trace.parameters for plan, _ in parts]
        parameters = all_of_them[0] if len(parts) == 1 else [*dict.fromkeys(chain.from_iterable(all_of_them))]
        self.ran = Ran(parts, request, parameters, whole)

    def run_parts(
        self,
        parts: Sequence[Part],
        request: Request,
        seeds: Sequence[Floats] = (),
        given: tuple[Plan, Results] | None = None,
    ) -> Results:
        """Run all parts; return their joined results.

        Args:
            given: a plan and its results for the whole batch, which those of the other parts overwrite.
        """
        self.note(parts, request)
        found = []
        for plan, rows in parts:
            if given is not None and plan is given[0]:
                found.append(given[1])
            elif len(parts) == 1:
                found.append(self.run_plan(plan, request, self.arguments, seeds))
            else:
                n = self.arguments.n_examples
                chosen = [seed[:, rows] if seed.shape[1] == n else seed for seed in seeds]
                found.append(self.run_plan(plan, request, self.arguments.part(rows), chosen))
        return found[0] if len(parts) == 1 else self._joined(parts, found)

    def _joined(self, parts: Sequence[Part], found: Sequence[Results]) -> Results:
        """The results of the whole batch: those of each example are put in its place, sums are added up."""
        number_of = {parameter: number for number, parameter in enumerate(self.ran.parameters)}
        joined = {}
        for name in dict.fromkeys(chain.from_iterable(each.rows for each in found)):
            pieces = [(part, each.rows[name]) for part, each in zip(parts, found) if name in each.rows]
            if name == adjoint(*PARAMETERS):
                pieces = [(part, _spread(rows, part.plan.trace.parameters, number_of)) for part, rows in pieces]
            if name != "guards":
                is_sum = parts[0].plan.frame.is_sum(name)
                joined[name] = self._whole([(part.rows, rows) for part, rows in pieces], is_sum)
        return Results(joined, True)

    def _whole(self, pieces: Sequence[tuple[Index, Any]], is_sum: bool) -> Any:
        """Put together a result of the whole batch from those of its parts: as a sum if `is_sum`, else in place."""
        n = self.arguments.n_examples or 0
        if is_sum:
            return numpy.sum([piece for _, piece in pieces], axis=0)
        whole = next((piece for rows, piece in pieces if piece.shape[1] == n and len(rows) < n), None)
        total = numpy.zeros((len(pieces[0][1]), n)) if whole is None else whole
        others = [(rows, piece) for rows, piece in pieces if piece is not whole]
        if others and all(len(rows) == piece.shape[1] for rows, piece in others):
            together = numpy.concatenate([rows for rows, _ in others])
            others = [(together, numpy.concatenate([piece for _, piece in others], axis=1))]
        for rows, piece in others:
            total[:, rows] = piece
        return total

    def run_plan(
        self,
        plan: Plan,
        request: Request,
        arguments: Arguments,
        seeds: Sequence[Floats] = (),
        n: int | None = None,
        settles: bool = True,
    ) -> Results:
        """Run one plan on some arguments, whether its guards hold or not; settle ties if `settles`."""
        n = n if n is not None else 1 if arguments.n_examples is None else arguments.n_examples
        leaves = dict(zip(plan.inputs, [*arguments.arrays, self._parameters(plan)]))
        try:
            return errors_kept(lambda: run(plan, request, leaves, seeds, n, settles=settles))
        except MemoryError:
            raise MemoryError(
                f"{self.name} needs more memory for {n} examples than there is; call it with fewer at a time"
            ) from None

    def _parameters(self, plan: Plan) -> Floats:
        count = len(plan.trace.parameters)
        if self.parameters is None:
            if not count:
                return NO_PARAMETERS
            return numpy.array([parameter._number for parameter in plan.trace.parameters], dtype=float)[:, None]
        given = numpy.asarray(self.parameters, dtype=float)
        if given.shape != (count,):
            raise ValueError(f"{self.name} has {count} parameters, got an array of shape {given.shape} for them")
        return given[:, None]


def _holds(plan: Plan, results: Results) -> bool:
    """Whether all of a plan's decisions come out as they did in its trace."""
    n = len(plan.trace.guards)
    return not n or bool((results.rows["guards"] == n).all())


def _spread(rows: Floats, parameters: Sequence[Value], number_of: Mapping[Value, int]) -> Floats:
    """Derivatives with respect to some parameters in their rows among all parameters; the other rows are 0."""
    spread = numpy.zeros((len(number_of), rows.shape[1]))
    spread[[number_of[parameter] for parameter in parameters]] = rows
    return spread


def _same(ones: Sequence[Value], others: Sequence[Value]) -> bool:
    """Whether two sequences hold the same Values, by identity."""
    return ones is others or (len(ones) == len(others) and all(map(is_, ones, others)))
