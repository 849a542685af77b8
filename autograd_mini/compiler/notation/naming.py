"""What packs and blocks of the parameters are called when a program is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from autograd_mini.compiler.notation.arranging import Arrangements
from autograd_mini.compiler.notation.plain import Plain, Term, constants_of
from autograd_mini.compiler.program import Leaf, Pack, Program, Reference, depends_on
from autograd_mini.draw.columns import SUBSCRIPTS
from autograd_mini.draw.notation import ATOM, SIGN, Text

MATRICES, OFFSETS = "WUVRST", "bc"
SHOWN = 4


class Naming(Arrangements):
    """The names of one program, given as it is read from its first pack to its last.

    Args:
        forward: the packs of the value.
        alike: packs to be read in the order of others.

    Attributes:
        used: the names used since this was last emptied.
        inlined: packs that are written as their formula, with the names in it.
    """

    def __init__(self, program: Program, plain: Plain, forward: set[Pack], alike: dict[Pack, Pack]) -> None:
        self.used: list[str] = []
        self.inlined: dict[Pack, tuple[Text, list[str]]] = {}
        self.names: dict[Pack, str] = {}
        self.n_layers = 0
        self._taken: set[str] = set()
        self._counts = {letter: count(1) for letter in "vw"}
        self._block_names: dict[tuple[Pack, int], str] = {}
        directions = _directions(program)
        super().__init__(program, plain, forward, directions | alike)
        self._second = depends_on(program.packs, set(directions))
        leaves = [pack for pack in program.packs if isinstance(pack.operation, Leaf) and pack not in self._blocks]
        names = {_leaf_name(leaf) for leaf in leaves}
        for leaf in leaves:
            name = _leaf_name(leaf)
            clashes = any(other.startswith(f"{name}[") for other in names)
            if leaf.lanes and leaf.operation.role != "constant":  # type: ignore[union-attr]
                self.names[leaf] = self.unique(f"{name}_" if clashes else name)
        self.value = self.unique("value")

    def unique(self, name: str) -> str:
        """The name, made different from all others."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def fresh(self, letter: str) -> str:
        """The next of v₁, v₂ …"""
        return self.unique(subscripted(letter, next(self._counts[letter])))

    def name(self, pack: Pack, wanted: str = "") -> None:
        """Give a pack its name: that of an adjoint, the wanted one or the next free one."""
        target = pack.adjoint_of
        known = None if target is None else self.names.get(target)
        if target in self._blocks:
            known = "parameters"
        if target is not None and target.adjoint_of is not None:
            origin = self.names.get(target.adjoint_of)
            wanted = f"d{origin}" if origin and pack in self._second else ""
        elif known:
            wanted = f"∇²{known}" if pack in self._second else f"∇{known}"
        is_free = wanted and wanted != self.value
        self.names[pack] = self.unique(wanted) if is_free else wanted or self.fresh("v")

    def name_layer(self, terms: Sequence[Term]) -> str:
        """Name the parameters of a layer z = W y + b, and give the name of z."""
        self.n_layers += 1
        for letters, chosen in ((MATRICES, _is_contraction), (OFFSETS, lambda term: not _is_contraction(term))):
            free = iter(letters)
            for term in sorted(terms, key=lambda term: term.b is None):
                for factor in (term.a, term.b):
                    if factor is not None and factor.pack in self._blocks and chosen(term):
                        for number in self._numbers_of(factor):
                            if (factor.pack, number) not in self._block_names:
                                letter = next(free, "")
                                name = self.unique(subscripted(letter, self.n_layers)) if letter else self.fresh("w")
                                self._block_names[factor.pack, number] = name
        return subscripted("z", self.n_layers)

    def written(self, reference: Reference) -> Text:
        """A reference in letters: the name, which lanes, and how they are arranged, on any number of axes."""
        numbers = constants_of(reference)
        if numbers is not None:
            return _constants(numbers.ravel().tolist())
        base, mark = self._base(reference), self._mark(reference)
        return Text(base.within(ATOM) + mark) if mark else base

    def _base(self, reference: Reference) -> Text:
        """The name, and which of the lanes."""
        pack, root = reference.pack, self._roots[reference.pack]
        if root in self._blocks:
            prefix = "" if pack is root else self.names[pack].removesuffix("parameters")
            names = [prefix + self._block_name(root, number) for number in self._numbers_of(reference)]
            self.used += names
            return joined([Text(name) for name in names])
        if pack in self.inlined:
            base, used = self.inlined[pack]
            self.used += used
        else:
            base = Text(self.names[pack])
            self.used.append(base.text)
        sliced = self._natural(reference)[0]
        return Text(base.within(ATOM) + sliced) if sliced else base

    def _block_name(self, leaf: Pack, number: int) -> str:
        if (leaf, number) not in self._block_names:
            self._block_names[leaf, number] = self.fresh("w")
        return self._block_names[leaf, number]

    def leaves(self) -> Iterator[tuple[str, Reference]]:
        """The names of all leaves, of the parameters block by block, with their lanes arranged as they are read."""
        leaves = {pack: name for pack, name in self.names.items() if isinstance(pack.operation, Leaf)}
        for pack, name in [*leaves.items(), *((leaf, "parameters") for leaf in self._blocks)]:
            root = self._roots[pack]
            if root not in self._blocks:
                yield name, self._laid_out(pack, self._orders[root])
            else:
                for (leaf, number), block in self._block_names.items():
                    if leaf is root:
                        yield (
                            name.removesuffix("parameters") + block,
                            self._laid_out(pack, self._block_orders[leaf, number]),
                        )


def subscripted(letter: str, number: int) -> str:
    """Such as z₁₂."""
    return letter + str(number).translate(SUBSCRIPTS)


def joined(texts: Sequence[Text]) -> Text:
    """Several vectors as one."""
    if len(texts) == 1:
        return texts[0]
    shown = [text.text for text in texts[:SHOWN]]
    rest = [f"… {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return Text(f"({', '.join(shown + rest)})")


def number(x: float) -> Text:
    """A constant."""
    return Text(f"{x:.6g}".replace("inf", "∞"), ATOM if x >= 0.0 else SIGN)


def _constants(numbers: list[float]) -> Text:
    if len(set(map(float.hex, numbers))) == 1:
        return number(numbers[0])
    return joined([number(x) for x in numbers])


def _is_contraction(term: Term) -> bool:
    return bool(term.a.index.shape[2] > 1)


def _leaf_name(pack: Pack) -> str:
    return pack.operation.name if isinstance(pack.operation, Leaf) else ""


def _directions(program: Program) -> dict[Pack, Pack]:
    """The leaves that are directions, in products with the Hessian, and what they are directions of."""
    leaves = {
        f"d{_leaf_name(leaf)}": leaf for role in ("input", "parameter") for leaf in program.leaves(role) if leaf.lanes
    }
    return {seed: leaves[_leaf_name(seed)] for seed in program.leaves("seed") if _leaf_name(seed) in leaves}
