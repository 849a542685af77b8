"""Operations: scalars in the order in which they are computed, each as a form of code and the scalars it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import add
from typing import Any, NamedTuple

from autograd_mini.compiler.code.cells import is_arithmetic
from autograd_mini.compiler.ir.scalars import ONE, Application, Component, Number, Scalar, Terms, alive
from autograd_mini.compiler.partition import LONGEST_SUM, MOST_LITERALS
from autograd_mini.primitives import Primitive

PLAIN = {1.0, -1.0}
"""Constants that are always written into the code."""

Literal = float | None
"""An operand that is written into the code; None for one that is read."""


@dataclass(frozen=True)
class Sum:
    """Σ ±x·y; each term a sign and its factors. If it is `from_zero`, it begins with 0.0."""

    terms: tuple[tuple[float, tuple[Literal, ...]], ...]
    from_zero: bool


@dataclass(frozen=True)
class Apply:
    """A primitive of its operands; a function of vectors has as many results as operands."""

    primitive: Primitive
    args: tuple[Literal, ...]
    is_vector: bool = False


Head = Sum | Apply


def _sum_of(cs: tuple[float, ...], counts: tuple[int, ...], is_first: bool, from_zero: bool) -> Sum:
    """The sum of products of so many scalars, and of one scalar before them."""
    terms = [(c, (None,) * count) for c, count in zip(cs, counts)]
    return Sum(tuple(terms if is_first else [(1.0, (None,)), *terms]), from_zero and is_first)


class Operation(NamedTuple):
    """What gives some scalars: `head` by number, and the scalars it reads."""

    results: tuple[int, ...]
    head: int
    reads: tuple[int, ...]
    size: int


class Operations:
    """The operations that compute the wanted scalars.

    Attributes:
        sequence: the operations in an order in which operands come first.
        heads: their forms.
        constants: the numbers of scalars that the code reads from memory.
    """

    def __init__(self, scalars: Sequence[Scalar], wanted: Sequence[int], *, most_literals: int = MOST_LITERALS) -> None:
        self.sequence: list[Operation] = []
        self.heads: list[Head] = []
        self.constants: dict[int, float] = {}
        self._head_of: dict[Any, int] = {}
        self._scalars = scalars
        self._fresh = len(scalars)
        is_alive = alive(scalars, wanted)
        literals = _constants(scalars, is_alive)
        self._literals = literals if len(literals) <= most_literals else PLAIN
        numbers = {number: scalar.number for number, scalar in enumerate(scalars) if type(scalar) is Number}
        self._literal_of = {number: each for number, each in numbers.items() if each in self._literals}
        self._numbers = numbers.keys() - {ONE}
        vectors: set[Application] = set()
        for number, scalar in enumerate(scalars):
            if not is_alive[number]:
                continue
            if type(scalar) is Terms:
                self._sum((number,), scalar)
            elif type(scalar) is Application:
                self._apply((number,), scalar.primitive, scalar.args, is_vector=False)
            elif type(scalar) is Component and scalar.vector not in vectors:
                vectors.add(scalar.vector)
                first, vector = number - scalar.index, scalar.vector
                self._apply(
                    tuple(range(first, first + len(vector.args))), vector.primitive, vector.args, is_vector=True
                )
            elif type(scalar) is Number and number not in self._literal_of:
                self.constants[number] = scalar.number

    def by_demand(self, wanted: Sequence[int]) -> list[Operation]:
        """The operations in such an order that each is done when another first needs it: what is computed lane by
        lane stays in registers."""
        of = {number: place for place, operation in enumerate(self.sequence) for number in operation.results}
        is_done = bytearray(len(self.sequence))
        found: list[Operation] = []
        stack: list[int] = []
        for number in wanted:
            stack.append(of[number])
            while stack:
                place = stack[-1]
                reads = map(of.get, self.sequence[place].reads)
                waiting = [each for each in reads if each is not None and not is_done[each]]
                if is_done[place]:
                    stack.pop()
                elif waiting:
                    stack += reversed(waiting)
                else:
                    is_done[place] = True
                    found.append(self.sequence[stack.pop()])
        return found

    def _add(self, results: tuple[int, ...], key: Any, make: Any, reads: list[int], size: int) -> None:
        head = self._head_of.get(key)
        if head is None:
            head = self._head_of[key] = len(self.heads)
            self.heads.append(make())
        self.sequence.append(Operation(results, head, tuple(reads), size))

    def _apply(self, results: tuple[int, ...], primitive: Primitive, args: Sequence[int], *, is_vector: bool) -> None:
        literals = tuple([self._literal_of.get(arg) for arg in args])
        reads = [arg for arg, literal in zip(args, literals) if literal is None]
        key = primitive, *[literal if literal is None else literal.hex() for literal in literals]
        size = 1 if is_arithmetic(primitive) else 4 * len(results)
        self._add(results, key, lambda: Apply(primitive, literals, is_vector), reads, size)

    def _sum(self, results: tuple[int, ...], terms: Terms) -> None:
        """A sum; a long one as a chain of short ones."""
        cs, xs, ys = terms.cs, terms.xs, terms.ys
        total: int | None = None
        while len(cs) > LONGEST_SUM:
            before, total = total, self._fresh
            self._fresh += 1
            piece = cs[:LONGEST_SUM], xs[:LONGEST_SUM], ys[:LONGEST_SUM]
            self._piece((total,), *piece, before, terms.from_zero)
            cs, xs, ys = cs[LONGEST_SUM:], xs[LONGEST_SUM:], ys[LONGEST_SUM:]
        self._piece(results, cs, xs, ys, total, terms.from_zero)

    def _piece(
        self,
        results: tuple[int, ...],
        cs: list[float],
        xs: list[int],
        ys: list[int],
        before: int | None,
        from_zero: bool,
    ) -> None:
        reads: list[int] = [] if before is None else [before]
        if self._numbers.isdisjoint(xs) and self._numbers.isdisjoint(ys):
            counts = tuple(map(add, map(bool, xs), map(bool, ys)))  # ONE is 0
            reads += filter(None, chain.from_iterable(zip(xs, ys)))
            key = tuple(cs), counts, before is None, from_zero
            self._add(results, key, lambda: _sum_of(*key), reads, len(cs))
            return
        terms: list[tuple[float, tuple[Literal, ...]]] = [] if before is None else [(1.0, (None,))]
        for c, x, y in zip(cs, xs, ys):
            factors: list[Literal] = []
            for factor in (x, y):
                literal = self._literal_of.get(factor)
                if literal is None:
                    factors.append(None)
                    reads.append(factor)
                elif literal != 1.0:
                    factors.append(literal)
            terms.append((c, tuple(factors)))
        form = Sum(tuple(terms), from_zero and before is None)
        written = tuple([(c, *[None if each is None else each.hex() for each in factors]) for c, factors in terms])
        self._add(results, (written, form.from_zero), lambda: form, reads, len(terms))


def _constants(scalars: Sequence[Scalar], is_alive: bytearray) -> set[float]:
    """All different constants."""
    found = set(PLAIN)
    for number, scalar in enumerate(scalars):
        if is_alive[number] and type(scalar) is Number:
            found.add(scalar.number)
    return found
