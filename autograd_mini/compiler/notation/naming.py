"""The names of packs in a program that is read, the order of their lanes, and the matrices that these form.

The first use of a matrix tells how it is arranged; later ones are the same, its transpose, or another arrangement
that is marked, as x⟨4 × 6⟩.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import numpy

from autograd_mini.adjoints import descendants_of
from autograd_mini.compiler.ir.program import ABSENT, Index, Leaf, Pack, Program, Reference, lanes_of
from autograd_mini.compiler.notation.plain import Plain, constants_of, orders_of, places
from autograd_mini.mathematics import ATOM, Text, joined, number, subscripted

MATRICES, OFFSETS = "WUVRST", "bc"

Block = tuple[Pack, int]
Key = tuple[Pack, bytes]


class View(NamedTuple):
    """Lanes of a pack in the order in which they are read; `chosen` says which, as a slice, and is empty for all."""

    key: Key  # what is arranged: the root of the pack, and which lanes of it
    chosen: str
    natural: Index  # all lanes, if the choice cannot be written
    ranks: Index  # for each number of the reference its place in that order


class Naming:
    """The names and arrangements of one program, given as it is read from its first pack to its last.

    Adjoints are named and arranged like what they are adjoints of. Parameters are divided into blocks, each with a
    name of its own; any other pack is one block. `forward` are the packs of the value.

    Attributes:
        names: the names of packs; for parameters and what is arranged like them, what precedes the name of a block.
        used: the names used since this was last emptied.
        inlined: packs that are written as their formula, with the names in it.
    """

    def __init__(self, program: Program, plain: Plain, forward: set[Pack]) -> None:
        self.used: list[str] = []
        self.inlined: dict[Pack, tuple[Text, list[str]]] = {}
        self.names: dict[Pack, str] = {}
        self.n_layers = 0
        self._letters = [iter(""), iter("")]
        self._taken: set[str] = set()
        self._counts = {letter: count(1) for letter in "vw"}
        leaves = {
            pack: pack.operation.name
            for pack in program.packs
            if isinstance(pack.operation, Leaf) and pack.role != "constant" and pack.lanes
        }
        seeded = {f"d{name}": leaf for leaf, name in leaves.items() if leaf.role != "seed"}
        directions = {leaf: seeded[name] for leaf, name in leaves.items() if leaf.role == "seed" and name in seeded}
        self._second = descendants_of(directions, program.packs)
        self._roots: dict[Pack, Pack] = dict(directions)
        for pack in program.packs:
            self._roots.setdefault(pack, self._roots.get(pack.adjoint_of or pack, pack))
        self._orders = orders_of(program, plain, forward, self._roots)
        self._blocks = {leaf: self._divided(program, plain, leaf) for leaf in program.leaves("parameter")}
        self._block_orders: dict[Block, Index] = {}
        self._block_names: dict[Block, str] = {}
        self._known: dict[Key, list[Index | None]] = defaultdict(lambda: [None])  # arrangements, the usual one first
        for leaf, name in leaves.items():
            if self._roots[leaf] in self._blocks:
                self.names[leaf] = "d" if leaf in directions else ""
            else:
                clashes = any(other.startswith(f"{name}[") for other in leaves.values())
                self.names[leaf] = self._unique(f"{name}_" if clashes else name)
        self.value: str = self._unique("value")

    def name(self, pack: Pack, wanted: str, is_layer: bool) -> None:
        """Give a pack its name: that of an adjoint, the wanted one or the next free one.

        If it is z = W y + b, parameters that come up before the next pack are named after it.
        """
        self._letters = [iter(OFFSETS * is_layer), iter(MATRICES * is_layer)]
        target = pack.adjoint_of
        if target is not None and target.adjoint_of is not None:
            origin = self.names.get(target.adjoint_of)
            wanted = f"d{origin}" if origin and pack in self._second else ""
        elif target is not None and target in self.names:
            wanted = f"{'∇²' if pack in self._second else '∇'}{self.names[target]}"
        is_free = wanted and wanted != self.value
        self.names[pack] = self._unique(wanted) if is_free else wanted or self._fresh("v")

    def written(self, reference: Reference) -> Text:
        """A reference as text: the name, which lanes, and how they are arranged, on any number of axes."""
        numbers = constants_of(reference)
        if numbers is not None:
            each = numbers.ravel().tolist()
            return joined([number(x) for x in (each[:1] if len(set(map(float.hex, each))) == 1 else each)])
        view = self.view(reference)
        if reference.pack in self.inlined:
            base, used = self.inlined[reference.pack]
        else:
            is_matrix = reference.index.ndim > 1
            used = [
                self.names[reference.pack] + self._block_name(block, is_matrix) for block in self._within(reference)
            ]
            base = joined(list(map(Text, used)))
        self.used += used
        mark = view.chosen + self._mark(view)
        return Text(base.within(ATOM) + mark) if mark else base

    def leaves(self) -> Iterator[tuple[str, Reference]]:
        """The names of all leaves, for parameters block by block, with their lanes arranged as they are read."""
        for pack in [each for each in self.names if each.role]:
            every = lanes_of(pack)
            for block in self._within(every):
                natural = self._block_order(block, every.index)
                layout = self._known[self._roots[pack], natural.tobytes()][0]
                name = self.names[pack] + self._block_name(block, is_matrix=False)
                yield name, Reference(pack, natural if layout is None else natural[layout])

    def view(self, reference: Reference) -> View:
        """The lanes of a reference as they are read."""
        index = reference.index
        natural = numpy.concatenate([self._block_order(block, index) for block in self._within(reference)])
        ranks = places(natural, index)
        found = numpy.unique(ranks[ranks != ABSENT])
        chosen = "" if found.size == natural.size else _slice(found)
        if chosen:
            natural, ranks = natural[found], places(found, ranks)
        return View((self._roots[reference.pack], natural.tobytes()), chosen, natural, ranks)

    def grid(self, reference: Reference) -> Index:
        """For each number of a matrix, its place when the matrix that its lanes usually form is read row by row."""
        view = self.view(reference)
        layout = self._known[view.key][0]
        return view.ranks if layout is None else places(layout.ravel(), view.ranks)

    def shape(self, reference: Reference) -> str:
        """How many lanes, or rows and columns, by how many examples."""
        layout = self._known[self.view(reference).key][0]
        size = str(numpy.unique(reference.index).size) if layout is None else _dimensions(layout)
        return f"{size} × N" if reference.pack.batched else size

    def lay_out(self, reference: Reference) -> None:
        """Arrange lanes of a pack as this matrix, if they are not arranged yet."""
        view = self.view(reference)
        if self._known[view.key][0] is None and _is_permutation(view):
            self._known[view.key][0] = view.ranks.squeeze()

    def lay_out_like(self, reference: Reference, other: Reference) -> None:
        """Arrange lanes of a pack like those from which they are computed one by one."""
        own, view = self.view(reference), self.view(other)
        if self._known[own.key][0] is None and numpy.array_equal(own.ranks, view.ranks):
            self._known[own.key][0] = self._known[view.key][0]

    def turn(self, reference: Reference) -> str | None:
        """What turns the usual arrangement of lanes into this matrix: nothing, ᵀ for transposing, None for neither."""
        view = self.view(reference)
        return _turn(self._known[view.key][0], view.ranks.squeeze())

    def _mark(self, view: View) -> str:
        """What to write after a name for the arrangement of its lanes; empty if it is the usual one."""
        ranks, in_order, known = view.ranks.squeeze(), numpy.arange(view.natural.size), self._known[view.key]
        if in_order.size == 1 or (ranks.ndim < 2 and numpy.array_equal(ranks, in_order)):
            return ""
        if known[0] is None and ranks.ndim > 1 and _is_permutation(view):
            turned = ranks.swapaxes(-1, -2)
            is_turned = view.key[0] not in self._blocks and numpy.array_equal(turned.ravel(), in_order)
            known[0] = turned if is_turned else ranks
        if all(_turn(each, ranks) is None for each in known):
            known.append(ranks)
        number, turn = next((n, turn) for n, each in enumerate(known) if (turn := _turn(each, ranks)) is not None)
        if number == 0:
            return turn
        arranged = ranks.swapaxes(-1, -2) if turn else ranks
        alike = sum(each is not None and each.shape == arranged.shape for each in known[1 : number + 1])
        return f"⟨{_dimensions(arranged)}⟩{subscripted('', alike) if alike > 1 else ''}{turn}"

    def _within(self, reference: Reference) -> list[Block]:
        """The blocks from which a reference has lanes."""
        root, index = self._roots[reference.pack], reference.index[reference.index != ABSENT]
        numbers = dict.fromkeys(self._blocks[root][index].tolist()) if root in self._blocks else [0]
        return [(root, number) for number in numbers]

    def _block_order(self, block: Block, index: Index) -> Index:
        """The lanes of a block in the order in which they are read: for parameters, that of their first use."""
        leaf, number = block
        if leaf not in self._blocks:
            return self._orders[leaf]
        if block not in self._block_orders:
            lanes = numpy.flatnonzero(self._blocks[leaf] == number)
            is_order = index.size == lanes.size and numpy.array_equal(numpy.sort(index, axis=None), lanes)
            self._block_orders[block] = index.ravel() if is_order else lanes
        return self._block_orders[block]

    def _block_name(self, block: Block, is_matrix: bool) -> str:
        if block[0] not in self._blocks:
            return ""
        if block not in self._block_names:
            letter = next(self._letters[is_matrix], "")
            name = self._unique(subscripted(letter, self.n_layers)) if letter else self._fresh("w")
            self._block_names[block] = name
        return self._block_names[block]

    def _divided(self, program: Program, plain: Plain, leaf: Pack) -> Index:
        """The number of the block of each lane; lanes that always appear together are one block."""
        signatures, random = numpy.zeros(leaf.lanes), numpy.random.default_rng(0)
        for pack in program.packs:
            sets = [reference.index for reference in plain.operands(pack) if self._roots[reference.pack] is leaf]
            if self._roots[pack] is leaf:
                sets += [term.lane for term in plain.terms.get(pack, [])]
            for index in sets:
                signatures[numpy.unique(index[index != ABSENT])] += random.random()
        return numpy.unique(signatures, return_inverse=True)[1]

    def _unique(self, name: str) -> str:
        """The name, made different from all others."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _fresh(self, letter: str) -> str:
        """The next of v₁, v₂ …"""
        return self._unique(subscripted(letter, next(self._counts[letter])))


def _dimensions(matrix: Index) -> str:
    """Rows × columns; before them the number of matrices: 2·4 × 6."""
    return "".join(f"{size}·" for size in matrix.shape[:-2]) + " × ".join(map(str, matrix.shape[-2:]))


def _turn(layout: Index | None, ranks: Index) -> str | None:
    if layout is not None and numpy.array_equal(layout, ranks):
        return ""
    return "ᵀ" if layout is not None and ranks.ndim > 1 and numpy.array_equal(layout, ranks.swapaxes(-1, -2)) else None


def _is_permutation(view: View) -> bool:
    return numpy.array_equal(numpy.sort(view.ranks, axis=None), numpy.arange(view.natural.size))


def _slice(lanes: Index) -> str:
    """Lanes as in Python, if they are at equal distances."""
    if lanes.size == 1:
        return f"[{lanes[0]}]"
    steps = numpy.diff(lanes)
    if lanes.size == 0 or (steps != steps[0]).any():
        return ""
    return f"[{lanes[0]}:{lanes[-1] + 1}" + (f":{steps[0]}]" if steps[0] > 1 else "]")
