"""Copies and pickles of graphs of any depth, without recursion."""

from __future__ import annotations

import copyreg
import operator
from contextvars import ContextVar
from copy import deepcopy as deepcopy_of_anything

from autograd_mini import observing
from autograd_mini.graph import Node, connect, leaf, topological_order
from autograd_mini.observing import Scope
from autograd_mini.primitives import SELECTORS, TABLE, Part, Primitive, part_of

_OF_NODES = frozenset(vars(Node))
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, ClassVar, TypeAlias

    from autograd_mini.limits import Choice
    from autograd_mini.observing import Entry
    from autograd_mini.value import Value

    Attributes: TypeAlias = dict[str, Any] | tuple[dict[str, Any] | None, dict[str, Any]] | None


class _ParentsComeFirst(Scope):
    """Open while pickle is being given every parent before its children."""

    opened: ClassVar[dict[Entry, Any]] = {}
    _entries: ClassVar[ContextVar[tuple[Entry, ...]]] = ContextVar("autograd_mini_parents_come_first", default=())


def copy(node: Value) -> Value:
    """A node that is the same function of the same variables: one with the same parents; of a variable x, +x."""
    return twin_of(node) if node.parents or node.is_constant else with_attributes(+node, _attributes(node))


def twin_of(node: Value) -> Value:
    """Another node with the same parents; of a variable x, a new variable, or +x if x is being differentiated.

    >>> from autograd_mini import Value
    >>> x = Value(2.0)
    >>> twin = x.copy()
    >>> twin is x, twin.data
    (False, 2.0)
    """
    twin = +node if node in observing.differentiated() else restore(type(node), *_state(node))
    return with_attributes(twin, _attributes(node))


def deepcopy(node: Value, memo: dict[int, Any]) -> Value:
    """A copy for `copy.deepcopy`: of a leaf, an independent variable, as the parameters of a copied model must be. A
    computed node is copied with all nodes down to its leaves; it stays a function of these same leaves, unless `memo`
    holds copies of them, and of every variable that is being differentiated."""
    variables, order = observing.differentiated(), topological_order(node)
    for original in order:
        if id(original) not in memo:
            if original in variables:
                memo[id(original)] = copy(original) if original is node else original
                continue
            parents = tuple(memo[id(parent)] for parent in original.parents)
            if not parents and original is not node:
                memo[id(original)] = original
                continue
            memo[id(original)] = twin = restore(type(original), parents, *_state(original)[1:])
            with_attributes(twin, deepcopy_of_anything(_attributes(original), memo))
    for each in _chosen(order):
        _fill(*deepcopy_of_anything(each, memo))
    return memo[id(node)]  # type: ignore[no-any-return]


def reduce(node: Value, protocol: Any) -> tuple[Any, ...]:
    """What pickle stores: the node itself if its parents are stored already, else all its ancestors in order.

    Raises:
        TypeError: the node depends on a variable while a derivative is being taken.
    """
    if observing.differentiations:
        observing.refuse_conversion(node, "pickle")
    if not node.parents or _ParentsComeFirst.is_open_here():
        return restore, (type(node), *_state(node)), _attributes(node)
    return operator.itemgetter(-2), (_WithAncestors(node),)


class _WithAncestors(list["Value"]):
    """A Value preceded by all its ancestors, so that pickle meets every parent before its children and need not
    recurse. Unpickled it is a plain list: the ancestors in order, what was chosen, the Value itself, and None."""

    def __init__(self, root: Value) -> None:
        super().__init__()
        self.root = root

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, (), None, self._in_order()

    def _in_order(self) -> Iterator[Any]:
        order = topological_order(self.root)
        with _ParentsComeFirst():
            yield from order
            yield from [_Filled(each) for each in _chosen(order)]
            yield self.root
            yield None  # pickle may exhaust the iterator before it saves the last item


def _chosen(order: Sequence[Value]) -> list[tuple[Any, ...]]:
    """What was chosen at ties for nodes of a graph: how its variables change, what is tied in it, and for what it is
    made of."""
    found = []
    for choice in dict.fromkeys(node._choice for node in order):
        if choice is not None:
            direction = choice.direction or {}
            changes = [(node, direction[node]) for node in order if node in direction]
            found.append((choice, changes, [node for node in order if node in choice.tied], [*choice.before]))
    return found


def _fill(choice: Choice, changes: Sequence[tuple[Value, float]], tied: Sequence[Value], before: Any) -> None:
    """Choose for the nodes of a copy what was chosen for the original."""
    if choice.direction is not None:
        choice.direction.update(changes)
    choice.tied.update(tied)
    choice.before.update(before)


class _Filled(tuple):  # type: ignore[type-arg]
    """A choice in a pickle, behind all nodes."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _fill, (*self,)


def _state(node: Value) -> tuple[Any, ...]:
    return node.parents, node._number, node._grad, node.local_grads, node.operation


def restore(kind: type[Value], parents: tuple[Value, ...], *state: Any) -> Value:
    """A node from its type and state."""
    data, grad, local_grads, operation = state
    node: Value = leaf(data, kind)
    node._grad = grad
    connect(node, parents, local_grads, operation)
    if observing.differentiations and not parents:
        observing.leaf_made(node)
    return node


def _attributes(node: Value) -> Attributes:
    """The label and whatever else was set on the node, then what is in slots of its class; None, without making a
    dict, if nothing is."""
    state: Any = object.__getstate__(node)
    if not isinstance(state, tuple):
        return state  # type: ignore[no-any-return]
    entries, slots = state  # those of every node among them, where graph is not compiled
    if slots.keys() <= _OF_NODES:
        return entries  # type: ignore[no-any-return]
    return entries, {name: slots[name] for name in slots.keys() - _OF_NODES}


def with_attributes(node: Value, attributes: Attributes) -> Value:
    """Set attributes of a node, whatever their names, and return the node."""
    if attributes:
        entries, slots = attributes if isinstance(attributes, tuple) else (attributes, {})
        vars(node).update(entries or {})
        for name, each in slots.items():
            object.__setattr__(node, name, each)
    return node


def _restore_primitive(name: str, options: dict[str, Any]) -> Primitive:
    primitive = TABLE.get(name) or TABLE.auxiliary.get(name) or SELECTORS.get(name)
    if primitive is None:
        raise LookupError(f"no primitive named {name!r} is known here; register it before loading what uses it")
    return primitive.variant(**options) if options else primitive


copyreg.pickle(Primitive, lambda primitive: (_restore_primitive, (primitive.name, dict(primitive.options))))  # by name
copyreg.pickle(Part, lambda part: (part_of, (part.whole, part.part)))
