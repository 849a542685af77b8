"""Constants of a file in C: arrays of numbers and of indices, each written once, and indices as expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy

from autograd_mini.compiler.export.statements import literal
from autograd_mini.compiler.ir.program import Floats, Index

INTEGERS = {"unsigned char": 2**8, "unsigned short": 2**16, "int": 2**31}
"""Types, by the end of the range of numbers from 0 that they hold."""

WIDTH = 110


class Constants:
    """The constant arrays of a file, equal ones once."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, tuple[str, ...]], str] = {}

    def written(self, body: str) -> list[str]:
        """The definitions of the arrays that a text uses."""
        used = set(re.findall(r"\b[cn]\d+\b", body))
        return [
            f"static const {kind} {name}[{len(texts)}] = {{\n{wrapped(texts)}\n}};"
            for (kind, texts), name in self._names.items()
            if name in used
        ]

    def numbers(self, numbers: Floats) -> str:
        """The name of an array of doubles."""
        return self._array("double", "c", map(literal, numbers.tolist()))

    def integers(self, integers: Any, kind: str = "") -> str:
        """The name of an array of integers, of the smallest type that holds them if none is given."""
        found = numpy.asarray(integers, dtype=numpy.int64).ravel()
        least, most = (int(found.min()), int(found.max())) if found.size else (0, 0)
        fits = [each for each, end in INTEGERS.items() if most < end and (least >= 0 or each == "int")]
        return self._array(kind or fits[0], "n", map(str, found.tolist()))

    def _array(self, kind: str, prefix: str, texts: Any) -> str:
        return self._names.setdefault((kind, tuple(texts)), f"{prefix}{len(self._names)}")

    def index(self, index: Index, variables: Sequence[str], start: int = 0) -> str:
        """An expression in C for `index[i, j, …] + start`, given the names of i, j, …: a formula if there is one, else
        an element of an array, or both."""
        terms, start = self._terms(index, variables, start)
        if start or not terms:
            terms.append(str(start))
        return " + ".join(terms).replace("+ -", "- ")

    def _terms(self, index: Index, variables: Sequence[str], start: int) -> tuple[list[str], int]:
        """The terms that depend on variables, and the sum of all other terms."""
        if not variables:
            return [], start + int(index)
        last = index.reshape(-1, index.shape[-1])
        steps = last - last[:, :1]
        if (steps == steps[0]).all():
            terms, start = self._terms(index[..., 0], variables[:-1], start)
            step = int(steps[0, 1]) if steps.shape[1] > 1 else 0
            if (steps[0] == step * numpy.arange(steps.shape[1])).all():
                return [*terms, *([variables[-1]] * step if step in (0, 1) else [f"{step} * {variables[-1]}"])], start
            return [*terms, f"{self.integers(steps[0] - steps[0].min())}[{variables[-1]}]"], start + int(steps[0].min())
        least = int(index.min())
        return [f"{self.integers(index - least)}[{flat(index.shape, variables)}]"], start + least


def flat(shape: Sequence[int], variables: Sequence[str]) -> str:
    """An expression for an element's place in an array in C's order."""
    text = variables[0]
    for size, variable in zip(shape[1:], variables[1:]):
        text = f"{size} * ({text}) + {variable}" if " " in text else f"{size} * {text} + {variable}"
    return text


def wrapped(texts: Sequence[str]) -> str:
    """The elements of an array as text, several in each line."""
    size = max(map(len, texts), default=1) + 2
    each = max(1, WIDTH // size)
    return ",\n".join(["    " + ", ".join(texts[place : place + each]) for place in range(0, len(texts), each)])
