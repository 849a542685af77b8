"""Lowering: the packs of a kernel as operations on single lanes, for the one writer of machine code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

import numpy

from autograd_mini.compiler.code.cells import has_emission
from autograd_mini.compiler.code.kernels import Kernel, kernel_of
from autograd_mini.compiler.code.whole_vectors import REDUCTIONS, VECTORS
from autograd_mini.compiler.ir.program import (
    ABSENT,
    Apply,
    Floats,
    Index,
    Pack,
    Reduce,
    Reference,
    Segment,
    Sum,
    Vector,
)
from autograd_mini.compiler.ir.scalars import ONE, Application, Component, Input, Number, Scalar, Terms
from autograd_mini.compiler.partition import LONGEST_VECTOR, sum_fits_kernel
from autograd_mini.compiler.passes.vector_rules import vector_primitive
from autograd_mini.primitives import part_of


def can_emit(pack: Pack) -> bool:
    """Whether a kernel may hold this pack."""
    operation = pack.operation
    if isinstance(operation, Apply):
        return has_emission(operation.primitive, len(operation.args))
    if isinstance(operation, Reduce):
        return operation.primitive.name in REDUCTIONS and len(operation.arg.index) <= LONGEST_VECTOR
    if isinstance(operation, Vector):
        return operation.function in VECTORS and len(operation.arg.index) <= LONGEST_VECTOR
    if not isinstance(operation, Sum):
        return False
    n_terms = sum(block.n_terms for segment in operation.segments for block in segment.blocks)
    return sum_fits_kernel(n_terms, pack.lanes)


def lower(
    packs: Sequence[Pack],
    outputs: Sequence[Pack],
    checked: Sequence[Pack],
    varying: Set[Pack],
    numbers: Mapping[Pack, Floats],
    place: Mapping[Pack, int],
) -> Kernel:
    """The kernel of these packs.

    Args:
        packs: in program order.
        outputs: those of them that something else needs.
        checked: those of which it tells whether they are finite: then the sum over its columns is 0.
        varying: packs whose numbers differ from column to column.
        numbers: what constant packs hold.
        place: the numbers of arrays.
    """
    lanes = _Lanes(numbers)
    for pack in packs:
        lanes.add(pack)
    each = [(pack, lane) for pack in reversed(outputs) for lane in range(pack.lanes)]
    results = {lanes.of[pack][lane]: (place[pack], lane) for pack, lane in sorted(each, key=lambda lane_of: lane_of[1])}
    check: list[int] = []
    for pack in checked:
        for number in lanes.of[pack]:
            check = [lanes.check(number, check)]
    same = [(place[pack], lane, number) for (pack, lane), number in lanes.inputs.items() if pack not in varying]
    uniform = {number: (array, lane) for array, lane, number in sorted(same)}
    arrays = {number: (place[pack], lane) for (pack, lane), number in lanes.inputs.items() if pack in varying}
    return kernel_of(lanes.scalars, uniform, arrays, results, check, by_demand=True)


class _Lanes:
    """Scalars for the lanes of packs."""

    def __init__(self, numbers: Mapping[Pack, Floats]) -> None:
        self.scalars: list[Scalar] = [Number(1.0)]
        self.of: dict[Pack, list[int]] = {}
        self.inputs: dict[tuple[Pack, int], int] = {}
        self._numbers = numbers
        self._literals = {(1.0).hex(): ONE}

    def add(self, pack: Pack) -> None:
        operation = pack.operation
        if isinstance(operation, Sum):
            self.of[pack] = self._new(self._sums(pack, operation))
        elif isinstance(operation, Apply):
            primitive = operation.primitive if operation.part is None else part_of(operation.primitive, operation.part)
            args = [
                self._read(arg.pack, arg.index) if isinstance(arg, Reference) else [self._number(arg)] * pack.lanes
                for arg in operation.args
            ]
            self.of[pack] = self._new([Application(primitive, each) for each in zip(*args)])
        else:
            assert isinstance(operation, Reduce | Vector)
            columns = zip(*[self._read(operation.arg.pack, row) for row in operation.arg.index])
            if isinstance(operation, Reduce):
                self.of[pack] = self._new([Application(operation.primitive, each) for each in columns])
                return
            function = vector_primitive(operation.function, operation.empty == 0.0)
            found = []
            for each in columns:
                vector = Application(function, each)
                found.append(self._new([Component(vector, index) for index in range(len(each))]))
            self.of[pack] = [number for row in zip(*found) for number in row]

    def check(self, number: int, before: list[int]) -> int:
        """x - x, which is 0 or nan, added to what was checked before."""
        xs = [*before, number, number]
        return self._new([Terms([1.0] * len(before) + [1.0, -1.0], xs, [ONE] * len(xs))])[0]

    def _sums(self, pack: Pack, operation: Sum) -> list[Terms]:
        found = [Terms(from_zero=operation.from_zero) for _ in range(pack.lanes)]
        for segment, sign, lane, a, b in terms_of(operation):
            xs = self._read(segment.a, a)
            ys = [ONE] * len(xs) if segment.b is None else self._read(segment.b, b)
            for each, x, y in zip(lane.tolist(), xs, ys):
                found[each].append(sign, x, y)
        return found

    def _read(self, pack: Pack, index: Index) -> list[int]:
        """The scalars of these lanes."""
        inside = self.of.get(pack)
        if inside is not None:
            return [inside[lane] for lane in index.tolist()]
        held = self._numbers.get(pack)
        if held is not None and len({number.hex() for number in held[index].tolist()}) == 1:
            return [self._number(float(held[index[0]]))] * index.size
        return [self._input(pack, lane) for lane in index.tolist()]

    def _input(self, pack: Pack, lane: int) -> int:
        found = self.inputs.get((pack, lane))
        if found is None:
            (found,) = self._new([Input(0, 0)])
            self.inputs[pack, lane] = found
        return found

    def _number(self, number: float) -> int:
        found = self._literals.get(number.hex())
        if found is None:
            (found,) = self._new([Number(number)])
            self._literals[number.hex()] = found
        return found

    def _new(self, scalars: Sequence[Scalar]) -> list[int]:
        first = len(self.scalars)
        self.scalars += scalars
        return [*range(first, len(self.scalars))]


def terms_of(operation: Sum) -> Iterator[tuple[Segment, float, Index, Index, Index]]:
    """The terms of each block: their segment and sign, and for each the lane and the lanes of its factors; without
    those of which a factor is absent."""
    for segment in operation.segments:
        for block in segment.blocks:
            (g, h, s), k = block.lane.shape, block.a.shape[2]
            shape = g, h, s, k
            lane = numpy.broadcast_to(block.lane[..., None], shape).ravel()
            a = numpy.broadcast_to(block.a[:, :, None, :], shape).ravel()
            b = numpy.zeros_like(a)
            if block.b is not None:
                b = numpy.broadcast_to(block.b.swapaxes(1, 2)[:, None], shape).ravel()
            kept = (lane != ABSENT) & (a != ABSENT) & (b != ABSENT)
            yield segment, block.sign, lane[kept], a[kept], b[kept]
