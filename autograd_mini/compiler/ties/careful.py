"""Programs of derivatives that tell zeros apart, as `autograd_mini.adjoints` does.

An adjoint to which nothing contributed, as that of a branch not taken, carries nothing further, even where it meets inf
or nan; nor does a choice of 0; and what was not carried has no derivative. Where any other zero meets inf or nan, or
inf meets -inf, the example is doubtful. This takes several passes over memory, and is needed only for examples whose
derivatives are not finite without it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial, reduce

import numpy

from autograd_mini.compiler.ir.building import Builder, segment
from autograd_mini.compiler.ir.names import is_adjoint
from autograd_mini.compiler.ir.program import (
    Apply,
    Argument,
    Index,
    Loop,
    Operation,
    Pack,
    Program,
    Reference,
    Sum,
    Vector,
    lanes_of,
)
from autograd_mini.compiler.scans.transforming import Reverse
from autograd_mini.primitives import TABLE, Primitive

DOUBTFUL = "doubtful"
"""The result that is not 0 for an example in which a zero of the data met inf or nan, or inf -inf."""

_equal, _not_equal, _mul = TABLE.auxiliary["equal"], TABLE.auxiliary["not_equal"], TABLE["mul"]


def careful(program: Program) -> tuple[Program, Program]:
    """Two programs: one for the derivatives of a program, one for which examples are doubtful."""
    builder = _Careful()
    results = {name: lanes for name, lanes in builder.go_on(program).items() if is_adjoint(name)}
    return builder.program(results), builder.program({DOUBTFUL: builder.doubtful()})


class _Careful(Builder):
    """Copies a program so that it tells zeros apart."""

    def __init__(self) -> None:
        super().__init__()
        # for packs made from adjoints, 1 where anything contributed, else 0; not there if it is 1 throughout
        self._given: dict[Pack | None, Reference] = {}
        self._doubts: list[Reference] = []

    def doubtful(self) -> Reference:
        """How often a zero of the data met inf or nan, or inf -inf."""
        if not self._doubts:
            return self.repeated(0.0, 1)
        segments = [segment(numpy.zeros_like(each.index), 1.0, each, None) for each in self._doubts]
        return lanes_of(self.sum(1, any(each.pack.batched for each in self._doubts), segments))

    def taken(self, pack: Pack, operation: Operation) -> Pack:
        if isinstance(operation, Loop) and isinstance(operation.scan, Reverse):
            loop = operation.scan.doubting
            found, given = self.shared(Pack(loop.n_out, pack.batched, replace(operation, scan=loop))), None
            self._doubts.append(Reference(found, numpy.array([loop.n_out - 1])))
        elif isinstance(operation, Sum) and any(each.adjoint is not None for each in operation.segments):
            found, given = self._total(pack, operation)
        else:
            found, given = super().taken(pack, operation), self._passed_on(pack, operation)
        if given is not None:
            self._given[pack] = self._given[found] = given
        return found

    def _passed_on(self, pack: Pack, operation: Operation) -> Reference | None:
        """Where anything contributes to an operation on adjoints; None if everywhere, or if it has no adjoints."""
        if pack.role == "seed":
            return self._made(_not_equal, lanes_of(pack), 0.0)
        if isinstance(operation, Vector) and operation.arg.pack in self._given:
            n, groups = operation.arg.index.shape
            mask = self._mask(operation.arg.pack, operation.arg.index)
            return Reference(self.reduce(TABLE["max"], mask), numpy.tile(numpy.arange(groups), n))
        args = [arg for arg in operation.arguments() if isinstance(arg, Reference) and arg.pack in self._given]
        if not isinstance(operation, Apply) or not args:
            return None
        return reduce(partial(self._made, TABLE["maximum"]), [self._mask(arg.pack, arg.index) for arg in args])

    def _total(self, pack: Pack, operation: Sum) -> tuple[Pack, Reference | None]:
        """A sum of products of adjoints, and where anything contributes to it, None if everywhere."""
        segments, counts, nans = [], [], []
        carries_all = numpy.zeros(pack.lanes, dtype=bool)
        for each in operation.segments:
            sources = each.a, each.b, pack.adjoint_of
            is_choice = each.selects and each.b is not None
            is_whole = not is_choice and self._given.keys().isdisjoint(sources)  # products may stay matrix products
            if is_whole:
                segments.append(each)
            for _, sign, lane, *factors in Sum([each]).terms():
                masks = [self._mask(*both) for both in zip(sources, [*factors, lane]) if both[0] in self._given]
                a = product = Reference(each.a, factors[0])
                if each.b is not None:
                    a, b = self._made(TABLE["pos"], a), self._made(TABLE["pos"], Reference(each.b, factors[1]))
                    product = self._made(_mul, a, b)
                    if is_choice:
                        masks.append(self._made(_not_equal, a if each.adjoint == 1 else b, 0.0))
                is_nan = reduce(partial(self._made, _mul), masks, self._made(_not_equal, product, product))
                nans.append(segment(lane, 1.0, is_nan, None))
                if each.b is not None:
                    is_zero = self._made(TABLE["maximum"], self._made(_equal, a, 0.0), self._made(_equal, b, 0.0))
                    self._doubts.append(self._made(_mul, is_nan, is_zero))
                if is_whole:
                    carries_all[lane] = True
                else:
                    carries = reduce(partial(self._made, _mul), masks)
                    kept = self._made(TABLE["where"], carries, product, 0.0)
                    segments.append(segment(lane, sign, kept, None))
                    counts.append(segment(lane, 1.0, carries, None))
        total = self.sum(pack.lanes, pack.batched, segments, from_zero=True)
        is_of_numbers = self._made(_equal, lanes_of(self.sum(pack.lanes, pack.batched, nans)), 0.0)
        is_nan = self._made(_not_equal, lanes_of(total), lanes_of(total))  # as of inf and -inf
        self._doubts.append(self._made(_mul, is_nan, is_of_numbers))
        if carries_all.all():
            return total, None
        if carries_all.any():
            lanes = numpy.flatnonzero(carries_all)
            counts.append(segment(lanes, 1.0, self.repeated(1.0, lanes.size), None))
        return total, self._made(_not_equal, lanes_of(self.sum(pack.lanes, pack.batched, counts)), 0.0)

    def _mask(self, pack: Pack | None, index: Index) -> Reference:
        """Where anything contributed to lanes of a pack."""
        given = self._given[pack]
        return Reference(given.pack, given.index[index])

    def _made(self, primitive: Primitive, *args: Argument) -> Reference:
        """Apply a primitive, number by number."""
        lanes = next(arg.index.size for arg in args if isinstance(arg, Reference))
        return lanes_of(self.apply(primitive, args, lanes))
