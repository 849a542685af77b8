"""One step of a loop as scalars, its tangents, and its programs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from autograd_mini.compiler.code.machine_rows import is_costly
from autograd_mini.compiler.code.scalar_programs import GatedTape
from autograd_mini.compiler.ir.scalars import ONE, Application, Input, Looped, Scalar, Scalars, Terms, alive, depending
from autograd_mini.compiler.passes.growing import Growing
from autograd_mini.compiler.scans.step_programs import Program, Step
from autograd_mini.compiler.scans.stepping import step_of
from autograd_mini.primitives import TABLE

_equal, _not_equal = TABLE.auxiliary["equal"], TABLE.auxiliary["not_equal"]
_PRODUCTS = TABLE["mul"], TABLE.auxiliary["scale"]


@dataclass(eq=False)
class Body:
    """One step of a loop: its scalars, and the roles of some of them.

    Attributes:
        carry, x, outside: what it is given: the carry, what differs from step to step, and what does not.
        fixed: what differs from step to step, and is constant.
        following, kept: what it gives: the next carry, and what is kept of this step.
        tied: a scalar that is not 0 where something is at a kink, if anything can be.
    """

    scalars: list[Scalar]
    carry: Sequence[int]
    x: Sequence[int]
    fixed: Sequence[int]
    outside: Sequence[int]
    following: Sequence[int]
    kept: Sequence[int]
    tied: int | None = None

    def __post_init__(self) -> None:
        self._steps: dict[tuple[str, bool], Step] = {}
        self._lock = threading.RLock()

    @property
    def knows_doubts(self) -> bool:
        """Whether the step can tell where zeros meet inf or nan, which it cannot if it has loops within."""
        return not any(type(scalar) is Looped for scalar in self.scalars)

    @cached_property
    def tangent(self) -> Body:
        """The step together with its tangents: all that it is given or gives has its changes after its numbers."""
        tape = self._tape()
        results, given = [*self.following, *self.kept], [*self.carry, *self.x, *self.outside]
        weights = tape.inputs(0, len(results))
        slopes = tape.reverse([*zip(results, weights)], given)
        changes = tape.inputs(0, len(given))
        seeds = [(slope, change) for slope, change in zip(slopes, changes) if slope is not None]
        tangents = [tape.number(0.0) if each is None else each for each in tape.reverse(seeds, weights)]
        n, m = len(self.carry), len(self.carry) + len(self.x)
        return Body(
            tape.scalars,
            [*self.carry, *changes[:n]],
            [*self.x, *changes[n:m]],
            self.fixed,
            [*self.outside, *changes[m:]],
            [*self.following, *tangents[:n]],
            [*self.kept, *tangents[n:]],
        )

    def program(self, kind: str) -> Program:
        """The program of a kind: "all" for the step, "carry" for the next carry alone, "keeps" and "states" for these
        and what the backward pass needs to know, "back" for its adjoints, and "doubts" for these and for how many zeros
        have met inf or nan in them so far, or infs -inf."""
        if kind in ("back", "doubts"):
            return self._knowing_state(self._way_back if kind == "back" else self._doubts())
        return self._onward(gives=kind in ("all", "keeps"), keeps=kind in ("keeps", "states"))

    def step(self, kind: str, *, in_machine_code: bool) -> Step:
        """A program of a kind, ready to run."""
        with self._lock:
            key = kind, in_machine_code
            if key not in self._steps:
                self._steps[key] = step_of(self.program(kind), in_machine_code=in_machine_code)
            return self._steps[key]

    def _tape(self) -> GatedTape:
        return GatedTape(Scalars(self.scalars, [], []))

    def _onward(self, *, gives: bool, keeps: bool) -> Program:
        growing = Growing(self._way_back.scalars if keeps else self.scalars)
        carry, following = [*self.carry], [*self.following]
        if gives and self.tied is not None:
            carry += growing.inputs(0, 1)
            following.append(growing.add(Terms([1.0, carry[-1], ONE, 1.0, self.tied, ONE])))
        outputs = [following, *([self.kept] if gives else []), *([self.state] if keeps else [])]
        return Program(growing.scalars, [carry, self.x, self.outside], self.fixed, outputs, [(0, 0)])

    def _doubts(self) -> Program:
        program, growing = self._way_back, Growing(self._way_back.scalars)
        (before,) = growing.inputs(0, 1)
        inputs, carried = [*program.inputs, [before]], [*program.carried, (len(program.inputs), len(program.outputs))]
        outputs = [*program.outputs, [growing.sum([before, *_doubts_of(growing, len(self.scalars))])]]
        return Program(growing.scalars, inputs, self.fixed, outputs, carried)

    def _knowing_state(self, program: Program) -> Program:
        """A program that is given what was kept of the step, and does not compute it again."""
        scalars = [*program.scalars]
        for number in self.state[len(self.carry) :]:
            scalars[number] = Input(0, number)
        return program._replace(scalars=scalars, inputs=[self.state, *program.inputs[1:]])

    @cached_property
    def _way_back(self) -> Program:
        """The program from what a step is given and the adjoints of what it gives to the adjoints of what it is given;
        those of what comes from outside are added to those of the steps before."""
        tape = self._tape()
        of_following, of_kept = tape.inputs(0, len(self.following)), tape.inputs(0, len(self.kept))
        before = tape.inputs(0, len(self.outside))
        seeds = [*zip(self.following, of_following), *zip(self.kept, of_kept)]
        found = tape.reverse(seeds, [*self.carry, *self.x, *self.outside])
        numbers = [tape.number(0.0) if each is None else each for each in found]
        n, m = len(self.carry), len(self.carry) + len(self.x)
        totals = [tape.add(Terms([1.0, x, ONE, 1.0, y, ONE])) for x, y in zip(before, numbers[m:])]
        inputs = [self.carry, self.x, self.outside, of_following, of_kept, before]
        outputs = [numbers[:n], numbers[n:m], totals]
        return Program(tape.scalars, inputs, self.fixed, outputs, [(3, 0), (5, 2)])

    @cached_property
    def state(self) -> list[int]:
        """What is kept for the way back: the carry, and functions of a library that it needs and that know no
        adjoint."""
        program, costly = self._way_back, list[int]()
        scalars, adjoint = [*program.scalars], bytearray(len(program.scalars))
        for number in chain(*program.inputs[3:]):
            adjoint[number] = 1
        depending(scalars, adjoint)
        for number, scalar in enumerate(program.scalars):
            if type(scalar) is Application and not adjoint[number] and is_costly(scalar.primitive, len(scalar.args)):
                scalars[number] = Input(0, number)
                costly.append(number)
        is_needed = alive(scalars, [*chain(*program.outputs)])
        return [*self.carry, *[number for number in costly if is_needed[number]]]


def _doubts_of(tape: Growing, first: int) -> list[int]:
    """Scalars that are not 0 where a product among the scalars from `first` on has one factor 0 and the other inf or
    nan, and where inf meets -inf in a sum."""
    pairs: dict[tuple[int, int], None] = {}
    found = []
    for number, scalar in enumerate(tape.scalars[first:], first):
        if type(scalar) is Terms:
            pairs |= dict.fromkeys((x, y) for _, x, y in scalar if ONE not in (x, y))
            total = tape.operand(number)
            terms = [tape.operand(x) * tape.operand(y) for _, x, y in scalar]
            squares = sum([term * term for term in terms])  # nan where a term is
            found.append(tape.number_of(_not_equal(total, total) * _equal(squares, squares)))
        elif type(scalar) is Application and scalar.primitive in _PRODUCTS:
            pairs[scalar.args] = None  # type: ignore[index]
    for x, y in [tuple(map(tape.operand, pair)) for pair in pairs]:
        product = x * y
        found.append(tape.number_of((_equal(x, 0.0) + _equal(y, 0.0)) * _not_equal(product, product)))
    return found
