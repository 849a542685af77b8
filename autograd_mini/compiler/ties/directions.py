"""A function a little way off a tie, along a line: its kinks settled by how their arguments change along it.

The line goes through the point in the direction that `autograd_mini.limits` takes. Each scalar gets its tangent, and
each operation at a kink becomes the smooth one that it is on that side. So the derivatives of the function made here
are, along the line, limits of those of the function itself; and where nothing tied changes in different ways, the
derivatives by the rules alone stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from math import inf
from typing import Any

from autograd_mini.compiler.ir.building import local_derivatives
from autograd_mini.compiler.passes.growing import Growing, Operand
from autograd_mini.compiler.passes.normalising import (
    ONE,
    Application,
    Component,
    Input,
    Scalar,
    Scalars,
    Terms,
    alive,
)
from autograd_mini.compiler.passes.tracing import Trace
from autograd_mini.compiler.passes.vector_adjoints import FIRST_MAX, FIRST_MIN, SHARES
from autograd_mini.compiler.ties.replaying import recorded_again
from autograd_mini.compiler.ties.watching import is_tied, variable
from autograd_mini.graph import leaf, topological_order
from autograd_mini.limits import step
from autograd_mini.observing import unheard
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.value import Value

_equal, _not_equal, _less, _greater, _stopped, _ratio = (
    TABLE.auxiliary[name] for name in ("equal", "not_equal", "less", "greater", "stopped", "ratio")
)
where, norm = TABLE["where"], TABLE["norm"]

Pair = tuple[Any, Any]
"""A number and its tangent, operands or floats."""


class _Direction(Growing):
    """Scalars with their tangents.

    Attributes:
        differing: numbers that are not 0 where something tied changes in different ways.
        jumps: whether a kink was met that is not made of smooth pieces that are known.
    """

    def __init__(self, scalars: Scalars, arrays: Sequence[int], steps: Mapping[int, float]) -> None:
        super().__init__(scalars.scalars)
        self.differing: list[Any] = []
        self.jumps = False
        self._moved: dict[int, int] = {}  # scalars that are others a little way off
        self._tangents: dict[int, Any] = {}
        self._vectors: dict[Application, tuple[Application, list[int]]] = {}
        varies, needed = variable(scalars, arrays), alive(scalars.scalars, scalars.outputs)
        for number, scalar in enumerate(scalars.scalars):
            if not (needed[number] and varies[number]):
                continue
            if type(scalar) is Input:
                self._tangents[number] = steps.get(number, 0.0)
            else:
                self._take(number, scalar)

    def moved(self, number: int) -> int:
        """What a scalar is a little way off."""
        return self._moved.get(number, number)

    def pair(self, number: int) -> Pair:
        """What a scalar is there, and its tangent."""
        return self.operand(self.moved(number)), self._tangents.get(number, 0.0)

    def _take(self, number: int, scalar: Scalar) -> None:
        if type(scalar) is Terms:
            xs, ys = ([*map(self.moved, each)] for each in (scalar.xs, scalar.ys))
            if xs != scalar.xs or ys != scalar.ys:
                self._moved[number] = self.add(replace(scalar, xs=xs, ys=ys))
            self._tangents[number] = self._combined(
                (c, self._tangents.get(one, 0.0), self.moved(other))
                for c, x, y in zip(scalar.cs, scalar.xs, scalar.ys)
                for one, other in ((x, y), (y, x))
            )
        elif type(scalar) is Component:
            vector, components = self._vector(scalar.vector, number - scalar.index)
            self._moved[number] = components[scalar.index]
            self._tangents[number] = self._of_component(scalar, vector)
        elif type(scalar) is Application:
            args = [self.pair(arg) for arg in scalar.args]
            moved = tuple(map(self.moved, scalar.args))
            if moved != scalar.args:
                self._moved[number] = self.apply(scalar.primitive, *moved)
            out = Operand(self, self.moved(number))
            tied = is_tied(scalar.primitive, out, [x for x, _ in args])
            settle = _SETTLED.get(scalar.primitive.base)
            if tied is False:
                self._tangents[number] = self._by_rule(out, scalar.primitive, args)
            elif settle is not None:
                there, self._tangents[number] = settle(self, *args)
                self._moved[number] = self.number_of(there)
            else:
                self.jumps = True
                self.differing += [tied * _not_equal(t, 0.0) for _, t in args]
                self._tangents[number] = self._by_rule(out, scalar.primitive, args)

    def _combined(self, terms: Iterable[tuple[float, Any, int]]) -> Any:
        """The tangent Σ c·tangent·scalar."""
        found = Terms()
        for c, tangent, scalar in terms:
            if isinstance(tangent, Operand) or tangent != 0.0:
                found.append(c, self.number_of(tangent), scalar)
        return Operand(self, self.add(found)) if len(found) else 0.0

    def _vector(self, vector: Application, first: int) -> tuple[Application, list[int]]:
        """A function of vectors a little way off, and its components."""
        if vector not in self._vectors:
            moved = tuple(map(self.moved, vector.args))
            if moved == vector.args:
                self._vectors[vector] = vector, list(range(first, first + len(moved)))
            else:
                components = self.vector(vector.primitive, moved)
                self._vectors[vector] = self.scalars[components[0]].vector, components  # type: ignore[union-attr]
        return self._vectors[vector]

    def _of_component(self, scalar: Component, vector: Application) -> Any:
        """With the softmax y: yⱼ·(tⱼ - Σ y·t), and of its logarithm the factor in brackets."""
        is_softmax = vector.primitive.base is TABLE["softmax"]
        tangents = [self._tangents.get(arg, 0.0) for arg in scalar.vector.args]
        shares = self.vector(SHARES, vector.args)
        change = tangents[scalar.index] - self._weighted(shares, tangents)
        return Operand(self, shares[scalar.index]) * change if is_softmax else change

    def _weighted(self, shares: Sequence[int], tangents: Sequence[Any]) -> Any:
        """Σ share·tangent."""
        return self._combined((1.0, tangent, share) for share, tangent in zip(shares, tangents))

    def _by_rule(self, out: Operand, primitive: Primitive, args: Sequence[Pair]) -> Any:
        """The tangent Σ local derivative · tangent."""
        numbers, tangents = [x for x, _ in args], [t for _, t in args]
        if primitive is where:
            return where(numbers[0], *tangents[1:])
        if primitive is TABLE["logsumexp"]:
            return self._weighted(self.vector(SHARES, [self.number_of(x) for x in numbers]), tangents)
        return self._combined(
            (1.0, tangent, ONE if type(local) is float and local == 1.0 else self.number_of(local))
            for local, tangent in zip(local_derivatives(primitive, out, numbers), tangents)
            if isinstance(local, Operand) or local != 0.0
        )

    def side(self, x: Any, t: Any) -> Any:
        """What has the sign of x a little way off; 0 only if it is neither."""
        is_zero = _equal(x, 0.0)
        self.differing.append(is_zero * _not_equal(t, 0.0))
        return where(is_zero, t, x)


def _other_below(growing: _Direction, x: Pair, other: Pair) -> Pair:
    """x, but below 0 another."""
    is_below = _less(growing.side(*x), 0.0)
    return where(is_below, other[0], x[0]), where(is_below, other[1], x[1])


def _relu(growing: _Direction, x: Pair) -> Pair:
    return _other_below(growing, x, (0.0, 0.0))


def _leaky_relu(growing: _Direction, x: Pair, slope: Pair) -> Pair:
    return _other_below(growing, x, (slope[0] * x[0], slope[0] * x[1] + x[0] * slope[1]))


def _elu(growing: _Direction, x: Pair, alpha: Pair) -> Pair:
    exp, expm1 = TABLE["exp"](x[0]), TABLE["expm1"](x[0])
    return _other_below(growing, x, (alpha[0] * expm1, alpha[0] * exp * x[1] + expm1 * alpha[1]))


def _abs(growing: _Direction, x: Pair) -> Pair:
    side = growing.side(*x)
    above, below = _greater(side, 0.0), _less(side, 0.0)
    out, change = (where(above, each, where(below, -each, 0.0)) for each in x)
    return out, change


def _copysign(growing: _Direction, x: Pair, y: Pair) -> Pair:
    size, change = _abs(growing, x)
    sign = TABLE["copysign"](1.0, y[0])
    return sign * size, sign * change


def _larger(comparison: Primitive) -> Callable[[_Direction, Pair, Pair], Pair]:
    def settled(growing: _Direction, x: Pair, y: Pair) -> Pair:
        is_tie = _equal(x[0], y[0])
        growing.differing.append(is_tie * _not_equal(x[1], y[1]))
        is_second = where(is_tie, comparison(y[1], x[1]), comparison(y[0], x[0]))
        return where(is_second, y[0], x[0]), where(is_second, y[1], x[1])

    return settled


_maximum, _minimum = _larger(_greater), _larger(_less)


def _clip(growing: _Direction, x: Pair, low: Pair, high: Pair) -> Pair:
    return _minimum(growing, _maximum(growing, x, low), high)


def _extreme(extreme: Primitive, first: Primitive, never: float) -> Callable[..., Pair]:
    """The first of those that are extreme and change most, or least."""

    def settled(growing: _Direction, *xs: Pair) -> Pair:
        out = extreme(*[x for x, _ in xs])
        if not isinstance(out, Operand):
            return out, 0.0
        ties = [_equal(x, out) for x, _ in xs]
        tangents = [where(tie, t, never) for tie, (_, t) in zip(ties, xs)]
        change = extreme(*tangents)
        growing.differing += [tie * _not_equal(t, change) for tie, (_, t) in zip(ties, xs)]
        chosen = growing.vector(first, [growing.number_of(t) for t in tangents])
        parts = [where(Operand(growing, choice), x, 0.0) for choice, (x, _) in zip(chosen, xs)]
        return TABLE["sum"](*parts), change

    return settled


def _norm(growing: _Direction, *xs: Pair) -> Pair:
    """At the origin, its slope is the direction itself."""
    numbers, tangents = [x for x, _ in xs], [t for _, t in xs]
    out, length = norm(*numbers), norm(*tangents)
    is_origin = _equal(out, 0.0)
    growing.differing.append(is_origin * _not_equal(length, 0.0))
    units = [_stopped(_ratio(t, length)) for t in tangents]
    straight = TABLE["sum"](*[unit * x for unit, x in zip(units, numbers)])
    change = TABLE["sum"](*[_ratio(x, out) * t for x, t in zip(numbers, tangents)])
    return where(is_origin, straight, out), where(is_origin, length, change)


def _dist(growing: _Direction, *pq: Pair) -> Pair:
    half = len(pq) // 2
    return _norm(growing, *[(p - q, s - t) for (p, s), (q, t) in zip(pq[:half], pq[half:])])


_SETTLED: dict[Primitive, Callable[..., Pair]] = {
    TABLE["relu"]: _relu,
    TABLE["leaky_relu"]: _leaky_relu,
    TABLE["elu"]: _elu,
    TABLE["abs"]: _abs,
    TABLE["copysign"]: _copysign,
    TABLE["maximum"]: _maximum,
    TABLE["minimum"]: _minimum,
    TABLE["clip"]: _clip,
    TABLE["max"]: _extreme(TABLE["max"], FIRST_MAX, -inf),
    TABLE["min"]: _extreme(TABLE["min"], FIRST_MIN, inf),
    TABLE["norm"]: _norm,
    TABLE["hypot"]: _norm,
    TABLE["dist"]: _dist,
}
"""Of operations made of smooth pieces, their numbers and tangents; `relu` with a choice of its own is not tied."""


def steps_of(trace: Trace, wanted: Sequence[int], sign: float) -> dict[int, float] | None:
    """The direction that eager mode takes, or its opposite, by the scalars of inputs; None if it has other variables.

    Args:
        wanted: the arrays that vary, besides parameters.
        sign: 1 or -1.
    """
    fixed = {value for array, values in enumerate(trace.inputs) if array not in wanted for value in values}
    values = [*chain(*trace.inputs, trace.parameters)]
    given = {value: value._data if value in fixed else leaf(value._data, Value) for value in values}
    scalar_of = {given[value]: number for number, value in enumerate(values, 1)}
    with unheard():
        outputs = [y for y in recorded_again(trace, given) if isinstance(y, Value)]
    leaves = [node for node in topological_order(*outputs) if not node.parents and not node.is_constant]
    if not all(each in scalar_of for each in leaves):
        return None
    return {scalar_of[each]: sign * step(place, 0) for place, each in enumerate(leaves)}


def differing(scalars: Scalars, arrays: Sequence[int], steps: Mapping[int, float]) -> Scalars:
    """A program with one decision: 0 where nothing that is tied changes in different ways along the line.

    Args:
        arrays: those that vary.
        steps: the direction, by the scalars of inputs.
    """
    direction = _Direction(scalars, arrays, steps)
    found = [each for each in direction.differing if isinstance(each, Operand) or each != 0.0]
    flag = direction.sum([direction.number_of(each) for each in found]) if found else direction.number(0.0)
    return Scalars(direction.scalars, [], [flag])


def settled(scalars: Scalars, arrays: Sequence[int], steps: Mapping[int, float]) -> Scalars | None:
    """The function a little way off along the line; None where it may jump."""
    direction = _Direction(scalars, arrays, steps)
    if direction.jumps:
        return None
    return Scalars(direction.scalars, [*map(direction.moved, scalars.outputs)], [])
