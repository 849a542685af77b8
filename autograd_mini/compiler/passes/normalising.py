"""Normalise: the recorded graph as few kinds of scalars, the operations as they were written, sums as lists of terms.

`sum`, `dot` and their like, and chains of + are sums: each is one list of terms Σ x·y, which takes in products that
nothing else reads. Nothing else is rearranged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, filterfalse, repeat
from typing import Any

import numpy

from autograd_mini.compiler.ir.scalars import MANY, ONE, Application, Looped, Number, Picked, Scalars, Terms
from autograd_mini.compiler.passes.growing import Growing
from autograd_mini.compiler.passes.nodes import Kept, Scanned
from autograd_mini.compiler.passes.recording import Recording
from autograd_mini.compiler.passes.tracing import Guard, Trace, truth_of
from autograd_mini.graph import topological_order
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.value import Value

SHORTEST_CHAIN = 4
"""A chain of + with fewer terms is computed as it is written, not as a sum."""


def with_one_guard(traced: Trace) -> Trace:
    """The trace with one guard in place of all: how many decisions, from the first on, come out as they did."""
    if not traced.guards:
        return traced
    agreeing: list[Value] = []
    for guard in traced.guards:
        truth = truth_of(guard.node)
        agrees = truth if guard.outcome else TABLE.auxiliary["equal"](truth, 0.0)
        agreeing.append(agreeing[-1] * agrees if agreeing else agrees)
    total = TABLE["sum"](*agreeing)
    known = set(traced.order)
    more = [node for node in topological_order(total) if node not in known]
    one = Guard(total, True, traced.guards[-1].line)
    return replace(traced, guards=[one], order=[*traced.order, *more], recording=None)


def normalise(trace: Trace) -> Scalars:
    """The trace in normal form."""
    return _Normaliser(trace).normalised()


_Chain = tuple[tuple[int, ...], int, bool]
"""A chain of + that may go on: the scalars that it adds up, how many terms a sum of them has, and whether it begins
with 0.0."""


class _Normaliser(Growing):
    def __init__(self, trace: Trace) -> None:
        super().__init__([Number(1.0)])
        self.constants = {ONE}  # scalars that are constants
        self.single_use: set[int] = set()  # scalars that a single node reads, and reads once
        self.chains: dict[int, _Chain] = {}
        self.sums: set[int] = set()  # sums that are not chains of +
        for array, values in [*enumerate(trace.inputs), (-1, trace.parameters)]:
            lanes = self.inputs(array, len(values))
        parameters = dict(zip(trace.parameters, lanes))
        recording = trace.recording
        if recording is None or not recording.is_whole:
            given = [*chain.from_iterable(trace.inputs), *trace.parameters]
            made = [*filterfalse({*given}.__contains__, trace.order)]
            roots = [*trace.outputs, *[guard.node for guard in trace.guards]]
            recording = Recording(made, given, roots, parameters.__contains__)
        self.recording, self.n_outputs = recording, len(trace.outputs)
        self.scalar_at = [*range(1, 1 + len(recording.inputs)), *[ONE] * len(recording.made)]  # for each node
        self.scalar_at += [parameters.get(node) or self.number(node._number) for node in recording.others]

    def normalised(self) -> Scalars:
        recording, n_given = self.recording, len(self.recording.inputs)
        roots = recording.used[len(recording.used) - len(recording.roots) :]
        uses = recording.uses + numpy.bincount(roots, minlength=len(recording.uses))  # twice: they must stay scalars
        scalar_at, used, place, start = self.scalar_at, recording.used, self.scalar_at.__getitem__, 0
        are_constant, rule_of, scalars = self.constants.issuperset, _RULES.get, self.scalars
        plain: dict[Any, dict[tuple[int, ...], int]] = {}  # for operations without rules, what they were applied to
        nodes = zip(recording.made, recording.n_parents, uses[n_given:].tolist())
        for own_place, (node, n_parents, n_uses) in enumerate(nodes, n_given):
            operation: Any = node.operation
            if n_parents == 2:
                args: Any = scalar_at[used[start]], scalar_at[used[start + 1]]
            elif n_parents > MANY and operation in _DOTS and recording.read[start : start + n_parents].max() < n_given:
                args = 1 + recording.read[start : start + n_parents]
            else:
                args = tuple(map(place, used[start : start + n_parents]))
            start += n_parents
            if are_constant(args):
                scalar_at[own_place] = self.number(node._number)
                continue
            known = plain.get(operation)
            if known is not None:
                number = known.setdefault(args, len(scalars))
                if number == len(scalars):
                    scalars.append(Application(operation, args))
            elif (rule := rule_of(operation)) is not None:
                number = rule(self, args)
            elif type(operation) is Scanned:
                number = self.add(Looped(operation.scan, args))
            elif type(operation) is Kept:
                number = self.add(Picked(args[0], operation.index))
            elif operation.base in _VECTORS:
                number = self._component(operation, args)
            else:
                plain[operation] = self._applied_to[operation]
                number = self.application(operation, args)
            scalar_at[own_place] = number
            if n_uses == 1:
                self.single_use.add(number)
        found = [*map(place, roots)]
        return Scalars(self.scalars, found[: self.n_outputs], found[self.n_outputs :])

    def number(self, number: float) -> int:
        found = super().number(number)
        self.constants.add(found)
        return found

    def _component(self, operation: Primitive, args: tuple[int, ...]) -> int:
        """One output of a vector function; all of them are one vector."""
        options = {name: option for name, option in operation.options.items() if name != "index"}
        components = self.components(operation.base.variant(**options) if options else operation.base, args)
        return components[int(operation.options.get("index", 0))]

    def _added(self, args: tuple[int, ...]) -> int:
        """x + y: the first or next link of a chain. An operand in brackets is a single term, unless it is a sum."""
        x, y = args
        first = self._open(x) if x in self.single_use else None
        second = self._open(y) if y in self.single_use else None
        if first is None and second is None and x not in self.constants and y not in self.constants:
            found = self.application(_ADD, args)
            self.chains[found] = args, 2, False
            return found
        if first is None and second is not None and (y in self.sums or self._open(x) is None):
            x, y, first, second = y, x, second, first
        longer = self._longer(x, y, first, second)
        if longer is not None and (longer[1] >= SHORTEST_CHAIN or self._is_layer(x, y)):
            return self._long(longer)
        found = self.application(_ADD, args)
        if longer is not None:
            self.chains[found] = longer
        return found

    def _is_layer(self, x: int, y: int) -> bool:
        """Whether x + y is a sum and a term after it, which is the same as one sum."""
        is_term = y not in self.constants and y not in self.sums and not self._is_product(y)
        return is_term and x in self.sums and x in self.single_use

    def _open(self, number: int) -> _Chain | None:
        """The chain that a scalar is so far; None if it is not one."""
        scalar = self.scalars[number]
        return ((number,), len(scalar), False) if type(scalar) is Terms else self.chains.get(number)

    def _longer(self, x: int, y: int, first: _Chain | None, second: _Chain | None) -> _Chain | None:
        """The chain x + y, given the chains that x and y are, or None for either; None if a constant ends it."""
        if x in self.constants or y in self.constants:
            number, other, rest = (x, y, second) if x in self.constants else (y, x, first)
            is_zero = self.scalars[number].number.hex() == "0x0.0p+0"  # type: ignore[union-attr]
            return (*(rest or ((other,), 1))[:2], True) if is_zero else None
        before, size, from_zero = first or ((x,), 1, False)
        more = len(self.scalars[y]) if y in self.sums and y in self.single_use else 1  # type: ignore[arg-type]
        return (*before, y), size + more, from_zero

    def _long(self, links: _Chain) -> int:
        """The sum of a chain; it grows in place."""
        (first, *others), _, from_zero = links
        scalar = self.scalars[first]
        if type(scalar) is Terms and first in self.single_use:
            terms, self.scalars[first] = scalar, Number(math.nan)  # nobody else uses it
        else:
            terms, others = Terms(), [first, *others]
        terms.from_zero |= from_zero
        return self._summed(others, terms)

    def _sum(self, args: Iterable[int]) -> int:
        found = self._summed(args, Terms(from_zero=True))
        self.sums.add(found)
        return found

    def _summed(self, args: Iterable[int], terms: Terms) -> int:
        for number in args:
            scalar = self.scalars[number]
            if number in self.single_use and number in self.sums:
                terms.tail += scalar.flat  # type: ignore[union-attr]
                terms.from_zero |= scalar.from_zero  # type: ignore[union-attr]
            elif self._is_product(number):
                args = scalar.args  # type: ignore[union-attr]
                (c, x), (d, y) = self._signed(args[0]), self._signed(args[-1])
                terms.tail += c * d, x, y
            else:
                terms.tail += *self._signed(number), ONE
        return self.add(terms)

    def _signed(self, number: int) -> tuple[float, int]:
        """A scalar as ±x: negation commutes with products exactly."""
        scalar = self.scalars[number]
        if type(scalar) is Application and scalar.primitive is _NEGATION:
            return -1.0, scalar.args[0]
        return 1.0, number

    def _is_product(self, number: int) -> bool:
        """Whether it is x·y or x², and only a sum reads it."""
        scalar = self.scalars[number]
        return number in self.single_use and type(scalar) is Application and scalar.primitive in _PRODUCTS

    def _dot(self, args: tuple[int, ...]) -> int:
        half = len(args) // 2
        if type(args) is tuple:
            terms = Terms.of(zip(repeat(1.0), args[:half], args[half:]), from_zero=True)
        else:
            terms = Terms([], True, numpy.stack([numpy.ones_like(args[:half]), args[:half], args[half:]]))
        found = self.add(terms)
        self.sums.add(found)
        return found

    def _mean(self, args: tuple[int, ...]) -> int:
        return self.apply(TABLE["div"], self._sum(args), self.number(float(len(args))))

    def _power(self, args: tuple[int, ...]) -> int:
        exponent = self.scalars[args[1]]
        if type(exponent) is Number and exponent.number == 2.0:
            return self.apply(TABLE["square"], args[0])
        return self.apply(TABLE["pow"], *args)


_PRODUCTS = {TABLE["mul"], TABLE["square"]}
_DOTS = {TABLE["dot"], TABLE["sumprod"]}
_VECTORS = {TABLE["softmax"], TABLE["log_softmax"]}
_NEGATION, _ADD = TABLE["neg"], TABLE["add"]

# Keys are primitives, not names: a user's own of the same name is another.
_RULES: dict[Primitive, Any] = {
    TABLE["add"]: _Normaliser._added,
    TABLE["sum"]: _Normaliser._sum,
    TABLE["mean"]: _Normaliser._mean,
    TABLE["dot"]: _Normaliser._dot,
    TABLE["sumprod"]: _Normaliser._dot,
    TABLE["pow"]: _Normaliser._power,
}
