"""The vector program: packs of isomorphic scalars, and what computes them.

A pack is an array of `lanes` numbers, for every example of a batch if it is batched. It is a leaf, a primitive
applied lane by lane, a vector function of groups of lanes, or a sum of products of lanes of two packs. Sums of
products are closed under differentiation, and the matrix products are among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy
from numpy.typing import NDArray

from autograd_mini.mathematics import latex
from autograd_mini.primitives import Primitive

if TYPE_CHECKING:
    from autograd_mini.compiler.scans.transforming import Scan
    from autograd_mini.draw import Drawing

Index: TypeAlias = NDArray[numpy.signedinteger[Any]]
Floats: TypeAlias = NDArray[numpy.float64]

ABSENT = -1
"""The index, in a block, of a factor or lane that does not exist; a factor counts as 0."""


@dataclass(eq=False)
class Pack:
    """`lanes` numbers of one form. `number` is its place in the program."""

    lanes: int
    batched: bool
    operation: Operation
    number: int = -1
    adjoint_of: Pack | None = None
    parents: tuple[Pack, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.parents = self.operation.parents()

    @property
    def role(self) -> str:
        """What kind of leaf it is: "input", "parameter", "constant" or "seed"; empty for what is computed."""
        return self.operation.role if isinstance(self.operation, Leaf) else ""

    def __repr__(self) -> str:
        what = type(self.operation).__name__.lower()
        return f"<pack {self.number}: {self.lanes} lanes{' a batch' if self.batched else ''}, {what}>"


@dataclass(eq=False)
class Reference:
    """Lanes of a pack, chosen by an index array; if that is a matrix, it has a row for each component of vectors."""

    pack: Pack
    index: Index

    @property
    def is_whole(self) -> bool:
        """Whether it is every lane of the pack in order."""
        return self.index.size == self.pack.lanes and bool((self.index.ravel() == numpy.arange(self.pack.lanes)).all())


Argument: TypeAlias = "Reference | float"


class _Operation:
    """How the numbers of a pack come about."""

    def arguments(self) -> tuple[Argument, ...]:
        """The lanes and numbers that it reads, except for the factors of sums."""
        return ()

    def parents(self) -> tuple[Pack, ...]:
        """The packs that it reads."""
        return tuple([each.pack for each in self.arguments() if isinstance(each, Reference)])


@dataclass(eq=False)
class Leaf(_Operation):
    """Numbers that come from outside: of an argument, of captured Values, constants of the function.

    `role` is "input", "parameter", "constant" or "seed"; `position` counts the leaves of that role.
    """

    role: str
    position: int
    name: str
    constants: Floats | None = None


@dataclass(eq=False)
class Apply(_Operation):
    """A primitive, lane by lane; for a selector with several results, a `Part` of it."""

    primitive: Primitive
    args: tuple[Argument, ...]

    def arguments(self) -> tuple[Argument, ...]:
        return self.args


@dataclass(eq=False)
class Reduce(_Operation):
    """A primitive of n arguments, each lane from a column of an [n, lanes] reference."""

    primitive: Primitive
    arg: Reference

    def arguments(self) -> tuple[Argument, ...]:
        return (self.arg,)


@dataclass(eq=False)
class Vector(_Operation):
    """A function of vectors to vectors, such as softmax, on every column of an [n, groups] reference."""

    function: str
    arg: Reference
    empty: float = float("nan")

    def arguments(self) -> tuple[Argument, ...]:
        return (self.arg,)


@dataclass(eq=False)
class Block:
    """out[lane[g,h,s]] += sign · Σ_k a[g,h,k] · b[g,k,s]: matrix products, stacked along g.

    `b` is None for a factor 1, `sign` 1 or -1. One product a lane is the block with h = k = s = 1.
    """

    lane: Index
    a: Index
    b: Index | None
    sign: float = 1.0

    @property
    def is_elementwise(self) -> bool:
        return self.lane.shape[1:] == (1, 1) and self.a.shape[1:] == (1, 1)

    @property
    def has_gaps(self) -> bool:
        """Whether lanes are absent, of the sum or of a factor."""
        return any((each == ABSENT).any() for each in (self.lane, self.a, self.b) if each is not None)

    @property
    def n_terms(self) -> int:
        return int(self.lane.size * self.a.shape[2])

    def aligned(self) -> tuple[Index, Index, Index | None]:
        """The lane that each product is added to, and those of its factors: [g, h, s, k] each."""
        shape = *self.lane.shape, self.a.shape[2]
        b = None if self.b is None else numpy.broadcast_to(self.b.swapaxes(1, 2)[:, None], shape)
        return numpy.broadcast_to(self.lane[..., None], shape), numpy.broadcast_to(self.a[:, :, None, :], shape), b

    def towards_a(self) -> Block:
        """The block of the adjoint of a: a[h,k] += Σ_s out[h,s] · b[k,s]."""
        return Block(self.a, self.lane, None if self.b is None else self.b.swapaxes(1, 2), self.sign)

    def towards_b(self) -> Block:
        """The block of the adjoint of b; its first factor is a, its second the adjoint of out."""
        assert self.b is not None
        return Block(self.b, self.a.swapaxes(1, 2), self.lane, self.sign)


@dataclass(eq=False)
class Segment:
    """The products of lanes of two packs in a sum; `b` is None for a factor 1.

    Attributes:
        adjoint: which factor is an adjoint, 0 or 1: one without contributions carries nothing, whatever the other is.
        selects: whether the other factor is a choice: where it is 0 nothing passes, whatever the adjoint is.
    """

    a: Pack
    b: Pack | None
    blocks: list[Block]
    adjoint: int | None = None
    selects: bool = False

    @property
    def batched(self) -> bool:
        """Whether the products differ from example to example."""
        return self.a.batched or (self.b is not None and self.b.batched)


@dataclass(eq=False)
class Sum(_Operation):
    """A sum of products, in any order. If the pack is unbatched and a factor is batched, it runs over the batch too.

    If it is `from_zero`, it begins with 0.0, and so is never -0.0.
    """

    segments: list[Segment]
    from_zero: bool = False

    def parents(self) -> tuple[Pack, ...]:
        return tuple([pack for segment in self.segments for pack in (segment.a, segment.b) if pack is not None])

    def terms(self) -> Iterator[tuple[Segment, float, Index, Index, Index]]:
        """The terms of each block: their segment and sign, and for each the lane and the lanes of its factors, 0 for a
        factor 1; terms with an absent factor are left out."""
        for segment in self.segments:
            for block in segment.blocks:
                lane, a, b = block.aligned()
                b = numpy.zeros_like(a) if b is None else b
                kept = (lane != ABSENT) & (a != ABSENT) & (b != ABSENT)
                yield segment, block.sign, lane[kept], a[kept], b[kept]

    @property
    def n_terms(self) -> int:
        return sum(block.n_terms for segment in self.segments for block in segment.blocks)


@dataclass(eq=False)
class Loop(_Operation):
    """A loop, from all that goes in to all that comes out: the lanes of `args` go to `places`; elsewhere there is 0.

    Attributes:
        forward: the loop that this one goes back through, if it does; it keeps its states for that.
        keeps: whether another loop goes back through this one.
    """

    scan: Scan
    args: tuple[Reference, ...]
    places: tuple[Index, ...]
    forward: Reference | None = None
    keeps: bool = False

    def arguments(self) -> tuple[Argument, ...]:
        return self.args if self.forward is None else (*self.args, self.forward)


Operation: TypeAlias = Leaf | Apply | Reduce | Vector | Sum | Loop


@dataclass(eq=False, frozen=True)
class Program:
    """Packs, each after those that it reads, and which of their lanes are results. It never changes:
    `Builder.go_on(program)` continues with copies of its packs.

    Attributes:
        packs: all packs.
        results: by name ("value", "gradient", …), lanes in the order of the numbers they stand for.
        run: what ran it, in words; empty if nothing did.
        remarks: what else there is to know of that run.

    >>> from autograd_mini import compile, dot, relu
    >>> f = compile(lambda W, x: [relu(dot(row, x)) for row in W])
    >>> y = f([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    >>> "relu(z₁)" in f.program.draw().source
    True
    """

    packs: Sequence[Pack] = ()
    results: Mapping[str, Reference] = field(default_factory=dict)
    run: str = ""
    remarks: Sequence[str] = ()

    def __repr__(self) -> str:
        of = f" of {self.run}" if self.run else ""
        return f"<program{of}: {len(self.packs)} packs, {len(self.products)} matrix products; print it to read it>"

    def __str__(self) -> str:
        """The vector formulation, in the notation of the lecture."""
        from autograd_mini.compiler.notation.reading import text_of

        return text_of(self)

    def _repr_latex_(self) -> str:
        """The lines of `print(program)` as mathematics, for notebooks."""
        return latex(str(self).splitlines())

    def draw(self, *, direction: str = "TB", max_boxes: int = 200) -> Drawing:
        """The vector formulation as a picture: a box for every name, and arrows to it from the names in its formula.

        Args:
            direction: `"TB"` from top to bottom, `"LR"` from left to right.
            max_boxes: how many boxes the picture may have.

        Raises:
            ValueError: an option has no such setting.
            GraphTooLargeError: a ValueError; the picture would have more than `max_boxes` boxes.
        """
        from autograd_mini.compiler.notation.boxes import draw_program

        return draw_program(self, direction, max_boxes)

    def leaves(self, role: str) -> list[Pack]:
        """The leaves of a role: "input", "parameter", "constant" or "seed"."""
        return [pack for pack in self.packs if pack.role == role]

    def without_dead(self) -> Program:
        """The program with only the packs that results depend on, and all leaves but seeds; packs are numbered anew."""
        alive = {reference.pack for reference in self.results.values()}
        for pack in reversed(self.packs):
            if pack in alive or pack.role not in ("", "seed"):
                alive.update((pack, *pack.parents))
        packs = [pack for pack in self.packs if pack in alive]
        for number, pack in enumerate(packs):
            pack.number = number
        return replace(self, packs=packs)

    @property
    def products(self) -> list[Block]:
        """The blocks that are matrix products (or matrix-vector products)."""
        return [
            block for pack, segment in self.segments() for block in segment.blocks if is_product(pack, segment, block)
        ]

    def segments(self) -> Iterator[tuple[Pack, Segment]]:
        """The segments of all sums, each with the pack of its sum."""
        for pack in self.packs:
            if isinstance(pack.operation, Sum):
                for segment in pack.operation.segments:
                    yield pack, segment


def made_of(packs: Iterable[Pack], following: Callable[[Pack], Iterable[Pack]] = attrgetter("parents")) -> set[Pack]:
    """The packs, and all that they depend on; `following` gives what a pack reads."""
    stack, found = [*packs], set[Pack]()
    while stack:
        pack = stack.pop()
        if pack not in found:
            found.add(pack)
            stack += following(pack)
    return found


def is_product(pack: Pack, segment: Segment, block: Block) -> bool:
    """Whether a block of a sum is a matrix product, or a matrix times a vector, for each example or over the batch."""
    if segment.b is None:
        return False
    (_, h, s), k = block.lane.shape, block.a.shape[2]
    runs_over_batch = not pack.batched and segment.a.batched and segment.b.batched
    return [h > 1, s > 1, k > 1 or runs_over_batch].count(True) > 1


def lanes_of(pack: Pack) -> Reference:
    """A reference to all lanes of a pack."""
    return Reference(pack, numpy.arange(pack.lanes))
