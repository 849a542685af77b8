"""Functions in C that are called from outside, each with those by which CasADi asks about its arguments and results;
and which numbers of a derivative may not be 0, in the order in which they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy

from autograd_mini.compiler.export.bodies_in_c import function
from autograd_mini.compiler.export.constants import Constants
from autograd_mini.compiler.ir.program import Index


@dataclass(frozen=True, eq=False)
class Pattern:
    """Rows and columns of the nonzeros of a matrix, column after column."""

    shape: tuple[int, int]
    rows: Index
    columns: Index

    @property
    def T(self) -> Pattern:
        """The pattern of the transposed matrix."""
        return Pattern(self.shape[::-1], self.columns[self.turned], self.rows[self.turned])

    @property
    def turned(self) -> Index:
        """For each nonzero of the transposed matrix, which one it is here."""
        return numpy.lexsort((self.columns, self.rows))

    @property
    def in_casadi(self) -> list[int]:
        """The pattern as CasADi reads it: the shape, where each column starts, and the row of each nonzero."""
        n_rows, n_columns = self.shape
        if self.rows.size == n_rows * n_columns:
            return [n_rows, n_columns, 1]
        starts = numpy.searchsorted(self.columns, numpy.arange(n_columns + 1))
        return [n_rows, n_columns, *starts.tolist(), *self.rows.tolist()]


def dense(n_rows: int, n_columns: int) -> Pattern:
    columns, rows = (each.ravel() for each in numpy.indices((n_columns, n_rows)))
    return Pattern((n_rows, n_columns), rows, columns)


def empty(n_rows: int, n_columns: int) -> Pattern:
    none = numpy.zeros(0, dtype=numpy.int64)
    return Pattern((n_rows, n_columns), none, none)


class Part(NamedTuple):
    """A block of a matrix, and for each of its nonzeros, which entry of the matrix it is."""

    pattern: Pattern
    places: Index


def parts_of(rows: Index, columns: Index, heights: Sequence[int], widths: Sequence[int]) -> list[list[Part]]:
    """The blocks of a matrix, given the rows and columns of its entries."""
    ends, edges = numpy.cumsum([0, *heights]), numpy.cumsum([0, *widths])
    row, column = (numpy.searchsorted(each[1:], at, "right") for each, at in ((ends, rows), (edges, columns)))

    def part(i: int, j: int) -> Part:
        chosen = numpy.flatnonzero((row == i) & (column == j))
        at = rows[chosen] - ends[i], columns[chosen] - edges[j]
        order = numpy.lexsort(at)
        return Part(Pattern((heights[i], widths[j]), at[0][order], at[1][order]), chosen[order])

    return [[part(i, j) for j in range(len(widths))] for i in range(len(heights))]


ARGUMENTS = "const casadi_real **arg, casadi_real **res, casadi_int *iw, casadi_real *w, int mem"


@dataclass(frozen=True)
class Entry:
    """A function that is called from outside.

    Attributes:
        says: what it computes, for the header.
        inputs: its arguments, by name.
        outputs: its results, by name.
        lines: what it does, all but its head; its status is what it returns.
        differentiable: which of its inputs it may be differentiated with respect to.
    """

    name: str
    says: str
    inputs: Sequence[tuple[str, Pattern]]
    outputs: Sequence[tuple[str, Pattern]]
    lines: Sequence[str]
    differentiable: Sequence[bool] = ()

    def declared(self) -> list[str]:
        """Its prototypes, for the header."""
        takes, gives = (", ".join(map(_shown, each)) for each in (self.inputs, self.outputs))
        return [
            f"/* {self.says}",
            f"   arg: {takes or 'nothing'}",
            f"   res: {gives or 'nothing'} */",
            f"int {self.name}({ARGUMENTS});",
            *[f"{head};" for head, _ in self._questions(None)],
            "",
        ]

    def written(self, constants: Constants, size: int) -> list[str]:
        """Its definition, and those of the functions that describe it.

        Args:
            size: how many doubles of memory all functions need.
        """
        lines = function(f"int {self.name}({ARGUMENTS})", ["(void)iw;", "(void)mem;", *self.lines])
        for asked in self._questions(constants, size):
            lines += function(*asked)
        return lines

    def _questions(self, constants: Constants | None, size: int = 0) -> list[tuple[str, list[str]]]:
        """The heads and bodies of the functions that describe its arguments and results."""
        name, n_in, n_out = self.name, len(self.inputs), len(self.outputs)

        def choice(kind: str, what: str, answers: Sequence[str], otherwise: str = "0") -> tuple[str, list[str]]:
            cases = [f"case {number}: return {answer};" for number, answer in enumerate(answers)]
            return f"{kind}{name}_{what}(casadi_int i)", ["switch (i) {", *cases, f"default: return {otherwise};", "}"]

        def patterns(each: Sequence[tuple[str, Pattern]]) -> list[str]:
            if constants is None:
                return []
            return [constants.integers(pattern.in_casadi, "casadi_int") for _, pattern in each]

        sizes = ["*sz_arg", "*sz_res", "*sz_iw", "*sz_w"]
        asked = ", ".join(f"casadi_int {each}" for each in sizes)
        given = [f"if ({each[1:]}) {each} = {count};" for each, count in zip(sizes, (n_in, n_out, 0, size))]
        found = [
            (f"casadi_int {name}_n_in(void)", [f"return {n_in};"]),
            (f"casadi_int {name}_n_out(void)", [f"return {n_out};"]),
            choice("const char *", "name_in", [f'"{each}"' for each, _ in self.inputs]),
            choice("const char *", "name_out", [f'"{each}"' for each, _ in self.outputs]),
            choice("const casadi_int *", "sparsity_in", patterns(self.inputs)),
            choice("const casadi_int *", "sparsity_out", patterns(self.outputs)),
            (f"int {name}_work({asked})", [*given, "return 0;"]),
            (f"void {name}_incref(void)", []),
            (f"void {name}_decref(void)", []),
        ]
        if not all(self.differentiable):
            found.append(choice("int ", "diff_in", [str(int(each)) for each in self.differentiable]))
        return found


def _shown(each: tuple[str, Pattern]) -> str:
    name, pattern = each
    n_rows, n_columns = pattern.shape
    count = pattern.rows.size
    shape = f"{n_rows}" if n_columns == 1 else f"{n_rows} x {n_columns}"
    return f"{name}[{shape}]" if count == n_rows * n_columns else f"{name}[{shape}, {count} nonzeros]"
