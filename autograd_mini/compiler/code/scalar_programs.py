"""Programs of scalars for the value, the gradient, the Jacobian and products with the Hessian."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, reduce
from itertools import compress, pairwise, repeat
from math import nan
from typing import Any, NamedTuple

import numpy

from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.code.expanding import expanded_scalars
from autograd_mini.compiler.ir.names import ENTRIES, TIED
from autograd_mini.compiler.ir.program import Leaf, Pack
from autograd_mini.compiler.ir.request import Frame, Kind, Request
from autograd_mini.compiler.ir.scalars import (
    ONE,
    Application,
    Component,
    Looped,
    Number,
    Picked,
    Scalar,
    Scalars,
    Terms,
    depending,
    leading,
    of_kind,
    primitives_of,
)
from autograd_mini.compiler.partition import MOST_CONTRIBUTIONS
from autograd_mini.compiler.passes.growing import Growing
from autograd_mini.compiler.passes.packing import REDUCTIONS
from autograd_mini.compiler.passes.rules import Rule, local_derivatives
from autograd_mini.compiler.passes.vector_rules import REDUCTION_RULES, VECTOR_RULES
from autograd_mini.primitives import TABLE, Primitive

_where, _multiply = TABLE["where"], TABLE["mul"]


class ScalarProgram(NamedTuple):
    """Scalars, and which of them are wanted.

    Attributes:
        arrays: the leaf that stands for each array, by its number among the arrays of the scalars.
        seeds: the leaves that are seeds.
        results: what is wanted, by name.
        summed: those of which the sums over the columns are wanted, not the numbers of each.
    """

    scalars: Sequence[Scalar]
    arrays: Mapping[int, Pack]
    seeds: list[Pack]
    results: Mapping[str, list[int]]
    summed: Collection[str] = ()


def differentiate_scalars(scalars: Scalars, request: Request, frame: Frame) -> ScalarProgram:
    """The program for a request.

    Raises:
        NotImplementedError: there is no machine code for a primitive, or for its derivative: programs of all kinds are
            scalars, or none, so that all have the same values.
    """
    kind = request.kind
    loops = [loop.scan for loop in scalars.loops]
    for loop in loops:
        loop.require_kernel()
    for primitive, n_args in scalars.primitives.union(*[primitives_of(loop.body.scalars) for loop in loops]):
        require_derivative(primitive, n_args)
    tape = ScalarTape(scalars)
    arrays = dict(enumerate(frame.inputs[:-1])) | {-1: frame.inputs[-1]}
    members = dict.fromkeys(arrays, range(0)) | dict(leading(tape.scalars))
    seeds: list[Pack] = []

    def seed(lanes: int) -> range:
        """Add a new array of seeds; return its scalars."""
        seeds.append(Pack(lanes, True, Leaf("seed", len(seeds), "seed")))
        arrays[len(arrays)] = seeds[-1]
        return tape.inputs(len(arrays) - 1, lanes)

    targets = [members[array] for array in request.wrt]
    flat = [number for target in targets for number in target]
    adjoints: list[int | None] = []
    weights: Sequence[int] = [ONE] * len(scalars.outputs)
    if kind == Kind.JACOBIAN:
        weights = seed(len(scalars.outputs))
    elif kind == Kind.TANGENT:  # placeholders, which drop out in the second sweep
        weights = [tape.add(Number(1.0)) for _ in scalars.outputs]
    if kind not in (Kind.GUARDS, Kind.VALUE):
        adjoints = tape.reverse([*zip(scalars.outputs, weights)], flat)
    results = {} if kind == Kind.GUARDS else {"value": scalars.outputs}
    if kind in (Kind.PRODUCT, Kind.TANGENT):  # the derivative of the gradient's product with a direction
        directions = [number for target in targets for number in seed(len(target))]
        products = [(a, d) for a, d in zip(adjoints, directions) if a is not None]
        adjoints = tape.reverse(products, weights if kind == Kind.TANGENT else flat)
    if kind == Kind.TANGENT:
        results[ENTRIES], adjoints = [tape.number(0.0) if each is None else each for each in adjoints], []
    if scalars.guards:
        results["guards"] = scalars.guards
    if scalars.tied is not None and kind != Kind.GUARDS:
        results[TIED] = [scalars.tied]
    rest = iter(adjoints)
    for (_, name), target in zip(request.names, targets) if adjoints else ():
        found = [next(rest) for _ in target]
        if any(each is not None for each in found):
            results[name] = [tape.number(0.0) if each is None else each for each in found]
    used = scalars.primitives | primitives_of(tape.scalars[len(scalars.scalars) :])
    written = expanded_scalars(tape.scalars, used)
    if written is not None:
        tape.scalars, place = written
        results = {name: [place[number] for number in numbers] for name, numbers in results.items()}
    return ScalarProgram(tape.scalars, arrays, seeds, results, [*filter(frame.is_sum, results)])


@cache
def require_derivative(primitive: Primitive, n_args: int) -> None:
    """Raise NotImplementedError if there is no machine code for what a primitive's rule computes."""
    if primitive.is_selector or primitive in REDUCTIONS:
        return
    assembly = Assembly(1)
    cells = [Cell(assembly, "%x") for _ in range(1 + n_args)]
    try:
        local_derivatives(primitive, cells[0], cells[1:])
    except TypeError:  # the rule does not work on symbols
        raise NotImplementedError(primitive.name) from None


