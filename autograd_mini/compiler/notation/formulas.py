"""The formulas of operations that are no sums, as they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from autograd_mini.compiler.notation.naming import Naming, number
from autograd_mini.compiler.notation.plain import Plain
from autograd_mini.compiler.program import Apply, Pack, Reduce, Reference, Vector
from autograd_mini.draw.notation import (
    ATOM,
    BRACKETS,
    INFIX,
    POWER,
    PRODUCT,
    SIGN,
    SUPERSCRIPTS,
    Text,
    operation_name,
)
from autograd_mini.primitives import Primitive

COMPARISON = 0
OTHERS = "Σ≠"


def slope_of(primitive: Primitive, arg: Text) -> Text:
    """The derivative of an activation: relu′(z)."""
    return Text(f"{operation_name(primitive).replace(primitive.symbol, primitive.symbol + '′', 1)}({arg.text})")


def operation_text(names: Naming, plain: Plain, pack: Pack) -> Text:
    """The formula of what is no sum."""
    operation = pack.operation
    args = [
        names.written(plain.resolved(in_order(names, pack, arg))) if isinstance(arg, Reference) else number(arg)
        for arg in operation.arguments()
    ]
    if isinstance(operation, Apply):
        return _applied(operation.primitive, operation.part, args)
    if isinstance(operation, Vector) and operation.function == "sum_of_others":
        return Text(f"{OTHERS}({args[0].text})")
    name = operation_name(operation.primitive) if isinstance(operation, Reduce) else getattr(operation, "function", "?")
    return Text(f"{name}({_bare(args[0].text)})")


def in_order(names: Naming, pack: Pack, arg: Reference) -> Reference:
    """An operand in the order in which the lanes of a pack are read."""
    columns = arg.index if arg.index.ndim == 1 or isinstance(pack.operation, Reduce) else arg.index[:, 0]
    if columns.shape[-1] != pack.lanes:  # several vectors
        grid = names.grid(arg)
        rows, columns = numpy.argsort(grid[:, 0], kind="stable"), numpy.argsort(grid[0], kind="stable")
        names.lay_out(pack, numpy.arange(pack.lanes).reshape(arg.index.shape)[rows][:, columns])
        return Reference(arg.pack, arg.index[rows][:, columns])
    return Reference(arg.pack, columns[..., names.order(pack)])


def _bare(text: str) -> str:
    """A list without its brackets."""
    return text[1:-1] if text.startswith("(") and text.find(")") == len(text) - 1 else text


def _applied(primitive: Primitive, part: int | None, args: Sequence[Text]) -> Text:
    name, symbol = primitive.name, primitive.symbol
    if name in ("mul", "scale"):
        return times(args[0], args[1], " ∘ ")
    if name == "reciprocal":
        return Text(f"1 / {args[0].within(SIGN)}", PRODUCT)
    if name in BRACKETS:
        return Text(args[0].text.join(BRACKETS[name]))
    if name == "square":
        return Text(f"{args[0].within(ATOM)}²", POWER)
    if name == "pow":
        exponent = args[1].text
        raised = exponent.translate(SUPERSCRIPTS) if exponent.isdecimal() else f"^{args[1].within(ATOM)}"
        return Text(args[0].within(ATOM) + raised, POWER)
    if len(args) == 2 and not symbol.isidentifier():
        infix, precedence = INFIX.get(symbol, (f" {symbol} ", COMPARISON))
        infix = f" {infix.strip()} "
        return Text(args[0].within(precedence, leads=True) + infix + args[1].within(precedence + 1), precedence)
    if len(args) == 1 and not symbol.isidentifier():
        return Text(symbol + args[0].within(SIGN), SIGN)
    chosen = "" if part is None else f"[{part}]"
    return Text(f"{operation_name(primitive)}({', '.join(arg.text for arg in args)}){chosen}")


def times(a: Text, b: Text, sign: str) -> Text:
    """A product, where a factor 1 is not written."""
    if "1" in (a.text, b.text):
        return b if a.text == "1" else a
    if a.text[0].isdecimal() and a.precedence == ATOM:
        sign = " "
    return Text(a.within(SIGN, leads=True) + sign + b.within(SIGN), PRODUCT)
