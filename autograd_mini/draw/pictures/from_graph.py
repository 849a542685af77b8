"""Makes the picture of a computation graph: a box for every Value and for every operation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import isfinite

from autograd_mini.draw.pictures.folding import NOT_FOLDED, Folding, backward_has_run
from autograd_mini.draw.pictures.picture import Box, Edge, Kind, Picture, Row
from autograd_mini.formulas import Naming, short_formulas
from autograd_mini.graph import topological_order
from autograd_mini.mathematics import Numerals, cut, operation_name
from autograd_mini.value import Constant, Value

TITLE, TITLE_LINES, TOOLTIP = 28, 3, 80  # how many letters and lines fit into a box and a tooltip, chosen by eye

Passing = dict[Value, float | None]
"""The Values that an arrow carries, each with the local derivative with respect to it if it is used exactly once."""


class GraphTooLargeError(ValueError):
    """The graph has more nodes than the picture was allowed to have."""


def ordered(results: Sequence[Value], max_nodes: int | None) -> list[Value]:
    """The nodes behind `results`, parents first.

    Raises:
        GraphTooLargeError: there are more than `max_nodes`; the search stops soon after that many.
        ValueError: a node is its own ancestor, or parents and local derivatives do not match.
    """
    seen = set(results)
    stack = list(seen)
    while stack and max_nodes is not None and len(seen) <= max_nodes:
        parents = set(stack.pop().parents) - seen
        seen |= parents
        stack.extend(parents)
    require_room(len(seen), max_nodes, "the graph has")
    order = topological_order(*reversed(results))
    placed: set[Value] = set()
    for node in order:
        if not placed.issuperset(node.parents):
            raise ValueError(
                f"the graph is cyclic: {node!r} is among its own ancestors; assign `parents` so that each Value "
                "depends on earlier ones only"
            )
        placed.add(node)
    return order


def require_room(count: int, max_nodes: int | None, who: str) -> None:
    """Raise GraphTooLargeError if there are more than `max_nodes` nodes to show."""
    if max_nodes is not None and count > max_nodes:
        raise GraphTooLargeError(
            f"{who} more than {max_nodes} nodes, too many to read as a picture; draw a part of it, fold its modules "
            "(draw(y, scopes=scopes, fold='modules') with the scopes of record_scopes(model); explain(model, x) folds "
            "them by itself), or raise max_nodes"
        )


def picture_of(
    results: Sequence[Value],
    order: Sequence[Value],
    *,
    parameters: Collection[Value],
    name_of: Naming,
    number: Numerals,
    formulas: bool = True,
    direction: str = "LR",
    legend: bool = True,
    folding: Folding = NOT_FOLDED,
) -> Picture:
    """The picture of the nodes of a topological `order`."""
    keys = {node: str(index) for index, node in enumerate(order) if folding.shows(node)}
    ends = set(results)
    formula = short_formulas([*keys], TOOLTIP, name_of, number)
    boxes, edges = [], []
    is_known = backward_has_run(results)
    for node, key in keys.items():
        kind, scope = kind_of(node, ends, parameters), folding.scope_of(node)
        name, data = name_of(node), number(node._number)
        written = formula.get(node, "")
        title = _title(name, written if formulas else "")
        rows: tuple[Row, ...] = (Row("data", data),)
        if is_known or node._grad != 0.0:
            rows += (Row("grad", number(node._grad), node._grad),)
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
                    edges.append(Edge(f"v{keys[parent]}", f"o{key}", text, f"local derivative {text}", local))
        if node not in folding.values:
            own_scope = () if node in folding.operations else scope
            tooltip = " = ".join(filter(None, (cut(name, TOOLTIP), written, data)))
            boxes.append(Box(f"v{key}", kind, title, rows, tooltip, own_scope))
    boxes += folding.boxes
    edges += _folded_edges(order, keys, folding, number)
    gradients = [abs(row.gradient) for box in boxes for row in box.rows if row.gradient is not None]
    largest = max(filter(isfinite, gradients), default=0.0)
    return Picture(tuple(boxes), tuple(edges), direction, largest, legend=legend)


def kind_of(node: Value, results: Collection[Value], parameters: Collection[Value]) -> Kind:
    """The kind of the box that stands for a node."""
    if isinstance(node, Constant):
        return Kind.CONSTANT
    if not node.parents:
        return Kind.PARAMETER if node in parameters else Kind.INPUT
    return Kind.RESULT if node in results else Kind.INTERMEDIATE


def _title(name: str, written: str) -> str:
    """The heading of a box: the name, and the formula if both fit on one line; long names are cut."""
    lines = [cut(line.strip(), TITLE) for line in name.strip().splitlines()]
    if len(lines) > TITLE_LINES:
        lines[TITLE_LINES - 1 :] = [lines[TITLE_LINES - 1] + " …"]
    if len(lines) > 1 or not written or "…" in written:
        return "\n".join(lines)
    whole = " = ".join([*lines, written])
    return whole if len(whole) <= TITLE else "\n".join(lines)


def _folded_edges(
    order: Sequence[Value], keys: Mapping[Value, str], folding: Folding, number: Numerals
) -> Iterator[Edge]:
    """One arrow for all Values that pass from one box to another, for pairs of which one box holds several nodes."""
    for (tail, head), passing in _passing(order, keys, folding).items():
        label, tooltip, local = "", "1 value", next(iter(passing.values()))
        if len(passing) > 1:
            label = tooltip = f"{len(passing):,} values"
        elif local is not None and head.startswith("o"):
            label = number(local)
            tooltip = f"local derivative {label}"
        yield Edge(tail, head, label, tooltip, local if tooltip.startswith("local") else None)


def _passing(order: Sequence[Value], keys: Mapping[Value, str], folding: Folding) -> Mapping[tuple[str, str], Passing]:
    """The Values that pass between two boxes, for every pair of which one box holds several nodes."""
    places, operations, inner = folding.values, folding.operations, folding.inner
    found: defaultdict[tuple[str, str], Passing] = defaultdict(dict)
    for node in order if folding.boxes else ():
        if not node.parents:
            continue
        within = operations.get(node)
        head = within or f"o{keys[node]}"
        for parent, local in zip(node.parents, local_derivatives(node)):
            tail = places.get(parent)
            if tail != head and (tail or within) and parent not in inner:
                passing = found[tail or f"v{keys[parent]}", head]
                passing[parent] = None if parent in passing else local
        if within and places.get(node) != within:
            found[within, places.get(node) or f"v{keys[node]}"][node] = None
    return found


def local_derivatives(node: Value) -> tuple[float, ...]:
    """`node.local_grads` in full: recording leaves out the one with respect to a plain number as second operand.

    >>> x = Value(3.0)
    >>> y = x**2
    >>> y.local_grads, local_derivatives(y)
    ((6.0, 0.0), (6.0, 9.887510598012987))
    """
    operation = node.operation
    if operation is None or operation.to_first is None or not node.parents[1].is_constant:
        return node.local_grads
    partials: tuple[float, ...] = operation.partials(node._number, *[parent._number for parent in node.parents])
    return node.local_grads[:1] + partials[1:]
