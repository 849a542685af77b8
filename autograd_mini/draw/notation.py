"""How one operation is written in mathematics: brackets, powers, infix symbols."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from autograd_mini.primitives import Primitive
from autograd_mini.value import Value

SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 6)
INFIX = {
    "+": (" + ", SUM),
    "-": (" - ", SUM),
    "*": ("·", PRODUCT),
    "/": ("/", PRODUCT),
    "//": (" // ", PRODUCT),
    "%": (" % ", PRODUCT),
}
BRACKETS = {"abs": ("|", "|"), "floor": ("⌊", "⌋"), "ceil": ("⌈", "⌉")}
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
SHOWN_ARGUMENTS = 8
# How a rule guards a corner case is no part of the mathematics.
HIDDEN_OPTIONS = {"empty"}
PLAIN_NAME = re.compile(r"\w[\w.'′]*(\[[\w, .'\"-]*\])*")


class Text(NamedTuple):
    """Part of a formula, and how tightly its outermost operation binds."""

    text: str
    precedence: int = ATOM

    def within(self, precedence: int, *, leads: bool = False) -> str:
        """The text as an operand: bracketed where it binds less tightly; a sign stays bare only in front."""
        bare = self.precedence >= precedence and (leads or not self.text.startswith("-"))
        return self.text if bare else f"({self.text})"


OMITTED = Text("…")


def operation_name(operation: Primitive) -> str:
    """The symbol of an operation with the options that its variant fixes.

    >>> from autograd_mini.primitives import TABLE
    >>> operation_name(TABLE["softmax"].variant(index=2)), operation_name(TABLE["relu"].variant(at_zero=0.0))
    ('softmax[2]', 'relu[at_zero=0]')
    """
    options = []
    for key, option in operation.options.items():
        if key in HIDDEN_OPTIONS:
            continue
        text = f"{option:g}" if isinstance(option, float) else str(option)
        options.append(text if key in ("index", "order") or isinstance(option, str) else f"{key}={text}")
    return f"{operation.symbol}[{', '.join(options)}]" if options else operation.symbol


def combine(node: Value, operands: Sequence[Text]) -> Text:
    """The formula of what computed a node, of `operands`."""
    if node.operation is None:  # parents assigned by hand
        return Text(f"({_listed(operands)})")
    return applied(node.operation, operands)


def applied(operation: Primitive, operands: Sequence[Text]) -> Text:
    """The formula of an operation on `operands`."""
    symbol, name = operation.symbol, operation.name
    if name in BRACKETS:
        left, right = BRACKETS[name]
        return Text(f"{left}{operands[0].text}{right}")
    if name == "reciprocal":
        return Text(f"1/{operands[0].within(PRODUCT + 1)}", PRODUCT)
    if name == "square":
        return Text(f"{operands[0].within(ATOM)}²", POWER)
    if name == "sqrt":
        radicand, precedence = operands[0]
        bare = precedence == ATOM and PLAIN_NAME.fullmatch(radicand)  # x² is a word to a regular expression
        return Text(f"√{radicand}" if bare else f"√({radicand})", POWER)
    if name == "pow":
        base, exponent = operands
        if exponent.text.isdecimal():
            return Text(base.within(ATOM) + exponent.text.translate(SUPERSCRIPTS), POWER)
        return Text(f"{base.within(ATOM)}^{exponent.within(ATOM)}", POWER)
    if len(operands) == 2 and symbol in INFIX:
        infix, precedence = INFIX[symbol]
        return Text(operands[0].within(precedence, leads=True) + infix + operands[1].within(precedence + 1), precedence)
    if len(operands) == 1 and not symbol.isidentifier():
        return Text(symbol + operands[0].within(SIGN), SIGN)
    if name == "dot":
        half = len(operands) // 2
        return Text(f"({_listed(operands[:half])})·({_listed(operands[half:])})", PRODUCT)
    return Text(f"{operation_name(operation)}({_listed(operands)})")


def _listed(operands: Sequence[Text]) -> str:
    return ", ".join(operand.text for operand in shown(operands, OMITTED))


def shown_parents(node: Value) -> list[Value]:
    """The parents that its formula mentions."""
    if node.operation is not None and node.operation.name == "dot":
        half = len(node.parents) // 2
        return shown(node.parents[:half]) + shown(node.parents[half:])
    return shown(node.parents)


def shown(things: Sequence[Any], *omitted: Any) -> list[Any]:
    """The first of many and the last, with what stands for those left out in between."""
    if len(things) <= SHOWN_ARGUMENTS:
        return list(things)
    return [*things[: SHOWN_ARGUMENTS - 2], *omitted, things[-1]]
