"""Straight-line programs over the table of primitives: what `strategies.expressions` draws."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from autograd_mini import functions
from autograd_mini.primitives import TABLE, Primitive

INFIX = {name for name, row in TABLE.items() if row.arity == 2 and not row.symbol.isidentifier()}
OF_TWO_LISTS = {
    name
    for name, row in TABLE.items()
    if row.arity is None and len(inspect.signature(getattr(functions, name)).parameters) == 2
}
INLINED = 50


class Step(NamedTuple):
    """One operation. An operand is the number (an int) of an input or of an earlier step, counted on from the
    inputs, or a constant (a float).

    >>> from autograd_mini import TABLE
    >>> Step(TABLE["mul"], (0, 2.0))
    Step(primitive=<primitive mul>, operands=(0, 2.0))
    """

    primitive: Primitive
    operands: tuple[int | float, ...]


class Program:
    """A function of a few numbers, made of primitives alone; its result is that of its last step.

    It takes plain numbers, Values, mpmath numbers and whatever else has `apply_primitive`. Its `repr` is Python,
    to be pasted where `import autograd_mini as ag` has run.

    Attributes:
        n_inputs: how many numbers it takes.
        steps: what it does.
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
        """The results of all steps, after the inputs; a TypeError if there are more or fewer inputs than it takes.

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
        uses = [0] * (self.n_inputs + len(self.steps))
        for _, operands in self.steps:
            for operand in operands:
                if isinstance(operand, int):
                    uses[operand] += 1
        named = []
        for index, step in enumerate(self.steps, start=self.n_inputs):
            text = _written(step, [texts[each] if isinstance(each, int) else repr(each) for each in step.operands])
            is_last = index == len(uses) - 1
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
    """One operation in Python."""
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
