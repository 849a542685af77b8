"""What a run of a function records: its nodes in order, and whether another run recorded the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import compress
from operator import attrgetter, is_

import numpy
from numpy.typing import NDArray

from autograd_mini.graph import topological_order
from autograd_mini.numbering import numbered
from autograd_mini.value import Value

_operation = attrgetter("operation")


@dataclass(eq=False)
class Recording:
    """What one run recorded.

    Attributes:
        made: the nodes that it made, in order.
        inputs: the Values that it was given.
        roots: the nodes that are wanted: results and decisions.
        is_foreign: whether a leaf is a variable that the run did not make.
        n_parents, used, others: how many parents each of those made has; the numbers of these, one after the other, and
            of the roots; all other nodes among them. Inputs have the first numbers, then come those made, then others.
    """

    made: list[Value]
    inputs: list[Value]
    roots: list[Value]
    is_foreign: Callable[[Value], bool]
    n_parents: list[int] = field(init=False)
    used: list[int] = field(init=False)
    others: list[Value] = field(init=False)

    def __post_init__(self) -> None:
        self.n_parents, self.used, self.others = numbered(self.inputs, self.made, self.roots)

    @cached_property
    def read(self) -> NDArray[numpy.int64]:
        """`used` as an array."""
        return numpy.fromiter(self.used, numpy.int64, len(self.used))

    @cached_property
    def uses(self) -> NDArray[numpy.int64]:
        """How often each node is used."""
        return numpy.bincount(self.read, minlength=len(self.inputs) + len(self.made))

    @cached_property
    def is_whole(self) -> bool:
        """Whether all that was made is used, and the others are leaves, as is usual."""
        return bool(self.uses[len(self.inputs) :].all()) and not any(map(_operation, self.others))

    def order(self, roots: Sequence[Value]) -> list[Value]:
        """All nodes that the roots depend on, in the order in which the function made them, so that the neurons of a
        layer come one after the other; nodes from before the run come first, or where they are first used."""
        if roots is self.roots and self.is_whole:
            is_used = self.uses[: len(self.inputs)] > 0
            inputs = self.inputs if is_used.all() else compress(self.inputs, is_used.tolist())
            return [*inputs, *self.others, *self.made]
        return self._order_of_some(roots)

    def _order_of_some(self, roots: Sequence[Value]) -> list[Value]:
        alive = set(roots)
        for node in reversed(self.made):
            if node in alive:
                alive.update(node.parents)
        order: list[Value] = []
        seen: set[Value] = set()
        for node in self.made:
            if node in alive and node not in seen:  # what a root depends on may have come before its branches
                if not seen.issuperset(node.parents):
                    _add(node.parents, order, seen)
                order.append(node)
                seen.add(node)
        _add(roots, order, seen)
        return order

    def repeats(self, first: Recording | None) -> bool:
        """Whether this run recorded the same as a first run, node by node, with the same constants."""
        if first is None or (self.n_parents, self.used) != (first.n_parents, first.used):
            return False
        if len(self.inputs) != len(first.inputs) or len(self.roots) != len(first.roots):
            return False
        if not all(map(is_, map(_operation, first.made), map(_operation, self.made))):
            return False
        return all(map(partial(self._is_same, first), first.others, self.others))

    def _is_same(self, first: Recording, leaf: Value, its: Value) -> bool:
        """Whether a leaf of the first run, from before it or a constant, is the same as one of this run."""
        is_foreign = first.is_foreign(leaf)
        if is_foreign is not self.is_foreign(its):
            return False
        if leaf is its:
            return True
        is_number = leaf.operation is its.operation is None and not is_foreign
        return is_number and (leaf._number == its._number or leaf._number != leaf._number)


def _add(nodes: Sequence[Value], order: list[Value], seen: set[Value]) -> None:
    """Append nodes, and all that they depend on, to the order if they are not there yet."""
    fresh = [*dict.fromkeys([node for node in nodes if node not in seen])]
    if any(node.parents for node in fresh):
        before = [each for node in fresh for each in topological_order(node) if each not in seen]
        fresh = [*dict.fromkeys(before)]
    order += fresh
    seen.update(fresh)
