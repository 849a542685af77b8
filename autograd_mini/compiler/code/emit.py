"""A chunk of operations as a function in LLVM's language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.code.chunks import Form
from autograd_mini.compiler.code.emit_products import HEAD, At, Rows, write_matrix, write_outer
from autograd_mini.compiler.code.machine_rows import VECTORS
from autograd_mini.compiler.code.operations import Applies, Head, Literal, Sum
from autograd_mini.compiler.code.register_products import FUSED, Matrix, Outer
from autograd_mini.compiler.code.repeating import Turns
from autograd_mini.compiler.ir.scalars import Number

Product = tuple[float, Sequence[Any]]
"""A product: its sign, and one or two factors."""


def write(form: Form, heads: Sequence[Head], width: int, at: At = ()) -> str:
    """The function of a chunk: `p` points to the rows it reads and then to those it writes. It works on the columns
    from `b`, where the memory of a block begins, to `e`.
    """
    head = heads[form.steps[0][0]]
    if isinstance(head, Matrix):
        return write_matrix(form, head, width)
    if isinstance(head, Outer):
        return write_outer(form, head, width)
    if isinstance(head, Turns):
        return write_turns(form, head, width)
    asm = Assembly(width)
    rows = Rows(asm, form.kinds, at)
    with asm.over("%e", "%b", width) as i:
        rows.turn(i)
        results: list[Cell] = []
        for number, *operands in form.steps:
            cells = [results[operand] if operand >= 0 else rows.read(~operand) for operand in operands]
            results.extend(computed(asm, heads[number], cells))
        for row, result in enumerate(form.writes, form.n_reads):
            rows.store(row, results[result].name)
    return asm.text(HEAD, "ret void")


def write_turns(form: Form, head: Turns, width: int) -> str:
    """The function of a loop. Its pointers are to the rows it reads and then to those it writes; what has a row for
    each step has these one after the other."""
    asm = Assembly(width)
    rows = Rows(asm, form.kinds)
    with asm.over("%e", "%b", width) as i:
        rows.turn(i)
        turns(asm, head, head.steps, rows)
    return asm.text(HEAD, "ret void")


def turns(asm: Assembly, head: Turns, steps: int | str, rows: Rows) -> None:
    """Write a loop for some columns; `rows` are those of the first step, and find those of another by its number."""
    still = {number: rows.read(row) for number, row in head.still}
    moving = dict(head.moving)
    first = [asm.number(0.0) if row is None else rows.read(row) for _, _, row, _ in head.carried]

    def turn(k: str, *registers: str) -> Sequence[str]:
        known = still | {each[0]: Cell(asm, register) for each, register in zip(head.carried, registers)}

        def cell(number: int) -> Cell:
            if number not in known:
                scalar = head.scalars[number]
                known[number] = (
                    asm.number(scalar.number) if type(scalar) is Number else rows.read_further(moving[number], k)
                )
            return known[number]

        for results, each, reads, _ in head.sequence:
            known.update(zip(results, computed(asm, head.heads[each], [*map(cell, reads)])))
        for number, row in head.gives:
            rows.store(row, cell(number).name, k)
        return [cell(following).name for _, following, _, _ in head.carried]

    last = asm.loop(0, steps, turn, [(asm.type, each.name) for each in first])
    for register, (_, _, _, row) in zip(last, head.carried):
        if row is not None:
            rows.store(row, register)


def computed(asm: Assembly, head: Head, cells: Sequence[Cell]) -> Sequence[Cell]:
    """The results of an operation on these operands."""
    rest = iter(cells)
    assert not isinstance(head, Matrix | Outer | Turns)
    if isinstance(head, Sum):
        products = [(sign, [_operand(each, rest) for each in factors] or [1.0]) for sign, factors in head.terms]
        return [total(asm, products, head.from_zero)]
    if isinstance(head, Applies):
        return [one for each in head.functions for one in computed(asm, each, cells)]
    args = [_operand(literal, rest) for literal in head.args]
    primitive = head.primitive
    if head.is_vector:
        return VECTORS[primitive.base.name]([*map(asm.cell, args)], primitive.options.get("empty", float("nan")))
    return [asm.cell(primitive(*args))]


def _operand(literal: Literal, cells: Any) -> Any:
    return next(cells) if literal is None else float.fromhex(literal)


def total(assembly: Assembly, products: Sequence[Product], from_zero: bool) -> Cell:
    """The sum of products, added one after the other."""
    out: Any = assembly.number(0.0) if from_zero or not products else None
    for sign, factors in products:
        x = assembly.cell(factors[0])
        if len(factors) == 2 and out is not None and len(products) >= FUSED:
            out = assembly.intrinsic("fmuladd", -x if sign < 0.0 else x, assembly.cell(factors[1]), out)
            continue
        term = x * factors[1] if len(factors) == 2 else x
        if out is None:
            out = -term if sign < 0.0 else term
        else:
            out = out - term if sign < 0.0 else out + term
    return assembly.cell(out)
