"""Operations: scalars in the order in which they are computed, each as a form of code and the scalars it reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, compress
from operator import attrgetter
from typing import Any

import numpy

from autograd_mini.compiler.code.listing import ALONE, Columns, Listing, Lists, Operation, alike, first_of_each
from autograd_mini.compiler.code.machine_rows import VECTORS, has_emission, is_arithmetic, is_exact
from autograd_mini.compiler.code.register_products import Matrix, MatrixScalars, Outer, OuterScalars, matrices_of
from autograd_mini.compiler.code.repeating import Loops, Turns
from autograd_mini.compiler.ir.program import Index
from autograd_mini.compiler.ir.scalars import Application, Component, Looped, Number, Picked, Scalar, Terms
from autograd_mini.compiler.partition import LONGEST_SUM, MOST_LITERALS
from autograd_mini.primitives import Primitive

PLAIN = {1.0, -1.0}
"""Constants that are always written into the code."""

Literal = str | None
"""An operand that is written into the code, by `float.hex`, which tells 0.0 from -0.0; None for one that is read."""

FACTOR_ONE = (1.0).hex()

Term = tuple[float, tuple[Literal, ...]]
"""The sign and the factors of a product; no factors stand for 1."""


@dataclass(frozen=True)
class Sum:
    """The head of a sum Σ ±x·y. If it is `from_zero`, it begins with 0.0."""

    terms: tuple[Term, ...]
    from_zero: bool


@dataclass(frozen=True)
class Apply:
    """Applies a primitive to its operands; a function of vectors has as many results as operands."""

    primitive: Primitive
    args: tuple[Literal, ...]
    is_vector: bool = False

    def require_emission(self) -> None:
        """Raise NotImplementedError if there is no machine code for the primitive."""
        is_vector = self.is_vector and self.primitive.base.name in VECTORS
        if not is_vector and not has_emission(self.primitive, len(self.args)):
            raise NotImplementedError(self.primitive.name)


@dataclass(frozen=True)
class Applies:
    """Functions of the same operands, which may share parts of their work; their results come one after the other."""

    functions: tuple[Apply, ...]


Head = Sum | Apply | Applies | Matrix | Outer | Turns

COPY = Sum(((1.0, (None,)),), from_zero=False)

OF_SUMS = -1
"""The row, counted from the end, of the sizes that sums over the columns need to know; these sums come before it."""

Due = list[tuple[int, Operation]]
"""Operations that are made one by one, each after the number of the scalar in whose place it comes."""


class Operations:
    """The operations that compute the wanted scalars.

    Args:
        uniform: inputs that are the same for all columns; empty for no matrices.
        arrays: inputs that differ from column to column.
        outers: sums over the columns.
        columns: what is known of the scalars, if it is.

    Raises:
        NotImplementedError: there is no machine code for a primitive.

    Attributes:
        sequence: the operations in an order in which operands come first.
        heads: their forms.
        constants: the constants that the code reads from memory, by scalar.
        weights: new scalars for inputs that matrices need side by side, and the inputs they repeat.
    """

    def __init__(
        self,
        scalars: Sequence[Scalar],
        wanted: Sequence[int],
        *,
        most_literals: int = MOST_LITERALS,
        uniform: Collection[int] = (),
        arrays: Collection[int] = (),
        outers: Sequence[OuterScalars] = (),
        columns: Columns | None = None,
    ) -> None:
        self.heads: list[Head] = []
        self.constants: dict[int, float] = {}
        self.weights: dict[int, int] = {}
        self._head_of: dict[Head, int] = {}
        self._copies: dict[tuple[int, ...], int] = {}
        self._scalars: Any = scalars
        self._fresh = len(scalars)
        wanted = [*wanted, *chain.from_iterable(each.factors for each in outers)]
        columns = columns or Columns(scalars)
        uses = columns.uses(wanted)
        matrices, covered = matrices_of(scalars, columns, uses.tolist(), uniform) if uniform else ({}, set())
        uses[[*covered]] = 0
        columns = columns.those(uses > 0)
        numbers = {number: self._scalars[number].number for number in columns.numbers(Number).tolist()}
        self._numbers = numbers
        literals = PLAIN.union(numbers.values())
        if len(literals) > most_literals:
            literals = PLAIN
        literal_of = {number: each.hex() for number, each in numbers.items() if each in literals}
        self._texts: list[Literal] = [None, *dict.fromkeys(literal_of.values())]
        self._literal = numpy.zeros(len(scalars), numpy.int64)  # for each scalar the place of its text
        self._literal[[*literal_of]] = [*map(self._texts.index, literal_of.values())]
        due: Due = []
        for number in sorted({*matrices, *numbers}):
            if number in matrices:
                due.append((number, self._matrix(matrices[number])))
            if number in numbers and number not in literal_of:
                self.constants[number] = numbers[number]
        loops, picked, components = (columns.numbers(kind).tolist() for kind in (Looped, Picked, Component))
        due += [*self._vectors(components), *self._loops(loops, picked, arrays)]
        applied, applications, together = self._applications(columns)
        summed, sums = self._sums(columns)
        firsts = accumulate([len(outer.sums) for outer in outers], initial=0)
        due += [*together, *((self._fresh, self._outer(*each)) for each in zip(outers, firsts))]
        places = numpy.concatenate([numpy.array([place for place, _ in due], numpy.int64), applied, summed])
        listing = Listing.joined([Listing.of([operation for _, operation in due]), applications, sums])
        self.sequence: Listing = listing.at(numpy.argsort(places, kind="stable"))
        self._number_heads()

    def by_demand(self, wanted: Sequence[int]) -> Listing:
        """The operations in an order in which each comes when another first needs it, so that what is computed lane by
        lane stays in registers."""
        results, reads = ([*each.tuples()] for each in (self.sequence.results, self.sequence.reads))
        of = {number: place for place, numbers in enumerate(results) for number in numbers}
        is_done = bytearray(len(results))
        found: list[int] = []
        stack: list[int] = []
        last = [place for place, numbers in enumerate(results) if not numbers]
        for wanted_place in chain(map(of.__getitem__, wanted), last):
            stack.append(wanted_place)
            while stack:
                place = stack[-1]
                waiting = [each for each in map(of.get, reads[place]) if each is not None and not is_done[each]]
                if is_done[place]:
                    stack.pop()
                elif waiting:
                    stack += reversed(waiting)
                else:
                    is_done[place] = True
                    found.append(stack.pop())
        return self.sequence.at(numpy.array(found, numpy.int64))

    def _number_heads(self) -> None:
        """Number the heads in the order in which operations first have them."""
        firsts = first_of_each(self.sequence.heads, len(self.heads))
        order = numpy.argsort(firsts)
        self.sequence.heads = numpy.argsort(order)[self.sequence.heads]
        self.heads = [self.heads[number] for number in order[: numpy.count_nonzero(firsts < len(self.sequence))]]

    def _head(self, head: Head) -> int:
        """The number of a head, which is added if it is new."""
        number = self._head_of.setdefault(head, len(self.heads))
        if number == len(self.heads):
            self.heads.append(head)
            for each in head.functions if isinstance(head, Applies) else [head]:
                if isinstance(each, Apply):
                    each.require_emission()
        return number

    def _applications(self, columns: Columns) -> tuple[Index, Listing, Due]:
        """The operations for primitives, and their scalars; inexact functions of the same operands become one."""
        numbers, applications, args = columns.numbers(Application), columns.of_kind(Application), columns.args
        primitives = [*map(attrgetter("primitive"), applications)]
        place_of = {primitive: place for place, primitive in enumerate(dict.fromkeys(primitives))}
        places = numpy.fromiter(map(place_of.__getitem__, primitives), numpy.int64, len(numbers))
        literals, starts = self._literal[args.numbers], args.starts
        found = numpy.zeros((3, len(numbers)), numpy.int64)  # heads, sizes, and whether results may be shared
        for n_args in {*args.lengths.tolist()}:
            chosen = numpy.flatnonzero(args.lengths == n_args)
            own = literals[starts[chosen, None] + numpy.arange(n_args)]
            kinds, firsts = alike(numpy.column_stack([places[chosen], own]))
            rows = [(primitives[chosen[first]], self._literals(own[first])) for first in firsts.tolist()]
            heads = [self._head(Apply(*row)) for row in rows]
            sizes = [1 if is_arithmetic(primitive) else 4 for primitive, _ in rows]
            shares = [not is_exact(primitive, n_args) for primitive, _ in rows]
            found[:, chosen] = numpy.array([heads, sizes, shares])[:, kinds]
        heads_of, sizes_of, may_share = found
        same: dict[tuple[int, ...], dict[int, Primitive]] = {}
        for place in numpy.flatnonzero(may_share).tolist():
            same.setdefault(applications[place].args, {})[int(numbers[place])] = primitives[place]
        shared = {operands: functions for operands, functions in same.items() if len(functions) > 1}
        together = [(min(each), self._together(each, operands)) for operands, each in shared.items()]
        results = Lists(numpy.ones(len(numbers), numpy.int64), numbers)
        listing = Listing(results, heads_of, args.only(literals == 0), sizes_of)
        if shared:
            others = numpy.flatnonzero(~numpy.isin(numbers, [*chain.from_iterable(shared.values())]))
            numbers, listing = numbers[others], listing.at(others)
        return numbers, listing, together

    def _vectors(self, numbers: list[int]) -> Due:
        """The operations for functions of vectors; those of the same operands become one."""
        same: dict[tuple[int, ...], dict[int, Primitive]] = {}
        firsts: dict[tuple[int, ...], int] = {}
        for number in numbers:
            component = self._scalars[number]
            operands = component.vector.args
            firsts.setdefault(operands, number)
            same.setdefault(operands, {})[number - component.index] = component.vector.primitive
        return [(firsts[operands], self._together(same[operands], operands, is_vector=True)) for operands in same]

    def _together(
        self, functions: Mapping[int, Primitive], operands: tuple[int, ...], *, is_vector: bool = False
    ) -> Operation:
        """One operation for functions of the same operands, which are given by their first results."""
        n_results = len(operands) if is_vector else 1
        results = tuple([number for first in functions for number in range(first, first + n_results)])
        places = self._literal[[*operands]]
        literals = self._literals(places)
        applies = [Apply(primitive, literals, is_vector) for primitive in functions.values()]
        head = applies[0] if len(applies) == 1 else Applies((*applies,))
        return Operation(results, self._head(head), tuple(compress(operands, places == 0)), 4 * len(results))

    def _literals(self, places: Index) -> tuple[Literal, ...]:
        return tuple([self._texts[place] for place in places.tolist()])

    def _matrix(self, rows: MatrixScalars) -> Operation:
        key = tuple(rows.weights)
        if key not in self._copies:
            self._copies[key] = self._fresh
            for place, weight in enumerate(key, self._fresh):
                if weight in self._numbers:
                    self.constants[place] = self._numbers[weight]
                else:
                    self.weights[place] = weight
            self._fresh += len(key)
        reads = (self._copies[key], *rows.factors, *rows.starts)
        return Operation(tuple(rows.results), self._head(rows.head), reads, ALONE)

    def _outer(self, outer: OuterScalars, first: int) -> Operation:
        self.constants |= {each: self._numbers[each] for each in outer.factors if each in self._numbers}
        return Operation((), self._head(outer.head), (OF_SUMS, OF_SUMS - 1 - first, *outer.factors), ALONE)

    def _loops(self, numbers: list[int], picked: list[int], arrays: Collection[int]) -> Due:
        """The operations for loops, and for what is copied for them."""
        if not numbers:
            return []
        found = Loops(self._scalars, self._numbers, arrays, self._fresh, Operations)
        due: Due = []
        for place, results, head, reads in found.operations(numbers, picked):
            size = 1 if head is None else ALONE
            due.append((place, Operation(results, self._head(COPY if head is None else head), reads, size)))
        self.constants |= found.constants
        self._fresh = found.fresh
        return due

    def _sums(self, columns: Columns) -> tuple[Index, Listing]:
        """The operations for sums, and their scalars; a long sum is a chain of short ones."""
        numbers, sums = columns.numbers(Terms), columns.of_kind(Terms)
        from_zero = numpy.fromiter(map(attrgetter("from_zero"), sums), numpy.bool_, len(sums))
        n_terms, (signs, xs, ys) = columns.terms.lengths // 3, columns.terms.numbers.reshape(-1, 3).T
        parts = Lists(numpy.maximum(1, -(-n_terms // LONGEST_SUM)), numpy.array([]))
        owners, is_last = parts.owners, numpy.zeros(parts.lengths.sum(), numpy.bool_)
        is_last[parts.starts[1:] - 1] = True
        sizes = numpy.where(is_last, n_terms[owners] - LONGEST_SUM * (parts.lengths[owners] - 1), LONGEST_SUM)
        results = numbers[owners]
        n_fresh = int(numpy.count_nonzero(~is_last))
        results[~is_last] = self._fresh + numpy.arange(n_fresh)
        self._fresh += n_fresh
        goes_on = numpy.flatnonzero(~is_last) + 1  # the parts that continue another
        has_before = numpy.zeros(len(results), numpy.bool_)
        has_before[goes_on] = True
        table = numpy.array([signs > 0, self._literal[xs], self._literal[ys]])
        heads = numpy.zeros(len(results), numpy.int64)
        starts = sizes.cumsum() - sizes
        flags = numpy.array([from_zero[owners], has_before])
        for size in {*sizes.tolist()}:
            chosen = numpy.flatnonzero(sizes == size)
            own = table[:, starts[chosen, None] + numpy.arange(size)]
            kinds, firsts = alike(numpy.concatenate([flags[:, chosen], *own.transpose(0, 2, 1)]).T)
            found = []
            for first in firsts.tolist():
                cs, x, y = own[:, first]
                pairs = [[each for each in pair if each != FACTOR_ONE] for pair in zip(*map(self._literals, (x, y)))]
                terms: list[Term] = [*zip((2.0 * cs - 1.0).tolist(), map(tuple, pairs))]
                begins_at_zero, goes_on_from = flags[:, chosen[first]].tolist()
                first_terms: list[Term] = [(1.0, (None,))] if goes_on_from else []
                found.append(self._head(Sum((*first_terms, *terms), begins_at_zero and not goes_on_from)))
            heads[chosen] = numpy.array(found)[kinds]
        reads = Lists(2 * sizes, numpy.array([xs, ys]).T.ravel()).only(table[1:].T.ravel() == 0)
        listing = Listing(
            Lists(numpy.ones(len(results), numpy.int64), results),
            heads,
            reads.after(goes_on, results[goes_on - 1]),
            sizes,
        )
        return numbers[owners], listing