class ScalarTape(Growing):
    """Scalars to which adjoints are appended, by the table's own partials."""

    def __init__(self, scalars: Scalars) -> None:
        super().__init__(scalars.scalars)
        self._gates = False  # whether it matters which scalar gives what
        self._rule_of: dict[Any, Rule] = {}  # by the primitive and the states of its arguments
        self._states: list[int] = []  # whether a scalar is active, and which constant it is
        self._constant_of: dict[str, int] = {}
        self._sums: list[list[Any] | None] = []  # the adjoint of each scalar so far, Σ c·x·y as [c, x, y, c, x, y, …]
        self._picked: dict[int, list[int]] = {}  # for each loop, its results that have an adjoint

    def reverse(self, seeds: Sequence[tuple[int, int]], wanted: Sequence[int]) -> list[int | None]:
        """Append the adjoints Σ seed · ∂root/∂scalar of the wanted scalars, given pairs (root, seed).

        Returns:
            The adjoint of each wanted scalar; None where no root depends on it.
        """
        active = bytearray(len(self.scalars))
        for number in wanted:
            active[number] = 1
        depending(self.scalars, active)
        states = self._states = [*active]
        for number in of_kind(self.scalars, Number):
            text = self.scalars[number].number.hex()  # type: ignore[union-attr]
            states[number] += 2 * (1 + self._constant_of.setdefault(text, len(self._constant_of)))
        sums: list[list[Any] | None] = [None] * len(self.scalars)
        self._sums, self._picked = sums, {}
        give, gives, spread, total = self.give, self.gives, self._spread, self._total
        for root, seed in seeds:
            give(root, 1.0, seed, ONE)
        scalars: list[Any] = self.scalars
        adjoints: list[int | None] = [None] * len(sums)
        for number in compress(range(len(sums) - 1, -1, -1), reversed(active)):
            scalar, terms = scalars[number], sums[number]
            kind = type(scalar)
            if kind is Component:
                if scalar.index == 0:
                    gives(number)
                    self._spread_vector(number, scalar, active)
            elif kind is Looped and number in self._picked:
                gives(number)
                self._spread_loop(number, scalar, adjoints, active)
            elif terms is not None:
                adjoint = adjoints[number] = total(terms)
                sums[number] = None
                if kind is Picked:
                    self._picked.setdefault(scalar.loop, []).append(number)
                    continue
                gives(number)
                if kind is Application:
                    spread(number, scalar, adjoint, active)
                elif kind is Terms:
                    for c, x, y in scalar:
                        if active[x]:
                            give(x, c, adjoint, y)
                        if active[y]:
                            give(y, c, x, adjoint)
        return [adjoints[number] for number in wanted]

    def gives(self, number: int) -> None:
        """Called before a scalar contributes to the adjoints of its operands."""

    def give(self, number: int, c: float, x: int, y: int) -> None:
        """Add c·x·y to the adjoint of a scalar."""
        terms = self._sums[number]
        if terms is None:
            self._sums[number] = [c, x, y]
            return
        if len(terms) >= 3 * MOST_CONTRIBUTIONS:
            terms = self._sums[number] = [1.0, self._total(terms), ONE]
        terms += c, x, y

    def _total(self, terms: list[Any]) -> int:
        if len(terms) == 3:
            c, x, y = terms
            if c == 1.0 and not (x and y):  # one of them is ONE
                return x or y  # type: ignore[no-any-return]
        return self.add(Terms(terms))

    def _spread(self, number: int, scalar: Application, adjoint: int, active: bytearray) -> None:
        """Add what the adjoint of an application contributes to its arguments."""
        primitive, args = scalar.primitive, scalar.args
        if len(args) == 2:
            key: Any = primitive, self._states[args[0]], self._states[args[1]]
        else:
            key = primitive, *map(self._states.__getitem__, args)
        rule = self._rule_of.get(key)
        if rule is None:
            if primitive.is_selector:
                return
            reduction = REDUCTION_RULES.get(primitive)
            if reduction is not None:
                locals_ = reduction(self, args, [number] * len(args)) or [ONE] * len(args)
                for arg, local in zip(args, locals_):
                    if active[arg]:
                        self.give(arg, 1.0, adjoint, local)
                return
            given = [self.scalars[arg] for arg in args]
            constants = [each.number if type(each) is Number else None for each in given]
            rule = self._rule_of[key] = Rule(primitive, constants, [*map(active.__getitem__, args)])
            if not rule.operations:  # its constants are the same scalars each time
                fixed: dict[Any, int] = {place: ~self.number(constant) for place, constant in rule.constants.items()}
                rule.locals = [(place, c, fixed.get(local, local)) for place, c, local in rule.locals]
        known: Any = (number, *args)
        if rule.operations:
            known = rule.numbers(known, self._applied, self.number)
        sums, gates = self._sums, self._gates
        for place, c, local in rule.locals:
            arg, factor = args[place], ONE if local is None else known[local] if local >= 0 else ~local
            if sums[arg] is None and not gates:
                sums[arg] = [c, adjoint, factor]
            else:
                self.give(arg, c, adjoint, factor)

    def _spread_vector(self, first: int, scalar: Component, active: bytearray) -> None:
        """Add what the adjoints of all components of a vector contribute to its arguments."""
        x, primitive = scalar.vector.args, scalar.vector.primitive
        rule, found = VECTOR_RULES.get(primitive.base.name), self._sums[first : first + len(x)]
        if rule is None or not any(found):
            return
        zero = self.number(0.0)
        adjoints = [zero if terms is None else self._total(terms) for terms in found]
        ys = range(first, first + len(x))
        terms = rule(self, x, ys, adjoints, primitive.options.get("empty", nan))
        for place, arg in enumerate(x):
            for c, gs, others in terms if active[arg] else ():
                self.give(arg, c, gs[place], ONE if others is None else others[place])

    def _spread_loop(self, loop: int, scalar: Looped, adjoints: Sequence[Any], active: bytearray) -> None:
        """Add what the adjoints of the numbers that come out of a loop contribute to those that went in."""
        zero, scan = self.number(0.0), scalar.scan
        found = [zero] * scan.n_out
        for number in self._picked[loop]:
            place = self.scalars[number].index  # type: ignore[union-attr]
            found[place] = adjoints[number] if found[place] == zero else self.sum([found[place], adjoints[number]])

        def make(scan: Any, parts: Sequence[tuple[list[int], Any]]) -> int:
            args = [zero] * scan.n_in
            for numbers, places in parts:
                for number, place in zip(numbers, places.tolist()):
                    args[place] = number
            return self.add(Looped(scan, tuple(args)))

        bounds = sorted({0, min(scan.n_given, scan.n_in), scan.n_in})
        parts = [([*scalar.args[a:b]], numpy.arange(a, b)) for a, b in pairwise(bounds)]
        for numbers, back, places in scan.spread(make, parts, lambda some: [found[each] for each in some.tolist()]):
            for number, place in zip(numbers, places.tolist()):
                if active[number]:
                    self.give(number, 1.0, self.add(Picked(back, place)), ONE)

    def _applied(self, primitive: Primitive, *args: int) -> int:
        return self.add(Application(primitive, args))

    def each(self, primitive: Primitive, x: Sequence[int], y: Sequence[int]) -> list[int]:
        return [self._applied(primitive, *args) for args in zip(x, y)]

    def combined(self, terms: Sequence[tuple[float, Sequence[int], Sequence[int] | None]]) -> list[int]:
        each = [zip(repeat(c), x, repeat(ONE) if y is None else y) for c, x, y in terms]
        return [self.add(Terms.of(own)) for own in zip(*each)]


