"""Execute a program of derivatives so that zeros are told apart, as `autograd_mini.adjoints` does.

An adjoint that nobody gave, as that of a branch not taken, carries nothing further, even where it meets inf or nan;
nor does a choice of 0; and what was not carried has no derivative. Where any other zero meets inf or nan, the example
is doubtful. This takes several passes over memory, and is needed only for examples whose derivatives are not finite
without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy
from numpy.typing import NDArray

from autograd_mini.compiler.code.lower import terms_of
from autograd_mini.compiler.ir.program import (
    Apply,
    Floats,
    Index,
    Leaf,
    Pack,
    Program,
    Reference,
    Segment,
    Sum,
    Vector,
    is_adjoint,
    parents,
)
from autograd_mini.compiler.run.numpy_executor import Gather, Scatter, Step, step_of

Mask = NDArray[Any]

MOST_NUMBERS = 2**22
"""So many products are held at a time."""


class Careful(NamedTuple):
    """What a program computed.

    Attributes:
        rows: the derivatives by name, [lanes, width].
        doubtful: for each column, whether a zero of the data met inf or nan.
    """

    rows: dict[str, Floats]
    doubtful: Mask


class CarefulExecutor:
    """A program ready to run on arrays. It keeps nothing between runs, so threads may share it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.seeds = program.leaves("seed")
        self._results = {name: each for name, (each,) in program.results.items() if is_adjoint(name)}
        self._place = place = {pack: number for number, pack in enumerate(program.packs)}
        self._steps: dict[Pack, Step | list[_Products]] = {}
        last_use = {parent: pack for pack in program.packs for parent in parents(pack)}
        kept = {reference.pack for reference in self._results.values()}
        self._over: dict[Pack, list[int]] = {}  # which numbers are not needed after a pack
        for pack in program.packs:
            operation = pack.operation
            over = [parent for parent in {*parents(pack)} if last_use[parent] is pack and parent not in kept]
            self._over[pack] = [place[parent] for parent in over]
            if isinstance(operation, Sum) and any(segment.adjoint is not None for segment in operation.segments):
                self._steps[pack] = [_Products(pack, *terms) for terms in terms_of(operation)]
            elif not isinstance(operation, Leaf):
                self._steps[pack] = step_of(pack, place)

    def __call__(self, leaves: Mapping[Pack, Floats], n: int) -> Careful:
        values: list[Any] = []
        given: dict[Pack, Mask] = {}  # of what is made of adjoints, where anything was given to it
        doubtful = numpy.zeros(n, dtype=bool)
        with numpy.errstate(all="ignore"):
            for pack in self.program.packs:
                step = self._steps.get(pack)
                if step is None:
                    constants = pack.operation.constants if isinstance(pack.operation, Leaf) else None
                    values.append(leaves[pack] if constants is None else constants[:, None])
                    if pack in self.seeds:
                        given[pack] = values[-1] != 0.0
                elif isinstance(step, list):
                    total, counts = _zeros(pack, n), _zeros(pack, n)
                    for products in step:
                        held = [values[self._place[each]] for each in products.factors]
                        masks = [given.get(each) for each in products.factors]
                        towards = None if pack.adjoint_of is None else given.get(pack.adjoint_of)
                        doubtful |= products.add(total, counts, held, masks, towards, n)
                    values.append(total)
                    given[pack] = counts != 0.0
                else:
                    values.append(step(values, n))
                    mask = _passed_on(pack, given)
                    if mask is not None:
                        given[pack] = mask
                for number in self._over[pack]:
                    values[number] = None
        rows = {name: Gather(each.index)(values[self._place[each.pack]]) for name, each in self._results.items()}
        return Careful({name: numpy.array(found) for name, found in rows.items()}, doubtful)


def _zeros(pack: Pack, n: int) -> Floats:
    return numpy.zeros((pack.lanes, n if pack.batched else 1))


