"""Loops as functions of vectors, and their derivatives, which are loops of the same two kinds.

With the step s, what goes in θ = (first carry, xs, what comes from outside) and what comes out F(θ), `Forward` is F
and `Reverse` is R(θ, v) = vᵀ ∂F/∂θ: it keeps some states of the loop, computes those in between again, and goes
through the steps from the last to the first. What differentiates R is the loop T of the step's tangents, s and ∂s·u
for changes u of θ: since u · R(θ, v) = v · ∂F/∂θ u, its derivative by v is what comes out of T, and that by
θ is what `Reverse` makes of T. So derivatives of all orders come from the rules of the table alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from math import isqrt
from typing import Any, TypeAlias, TypeVar

import numpy

from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.code.repeating import Recurrence
from autograd_mini.compiler.ir.program import Floats, Index
from autograd_mini.compiler.partition import BLOCK_BYTES, COLUMNS, LONGEST_TURN, MOST_STATES
from autograd_mini.compiler.passes.nodes import Scanned
from autograd_mini.compiler.passes.tracing import Trace
from autograd_mini.compiler.scans.bodies import Body
from autograd_mini.compiler.scans.step_programs import Rows, back, forth
from autograd_mini.structures import NUMBER

KEPT_BYTES = 2**26
"""How much memory states that are kept for the backward pass may take, before some are computed again: 64 MiB, which a
loop of 10⁶ steps that carries 8 numbers fills. Not tuned."""

Source = TypeVar("Source")
Loop = TypeVar("Loop")

NOT_RECORDED = Trace([], [], [], NUMBER, [], [], {})

Part: TypeAlias = tuple[Source, Index]
"""Numbers that go into a loop, lanes of a pack or scalars, and the places where they go."""

Made: TypeAlias = Callable[[Any, Sequence[tuple[Source, Index]]], Loop]
"""Makes a loop from such parts."""


def n_operations(trace: Trace) -> int:
    """How many operations a trace has, including those of every step of loops within."""
    within = [node.operation.scan for node in trace.order if isinstance(node.operation, Scanned)]
    return len(trace.order) + sum(scan.length * n_operations(scan.trace) for scan in within)


class Scan:
    """A function from vectors to vectors that is a loop.

    What goes in are the first carry, what each step is given, and what comes from outside; for derivatives, then the
    adjoints of what comes out. What comes out are the last carry and what is kept of each step, or the adjoints.

    Attributes:
        constants: the constants that the steps are given, [steps, numbers].
        checkpoint: how many steps lie between states that are kept; "auto" to choose.
        n_in, n_out: how many numbers go in and come out; `n_rows` of the latter have derivatives.
        sign: its name in programs that are printed.
        trace: the step, as it was recorded, if it was.
        key: what is equal for loops that compute the same.
        tied: the place, among the numbers that come out, of one that is not 0 where something was at a kink.
        forward: for a backward loop, the loop whose states it needs.
    """

    sign = "scan"
    trace = NOT_RECORDED
    key: Any = None
    forward: Forward | None = None
    body: Body
    length: int
    constants: Floats
    checkpoint: int | str
    n_carry: int
    n_x: int
    n_in: int
    n_rows: int
    n_out: int

    def __init__(self, body: Body, length: int, constants: Floats, checkpoint: int | str) -> None:
        self.body, self.length, self.constants, self.checkpoint = body, length, constants, checkpoint
        self.n_carry, self.n_x = len(body.carry), len(body.x)
        self.first_outside: int = self.n_carry + length * self.n_x
        self.n_given: int = self.first_outside + len(body.outside)
        self.n_given_back: int = self.n_carry + length * len(body.kept)
        self.n_in, self.n_rows, self.n_out = self._sizes()
        self.tied: int | None = self.n_rows if self.forward is None and body.tied is not None else None

    def _sizes(self) -> tuple[int, int, int]:
        """How many numbers go in, how many of those that come out have derivatives, and how many come out."""
        raise NotImplementedError

    def spread(
        self, make: Made[Source, Loop], parts: Sequence[Part[Source]], adjoints: Callable[[Index], Source]
    ) -> list[tuple[Source, Loop, Index]]:
        """The adjoints of the parts that went in, each as a part, a loop, and the places of its numbers in that.

        Args:
            make: makes a loop.
            adjoints: gives the adjoints of some of the numbers that came out.
        """
        raise NotImplementedError

    def run(self, given: Floats, *, in_machine_code: bool, keeps: bool = False, forth: Floats | None = None) -> Floats:
        """What comes out for some columns, each by itself.

        Args:
            keeps: keep the states for the backward pass, if they are few, in the memory behind what comes out.
            forth: what came out of the forward pass.
        """
        n = given.shape[1]
        if not n:
            return numpy.empty((self.n_out, 0))
        width = host_width() if in_machine_code and n > 1 else 1
        most = max(1, BLOCK_BYTES // (8 * width * max(1, self.n_carry))) * width
        columns = min(most, COLUMNS, -(-n // width) * width) if in_machine_code else n
        if columns == n:
            return self._columns(numpy.ascontiguousarray(given), in_machine_code, keeps, forth)
        out = numpy.empty((self.n_out, n))
        for start in range(0, n, columns):
            part = given[:, start : start + columns]
            filled = numpy.empty((self.n_in, columns))
            filled[:, : part.shape[1]] = part
            filled[:, part.shape[1] :] = part[:, -1:]
            out[:, start : start + columns] = self._columns(filled, in_machine_code, False, None)[:, : part.shape[1]]
        return out

    def _columns(self, given: Floats, in_machine_code: bool, keeps: bool, forth: Floats | None) -> Floats:
        """What comes out for columns that lie in memory without others."""
        raise NotImplementedError

    def _inputs(self, carry: Rows, given: Floats, number: int, pace: int = 1) -> list[Rows]:
        """The rows of what a step is given, which move on by `pace` steps at a time."""
        x = Rows(given, self.n_carry + number * self.n_x, pace * self.n_x)
        return [carry, x, Rows(given, self.first_outside)]

    def _fixed(self, number: int, pace: int = 1) -> Rows:
        n = self.constants.shape[1]
        return Rows(self.constants.ravel(), number * n, pace * n)

    def _every(self, columns: int) -> int:
        """How many steps lie between states that are kept."""
        if isinstance(self.checkpoint, int):
            return self.checkpoint
        size = 8 * len(self.body.state) * columns * self.length
        return max(1, self.length) if size <= KEPT_BYTES else isqrt(self.length - 1) + 1

    def require_kernel(self) -> None:
        """Raise NotImplementedError unless a kernel may hold the loop, with all its states in the memory of a block."""
        n_each = len(self.body.state) + self.n_x + len(self.body.kept) + self.constants.shape[1]
        is_small = len(self.body.scalars) <= LONGEST_TURN and self.length * n_each <= MOST_STATES
        if self.checkpoint != "auto" or not is_small or not self.body.knows_doubts:
            raise NotImplementedError("scan")

    def recurrence(self, *, keeps: bool = False) -> Recurrence:
        """One step, and where its numbers are among those that go in and come out. The states come after those that
        come out; the constants, step by step, after those that go in."""
        raise NotImplementedError

    @cached_property
    def tangent(self) -> Forward:
        """The loop of the tangents."""
        return Forward(self.body.tangent, self.length, self.constants, self.checkpoint)


class Forward(Scan):
    """The loop itself, from what goes in to what comes out."""

    def _sizes(self) -> tuple[int, int, int]:
        return self.n_given, self.n_given_back, self.n_given_back + (self.body.tied is not None)

    def spread(
        self, make: Made[Source, Loop], parts: Sequence[Part[Source]], adjoints: Callable[[Index], Source]
    ) -> list[tuple[Source, Loop, Index]]:
        places = numpy.arange(self.n_given_back)
        back = make(self.reverse, [*parts, (adjoints(places), self.n_given + places)])
        return [(part, back, places) for part, places in parts]

    @cached_property
    def reverse(self) -> Reverse:
        return Reverse(self.body, self.length, self.constants, self.checkpoint)

    def recurrence(self, *, keeps: bool = False) -> Recurrence:
        step = self.body.program("keeps" if keeps else "all").expanded()
        return forth(step, self.length, self.n_carry, self.n_out, self.tied)

    def _columns(self, given: Floats, in_machine_code: bool, keeps: bool, forth: Floats | None) -> Floats:
        n, columns = self.n_carry, given.shape[1]
        keeps = keeps and self.checkpoint == "auto" and self._every(columns) == self.length
        memory = numpy.empty((self.n_out + (self.length * len(self.body.state) if keeps else 0), columns))
        carry, out = numpy.zeros((n + (self.tied is not None), columns)), memory[: self.n_out]
        carry[:n] = given[:n]
        rows = [*self._inputs(Rows(carry), given, 0), Rows(carry), Rows(out, n, len(self.body.kept))]
        rows += [Rows(memory, self.n_out, len(self.body.state))] if keeps else []
        step = self.body.step("keeps" if keeps else "all", in_machine_code=in_machine_code)
        step.run(self.length, rows, self._fixed(0))
        out[:n], out[self.n_rows :] = carry[:n], carry[n:]
        return out


class Reverse(Scan):
    """The derivatives of a loop, weighted by adjoints of what comes out."""

    sign = "scan′"
    step = "back"

    def _sizes(self) -> tuple[int, int, int]:
        return self.n_given + self.n_given_back, self.n_given, self.n_given

    @cached_property
    def forward(self) -> Forward:  # type: ignore[override]
        return Forward(self.body, self.length, self.constants, self.checkpoint)

    def recurrence(self, *, keeps: bool = False) -> Recurrence:
        return back(self.body.program(self.step).expanded(), self.length, self.n_in)

    @cached_property
    def doubting(self) -> Doubting:
        return Doubting(self.body, self.length, self.constants, self.checkpoint)

    def spread(
        self, make: Made[Source, Loop], parts: Sequence[Part[Source]], adjoints: Callable[[Index], Source]
    ) -> list[tuple[Source, Loop, Index]]:
        body, tangent = self.body, self.tangent
        place, of_change = _doubled(self.n_carry, self.length, self.n_x, len(body.outside))
        _, kept_change = _doubled(self.n_carry, self.length, len(body.kept), 0)
        given = [part for part in parts if (part[1] < self.n_given).all()]
        weights = [(part, places - self.n_given) for part, places in parts if (places >= self.n_given).all()]
        moved = [(part, place[places]) for part, places in given]
        moved.append((adjoints(numpy.arange(self.n_given)), of_change))
        forward = make(tangent, moved)
        weighted = [(part, tangent.n_given + kept_change[places]) for part, places in weights]
        back = make(tangent.reverse, [*moved, *weighted])
        return [
            *[(part, back, place[places]) for part, places in given],
            *[(part, forward, kept_change[places]) for part, places in weights],
        ]

    def _columns(self, given: Floats, in_machine_code: bool, keeps: bool, forth: Floats | None) -> Floats:
        n, n_x, n_kept, size = self.n_carry, self.n_x, len(self.body.kept), len(self.body.state)
        step, columns = partial(self.body.step, in_machine_code=in_machine_code), given.shape[1]
        states, first = None if forth is None else forth.base, self.forward.n_out
        is_kept = states is not None and states.shape == (first + self.length * size, columns)
        every = self.length if is_kept else self._every(columns)
        if states is None or not is_kept:
            states, first = numpy.empty((min(every, self.length) * size, columns)), 0
        starts, carry, checkpoints = range(0, self.length, every), given[:n].copy(), list[Floats]()
        for start in starts:
            checkpoints.append(carry.copy())
            if start != starts[-1]:
                step("carry").run(every, [*self._inputs(Rows(carry), given, start), Rows(carry)], self._fixed(start))
        out, slopes, of_kept = numpy.zeros((self.n_out, columns)), given[self.n_given :][:n].copy(), self.n_given + n
        for start, carry in zip(reversed(starts), reversed(checkpoints)):
            steps = min(every, self.length - start)
            last = start + steps - 1
            if not is_kept:
                rows = [*self._inputs(Rows(carry), given, start), Rows(carry), Rows(states, 0, size)]
                step("states").run(steps, rows, self._fixed(start))
            state = Rows(states, first + (steps - 1) * size, -size)
            adjoints = [Rows(slopes), Rows(given, of_kept + last * n_kept, -n_kept)]
            outside, more = Rows(out, self.first_outside), [Rows(out, row) for row in range(self.n_given, self.n_out)]
            inputs = [*self._inputs(state, given, last, -1), *adjoints, outside, *more]
            outputs = [Rows(slopes), Rows(out, n + last * n_x, -n_x), outside, *more]
            step(self.step).run(steps, [*inputs, *outputs], self._fixed(last, -1))
        out[:n] = slopes
        return out


class Doubting(Reverse):
    """`Reverse` with one more number at the end: how many zeros met inf or nan in it, or infs -inf."""

    step = "doubts"

    def _sizes(self) -> tuple[int, int, int]:
        n_in, n_rows, n_out = super()._sizes()
        return n_in, n_rows, n_out + 1


def _doubled(n_first: int, length: int, n_each: int, n_last: int) -> tuple[Index, Index]:
    """For numbers that come in a first part, a part for each step and a last part: where they are if each part is
    followed by its changes; and where the changes are."""
    first, each, last = numpy.arange(n_first), numpy.arange(n_each), numpy.arange(n_last)
    steps = (2 * n_first + 2 * n_each * numpy.arange(length))[:, None]
    end = 2 * n_first + 2 * n_each * length
    place = numpy.concatenate([first, (steps + each).ravel(), end + last])
    sizes = numpy.repeat([n_first, n_each, n_last], [n_first, n_each * length, n_last])
    return place, place + sizes
