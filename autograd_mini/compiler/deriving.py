"""One trace, and the programs made from it: for the value, the gradient, Jacobian, Hessian and their products."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from autograd_mini.compiler.ir.program import Leaf, Pack, Program
from autograd_mini.compiler.ir.request import Frame, Kind, Request
from autograd_mini.compiler.ir.slots import Arguments
from autograd_mini.compiler.partition import MOST_ELIMINATED
from autograd_mini.compiler.passes.normalising import normalise, with_one_guard
from autograd_mini.compiler.passes.reversing import differentiate
from autograd_mini.compiler.passes.tracing import Trace
from autograd_mini.compiler.passes.watching import watched
from autograd_mini.compiler.pipeline import Source, build, program_of, sparse_of
from autograd_mini.compiler.run.executing import Executor, Target, is_machine
from autograd_mini.compiler.run.numpy_executor import NumpyExecutor
from autograd_mini.compiler.run.short_way import Entry
from autograd_mini.compiler.sparse.eliminating import SparseProgram
from autograd_mini.compiler.sparse.matrices import Pattern
from autograd_mini.compiler.ties.careful import careful
from autograd_mini.compiler.ties.directions import differing, settled, steps_of
from autograd_mini.interrupts import without_collector
from autograd_mini.structures import Structure

T = TypeVar("T")


class Plan:
    """A trace, and the programs made from it when they are first wanted.

    Args:
        arguments: the arguments of the call that it was made for; others have the same layout.
        reduces: whether the results are summed over the batch.
        target: what runs the programs.

    Attributes:
        ranges: the slots of each argument.
        by_name: the names of those, at the end, that are given by name.
        n_guards: how many decisions there are.
        is_one_number: whether the result is one number.
        share: the share of examples that it served in the last batch.
        whole: for each kind of calls that it serves, the slots with ints, with which Python may count.
        state: the number of the state of what the function reads from outside.
        patterns: the pattern of the sparse matrix for a request.
        inputs: the leaf of each array among the arguments; the last one is that of the parameters.
        entries: what runs a request in one call, None if nothing can; by the request, whether there are several
            examples, and whether numbers for the parameters are given.
    """

    def __init__(self, trace: Trace, arguments: Arguments, *, reduces: bool, target: Target) -> None:
        self.target = target
        self.trace = trace
        self.reduces = reduces
        self.ranges: Sequence[range] = arguments.ranges
        self.by_name: Sequence[str] = arguments.by_name
        self.n_guards: int = len(trace.guards)
        self.is_one_number: bool = trace.structure.shape == ()
        self.share: float = 1.0
        self.whole: set[frozenset[int]] = {frozenset(arguments.integers)}
        self.state = 0
        self.entries: dict[tuple[Request, bool, bool], Entry | None] = {}
        self.patterns: dict[Request, Pattern] = {}
        self._lock = threading.RLock()
        self._made: dict[tuple[object, ...], Any] = {}
        self.inputs: list[Pack] = [
            Pack(slot.lanes, slot.batched, Leaf("input", position, name))
            for position, (slot, name) in enumerate(zip(arguments.slots, arguments.slot_names()))
        ]
        self.inputs.append(Pack(len(trace.parameters), False, Leaf("parameter", 0, "parameters")))
        self.frame: Frame = Frame(self.inputs, reduces)
        self.has_batch: bool = self.frame.has_batch
        self.per_example: bool = self.frame.per_example
        self.source: Source = Source(normalise(with_one_guard(trace)), self.frame)

    def suits(self, arguments: Arguments) -> bool:
        """Whether there are ints among these arguments where it had some, and those that Python counted with."""
        counted = [arguments.integer(*place) == number for place, number in self.trace.counts.items()]
        return frozenset(arguments.integers) in self.whole and all(counted)

    @cached_property
    def stacked(self) -> Structure:
        """The structure of the result with arrays for the lists that they can hold."""
        return self.trace.structure.stacked()

    @cached_property
    def suits_elimination(self) -> bool:
        """Whether sums are short enough for derivatives of each of their terms to be computed by itself."""
        n_terms = sum(block.n_terms for _, each in self.source.packed.segments() for block in each.blocks)
        return n_terms <= MOST_ELIMINATED

    def _once(self, make: Callable[[], T], *key: object) -> T:
        """What is kept by a key; it is made if it is not there."""
        if key not in self._made:
            with self._lock:
                if key not in self._made:
                    self._made[key] = without_collector(make)
        found: T = self._made[key]
        return found

    def source_of(self, request: Request, given: Source | None = None) -> Source:
        """What the program for a request is made from; for derivatives, it also tells where something is tied.

        Args:
            given: a source to use in place of the trace's; what is made of it is not kept.
        """
        source = given or self.source
        has_inner, is_second = bool(self.trace.inner), request.kind in (Kind.PRODUCT, Kind.SPARSE_HESSIAN)
        if request.kind == Kind.GUARDS or (request.kind == Kind.VALUE and not has_inner):
            return source

        def made() -> Source:
            arrays = range(-1, len(self.inputs) - 1) if has_inner else [*request.wrt, -1]
            scalars = watched(source.scalars, arrays, twice=is_second, inner=has_inner)
            return source if scalars is source.scalars else Source(scalars, source.frame, source)

        return self._once(made, "source", request.wrt, is_second) if given is None else made()

    def shown(self, request: Request) -> Program:
        """The program for a request, to be read, with each guard by itself."""
        if request.kind.is_sparse:
            return self.sparse(request).program

        def made() -> Program:
            source = Source(normalise(self.trace), self.frame) if self.trace.guards else self.source
            return differentiate(source.packed, request, self.frame)

        return self._once(made, "shown", request)

    def executor(self, request: Request) -> Executor:
        """The program for a request ready to run."""

        def made() -> Executor:
            program = self.sparse(request).program if request.kind.is_sparse else None
            return build(self.source_of(request), request, self.target, program)

        return self._once(made, "executor", request)

    def sparse(self, request: Request) -> SparseProgram:
        """The pattern of a sparse matrix, and the program of its entries."""
        return self._once(lambda: sparse_of(self.source_of(request), request), "sparse", request)

    def careful(self, request: Request) -> tuple[NumpyExecutor, NumpyExecutor]:
        """Two programs for a request: derivatives with zeros told apart, and what tells which examples are in doubt."""

        def made() -> tuple[NumpyExecutor, NumpyExecutor]:
            programs = careful(program_of(self.source, request))
            derived, doubting = (NumpyExecutor(each, in_machine_code=is_machine(self.target)) for each in programs)
            return derived, doubting

        return self._once(made, "careful", request)

    def knows_doubts(self, request: Request) -> bool:
        """Whether `careful` programs see all zeros that meet inf or nan; within loops, only first derivatives' do."""
        is_first = request.kind in (Kind.GRADIENT, Kind.JACOBIAN) and not self.trace.inner
        loops = self.source.scalars.loops
        return not loops or (is_first and all(loop.scan.body.knows_doubts for loop in loops))

    def along(self, request: Request, sign: float) -> Executor | None:
        """The program for a request a little way off, along the line or against it; None if that is not known. For
        decisions, whether anything tied changes in different ways along the line: it gives 0 if not."""

        def made() -> Executor | None:
            source = self.aside(request, sign)
            return None if source is None else build(source, request, self.target)

        return self._once(made, "aside", request, sign)

    def aside(self, request: Request, sign: float, given: Source | None = None) -> Source | None:
        """What the program of `along` is made from; None if that is not known. `given` is as for `source_of`."""
        source = given or self.source
        steps = None if self.trace.inner or self.source.scalars.loops else steps_of(self.trace, request.wrt, sign)
        if steps is None:
            return None
        make = differing if request.kind == Kind.GUARDS else settled
        scalars = make(source.scalars, [*request.wrt, -1], steps)
        return None if scalars is None else Source(scalars, source.frame, source)
