"""What a run of a function records: its nodes in order, and whether another run recorded the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import chain, compress, count, islice
from operator import attrgetter, is_
from typing import Any

from autograd_mini.graph import topological_order
from autograd_mini.value import Value

_operation, _parents = attrgetter("operation"), attrgetter("parents")


class Recording:
    """What one run recorded.

    Attributes:
        made: the nodes that it made, in order.
        parents: those of each.
        inputs: the Values that it was given.
        roots: what it is asked for.
        is_foreign: whether a leaf is a variable that the run did not make.
    """

    made: list[Value]
    inputs: list[Value]
    roots: list[Value]

    def __init__(
        self, made: list[Value], inputs: list[Value], roots: list[Value], is_foreign: Callable[[Value], bool]
    ) -> None:
        self.made, self.inputs, self.roots = made, inputs, roots
        self.parents: list[Any] = [*map(_parents, made)]
        self.is_foreign = is_foreign
        self._used = [*chain(chain.from_iterable(self.parents), roots)]

    @cached_property
    def _numbered(self) -> tuple[list[int], list[Value]]:
        """What is used, by number: inputs, then what was made, then others; and these."""
        numbers = count()
        number_of: dict[Value, int] = defaultdict(numbers.__next__)
        number_of.update(zip(chain(self.inputs, self.made), numbers))
        n_known = len(number_of)
        used = [*map(number_of.__getitem__, self._used)]
        return used, [*islice(number_of, n_known, None)]

    def order(self, roots: Sequence[Value]) -> list[Value]:
        """All nodes that these are made of in a topological order: that in which the function made them, so that the
        neurons of a layer come one after the other; what was there before comes first, or where it is used first."""
        used, others = self._numbered
        n, reached = len(self.inputs), {*used}
        is_all_used = roots is self.roots and reached.issuperset(range(n, n + len(self.made)))
        if is_all_used and not any(map(_operation, others)):  # as mostly; others are leaves
            return [*compress(self.inputs, map(reached.__contains__, range(n))), *others, *self.made]
        return self._order_of_some(roots)

    def _order_of_some(self, roots: Sequence[Value]) -> list[Value]:
        alive = set(roots)
        for node, parents in zip(reversed(self.made), reversed(self.parents)):
            if node in alive:
                alive.update(parents)
        order: list[Value] = []
        seen: set[Value] = set()
        for node, parents in zip(self.made, self.parents):
            if node in alive:
                if not seen.issuperset(parents):
                    _add(parents, order, seen)
                order.append(node)
                seen.add(node)
        _add(roots, order, seen)
        return order

    def repeats(self, first: Recording | None) -> bool:
        """Whether node by node the same was recorded as in a first run, of the same numbers."""
        if first is None or self._shape() != first._shape():
            return False
        if not all(map(is_, map(_operation, first.made), map(_operation, self.made))):
            return False
        used, others = first._numbered
        nodes = [*self.inputs, *self.made]
        if others:
            is_other = map(len(nodes).__le__, used)
            nodes += dict(compress(zip(used, self._used), is_other)).values()
        if not all(map(is_, map(nodes.__getitem__, used), self._used)):
            return False
        its = nodes[len(nodes) - len(others) :]
        return not others or ({*self.inputs}.isdisjoint(its) and all(map(partial(self._is_same, first), others, its)))

    def _shape(self) -> Any:
        return len(self.inputs), len(self.roots), [*map(len, self.parents)]

    def _is_same(self, first: Recording, leaf: Value, its: Value) -> bool:
        """Whether what was there before the first run, or is a constant there, is the same in this one."""
        is_foreign = first.is_foreign(leaf)
        if is_foreign is not self.is_foreign(its):
            return False
        if leaf is its:
            return True
        is_number = leaf.operation is its.operation is None and not is_foreign
        return is_number and (leaf._data == its._data or leaf._data != leaf._data)


def _add(nodes: Sequence[Value], order: list[Value], seen: set[Value]) -> None:
    """Put nodes, and whatever they are made of, into the order if they are not there yet."""
    fresh = [*dict.fromkeys([node for node in nodes if node not in seen])]
    if any(node.parents for node in fresh):
        before = [each for node in fresh for each in topological_order(node) if each not in seen]
        fresh = [*dict.fromkeys(before)]
    order += fresh
    seen.update(fresh)
