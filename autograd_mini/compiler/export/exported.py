"""The contents of a file in C: a path of a function, its arguments, and its programs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy

from autograd_mini.compiler.code.scalar_programs import ScalarProgram, differentiate_scalars
from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.export.bodies_in_c import Body, Setting
from autograd_mini.compiler.export.chunks_in_c import body_of_scalars
from autograd_mini.compiler.export.constants import Constants
from autograd_mini.compiler.export.functions_in_c import Pattern, dense
from autograd_mini.compiler.export.identifiers import identifiers
from autograd_mini.compiler.export.packs import body_of
from autograd_mini.compiler.ir.names import TIED
from autograd_mini.compiler.ir.program import Apply, Floats, Leaf, Pack, Program, Sum
from autograd_mini.compiler.ir.request import Frame, Kind, Request
from autograd_mini.compiler.ir.scalars import Scalars, Terms
from autograd_mini.compiler.passes.growing import Growing
from autograd_mini.compiler.pipeline import Source, program_of, sparse_of
from autograd_mini.compiler.sparse.eliminating import NotSparse, SparseProgram

MOST_ENTRIES = 2**24
"""How many entries a matrix may have if most of them can be other than 0: 128 megabytes of doubles."""

MOST_AT_ONCE = 2**20
"""A matrix that takes more products at once is taken for dense before its entries are known."""

FEW_VARIABLES, SHORT = 64, 4096
"""Ragged functions of at most so many variables are swept; where most entries of a matrix can be other than 0, its
program is taken only if it has no more operations than `SHORT`."""

AnyProgram = TypeVar("AnyProgram", Program, ScalarProgram)


@dataclass(frozen=True, eq=False)
class Exported:
    """A function as it is exported.

    Attributes:
        name: the name of the function in C.
        plan: the path of the function.
        wrt: slots of the arguments that it may be differentiated with respect to.
    """

    name: str
    plan: Plan
    wrt: tuple[int, ...]

    @cached_property
    def slots(self) -> Sequence[Pack]:
        return self.plan.inputs[:-1]

    @cached_property
    def inputs(self) -> list[tuple[str, Pattern]]:
        names = identifiers(leaf.operation.name for leaf in self.slots if isinstance(leaf.operation, Leaf))
        return [(name, dense(leaf.lanes, 1)) for name, leaf in zip(names, self.slots)]

    @cached_property
    def output(self) -> str:
        return identifiers(["value"], [name for name, _ in self.inputs])[0]

    @cached_property
    def n_outputs(self) -> int:
        return len(self.plan.trace.outputs)

    @property
    def is_one(self) -> bool:
        """Whether the result is one number."""
        return self.n_outputs == 1

    @cached_property
    def offsets(self) -> dict[Pack, int]:
        """Where the numbers of each argument begin in memory."""
        starts = numpy.cumsum([0, *(leaf.lanes for leaf in self.slots)]).tolist()
        return dict(zip(self.slots, starts))

    @cached_property
    def weights_at(self) -> int:
        """Where the weights of the results are in memory, if there are several."""
        return sum(leaf.lanes for leaf in self.slots)

    @cached_property
    def directions_at(self) -> list[int]:
        """Where the directions of each argument to differentiate with respect to are in memory, and where they end."""
        first = self.weights_at + (0 if self.is_one else self.n_outputs)
        return [first + start for start in numpy.cumsum([0, *self.lanes]).tolist()]

    @cached_property
    def weights(self) -> Pack:
        return Pack(self.n_outputs, False, Leaf("input", len(self.slots), "weights"))

    @cached_property
    def lanes(self) -> list[int]:
        """How many numbers each argument of `wrt` has."""
        return [self.slots[slot].lanes for slot in self.wrt]

    def entries(self, kind: Kind) -> SparseProgram | None:
        """The program of the entries that can be other than 0, of the Jacobian or of the Hessian of the sum of all
        results times their weights; None if most can, and sweeps are shorter.

        Raises:
            ValueError: there are too many entries.
        """
        request, n = Request(kind, self.wrt), sum(self.lanes)
        if self.as_scalars and n <= FEW_VARIABLES:  # to eliminate packs of one lane each takes long
            return None
        name, rest, m = "Hessian", "first derivatives alone by order=1", n
        source = self._source(request) if kind == Kind.SPARSE_HESSIAN else self.plan.source_of(request)
        if kind == Kind.SPARSE_JACOBIAN:
            name, rest, m = "Jacobian", "the value alone by order=0", self.n_outputs
        with suppress(NotSparse):
            found = None if self.plan.source.scalars.loops else sparse_of(source, request, MOST_AT_ONCE)
            if found is not None and (2 * found.rows.size <= m * n or _size(found.program) <= SHORT):
                return found
        if m * n > MOST_ENTRIES:
            raise ValueError(f"the {name} of {self.name} may have {m * n:,} entries, which are too many; export {rest}")
        return None

    @cached_property
    def counts(self) -> list[tuple[int, float]]:
        """The numbers that Python counted with, and where they are in memory."""
        starts = [*self.offsets.values()]
        return [(starts[slot] + lane, float(number)) for (slot, lane), number in self.plan.trace.counts.items()]

    @cached_property
    def as_scalars(self) -> bool:
        """Whether programs are written scalar by scalar; if not, loops over lanes are shorter, and help C compilers."""
        return self.plan.source.is_ragged and not self.plan.source.scalars.loops

    @cached_property
    def held(self) -> dict[Pack, Floats]:
        """The numbers of parameters, as they are now."""
        return {self.plan.inputs[-1]: numpy.array([each._number for each in self.plan.trace.parameters], dtype=float)}

    def body(self, kind: Kind, constants: Constants) -> Body:
        """The program of a kind in C; derivatives are those of the sum of all results times their weights."""
        is_plain = kind in (Kind.VALUE, Kind.GUARDS)
        request = Request(kind, () if is_plain else self.wrt)
        source = self.plan.source_of(request) if is_plain else self._source(request)
        return self._body(kind.name.lower(), source, request, constants)

    @cached_property
    def _has_kinks(self) -> bool:
        """Whether derivatives may be asked for where something is tied."""
        return self._source(Request(Kind.GRADIENT, self.wrt)).scalars.tied is not None

    @property
    def room(self) -> int:
        """Where the memory begins that programs may use: after room for three gradients, if something may be tied."""
        return self.directions_at[-1] + 3 * sum(self.lanes) * self._has_kinks

    def sides(self, constants: Constants) -> list[Body]:
        """A program that tells whether anything that is tied changes in different ways along a line, and the gradients
        a little way off on both sides; fewer of these, or none, where they are not known."""
        gradient, found = Request(Kind.GRADIENT, self.wrt), list[Body]()
        decision = gradient._replace(kind=Kind.GUARDS)
        if not self._has_kinks or self.plan.trace.parameters:
            return []
        for name, request, sign in (("differing", decision, 1.0), ("above", gradient, 1.0), ("below", gradient, -1.0)):
            source = self.plan.aside(request, sign, self._weighted)
            if source is None:
                break
            found.append(self._body(name, source, request, constants))
        return found

    def _body(self, name: str, source: Source, request: Request, constants: Constants) -> Body:
        name = f"{self.name}_{name}_body"
        if self.as_scalars:
            with suppress(NotImplementedError):  # a row without C as scalars; packs may have it
                scalars = differentiate_scalars(source.scalars, request, source.frame)
                return body_of_scalars(name, _wanted(scalars, request), self.setting(scalars.seeds, constants))
        program = program_of(source, request)
        setting = self.setting(program.leaves("seed"), constants)
        return body_of(name, _wanted(program, request).without_dead(), setting)

    def setting(self, seeds: Sequence[Pack], constants: Constants) -> Setting:
        """The setting of a program with these seeds."""
        offsets = {**self.offsets, self.weights: self.weights_at}
        for seed in seeds:
            assert isinstance(seed.operation, Leaf)
            offsets[seed] = self.directions_at[seed.operation.position]
        return Setting(offsets, self.held, self.room, constants)

    def _source(self, request: Request) -> Source:
        """The source from which programs of derivatives are made."""
        return self.plan.source_of(request, self._weighted)

    @cached_property
    def _weighted(self) -> Source:
        """The only result, or the sum of all results times their weights, which are one more argument."""
        if self.is_one:
            return self.plan.source
        scalars = self.plan.source.scalars
        growing = Growing(scalars.scalars)
        weights = growing.inputs(len(self.slots), self.n_outputs)
        total = growing.add(Terms.of([(1.0, *each) for each in zip(weights, scalars.outputs)]))
        frame = Frame([*self.slots, self.weights, self.plan.inputs[-1]], False)
        return Source(Scalars(growing.scalars, [total], scalars.guards), frame)


def _wanted(program: AnyProgram, request: Request) -> AnyProgram:
    """The program without the value, unless that is wanted, or needed to settle ties."""
    is_needed = request.kind == Kind.VALUE or (request.kind == Kind.GRADIENT and TIED in program.results)
    kept = {name: each for name, each in program.results.items() if name != "value" or is_needed}
    return program._replace(results=kept) if isinstance(program, ScalarProgram) else replace(program, results=kept)


def _size(program: Program) -> int:
    """How many operations on single numbers a program has."""
    terms = sum(pack.operation.n_terms for pack in program.packs if isinstance(pack.operation, Sum))
    return terms + sum(pack.lanes for pack in program.packs if isinstance(pack.operation, Apply))
