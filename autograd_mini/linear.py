"""Small systems of linear equations: solved in numbers, and by operations that can be differentiated again."""

from __future__ import annotations

from functools import cache, lru_cache
from math import nan
from struct import pack, unpack

from autograd_mini.primitives import Primitive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

EPSILON = 2.0**-52


def eliminate(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float] | None:
    """The x with A x = b by Gaussian elimination with scaled partial pivoting; None if A is singular to working
    precision: if a pivot is no larger than the rounding errors of the terms summed in it.

    >>> eliminate([[0.0, 2.0], [4.0, 1.0]], [2.0, 9.0])
    [2.0, 1.0]
    >>> eliminate([[0.1, 0.3], [0.2, 0.6]], [1.0, 1.0]) is None
    True
    """
    n = len(right)
    if n == 1:  # the same as below, but faster
        pivot, b = float(matrix[0][0]), float(right[0])
        return [b / pivot] if 4 * EPSILON * abs(pivot) < abs(pivot) < float("inf") else None
    rows = [[*map(float, row), float(b)] for row, b in zip(matrix, right)]
    terms = [[abs(each) for each in row] for row in rows]
    largest = [max(row[:n]) for row in terms]
    for k in range(n):
        best = max(range(k, n), key=lambda i: abs(rows[i][k]) / largest[i] if largest[i] else 0.0)
        rows[k], rows[best] = rows[best], rows[k]
        terms[k], terms[best] = terms[best], terms[k]
        largest[k], largest[best] = largest[best], largest[k]
        if not 4 * n * EPSILON * terms[k][k] < abs(rows[k][k]) < float("inf"):
            return None
        for i in range(k + 1, n):
            factor = rows[i][k] / rows[k][k]
            if factor:
                for j in range(k + 1, n + 1):
                    rows[i][j] -= factor * rows[k][j]
                    terms[i][j] += abs(factor) * terms[k][j]
    x = [0.0] * n
    for k in reversed(range(n)):
        x[k] = (rows[k][n] - sum(rows[k][j] * x[j] for j in range(k + 1, n))) / rows[k][k]
    return x


@lru_cache(maxsize=4096)
def _solution(n: int, numbers: bytes) -> tuple[float, ...]:
    """The solution of a system, given by the bytes of its matrix and right-hand side; nan if it is singular."""
    found = unpack(f"{n * n + n}d", numbers)
    return tuple(eliminate([found[n * i : n * i + n] for i in range(n)], found[n * n :]) or [nan] * n)


class LinearSolve(Primitive):
    """Component `index` of the solution of n equations: an operation on the entries of A, row by row, and of b.

    With x = A⁻¹ b and u the row of A⁻¹ of this component, ∂xᵢ/∂bⱼ = uⱼ and ∂xᵢ/∂Aⱼₖ = -uⱼ xₖ.
    """

    def __init__(self, n: int, index: int) -> None:
        count = n * n + n
        super().__init__(
            "linear_solve", lambda *xs: _solution(n, pack(f"{count}d", *xs))[index], self._partials, arity=count
        )
        self.n = n
        self.index = index

    def _partials(self, out: Any, *args: Any) -> tuple[Any, ...]:
        n = self.n
        transposed = [args[n * i + j] for j in range(n) for i in range(n)]
        u = solve_linear(transposed, [float(i == self.index) for i in range(n)])
        x = [out if i == self.index else linear_solve(n, i)(*args) for i in range(n)]
        return (*[-(u[j] * x[k]) for j in range(n) for k in range(n)], *u)

    def __reduce__(self) -> tuple[Any, ...]:
        return linear_solve, (self.n, self.index)


@cache
def linear_solve(n: int, index: int) -> LinearSolve:
    """The operation `LinearSolve(n, index)`, made only once."""
    return LinearSolve(n, index)


def solve_linear(matrix: Sequence[Any], right: Sequence[Any]) -> list[Any]:
    """The x with A x = b, for numbers of any kind that primitives take; `matrix` holds A row by row."""
    n = len(right)
    return [linear_solve(n, index)(*matrix, *right) for index in range(n)]
