"""Sparse matrices of derivatives between packs, whose entries are numbers or lanes of a program's packs; and which
lanes of a growing program are computed from constants alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy
from numpy.typing import NDArray

from autograd_mini.compiler.ir import program as ir
from autograd_mini.compiler.ir.building import Builder, elementwise, whole
from autograd_mini.compiler.run.numpy_executor import step_of

Mask: TypeAlias = NDArray[numpy.bool_]
Numbers: TypeAlias = "ir.Floats | ir.Reference"
"""Constants, or lanes of a pack: one for each entry."""


class Terms(NamedTuple):
    """A sparse matrix as a list of terms: sign·x·y is added at each place; places may occur several times."""

    rows: ir.Index
    columns: ir.Index
    x: Numbers
    y: Numbers | None = None
    sign: float = 1.0

    def folded(self, fold: Callable[[ir.Reference], tuple[ir.Floats, Mask]]) -> Iterator[Terms]:
        """The terms, in which each x that is constant is replaced by its number."""
        if not isinstance(self.x, ir.Reference):
            yield self
            return
        numbers, known = fold(self.x)
        if not known.all():
            yield self.chosen(numpy.flatnonzero(~known)) if known.any() else self
        if known.any():
            yield self.chosen(numpy.flatnonzero(known))._replace(x=numbers[known])

    def chosen(self, kept: ir.Index) -> Terms:
        """Some of the terms."""
        y = None if self.y is None else taken(self.y, kept)
        return Terms(self.rows[kept], self.columns[kept], taken(self.x, kept), y, self.sign)


Matrix: TypeAlias = "Sequence[Terms]"
"""Parts whose terms have a single factor; each place occurs once in all of them."""


def taken(numbers: Numbers, index: ir.Index) -> Numbers:
    """Some of the numbers."""
    return ir.Reference(numbers.pack, numbers.index[index]) if isinstance(numbers, ir.Reference) else numbers[index]


def product(left: Matrix, right: Matrix) -> list[Terms]:
    """The product of two matrices, term by term."""
    return [_product(one, other) for one in left for other in right]


def _product(left: Terms, right: Terms) -> Terms:
    order = numpy.argsort(right.rows, kind="stable")
    rows = right.rows[order]
    starts, ends = numpy.searchsorted(rows, left.columns, "left"), numpy.searchsorted(rows, left.columns, "right")
    counts = ends - starts
    of_left = numpy.repeat(numpy.arange(left.columns.size), counts)
    within = numpy.arange(of_left.size) - numpy.repeat(numpy.cumsum(counts) - counts, counts)
    of_right = order[numpy.repeat(starts, counts) + within]
    x, y = taken(left.x, of_left), taken(right.x, of_right)
    return Terms(left.rows[of_left], right.columns[of_right], x, y, left.sign * right.sign)


def cost(left: Matrix, right: Matrix) -> int:
    """How many terms the product of two matrices has."""
    uses = numpy.bincount(numpy.concatenate([each.columns for each in left]))
    made = numpy.bincount(numpy.concatenate([each.rows for each in right]))
    size = min(uses.size, made.size)
    return int(uses[:size] @ made[:size])


def merged(
    builder: Builder, given: Sequence[Terms], batched: bool, *, cancels: bool = False, sums_batch: bool = False
) -> Matrix:
    """The matrix that some terms add up to: constants, lanes as they are, and lanes of a sum.

    What is 0 whatever the data is no entry: a product with the constant 0, and constants that cancel.

    Args:
        batched: whether entries differ from example to example.
        cancels: whether constants that cancel are no entries; what is multiplied later, perhaps by inf, keeps them.
        sums_batch: whether entries are summed over the batch; then terms are those of one example.
    """
    terms = [each for each in map(_simplified, given) if each.rows.size]
    if cancels:
        terms = [each for each in (_without_zeros(builder, each) for each in terms) if each.rows.size]
    if not terms:
        return []
    rows, columns = (numpy.concatenate([each[axis] for each in terms]) for axis in (0, 1))
    _, first, place = numpy.unique(rows * (int(columns.max()) + 1) + columns, return_index=True, return_inverse=True)
    sizes = [each.rows.size for each in terms]
    owner = numpy.repeat(numpy.arange(len(terms)), sizes)[first]
    places = numpy.split(place.ravel(), numpy.cumsum(sizes)[:-1])
    n_terms, n_constants, total = numpy.bincount(place.ravel()), numpy.zeros(first.size), numpy.zeros(first.size)
    is_pure = numpy.zeros(len(terms), dtype=bool)
    for number, (each, where) in enumerate(zip(terms, places) if not sums_batch else ()):
        if each.y is not None:
            continue
        if isinstance(each.x, ir.Reference):
            is_pure[number] = each.x.pack.batched == batched
        else:
            n_constants += numpy.bincount(where, minlength=first.size)
            total += numpy.bincount(where, weights=each.sign * each.x, minlength=first.size)
    is_constant, is_lane = n_terms == n_constants, (n_terms == 1) & is_pure[owner]
    order = numpy.argsort(first)  # in the order of terms
    kept, zeros = order[(is_constant & (total != 0.0))[order]], order[(is_constant & (total == 0.0))[order]]
    found = [Terms(rows[first[kept]], columns[first[kept]], total[kept])]
    if not cancels:
        found.append(Terms(rows[first[zeros]], columns[first[zeros]], constants(builder, total[zeros])))
    for number, each in enumerate(terms):
        if is_pure[number]:
            found.append(each.chosen(numpy.flatnonzero(is_lane[places[number]])))
    kept = order[~(is_constant | is_lane)[order]]
    rank = numpy.full(first.size, ir.ABSENT)
    rank[kept] = numpy.arange(kept.size)
    if kept.size:
        lanes = [rank[where] for where in places]
        some = [each.chosen(numpy.flatnonzero(lane != ir.ABSENT)) for each, lane in zip(terms, lanes)]
        pack = builder.sum(
            kept.size, batched or sums_batch, sum_of(builder, some, [lane[lane != ir.ABSENT] for lane in lanes])
        )
        if sums_batch:
            pack = builder.sum(kept.size, False, [whole(pack)])
        found.append(Terms(rows[first[kept]], columns[first[kept]], ir.lanes_of(pack)))
    return [each for each in found if each.rows.size]


def _simplified(terms: Terms) -> Terms:
    """The terms without those that have a constant factor 0; two constants are multiplied, and one is put second."""
    x, y = terms.x, terms.y
    if isinstance(x, numpy.ndarray) and y is not None:
        x, y = (x * y, None) if isinstance(y, numpy.ndarray) else (y, x)
    terms, constant = terms._replace(x=x, y=y), x if isinstance(x, numpy.ndarray) else y
    if isinstance(constant, numpy.ndarray) and not constant.all():
        terms = terms.chosen(numpy.flatnonzero(constant))
    for sign in (1.0, -1.0):
        if isinstance(terms.y, numpy.ndarray) and (terms.y == sign).all():
            terms = terms._replace(y=None, sign=sign * terms.sign)
    return terms


def _without_zeros(builder: Builder, terms: Terms) -> Terms:
    """The terms without those that are 0 by constants that cancelled."""
    x, factor = terms.x, 1.0 if terms.y is None else terms.y
    if isinstance(factor, ir.Reference) or not isinstance(x, ir.Reference) or x.pack is not builder.constants:
        return terms
    return terms.chosen(numpy.flatnonzero(builder.known_constants[x.index] * factor))


def sum_of(builder: Builder, terms: Sequence[Terms], places: Sequence[ir.Index]) -> list[ir.Segment]:
    """The segments of a sum that adds each term at its place."""
    segments: dict[tuple[ir.Pack, ir.Pack | None], ir.Segment] = {}
    for each, place in zip(terms, places):
        if not place.size:
            continue
        for chosen, sign, a, b in _factors(builder, each):
            lane = place if chosen is None else place[chosen]
            key = a.pack, None if b is None else b.pack
            found = segments.setdefault(key, ir.Segment(*key, []))
            found.blocks.append(elementwise(lane, a.index, None if b is None else b.index, sign * each.sign))
    return [*segments.values()]


def _factors(
    builder: Builder, terms: Terms
) -> Iterator[tuple[ir.Index | None, float, ir.Reference, ir.Reference | None]]:
    """Terms as signs and lanes: constants become lanes, ±1 a sign."""
    x, y = terms.x, terms.y
    if not isinstance(x, ir.Reference):
        yield None, 1.0, constants(builder, x), None
    elif isinstance(y, numpy.ndarray):
        if (numpy.abs(y) != 1.0).any():
            yield None, 1.0, x, constants(builder, y)
            return
        for sign in (1.0, -1.0):
            chosen = numpy.flatnonzero(y == sign)
            if chosen.size:
                yield chosen, sign, ir.Reference(x.pack, x.index[chosen]), None
    else:
        yield None, 1.0, x, y


def constants(builder: Builder, numbers: ir.Floats) -> ir.Reference:
    """A reference to lanes that hold these constants."""
    different, place = numpy.unique(numbers, return_inverse=True)
    return ir.Reference(builder.constants, builder.constant(different)[place.ravel()])


class Folding:
    """The constant lanes of a builder, which may go on growing."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._held: dict[ir.Pack, tuple[ir.Floats, Mask]] = {}  # packs with such lanes: numbers, and which are known
        self._n_seen = 0

    def __call__(self, lanes: ir.Reference) -> tuple[ir.Floats, Mask]:
        """The numbers of these lanes, and which of them are known."""
        packs = self._builder.packs
        for pack in packs[self._n_seen :]:
            known = self._known_lanes(pack)
            if known.any():
                self._held[pack] = self._computed(pack), known
        self._n_seen = len(packs)
        numbers, known = self._of(lanes.pack)
        return numbers[lanes.index], known[lanes.index]

    def _of(self, pack: ir.Pack) -> tuple[ir.Floats, Mask]:
        """The numbers of a pack, 0 where they are not known, and which of them are known."""
        if pack is self._builder.constants:
            numbers = self._builder.known_constants
            return numbers, numpy.ones(numbers.shape, dtype=bool)
        return self._held.get(pack) or (numpy.zeros(pack.lanes), numpy.zeros(pack.lanes, dtype=bool))

    def _known_lanes(self, pack: ir.Pack) -> Mask:
        operation = pack.operation
        known: Mask = numpy.full(pack.lanes, not isinstance(operation, ir.Leaf))
        if isinstance(operation, ir.Apply):
            for arg in operation.args:
                known &= not isinstance(arg, ir.Reference) or self._of(arg.pack)[1][arg.index.ravel()]
        elif isinstance(operation, ir.Sum):
            is_over_batch = not pack.batched and any(parent.batched for parent in pack.parents)  # of unknown length
            for part, _, lane, a, b in operation.terms():
                term = self._is_zero(part.a, a)
                if part.b is not None:
                    term |= self._is_zero(part.b, b)
                if not is_over_batch:
                    term |= self._of(part.a)[1][a] & (part.b is None or self._of(part.b)[1][b])
                known[lane[~term]] = False
        else:
            known &= all(self._of(parent)[1].all() for parent in pack.parents)
        return known

    def _is_zero(self, pack: ir.Pack, index: ir.Index) -> Mask:
        """Which factors are 0 because of what they are computed from: they carry nothing, whatever the other is."""
        held = self._held.get(pack)
        return numpy.zeros(index.shape, dtype=bool) if held is None else held[1][index] & (held[0][index] == 0.0)

    def _computed(self, pack: ir.Pack) -> ir.Floats:
        parents = list(dict.fromkeys(pack.parents))
        step = step_of(pack, {parent: number for number, parent in enumerate(parents)})
        with numpy.errstate(all="ignore"):
            numbers = step([self._of(parent)[0][:, None] for parent in parents], 1)[:, 0]
        return numpy.broadcast_to(numbers, pack.lanes).copy()
