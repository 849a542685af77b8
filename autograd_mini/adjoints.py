"""Reverse mode: the chain rule along a topological order, once for numbers and once for graphs.

A structural zero (of a branch not taken, of a constant factor, of an adjoint without any contribution) contributes
nothing, even where it meets inf or nan. A zero that merely happens to be in the data is a number like any other.
"""

from __future__ import annotations

from weakref import ref

from autograd_mini import limits, observing
from autograd_mini.graph import adjoints_in, compiled, sweep, topological_order, write_grads
from autograd_mini.interrupts import write
from autograd_mini.observing import Observer, current_observers, silence
from autograd_mini.primitives import TABLE, part_of
from autograd_mini.tangents import tangents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence, Set
    from typing import Any, Protocol, TypeVar

    from autograd_mini.limits import Direction
    from autograd_mini.primitives import Primitive
    from autograd_mini.value import Value

    class HasParents(Protocol):
        """A node of a graph: of Values, or of packs."""

        @property
        def parents(self) -> tuple[Any, ...]: ...

    N = TypeVar("N", bound=HasParents)
    Seeds = Sequence[tuple[Value, float]]

_multiply, _add, _where, _scale = TABLE["mul"], TABLE["add"], TABLE["where"], TABLE.auxiliary["scale"]


class _Turn:
    """A token, held by a thread while its sweep writes adjoints into the nodes."""


_turns: dict[ref[_Turn], None] = {}


def adjoints(order: list[Value], seeds: Seeds, xs: list[Value]) -> list[float]:
    """The adjoint dy/dx of each of `xs`, for y = Σ seed·root and a topological `order` of y's graph."""
    observers = current_observers()
    quick: list[float] | None = None if observers else _quick(order, seeds, xs, adjoints_in)
    if quick is not None:
        return quick
    convention, tied = _careful(order, seeds, ()), limits.ties(order)
    if convention is not None and observers:
        _careful(order, seeds, observers)
    if convention is not None and not tied:
        return [convention.get(x, 0.0) for x in xs]
    found, direction = limits.limit_of_adjoints(order, seeds, tied, convention or _by_rules(order, seeds, ()))
    if convention is None and observers and direction is None:
        _by_rules(order, seeds, observers)
    return [found.get(x, 0.0) for x in xs]


def add_to_grads(order: list[Value], seeds: Seeds) -> None:
    """Write the adjoints into `grad`, adding them for variables and leaving constants alone. Ctrl-C leaves either every
    `grad` as it was or all of them written."""
    if compiled and not current_observers() and _quick(order, seeds, order, write_grads):
        return
    found = [
        adjoint if node.operation is not None else node._grad if node.is_constant else node._grad + adjoint
        for node, adjoint in zip(order, adjoints(order, seeds, order))
    ]
    write(order, "_grad", found)


def _quick(order: list[Value], seeds: Seeds, xs: list[Value], read: Callable[[list[Value]], Any]) -> Any:
    """Return `read(xs)` after a sweep in numbers, or None if that does not settle the adjoints: at a tie, if any of
    them is nan, and while another thread is sweeping."""
    turn = _Turn()
    kinked: list[Value] = []
    _turns[ref(turn, _turns.pop)] = None  # removed together with `turn`, even by an interrupt
    if len(_turns) > 1 or not sweep(order, seeds, xs, kinked) or limits.ties_among(kinked):
        return None
    return read(xs)


def _by_rules(order: Sequence[Value], seeds: Seeds, observers: Sequence[Observer]) -> dict[Value, float]:
    """The adjoints in numbers, by rules run on Values: only these tell which zeros are structural."""
    with silence():
        graph, _ = _spread_graph(order, seeds, set(order), observers, ())
    return {node: _number(graph.get(node, 0.0)) for node in order}


def _careful(order: Sequence[Value], seeds: Seeds, observers: Sequence[Observer]) -> dict[Value, float] | None:
    """The adjoints in numbers, skipping zeros that are known to be structural; None if any other meets inf or nan,
    or inf meets -inf."""
    given: dict[Value, float] = {}
    for root, seed in seeds:
        given[root] = given.get(root, 0.0) + seed
    for node in reversed(order):
        g, operation = given.get(node), node.operation
        if g is None or operation is None:
            continue
        for index, (parent, local) in enumerate(zip(node.parents, node.local_grads)):
            if local == 0.0 and operation.selects:
                continue
            before, contribution = given.get(parent, 0.0), g * local
            given[parent] = total = before + contribution
            if total != total and _is_open(g, local, before, contribution):
                return None
            for observer in observers if g else ():
                observer.adjoint_spread(node, index, g, contribution)
                observer.adjoint_summed(node, index, before, contribution, total)
    return {node: given.get(node, 0.0) for node in order}


def _is_open(g: float, local: float, before: float, contribution: float) -> bool:
    """Whether before + g·local is nan because a zero met inf or nan, or inf met -inf."""
    return (g == 0.0 or local == 0.0) if contribution != contribution else before == before


def descendants_of(inputs: Iterable[N], order: Iterable[N]) -> set[N]:
    """The nodes of a topological `order` that depend on any of `inputs`, and `inputs` themselves."""
    found = set(inputs)
    for node in order:
        if not found.isdisjoint(node.parents):
            found.add(node)
    return found


