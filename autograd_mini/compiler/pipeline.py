"""The pipeline: every stage from a trace to the executor of a program; each takes and gives data, and changes nothing.

A trace is normalised to scalars. These are differentiated and become one kernel, or they are packed, the packs are
differentiated, and scheduled as kernels and matrix products.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from math import inf
from typing import Any

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.expanding import expanded
from autograd_mini.compiler.code.lower import can_emit
from autograd_mini.compiler.code.scalar_programs import differentiate_scalars, require_derivative
from autograd_mini.compiler.ir.program import Leaf, Program, Sum
from autograd_mini.compiler.ir.request import Frame, Kind, Request
from autograd_mini.compiler.ir.scalars import Scalars
from autograd_mini.compiler.partition import MOST_UNNOTICED, has_columns, suits_columns, suits_scalars, too_many_forms
from autograd_mini.compiler.passes.columnwise import divide, sizes_in_columns
from autograd_mini.compiler.passes.packing import Numbers, forms_of, pack, sizes_of
from autograd_mini.compiler.passes.reversing import differentiate
from autograd_mini.compiler.run.arena import ArenaExecutor
from autograd_mini.compiler.run.executing import Executor, Target, is_machine, threads_of
from autograd_mini.compiler.run.machine import MachineExecutor
from autograd_mini.compiler.run.numpy_executor import NumpyExecutor
from autograd_mini.compiler.run.one_kernel import ScalarExecutor
from autograd_mini.compiler.run.scheduling import Work, constants_of, schedule
from autograd_mini.compiler.sparse.eliminating import SparseProgram, sparse_program
from autograd_mini.observing import warn_user


@dataclass(eq=False)
class Source:
    """Scalars, and what programs of all kinds share, made when it is first wanted: their forms and their packs.

    Args:
        origin: the source that has already decided how this one is run, so that all programs have the same values.
    """

    scalars: Scalars
    frame: Frame
    origin: Source | None = None

    @cached_property
    def forms(self) -> dict[Any, Numbers]:
        return forms_of(self.scalars, [leaf.lanes for leaf in self.frame.inputs])

    @cached_property
    def packed(self) -> Program:
        """The program of packs, with each result, each guard and what is watched as a reference by itself."""
        return pack(self.scalars, self.forms, self.frame.inputs)

    @cached_property
    def suits_scalars(self) -> bool:
        if self.origin is not None:
            return self.origin.suits_scalars
        n_scalars, has_batch = len(self.scalars.scalars), self.frame.has_batch
        sizes = (too_many_forms(n_scalars), n_scalars, 0) if self.is_ragged else sizes_of(self.scalars, self.forms)
        gains = bool(self.scalars.guards or self.scalars.loops)
        return suits_scalars(*sizes, has_batch, has_batch and self.frame.reduces, has_batch and gains)

    @cached_property
    def is_ragged(self) -> bool:
        """Whether there are too many forms for so few scalars; the search ends as soon as there are."""
        most = too_many_forms(len(self.scalars.scalars))
        found = forms_of(self.scalars, [leaf.lanes for leaf in self.frame.inputs], most)
        if len(found) < most:
            self.forms = found
        elif len(self.scalars.scalars) > MOST_UNNOTICED:
            _notice()
        return len(found) >= most

    @cached_property
    def suits_columns(self) -> bool:
        """Whether programs of one example without seeds are run column by column."""
        if self.origin is not None:
            return self.origin.suits_columns
        if self.frame.has_batch or self.is_ragged:
            return False
        if not has_columns(*sizes_of(self.scalars, self.forms)):
            return False
        try:
            for primitive, n_args in self.scalars.primitives:
                require_derivative(primitive, n_args)
            program = program_of(self, Request(Kind.VALUE))
            if not all(isinstance(pack.operation, Leaf | Sum) or can_emit(pack) for pack in program.packs):
                return False
            return suits_columns(*sizes_in_columns(divide(program, [*constants_of(program)], however_many=True)))
        except NotImplementedError:
            return False


@cache
def _notice() -> None:
    """Warn once that a long graph compiles slowly, and say how `scan` helps."""
    warn_user(
        f"a compiled function computes more than {MOST_UNNOTICED} things, few of them alike, each of them compiled by "
        "itself; if these are the steps of a loop, autograd_mini.scan(f, init, xs) compiles one step",
        UserWarning,
    )


def program_of(source: Source, request: Request) -> Program:
    """The program of packs for a request."""
    if request.kind.is_sparse:
        return sparse_of(source, request).program
    return expanded(differentiate(source.packed, request, source.frame))


def sparse_of(source: Source, request: Request, most: float = inf) -> SparseProgram:
    """The program for a sparse matrix, and its pattern, as `sparse_program` gives them, with rows written out."""
    found = sparse_program(source.packed, request, source.frame, most)
    return found._replace(program=expanded(found.program))


def build(source: Source, request: Request, target: Target, program: Program | None = None) -> Executor:
    """The program for a request ready to run.

    Args:
        program: the program of packs, if it has been made already.
    """
    if not is_machine(target):
        return NumpyExecutor(program or program_of(source, request))
    threads, cache = threads_of(target), CodeCache(target.cache) if target.cache is not None else None
    if not request.kind.is_sparse:
        has_seeds = request.kind in (Kind.JACOBIAN, Kind.PRODUCT, Kind.TANGENT)
        with suppress(NotImplementedError):  # a row without machine code: the next executor can run it
            if not has_seeds and source.suits_columns:
                return ArenaExecutor(program_of(source, request), cache)
        with suppress(NotImplementedError):
            if source.suits_scalars:
                return ScalarExecutor(differentiate_scalars(source.scalars, request, source.frame), threads, cache)
    divided = schedule(program or program_of(source, request))
    if not divided.is_batched and [part.kind for part in divided.parts] == [Work.BEFORE]:
        return ArenaExecutor(divided.program, cache)
    return MachineExecutor(divided, threads, cache)
