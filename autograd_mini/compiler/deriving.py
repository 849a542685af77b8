"""One trace made into programs: of the value, the gradient, Jacobian, Hessian and their products."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy

from autograd_mini.compiler.building import Builder, elementwise
from autograd_mini.compiler.careful import CarefulExecutor
from autograd_mini.compiler.direct import Short
from autograd_mini.compiler.directions import differing, settled, steps_of
from autograd_mini.compiler.executing import Executor, Target, cache_of, executor_of, is_machine, threads_of
from autograd_mini.compiler.expanding import expanded
from autograd_mini.compiler.normalising import Scalars, normalise
from autograd_mini.compiler.packing import Packed, forms_of, suits_scalars
from autograd_mini.compiler.program import TIED, Block, Leaf, Pack, Program, Reference, Segment, lanes_of
from autograd_mini.compiler.request import Kind, Request
from autograd_mini.compiler.reversing import reverse
from autograd_mini.compiler.run.one_kernel import ScalarExecutor
from autograd_mini.compiler.slots import Arguments
from autograd_mini.compiler.ties import watched
from autograd_mini.compiler.tracing import Trace, with_one_guard, without_collector
from autograd_mini.structures import Structure


class Source:
    """Scalars, and the packs of them, which are made when they are first wanted.

    Args:
        inputs: the leaf of each array among the arguments; the last one is that of the parameters.
    """

    def __init__(self, scalars: Scalars, inputs: list[Pack]) -> None:
        self.scalars = scalars
        self._inputs = inputs

    @cached_property
    def forms(self) -> dict[Any, list[int]]:
        return forms_of(self.scalars, [leaf.lanes for leaf in self._inputs])

    @cached_property
    def program(self) -> Program:
        """Results, guards and what is watched, each by itself. The programs of all kinds go on from copies."""
        builder = Builder(self._inputs)
        packed = Packed(builder, self._inputs, self.scalars, self.forms)
        return builder.so_far({"outputs": packed.outputs, "guards": packed.guards, TIED: packed.tied})


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
        self._careful: dict[object, CarefulExecutor] = {}
        self._asides: dict[object, Executor | None] = {}
        self.inputs = [
            Pack(slot.lanes, slot.batched, Leaf("input", position, name))
            for position, (slot, name) in enumerate(zip(arguments.slots, arguments.slot_names()))
        ]
        self.inputs.append(Pack(len(trace.parameters), False, Leaf("parameter", 0, "parameters")))
        self.source = Source(normalise(with_one_guard(trace)).verify(), self.inputs)
        self._watched: dict[object, Source] = {}

    def suits(self, arguments: Arguments) -> bool:
        """Whether what Python counted with is the same among these."""
        return all(arguments.integer(*place) == number for place, number in self.trace.counts.items())

    @cached_property
    def stacked(self) -> Structure:
        """The structure of the result with arrays for the lists that they can hold."""
        return self.trace.structure.stacked()

    @cached_property
    def _suits_scalars(self) -> bool:
        return suits_scalars(self.source.scalars, self.source.forms, self.has_batch)

    def _source(self, request: Request) -> Source:
        """What programs for a request are made from: those of derivatives tell where something is tied."""
        has_inner, is_second = bool(self.trace.inner), request.kind == Kind.PRODUCT
        if request.kind == Kind.GUARDS or (request.kind == Kind.VALUE and not has_inner):
            return self.source
        key = request.wrt, is_second
        if key not in self._watched:
            arrays = range(-1, len(self.inputs) - 1) if has_inner else [*request.wrt, -1]
            scalars = watched(self.source.scalars, arrays, twice=is_second, inner=has_inner)
            is_same = scalars is self.source.scalars
            self._watched[key] = self.source if is_same else Source(scalars.verify(), self.inputs)
        return self._watched[key]

    def shown(self, request: Request) -> Program:
        """The program of that kind to be read, with each guard by itself."""
        with self._lock:
            if request not in self._shown:
                self._shown[request] = without_collector(lambda: self._program(self._base_shown(), request))
            return self._shown[request]

    def _base_shown(self) -> Program:
        return self.source.program if not self.trace.guards else Source(normalise(self.trace), self.inputs).program

    def runs_scalars(self, request: Request) -> bool:
        """Whether that kind is run scalar by scalar, not pack by pack."""
        return isinstance(self.executor(request), ScalarExecutor)

    def executor(self, request: Request) -> Executor:
        """The program for a request ready to run."""
        found = self._executors.get(request)
        if found is None:
            with self._lock:
                found = self._executors.get(request)
                if found is None:
                    made = without_collector(lambda: self._executor_of(self._source(request), request))
                    found = self._executors[request] = made
        return found

    def _executor_of(self, source: Source, request: Request) -> Executor:
        if is_machine(self.target) and self._suits_scalars:
            from autograd_mini.compiler.scalar_programs import scalar_executor

            try:
                return scalar_executor(
                    source.scalars,
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
        return executor_of(expanded(self._program(source.program, request)), self.target)

    def careful(self, request: Request) -> CarefulExecutor:
        """What tells zeros apart in the program for a request."""
        with self._lock:
            if request not in self._careful:
                program = expanded(self._program(self.source.program, request))
                self._careful[request] = without_collector(lambda: CarefulExecutor(program))
            return self._careful[request]

    def differing(self, wrt: tuple[int, ...]) -> Executor | None:
        """What decides, example by example, whether anything tied changes in different ways along the line: 0 if not.
        None if it is not known."""
        return self._aside(Request(Kind.GUARDS, wrt), 1.0)

    def along(self, request: Request, sign: float) -> Executor | None:
        """The program for a request a little way off, along the line or against it; None where it is not known."""
        return self._aside(request, sign)

    def _aside(self, request: Request, sign: float) -> Executor | None:
        with self._lock:
            key = request, sign
            if key not in self._asides:
                self._asides[key] = without_collector(lambda: self._made_aside(request, sign))
            return self._asides[key]

    def _made_aside(self, request: Request, sign: float) -> Executor | None:
        steps = None if self.trace.inner else steps_of(self.trace, request.wrt, sign)
        if steps is None:
            return None
        make = differing if request.kind == Kind.GUARDS else settled
        scalars = make(self.source.scalars, [*request.wrt, -1], steps)
        return None if scalars is None else self._executor_of(Source(scalars.verify(), self.inputs), request)

    def leaf(self, slot: int) -> Pack:
        """The leaf of an array among the arguments, or of the parameters (-1)."""
        return self.inputs[slot]

    def _program(self, base: Program, request: Request) -> Program:
        """The program for a request."""
        builder, found = Builder.of(base)
        outputs = self._outputs(builder, found["outputs"])
        results: dict[str, list[Reference]] = {} if request.kind == Kind.GUARDS else {"value": [outputs]}
        if found["guards"]:
            guards = builder.gathered([[guard] for guard in found["guards"]])
            results["guards"] = [Reference(guards.pack, guards.index.ravel())]
        if found[TIED] and request.kind != Kind.GUARDS:
            results[TIED] = found[TIED]
        if request.kind not in (Kind.GUARDS, Kind.VALUE):
            wrt = [self.leaf(slot) for slot in request.wrt]
            adjoints = self._derivatives(builder, outputs, request.kind, wrt)
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

    def _derivatives(self, builder: Builder, outputs: Reference, kind: Kind, wrt: list[Pack]) -> list[Pack | None]:
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
        return reverse(builder, [(lanes_of(slope), one)], wrt, per_example=each)


def _name(leaf: Pack) -> str:
    return getattr(leaf.operation, "name", "")
