"""Lowering: the packs of a kernel as operations on single lanes, for the one writer of machine code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set

import numpy

from autograd_mini.compiler.code.kernels import Kernel, kernel_of
from autograd_mini.compiler.code.machine_rows import VECTORS, has_emission
from autograd_mini.compiler.ir.program import Apply, Floats, Index, Operation, Pack, Reduce, Reference, Sum, Vector
from autograd_mini.compiler.ir.scalars import ONE, Application, Input, Terms
from autograd_mini.compiler.partition import LONGEST_VECTOR, sum_fits_kernel
from autograd_mini.compiler.passes.growing import Growing


def can_emit(pack: Pack) -> bool:
    """Whether a kernel may hold this pack."""
    operation = pack.operation
    if isinstance(operation, Apply):
        return has_emission(operation.primitive, len(operation.args))
    if isinstance(operation, Reduce):
        count = len(operation.arg.index)
        return count <= LONGEST_VECTOR and has_emission(operation.primitive, count)
    if isinstance(operation, Vector):
        return operation.function in VECTORS and len(operation.arg.index) <= LONGEST_VECTOR
    if not isinstance(operation, Sum):
        return False
    return sum_fits_kernel(operation.n_terms, pack.lanes)


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
        packs: in program order; those that do not vary are sums over the columns.
        outputs: those of them that something else needs.
        checked: those that the kernel checks: the first sum over its columns is 0 if all of these are finite.
        varying: packs whose numbers differ from column to column.
        numbers: what constant packs hold.
        place: the number of each pack's array.
    """
    lanes = _Lanes(numbers)
    for pack in packs:
        lanes.take(pack)
    each = [(pack, lane) for pack in reversed(outputs) for lane in range(pack.lanes)]
    results = {lanes.of[pack][lane]: (place[pack], lane) for pack, lane in sorted(each, key=lambda lane_of: lane_of[1])}
    check: list[int] = []
    for pack in checked:
        for number in lanes.of[pack]:
            check = [lanes.check(number, check)]
    same = [(place[pack], lane, number) for (pack, lane), number in lanes.outside.items() if pack not in varying]
    uniform = {number: (array, lane) for array, lane, number in sorted(same)}
    arrays = {number: (place[pack], lane) for (pack, lane), number in lanes.outside.items() if pack in varying}
    sums = [number for pack in packs if pack not in varying for number in lanes.of[pack]]
    return kernel_of(lanes.scalars, uniform, arrays, results, [*check, *sums], by_demand=True)


class Lowered(Growing):
    """Scalars for packs.

    Args:
        constants: the numbers of packs that never change.
    """

    def __init__(self, constants: Mapping[Pack, Floats]) -> None:
        super().__init__()
        self.number(1.0)  # the first scalar, ONE
        self._constants = constants

    def lowered(self, operation: Operation, slots: Iterable[Sequence[int]], count: int) -> list[int]:
        """Add the scalars of `count` lanes, given the scalars of each operand in turn; return their numbers."""
        if isinstance(operation, Vector):
            found = [self.vector(operation.function, each, operation.empty) for each in zip(*slots)]
            return [number for component in zip(*found) for number in component]
        if isinstance(operation, Apply):
            rest = iter(slots)
            slots = [next(rest) if isinstance(arg, Reference) else [self.number(arg)] * count for arg in operation.args]
        assert isinstance(operation, Apply | Reduce)
        return [self.add(Application(operation.primitive, each)) for each in zip(*slots)]

    def known(self, pack: Pack, lanes: Index) -> int | None:
        """The scalar of lanes that all hold the same constant; None for any others."""
        held = self._constants.get(pack)
        if held is None or len({*held[lanes].view("int64").tolist()}) != 1:
            return None
        return self.number(float(held[lanes[0]]))


class _Lanes(Lowered):
    """Scalars for the lanes of packs.

    Attributes:
        of: the scalars of the lanes of packs that are computed here.
        outside: the scalars of other lanes.
    """

    def __init__(self, constants: Mapping[Pack, Floats]) -> None:
        super().__init__(constants)
        self.of: dict[Pack, list[int]] = {}
        self.outside: dict[tuple[Pack, int], int] = {}

    def take(self, pack: Pack) -> None:
        operation = pack.operation
        if isinstance(operation, Sum):
            self.of[pack] = [self.add(each) for each in self._sums(pack, operation)]
        else:
            references = [each for each in operation.arguments() if isinstance(each, Reference)]
            slots = [self._read(each.pack, row) for each in references for row in numpy.atleast_2d(each.index)]
            self.of[pack] = self.lowered(operation, slots, pack.lanes)

    def check(self, number: int, before: list[int]) -> int:
        """Add x - x, which is 0 or nan, to what was checked before."""
        return self.add(Terms.of([*[(1.0, each, ONE) for each in [*before, number]], (-1.0, number, ONE)]))

    def _sums(self, pack: Pack, operation: Sum) -> list[Terms]:
        found = [Terms(from_zero=operation.from_zero) for _ in range(pack.lanes)]
        for segment, sign, lane, a, b in operation.terms():
            xs = self._read(segment.a, a)
            ys = [ONE] * len(xs) if segment.b is None else self._read(segment.b, b)
            for each, x, y in zip(lane.tolist(), xs, ys):
                found[each].tail += sign, x, y
        return found

    def _read(self, pack: Pack, index: Index) -> list[int]:
        """The scalars of these lanes."""
        inside, known = self.of.get(pack), self.known(pack, index)
        if inside is not None:
            return [inside[lane] for lane in index.tolist()]
        if known is not None:
            return [known] * index.size
        lanes = [(pack, lane) for lane in index.tolist()]
        for each in lanes:
            if each not in self.outside:
                self.outside[each] = self.add(Input(0, 0))
        return [self.outside[each] for each in lanes]
