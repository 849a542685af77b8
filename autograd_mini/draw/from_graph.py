"""The picture of a computation graph: a box for every Value and for every operation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import isfinite

from autograd_mini.draw.exchange import folded_edges, local_derivatives
from autograd_mini.draw.folding import NOT_FOLDED, Folding
from autograd_mini.draw.picture import Box, Edge, Kind, Picture, Row
from autograd_mini.formulas import short_formulas
from autograd_mini.graph import topological_order
from autograd_mini.mathematics import cut, operation_name
from autograd_mini.value import Constant, Value

TITLE, TITLE_LINES, TOOLTIP = 28, 3, 80


class GraphTooLargeError(ValueError):
    """The graph has more nodes than a picture of it was allowed to have."""


def ordered(results: Sequence[Value], max_nodes: int | None) -> list[Value]:
    """The nodes behind `results`, parents first.

    Raises:
        GraphTooLargeError: there are more than `max_nodes`; found without visiting many more.
        ValueError: the parents lead back to a node itself, or do not go with their local derivatives.
    """
    seen = set(results)
    stack = list(seen)
    while stack and max_nodes is not None and len(seen) <= max_nodes:
        parents = set(stack.pop().parents) - seen
        seen |= parents
        stack.extend(parents)
    require_room(len(seen), max_nodes, "the graph has")
    order = topological_order(*reversed(results))
    _check(order)
    return order


def require_room(count: int, max_nodes: int | None, who: str) -> None:
    """Raise GraphTooLargeError if there is more to show than a picture may have."""
    if max_nodes is not None and count > max_nodes:
        raise GraphTooLargeError(
            f"{who} more than {max_nodes} nodes, too many to read as a picture; draw a part of it, fold its modules "
            "(draw(y, scopes=scopes, fold='modules') with the scopes of record_scopes(model)), or raise max_nodes"
        )


def _check(order: Sequence[Value]) -> None:
    placed: set[Value] = set()
    for node in order:
        if not placed.issuperset(node.parents):
            raise ValueError(
                f"the graph is cyclic: {node!r} is among its own ancestors; assign `parents` so that each Value "
                "depends on earlier ones only"
            )
        if len(node.parents) != len(node.local_grads):
            raise ValueError(
                f"{node!r} has {len(node.parents)} parents but {len(node.local_grads)} local derivatives; assign "
                "one to each parent"
            )
        placed.add(node)


def picture_of(
    results: Sequence[Value],
    order: Sequence[Value],
    *,
    parameters: Collection[Value],
    name_of: Callable[[Value], str],
    number: Callable[[float], str],
    formulas: bool = True,
    direction: str = "LR",
    legend: bool = True,
    folding: Folding = NOT_FOLDED,
) -> Picture:
    """The picture of the nodes of a topological `order`."""
    keys = {node: str(index) for index, node in enumerate(order) if folding.shows(node)}
    shown = list(keys)
    kinds = _kinds(set(results), shown, parameters)
    formula = short_formulas(shown, TOOLTIP, name_of, number)
    boxes, edges = [], []
    for node in shown:
        key, kind, scope = keys[node], kinds[node], folding.scope_of(node)
        name, data = name_of(node), number(node._data)
        written = formula.get(node, "")
        title = _title(name, written if formulas else "")
        rows: tuple[Row, ...] = (Row("data", data), Row("grad", number(node._grad), node._grad))
        if kind is Kind.CONSTANT:
            rows = (Row("data", data),) if title else ()
            title = title or data
        if node.parents and node not in folding.operations:
            called = operation_name(node.operation) if node.operation else "?"
            boxes.append(Box(f"o{key}", Kind.OPERATION, called, tooltip=written, scope=scope))
            edges.append(Edge(f"o{key}", f"v{key}", tooltip=written))
            for parent, local in zip(node.parents, local_derivatives(node)):
                if parent not in folding.values:
                    text = number(local)
                    edges.append(Edge(f"v{keys[parent]}", f"o{key}", text, f"local derivative {text}"))
        if node not in folding.values:
            own_scope = () if node in folding.operations else scope
            tooltip = " = ".join(filter(None, (cut(name, TOOLTIP), written, data)))
            boxes.append(Box(f"v{key}", kind, title, rows, tooltip, own_scope))
    boxes += folding.boxes
    edges += folded_edges(order, keys, folding, number)
    gradients = [abs(row.gradient) for box in boxes for row in box.rows if row.gradient is not None]
    largest = max(filter(isfinite, gradients), default=0.0)
    return Picture(tuple(boxes), tuple(edges), direction, largest, legend=legend)


def _kinds(results: Collection[Value], order: Sequence[Value], parameters: Collection[Value]) -> dict[Value, Kind]:
    kinds: dict[Value, Kind] = {}
    for node in order:
        if isinstance(node, Constant):
            kinds[node] = Kind.CONSTANT
        elif not node.parents:
            kinds[node] = Kind.PARAMETER if node in parameters else Kind.INPUT
        else:
            kinds[node] = Kind.RESULT if node in results else Kind.INTERMEDIATE
    return kinds


def _title(name: str, written: str) -> str:
    """The name, and the formula if both fit on a line; long names are cut, to a few lines of limited length."""
    lines = [cut(line.strip(), TITLE) for line in name.strip().splitlines()]
    if len(lines) > TITLE_LINES:
        lines[TITLE_LINES - 1 :] = [lines[TITLE_LINES - 1] + " …"]
    if len(lines) > 1 or not written or "…" in written:
        return "\n".join(lines)
    whole = " = ".join([*lines, written])
    return whole if len(whole) <= TITLE else "\n".join(lines)
