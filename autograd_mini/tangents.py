"""Forward mode: the chain rule along a topological order, from the inputs on; once for numbers and once for graphs.

A node without a tangent does not depend on the inputs. A local derivative that is 0 by its form carries nothing, even
where it meets inf or nan: that of a branch not taken, or of a constant factor 0. One that is 0 by its data does.
"""

from __future__ import annotations

from autograd_mini.observing import silence
from autograd_mini.primitives import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from typing import Any

    from autograd_mini.primitives import Primitive
    from autograd_mini.value import Value

_multiply, _add, _scale = TABLE["mul"], TABLE["add"], TABLE.auxiliary["scale"]


def tangents(order: list[Value], seeds: Mapping[Value, float]) -> dict[Value, float]:
    """The tangent of every node of a topological `order` that depends on the seeds' nodes: Σ seed·dnode/dinput."""
    result = dict(seeds)
    for node in order:
        if node in seeds:
            continue
        total, is_reached = 0.0, False
        for index, parent in enumerate(node.parents):
            tangent = result.get(parent)
            if tangent is not None:
                is_reached = True
                local = node.local_grads[index]
                if local or (tangent - tangent and not _is_zero_by_form(node, index)):
                    total += local * tangent
        if is_reached:
            result[node] = total
    return result


def _is_zero_by_form(node: Value, index: int) -> bool:
    """Whether a local derivative of 0 is so whatever the data: the rule gives a plain number for it."""
    operation = node.operation
    assert operation is not None
    if operation.selects:
        return True
    with silence():
        local = operation.partials(node, *[parent.as_operand() for parent in node.parents])[index]
    return type(local) is float


def differentiable_tangents(
    order: list[Value], seeds: Mapping[Value, Any], active: Container[Value]
) -> dict[Value, Any]:
    """The same with Values as tangents, recorded by the rules themselves, so that they can be differentiated
    again. Only `active` nodes are reached."""
    result: dict[Value, Any] = dict(seeds)
    with silence():  # rules calculate derivatives that nobody asked for, too
        for node in order:
            operation = node.operation
            if operation is None or node not in active or node in seeds:
                continue
            total = None
            args = [parent.as_operand() for parent in node.parents]
            for parent, local in zip(node.parents, operation.partials(node, *args)):
                term = _product(local, result.get(parent), operation)
                if term is not None:
                    total = term if total is None else _add(total, term)
            if total is not None:
                result[node] = total
    return result


def _product(local: Any, tangent: Any, operation: Primitive) -> Any:
    """local·tangent, or None for a term that carries nothing."""
    if tangent is None or (type(local) is float and local == 0.0):
        return None
    if type(local) is float and local == 1.0:
        return tangent
    if type(tangent) is float and tangent == 1.0:
        return local
    return _scale(local, tangent) if operation.selects else _multiply(local, tangent)
