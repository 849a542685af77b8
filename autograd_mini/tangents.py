"""Forward mode: the chain rule along a topological order, from the inputs on; once for numbers and once for graphs.

A local derivative that is structurally 0 (of a branch not taken, of a constant factor 0) contributes nothing, even if
it meets inf or nan; one that merely happens to be 0 for the data does.
"""

from __future__ import annotations

from autograd_mini.observing import silence
from autograd_mini.primitives import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from typing import Any

    from autograd_mini.primitives import Primitive
    from autograd_mini.value import Value

_multiply, _add, _scale = TABLE["mul"], TABLE["add"], TABLE.auxiliary["scale"]


def tangents(order: Sequence[Value], seeds: Mapping[Value, float]) -> dict[Value, float]:
    """The tangent Σ seed·dnode/dinput of every node of a topological `order` that depends on the inputs."""
    result = dict(seeds)
    tangent_of = result.get
    for node in order:
        parents = node.parents
        if not parents or node in seeds:
            continue
        total = None
        for parent, local in zip(parents, node.local_grads):
            tangent = tangent_of(parent)
            if tangent is not None:
                total = total or 0.0
                if local or (tangent - tangent and not _is_zero_by_form(node, parent)):
                    total += local * tangent
        if total is not None:
            result[node] = total
    return result


def _is_zero_by_form(node: Value, parent: Value) -> bool:
    """Whether a local derivative of 0 is structural, 0 whatever the data: then the rule gives a plain number for it."""
    operation = node.operation
    assert operation is not None
    if operation.selects:
        return True
    with silence():
        local = operation.partials(node, *[each.as_operand() for each in node.parents])
    return all(type(local[i]) is float for i, each in enumerate(node.parents) if each is parent)


def differentiable_tangents(
    order: list[Value], seeds: Mapping[Value, Any], active: Container[Value]
) -> dict[Value, Any]:
    """The tangents as Values, recorded by the rules themselves, so that they can be differentiated
    again. Only `active` nodes are reached."""
    result: dict[Value, Any] = dict(seeds)
    with silence():  # rules also compute derivatives that nobody asked for
        for node in order:
            operation = node.operation
            if operation is None or node not in active or node in seeds:
                continue
            total = None
            args = [parent.as_operand() for parent in node.parents]
            for parent, local in zip(node.parents, operation.partials(node, *args)):
                term = product(local, result.get(parent), operation)
                if term is not None:
                    total = term if total is None else _add(total, term)
            if total is not None:
                result[node] = total
    return result


def product(local: Any, tangent: Any, operation: Primitive) -> Any:
    """The product local·tangent, or None for a term that contributes nothing."""
    if tangent is None or (type(local) is float and local == 0.0):
        return None
    if type(local) is float and local == 1.0:
        return tangent
    if type(tangent) is float and tangent == 1.0:
        return local
    return _scale(local, tangent) if operation.selects else _multiply(local, tangent)
