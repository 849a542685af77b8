"""Copies and pickles of graphs of any depth, without recursion."""

from __future__ import annotations

import copyreg
import operator
from contextvars import ContextVar

from autograd_mini.graph import topological_order
from autograd_mini.observing import Scope
from autograd_mini.primitives import TABLE, Primitive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar

    from autograd_mini.observing import Entry
    from autograd_mini.value import Value


class _ParentsComeFirst(Scope):
    """Within it pickle meets every parent before its children."""

    opened: ClassVar[dict[Entry, Any]] = {}
    _entries: ClassVar[ContextVar[tuple[Entry, ...]]] = ContextVar("autograd_mini_parents_come_first", default=())


def copy(node: Value) -> Value:
    """Another node with the same parents."""
    return restore(type(node), *_state(node))


def deepcopy(node: Value, memo: dict[int, Any]) -> Value:
    """The node with all that it was computed from; what `memo` holds already is shared."""
    for original in topological_order(node):
        if id(original) not in memo:
            parents = tuple(memo[id(parent)] for parent in original.parents)
            memo[id(original)] = restore(type(original), parents, *_state(original)[1:])
    return memo[id(node)]  # type: ignore[no-any-return]


def reduce(node: Value, protocol: Any) -> tuple[Any, ...]:
    """What pickle stores: the node itself if its parents are stored already, else all in order."""
    if not node.parents or _ParentsComeFirst.is_open_here():
        return restore, (type(node), *_state(node))
    return operator.itemgetter(-2), (_WithAncestors(node),)


class _WithAncestors(list["Value"]):
    """A Value behind all that it was computed from, so that pickle meets every parent before its children
    and need not recurse. Unpickled it is a plain list: all in order, the Value itself, and None."""

    def __init__(self, root: Value) -> None:
        super().__init__()
        self.root = root

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, (), None, self._in_order()

    def _in_order(self) -> Iterator[Value | None]:
        order = topological_order(self.root)
        with _ParentsComeFirst():
            yield from order
            yield None  # pickle may exhaust the iterator before it saves the last item


def _state(node: Value) -> tuple[Any, ...]:
    return node.parents, node._data, node._grad, node.local_grads, node.operation, node.label, node.origin


def restore(kind: type[Value], parents: tuple[Value, ...], *state: Any) -> Value:
    """A node from its type and state."""
    node = object.__new__(kind)
    node.parents = parents
    node._data, node._grad, node.local_grads, node.operation, node.label, node.origin = state
    return node


def _restore_primitive(name: str, options: dict[str, Any]) -> Primitive:
    primitive = TABLE.get(name) or TABLE.auxiliary.get(name)
    if primitive is None:
        raise LookupError(f"no primitive named {name!r} is known here; register it before loading what uses it")
    return primitive.variant(**options) if options else primitive


copyreg.pickle(Primitive, lambda primitive: (_restore_primitive, (primitive.name, dict(primitive.options))))  # by name
