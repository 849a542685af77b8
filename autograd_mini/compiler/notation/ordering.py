"""In which order the lanes of a pack are read: a layer's in that of its inputs or of what is made from it.

Lanes lie in the order in which a trace met their scalars, which tells a reader nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from autograd_mini.compiler.notation.plain import Plain
from autograd_mini.compiler.program import ABSENT, Index, Leaf, Pack, Program, Reference, Vector


def roots_of(program: Program, alike: dict[Pack, Pack]) -> dict[Pack, Pack]:
    """What each pack is an adjoint of, or is otherwise to be read like, in the end; mostly itself."""
    members, roots = set(program.packs), {}
    for pack in program.packs:
        root, following = pack, alike.get(pack, pack.adjoint_of)
        while following is not None:
            root = following if following in members else root
            following = alike.get(following, following.adjoint_of)
        roots[pack] = root
    return roots


def orders_of(program: Program, plain: Plain, forward: set[Pack], roots: dict[Pack, Pack]) -> dict[Pack, Index]:
    """The lanes of each pack that is its own root, in the order in which they are read."""
    packs = [pack for pack in program.packs if roots[pack] is pack]
    orders = {
        pack: numpy.arange(pack.lanes)
        for pack in packs
        if isinstance(pack.operation, Leaf) and pack.operation.role in ("input", "seed")
    }
    made_from: dict[Pack, list[tuple[Pack, Index, Index]]] = {}
    for pack in packs:
        _follow_operands(plain, pack, orders)
        for lanes, operand in _links(plain, pack) if pack in forward else ():
            made_from.setdefault(operand.pack, []).append((pack, operand.index, lanes))
    for pack in reversed(packs):
        if pack not in orders and (pack in forward or isinstance(pack.operation, Leaf)):
            used = [
                index[numpy.argsort(places(orders[made])[lanes], kind="stable")]
                for made, index, lanes in made_from.get(pack, [])
            ]
            sequence = numpy.concatenate([*used, numpy.arange(pack.lanes)])
            orders[pack] = sequence[numpy.sort(numpy.unique(sequence, return_index=True)[1])]
    for pack in packs:
        _follow_operands(plain, pack, orders)
        orders.setdefault(pack, numpy.arange(pack.lanes))
    return orders


def _follow_operands(plain: Plain, pack: Pack, orders: dict[Pack, Index]) -> None:
    """Order the lanes of a pack like those of an operand that has one for each of them."""
    for lanes, operand in _links(plain, pack) if pack not in orders else ():
        if operand.pack in orders and numpy.unique(operand.index).size == pack.lanes == lanes.size:
            orders[pack] = lanes[numpy.argsort(places(orders[operand.pack])[operand.index])]
            return


def places(order: Index) -> Index:
    """The place of each lane in an order."""
    found = numpy.empty_like(order)
    found[order] = numpy.arange(order.size)
    return found


def _links(plain: Plain, pack: Pack) -> Iterator[tuple[Index, Reference]]:
    """Pairs of lanes of a pack, and of lanes of its operands that they are made from one by one."""
    for term in plain.terms.get(pack, []):
        factors = [term.a] if term.b is None or term.b.index.shape[1] > 1 else [term.a, term.b]
        for factor in factors if term.lane.shape[2] == 1 else ():
            if factor.index.shape[:2] == term.lane.shape[:2]:
                lanes, index = term.lane.ravel(), factor.index[:, :, 0].ravel()
                is_there = (lanes != ABSENT) & (index != ABSENT)
                yield lanes[is_there], Reference(factor.pack, index[is_there])
    if pack not in plain.terms:
        for operand in plain.operands(pack):
            if operand.index.size == pack.lanes and (operand.index.ndim == 1 or isinstance(pack.operation, Vector)):
                yield numpy.arange(pack.lanes), Reference(operand.pack, operand.index.ravel())
