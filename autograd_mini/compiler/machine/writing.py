"""Writing: a body as a function in assembly, by the emissions of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy

from autograd_mini.compiler.machine.adding import Product, total
from autograd_mini.compiler.machine.bodies import Body, lanewise_terms, turns
from autograd_mini.compiler.machine.cells import Assembly, Cell, emit
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
)


class Writer:
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
                f"  %up = icmp slt i64 %l1, {turns(part.packs[0]) if part.is_loop else 1}",
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
                    self._store(pack, self._integer(f"add i64 %l, {component * turns(pack)}"), each)
                return
            cell = REDUCTIONS[operation.primitive.name](*xs)
        else:
            assert isinstance(operation, Sum)
            products: list[Product] = []
            for sign, a, ia, b, ib in lanewise_terms(pack) or []:
                second = [] if b is None or ib is None else [self._read(b, ib)]
                products.append((sign, [self._read(a, ia), *second]))
            cell = total(self.assembly, products, operation.from_zero)
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
        terms: list[list[tuple[float, list[tuple[Pack, int]]]]] = [[] for _ in range(pack.lanes)]
        for segment in pack.operation.segments:
            for block in segment.blocks:
                for g, h, s in numpy.ndindex(block.lane.shape):
                    lane = int(block.lane[g, h, s])
                    for k in range(block.a.shape[2]):
                        factors = [(segment.a, int(block.a[g, h, k]))]
                        if segment.b is not None and block.b is not None:
                            factors.append((segment.b, int(block.b[g, k, s])))
                        if ABSENT not in (lane, *[index for _, index in factors]):
                            terms[lane].append((block.sign, factors))
        return [
            total(
                self.assembly,
                [(sign, [self._cell(*factor) for factor in factors]) for sign, factors in each],
                pack.operation.from_zero,
            )
            for each in terms
        ]

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
        return asm.spread(asm.define(f"load double, ptr {address}, align 8"))

    def _store(self, pack: Pack, lane: int | str, cell: Cell) -> None:
        if pack in self.outputs or pack in self.scratch:
            asm = self.assembly
            asm.line(f"store {asm.type} {cell.name}, ptr {self._address(pack, str(lane))}, align 8")
