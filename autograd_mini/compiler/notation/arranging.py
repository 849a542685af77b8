"""How the lanes of packs are arranged when a program is read: in which order, and as which matrices.

The first use of a matrix tells how it is arranged; later ones are the same, its transpose, or another arrangement
that is marked, as x⟨4 × 6⟩.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from autograd_mini.compiler.notation.ordering import orders_of, places, roots_of
from autograd_mini.compiler.notation.plain import Plain
from autograd_mini.compiler.program import ABSENT, Index, Leaf, Pack, Program, Reference
from autograd_mini.draw.columns import SUBSCRIPTS

Key = tuple[Pack, bytes]


class Arrangements:
    """How the lanes of the packs of a program are arranged. Adjoints are arranged like what they are adjoints of.

    Args:
        forward: the packs of the value.
        alike: packs to be arranged like others.
    """

    def __init__(self, program: Program, plain: Plain, forward: set[Pack], alike: dict[Pack, Pack]) -> None:
        self._roots = roots_of(program, alike)
        self._orders = orders_of(program, plain, forward, self._roots)
        self._blocks = {leaf: self._divided(program, plain, leaf) for leaf in program.leaves("parameter")}
        self._block_orders: dict[tuple[Pack, int], Index] = {}
        self._layouts: dict[Key, Index] = {}
        self._others: dict[Key, list[Index]] = {}

    def order(self, pack: Pack) -> Index:
        """Its lanes in the order in which they are read."""
        return self._natural(Reference(pack, numpy.arange(pack.lanes)))[1]

    def places(self, pack: Pack, lanes: Index) -> Index:
        """Where lanes of a pack stand in the order in which they are read."""
        return _ranks(lanes, self._natural(Reference(pack, lanes))[1])

    def grid(self, reference: Reference) -> Index:
        """For each number of a matrix its place when that of its lanes is read row by row."""
        natural = self._natural(reference)[1]
        layout = self._layouts.get(self._key(reference.pack, natural))
        ranks = _ranks(reference.index, natural)
        return ranks if layout is None else places(layout.ravel())[ranks]

    def shape(self, reference: Reference) -> str:
        """How many lanes, or rows and columns, by how many examples."""
        layout = self._layouts.get(self._key(reference.pack, self._natural(reference)[1]))
        size = str(numpy.unique(reference.index).size) if layout is None else dimensions(layout.shape)
        return f"{size} × N" if reference.pack.batched else size

    def lay_out(self, pack: Pack, index: Index) -> None:
        """Arrange lanes of a pack as this matrix, if they are not arranged yet."""
        key, ranks = self._ranked(pack, index)
        if numpy.array_equal(numpy.sort(ranks, axis=None), numpy.arange(self._natural(Reference(pack, index))[1].size)):
            self._layouts.setdefault(key, ranks)

    def is_turned(self, pack: Pack, index: Index) -> bool | None:
        """Whether a matrix of lanes is the transpose of how they are arranged; None if it is neither."""
        key, ranks = self._ranked(pack, index)
        layout = self._layouts.get(key)
        if layout is None or numpy.array_equal(layout, ranks):
            return None if layout is None else False
        return True if ranks.ndim > 1 and numpy.array_equal(layout, ranks.swapaxes(-1, -2)) else None

    def lay_out_like(self, pack: Pack, other: Reference) -> None:
        """Arrange a pack like what it is made from lane by lane."""
        if other.index.ndim == 1 and other.index.size == pack.lanes:
            key, ranks = self._ranked(other.pack, other.index)
            own_key, own_ranks = self._ranked(pack, numpy.arange(pack.lanes))
            layout = self._layouts.get(key)
            if layout is not None and numpy.array_equal(ranks, own_ranks):
                self._layouts.setdefault(own_key, layout)

    def is_parameter(self, pack: Pack) -> bool:
        """Whether it is captured Values."""
        return pack in self._blocks

    def is_weight(self, pack: Pack) -> bool:
        """Whether it is parameters, or an argument that is the same for all examples."""
        role = pack.operation.role if isinstance(pack.operation, Leaf) else ""
        return role in ("input", "parameter") and not pack.batched

    def _laid_out(self, pack: Pack, natural: Index) -> Reference:
        """Lanes as the matrix that they are arranged as, if they are."""
        layout = self._layouts.get(self._key(pack, natural))
        return Reference(pack, natural if layout is None else natural[layout])

    def _mark(self, reference: Reference) -> str:
        """What to write behind a name for the arrangement of its lanes; empty if it is the usual one."""
        key, ranks = self._ranked(reference.pack, reference.index)
        in_order = numpy.arange(self._natural(reference)[1].size)
        if in_order.size == 1 or (ranks.ndim < 2 and numpy.array_equal(ranks, in_order)):
            return ""
        layout = self._layouts.get(key)
        if layout is None and ranks.ndim > 1 and numpy.array_equal(numpy.sort(ranks, axis=None), in_order):
            turned = ranks.swapaxes(-1, -2)
            is_turned = key[0] not in self._blocks and numpy.array_equal(turned.ravel(), in_order)
            layout = self._layouts[key] = turned if is_turned else ranks
        known = self._others.setdefault(key, [])
        for number, each in enumerate([layout, *known]):
            if each is not None and numpy.array_equal(each, ranks):
                return _marked(known, number - 1)
            if each is not None and each.ndim > 1 and numpy.array_equal(each.swapaxes(-1, -2), ranks):
                return _marked(known, number - 1) + "ᵀ"
        known.append(ranks)
        return _marked(known, len(known) - 1)

    def _ranked(self, pack: Pack, index: Index) -> tuple[Key, Index]:
        natural = self._natural(Reference(pack, index))[1]
        return self._key(pack, natural), _ranks(index, natural).squeeze()

    def _key(self, pack: Pack, natural: Index) -> Key:
        return self._roots[pack], natural.tobytes()

    def _natural(self, reference: Reference) -> tuple[str, Index]:
        """Which lanes there are, as in Python, and those lanes in the order in which they are read; all if the
        choice of lanes cannot be written so."""
        root = self._roots[reference.pack]
        if root in self._blocks:
            numbers = self._numbers_of(reference)
            return "", numpy.concatenate([self._block_order(root, number, reference.index) for number in numbers])
        order = self._orders[root]
        chosen = numpy.unique(places(order)[reference.index[reference.index != ABSENT]])
        sliced = "" if chosen.size == order.size else _slice(chosen)
        return sliced, order[chosen] if sliced else order

    def _block_order(self, leaf: Pack, number: int, index: Index) -> Index:
        """The lanes of a block of the parameters: in the order in which they are first used."""
        found = self._block_orders.get((leaf, number))
        if found is None:
            lanes = numpy.flatnonzero(self._blocks[leaf] == number)
            is_order = index.size == lanes.size and numpy.array_equal(numpy.sort(index, axis=None), lanes)
            found = self._block_orders[leaf, number] = index.ravel() if is_order else lanes
        return found

    def _numbers_of(self, reference: Reference) -> list[int]:
        """Which blocks of the parameters a reference is to."""
        index = reference.index[reference.index != ABSENT]
        return list(dict.fromkeys(self._blocks[self._roots[reference.pack]][index].tolist()))

    def _divided(self, program: Program, plain: Plain, leaf: Pack) -> Index:
        """The number of the block of each lane; lanes that always appear together are one block."""
        signatures, random, seen = numpy.zeros(leaf.lanes), numpy.random.default_rng(0), set()
        for pack in program.packs:
            sets = [reference.index for reference in plain.operands(pack) if self._roots[reference.pack] is leaf]
            if self._roots[pack] is leaf:
                sets += [term.lane for term in plain.terms.get(pack, [])]
            for index in sets:
                lanes = numpy.unique(index[index != ABSENT])
                if lanes.tobytes() not in seen:
                    seen.add(lanes.tobytes())
                    signatures[lanes] += random.random()
        return numpy.unique(signatures, return_inverse=True)[1]


def dimensions(shape: Sequence[int]) -> str:
    """Rows × columns; before them the number of matrices.

    >>> dimensions((4, 6)), dimensions((2, 4, 6))
    ('4 × 6', '2·4 × 6')
    """
    *stack, rows, columns = shape if len(shape) > 1 else (1, *shape)
    matrix = f"{rows} × {columns}" if len(shape) > 1 else f"{columns}"
    return "".join(f"{size}·" for size in stack) + matrix


def _marked(known: Sequence[Index], number: int) -> str:
    if number < 0:
        return ""
    same = [each for each in known[: number + 1] if each.shape == known[number].shape]
    which = str(len(same)).translate(SUBSCRIPTS) if len(same) > 1 else ""
    return f"⟨{dimensions(known[number].shape)}⟩{which}"


def _ranks(index: Index, natural: Index) -> Index:
    """The lanes by their place in the natural order."""
    order = numpy.argsort(natural)
    found = numpy.searchsorted(natural, index, sorter=order).clip(0, natural.size - 1)
    return numpy.where(index == ABSENT, ABSENT, order[found])


def _slice(lanes: Index) -> str:
    """Lanes as in Python, if they are at equal distances."""
    if lanes.size == 1:
        return f"[{lanes[0]}]"
    steps = numpy.diff(lanes)
    if lanes.size == 0 or (steps != steps[0]).any():
        return ""
    return f"[{lanes[0]}:{lanes[-1] + 1}" + (f":{steps[0]}]" if steps[0] > 1 else "]")
