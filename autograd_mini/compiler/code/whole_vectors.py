"""Functions of whole vectors, on a list of cells: n operands, one or n results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import inf, nan
from typing import Any

from autograd_mini.compiler.code.cells import EMISSIONS, ROWS, Cell, first_equal, largest, norm, smallest
from autograd_mini.primitives import TABLE


def _finite(x: Cell, then: Any, otherwise: Any) -> Cell:
    return abs(x).where("olt", inf, then, otherwise)


def _powers(xs: Sequence[Cell]) -> tuple[Cell, list[Cell]]:
    """The largest, and exp(x - largest) of each."""
    top = reduce(largest, xs)
    return top, [ROWS["exp"](x - top) for x in xs]


def _log_total(xs: Sequence[Cell], top: Cell, powers: Sequence[Cell]) -> Cell:
    """log Σ exp(x - top): exact even when the others add next to nothing to the first one, which is 1."""
    firsts = first_equal(top, *xs)
    others: Any = 0.0
    for first, power in zip(firsts, powers):
        others = first.where("oeq", 1.0, 0.0, power) + others
    return ROWS["log1p"](others)  # type: ignore[no-any-return]


def _logsumexp(*xs: Cell) -> Cell:
    top, powers = _powers(xs)
    return _finite(top, top + _log_total(xs, top, powers), top)


def softmax(xs: Sequence[Cell], empty: float) -> list[Cell]:
    top, powers = _powers(xs)
    total = reduce(lambda x, y: x + y, powers)
    return [top.where("oeq", -inf, empty, power / total) for power in powers]


def log_softmax(xs: Sequence[Cell], empty: float) -> list[Cell]:
    top, powers = _powers(xs)
    log_total = _log_total(xs, top, powers)
    return [_finite(top, x - top - log_total, nan) for x in xs]


def sum_of_others(xs: Sequence[Cell], empty: float) -> list[Cell]:
    """By running sums from both ends."""
    zero = xs[0].assembly.number(0.0)
    left, right = [zero], [zero]
    for x, y in zip(xs[:-1], xs[:0:-1]):
        left.append(left[-1] + x)
        right.append(right[-1] + y)
    return [x + y for x, y in zip(left, reversed(right))]


VECTORS: dict[str, Callable[[Sequence[Cell], float], Sequence[Cell]]] = {
    "softmax": softmax,
    "log_softmax": log_softmax,
    "sum_of_others": sum_of_others,
    "first_max": lambda xs, empty: first_equal(reduce(largest, xs), *xs),
    "first_min": lambda xs, empty: first_equal(reduce(smallest, xs), *xs),
}

REDUCTIONS: dict[str, Callable[..., Cell]] = {
    "max": lambda *xs: reduce(largest, xs),
    "min": lambda *xs: reduce(smallest, xs),
    "prod": lambda *xs: reduce(lambda x, y: x * y, xs),
    "norm": norm,
    "hypot": norm,
    "logsumexp": _logsumexp,
}

EMISSIONS.update({TABLE[name]: reduction for name, reduction in REDUCTIONS.items()})
EMISSIONS[TABLE["softmax"]] = lambda *xs, index=0, empty=nan: softmax(xs, empty)[index]
EMISSIONS[TABLE["log_softmax"]] = lambda *xs, index=0: log_softmax(xs, nan)[index]
