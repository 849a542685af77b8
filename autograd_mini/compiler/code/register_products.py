"""Matrix products among scalars: sums that share their factors, which are computed together in registers.

Sums Σₖ w·y of the same y, each with weights of its own that are the same for all columns, are a `Matrix`; sums over the
columns of the products of each of some x with each of some y are an `Outer`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, TypeVar

import numpy

from autograd_mini.compiler.code.libraries import host_registers
from autograd_mini.compiler.code.listing import Columns
from autograd_mini.compiler.ir.scalars import ONE, Number, Scalar, Terms, of_kind
from autograd_mini.compiler.partition import SMALLEST_MATRIX, SMALLEST_OUTER, parts_of_an_outer, rows_of_a_matrix

T = TypeVar("T")

FUSED = 4
"""In sums of at least this many terms, each product is rounded together with its addition (fused), where the host can
do that; in shorter sums it is rounded first, as it is written."""

UNIFORM, CONSTANT = 1, 2
"""The kinds of scalars that are the same for all columns: inputs, and constants."""

Product = tuple[float, int, int]
"""A sign and two scalars, the second of which may be ONE."""


@dataclass(frozen=True)
class Matrix:
    """The head of `n_rows` sums: for each factor y a sign, and whether it is there or stands for 1.

    Attributes:
        has_start: whether each sum begins with a scalar of its own.
        from_zero: whether each sum begins with 0.0.
    """

    n_rows: int
    factors: tuple[tuple[float, bool], ...]
    has_start: bool
    from_zero: bool


@dataclass(frozen=True)
class Outer:
    """The head of sums of x·y over the columns, and over `n_terms` pairs of vectors x and y."""

    n_rows: int
    n_columns: int
    n_terms: int


class MatrixScalars(NamedTuple):
    """The scalars of a `Matrix`: its sums; for each factor the weight of each sum; the factors that are there; what the
    sums begin with."""

    head: Matrix
    results: list[int]
    weights: list[int]
    factors: list[int]
    starts: list[int]


class OuterScalars(NamedTuple):
    """The scalars of an `Outer`: x and y of each term; and the numbers of its sums, row by row."""

    head: Outer
    factors: list[int]
    sums: list[int]


class Sums:
    """The sums among scalars, as products.

    Attributes:
        uses: how often each scalar is read or wanted; 0 if it is not needed.
    """

    def __init__(self, scalars: Sequence[Any], uses: Sequence[int]) -> None:
        self.scalars: Sequence[Any] = scalars
        self.uses: Sequence[int] = uses
        self.numbers: dict[int, float] = {each: scalars[each].number for each in of_kind(scalars, Number)}
        self.ones = {ONE, *(number for number, each in self.numbers.items() if each == 1.0)}

    def products(self, number: int) -> tuple[list[Product], list[int], bool]:
        """The products of a sum and of the sums that it alone continues; the latter; whether the first of all begins
        with 0.0."""
        parts: list[list[Product]] = []
        before: list[int] = []
        ones, terms = self.ones, self.scalars[number]
        while True:
            if ones.isdisjoint(terms.flat):
                parts.append([*terms])
                break
            factors = [(c, x, ONE if y in ones else y) for c, x, y in terms]
            parts.append([(c, y, ONE) if x in ones else (c, x, y) for c, x, y in factors])
            if terms.from_zero or not parts[-1]:
                break
            c, x, y = parts[-1][0]
            if c != 1.0 or y != ONE or self.uses[x] != 1 or type(self.scalars[x]) is not Terms:
                break
            before.append(x)
            terms = self.scalars[x]
            del parts[-1][0]
        return [*chain.from_iterable(reversed(parts))] if before else parts[0], before, terms.from_zero


class _Row(NamedTuple):
    """One sum of a matrix: its scalar, its weights, what it begins with, and the sums that it alone continues."""

    number: int
    weights: list[int]
    start: int | None
    others: list[int]


def matrices_of(
    scalars: Sequence[Scalar], columns: Columns, uses: Sequence[int], uniform: Collection[int]
) -> tuple[dict[int, MatrixScalars], set[int]]:
    """The matrices among the sums, each by the first of its results, where it is computed; and all sums in them.

    Args:
        columns: the same scalars.
        uniform: inputs that are the same for all columns.
    """
    sums, kinds = Sums(scalars, uses), bytearray(len(scalars))
    for number in uniform:
        kinds[number] = UNIFORM
    for number in sums.numbers:
        kinds[number] = CONSTANT
    kinds[ONE] = 0
    groups: dict[_Key, list[_Row]] = {}
    within: set[int] = set()
    for number in reversed(_weighed(columns, kinds, sums.ones)):
        if uses[number] and number not in within:
            found = _row(sums, number, kinds)
            if found is not None:
                groups.setdefault(found[0], []).append(found[1])
                within.update(found[1].others)
    matrices: dict[int, MatrixScalars] = {}
    covered: set[int] = set()
    for key, members in groups.items():
        for rows in _together(members[::-1]):
            if len(rows) * len(key.factors) < SMALLEST_MATRIX:
                continue
            for part in _evenly(rows, -(-len(rows) // rows_of_a_matrix(host_registers()))):
                head = Matrix(len(part), tuple([(c, y != ONE) for c, y in key.factors]), key.has_start, key.from_zero)
                matrices[part[0].number] = MatrixScalars(
                    head,
                    [row.number for row in part],
                    [*chain.from_iterable(zip(*[row.weights for row in part]))],
                    [y for _, y in key.factors if y != ONE],
                    [row.start for row in part if row.start is not None],
                )
                covered.update(*[(row.number, *row.others) for row in part])
    return matrices, covered


def _weighed(columns: Columns, kinds: bytearray, ones: Collection[int]) -> list[int]:
    """The sums whose terms, but perhaps the first, have a factor of these kinds, and another: no others are rows."""
    is_weight = numpy.array(kinds, numpy.bool_)
    is_weight[[*ones]] = False
    _, xs, ys = columns.terms.numbers.reshape(-1, 3).T
    is_other = is_weight[xs] == is_weight[ys]
    is_other[columns.terms.starts[:-1][columns.terms.lengths > 0] // 3] = False
    n_others = numpy.bincount(columns.terms.owners[1::3][is_other], minlength=len(columns.terms.lengths))
    return columns.numbers(Terms)[n_others == 0].tolist()  # type: ignore[no-any-return]


class _Key(NamedTuple):
    """What the sums of a matrix share."""

    factors: tuple[tuple[float, int], ...]
    has_start: bool
    from_zero: bool
    of_constants: bool


def _row(sums: Sums, number: int, kinds: Sequence[int]) -> tuple[_Key, _Row] | None:
    """A sum as a row of a matrix; None if it cannot be one.

    Args:
        kinds: the kind of each scalar that is the same for all columns; 0 for others.
    """
    products, others, from_zero = sums.products(number)
    factors: list[tuple[float, int]] = []
    weights: list[int] = []
    start = None
    for place, (c, x, y) in enumerate(products):
        if kinds[y]:
            x, y = y, x
        if kinds[x] and not kinds[y]:
            weights.append(x)
            factors.append((c, y))
        elif place == 0 and c == 1.0 and y == ONE:
            start = x
        else:
            return None
    of_weights = {*map(kinds.__getitem__, weights)}
    if len(products) < FUSED or len(of_weights) != 1:
        return None
    key = _Key((*factors,), start is not None, from_zero, of_weights == {CONSTANT})
    return key, _Row(number, weights, start, others)


def _together(rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    """Groups of rows whose starts are all known where the first row of the group is computed."""
    found: list[_Row] = []
    for row in rows:
        if found and row.start is not None and row.start > found[0].number:
            yield found
            found = []
        found.append(row)
    yield found


def outers_of(sums: Sequence[Sequence[tuple[int, int]]], scalars: Sequence[int]) -> list[OuterScalars]:
    """The outer products among sums of products x·y over the columns; other sums are taken as sums of their scalars."""
    by_y: dict[tuple[int, ...], dict[tuple[int, ...], int]] = {}
    for number, products in enumerate(sums):
        xs, ys = zip(*products) if products else ((), ())
        by_y.setdefault(ys, {}).setdefault(xs, number)
    groups: dict[tuple[tuple[int, ...], ...], list[tuple[int, ...]]] = {}
    for ys, by_x in by_y.items():
        groups.setdefault((*sorted(by_x),), []).append(ys)
    found: list[OuterScalars] = []
    for rows, columns in groups.items():
        n_terms = len(rows[0])
        if len(rows) * len(columns) * n_terms < SMALLEST_OUTER:
            continue
        is_turned = len(columns) > len(rows)
        longer, shorter = (columns, rows) if is_turned else (rows, columns)
        n_parts = parts_of_an_outer(len(longer), len(shorter), host_registers())
        for first in _evenly(longer, n_parts[0]):
            for second in _evenly(shorter, n_parts[1]):
                numbers = [by_y[x][y] if is_turned else by_y[y][x] for x in first for y in second]
                factors = chain.from_iterable([each[k] for each in (*first, *second)] for k in range(n_terms))
                found.append(OuterScalars(Outer(len(first), len(second), n_terms), [*factors], numbers))
    covered = {number for each in found for number in each.sums}
    single = [number for number in range(len(sums)) if number not in covered]
    for part in _evenly(single, parts_of_an_outer(len(single), 1, host_registers())[0]) if single else ():
        found.append(OuterScalars(Outer(len(part), 1, 1), [*(scalars[number] for number in part), ONE], [*part]))
    return found


def _evenly(items: Sequence[T], n_parts: int) -> Iterator[Sequence[T]]:
    """Divide items into so many parts of about equal size."""
    for part in range(n_parts):
        yield items[part * len(items) // n_parts : (part + 1) * len(items) // n_parts]
