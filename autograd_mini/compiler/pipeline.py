"""The pipeline: every stage from a trace to what runs a program; each takes data and gives data, and changes nothing.

A trace is normalised to scalars. These are differentiated and become one kernel, or they are packed, the packs are
differentiated, and scheduled as kernels and matrix products.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import Any

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.ir.program import Program
from autograd_mini.compiler.ir.request import Frame, Request
from autograd_mini.compiler.ir.scalars import Scalars
from autograd_mini.compiler.partition import suits_scalars
from autograd_mini.compiler.passes.expanding import expanded
from autograd_mini.compiler.passes.packing import forms_of, pack, sizes_of
from autograd_mini.compiler.passes.reversing import differentiate
from autograd_mini.compiler.passes.scalar_programs import differentiate_scalars
from autograd_mini.compiler.passes.scheduling import schedule
from autograd_mini.compiler.run.executing import Executor, Target, is_machine, threads_of
from autograd_mini.compiler.run.machine import MachineExecutor
from autograd_mini.compiler.run.numpy_executor import NumpyExecutor
from autograd_mini.compiler.run.one_kernel import ScalarExecutor
from autograd_mini.compiler.sparse.nonzeros import SparseProgram, sparse_program


class Source:
    """Scalars, and what programs of all kinds share, made when it is first wanted: their forms and their packs.

    Args:
        origin: scalars that have decided already how these are run, so that all programs have the same values.
    """

    def __init__(self, scalars: Scalars, frame: Frame, origin: Source | None = None) -> None:
        self.scalars, self.frame, self.origin = scalars, frame, origin

    @cached_property
    def forms(self) -> dict[Any, list[int]]:
        return forms_of(self.scalars, [leaf.lanes for leaf in self.frame.inputs])

    @cached_property
    def packed(self) -> Program:
        """Results, guards and what is watched, each by itself."""
        return pack(self.scalars, self.forms, self.frame.inputs)

    @cached_property
    def suits_scalars(self) -> bool:
        if self.origin is not None:
            return self.origin.suits_scalars
        return suits_scalars(*sizes_of(self.scalars, self.forms), self.frame.has_batch)


def program_of(source: Source, request: Request) -> Program:
    """The program for a request, of packs."""
    if request.kind.is_sparse:
        return sparse_of(source, request).program
    return expanded(differentiate(source.packed, request, source.frame))


def sparse_of(source: Source, request: Request) -> SparseProgram:
    """The program for a sparse matrix, and its pattern."""
    found = sparse_program(source.packed, request, source.frame)
    return found._replace(program=expanded(found.program))


def build(source: Source, request: Request, target: Target, program: Program | None = None) -> Executor:
    """The program for a request ready to run.

    Args:
        program: that of packs, if it is there already.
    """
    if not is_machine(target):
        return NumpyExecutor(program or program_of(source, request))
    threads, cache = threads_of(target), CodeCache(target.cache) if target.cache is not None else None
    if source.suits_scalars and program is None:
        with suppress(NotImplementedError):  # a row without machine code: the packs of others have it
            return ScalarExecutor(differentiate_scalars(source.scalars, request, source.frame), threads, cache)
    return MachineExecutor(schedule(program or program_of(source, request)), threads, cache)
