"""Formulas of whole graphs, at most so long: `tanh(w·x + b)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from autograd_mini.draw.naming import naming
from autograd_mini.draw.notation import ATOM, OMITTED, PLAIN_NAME, SIGN, Text, combine, shown_parents
from autograd_mini.draw.numbers import number_formatter
from autograd_mini.primitives import brief
from autograd_mini.value import Value


def formula(
    y: Value,
    *,
    limit: int = 200,
    expand: bool = False,
    number_format: str = ".4g",
    names: Mapping[str, object] | None = None,
) -> str:
    """What a Value was computed by, as mathematics writes it.

    Leaves stand by their label, or by their number where they have none. What does not fit is written `…`,
    deepest parts first, so that the text stays short however large or shared the graph is.

    Args:
        y: the Value.
        limit: the greatest length, at least 1.
        expand: write out labelled Values in between too, instead of letting their label stand for them.
        number_format: a format of Python for numbers.
        names: variables by name, as `locals()` gives them, for Values without label.

    Raises:
        TypeError: `y` is not a Value.
        ValueError: the limit is not a positive integer, or the format does not format numbers.

    >>> from autograd_mini import Value
    >>> w, x, b = Value(2.0, label="w"), Value(3.0, label="x"), Value(1.0, label="b")
    >>> formula(((w * x + b) ** 2 / (x + 1)).tanh())
    'tanh((w·x + b)²/(x + 1))'
    """
    if not isinstance(y, Value):
        raise TypeError(f"formula takes a Value, got {brief(y)} ({type(y).__name__})")
    if not isinstance(limit, int) or limit < 1:
        raise ValueError(f"formula's limit must be an integer ≥ 1, got {brief(limit)}")
    name_of, number = naming(names), number_formatter(number_format)

    def is_open(node: Value) -> bool:
        return bool(node.parents) and (expand or node is y or not name_of(node))

    best = _to_depth(y, 1 if y.parents else 0, is_open, name_of, number)
    for depth in range(2, limit):
        text = _to_depth(y, depth, is_open, name_of, number)
        if len(text.text) > limit or text == best:
            break
        best = text
    return cut(best.text, limit)


def short_formulas(
    order: Sequence[Value], limit: int, name_of: Callable[[Value], str], number: Callable[[float], str]
) -> dict[Value, str]:
    """The formula of every node of a topological order, in one pass: operands that do not fit become `…`, as do
    those that are missing from the order."""
    operands: dict[Value, Text] = {}
    formulas = {}
    for node in order:
        if not node.parents:
            operands[node] = _atom(node, name_of, number)
            continue
        own = _fitting(node, [operands.get(parent, OMITTED) for parent in node.parents], limit)
        formulas[node] = own.text
        if name_of(node):
            operands[node] = _atom(node, name_of, number)
        else:
            operands[node] = OMITTED if OMITTED.text in own.text else own
    return formulas


def cut(text: str, limit: int) -> str:
    """`text` with at most `limit` characters, the last of them … if some are missing."""
    return text if len(text) <= limit else text[: limit - 1] + OMITTED.text


def _atom(node: Value, name_of: Callable[[Value], str], number: Callable[[float], str]) -> Text:
    """A Value that is not written out: its name, else its number."""
    name = " ".join(name_of(node).split())
    if name:
        return Text(name, ATOM if PLAIN_NAME.fullmatch(name) else 0)
    text = number(node._data)
    return Text(text, SIGN if text.startswith("-") else ATOM)


def _to_depth(
    y: Value,
    depth: int,
    is_open: Callable[[Value], bool],
    name_of: Callable[[Value], str],
    number: Callable[[float], str],
) -> Text:
    """The formula with so many nested operations, and … for what is nested deeper."""
    levels = [[y]]
    for _ in range(depth):
        below = (parent for node in levels[-1] if is_open(node) for parent in shown_parents(node))
        levels.append(list(dict.fromkeys(below)))
    texts = {node: OMITTED if is_open(node) else _atom(node, name_of, number) for node in levels.pop()}
    for level in reversed(levels):
        texts = {
            node: combine(node, [texts.get(parent, OMITTED) for parent in node.parents])
            if is_open(node)
            else _atom(node, name_of, number)
            for node in level
        }
    return texts[y]


def _fitting(node: Value, operands: list[Text], limit: int) -> Text:
    """The node's formula, with its longest operands replaced by … until it fits."""
    text = combine(node, operands)
    while len(text.text) > limit:
        longest = max(operands, key=lambda operand: len(operand.text))
        if longest == OMITTED:
            return Text(cut(text.text, limit))
        operands = [OMITTED if operand == longest else operand for operand in operands]
        text = combine(node, operands)
    return text