class GatedTape(ScalarTape):
    """A tape on which the adjoint of what only `where` reads is 0 where it was not chosen, even if its derivatives are
    inf or nan: for loops, whose steps branch."""

    def __init__(self, scalars: Scalars) -> None:
        super().__init__(scalars)
        self._gates = True
        self._given: dict[int, int | None] = {}  # what tells whether a scalar gets anything; None if always
        self._chosen: int | None = None  # the same for the scalar whose adjoint is passed on

    def reverse(self, seeds: Sequence[tuple[int, int]], wanted: Sequence[int]) -> list[int | None]:
        self._given, self._chosen = {}, None
        return super().reverse(seeds, wanted)

    def gives(self, number: int) -> None:
        scalar = self.scalars[number]
        if not isinstance(scalar, Component | Looped):
            self._chosen = self._given.get(number)
            return
        numbers: Iterable[int] = self._picked.get(number, ())
        if isinstance(scalar, Component):
            numbers = range(number, number + len(scalar.vector.args))
        self._chosen = self._any([self._given[each] for each in numbers if each in self._given])

    def give(self, number: int, c: float, x: int, y: int) -> None:
        before = self._given.get(number, self._chosen)
        self._given[number] = self._any([before, self._chosen]) if before != self._chosen else before
        if self._chosen is not None:
            product = y if x == ONE else x if y == ONE else self.apply(_multiply, x, y)
            x, y = self.apply(_where, self._chosen, product, self.number(0.0)), ONE
        super().give(number, c, x, y)

    def _spread(self, number: int, scalar: Application, adjoint: int, active: bytearray) -> None:
        if scalar.primitive is not _where:
            super()._spread(number, scalar, adjoint, active)
            return
        outer, (condition, x, y) = self._chosen, scalar.args
        zero, one = self.number(0.0), self.number(1.0)
        for arg, chosen in ((x, condition), (y, self.apply(_where, condition, zero, one))):
            if active[arg]:
                self._chosen = chosen if outer is None else self.apply(_where, outer, chosen, zero)
                self.give(arg, 1.0, adjoint, ONE)

    def _any(self, truths: Iterable[int | None]) -> int | None:
        """A scalar that tells whether any of these holds; None if one always does."""
        found = [*truths]
        known = [each for each in found if each is not None]
        if len(known) < len(found) or not known:
            return None
        return reduce(lambda a, b: self.apply(_where, a, self.number(1.0), b), dict.fromkeys(known))
