"""Pack: scalars of the same form become lanes of one pack.

Two scalars have the same form if they were made by the same operation from operands of the same forms; of a sum
only the *set* of the forms of its products counts, so that a pruned neuron packs with its layer. The form tells
the depth, so a pack can never depend on itself.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain, compress
from typing import Any

import numpy

from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.names import TIED
from autograd_mini.compiler.ir.program import Index, Pack, Program, Reference, Segment
from autograd_mini.compiler.ir.scalars import (
    MANY,
    ONE,
    Application,
    Component,
    Input,
    Looped,
    Number,
    Picked,
    Scalars,
    Terms,
    alive,
)
from autograd_mini.compiler.passes.recognising import recognise
from autograd_mini.primitives import TABLE

REDUCTIONS = {TABLE[name] for name in ("max", "min", "prod", "logsumexp", "norm", "hypot", "fsum")}


Numbers = list[int] | Index
"""The numbers of scalars, at least one."""


def forms_of(scalars: Scalars, lanes: Sequence[int], most: int | None = None) -> dict[Any, Numbers]:
    """The scalars of each form, forms in an order in which operands come first.

    Args:
        lanes: how many numbers each array among the arguments holds; the last one is that of the parameters.
        most: stop as soon as there are so many forms.
    """
    found = scalars.scalars
    is_alive = alive(found, [ONE, *scalars.roots])
    form_of = array("q", bytes(8 * len(found)))
    forms = numpy.frombuffer(form_of, dtype=numpy.int64)
    numbers: dict[Any, int] = {}
    members: dict[Any, Any] = {}
    n_leaves = 1
    while n_leaves < len(found) and isinstance(first := found[n_leaves], Input):
        last = n_leaves + lanes[first.array]
        form = numbers.setdefault(("input", first.array), len(numbers))
        forms[n_leaves:last] = form
        used = numpy.flatnonzero(numpy.frombuffer(is_alive, numpy.uint8)[n_leaves:last]) + n_leaves
        if used.size:
            members["input", first.array] = used
        n_leaves = last
    for number in compress(chain([ONE], range(n_leaves, len(found))), chain([True], is_alive[n_leaves:])):
        form = _form(found[number], form_of, forms)
        like = members.get(form)
        if like is None:
            if len(members) == most:
                break
            numbers[form] = len(numbers)
            like = members[form] = []
        form_of[number] = numbers[form]
        like.append(number)
    return members


def _form(scalar: Any, form_of: Sequence[int], forms: Index) -> Any:
    if type(scalar) is Application:
        return scalar.primitive, *map(form_of.__getitem__, scalar.args)
    if type(scalar) is Terms:
        if len(scalar) > MANY:
            x, y = forms[scalar.columns[1:]]
            pairs = {divmod(pair, len(forms)) for pair in _distinct(x * len(forms) + y)}
        else:
            pairs = {(form_of[x], form_of[y]) for _, x, y in scalar}
        return "sum", scalar.from_zero, frozenset([(x, y) if x <= y else (y, x) for x, y in pairs])
    if isinstance(scalar, Component):
        return "vector", scalar.vector.primitive, *[form_of[arg] for arg in scalar.vector.args]
    if isinstance(scalar, Looped):
        return scalar
    if isinstance(scalar, Picked):
        return "picked", form_of[scalar.loop]
    return ("input", scalar.array) if isinstance(scalar, Input) else "number"


def sizes_of(scalars: Scalars, forms: dict[Any, Numbers]) -> tuple[int, int, int]:
    """How many forms there are, how many scalars are computed, and the most terms of sums of one form."""
    n_scalars = most_terms = 0
    for members in forms.values():
        first = scalars.scalars[members[0]]
        if not isinstance(first, Input | Number):
            n_scalars += len(members)
        if isinstance(first, Terms):
            most_terms = max(most_terms, sum([len(scalars.scalars[number]) for number in members]))  # type: ignore
    return len(forms), n_scalars, most_terms


def pack(scalars: Scalars, forms: dict[Any, Numbers], inputs: Sequence[Pack]) -> Program:
    """The program of the scalars in packs; its results are outputs, guards and what is watched.

    Args:
        inputs: the leaf of each array among the arguments; the last one is that of the parameters.
        forms: what `forms_of` found.
    """
    packed = _Packed(Builder(inputs), inputs, scalars, forms)
    results = {"outputs": packed.joined(scalars.outputs)}
    if scalars.guards:
        results["guards"] = packed.joined(scalars.guards)
    if scalars.tied is not None:
        results[TIED] = packed.reference([scalars.tied])
    return packed.builder.so_far(results)


class _Packed:
    """The packs of the scalars, in a builder."""

    def __init__(self, builder: Builder, inputs: Sequence[Pack], scalars: Scalars, forms: dict[Any, Numbers]) -> None:
        self.builder = builder
        self._inputs = inputs
        self._scalars = scalars.scalars
        self._pack_of = numpy.zeros(len(self._scalars), dtype=numpy.int64)
        self._lane_of = numpy.zeros(len(self._scalars), dtype=numpy.int64)
        self._packs: list[Pack] = []
        self._rank = numpy.zeros(len(forms), dtype=numpy.int64)
        for members in forms.values():
            self._add(members)

    def reference(self, numbers: list[int]) -> Reference:
        """A reference to scalars that are in one pack."""
        return Reference(self._packs[self._pack_of[numbers[0]]], self._lane_of[numbers])

    def joined(self, numbers: list[int]) -> Reference:
        """Scalars of any packs."""
        if not numbers:
            return Reference(self.builder.constants, numpy.empty(0, dtype=numpy.int64))
        found = self.builder.gathered([[self.reference([each]) for each in numbers]])
        return Reference(found.pack, found.index.ravel())

    def _add(self, members: Numbers) -> None:
        """Add the pack of these scalars, which have one form."""
        first: Any = self._scalars[members[0]]
        scalars: list[Any] = [] if isinstance(first, Input) else [self._scalars[number] for number in members]
        members = numpy.asarray(members)
        lanes = numpy.arange(members.size)
        if isinstance(first, Input):
            pack = self._inputs[first.array]
            lanes = members - first.first
        elif isinstance(first, Number):
            pack = self.builder.constants
            lanes = self.builder.constant(numpy.array([scalar.number for scalar in scalars]))
        elif isinstance(first, Terms):
            pack = self._sum(scalars)
        elif isinstance(first, Component):
            vectors = {vector: group for group, vector in enumerate(dict.fromkeys(each.vector for each in scalars))}
            pack = self._vector(list(vectors))
            lanes = numpy.array([scalar.index * len(vectors) + vectors[scalar.vector] for scalar in scalars])
        elif isinstance(first, Looped):
            pack = self._loop(first)
        elif isinstance(first, Picked):
            pack = self._packs[self._pack_of[first.loop]]
            lanes = numpy.array([scalar.index for scalar in scalars])
        else:
            pack = self._application(scalars)
        self._pack_of[members] = len(self._packs)
        self._lane_of[members] = lanes
        # Of two factors an unbatched one comes first: a matrix before what it multiplies.
        self._rank[len(self._packs)] = len(self._packs) + len(self._rank) * pack.batched
        self._packs.append(pack)

    def _application(self, scalars: list[Application]) -> Pack:
        primitive = scalars[0].primitive
        args = [self.reference(list(numbers)) for numbers in zip(*[scalar.args for scalar in scalars])]
        if primitive in REDUCTIONS:
            return self.builder.reduce(primitive, self.builder.gathered([[arg] for arg in args]))
        return self.builder.apply(primitive, [self._argument(arg) for arg in args], len(scalars))

    def _argument(self, arg: Reference) -> Reference | float:
        """The reference; where all lanes are one constant, its number."""
        if arg.pack is self.builder.constants and (arg.index == arg.index[0]).all():
            return self.builder.constant_at(int(arg.index[0]))
        return arg

    def _vector(self, vectors: list[Application]) -> Pack:
        args = [[self.reference(list(numbers))] for numbers in zip(*[vector.args for vector in vectors])]
        primitive = vectors[0].primitive
        empty = primitive.options.get("empty", float("nan"))
        return self.builder.vector(primitive.base.name, self.builder.gathered(args), empty).pack

    def _loop(self, scalar: Looped) -> Pack:
        args = numpy.array(scalar.args)
        packs, parts = self._pack_of[args], []
        for each in numpy.unique(packs):
            places = numpy.flatnonzero(packs == each)
            parts.append((self.reference(args[places].tolist()), places))
        return self.builder.loop(scalar.scan, parts)

    def _sum(self, scalars: list[Terms]) -> Pack:
        lane = numpy.repeat(numpy.arange(len(scalars)), [len(scalar) for scalar in scalars])
        if lane.size > MANY * len(scalars):
            terms = numpy.concatenate([scalar.columns for scalar in scalars], axis=1)
        else:
            flat = chain.from_iterable([scalar.flat for scalar in scalars])
            terms = numpy.fromiter(flat, numpy.int64, 3 * lane.size).reshape(-1, 3).T
        signs, xs, ys = numpy.ascontiguousarray(terms)
        first, second = self._pack_of[xs], self._pack_of[ys]
        swapped = (ys != ONE) & ((xs == ONE) | (self._rank[first] > self._rank[second]))
        if swapped.any():
            xs, ys = numpy.where(swapped, ys, xs), numpy.where(swapped, xs, ys)
            first, second = self._pack_of[xs], self._pack_of[ys]
        second = numpy.where(ys == ONE, -1, second)
        segments = []
        n_packs = len(self._packs)
        for a, b in [divmod(pair, n_packs + 1) for pair in _distinct(first * (n_packs + 1) + second + 1)]:
            b -= 1
            chosen = (first == a) & (second == b)
            blocks = []
            for sign in _distinct(signs[chosen]):
                of_sign = chosen & (signs == sign)
                index = self._lane_of[xs[of_sign]], None if b < 0 else self._lane_of[ys[of_sign]]
                blocks += recognise(lane[of_sign], *index, float(sign))
            segments.append(Segment(self._packs[a], None if b < 0 else self._packs[b], blocks))
        batched = any(segment.batched for segment in segments)
        return self.builder.sum(len(scalars), batched, segments, from_zero=scalars[0].from_zero)


def _distinct(numbers: Any) -> list[Any]:
    """The distinct numbers, in the order in which they first occur."""
    others = numbers[1:][numbers[1:] != numbers[:-1]]
    return [*dict.fromkeys([*numbers[:1].tolist(), *others.tolist()])]
