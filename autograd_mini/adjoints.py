"""Reverse mode: the chain rule along a topological order, once for numbers and once for graphs."""

from __future__ import annotations

from math import isfinite

from autograd_mini import observing
from autograd_mini.observing import current_observers, silence
from autograd_mini.primitives import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from typing import Any

    from autograd_mini.primitives import Primitive
    from autograd_mini.value import Value

_multiply, _add = TABLE["mul"], TABLE["add"]


def adjoints(order: list[Value], seeds: Iterable[tuple[Value, float]]) -> dict[Value, float]:
    """The adjoint of every node of a topological `order`: dy/dnode for y = Σ seed·root.

    An adjoint of exactly 0 carries nothing further, so that 0·inf cannot poison what lies behind a
    branch not taken.
    """
    result = dict.fromkeys(order, 0.0)
    for root, seed in seeds:
        result[root] += seed
    observed = bool(current_observers())
    for node in reversed(order):
        g = result[node]
        if g - g or observed:  # g is inf or nan, or somebody listens
            _spread_with_care(node, g, result)
        elif g:
            for parent, local in zip(node.parents, node.local_grads):
                result[parent] += g * local
    return result


def _spread_with_care(node: Value, g: float, result: dict[Value, float]) -> None:
    """One step of the chain rule, told to the observers; an infinite adjoint does not reach what the
    operation did not select."""
    operation = node.operation
    if operation is None or g == 0.0:
        return
    observers = current_observers()
    for index, (parent, local) in enumerate(zip(node.parents, node.local_grads)):
        if local == 0.0 and operation.selects:
            continue
        contribution = g * local
        for observer in observers:
            observer.adjoint_spread(node, index, g, contribution)
        total = result[parent] + contribution
        for observer in observers:
            observer.adjoint_summed(node, index, result[parent], contribution, total)
        result[parent] = total


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
    result: dict[Value, Any] = {}
    for root, seed in seeds:
        result[root] = _sum(result.get(root), seed)
    with silence() as observers:  # rules calculate derivatives that nobody asked for, too
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
    if answer is not None:
        return answer
    return None if _number(g) == 0.0 and not isfinite(_number(local)) else _multiply(g, local)


def _number(x: Any) -> Any:
    """The number without any observer hearing that it was read."""
    return getattr(x, "_data", x)


def _is_zero(x: Any) -> bool:
    return type(x) is float and x == 0.0


def _is_one(x: Any) -> bool:
    return type(x) is float and x == 1.0
