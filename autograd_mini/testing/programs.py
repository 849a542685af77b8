"""Straight-line programs over the table of primitives, which `strategies.expressions` draws, and their builder, which
keeps each operand within the domain of its operation."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf, isfinite
from typing import Any, NamedTuple, TypeAlias

from autograd_mini import functions
from autograd_mini.primitives import TABLE, Primitive

INFIX = {name for name, row in TABLE.items() if row.arity == 2 and not row.symbol.isidentifier()}
OF_TWO_LISTS = {
    name
    for name, row in TABLE.items()
    if row.arity is None and len(inspect.signature(getattr(functions, name)).parameters) == 2
}
INLINED = 50

Chooser: TypeAlias = Callable[[int, int], int]
Constants: TypeAlias = Callable[[float, float], float]

LARGEST = 1e6
JUMPS = {("where", 0), ("copysign", 1)}
"""Operands, by operation and place, at whose 0 the operation jumps."""


class Step(NamedTuple):
    """One operation. An operand is a constant (a float) or the index (an int) of an input or of an earlier step; steps
    are numbered on from the inputs.

    >>> from autograd_mini import TABLE
    >>> Step(TABLE["mul"], (0, 2.0))
    Step(primitive=<primitive mul>, operands=(0, 2.0))
    """

    primitive: Primitive
    operands: tuple[int | float, ...]


class Program:
    """A function of a few numbers, built from primitives alone; its result is that of its last step.

    It takes plain numbers, Values, mpmath numbers and whatever else has `apply_primitive`. Its `repr` is Python code
    that runs after `import autograd_mini as ag`.

    Attributes:
        n_inputs: how many numbers it takes.
        steps: its operations, in order.
        point: a point at which every operand lies in its operation's domain.

    >>> from autograd_mini import TABLE
    >>> program = Program(2, [Step(TABLE["sin"], (0,)), Step(TABLE["mul"], (2, 1)), Step(TABLE["add"], (3, 2))], (1, 2))
    >>> program
    lambda x0, x1: (t2 := ag.sin(x0), (t2 * x1) + t2)[-1]
    >>> program(0.0, 5.0)
    0.0
    """

    def __init__(self, n_inputs: int, steps: Sequence[Step], point: Sequence[float]) -> None:
        self.n_inputs = n_inputs
        self.steps: tuple[Step, ...] = tuple(steps)
        self.point: tuple[float, ...] = tuple(point)
        self.__name__ = "program"

    def __call__(self, *inputs: Any) -> Any:
        return self.run(inputs)[-1]

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """The inputs, followed by the results of all steps; a TypeError if the number of inputs is wrong.

        >>> from autograd_mini import TABLE
        >>> Program(1, [Step(TABLE["square"], (0,)), Step(TABLE["neg"], (1,))], [3.0]).run([3.0])
        [3.0, 9.0, -9.0]
        """
        if len(inputs) != self.n_inputs:
            raise TypeError(f"the program takes {self.n_inputs} number(s), got {len(inputs)}")
        results = list(inputs)
        is_mpmath = any(type(x).__module__.startswith("mpmath") for x in inputs)
        for primitive, operands in self.steps:
            args = [results[operand] if isinstance(operand, int) else operand for operand in operands]
            results.append(_in_mpmath(primitive, args) if is_mpmath else primitive(*args))
        return results

    def __repr__(self) -> str:
        texts = [f"x{index}" for index in range(self.n_inputs)]
        uses = Counter(each for _, operands in self.steps for each in operands if isinstance(each, int))
        named = []
        for index, step in enumerate(self.steps, start=self.n_inputs):
            text = _written(step, [texts[each] if isinstance(each, int) else repr(each) for each in step.operands])
            is_last = index == self.n_inputs + len(self.steps) - 1
            if not is_last and (uses[index] != 1 or len(text) > INLINED):
                named.append(f"t{index} := {text}")
                text = f"t{index}"
            elif not is_last and step.primitive.name in INFIX | {"neg", "pos"}:
                text = f"({text})"
            texts.append(text)
        parameters = ", ".join(texts[: self.n_inputs])
        body = f"({', '.join([*named, texts[-1]])})[-1]" if named else texts[-1]
        return f"lambda {parameters}: {body}"


def _in_mpmath(primitive: Primitive, args: Sequence[Any]) -> Any:
    from autograd_mini.testing.reference import evaluate, mpmath_module

    return evaluate(primitive, [mpmath_module().mpf(arg) for arg in args])


def _written(step: Step, operands: Sequence[str]) -> str:
    """One operation as Python code, its operands already written."""
    name, options = step.primitive.name, dict(step.primitive.options)
    if name in INFIX:
        left, right = operands
        return f"{left if left[0] != '-' else f'({left})'} {step.primitive.symbol} {right}"
    if name in ("neg", "pos"):
        return f"{step.primitive.symbol}{operands[0]}"
    function = f"ag.{name}" if hasattr(functions, name) else f"ag.TABLE[{name!r}]"
    if name in OF_TWO_LISTS:
        half = len(operands) // 2
        return f"{function}([{', '.join(operands[:half])}], [{', '.join(operands[half:])}])"
    if step.primitive.arity is None and hasattr(functions, name):
        index = f"[{options['index']}]" if "index" in options else ""
        return f"{function}([{', '.join(operands)}]){index}"
    if name == "polygamma":
        return f"{function}({options.get('order', 1)}, {operands[0]})"
    if name == "ldexp":
        return f"{function}({operands[0]}, {int(float(operands[1]))})"
    keywords = [f"{key}={option!r}" for key, option in options.items()]
    return f"{function}({', '.join([*operands, *keywords])})"


class Builder:
    """A program that grows operation by operation, and its results at the point."""

    def __init__(self, choose: Chooser, constant: Constants, point: list[float]) -> None:
        self._integer = choose
        self._constant = constant
        self.point = point
        self.results: list[float] = list(point)
        self.steps: list[Step] = []

    def add(self, row: Primitive) -> None:
        """Append an operation with operands chosen within its domain, unless its result is infinite or too large."""
        domains = row.domain if row.arity is not None else row.domain * self._count(row)
        operands: list[int | float] = []
        for place, domain in enumerate(domains):
            if row.name == "ldexp" and place == 1:
                operands.append(float(self._integer(-3, 3)))
            else:
                operands.append(self._operand(domain, must_vary=place == 0, may_vanish=(row.name, place) not in JUMPS))
        self._append(self._variant(row, len(operands)), tuple(operands))

    def program(self, gathers: bool) -> Program:
        """The finished program; if `gathers`, its last step adds up all results that no step uses."""
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
        """Append a sine of the operand scaled into the interval, and return its index."""
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
    """The steps that the last one depends on, renumbered."""
    needed = {n_inputs + len(steps) - 1}
    for index in range(len(steps) - 1, -1, -1):
        if n_inputs + index in needed:
            needed |= {operand for operand in steps[index].operands if isinstance(operand, int)}
    kept = [index for index in range(len(steps)) if n_inputs + index in needed]
    numbers = {n_inputs + index: n_inputs + place for place, index in enumerate(kept)}
    return [
        Step(
            steps[index].primitive,
            tuple(numbers.get(each, each) if isinstance(each, int) else each for each in steps[index].operands),
        )
        for index in kept
    ]


def _is_within(x: float, low: float, high: float) -> bool:
    """Whether x lies inside the interval, and far enough from its ends that what lies beyond does not dominate."""
    margin = 1e-3 if high == inf or low == -inf else 1e-3 * (high - low)
    return low + (margin if isfinite(low) else 0.0) < x < high - (margin if isfinite(high) else 0.0)
