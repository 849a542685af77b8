"""Derivatives at ties, and where a zero of the data meets inf, as limits along lines through the point.

Conventions at kinks, set row by row, do not compose: relu(x) - relu(-x) is x, but would get the slope 2 at 0. So
where, and only where, something is tied, every tie is settled as it is a little way off, along a fixed line, once in
either direction. Where both limits of the gradient agree, they are the answer. If the gradient by convention lies
between them in every component, it stands; else the limit along the positive direction is the answer. Where the
result itself is nan, the convention stands.

A gradient that can be differentiated again remembers what was chosen for it (`Choice`), so that all rows of a Hessian
are second derivatives of one function.

A zero of the data that meets inf or nan, or inf that meets -inf, gives the limit as well, if it is the same along two
lines, in all directions in which the function is defined; else nan.
"""

from __future__ import annotations

from math import e, inf, isfinite, isnan, nan, pi

from autograd_mini.germs import Germ, apply, germ, total, unknown
from autograd_mini.graph import connect, is_at_kink
from autograd_mini.jumps import JUMPS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from autograd_mini.value import Value

    Direction: TypeAlias = dict[Value, float]
    Adjoints: TypeAlias = dict[Value, float]
    Seeds: TypeAlias = Sequence[tuple[Value, float]]

TOLERANCE = 1e-12
"""Limits along different lines may differ by this fraction of the largest component, the accuracy that is promised."""


class Choice:
    """What was chosen at the ties of a function, to be chosen again in all derivatives of its gradient.

    Attributes:
        direction: the one along which every tie is settled; None if conventions stand, empty if that is undecided.
        tied: the nodes tied in the function. Nodes recorded for its gradient have this Choice as their `_choice`.
        before: the choices of the function's own nodes.
    """

    __slots__ = ("before", "direction", "tied")
    direction: Direction | None
    tied: set[Value]
    before: set[Choice | None]

    def __init__(self, direction: Direction | None, order: Sequence[Value], tied: Sequence[Value]) -> None:
        self.direction, self.tied, self.before = direction, set(tied), {node._choice for node in order}

    def __reduce__(self) -> tuple[Any, ...]:
        return Choice, (None if self.direction is None else {}, (), ())  # copies have other variables, and are filled

    def covers(self, tied: Sequence[Value], leaves: Sequence[Value]) -> bool:
        """Whether all tied nodes belong to the function or its gradient, and the direction has all the variables."""
        return all(node in self.tied or node._choice is self for node in tied) and (
            self.direction is None or self.direction.keys() >= set(leaves)
        )


def ties(order: Sequence[Value]) -> list[Value]:
    """The nodes whose operation is at a kink, so that its local derivatives are a choice that matters."""
    return ties_among([node for node in order if node.operation is not None and node.operation.tied is not None])


def ties_among(kinked: Sequence[Value]) -> list[Value]:
    """The nodes, of some whose operations have kinks, that are at a kink where that matters."""
    return [node for node in kinked if is_at_kink(node) and _matters(node)]


def _matters(node: Value) -> bool:
    """Whether any tied parent varies at all, as the zeros that dead units give do not."""
    for parent in node.parents:
        is_tied = parent._number == node._number or not node.operation.selects  # type: ignore[union-attr]
        if is_tied and not parent.is_constant and not _is_flat(parent):
            return True
    return False


def _is_flat(node: Value) -> bool:
    operation = node.operation
    return operation is not None and operation.selects and not any(node.local_grads) and not operation.is_selector


