"""Programs that grow operation by operation, each operand within the domain of its operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, isfinite
from typing import TypeAlias

from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.testing.programs import OF_TWO_LISTS, Program, Step

Chooser: TypeAlias = Callable[[int, int], int]
Constants: TypeAlias = Callable[[float, float], float]

LARGEST = 1e6
JUMPS = {("where", 0), ("copysign", 1)}
"""Operands at whose 0 an operation jumps."""


class Builder:
    """A program that grows operation by operation, and its results at the point."""

    def __init__(self, choose: Chooser, constant: Constants, point: list[float]) -> None:
        self._integer = choose
        self._constant = constant
        self.point = point
        self.results: list[float] = list(point)
        self.steps: list[Step] = []

    def add(self, row: Primitive) -> None:
        """One operation more, unless its result is too large to go on with."""
        domains = row.domain if row.arity is not None else row.domain * self._count(row)
        operands: list[int | float] = []
        for place, domain in enumerate(domains):
            if row.name == "ldexp" and place == 1:
                operands.append(float(self._integer(-3, 3)))
            else:
                operands.append(self._operand(domain, must_vary=place == 0, may_vanish=(row.name, place) not in JUMPS))
        self._append(self._variant(row, len(operands)), tuple(operands))

    def program(self, gathers: bool) -> Program:
        """The program, whose last step adds up all results that nothing uses, if asked to."""
        if not self.steps:
            self._append(TABLE["pos"], (0,))
        used = {operand for step in self.steps for operand in step.operands if isinstance(operand, int)}
        unused = [index for index in range(len(self.results)) if index not in used]
        if gathers and len(unused) > 1:
            self._append(TABLE["sum"], tuple(unused))
        return Program(len(self.point), _needed(self.steps, len(self.point)), self.point)

    def _count(self, row: Primitive) -> int:
        return self._integer(1, 4) if row.name not in OF_TWO_LISTS else 2 * self._integer(1, 2)

    def _variant(self, row: Primitive, count: int) -> Primitive:
        if row.name in ("softmax", "log_softmax"):
            return row.variant(index=self._integer(0, count - 1))
        if row.name == "polygamma":
            return row.variant(order=self._integer(1, 3))
        if row.name == "gelu" and self._integer(0, 1):
            return row.variant(approximate="tanh")
        return row

    def _operand(self, domain: tuple[float, float], *, must_vary: bool, may_vanish: bool) -> int | float:
        low, high = domain
        if not must_vary and self._integer(0, 3) == 3:
            constant = self._constant(max(low, -4.0), min(high, 4.0))
            if _is_within(constant, low, high) and (may_vanish or constant):
                return constant
        fitting = [i for i, x in enumerate(self.results) if _is_within(x, low, high) and (may_vanish or x)]
        if fitting:
            return fitting[-1 - self._integer(0, len(fitting) - 1)]
        last = len(self.results) - 1
        return self._brought_into(last - self._integer(0, last), *(domain if may_vanish else (0.0, inf)))

    def _brought_into(self, operand: int, low: float, high: float) -> int:
        """A sine of the operand, scaled into the interval."""
        bottom = low if isfinite(low) else high - 4.0 if isfinite(high) else -2.0
        top = high if isfinite(high) else bottom + 4.0
        middle, half = (bottom + top) / 2.0, (top - bottom) * 0.375
        self._append(TABLE["sin"], (operand,))
        self._append(TABLE["fma"], (len(self.results) - 1, half, middle))
        return len(self.results) - 1

    def _append(self, row: Primitive, operands: tuple[int | float, ...]) -> None:
        result = row(*(self.results[each] if isinstance(each, int) else each for each in operands))
        if isfinite(result) and abs(result) <= LARGEST:
            self.steps.append(Step(row, operands))
            self.results.append(result)


def _needed(steps: Sequence[Step], n_inputs: int) -> list[Step]:
    """Those steps that the last one depends on, numbered anew."""
    needed = {n_inputs + len(steps) - 1}
    for index in range(len(steps) - 1, -1, -1):
        if n_inputs + index in needed:
            needed |= {operand for operand in steps[index].operands if isinstance(operand, int)}
    kept = [index for index in range(len(steps)) if n_inputs + index in needed]
    numbers = {n_inputs + index: n_inputs + place for place, index in enumerate(kept)}
    return [
        Step(steps[index].primitive, tuple(_renumbered(each, numbers) for each in steps[index].operands))
        for index in kept
    ]


def _renumbered(operand: int | float, numbers: Mapping[int, int]) -> int | float:
    return numbers.get(operand, operand) if isinstance(operand, int) else operand


def _is_within(x: float, low: float, high: float) -> bool:
    """Inside, and not so near to an end that the function beyond it is all that one sees."""
    margin = 1e-3 if high == inf or low == -inf else 1e-3 * (high - low)
    return low + (margin if isfinite(low) else 0.0) < x < high - (margin if isfinite(high) else 0.0)
