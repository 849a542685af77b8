"""Walks over a computation graph: iterative, so that depth is no limit, and deterministic.

They know only that a node has `parents`, an ordered tuple.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from autograd_mini.signatures import N


def topological_order(*roots: N, known: Iterable[N] = ()) -> list[N]:
    """All nodes that `roots` were computed from, roots included, every parent before its children.

    The order depends on the graph alone, not on addresses or hash seeds. Those `known`, and what lies behind
    them, are left out.

    >>> from autograd_mini import Value
    >>> x = Value(3.0, label="x")
    >>> y = x * x + x
    >>> [node.operation.symbol if node.operation else node.label for node in topological_order(y)]
    ['x', '*', '+']
    """
    order: list[N] = []
    seen: set[N] = set(known)
    stack: list[N | None] = [*roots]
    while stack:
        node = stack.pop()
        if node is None:  # all parents of the node below are in the order
            order.append(stack.pop())  # type: ignore[arg-type]
        elif node not in seen:
            seen.add(node)
            stack.append(node)
            stack.append(None)
            for parent in node.parents:
                if parent not in seen:
                    if parent.parents:
                        stack.append(parent)
                    else:
                        seen.add(parent)
                        order.append(parent)
    return order