def differentiable_adjoints(
    order: Sequence[Value], seeds: Sequence[tuple[Value, Any]], active: Set[Value]
) -> dict[Value, Any]:
    """The adjoints as Values, recorded by the rules themselves, so that they can be
    differentiated again. Only `active` nodes are reached; a node without an entry has adjoint 0."""
    if not observing.active:
        return _settled(order, seeds, active, ())
    observers = current_observers()
    with silence():  # rules also compute derivatives that nobody asked for
        if any(observer.hears_rules for observer in observers):  # the recording must hold for other data too
            for observer in observers:
                observer.differentiation_begins()
            found, _ = _spread_graph(order, seeds, active, observers, ())
            for observer in observers:
                observer.differentiation_ends(seeds, active, found)
            return found
        return _settled(order, seeds, active, observers)


def _settled(
    order: Sequence[Value], seeds: Sequence[tuple[Value, Any]], active: Set[Value], observers: Sequence[Observer]
) -> dict[Value, Any]:
    tied = limits.ties(order)
    undecided = set(tied)  # and the branches that they decide
    undecided.update(node for node in order if node.operation is _where and node.parents[0] in undecided)
    result, is_doubtful = _spread_graph(order, seeds, active, observers, undecided)
    if not (tied or is_doubtful):
        return result
    numbers = [(root, _number(seed)) for root, seed in seeds]
    found, direction = limits.limit_of_adjoints(order, numbers, tied, _by_convention(order, numbers))
    given = {*order, *topological_order(*[seed for _, seed in seeds if hasattr(seed, "parents")])}
    if tied:  # adjoints that are nodes of the function itself are copied
        for node, adjoint in result.items():
            if hasattr(adjoint, "parents") and adjoint.parents and adjoint in given:
                result[node] = +adjoint
    made = topological_order(*[adjoint for adjoint in result.values() if hasattr(adjoint, "parents")])
    if direction is not None:
        limits.settle(made, order, direction)
    if tied:
        direction = direction or limits.side_of(order, numbers, tied, found) or _second_choice(order, active, result)
        choice = limits.Choice(direction, order, tied)
        for node in made:
            if node.parents and node not in given:
                node._choice = choice
    return result


def _by_convention(order: Sequence[Value], seeds: Seeds) -> dict[Value, float]:
    return _careful(order, seeds, ()) or _by_rules(order, seeds, ())


def _second_choice(order: Sequence[Value], active: Set[Value], gradient: dict[Value, Any]) -> Direction | None:
    """The direction along which all second derivatives are limits, judged by those of the slope along a line; None if
    the conventions stand, empty if neither can be decided."""
    leaves = limits.leaves_by_use(order)
    weights = tangents(order, limits.line_of(leaves))
    variables = [node for node in order if node in active and node in gradient and active.isdisjoint(node.parents)]
    roots = [(gradient[x], weights[x]) for x in variables if hasattr(gradient[x], "parents")]
    second = topological_order(*[root for root, _ in roots], *leaves)
    convention = _by_convention(second, roots)
    found, direction = limits.limit_of_adjoints(second, roots, limits.ties(second), convention, leaves)
    return direction if direction is not None or found is convention else {}


def record_choice(primitive: Primitive, args: tuple[Value, ...]) -> Any:
    """Record what a selector chooses: one node, or a tuple with one for each of its results."""
    out, record, flat = primitive.forward(*[arg._number for arg in args]), args[0]._record, (0.0,) * len(args)
    if isinstance(out, tuple):
        return tuple([record(each, args, flat, part_of(primitive, part)) for part, each in enumerate(out)])
    return record(out, args, flat, primitive)


class _Choices(Observer):
    """Records what selectors choose, so that a further derivative can decide anew."""

    hears_rules = True

    def selected(self, primitive: Primitive, args: tuple[Value, ...]) -> Any:
        return record_choice(primitive, args)


def _spread_graph(
    order: Sequence[Value],
    seeds: Iterable[tuple[Value, Any]],
    active: Container[Value],
    observers: Sequence[Observer],
    tied: Container[Value],
) -> tuple[dict[Value, Any], bool]:
    """The adjoints as Values, and whether a zero of the data met inf or nan among them, or inf -inf."""
    result: dict[Value, Any] = {}
    is_doubtful = False
    for root, seed in seeds:
        result[root] = _sum(result.get(root), seed)
    for node in reversed(order):
        g = result.get(node)
        operation = node.operation
        if g is None or operation is None or node not in active:
            continue
        args = [parent.as_operand() for parent in node.parents]
        if node in tied:
            with _Choices():
                local_grads = operation.partials(node, *args)
        else:
            local_grads = operation.partials(node, *args)
        for index, (parent, local) in enumerate(zip(node.parents, local_grads)):
            contribution = _product(g, local, operation) if parent in active else None
            if contribution is None:
                continue
            before, number = result.get(parent), _number(contribution)
            for observer in observers:
                observer.adjoint_spread(node, index, _number(g), number)
            result[parent] = total = _sum(before, contribution)
            if _number(total) != _number(total):
                is_doubtful |= _is_open(_number(g), _number(local), _number(before), number)
    return result, is_doubtful


def _sum(x: Any, y: Any) -> Any:
    return y if x is None else _add(x, y)


def _product(g: Any, local: Any, operation: Primitive) -> Any:
    """The product g·local, or None for a term that contributes nothing."""
    if (type(g) is float and g == 0.0) or (type(local) is float and local == 0.0):
        return None
    if type(local) is float and local == 1.0:
        return g
    if type(g) is float and g == 1.0:
        return local
    answer = observing.ask("carried", operation, g, local) if observing.active else None
    if answer is not None:
        return answer
    return _scale(local, g) if operation.selects else _multiply(g, local)  # what is not selected carries nothing


def _number(x: Any) -> Any:
    """The number of a Value, without telling observers that it was read."""
    return getattr(x, "_number", x)
