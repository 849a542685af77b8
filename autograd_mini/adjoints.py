"""Reverse mode: the chain rule along a topological order, once for numbers and once for graphs.

A zero that is structural carries nothing further, even where it meets inf or nan: that of a branch not taken, of a
constant factor, of an adjoint that nobody gave. A zero that the data happen to have is a number as any other.
"""

from __future__ import annotations

from autograd_mini import observing
from autograd_mini.observing import current_observers, silence
from autograd_mini.primitives import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence
    from typing import Any

    from autograd_mini.observing import Observer
    from autograd_mini.primitives import Primitive
    from autograd_mini.value import Value

    Seeds = Sequence[tuple[Value, float]]

_multiply, _add = TABLE["mul"], TABLE["add"]


def adjoints(order: list[Value], seeds: Seeds) -> dict[Value, float]:
    """The adjoint of every node of a topological `order`: dy/dnode for y = Σ seed·root."""
    observers = current_observers()
    found = (None if observers else _quick(order, seeds)) or _careful(order, seeds, ())
    if found is not None and observers:
        return _careful(order, seeds, observers) or {}
    if found is None:  # only the rules can tell which zeros are structural
        graph = differentiable_adjoints(order, seeds, set(order))
        found = {node: _number(graph.get(node, 0.0)) for node in order}
    return found


def _quick(order: list[Value], seeds: Seeds) -> dict[Value, float] | None:
    """The adjoints; None if a zero meets inf or nan."""
    result = dict.fromkeys(order, 0.0)
    for root, seed in seeds:
        result[root] += seed
    for node in reversed(order):
        g = result[node]
        if g:
            if g - g and 0.0 in node.local_grads:  # g is inf or nan
                return None
            for parent, local in zip(node.parents, node.local_grads):
                result[parent] += g * local
        else:
            for local in node.local_grads:
                if local - local:
                    return None
    return result


def _careful(order: list[Value], seeds: Seeds, observers: Sequence[Observer]) -> dict[Value, float] | None:
    """The adjoints, those that nobody gave told from those that are 0; None if any other zero meets inf or nan."""
    given: dict[Value, float] = {}
    for root, seed in seeds:
        given[root] = given.get(root, 0.0) + seed
    for node in reversed(order):
        g, operation = given.get(node), node.operation
        if g is None or operation is None:
            continue
        for index, (parent, local) in enumerate(zip(node.parents, node.local_grads)):
            if local == 0.0 and operation.selects:
                continue
            if (g == 0.0 and local - local) or (local == 0.0 and g - g):
                return None
            before, contribution = given.get(parent, 0.0), g * local
            given[parent] = total = before + contribution
            for observer in observers if g else ():
                observer.adjoint_spread(node, index, g, contribution)
                observer.adjoint_summed(node, index, before, contribution, total)
    return {node: given.get(node, 0.0) for node in order}


def descendants_of(inputs: Iterable[Value], order: Iterable[Value]) -> set[Value]:
    """The nodes of a topological `order` that depend on any of `inputs`, those included."""
    found = set(inputs)
    for node in order:
        if not found.isdisjoint(node.parents):
            found.add(node)
    return found


def differentiable_adjoints(
    order: list[Value], seeds: Iterable[tuple[Value, Any]], active: Container[Value]
) -> dict[Value, Any]:
    """The same with Values as adjoints, recorded by the rules themselves, so that they can be
    differentiated again. Only `active` nodes are reached; a node without an entry has adjoint 0."""
    if not observing.active:
        return _spread_graph(order, seeds, active, ())
    observers = current_observers()
    with silence():  # rules calculate derivatives that nobody asked for, too
        return _spread_graph(order, seeds, active, observers)


def _spread_graph(
    order: list[Value], seeds: Iterable[tuple[Value, Any]], active: Container[Value], observers: Sequence[Observer]
) -> dict[Value, Any]:
    result: dict[Value, Any] = {}
    for root, seed in seeds:
        result[root] = _sum(result.get(root), seed)
    for node in reversed(order):
        g = result.get(node)
        operation = node.operation
        if g is None or operation is None or node not in active:
            continue
        args = [parent.as_operand() for parent in node.parents]
        for index, (parent, local) in enumerate(zip(node.parents, operation.partials(node, *args))):
            contribution = _product(g, local, operation) if parent in active else None
            if contribution is not None:
                for observer in observers:
                    observer.adjoint_spread(node, index, _number(g), _number(contribution))
                result[parent] = _sum(result.get(parent), contribution)
    return result


def _sum(x: Any, y: Any) -> Any:
    return y if x is None else _add(x, y)


def _product(g: Any, local: Any, operation: Primitive) -> Any:
    """g·local, or None for a term that carries nothing."""
    if _is_zero(g) or _is_zero(local):
        return None
    if _is_one(local):
        return g
    if _is_one(g):
        return local
    answer = observing.ask("carried", operation, g, local) if observing.active else None
    if answer is not None or (operation.selects and _number(local) == 0.0):
        return answer
    return _multiply(g, local)


def _number(x: Any) -> Any:
    """The number without any observer hearing that it was read."""
    return getattr(x, "_data", x)


def _is_zero(x: Any) -> bool:
    return type(x) is float and x == 0.0


def _is_one(x: Any) -> bool:
    return type(x) is float and x == 1.0