def _passed_on(pack: Pack, given: Mapping[Pack, Mask]) -> Mask | None:
    """Where anything is given to what an operation makes of adjoints; None if it makes it of none."""
    operation = pack.operation
    if isinstance(operation, Vector) and operation.arg.pack in given:
        whole: Any = Gather(operation.arg.index)(given[operation.arg.pack])
        return numpy.repeat(whole.any(axis=0)[None], len(whole), axis=0).reshape(pack.lanes, -1)
    if isinstance(operation, Apply):
        masks = [
            Gather(arg.index)(given[arg.pack])
            for arg in operation.args
            if isinstance(arg, Reference) and arg.pack in given
        ]
        return numpy.logical_or.reduce(numpy.broadcast_arrays(*masks)) if masks else None
    return None


class _Products:
    """The products of a block in a sum, term by term, of which one factor may be an adjoint.

    Attributes:
        factors: the packs of its factors.
    """

    def __init__(self, pack: Pack, segment: Segment, sign: float, lane: Index, a: Index, b: Index) -> None:
        self.segment = segment
        self.sign = sign
        self.size = lane.size
        self.factors = [segment.a] if segment.b is None else [segment.a, segment.b]
        self.sums_batch = not pack.batched and any(factor.batched for factor in self.factors)
        self.scatter = Scatter(lane, pack.lanes)
        self.lanes = Gather(lane)
        self.gathers = [Gather(index) for index, _ in zip((a, b), self.factors)]

    def add(
        self,
        total: Floats,
        given: Floats,
        held: Sequence[Floats],
        masks: Sequence[Mask | None],
        towards: Mask | None,
        n: int,
    ) -> Mask:
        """Add the products to `total` and how many give anything to `given`; whether any is doubtful, by columns.

        Args:
            held: the factors.
            masks: of factors made of adjoints, where anything was given to them.
            towards: the same of that adjoint whose own adjoint this is, if it is one.
        """
        doubtful = numpy.zeros(n, dtype=bool)
        width = n if self.sums_batch or max(array.shape[1] for array in held) > 1 else 1
        at_a_time = max(1, MOST_NUMBERS // max(1, self.size))
        for start in range(0, width, at_a_time):
            count = min(at_a_time, width - start)
            columns = slice(start, start + count) if width > 1 else slice(None)
            parts = self._products(*[[_some(each, columns) for each in all_] for all_ in (held, masks, [towards])])
            found: Any
            carries: Any
            found, carries = [numpy.broadcast_to(part, (self.size, count)) for part in parts[:2]]
            doubtful[columns] |= parts[2]
            into = slice(None) if self.sums_batch else columns
            if self.sums_batch:
                found, carries = found.sum(axis=1, keepdims=True), carries.any(axis=1, keepdims=True)
            self.scatter.add(total[:, into], self.sign * found)
            self.scatter.add(given[:, into], carries)
        return doubtful

    def _products(self, held: Sequence[Any], masks: Sequence[Any], towards: Sequence[Any]) -> tuple[Any, Any, Any]:
        """[size, width]: the products, and which of them there are; by columns, whether one is doubtful."""
        factors = [gather(array) for gather, array in zip(self.gathers, held)]
        carries: Any = True
        for gather, mask in zip([*self.gathers, self.lanes], [*masks, *towards]):
            if mask is not None:
                carries = carries & gather(mask)
        if len(factors) == 1:
            return numpy.where(carries, factors[0], 0.0), carries, False
        adjoint, other = factors if self.segment.adjoint != 1 else factors[::-1]
        if self.segment.selects:
            carries = carries & (other != 0.0)
        product = adjoint * other
        is_nan = carries & (product != product)  # as of 0 and inf
        doubtful = is_nan.any() and (is_nan & ((adjoint == 0.0) | (other == 0.0))).any(axis=0)
        return numpy.where(carries, product, 0.0), carries, doubtful


def _some(array: Any, columns: slice) -> Any:
    """Some columns; of what has only one, that."""
    return array if array is None or array.shape[1] == 1 else array[:, columns]
