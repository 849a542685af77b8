"""Nodes of a graph by numbers, and runs compared. mypyc compiles this file as it stands, together with `graph.py`."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, count, islice

from autograd_mini.graph import Node, above, compiled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def numbered(known: list[Any], made: list[Any], roots: list[Any]) -> tuple[list[int], list[int], list[Any]]:
    """The numbers of nodes: those known have the first, then come those made, then others as they are met.

    Returns:
        How many parents each of those made has; the numbers of these, one after the other, and of the roots; the
        others.
    """
    n_parents: list[int] = []
    read: list[Any] = []
    others: list[Any] = []
    start = mark = above.mark + 1
    for some in (known, made):
        for each in some:
            node: Node = each
            node._mark = mark
            mark += 1
    for each in made:
        node = each
        first, second = node._first, node._second
        if second is not None:
            n_parents.append(2)
            read.append(first)
            read.append(second)
        else:
            parents = node.parents
            n_parents.append(len(parents))
            read.extend(parents)
    read.extend(roots)
    numbers: list[Any] = list(range(mark - start))  # one object for each, however often it is used
    used: list[Any] = []
    for each in read:
        node = each
        if node._mark < start:
            node._mark = mark
            mark += 1
            numbers.append(len(numbers))
            others.append(node)
        used.append(numbers[node._mark - start])
    above.mark = mark
    return n_parents, used, others


def numbers_of(nodes: tuple[Node, ...]) -> list[float]:
    """The numbers in nodes; it is an error if something else is among them."""
    return [node._number for node in nodes]


def take_numbers(nodes: list[Any], others: list[Any]) -> None:
    """Give nodes the numbers and local derivatives of others, one for each, that the same operations made."""
    for place in range(len(nodes)):
        node: Node = nodes[place]
        other: Node = others[place]
        node._number = other._number
        if other._second is not None:
            node._to_first, node._to_second = other._to_first, other._to_second
        elif other._first is not None and other._many is None:
            node._to_first = other._to_first
        elif other._first is not None:
            node._many = node.parents, other.local_grads


def _numbered(known: list[Any], made: list[Any], roots: list[Any]) -> tuple[list[int], list[int], list[Any]]:
    """The same without marks in the nodes."""
    numbers = count()
    number_of: dict[Any, int] = defaultdict(numbers.__next__)
    number_of.update(zip(chain(known, made), numbers))
    n_known, parents = len(number_of), [node.parents for node in made]
    used = [*map(number_of.__getitem__, chain(chain.from_iterable(parents), roots))]
    return [*map(len, parents)], used, [*islice(number_of, n_known, None)]


if not compiled:  # another thread may come in between, and would mark the same nodes
    globals().update(numbered=_numbered)
