"""One trace made into programs: of the value, the gradient, Jacobian, Hessian and their products."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy
from numpy.typing import NDArray

from autograd_mini.compiler.building import Builder, elementwise
from autograd_mini.compiler.direct import Short
from autograd_mini.compiler.executing import Executor, Target, cache_of, executor_of, is_machine, threads_of
from autograd_mini.compiler.expanding import expanded
from autograd_mini.compiler.normalising import Scalars, normalise
from autograd_mini.compiler.numpy_executor import NumpyExecutor
from autograd_mini.compiler.packing import Packed, forms_of, suits_scalars
from autograd_mini.compiler.program import (
    Block,
    Floats,
    Leaf,
    Pack,
    Program,
    Reference,
    Segment,
    lanes_of,
)
from autograd_mini.compiler.request import Kind, Request, Results
from autograd_mini.compiler.reversing import reverse
from autograd_mini.compiler.run.one_kernel import ScalarExecutor
from autograd_mini.compiler.slots import Arguments
from autograd_mini.compiler.tracing import Trace, with_one_guard, without_collector
from autograd_mini.structures import Structure


class Plan:
    """A trace, and the programs made from it when they are first wanted.

    Args:
        arguments: those of the call that it was made for; others have the same layout.
        reduces: whether the results are summed over the batch.
        target: what runs the programs.

    Attributes:
        is_one_number: whether the result is one number.
        share: how much of the last batch that it was tried on first it served.
        short: the way past all this for plain floats; False if there is none, None if that is not known yet.
    """

    def __init__(self, trace: Trace, arguments: Arguments, *, reduces: bool, target: Target) -> None:
        self.target = target
        self.trace = trace
        self.reduces = reduces
        self.is_one_number = trace.structure.shape == ()
        self.has_batch = any(slot.batched for slot in arguments.slots)
        self.per_example = self.has_batch and not reduces
        self.share = 1.0
        self.short: Short | Literal[False] | None = None
        self._lock = threading.RLock()
        self._shown: dict[object, Program] = {}
        self._executors: dict[object, Executor] = {}
        self.inputs = [
            Pack(slot.lanes, slot.batched, Leaf("input", position, name))
            for position, (slot, name) in enumerate(zip(arguments.slots, arguments.slot_names()))
        ]
        self.inputs.append(Pack(len(trace.parameters), False, Leaf("parameter", 0, "parameters")))
        self.scalars = normalise(with_one_guard(trace)).verify()
        self._forms = self._forms_of(self.scalars)

    def suits(self, arguments: Arguments) -> bool:
        """Whether what Python counted with is the same among these."""
        return all(arguments.integer(*place) == number for place, number in self.trace.counts.items())

    def _forms_of(self, scalars: Scalars) -> dict[Any, list[int]]:
        return forms_of(scalars, [leaf.lanes for leaf in self.inputs])

    @cached_property
    def base(self) -> Program:
        """The scalars in packs: results and guards, each by itself. The programs of all kinds go on from copies."""
        return self._packed(self.scalars, self._forms)

    def _packed(self, scalars: Scalars, forms: dict[Any, list[int]]) -> Program:
        builder = Builder(self.inputs)
        packed = Packed(builder, self.inputs, scalars, forms)
        return builder.so_far({"outputs": packed.outputs, "guards": packed.guards})

    @cached_property
    def stacked(self) -> Structure:
        """The structure of the result with arrays for the lists that they can hold."""
        return self.trace.structure.stacked()

    @cached_property
    def _suits_scalars(self) -> bool:
        return suits_scalars(self.scalars, self._forms, self.has_batch)

    def shown(self, request: Request) -> Program:
        """The program of that kind to be read, with each guard by itself."""
        with self._lock:
            if request not in self._shown:
                self._shown[request] = without_collector(lambda: self._program(self._base_shown(), request))
            return self._shown[request]

    def _base_shown(self) -> Program:
        if not self.trace.guards:
            return self.base
        scalars = normalise(self.trace)
        return self._packed(scalars, self._forms_of(scalars))

    def runs_scalars(self, request: Request) -> bool:
        """Whether that kind is run scalar by scalar, not pack by pack."""
        return isinstance(self.executor(request), ScalarExecutor)

    def executor(self, request: Request, *, careful: bool = False) -> Executor:
        """The program of that kind ready to run."""
        key = request, careful
        found = self._executors.get(key)
        if found is None:
            with self._lock:
                found = self._executors.get(key)
                if found is None:
                    found = self._executors[key] = without_collector(lambda: self._executor(*key))
        return found

    def _executor(self, request: Request, careful: bool) -> Executor:
        if careful:
            program = self._program(self.base, request, careful=request.kind == Kind.PRODUCT)
            return NumpyExecutor(expanded(program), careful=True)
        if is_machine(self.target) and self._suits_scalars:
            from autograd_mini.compiler.scalar_programs import scalar_executor

            try:
                return scalar_executor(
                    self.scalars,
                    self.inputs,
                    request.kind,
                    request.wrt,
                    has_batch=self.has_batch,
                    reduces=self.reduces,
                    threads=threads_of(self.target),
                    cache=cache_of(self.target),
                )
            except NotImplementedError:  # a row without machine code: the packs of others have it
                pass
        return executor_of(expanded(self._program(self.base, request)), self.target)

    def leaf(self, slot: int) -> Pack:
        """The leaf of an array among the arguments, or of the parameters (-1)."""
        return self.inputs[slot]

    def _program(self, base: Program, request: Request, *, careful: bool = False) -> Program:
        """The program for a request.

        If it is careful, derivatives of adjoints, too, heed that one of exactly 0 carries nothing.
        """
        builder, found = Builder.of(base)
        outputs = self._outputs(builder, found["outputs"])
        results: dict[str, list[Reference]] = {} if request.kind == Kind.GUARDS else {"value": [outputs]}
        if found["guards"]:
            guards = builder.gathered([[guard] for guard in found["guards"]])
            results["guards"] = [Reference(guards.pack, guards.index.ravel())]
        if request.kind not in (Kind.GUARDS, Kind.VALUE):
            wrt = [self.leaf(slot) for slot in request.wrt]
            adjoints = self._derivatives(builder, outputs, request.kind, wrt, careful)
            for (_, name), adjoint in zip(request.names, adjoints):
                if adjoint is not None:
                    results[name] = [lanes_of(adjoint)]
        return builder.program(results)

    def _outputs(self, builder: Builder, found: Sequence[Reference]) -> Reference:
        """All results in order; over the batch they are summed if it is reduced."""
        outputs = builder.gathered([[output] for output in found]) if found else None
        if outputs is None:
            outputs = Reference(builder.constants, numpy.empty((0, 1), dtype=numpy.int64))
        flat = Reference(outputs.pack, outputs.index.ravel())
        if not (self.reduces and self.has_batch):
            return flat
        lanes = numpy.arange(flat.index.size)
        # A result that does not depend on the example counts for each of them all the same.
        each = builder.sum(lanes.size, True, [Segment(flat.pack, None, [elementwise(lanes, flat.index, None)])])
        total = builder.sum(lanes.size, False, [Segment(each, None, [elementwise(lanes, lanes, None)])])
        return lanes_of(total)

    def _derivatives(
        self, builder: Builder, outputs: Reference, kind: Kind, wrt: list[Pack], careful: bool
    ) -> list[Pack | None]:
        if kind == Kind.JACOBIAN:  # the seed picks an output; without a batch, all outputs are the batch
            seed = builder.leaf("seed", 0, "seed", outputs.index.size, not self.has_batch)
            return reverse(builder, [(outputs, lanes_of(seed))], wrt, per_example=not self.reduces or seed.batched)
        one = Reference(builder.constants, builder.constant(numpy.ones(1)))
        gradient = reverse(builder, [(outputs, one)], wrt, per_example=self.per_example)
        if kind == Kind.GRADIENT:
            return gradient
        # The product of the Hessian with a direction is the gradient of the gradient's product with it; without a
        # batch, several directions are the batch.
        segments = []
        for position, (leaf, adjoint) in enumerate(zip(wrt, gradient)):
            direction = builder.leaf(
                "seed", position, f"d{_name(leaf)}", leaf.lanes, leaf.batched or not self.has_batch
            )
            if adjoint is not None and leaf.lanes:
                index = numpy.arange(leaf.lanes).reshape(1, 1, -1)
                block = Block(numpy.zeros((1, 1, 1), dtype=numpy.int64), index, index.swapaxes(1, 2))
                segments.append(Segment(adjoint, direction, [block], adjoint=0))
        if not segments:
            return [None] * len(wrt)
        each = self.per_example or not self.has_batch
        slope = builder.sum(1, each, segments)
        return reverse(builder, [(lanes_of(slope), one)], wrt, per_example=each, careful=careful)


def _name(leaf: Pack) -> str:
    return getattr(leaf.operation, "name", "")


def run(plan: Plan, request: Request, leaves: Mapping[Pack, Floats], seeds: Sequence[Floats], n: int) -> Results:
    """The results of the program for a request.

    An adjoint of exactly 0 carries nothing further, even where it meets inf or nan. To heed that everywhere would
    cost time that is seldom needed: where it matters, a result is not finite, and only then it is run again so; of
    a batch only the examples concerned.
    """
    results, is_finite = _run(plan.executor(request), request, leaves, seeds, n)
    if is_finite:
        return results
    slopes = results.adjoints
    summed = [slot for slot, rows in slopes.items() if rows.shape[1] != n and not numpy.isfinite(rows).all()]
    concerned = numpy.zeros(n, dtype=bool)
    for rows in slopes.values():
        if rows.shape[1] == n:
            concerned |= ~numpy.isfinite(rows).all(axis=0)
    chosen = concerned | bool(summed)
    if chosen.any():
        given = {leaf: _columns(rows, chosen) for leaf, rows in leaves.items()}
        careful = plan.executor(request, careful=True)
        seeds = [_columns(rows, chosen) for rows in seeds]
        again, _ = _run(careful, request, given, seeds, int(chosen.sum()))
        for slot, rows in slopes.items():
            fresh = again.adjoints[slot]
            if slot in summed:
                slopes[slot] = fresh
            elif rows.shape[1] == n:
                slopes[slot] = rows.copy()
                slopes[slot][:, concerned] = _columns(fresh, concerned[chosen])
    return results


def _columns(rows: Floats, chosen: NDArray[numpy.bool_]) -> Floats:
    """Those of the chosen examples."""
    return rows[:, chosen] if rows.shape[1] == chosen.size else rows


def _run(
    executor: Executor, request: Request, leaves: Mapping[Pack, Floats], seeds: Sequence[Floats], n: int
) -> tuple[Results, bool]:
    """The results, and whether all derivatives among them are finite."""
    if seeds:
        held = {seed: seeds[_position(seed)] for seed in executor.seeds}
        for seed, numbers in held.items():
            if seed.batched and numbers.shape[1] != n:  # the same for every example
                held[seed] = numpy.repeat(numbers, n, axis=1)
        leaves = {**leaves, **held}
    rows, is_finite = executor(leaves, n)
    (value,), (agreements,) = rows.get("value", NOTHING), rows.get("guards", NOTHING)
    return Results(value, agreements, {slot: rows[name][0] for slot, name in request.names if name in rows}), is_finite


NOTHING = [None]


def _position(leaf: Pack) -> int:
    assert isinstance(leaf.operation, Leaf)
    return leaf.operation.position
