"""Statements in C: numbers named one after the other, written by the same rows of the table as machine code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import copysign, inf, isnan

from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.primitives import TABLE
from autograd_mini.primitives.symbols import lasting_formula

OPERATIONS = {"fadd": "{} + {}", "fsub": "{} - {}", "fmul": "{} * {}", "fdiv": "{} / {}", "fneg": "-{}"}
COMPARISONS = {
    "olt": "{} < {}",
    "ole": "{} <= {}",
    "ogt": "{} > {}",
    "oge": "{} >= {}",
    "oeq": "{} == {}",
    "une": "{} != {}",
    "uno": "isunordered({}, {})",
}
FUSED = "FUSED"
"""The macro for x·y + z, which rounds once where that is as fast as twice."""

INTRINSICS = {"fmuladd": FUSED}
"""LLVM's intrinsics that have another name in C."""

_NAME = re.compile(r"\bt\d+\b")


def literal(number: float) -> str:
    """A double in C, exactly.

    >>> literal(0.1), literal(-0.0), literal(float("-inf")), literal(float("nan"))
    ('0.1', '(-0.0)', '(-INFINITY)', 'NAN')
    """
    if isnan(number):
        return "NAN"
    text = "INFINITY" if abs(number) == inf else repr(abs(number))
    return f"(-{text})" if copysign(1.0, number) < 0.0 else text


class Statements(Assembly):
    """Statements that compute single numbers; those whose results are not used are left out."""

    def __init__(self) -> None:
        super().__init__(1)
        self._lets: dict[str, str] = {}
        self._stores: list[tuple[str, str]] = []

    def let(self, text: str) -> str:
        name = f"t{len(self._lets)}"
        self._lets[name] = text
        return name

    def number(self, number: float) -> Cell:
        return Cell(self, literal(number), number)

    def read(self, place: str) -> Cell:
        """The number in a place of memory."""
        return self.define(place)

    def write(self, place: str, cell: Cell) -> None:
        """Put a number into a place of memory, after all else is computed."""
        self._stores.append((place, cell.name))

    def operate(self, instruction: str, *args: Cell) -> Cell:
        return self.define(OPERATIONS[instruction].format(*[arg.name for arg in args]))

    def compare(self, how: str, x: Cell, y: Cell) -> str:
        return COMPARISONS[how].format(x.name, y.name)

    def select(self, condition: str, x: object, y: object) -> Cell:
        return self.define(f"{condition} ? {self.cell(x).name} : {self.cell(y).name}")

    def written_out(self, function: str, x: Cell) -> Cell:
        formula = lasting_formula(TABLE.auxiliary[function], 1) if function in TABLE.auxiliary else None
        return self.libm(function, x) if formula is None else formula(x)

    def intrinsic(self, function: str, *args: Cell) -> Cell:
        return self.apply(INTRINSICS.get(function, function), *args)

    def apply(self, function: str, *args: Cell) -> Cell:
        return self.define(f"{function}({', '.join([arg.name for arg in args])})")

    libm = apply

    def power_of_two(self, exponent: Cell) -> Cell:
        return self.define(f"ldexp(1.0, (int){exponent.name})")

    def written(self) -> Sequence[str]:
        """The lines of all statements that are needed."""
        needed = set(_names(*[text for _, text in self._stores]))
        for name in reversed(self._lets):
            if name in needed:
                needed.update(_names(self._lets[name]))
        lines = [f"const double {name} = {text};" for name, text in self._lets.items() if name in needed]
        return [*lines, *(f"{place} = {text};" for place, text in self._stores)]


def _names(*texts: str) -> Sequence[str]:
    return [name for text in texts for name in _NAME.findall(text)]
