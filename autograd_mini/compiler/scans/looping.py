"""From a call of `scan` within a compiled function to a node of its graph: one step is recorded, whatever the length.

If a step branches on numbers, it is recorded once on each path, and the paths are merged: `where` chooses at each
step. If that cannot be done, or does not pay, the steps are run and recorded one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy

from autograd_mini.calls import as_value
from autograd_mini.compiler.code.libraries import binding
from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.scalars import Component, Input, Looped, Number, Scalar, Scalars
from autograd_mini.compiler.passes.merging import Together
from autograd_mini.compiler.passes.nodes import Kept, Scanned
from autograd_mini.compiler.passes.normalising import normalise
from autograd_mini.compiler.passes.tracing import Guard, Trace, Tracer
from autograd_mini.compiler.passes.watching import variable, watched
from autograd_mini.compiler.scans.bodies import Body
from autograd_mini.compiler.scans.transforming import Forward, n_operations
from autograd_mini.graph import leaf, record, topological_order
from autograd_mini.observing import Differentiation, unheard, user_line
from autograd_mini.primitives import is_real
from autograd_mini.scanning import Loop
from autograd_mini.structures import NUMBER, flatten, is_array
from autograd_mini.value import Constant, Value

MOST_PATHS = 64
"""How many paths through the branches of a step are merged, as many as a function may have. Not tuned."""

FEW_OPERATIONS = 512
"""Loops of at most so many operations in all are recorded step by step: within the code around them they are faster."""

FEW_WITHIN = 4096
"""The same for loops within others: a loop that stays makes Python run each step of the outer one, in 0.1 ms."""

CARRY, X, FIXED, STILL = range(4)
"""The arrays that a step reads; STILL has what is carried and never varies, which need not be watched for ties."""


class _Given(NamedTuple):
    """What the steps are given: the numbers that vary, one after the other; the constants, [steps, numbers]; and which
    numbers of a step vary."""

    varying: list[Any]
    constants: Floats
    is_varying: list[bool]


def recorded(tracer: Tracer, loop: Loop) -> tuple[Any, Any] | None:
    """The result of a loop, as children of one node for the loop; None if its steps are to be recorded one by one."""
    if len(Differentiation.here()) > 1 or not loop.length:
        return None
    nest = loop.x(0)
    firsts, structure = flatten(nest, "xs of scan", takes_others=True)
    given = _given(loop, firsts)
    if given is None:
        return None
    counts = [type(each) is not float and not isinstance(each, Value) for each in (*loop.init, *firsts)]
    try:
        found = _traced(tracer, loop, firsts, structure, given)
    except (TypeError, IndexError):
        if not any(counts):  # else the step may count with whole numbers
            raise
        found = None
    few = FEW_WITHIN if isinstance(tracer, _StepTracer) else FEW_OPERATIONS
    if found is None or n_operations(found) * loop.length <= few:
        loop.y_structure = None
        return None
    outside = found.parameters
    parents = tuple(map(as_value, (*loop.init, *given.varying, *outside)))
    scan = _scan(loop, found, given, [not each.is_constant for each in parents[: len(loop.init)]])
    numbers = numpy.array([each._number for each in parents], dtype=float)[:, None]
    results: list[Any] = scan.run(numbers, in_machine_code=binding() is not None)[:, 0].tolist()
    if not all(each.is_constant for each in parents):
        node = record(0.0, parents, (0.0,) * len(parents), Scanned(scan))
        results = [record(number, (node,), (0.0,), Kept(place)) for place, number in enumerate(results)]
    carry, kept = results[: len(loop.init)], results[len(loop.init) : scan.n_given_back]
    n = len(found.outputs) - len(carry)
    rows = [kept[start : start + n] for start in range(0, len(kept), n)] if n else [[]] * loop.length
    return loop.structure.rebuild(carry), loop.stacked(rows)


def _given(loop: Loop, firsts: Sequence[Any]) -> _Given | None:
    """What the steps are given; None if their structures differ."""
    columns = _columns(loop.xs, loop.length)
    if columns is None or len(columns) != len(firsts):
        return None
    is_varying = [not isinstance(column, numpy.ndarray) for column in columns]
    varying = [column for column, varies in zip(columns, is_varying) if varies]
    constants = [column for column, varies in zip(columns, is_varying) if not varies]
    fixed = numpy.stack(constants, axis=1) if constants else numpy.zeros((loop.length, 0))
    return _Given([*chain.from_iterable(zip(*varying))], numpy.ascontiguousarray(fixed), is_varying)


def _columns(xs: Any, length: int) -> list[Any] | None:
    """For each number that a step is given, those of all steps: an array if they are constants, else a list."""
    if isinstance(xs, (tuple, dict)):
        parts = [_columns(part, length) for part in (xs.values() if isinstance(xs, dict) else xs)]
        return None if None in parts else [*chain.from_iterable(part for part in parts if part is not None)]
    if xs is None:
        return []
    if is_array(xs):
        if not xs.dtype.hasobject:
            return [*numpy.ascontiguousarray(xs.reshape(length, -1).T.astype(float))]
        return [_column(row) for row in xs.reshape(length, -1).T.tolist()]
    if all(isinstance(each, Value) or is_real(type(each)) for each in xs):
        return [_column([*xs])]
    found = [flatten(each, "xs of scan", takes_others=True) for each in xs]
    if any(structure != found[0][1] or structure.has_others for _, structure in found):
        return None
    return [_column([*row]) for row in zip(*[leaves for leaves, _ in found])]


def _column(numbers: list[Any]) -> Any:
    if any(isinstance(each, Value) and not each.is_constant for each in numbers):
        return numbers
    return numpy.array([each._number if isinstance(each, Value) else each for each in numbers], dtype=float)


def _traced(tracer: Tracer, loop: Loop, firsts: Sequence[Any], structure: Any, given: _Given) -> Trace | None:
    """The step, as one trace; None if its paths cannot be merged."""
    data = [float(each._number if isinstance(each, Value) else each) for each in (*loop.init, *firsts)]
    values = [leaf(number, Value) for number in data]
    carry, x = values[: len(loop.init)], values[len(loop.init) :]
    inputs = [
        carry,
        [each for each, varies in zip(x, given.is_varying) if varies],
        [each for each, varies in zip(x, given.is_varying) if not varies],
    ]
    found: list[Trace] = []
    waiting: list[list[bool]] = [[]]
    while waiting:
        forced = waiting.pop()
        for value, number in zip(values, data):
            value._number = number
        listener = _StepTracer(tracer, values, forced)
        try:
            with unheard(), listener:
                _, following, kept = loop.step(loop.structure.rebuild(carry), structure.rebuild(x))
        except Exception:
            if found:  # on a path that may never be taken
                return None
            raise
        found.append(listener.trace(inputs, [*following, *kept]))
        path = found[-1].path
        waiting += [[*path[:place], not path[place]] for place in range(len(forced), len(path))]
        if len(found) + len(waiting) > MOST_PATHS:
            return None
        for guard in listener.from_outside:
            tracer.truth_asked(guard.node)
    return found[0] if len(found) == 1 else _together(found)


def _together(traces: Sequence[Trace]) -> Trace:
    """One trace for all paths."""
    first = traces[0]
    together = Together(first)
    parameters = [*dict.fromkeys(chain.from_iterable(each.parameters for each in traces))]
    with unheard():
        for each in traces:
            together.take_in(each)
        outputs, _ = together.ending([*enumerate(traces, 1)], 0)
    order = topological_order(*outputs, known=[*chain.from_iterable(first.inputs), *parameters])
    return Trace(first.inputs, parameters, outputs, NUMBER, [], order, {})


class _StepTracer(Tracer):
    """Records one step on one path.

    Args:
        around: the tracer of the function around it.
        forced: outcomes for the first decisions about what differs from step to step.

    Attributes:
        from_outside: decisions that come out alike at every step.
    """

    def __init__(self, around: Tracer, inputs: Sequence[Value], forced: Sequence[bool]) -> None:
        super().__init__(around.function, around.name, [*inputs])
        self.from_outside: list[Guard] = []
        self.node_recorded = self._note_node  # type: ignore[method-assign]
        self._inside = set(inputs)
        self._met = {*inputs, *around.recorded}
        self._forced = forced

    def _note_node(self, node: Value) -> None:
        for parent in node.parents:
            if parent.operation is not None and parent not in self._met:  # as a solution, of which nobody is told
                for each in topological_order(parent, known=self._met):
                    if each.operation is not None:  # a leaf may still become a solution
                        self._meet(each)
        self._meet(node)

    def _meet(self, node: Value) -> None:
        self.recorded.append(node)
        self._met.add(node)
        if not self._inside.isdisjoint(node.parents):
            self._inside.add(node)

    def truth_asked(self, node: Value) -> None:
        if node not in self._inside:
            if not node.is_constant:
                self.from_outside.append(Guard(node, node._number != 0.0, user_line()))
            return
        place = len(self.guards)
        if place < len(self._forced):
            node._number = float(self._forced[place])
        self.guards.append(Guard(node, node._number != 0.0, user_line()))

    def trace(self, inputs: list[list[Value]], results: Sequence[Any]) -> Trace:
        """The trace of what was recorded."""
        outputs = [each if isinstance(each, Value) else Constant(each) for each in results]
        self.require_use([*outputs, *[guard.node for guard in self.from_outside]])
        needed = {*outputs, *[guard.node for guard in self.guards]}
        for node in reversed(self.recorded):
            if node in needed and node in self._inside:
                needed.update(node.parents)
        order: dict[Value, None] = {}
        outside: dict[Value, None] = {}
        known = {*chain.from_iterable(inputs)}
        for node in self.recorded:
            if node in needed and node in self._inside:
                self._add([each for each in node.parents if each not in self._inside], order, outside)
                order[node] = None
        self._add([each for each in outputs if each not in self._inside and each not in known], order, outside)
        return Trace(inputs, [*outside], outputs, NUMBER, self.guards, [*order], {})

    @staticmethod
    def _add(nodes: Sequence[Value], order: dict[Value, None], outside: dict[Value, None]) -> None:
        for node in nodes:
            (order if node.is_constant else outside)[node] = None


def _scan(loop: Loop, trace: Trace, given: _Given, starts_varying: Sequence[bool]) -> Forward:
    """The loop whose step has this trace."""
    scalars = normalise(trace)
    sizes = [len(values) for values in (*trace.inputs, trace.parameters)]
    ends = numpy.cumsum([1, *sizes]).tolist()
    carry, x, fixed, outside = (range(start, end) for start, end in pairwise(ends))
    n = len(carry)
    found = watched(_still(scalars, carry, starts_varying), [CARRY, X, -1], twice=True)
    body = Body(found.scalars, carry, x, fixed, outside, scalars.outputs[:n], scalars.outputs[n:], found.tied)
    scan = Forward(body, loop.length, given.constants, loop.checkpoint)
    step, constants = [*map(_key, scalars.scalars)], blake2b(given.constants.tobytes()).digest()
    scan.trace, scan.key = trace, (step, scalars.outputs, sizes, loop.length, loop.checkpoint, constants)
    return scan


def _still(scalars: Scalars, carry: Sequence[int], starts_varying: Sequence[bool]) -> Scalars:
    """The scalars, with what is carried and never varies in an array of its own."""
    varying = [*starts_varying]
    while True:
        found = [*scalars.scalars]
        for number, varies in zip(carry, varying):
            found[number] = Input(CARRY if varies else STILL, number)
        marked = Scalars(found, scalars.outputs, scalars.guards)
        varies_now = variable(marked, [CARRY, X, -1])
        fresh = [before or bool(varies_now[number]) for before, number in zip(varying, scalars.outputs)]
        if fresh == varying:
            return marked
        varying = fresh


def _key(scalar: Scalar) -> Any:
    """A key that is equal for scalars that are computed alike."""
    if isinstance(scalar, Number):
        return scalar.number.hex()
    if isinstance(scalar, Component):
        return scalar.vector.primitive, scalar.vector.args, scalar.index
    if isinstance(scalar, Looped):
        return scalar.scan.key, scalar.args
    return [getattr(scalar, name) for name in scalar.__slots__]
