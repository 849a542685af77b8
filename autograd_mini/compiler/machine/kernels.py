"""Kernels: a run of packs as one function over the columns of a batch, in assembly.

A kernel is a row of bodies, which run one after the other on a block of columns, so that what one writes is still
in the cache where the next reads it. Packs of few lanes become straight-line code in registers; packs of many lanes
a loop over the lanes. Bodies of the same form, such as the steps of a recurrence, are one function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy

from autograd_mini.compiler.machine.cells import Assembly, Cell, emit, has_emission
from autograd_mini.compiler.machine.vectors import REDUCTIONS, VECTORS
from autograd_mini.compiler.program import (
    ABSENT,
    Apply,
    Argument,
    Floats,
    Index,
    Pack,
    Reduce,
    Reference,
    Sum,
    Vector,
    parents,
)

COLUMNS = 128
"""Columns in a block."""

FEW_LANES = 8
"""Packs of more lanes are computed in a loop, if every lane is computed in the same way."""

STRAIGHT = 128
"""So many operations at most are written as one straight line."""

LONGEST = 512
"""What would need more operations in one straight line is left to NumPy."""

Term = tuple[float, Pack, Index, Pack | None, Index | None]
"""A coefficient and for each lane the lanes of one or two factors."""


def size(pack: Pack) -> int:
    """About how many operations a column takes."""
    operation = pack.operation
    if isinstance(operation, Sum):
        return sum(block.n_terms for segment in operation.segments for block in segment.blocks)
    if isinstance(operation, Apply):
        return 4 * pack.lanes
    return 4 * sum(argument.index.size for argument in operation.arguments() if isinstance(argument, Reference))


def can_emit(pack: Pack) -> bool:
    """Whether a kernel may hold this pack."""
    operation = pack.operation
    if isinstance(operation, Apply):
        return has_emission(operation.primitive)
    if isinstance(operation, Reduce):
        return operation.primitive.name in REDUCTIONS and size(pack) <= LONGEST * pack.lanes
    if isinstance(operation, Vector):
        return operation.function in VECTORS and size(pack) <= LONGEST * _turns(pack)
    return isinstance(operation, Sum) and (size(pack) <= LONGEST or _is_loop(pack))


def _is_loop(pack: Pack) -> bool:
    """Whether every lane, or every vector, is computed in the same way."""
    return not isinstance(pack.operation, Sum) or (size(pack) <= 64 * pack.lanes and lanewise_terms(pack) is not None)


def _turns(pack: Pack) -> int:
    """How often a loop runs that computes this pack."""
    return int(pack.operation.arg.index.shape[1]) if isinstance(pack.operation, Vector) else pack.lanes


def lanewise_terms(pack: Pack) -> list[Term] | None:
    """The terms of a sum, each with one product for every lane; None if lanes have different numbers of them."""
    assert isinstance(pack.operation, Sum)
    terms: list[Term] = []
    for segment in pack.operation.segments:
        for block in segment.blocks:
            (g, h, s), k = block.lane.shape, block.a.shape[2]
            lane = block.lane.ravel()
            a = numpy.broadcast_to(block.a[:, :, None, :], (g, h, s, k)).reshape(-1, k)
            b = (
                None
                if block.b is None
                else numpy.broadcast_to(block.b.swapaxes(1, 2)[:, None], (g, h, s, k)).reshape(-1, k)
            )
            order = numpy.argsort(lane, kind="stable")
            if not isinstance(block.coefficient, float) or lane.size != pack.lanes:
                return None
            if (
                (lane[order] != numpy.arange(pack.lanes)).any()
                or (a == ABSENT).any()
                or (b is not None and (b == ABSENT).any())
            ):
                return None
            for step in range(k):
                second = None if b is None else b[order, step]
                terms.append((block.coefficient, segment.a, a[order, step], segment.b, second))
    return terms


@dataclass(eq=False)
class Body:
    """Packs computed together: in a loop over the lanes, or in one straight line."""

    is_loop: bool
    packs: list[Pack] = field(default_factory=list)
    size: int = 0

    def takes(self, pack: Pack) -> bool:
        if not self.is_loop:
            return not _prefers_loop(pack) and self.size + size(pack) <= STRAIGHT
        if not _prefers_loop(pack) or pack.lanes != self.packs[0].lanes:
            return False
        if isinstance(pack.operation, Vector) or isinstance(self.packs[-1].operation, Vector):
            return False  # it writes many lanes in a turn
        inside = set(self.packs)
        return all(
            (index == numpy.arange(pack.lanes)).all() if index.size == pack.lanes else False
            for parent, index in _lane_references(pack)
            if parent in inside
        )


def _prefers_loop(pack: Pack) -> bool:
    if isinstance(pack.operation, Vector | Reduce):
        return size(pack) > STRAIGHT and _turns(pack) > 1
    return pack.lanes > FEW_LANES and _is_loop(pack)


def _lane_references(pack: Pack) -> list[tuple[Pack, Index]]:
    """Which lanes of which packs each lane reads, of a pack that is computed in a loop."""
    if isinstance(pack.operation, Apply):
        return [(arg.pack, arg.index) for arg in pack.operation.args if isinstance(arg, Reference)]
    if isinstance(pack.operation, Reduce):
        return [(pack.operation.arg.pack, row) for row in pack.operation.arg.index]
    found = []
    for _, a, ia, b, ib in lanewise_terms(pack) or []:
        found.append((a, ia))
        if b is not None and ib is not None:
            found.append((b, ib))
    return found


def bodies(packs: Iterable[Pack]) -> list[Body]:
    """The packs of a kernel in the bodies that compute them."""
    found: list[Body] = []
    for pack in packs:
        if not found or not found[-1].takes(pack):
            found.append(Body(_prefers_loop(pack)))
        found[-1].packs.append(pack)
        found[-1].size += size(pack)
    return found


@dataclass(eq=False)
class Kernel:
    """Bodies in the order in which they run on each block of columns.

    Attributes:
        texts: the function of each body, named `BODY`; bodies of one text are one function.
        slots: of each body the packs whose arrays it takes, in the order of its table of pointers, and the lane at
            which each pointer points: so the steps of a recurrence have the same text.
        outputs: packs that something else needs.
        scratch: packs that only this kernel uses: their arrays are [lanes, columns].
    """

    texts: list[str]
    slots: list[list[tuple[Pack, int]]]
    outputs: list[Pack]
    scratch: list[Pack]


def write_kernel(
    packs: Sequence[Pack],
    outputs: set[Pack],
    varying: set[Pack],
    numbers: Mapping[Pack, Floats],
    width: int,
    columns: int = COLUMNS,
) -> Kernel:
    """The kernel of these packs.

    Args:
        packs: in program order.
        outputs: those of them that something else needs.
        varying: packs of the program whose numbers are [lanes, columns]; others are [lanes, 1].
        numbers: what constant packs hold.
        width: doubles in a register; 1 for a kernel that is run on fewer columns.
        columns: how many there are in a block; 1 for a program without a batch.
    """
    parts = bodies(packs)
    home = {pack: number for number, part in enumerate(parts) for pack in part.packs}
    shared = {parent for pack in packs for parent in parents(pack) if home.get(parent, home[pack]) != home[pack]}
    scratch = [pack for pack in packs if pack in shared and pack not in outputs]
    written: dict[Any, tuple[str, list[int]]] = {}
    texts, slots = [], []
    for part in parts:
        first = _first_lanes(part.packs)
        form, members = _form(part, first, set(scratch), outputs, varying, numbers)
        if form not in written:
            writer = _Writer(Assembly(width), first, set(scratch), outputs, varying, numbers, columns)
            text = writer.function(part)
            written[form] = text, [members[pack] for pack in writer.slots]
        text, used = written[form]
        by_number = list(members)
        texts.append(text)
        slots.append([(by_number[number], first.get(by_number[number], 0)) for number in used])
    return Kernel(texts, slots, [pack for pack in packs if pack in outputs], scratch)


def _form(
    part: Body,
    first: Mapping[Pack, int],
    scratch: set[Pack],
    outputs: set[Pack],
    varying: set[Pack],
    numbers: Mapping[Pack, Floats],
) -> tuple[Any, dict[Pack, int]]:
    """What the text of a body depends on, and its packs numbered in the order in which that mentions them: bodies of
    the same form need not be written twice."""
    members: dict[Pack, int] = {}
    form: list[Any] = [part.is_loop]
    for pack in part.packs:
        operation = pack.operation
        form.append((pack.lanes, type(operation), members.setdefault(pack, len(members))))
        if isinstance(operation, Apply):
            form += [operation.primitive, operation.part, *[a.hex() for a in operation.args if isinstance(a, float)]]
            form.append(tuple([isinstance(a, float) for a in operation.args]))
        elif isinstance(operation, Reduce):
            form.append(operation.primitive)
        elif isinstance(operation, Vector):
            form += [operation.function, operation.empty == 0.0]
        elif isinstance(operation, Sum):
            for segment in operation.segments:
                for block in segment.blocks:
                    coefficient = block.coefficient
                    form.append(coefficient.hex() if isinstance(coefficient, float) else coefficient.tobytes())
                    form.append((block.lane.shape, block.a.shape, block.lane.tobytes()))
        for parent, index in _reads(pack):
            held = numbers.get(parent)
            lanes = index - first.get(parent, 0) if held is None else held[index]
            form.append((members.setdefault(parent, len(members)), index.shape, lanes.tobytes()))
    for pack in members:
        form.append((pack in varying, pack in outputs, pack in scratch))
    return tuple(form), members


def _first_lanes(packs: Sequence[Pack]) -> dict[Pack, int]:
    """The first lane that these packs read of each pack that is not among them."""
    inside = set(packs)
    found: dict[Pack, int] = {}
    for pack in packs:
        for parent, index in _reads(pack):
            if parent not in inside:
                lanes = index[index != ABSENT]
                if lanes.size:
                    found[parent] = min(found.get(parent, parent.lanes), int(lanes.min()))
    return found


def _reads(pack: Pack) -> Iterator[tuple[Pack, Index]]:
    """Which lanes of which packs it is made of."""
    if not isinstance(pack.operation, Sum):
        for argument in pack.operation.arguments():
            if isinstance(argument, Reference):
                yield argument.pack, argument.index
        return
    for segment in pack.operation.segments:
        for block in segment.blocks:
            yield segment.a, block.a
            if segment.b is not None and block.b is not None:
                yield segment.b, block.b


class _Writer:
    """Writes the function of a body: it works on the columns from `b` to `e`."""

    def __init__(
        self,
        assembly: Assembly,
        first: Mapping[Pack, int],
        scratch: set[Pack],
        outputs: set[Pack],
        varying: set[Pack],
        numbers: Mapping[Pack, Floats],
        columns: int,
    ) -> None:
        self.first = first
        self.numbers = numbers
        self.columns = columns
        self.assembly = assembly
        self.scratch = scratch
        self.outputs = outputs
        self.varying = varying
        self.slots: dict[Pack, int] = {}
        self.tables: dict[str, str] = {}
        self.cells: dict[tuple[Pack, int], Cell] = {}

    def function(self, part: Body) -> str:
        asm = self.assembly
        for pack in part.packs:
            if part.is_loop:
                self._write_lane(pack)
            else:
                self._write_all(pack)
        inner, asm.lines = asm.lines, []
        for pack, slot in self.slots.items():
            asm.line(f"%q{slot} = getelementptr ptr, ptr %p, i64 {slot}")
            asm.line(f"%p{slot} = load ptr, ptr %q{slot}")
            if pack in self.varying and pack not in self.scratch:
                asm.line(f"%r{slot} = getelementptr i64, ptr %ld, i64 {slot}")
                asm.line(f"%ld{slot} = load i64, ptr %r{slot}")
        return "\n".join(
            [
                *[f"{name} = private constant {table}" for table, name in self.tables.items()],
                "define void @BODY(ptr %p, ptr %ld, i64 %b, i64 %e) {",
                "entry:",
                *asm.lines,
                "  br label %lane",
                "lane:",
                "  %l = phi i64 [ 0, %entry ], [ %l1, %latch ]",
                "  br label %loop",
                "loop:",
                "  %i = phi i64 [ %b, %lane ], [ %i1, %loop ]",
                "  %o = sub i64 %i, %b",
                *inner,
                f"  %i1 = add i64 %i, {asm.width}",
                "  %on = icmp slt i64 %i1, %e",
                "  br i1 %on, label %loop, label %latch",
                "latch:",
                "  %l1 = add i64 %l, 1",
                f"  %up = icmp slt i64 %l1, {_turns(part.packs[0]) if part.is_loop else 1}",
                "  br i1 %up, label %lane, label %done",
                "done:",
                "  ret void",
                "}",
                *sorted(asm.declarations),
            ]
        )

    def _write_all(self, pack: Pack) -> None:
        """Every lane, in a straight line."""
        operation = pack.operation
        if isinstance(operation, Apply):
            cells = [
                self._applied(operation, [self._argument(arg, lane) for arg in operation.args])
                for lane in range(pack.lanes)
            ]
        elif isinstance(operation, Reduce):
            reduction = REDUCTIONS[operation.primitive.name]
            cells = [reduction(*self._column(operation.arg, lane)) for lane in range(pack.lanes)]
        elif isinstance(operation, Vector):
            function, groups = VECTORS[operation.function], operation.arg.index.shape[1]
            rows = [function(self._column(operation.arg, group), operation.empty) for group in range(groups)]
            cells = [row[component] for component in range(len(operation.arg.index)) for row in rows]
        else:
            cells = self._sums(pack)
        for lane, cell in enumerate(cells):
            self.cells[pack, lane] = cell
            self._store(pack, lane, cell)

    def _write_lane(self, pack: Pack) -> None:
        """One lane, that of the loop."""
        operation = pack.operation
        if isinstance(operation, Apply):
            args = [self._read(arg.pack, arg.index) if isinstance(arg, Reference) else arg for arg in operation.args]
            cell = self._applied(operation, args)
        elif isinstance(operation, Reduce | Vector):
            xs = [self._read(operation.arg.pack, row) for row in operation.arg.index]
            if isinstance(operation, Vector):
                for component, each in enumerate(VECTORS[operation.function](xs, operation.empty)):
                    self._store(pack, self._integer(f"add i64 %l, {component * _turns(pack)}"), each)
                return
            cell = REDUCTIONS[operation.primitive.name](*xs)
        else:
            total: Any = None
            for c, a, ia, b, ib in lanewise_terms(pack) or []:
                product = self._read(a, ia) if b is None or ib is None else self._read(a, ia) * self._read(b, ib)
                product = c * product
                total = product if total is None else total + product
            cell = self.assembly.cell(0.0 if total is None else total)
        self.cells[pack, 0] = cell
        self._store(pack, "%l", cell)

    def _applied(self, operation: Apply, args: list[Any]) -> Cell:
        if not any(isinstance(arg, Cell) for arg in args):
            result = operation.primitive(*args)
        else:
            result = emit(operation.primitive, args)
        return self.assembly.cell(result if operation.part is None else result[operation.part])

    def _argument(self, arg: Argument, lane: int) -> Any:
        return self._cell(arg.pack, int(arg.index[lane])) if isinstance(arg, Reference) else arg

    def _column(self, arg: Reference, lane: int) -> list[Cell]:
        return [self._cell(arg.pack, int(row[lane])) for row in arg.index]

    def _sums(self, pack: Pack) -> list[Cell]:
        assert isinstance(pack.operation, Sum)
        totals: list[Any] = [None] * pack.lanes
        for segment in pack.operation.segments:
            for block in segment.blocks:
                coefficient = block.coefficient
                for g, h, s in numpy.ndindex(block.lane.shape):
                    lane = int(block.lane[g, h, s])
                    for k in range(block.a.shape[2]):
                        ia, ib = int(block.a[g, h, k]), 0 if block.b is None else int(block.b[g, k, s])
                        if ABSENT in (lane, ia, ib):
                            continue
                        product: Any = self._cell(segment.a, ia)
                        if segment.b is not None:
                            product = product * self._cell(segment.b, ib)
                        c = coefficient if isinstance(coefficient, float) else float(coefficient[g])
                        product = c * product
                        totals[lane] = product if totals[lane] is None else totals[lane] + product
        return [self.assembly.cell(0.0 if total is None else total) for total in totals]

    def _cell(self, pack: Pack, lane: int) -> Cell:
        """A lane of a pack in a straight line."""
        found = self.cells.get((pack, lane))
        if found is None:
            held = self.numbers.get(pack)
            found = (
                self._load(pack, str(lane - self.first[pack]))
                if held is None
                else self.assembly.number(float(held[lane]))
            )
            self.cells[pack, lane] = found
        return found

    def _read(self, pack: Pack, index: Index) -> Cell:
        """The lane of a pack that the lane of the loop wants."""
        if (pack, 0) in self.cells:
            return self.cells[pack, 0]
        held = self.numbers.get(pack)
        if held is not None and (held[index] == held[index[0]]).all():
            return self.assembly.number(float(held[index[0]]))
        index = index - self.first[pack]
        first = int(index[0])
        step = int(index[1]) - first if index.size > 1 else 0
        if (numpy.diff(index) == step).all():
            lane = self._integer(f"mul i64 %l, {step}") if step not in (0, 1) else "%l" if step else "0"
            return self._load(pack, self._integer(f"add i64 {lane}, {first}"))
        table = f"[{index.size} x i64] [{', '.join(f'i64 {lane}' for lane in index.tolist())}]"
        name = self.tables.setdefault(table, f"@BODY.{len(self.tables)}")
        place = self._integer(f"getelementptr i64, ptr {name}, i64 %l")
        return self._load(pack, self._integer(f"load i64, ptr {place}"))

    def _integer(self, text: str) -> str:
        name = self.assembly.name()
        self.assembly.line(f"{name} = {text}")
        return name

    def _address(self, pack: Pack, lane: str) -> str:
        slot = self.slots.setdefault(pack, len(self.slots))
        if pack in self.varying:
            row = str(self.columns) if pack in self.scratch else f"%ld{slot}"
            start = self._integer(f"mul i64 {lane}, {row}")
            lane = self._integer(f"add i64 {start}, {'%o' if pack in self.scratch else '%i'}")
        return self._integer(f"getelementptr double, ptr %p{slot}, i64 {lane}")

    def _load(self, pack: Pack, lane: str) -> Cell:
        asm = self.assembly
        address = self._address(pack, lane)
        if asm.width == 1 or pack in self.varying:
            return asm.define(f"load {asm.type}, ptr {address}, align 8")
        number = asm.define(f"load double, ptr {address}, align 8")
        one = asm.define(f"insertelement {asm.type} poison, double {number.name}, i32 0")
        return asm.define(
            f"shufflevector {asm.type} {one.name}, {asm.type} poison, <{asm.width} x i32> zeroinitializer"
        )

    def _store(self, pack: Pack, lane: int | str, cell: Cell) -> None:
        if pack in self.outputs or pack in self.scratch:
            asm = self.assembly
            asm.line(f"store {asm.type} {cell.name}, ptr {self._address(pack, str(lane))}, align 8")
