"""Writing: a chunk as a function in assembly, by the emissions of the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_mini.compiler.machine.adding import total
from autograd_mini.compiler.machine.cells import Assembly, Cell, emit, has_emission
from autograd_mini.compiler.machine.vectors import REDUCTIONS, VECTORS
from autograd_mini.compiler.scalars.chunking import Form
from autograd_mini.compiler.scalars.operations import Apply, Head, Literal, Sum
from autograd_mini.primitives import TABLE, Part, Primitive


def require_emission(head: Head) -> None:
    """Raise NotImplementedError if there is no machine code for it."""
    if isinstance(head, Apply):
        primitive = head.primitive.whole if isinstance(head.primitive, Part) else head.primitive
        is_known = primitive.base.name in VECTORS if head.is_vector else has_emission(primitive, len(head.args))
        if not is_known and _reduction(primitive) is None:
            raise NotImplementedError(primitive.name)


def _reduction(primitive: Primitive) -> Callable[..., Cell] | None:
    """What computes a reduction of the table; a user's own of the same name is another."""
    return REDUCTIONS.get(primitive.name) if TABLE.get(primitive.name) is primitive else None


def write(form: Form, heads: Sequence[Head], width: int) -> str:
    """The function of a chunk: `p` points to the rows it reads and then to those it writes. It works on so many
    columns as there are from `b` to `e`, the first of each row.
    """
    asm = Assembly(width)
    reads: dict[int, Cell] = {}
    results: list[Cell] = []
    for head, *operands in form.steps:
        args = []
        for operand in operands:
            if operand < 0 and ~operand not in reads:  # not sooner, so that few are alive at a time
                reads[~operand] = _read(asm, ~operand, form)
            args.append(results[operand] if operand >= 0 else reads[~operand])
        results += _computed(asm, heads[head], args)
    for row, result in enumerate(form.writes, form.n_reads):
        asm.line(f"store {asm.type} {results[result].name}, ptr {_address(asm, row)}, align 8")
    return "\n".join(
        [
            "define void @BODY(ptr %p, ptr %ld, i64 %b, i64 %e) {",
            "entry:",
            "  %n = sub i64 %e, %b",
            "  br label %loop",
            "loop:",
            "  %i = phi i64 [ 0, %entry ], [ %i1, %loop ]",
            *asm.lines,
            f"  %i1 = add i64 %i, {width}",
            "  %on = icmp slt i64 %i1, %n",
            "  br i1 %on, label %loop, label %done",
            "done:",
            "  ret void",
            "}",
            *sorted(asm.declarations),
        ]
    )


def _computed(asm: Assembly, head: Head, cells: Sequence[Cell]) -> Sequence[Cell]:
    rest = iter(cells)
    if isinstance(head, Sum):
        products = [(sign, [_operand(each, rest) for each in factors] or [1.0]) for sign, factors in head.terms]
        return [total(asm, products, head.from_zero)]
    args = [_operand(literal, rest) for literal in head.args]
    primitive = head.primitive
    if head.is_vector:
        function = VECTORS[primitive.base.name]
        return function([asm.cell(arg) for arg in args], primitive.options.get("empty", float("nan")))
    if isinstance(primitive, Part):
        return [asm.cell(emit(primitive.whole, args)[primitive.part])]
    reduction = _reduction(primitive)
    return [reduction(*map(asm.cell, args)) if reduction else asm.cell(emit(primitive, args))]


def _operand(literal: Literal, cells: Any) -> Any:
    return next(cells) if literal is None else literal


def _read(asm: Assembly, row: int, form: Form) -> Cell:
    if row not in form.uniform or asm.width == 1:
        return asm.define(f"load {asm.type}, ptr {_address(asm, row)}, align 8")
    return asm.spread(asm.define(f"load double, ptr {_pointer(asm, row)}, align 8"))


def _pointer(asm: Assembly, row: int) -> str:
    place, pointer = asm.name(), asm.name()
    asm.line(f"{place} = getelementptr ptr, ptr %p, i64 {row}")
    asm.line(f"{pointer} = load ptr, ptr {place}")
    return pointer


def _address(asm: Assembly, row: int) -> str:
    pointer, name = _pointer(asm, row), asm.name()
    asm.line(f"{name} = getelementptr double, ptr {pointer}, i64 %i")
    return name
