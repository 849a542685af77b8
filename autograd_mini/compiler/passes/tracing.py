"""Trace: run the function once on fresh Values; the graph they record is the program in scalars."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, filterfalse
from math import nan
from operator import is_
from traceback import walk_tb
from typing import Any

from autograd_mini.adjoints import record_choice
from autograd_mini.compiler.passes.nodes import Kept, Scanned
from autograd_mini.compiler.passes.recording import Recording
from autograd_mini.graph import connect
from autograd_mini.leaving import place, refusal
from autograd_mini.numbering import take_numbers
from autograd_mini.observing import Differentiation, Observer, refused, user_line
from autograd_mini.primitives import TABLE, Primitive, brief
from autograd_mini.scanning import Loop
from autograd_mini.structures import Structure, flatten, may_hold_numbers
from autograd_mini.value import Constant, Value

Line = tuple[str, int]
Place = tuple[int, int]
"""A number among the arguments: which array it is in, and its place there."""

COMPARISONS = {
    TABLE.auxiliary[name] for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
}
"""Operations that give 0 or 1."""

_PRODUCTS = {TABLE["dot"], TABLE["sumprod"]}
"""Operations whose derivatives stay matrix products, in which 0 times inf or nan is nan."""


@dataclass(eq=False)
class Guard:
    """A decision that Python took on a number: the trace holds only where it comes out as it did."""

    node: Value
    outcome: bool
    line: Line


@dataclass(eq=False)
class Inner:
    """A derivative that the function itself takes.

    Attributes:
        roots: Values, and the seeds that their adjoints begin with.
        sources: what it is taken with respect to, and the seeds of their tangents, in forward mode.
        found: the adjoint of each node, or in forward mode the tangent, if it was computed for that.
        is_forward: whether it is taken in forward mode.
        made: all nodes computed for it.
    """

    roots: list[tuple[Value, Any]]
    sources: dict[Value, Any]
    found: dict[Value, Any]
    is_forward: bool = False
    made: set[Value] = field(default_factory=set)


@dataclass(eq=False)
class Trace:
    """The graph of one run.

    Attributes:
        inputs: for each array among the arguments the Values that stand for its numbers.
        parameters: the leaf Values that the function found outside its arguments, in the order of the graph; those
            that it makes itself are constants.
        outputs: the result's numbers; floats where they depend on no Value.
        structure: the nest of the result.
        guards: the decisions taken on the way.
        counts: the whole numbers among the arguments that Python counted with, by their places.
        order: all nodes that outputs and guards depend on, in topological order.
        inner: the derivatives that the function itself takes, in order.
        all: if there are any, the nodes of results and of what these derivatives are taken of, in topological order.
        recording: what the run recorded, until another run is compared with it.
    """

    inputs: list[list[Value]]
    parameters: list[Value]
    outputs: list[Value]
    structure: Structure
    guards: list[Guard]
    order: list[Value]
    counts: dict[Place, int]
    inner: Sequence[Inner] = ()
    all: Sequence[Value] = ()
    recording: Recording | None = None

    @property
    def path(self) -> list[bool]:
        """The decisions, which tell traces of one function on like arguments apart."""
        return [guard.outcome for guard in self.guards]

    def __repr__(self) -> str:
        n_inputs = sum(map(len, self.inputs))
        return (
            f"<trace: {len(self.order)} nodes from {n_inputs} inputs and {len(self.parameters)} parameters to "
            f"{len(self.outputs)} results, {len(self.guards)} guards>"
        )


def trace(
    f: Callable[..., Any],
    name: str,
    inputs: list[list[Value]],
    nest: Sequence[Any],
    counts: dict[Place, int] | None = None,
    first: Trace | None = None,
) -> Trace:
    """Run `f(*nest)`, where the nest holds the Values of `inputs`, and keep what it recorded.

    Args:
        counts: where whole numbers among the inputs note that Python counts with them.
        first: an earlier trace, which is returned if this one is the same.

    Raises:
        TypeError: it reads the number of a Value, which would be frozen in, or counts with one that is no whole
            number, or its result holds no numbers.
        ValueError: the result is not made from its inputs nor from any Value.
    """
    tracer, found = Tracer(f, name, [*chain.from_iterable(inputs)]), None
    try:
        found = _trace(tracer, inputs, nest, counts, first)
        return found
    finally:
        if first is not None:  # it ran at another point, of which nothing that stays outside may show numbers
            if found is first and first.recording is not None:
                take_numbers(tracer.call.given, first.recording.inputs)
                take_numbers(tracer.recorded, first.recording.made)
            else:
                for node in chain(tracer.call.given, tracer.recorded):
                    connect(node, node.parents, (nan,) * len(node.parents), node.operation)
                    node._number = nan


def _trace(
    tracer: Tracer, inputs: list[list[Value]], nest: Sequence[Any], counts: dict[Place, int] | None, first: Trace | None
) -> Trace:
    f, name, given, call = tracer.function, tracer.name, tracer.call.given, tracer.call
    with tracer, call:
        try:
            result = f(*nest)
        except KeyError as error:
            if not isinstance(error.args[0], Value):
                raise
            raise TypeError(
                f"{name} looks up a Value in a dict at {_raised_at(error)}, whose keys are not Values; "
                "name its argument in static=…"
            ) from error
        except (TypeError, IndexError) as error:
            if not any(
                word in str(error)
                for word in ("as an integer", "be integers", "only integers", "non-int of type 'Value'")
            ):
                raise
            of_array = "; a row of a frame is an array without names: give dict(frame) for row['name']"
            raise TypeError(
                f"{name} uses a Value as a whole number at {_raised_at(error)} ({error}); a count or an index "
                "is not differentiated: give it as an int that neither wrt nor batch names, or name its "
                f"argument in static=…{of_array * isinstance(error, IndexError)}"
            ) from error
    call.warn_of_refusal()
    if not may_hold_numbers(result):
        raise TypeError(
            f"{name} gave {brief(result)} ({type(result).__name__}); a compiled function gives numbers, in lists, "
            "tuples, dicts, dataclasses and NumPy arrays"
        )
    leaves, structure = flatten(result, f"the result of {name}")
    outputs = [leaf if isinstance(leaf, Value) else Constant(leaf) for leaf in leaves]
    tracer.require_use(outputs)
    decided = [guard.node for guard in tracer.guards]
    recording = Recording(tracer.recorded, given, [*outputs, *decided], call.is_foreign)
    path = [guard.outcome for guard in tracer.guards]
    if first is not None and (structure, path) == (first.structure, first.path) and recording.repeats(first.recording):
        return first
    order = recording.order(recording.roots)
    others = recording.others if recording.is_whole else [*filterfalse(call.variables.__contains__, order)]
    parameters = [node for node in others if node.operation is None and call.is_foreign(node)]
    is_plain = not any(isinstance(leaf, Value) for leaf in leaves)  # a derivative of what is linear is a Constant
    if leaves and is_plain and not parameters and given and call.variables.isdisjoint(order):
        raise ValueError(
            f"{name} gave {brief(result)}, which is not made from its arguments; a compiled function must compute "
            "its result from the Values it is given, with operators and functions of autograd_mini"
        )
    taken = [root for inner in tracer.inner for root, _ in inner.roots]
    everything = recording.order([*taken, *outputs]) if taken else []
    return Trace(
        inputs, parameters, outputs, structure, tracer.guards, order, counts or {}, tracer.inner, everything, recording
    )


def _raised_at(error: Exception) -> str:
    """The place in the code where an error was raised."""
    *_, (frame, number) = walk_tb(error.__traceback__)
    return place((frame.f_code.co_filename, number))


def truth_of(node: Value) -> Value:
    """A node that is 1 where Python takes the given one for true, else 0."""
    return node if node.operation in COMPARISONS else TABLE.auxiliary["not_equal"](node, 0.0)


class Tracer(Observer):
    hears_rules = owns_values = True

    def __init__(self, function: Callable[..., Any], name: str, given: list[Value]) -> None:
        self.function = function
        self.name = name
        self.guards: list[Guard] = []
        self.recorded: list[Value] = []
        self.node_recorded = self.recorded.append  # type: ignore[method-assign, assignment]
        self._comparisons: dict[Value, Line] = {}
        self.call: Differentiation = Differentiation(function, given)
        self._own: set[Value] = set()
        self._counted = 0  # how many of the recorded nodes are in `_own`
        self.inner: list[Inner] = []
        self._starts: list[tuple[int, int]] = []

    def differentiation_begins(self) -> None:
        self._starts.append((len(self.recorded), len(self.inner)))

    def differentiation_ends(
        self, seeds: Sequence[tuple[Value, Any]], active: Collection[Value], found: Mapping[Value, Any]
    ) -> None:
        sources = [node for node in active if not any(parent in active for parent in node.parents)]
        self._ended(Inner([*seeds], dict.fromkeys(sources), {**found}))

    def tangents_end(self, seeds: Mapping[Value, Any], found: Iterable[tuple[Any, Any]]) -> None:
        tangents = {y: tangent for y, tangent in found if isinstance(y, Value)}
        self._ended(Inner([(y, 1.0) for y in tangents], {**seeds}, tangents, is_forward=True))

    def _ended(self, inner: Inner) -> None:
        start, n_inner = self._starts.pop()
        made = inner.made = {*self.recorded[start:]}
        inner.found = {node: each for node, each in inner.found.items() if isinstance(each, Value) and each in made}
        self.inner[n_inner:] = [inner]

    def compared(self, primitive: Primitive, x: Value, y: Value) -> Any:
        node: Value = Value.apply_primitive(primitive, (x, y))  # a bool, whatever kinds of Values these are
        self._comparisons[node] = user_line()
        return node

    def require_use(self, outputs: Sequence[Value]) -> None:
        """Refuse comparisons whose results were not used: perhaps it was asked whether they *are* True.

        Raises:
            TypeError: there is such a comparison.
        """
        used = {*outputs, *[guard.node for guard in self.guards]} if self._comparisons else set()
        for node in self.recorded if self._comparisons else ():
            used.update(node.parents)
        for node, line in self._comparisons.items():
            if node not in used and not all(parent.is_constant for parent in node.parents):
                raise TypeError(
                    f"{self.name} compares numbers at {place(line)}, and neither branches on the result nor computes "
                    "with it; while it is compiled, that is a Value, and no Value `is True`: write `if x > y:` or "
                    "where(x > y, …), and any(… for …) in place of any([…]), which leaves some comparisons unused"
                )

    def shown(self, node: Value) -> str | None:
        return None if node.is_constant else f"<Value of {self.name}, without a number while it is compiled>"

    def used_elsewhere(self, *nodes: Any) -> None:
        fresh = self.recorded[self._counted :]
        self._counted += len(fresh)
        self._own.update(fresh)
        if any(isinstance(node, Value) and (node in self._own or node in self.call.variables) for node in nodes):
            raise TypeError(
                f"{self.name} uses its Values in another thread at {place(user_line())}, and what happens there is not "
                "compiled; compute in the thread that calls it"
            )

    def selected(self, primitive: Primitive, args: tuple[Value, ...]) -> Any:
        return record_choice(primitive, args)

    def carried(self, operation: Primitive, adjoint: Any, local: Any) -> Any:
        if type(adjoint) is float or operation in _PRODUCTS:
            return TABLE["mul"](adjoint, local)
        # 0 wins over inf and nan: of the adjoint, and of a choice
        return TABLE.auxiliary["scale"](*((local, adjoint) if operation.selects else (adjoint, local)))

    def truth_asked(self, node: Value) -> None:
        if not node.is_constant:
            self.guards.append(Guard(node, node._number != 0.0, user_line()))

    def detached(self, node: Value) -> Any:
        return TABLE.auxiliary["stopped"](node)

    def looped(self, loop: Loop) -> tuple[Any, Any] | None:
        from autograd_mini.compiler.scans.looping import recorded  # which traces steps

        return recorded(self, loop)

    def number_read(self, node: Value, how: str) -> None:
        if not node.is_constant:
            text = refusal(self.function, how, "the compiled function would keep the number of this one run for ever")
            raise refused(TypeError(text))

    def number_written(self, node: Value, how: str) -> None:
        raise TypeError(
            f"{self.name} changes a Value by {how} at {place(user_line())}, which a compiled function would do once "
            "and never again; do it outside"
        )


def difference(first: Trace, second: Trace) -> str:
    """How two traces of one function at different points differ, in words; empty if they do not."""
    given = [{*chain.from_iterable(traced.inputs)} for traced in (first, second)]
    made = [[node for node in traced.order if node not in own] for traced, own in zip((first, second), given)]
    if len(made[0]) != len(made[1]) or first.structure != second.structure:
        return "another number of operations or results"
    counterparts = dict(zip(chain.from_iterable(first.inputs), chain.from_iterable(second.inputs)))
    counterparts.update(zip(*made))
    counterpart = counterparts.__getitem__
    for a, b in zip(*made):
        if a.operation is not b.operation and not (
            isinstance(a.operation, Scanned | Kept) and a.operation.is_like(b.operation)
        ):
            return f"{_name(b)} in place of {_name(a)}"
        if len(a.parents) != len(b.parents) or not all(map(is_, map(counterpart, a.parents), b.parents)):
            return f"{_name(a)} of other operands"
        if not a.parents and a is not b and a._number != b._number and a._number == a._number:
            return f"the number {b._number} in place of {a._number}"
    results = [[*traced.outputs, *[guard.node for guard in traced.guards]] for traced in (first, second)]
    return "" if all(map(is_, map(counterpart, results[0]), results[1])) else "other results"


def _name(node: Value) -> str:
    return node.operation.name if node.operation else "a number"