def limit_of_adjoints(
    order: Sequence[Value],
    seeds: Seeds,
    tied: Sequence[Value],
    convention: Adjoints,
    leaves: Sequence[Value] | None = None,
) -> tuple[Adjoints, Direction | None]:
    """The adjoints of all nodes, and the direction along which they are a limit; None where those by `convention`
    stand.

    Args:
        tied: the nodes at kinks; if there are none, a zero met inf or nan, or inf -inf.
        leaves: the variables in the line's order, if earlier choices are not to count.
    """
    chosen = None
    if leaves is None:
        leaves = leaves_by_use(order)
        chosen = _choice_before(order, tied, leaves)
    sides = []
    if not all(isfinite(leaf._number) for leaf in leaves) or (tied and any(isnan(root._number) for root, _ in seeds)):
        return convention, None
    if chosen is not None:
        if chosen.direction is None:
            return convention, None
        found, is_known = _along(order, seeds, tied, chosen.direction)
        if is_known and not any(isnan(found[leaf]) for leaf in leaves):
            return found, chosen.direction
    doubtful = set(leaves)
    for line in (0, 1) if not tied else (0,):
        for sign in (1.0, -1.0):
            direction = line_of(leaves, sign, line)
            found, is_known = _along(order, seeds, tied, direction)
            if not is_known:
                return found, None
            doubtful &= (open_leaves := {leaf for leaf in leaves if isnan(found[leaf])})
            if not open_leaves:
                sides.append((found, direction))
    if not sides:
        if not all(isfinite(convention[leaf]) for leaf in leaves):  # at ties, its other numbers may be wrong, too
            convention = convention | dict.fromkeys(doubtful if tied else (), nan)
        return convention, None
    (first, direction), (last, _) = sides[0], sides[-1]
    if tied:
        if all(first[leaf] == last[leaf] == convention[leaf] for leaf in leaves):
            is_one = all(first[node] == last[node] for node in order)  # between variables and ties as well
            return (first, direction) if is_one and first != convention else (convention, None)
        if all(first[leaf] == last[leaf] for leaf in leaves) or not _is_between(convention, first, last, leaves):
            return first, direction
        return convention, None
    scale = max((abs(found[leaf]) for found, _ in sides for leaf in leaves if isfinite(found[leaf])), default=0.0)
    for found, _ in sides:
        if not all(_agree(found[leaf], first[leaf], scale) for leaf in leaves):
            return convention, None
    return first, direction


def _choice_before(order: Sequence[Value], tied: Sequence[Value], leaves: Sequence[Value]) -> Choice | None:
    """The choice made for the gradient that is now being differentiated, if it covers all that is tied; else None."""
    choices = {node._choice for node in order} - {None} if tied else set()
    latest = choices.difference(*[choice.before for choice in choices if choice is not None])
    choice = latest.pop() if len(latest) == 1 else None
    return choice if choice is not None and choice.covers(tied, leaves) else None


def side_of(order: Sequence[Value], seeds: Seeds, tied: Sequence[Value], found: Adjoints) -> Direction | None:
    """The direction along which the adjoints `found` are the limit; None if they are so on both sides, or neither."""
    leaves = leaves_by_use(order)
    sides = []
    for sign in (1.0, -1.0):
        direction = line_of(leaves, sign)
        limits, is_known = _along(order, seeds, tied, direction)
        if is_known and all(limits[leaf] == found[leaf] for leaf in leaves):
            sides.append(direction)
    return sides[0] if len(sides) == 1 else None


def leaves_by_use(order: Sequence[Value]) -> list[Value]:
    """The variables of a graph in the order in which one meets them reading from its results, whatever the nodes in
    between are: so a function has the same limits where it is called within another.

    Args:
        order: a topological order of the graph.
    """
    leaves = []
    seen = set()
    for root in reversed(order):
        stack = [root]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack += reversed(node.parents)
                if not node.parents and not node.is_constant:
                    leaves.append(node)
    return leaves


def step(number: int, line: int) -> float:
    """A component of a line's direction: these are positive, decreasing, and in no simple ratio to each other."""
    return float((number + 1) ** (-1.0 / (e if line == 0 else pi)))


def line_of(leaves: Sequence[Value], sign: float = 1.0, line: int = 0) -> Direction:
    """The direction of a line, towards one side or, with `sign` -1.0, the other."""
    return {leaf: sign * step(number, line) for number, leaf in enumerate(leaves)}


def _is_between(x: Adjoints, first: Adjoints, last: Adjoints, leaves: Sequence[Value]) -> bool:
    """Whether x is between two limits in every component, but for rounding; between infinite ones nothing is."""
    components = [(first[leaf], x[leaf], last[leaf]) for leaf in leaves]
    return all(
        a == y == b or abs(y - 0.5 * a - 0.5 * b) <= 0.5 * abs(a - b) + TOLERANCE * (abs(a) + abs(b)) < inf
        for a, y, b in components
    )


def _agree(x: float, y: float, scale: float) -> bool:
    return x == y or abs(x - y) <= TOLERANCE * scale


def _along(
    order: Sequence[Value], seeds: Seeds, tied: Sequence[Value], direction: Direction
) -> tuple[dict[Value, float], bool]:
    """The limits of all adjoints along a direction, and whether those of the variables are known. An adjoint is nan if
    it depends on which of two functions that touch is the larger one, which cannot be told."""
    by_tangents = _by_tangents(order, seeds, set(tied), direction) if tied else None
    if by_tangents is not None:
        return by_tangents, True
    unknown.is_met = False
    found = _by_germs(order, seeds, direction)
    if not unknown.is_met:
        return found, True
    unknown.is_true = True
    try:
        other = _by_germs(order, seeds, direction)
    finally:
        unknown.is_true = False
    scale = max([abs(x) for x in found.values() if isfinite(x)], default=0.0)
    differing = [node for node, x in found.items() if not (_agree(x, other[node], scale) or isnan(x))]
    return found | dict.fromkeys(differing, nan), not any(not node.parents for node in differing)


