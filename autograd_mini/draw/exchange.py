"""What arrows carry: local derivatives, and all that passes from and to boxes that hold several nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from autograd_mini.draw.folding import Folding
from autograd_mini.draw.picture import Edge
from autograd_mini.value import Value

Passing = dict[Value, float | None]
"""Values on their way, each with the local derivative towards it if one operation takes it once."""


def folded_edges(
    order: Sequence[Value], keys: Mapping[Value, str], folding: Folding, number: Callable[[float], str]
) -> Iterator[Edge]:
    """One arrow for all that passes from one box to another, where either holds several nodes."""
    for (tail, head), passing in _passing(order, keys, folding).items():
        label, tooltip, local = "", "1 value", next(iter(passing.values()))
        if len(passing) > 1:
            label = tooltip = f"{len(passing):,} values"
        elif local is not None and head.startswith("o"):
            label = number(local)
            tooltip = f"local derivative {label}"
        yield Edge(tail, head, label, tooltip)


def _passing(order: Sequence[Value], keys: Mapping[Value, str], folding: Folding) -> Mapping[tuple[str, str], Passing]:
    """What passes between two boxes, for every pair of which one holds several nodes."""
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
    """`node.local_grads`, completed by the one towards a plain number in second place that recording left out.

    >>> x = Value(3.0)
    >>> y = x**2
    >>> y.local_grads, local_derivatives(y)
    ((6.0, 0.0), (6.0, 9.887510598012987))
    """
    operation = node.operation
    if operation is None or operation.to_first is None or not node.parents[1].is_constant:
        return node.local_grads
    partials: tuple[float, ...] = operation.partials(node._data, *[parent._data for parent in node.parents])
    return node.local_grads[:1] + partials[1:]
