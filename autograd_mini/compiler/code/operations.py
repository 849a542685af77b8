"""Operations: scalars in the order in which they are computed, each as a form of code and the scalars it reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, compress
from operator import is_
from typing import Any, NamedTuple

from autograd_mini.compiler.code.machine_rows import VECTORS, has_emission, is_arithmetic, is_exact
from autograd_mini.compiler.code.register_products import Matrix, MatrixScalars, Outer, OuterScalars, matrices_of
from autograd_mini.compiler.ir.scalars import Application, Component, Number, Scalar, Terms, alive
from autograd_mini.compiler.partition import LONGEST_SUM, MOST_LITERALS
from autograd_mini.primitives import Part, Primitive

PLAIN = {1.0, -1.0}
"""Constants that are always written into the code."""

Literal = str | None
"""An operand that is written into the code, as `float.hex` has it: 0.0 and -0.0 differ. None for one that is read."""

FACTOR_ONE = (1.0).hex()

Term = tuple[float, tuple[Literal, ...]]
"""A sign and the factors of a product, none for 1."""


@dataclass(frozen=True)
class Sum:
    """Σ ±x·y. If it is `from_zero`, it begins with 0.0."""

    terms: tuple[Term, ...]
    from_zero: bool


@dataclass(frozen=True)
class Apply:
    """A primitive of its operands; a function of vectors has as many results as operands."""

    primitive: Primitive
    args: tuple[Literal, ...]
    is_vector: bool = False

    def require_emission(self) -> None:
        """Raise NotImplementedError if there is no machine code for it."""
        primitive = self.primitive.whole if isinstance(self.primitive, Part) else self.primitive
        is_vector = self.is_vector and primitive.base.name in VECTORS
        if not is_vector and not has_emission(primitive, len(self.args)):
            raise NotImplementedError(primitive.name)


@dataclass(frozen=True)
class Applies:
    """Functions of the same operands, which may share what they are made of: their results one after the other."""

    functions: tuple[Apply, ...]


Head = Sum | Apply | Applies | Matrix | Outer

ALONE = -1
OF_SUMS = -1
"""What sums over the columns need to know, among the rows counted from the end; before it come these."""


class Operation(NamedTuple):
    """What gives some scalars: `head` by number, and the scalars it reads, or rows, counted from the end of all.

    Of the size `ALONE` it is a chunk by itself, which is given all that it reads in order.
    """

    results: tuple[int, ...]
    head: int
    reads: tuple[int, ...]
    size: int


_operation = tuple.__new__  # an `Operation`, made without a call of Python's
_is_read = partial(is_, None)


class Operations:
    """The operations that compute the wanted scalars.

    Args:
        uniform: inputs that are the same for all columns, where there are others.
        outers: sums over the columns.

    Raises:
        NotImplementedError: there is no machine code for a primitive.

    Attributes:
        sequence: the operations in an order in which operands come first.
        heads: their forms.
        constants: the numbers of scalars that the code reads from memory.
        weights: scalars that stand for inputs once more, where matrices have them side by side.
    """

    def __init__(
        self,
        scalars: Sequence[Scalar],
        wanted: Sequence[int],
        *,
        most_literals: int = MOST_LITERALS,
        uniform: Collection[int] = (),
        outers: Sequence[OuterScalars] = (),
    ) -> None:
        self.sequence: list[Operation] = []
        self.heads: list[Head] = []
        self.constants: dict[int, float] = {}
        self.weights: dict[int, int] = {}
        self._head_of: dict[Head, int] = {}
        self._copies: dict[tuple[int, ...], int] = {}
        self._known: dict[Any, tuple[int, int]] = {}  # heads by what tells them without making them, and their sizes
        self._fresh = len(scalars)
        wanted = [*wanted, *chain.from_iterable(each.factors for each in outers)]
        is_alive = alive(scalars, wanted)
        matrices, covered = matrices_of(scalars, is_alive, wanted, uniform) if uniform else ({}, set())
        numbers = {number: scalar.number for number, scalar in enumerate(scalars) if type(scalar) is Number}
        literals = PLAIN.union([each for number, each in numbers.items() if is_alive[number]])
        if len(literals) > most_literals:
            literals = PLAIN
        self._literal_of = {number: each.hex() for number, each in numbers.items() if each in literals}
        shared = _sharing(scalars, is_alive)
        for number in compress(range(len(scalars)), is_alive):
            scalar = scalars[number]
            if number in matrices:
                self._matrix(matrices[number], numbers)
            if number in covered:
                continue
            if type(scalar) is Terms:
                self._sum(number, scalar)
            elif type(scalar) is Application:
                together = shared.get((scalar.args, False), {}) if shared else {}
                if number not in together:
                    self._apply((number,), scalar.primitive, scalar.args, is_vector=False)
                elif number == next(iter(together)):
                    self._apply_all(together, scalar.args, is_vector=False)
            elif type(scalar) is Component:
                together = shared.pop((scalar.vector.args, True), {})
                self._apply_all(together, scalar.vector.args, is_vector=True)
            elif type(scalar) is Number and number not in self._literal_of:
                self.constants[number] = scalar.number
        for outer in outers:
            self._outer(outer, numbers)

    def by_demand(self, wanted: Sequence[int]) -> list[Operation]:
        """The operations in such an order that each is done when another first needs it: what is computed lane by
        lane stays in registers."""
        of = {number: place for place, operation in enumerate(self.sequence) for number in operation.results}
        is_done = bytearray(len(self.sequence))
        found: list[Operation] = []
        stack: list[int] = []
        last = [place for place, operation in enumerate(self.sequence) if not operation.results]
        for wanted_place in chain(map(of.__getitem__, wanted), last):
            stack.append(wanted_place)
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

    def _add(self, results: tuple[int, ...], head: tuple[int, int], reads: tuple[int, ...]) -> None:
        self.sequence.append(_operation(Operation, (results, head[0], reads, head[1])))

    def _head(self, key: Any, head: Head, size: int) -> tuple[int, int]:
        """The number of a head that is told by a key, and the size of its operations."""
        number = self._head_of.setdefault(head, len(self.heads))
        if number == len(self.heads):
            self.heads.append(head)
            for each in head.functions if isinstance(head, Applies) else [head]:
                if isinstance(each, Apply):
                    each.require_emission()
        found = self._known[key] = number, size
        return found

    def _apply(self, results: tuple[int, ...], primitive: Primitive, args: tuple[int, ...], *, is_vector: bool) -> None:
        literals = tuple(map(self._literal_of.get, args))
        reads = args if not any(literals) else tuple(compress(args, map(_is_read, literals)))
        key = primitive, literals, is_vector
        head = self._known.get(key)
        if head is None:
            size = 1 if is_arithmetic(primitive) else 4 * len(results)
            head = self._head(key, Apply(*key), size)
        self._add(results, head, reads)

    def _apply_all(self, together: Mapping[int, Primitive], args: tuple[int, ...], *, is_vector: bool) -> None:
        """Functions of the same operands, by their first results."""
        n_results = len(args) if is_vector else 1
        results = tuple([number for first in together for number in range(first, first + n_results)])
        if len(together) == 1:
            (primitive,) = together.values()
            self._apply(results, primitive, args, is_vector=is_vector)
        elif together:
            literals = tuple(map(self._literal_of.get, args))
            reads = tuple(compress(args, map(_is_read, literals)))
            head = Applies(tuple([Apply(primitive, literals, is_vector) for primitive in together.values()]))
            self._add(results, self._head(head, head, 4 * len(results)), reads)

    def _matrix(self, rows: MatrixScalars, numbers: Mapping[int, float]) -> None:
        key = tuple(rows.weights)
        if key not in self._copies:
            self._copies[key] = self._fresh
            for place, weight in enumerate(key, self._fresh):
                if weight in numbers:
                    self.constants[place] = numbers[weight]
                else:
                    self.weights[place] = weight
            self._fresh += len(key)
        reads = (self._copies[key], *rows.factors, *rows.starts)
        self._add(tuple(rows.results), self._head(rows.head, rows.head, ALONE), reads)

    def _outer(self, outer: OuterScalars, numbers: Mapping[int, float]) -> None:
        self.constants |= {number: numbers[number] for number in outer.factors if number in numbers}
        sums = [OF_SUMS, *[OF_SUMS - 1 - number for number in outer.sums]]
        self._add((), self._head(outer.head, outer.head, ALONE), (*sums, *outer.factors))

    def _sum(self, result: int, terms: Terms) -> None:
        """A sum; a long one as a chain of short ones."""
        before: tuple[int, ...] = ()
        for start in range(0, len(terms.cs) or 1, LONGEST_SUM):
            part = slice(start, start + LONGEST_SUM)
            place = result if part.stop >= len(terms.cs) else self._fresh
            self._fresh += place != result
            self._short_sum(place, terms.cs[part], terms.xs[part], terms.ys[part], terms.from_zero, before)
            before = (place,)

    def _short_sum(
        self, result: int, cs: list[float], xs: list[int], ys: list[int], from_zero: bool, before: tuple[int, ...]
    ) -> None:
        """A part of a sum, added to what comes before it."""
        factors = tuple(chain.from_iterable(zip(xs, ys)))
        literals = tuple(map(self._literal_of.get, factors))
        key = *cs, from_zero, len(before), literals
        head = self._known.get(key)
        if head is None:
            pairs = [
                tuple([each for each in pair if each != FACTOR_ONE]) for pair in zip(literals[::2], literals[1::2])
            ]
            first: list[Term] = [(1.0, (None,))] if before else []
            head = self._head(key, Sum((*first, *zip(cs, pairs)), from_zero and not before), len(cs))
        self._add((result,), head, (*before, *compress(factors, map(_is_read, literals))))


def _sharing(
    scalars: Sequence[Scalar], is_alive: bytearray
) -> dict[tuple[tuple[int, ...], bool], dict[int, Primitive]]:
    """Functions that take some time, by their operands and whether they are of vectors: those of the same operands may
    share some of it. They are given by their first results."""
    is_left: dict[tuple[Primitive, int], bool] = {}
    found: dict[tuple[tuple[int, ...], bool], dict[int, Primitive]] = {}
    for number in compress(range(len(scalars)), is_alive):
        scalar = scalars[number]
        if type(scalar) is Application:
            key = primitive, n_args = scalar.primitive, len(scalar.args)
            if key not in is_left:
                has_none = isinstance(primitive, Part) or not has_emission(primitive, n_args)
                is_left[key] = has_none or is_exact(primitive, n_args)
            if not is_left[key]:
                found.setdefault((scalar.args, False), {})[number] = primitive
        elif type(scalar) is Component:
            found.setdefault((scalar.vector.args, True), {})[number - scalar.index] = scalar.vector.primitive
    return found