def _by_tangents(
    order: Sequence[Value], seeds: Seeds, tied: set[Value], direction: Direction
) -> dict[Value, float] | None:
    """The same limits by one sweep of numbers forward and one back; None where these do not suffice: if a number jumps,
    as every selector's does, if something tied does not move to first order, or if a zero meets inf or nan."""
    tangents: dict[Value, float] = {}
    settled: dict[Value, tuple[float, ...]] = {}
    for node in order:
        if not node.parents:
            tangents[node] = direction.get(node, 0.0)
            continue
        local_grads, operation = node.local_grads, node.operation
        assert operation is not None
        if not all(isfinite(local) or parent.is_constant for parent, local in zip(node.parents, local_grads)):
            return None
        if node in tied or operation.base.name in JUMPS:
            if any(not (parent.is_constant or tangents[parent]) for parent in node.parents):
                return None  # it may still move to a higher order, as x·y does from the origin
            germs = [
                parent._number if parent.is_constant else Germ(parent._number, tangents[parent], is_exact=True)
                for parent in node.parents
            ]
            out = apply(operation, germs)
            if operation.is_selector or float(out) != node._number:
                return None
            locals_ = operation.partials(out, *germs)
            local_grads = settled[node] = tuple([germ(local).limit for local in locals_])
        tangents[node] = sum([g * tangents[parent] for parent, g in zip(node.parents, local_grads) if g], 0.0)
    result = dict.fromkeys(order, 0.0)
    for root, seed in seeds:
        result[root] += seed
    for node in reversed(order):
        adjoint = result[node]
        for parent, local in zip(node.parents, settled.get(node, node.local_grads)):
            if adjoint and local:
                result[parent] += adjoint * local
            elif not (isfinite(adjoint) and isfinite(local)):
                return None
    return result


def _germs_of(order: Sequence[Value], direction: Direction) -> dict[Value, Any]:
    """The germs of all nodes along a direction; for constants, their numbers."""
    germs: dict[Value, Any] = {}
    for node in order:
        if node.operation is not None:
            args = [germs[parent] for parent in node.parents]
            germs[node] = Germ(nan, nan) if isnan(node._number) else germ(apply(node.operation, args))
        else:
            germs[node] = node._number if node.is_constant else Germ(node._number, direction[node], is_exact=True)
    return germs


def _by_germs(order: Sequence[Value], seeds: Seeds, direction: Direction) -> dict[Value, float]:
    germs = _germs_of(order, direction)
    if any(isnan(germ(germs[root]).limit) and not isnan(root._number) for root, _ in seeds):
        return dict.fromkeys(order, nan)  # the function is not defined there
    given: dict[Value, list[Germ]] = {}
    for root, seed in seeds:
        given.setdefault(root, []).append(Germ(seed))
    found = dict.fromkeys(order, 0.0)
    for node in filter(given.__contains__, reversed(order)):
        operation, adjoint = node.operation, total(*given[node])
        found[node] = adjoint.limit
        if operation is None:
            continue
        if "at_zero" in operation.options and node.parents[0]._number == 0.0:
            local_grads: tuple[Any, ...] = node.local_grads  # as the user chose
        else:
            local_grads = operation.partials(germs[node], *[germs[parent] for parent in node.parents])
        for parent, local in zip(node.parents, local_grads):
            if not parent.is_constant and not (type(local) is float and local == 0.0):
                given.setdefault(parent, []).append(germ(adjoint * local))
    return found


def settle(made: Sequence[Value], order: Sequence[Value], direction: Direction) -> None:
    """Write the limits along a direction into the nodes just `made` from those of `order`, which nobody else uses
    yet."""
    known = set(order)
    germs = _germs_of(order, direction)
    changed: set[Value] = set()
    for node in made:
        if node in known or node in germs:
            continue
        operation = node.operation
        if operation is None:
            germs[node] = node._number
            continue
        germs[node] = germ(apply(operation, [germs[parent] for parent in node.parents]))
        limit = germs[node].limit
        if limit != node._number or not changed.isdisjoint(node.parents):
            changed.add(node)
            node._number = limit
            numbers = [parent._number for parent in node.parents]
            slopes = (0.0,) * len(numbers) if operation.is_selector else operation.partials(limit, *numbers)
            connect(node, node.parents, slopes, operation)
