"""A function a little way off a tie, along a line: its kinks settled by how their arguments change along it.

The line goes through the point in the direction that `autograd_mini.limits` takes. Each scalar gets its tangent, and
each operation at a kink becomes the smooth one that it is on that side. So the derivatives of the function made here
are, along the line, limits of those of the function itself; and where nothing tied changes in different ways, the
derivatives by the rules alone stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from math import inf, nan
from typing import Any

from autograd_mini.compiler.ir.scalars import (
    ONE,
    Application,
    Component,
    Input,
    Scalar,
    Scalars,
    Terms,
    alive,
    operands,
)
from autograd_mini.compiler.passes.growing import Growing, Operand
from autograd_mini.compiler.passes.rules import local_derivatives
from autograd_mini.compiler.passes.tracing import Trace
from autograd_mini.compiler.passes.watching import is_tied, variable
from autograd_mini.compiler.ties.replaying import recorded_again
from autograd_mini.graph import leaf, topological_order
from autograd_mini.jumps import JUMPS
from autograd_mini.limits import leaves_by_use, line_of
from autograd_mini.observing import unheard
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.value import Value

_equal, _not_equal, _less, _greater, _stopped, _ratio = (
    TABLE.auxiliary[name] for name in ("equal", "not_equal", "less", "greater", "stopped", "ratio")
)
where: Primitive = TABLE["where"]
norm: Primitive = TABLE["norm"]


class _Direction(Growing):
    """The scalars a little way off a tie, along a line, with their tangents.

    Attributes:
        differing: numbers that are not 0 where something tied changes in different ways.
        jumps: whether there was a kink whose smooth pieces are not known.
    """

    def __init__(self, scalars: Scalars, arrays: Sequence[int], steps: Mapping[int, float]) -> None:
        super().__init__(scalars.scalars)
        self.differing: list[Any] = []
        self.jumps = False
        self._n_given = len(self.scalars)
        self._moved: dict[int, int] = {}  # what scalars are a little way off, if that differs
        self._tangents: dict[int, Any] = {}  # of scalars as they are there
        varies, needed = variable(scalars, arrays, jumps=True), alive(scalars.scalars, scalars.outputs)
        for number, scalar in enumerate(scalars.scalars):
            if not (needed[number] and varies[number]):
                continue
            if type(scalar) is Input:
                self._tangents[number] = steps.get(number, 0.0)
                continue
            there = self._there(number, scalar)
            if there != number:
                self._moved[number] = there
            self._tangents[there] = self._change(there)

    def moved(self, number: int) -> int:
        """What a scalar is a little way off."""
        return self._moved.get(number, number)

    def _there(self, number: int, scalar: Scalar) -> int:
        """What a scalar is a little way off, once that is known of its operands."""
        is_same = all(self.moved(each) == each for each in operands(scalar))
        there = number if is_same else self.again(scalar, self.moved)
        if type(scalar) is not Application:
            return there
        args, primitive = [self.operand(self.moved(arg)) for arg in scalar.args], scalar.primitive
        tied, settle = is_tied(primitive, Operand(self, there), args), _SETTLED.get(primitive.base)
        if settle is not None and (tied is not False or primitive.name in JUMPS):
            return self.number_of(settle(self, *args))
        if primitive.name in JUMPS:
            may_jump = _may_jump(*args)
            self.differing.append(may_jump)
            return self.number_of(Operand(self, there) + where(may_jump, nan, 0.0) * args[0])
        if tied is not False:
            self.jumps = True
            self.differing += [tied * _not_equal(self.tangent(x), 0.0) for x in args]
        return there

    def tangent(self, x: Any) -> Any:
        """How an operand changes along the line."""
        number = x.place if isinstance(x, Operand) else 0
        if number >= self._n_given and number not in self._tangents:
            self._tangents[number] = self._change(number)
        return self._tangents.get(number, 0.0)  # other given scalars do not vary

    def _change(self, number: int) -> Any:
        """The tangent of a scalar, by those of its operands."""
        scalar = self.scalars[number]
        if type(scalar) is Terms:
            terms = [*scalar, *[(c, y, x) for c, x, y in scalar]]
            return self._combined([(c, self.tangent(self.operand(x)), y) for c, x, y in terms])
        if type(scalar) is Component:  # with the softmax y: yⱼ·(tⱼ - Σ y·t), and of its logarithm what is in brackets
            xs = [*map(self.operand, scalar.vector.args)]
            shares = self.vector("softmax", scalar.vector.args, 0.0)
            change = self.tangent(xs[scalar.index]) - self._weighted(shares, xs)
            is_softmax = scalar.vector.primitive.base is TABLE["softmax"]
            return Operand(self, shares[scalar.index]) * change if is_softmax else change
        if type(scalar) is not Application:
            return 0.0
        xs = [*map(self.operand, scalar.args)]
        if scalar.primitive is where:
            return where(xs[0], *map(self.tangent, xs[1:]))
        if scalar.primitive is TABLE["logsumexp"]:
            return self._weighted(self.vector("softmax", scalar.args, 0.0), xs)
        return self._combined(
            (1.0, self.tangent(x), ONE if type(local) is float and local == 1.0 else self.number_of(local))
            for local, x in zip(local_derivatives(scalar.primitive, Operand(self, number), xs), xs)
            if isinstance(local, Operand) or local != 0.0
        )

    def _weighted(self, shares: Sequence[int], xs: Sequence[Any]) -> Any:
        """Σ share·tangent."""
        return self._combined((1.0, self.tangent(x), share) for share, x in zip(shares, xs))

    def _combined(self, terms: Iterable[tuple[float, Any, int]]) -> Any:
        """The tangent Σ c·tangent·scalar."""
        found = Terms()
        for c, tangent, scalar in terms:
            if isinstance(tangent, Operand) or tangent != 0.0:
                found.tail += c, self.number_of(tangent), scalar
        return Operand(self, self.add(found)) if len(found) else 0.0

    def side(self, x: Any) -> Any:
        """A number with the sign that x has a little way off; 0 only if it has none."""
        is_zero, t = _equal(x, 0.0), self.tangent(x)
        self.differing.append(is_zero * _not_equal(t, 0.0))
        return where(is_zero, t, x)


def _may_jump(x: Any, y: Any = 1.0) -> Any:
    """Whether a rounding is at a jump, or halfway between two: what it is on either side is left to eager mode."""
    return _equal(TABLE["fmod"](2.0 * x, y), 0.0)


def _bent(below: Callable[..., Any]) -> Callable[..., Any]:
    """x itself where it is not below 0, else what `below` makes of it."""
    return lambda line, x, *options: where(_less(line.side(x), 0.0), below(x, *options), x)


def _abs(line: _Direction, x: Any) -> Any:
    side = line.side(x)
    return where(_greater(side, 0.0), 0.0 + x, where(_less(side, 0.0), 0.0 - x, 0.0))  # never -0.0


def _copysign(line: _Direction, x: Any, y: Any) -> Any:
    if not isinstance(y, Operand):
        return TABLE["copysign"](1.0, y) * _abs(line, x)
    side = line.side(y)
    is_open = _equal(side, 0.0)
    line.differing.append(is_open)
    return where(is_open, nan, TABLE["copysign"](1.0, side)) * _abs(line, x)


def _larger(comparison: Primitive) -> Callable[..., Any]:
    def settled(line: _Direction, x: Any, y: Any) -> Any:
        is_tie, s, t = _equal(x, y), line.tangent(x), line.tangent(y)
        line.differing.append(is_tie * _not_equal(s, t))
        return where(where(is_tie, comparison(t, s), comparison(y, x)), y, x)

    return settled


_maximum, _minimum = _larger(_greater), _larger(_less)


def _extreme(extreme: Primitive, first: str, never: float) -> Callable[..., Any]:
    """The first of the extreme arguments that changes most, of a maximum, or least, of a minimum."""

    def settled(line: _Direction, *xs: Any) -> Any:
        out = extreme(*xs)
        if not isinstance(out, Operand):
            return out
        ties = [_equal(x, out) for x in xs]
        tangents = [where(tie, line.tangent(x), never) for tie, x in zip(ties, xs)]
        change = extreme(*tangents)
        line.differing += [tie * _not_equal(line.tangent(x), change) for tie, x in zip(ties, xs)]
        chosen = line.vector(first, [line.number_of(t) for t in tangents])
        return TABLE["sum"](*[where(Operand(line, choice), x, 0.0) for choice, x in zip(chosen, xs)])

    return settled


def _norm(line: _Direction, *xs: Any) -> Any:
    """The norm; at the origin, its gradient is the direction itself, as a unit vector."""
    tangents = [*map(line.tangent, xs)]
    out, length = norm(*xs), norm(*tangents)
    is_origin = _equal(out, 0.0)
    line.differing.append(is_origin * _not_equal(length, 0.0))
    units = [_stopped(_ratio(t, length)) for t in tangents]
    return where(is_origin, 0.0 + TABLE["sum"](*[unit * x for unit, x in zip(units, xs)]), out)


def _dist(line: _Direction, *pq: Any) -> Any:
    half = len(pq) // 2
    return _norm(line, *[p - q for p, q in zip(pq[:half], pq[half:])])


_SETTLED: dict[Primitive, Callable[..., Any]] = {
    TABLE["relu"]: _bent(lambda x: 0.0),
    TABLE["leaky_relu"]: _bent(lambda x, slope: slope * x),
    TABLE["elu"]: _bent(lambda x, alpha: alpha * TABLE["expm1"](x)),
    TABLE["abs"]: _abs,
    TABLE["copysign"]: _copysign,
    TABLE["maximum"]: _maximum,
    TABLE["minimum"]: _minimum,
    TABLE["clip"]: lambda line, x, low, high: _minimum(line, _maximum(line, x, low), high),
    TABLE["max"]: _extreme(TABLE["max"], "first_max", -inf),
    TABLE["min"]: _extreme(TABLE["min"], "first_min", inf),
    TABLE["norm"]: _norm,
    TABLE["hypot"]: _norm,
    TABLE["dist"]: _dist,
}
"""Operations with smooth pieces, as they are a little way off; `relu` with a choice of its own is not tied."""


def steps_of(trace: Trace, wanted: Sequence[int], sign: float) -> dict[int, float] | None:
    """The direction that eager mode takes, or its opposite, by the scalars of inputs; None if it has other variables.

    Args:
        wanted: the arrays that vary, besides parameters.
        sign: 1 or -1.
    """
    fixed = {value for array, values in enumerate(trace.inputs) if array not in wanted for value in values}
    values = [*chain(*trace.inputs, trace.parameters)]
    given = {value: value._number if value in fixed else leaf(value._number, Value) for value in values}
    scalar_of = {given[value]: number for number, value in enumerate(values, 1)}
    with unheard():
        outputs = [y for y in recorded_again(trace, given) if isinstance(y, Value)]
    leaves = leaves_by_use(topological_order(*outputs))
    if not all(each in scalar_of for each in leaves):
        return None
    return {scalar_of[each]: change for each, change in line_of(leaves, sign).items()}


def differing(scalars: Scalars, arrays: Sequence[int], steps: Mapping[int, float]) -> Scalars:
    """A program with one decision: 0 where nothing that is tied changes in different ways along the line.

    Args:
        arrays: the arrays that vary.
        steps: the direction, by the scalars of inputs.
    """
    direction = _Direction(scalars, arrays, steps)
    found = [each for each in direction.differing if isinstance(each, Operand) or each != 0.0]
    flag = direction.sum([direction.number_of(each) for each in found]) if found else direction.number(0.0)
    return Scalars(direction.scalars, [], [flag])


def settled(scalars: Scalars, arrays: Sequence[int], steps: Mapping[int, float]) -> Scalars | None:
    """The function a little way off along the line; None if it has a kink whose smooth pieces are not known."""
    direction = _Direction(scalars, arrays, steps)
    if direction.jumps:
        return None
    return Scalars(direction.scalars, [*map(direction.moved, scalars.outputs)], [])
