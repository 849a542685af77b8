"""Formulas of whole graphs, such as `tanh(w·x + b)`, up to a given length; and the names of the Values in them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from autograd_mini.mathematics import (
    ATOM,
    COMPARISON,
    OMITTED,
    PLAIN_NAME,
    Numerals,
    Text,
    applied,
    cut,
    listed,
    number_formatter,
    shown,
    signed,
)
from autograd_mini.primitives import brief
from autograd_mini.value import Value

NESTING = 3  # levels of lists and dicts; names from deeper ones would be too long to read. Not tuned
NOT_THE_USERS = ("In", "Out")  # a notebook's own records

Naming = Callable[[Value], str]
"""A function that returns the name of a Value, empty if it has none."""


def formula(
    y: Value,
    *,
    limit: int = 200,
    expand: bool = False,
    number_format: str = ".4g",
    names: Mapping[str, object] | None = None,
) -> str:
    """The formula by which a Value was computed, in mathematical notation.

    Leaves appear as their label, or as their number if they have none. What does not fit is written `…`,
    deepest parts first, so that the text stays short however large the graph is and whatever it shares.

    Args:
        y: the Value.
        limit: the greatest length, at least 1.
        expand: also write out intermediate Values that have a label, instead of showing the label.
        number_format: a Python format for numbers.
        names: variables by name, as `locals()` gives them, for Values without a label.

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
    name_of = naming(names)
    atom = _atoms(name_of, number_formatter(number_format))

    def is_open(node: Value) -> bool:
        return bool(node.parents) and (expand or node is y or not name_of(node))

    best = _to_depth(y, 1 if y.parents else 0, is_open, atom)
    for depth in range(2, limit):
        text = _to_depth(y, depth, is_open, atom)
        if len(text.text) > limit or text == best:
            break
        best = text
    return cut(best.text, limit)


def short_formulas(order: Sequence[Value], limit: int, name_of: Naming, number: Numerals) -> dict[Value, str]:
    """The formula of every computed node of a topological order, in one pass: operands that do not fit become `…`, as
    do those that are missing from the order."""
    operands: dict[Value, Text] = {}
    formulas, atom = {}, _atoms(name_of, number)
    for node in order:
        if not node.parents:
            operands[node] = atom(node)
            continue
        own = _fitting(node, [operands.get(parent, OMITTED) for parent in node.parents], limit)
        formulas[node] = own.text
        operands[node] = atom(node) if name_of(node) else OMITTED if OMITTED.text in own.text else own
    return formulas


def _atoms(name_of: Naming, number: Numerals) -> Callable[[Value], Text]:
    """A function that writes a Value without expanding it: its name, else its number."""

    def atom(node: Value) -> Text:
        name = " ".join(name_of(node).split())
        if name:
            return Text(name, ATOM if PLAIN_NAME.fullmatch(name) else COMPARISON)
        return signed(number(node._number))

    return atom


def _to_depth(y: Value, depth: int, is_open: Callable[[Value], bool], atom: Callable[[Value], Text]) -> Text:
    """The formula with `depth` levels of nested operations, and … for what is nested deeper."""
    levels = [[y]]
    for _ in range(depth):
        below = (parent for node in levels[-1] if is_open(node) for parent in _shown_parents(node))
        levels.append(list(dict.fromkeys(below)))
    texts = {node: OMITTED if is_open(node) else atom(node) for node in levels.pop()}
    for level in reversed(levels):
        operands = {node: [texts.get(parent, OMITTED) for parent in node.parents] for node in level}
        texts = {node: _combined(node, operands[node]) if is_open(node) else atom(node) for node in level}
    return texts[y]


def _fitting(node: Value, operands: list[Text], limit: int) -> Text:
    """The node's formula, with its longest operands replaced by … until it fits."""
    while len((text := _combined(node, operands)).text) > limit:
        longest = max(operands, key=lambda operand: len(operand.text))
        if longest == OMITTED:
            return Text(cut(text.text, limit))
        operands = [OMITTED if operand == longest else operand for operand in operands]
    return text


def _combined(node: Value, operands: Sequence[Text]) -> Text:
    """The formula of a node's operation applied to `operands`."""
    if node.operation is None:  # parents assigned by hand
        return Text(f"({listed(operands)})")
    return applied(node.operation, operands)


def _shown_parents(node: Value) -> list[Value]:
    """The parents that its formula mentions."""
    if node.operation is not None and node.operation.name == "dot":
        half = len(node.parents) // 2
        return shown(node.parents[:half]) + shown(node.parents[half:])
    return shown(node.parents)


def label_locals() -> None:
    """Label the Values in the caller's local variables by the variables' names.

    Values in lists, tuples, dicts and NumPy arrays get labels such as `w[0]`. Existing labels are kept; of several
    variables that hold a Value, the first gives the name; names that begin with an underscore are not used.

    >>> from autograd_mini import Value
    >>> def neuron():
    ...     w, x = [Value(2.0), Value(3.0)], Value(4.0)
    ...     label_locals()
    ...     return w[1] * x
    >>> neuron().parents[0].label
    'w[1]'
    """
    for value, name in _names(sys._getframe(1).f_locals).items():
        if not value.label:
            value.label = name


def naming(names: Mapping[str, object] | None) -> Naming:
    """The function that gives a Value's name: its label, else that of the variable among `names` that holds it."""
    if names is not None and not isinstance(names, Mapping):
        raise TypeError(f"names must map names to Values, as locals() does, got {brief(names)}")
    known = _names({str(name): thing for name, thing in (names or {}).items()})
    return lambda value: str(value.label) or known.get(value, "")


def _names(variables: Mapping[str, object]) -> dict[Value, str]:
    names: dict[Value, str] = {}
    visible = {name: thing for name, thing in variables.items() if name[:1] not in "_@" and name not in NOT_THE_USERS}
    plain = ((thing, name) for name, thing in visible.items() if isinstance(thing, Value))
    nested = (found for name, thing in visible.items() for found in _within(thing, name, NESTING))
    for generator in (plain, nested):
        for value, name in generator:
            names.setdefault(value, name)
    return names


def _within(thing: object, name: str, nesting: int) -> Iterator[tuple[Value, str]]:
    """The Values in a container, with their places."""
    if isinstance(thing, Value):
        yield thing, name
        return
    if hasattr(thing, "tolist") and getattr(thing, "dtype", None) == "O":
        thing = thing.tolist()  # pyright: ignore[reportAttributeAccessIssue]  (a NumPy array of objects)
    if nesting == 0:
        return
    if isinstance(thing, (list, tuple)):
        thing = dict(enumerate(thing))
    for key, item in thing.items() if isinstance(thing, dict) else ():
        yield from _within(item, f"{name}[{key!r}]", nesting - 1)
