"""The rules of operations on whole vectors at once, of packs and of scalars alike.

A softmax of n outputs has n² local derivatives in the table; here the same sums are taken in O(n). A test holds
each of these rules to the table's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import nan
from typing import Any, Protocol, TypeVar

from autograd_mini.primitives import TABLE, Primitive

V = TypeVar("V")

Term = tuple[float, V, V | None]
"""c·x·y, number by number; y is None for 1. If an adjoint is a factor, it is x."""


class Vectors(Protocol[V]):
    """Applies operations to whole vectors, of packs or of scalars."""

    def vector(self, function: str, x: V, empty: float = nan) -> V:
        """A function of vectors to vectors."""

    def each(self, primitive: Primitive, x: V, y: V) -> V:
        """A primitive, number by number."""

    def combined(self, terms: Sequence[Term[V]]) -> V:
        """The sum of the terms."""


def _others(vectors: Vectors[V], x: V) -> V:
    return vectors.vector("sum_of_others", x)


def _softmax(vectors: Vectors[V], x: V, y: V, g: V, empty: float) -> list[Term[V]]:
    """yⱼ·(gⱼ·Σ_{i≠j} yᵢ - Σ_{i≠j} gᵢ·yᵢ)."""
    weighted = vectors.combined([(1.0, g, y)])
    change = vectors.combined([(1.0, g, _others(vectors, y)), (-1.0, _others(vectors, weighted), None)])
    return [(1.0, change, y)]


def _log_softmax(vectors: Vectors[V], x: V, y: V, g: V, empty: float) -> list[Term[V]]:
    """gⱼ·Σ_{i≠j} sᵢ - sⱼ·Σ_{i≠j} gᵢ with the softmax s."""
    shares = vectors.vector("softmax", x, empty)
    return [(1.0, g, _others(vectors, shares)), (-1.0, _others(vectors, g), shares)]


def _sum_of_others(vectors: Vectors[V], x: V, y: V, g: V, empty: float) -> list[Term[V]]:
    return [(1.0, _others(vectors, g), None)]


VECTOR_RULES: dict[str, Callable[[Vectors[Any], Any, Any, Any, float], list[Term[Any]]]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "sum_of_others": _sum_of_others,
}
"""What the adjoint g of y = function(x) contributes to that of x. Choices have no rule: they contribute nothing."""


def _unit(vectors: Vectors[V], x: V, out: V) -> V:
    return vectors.each(TABLE.auxiliary["ratio"], x, out)


REDUCTION_RULES: dict[Primitive, Callable[[Vectors[Any], Any, Any], Any]] = {
    TABLE["max"]: lambda vectors, x, out: vectors.vector("first_max", x),
    TABLE["min"]: lambda vectors, x, out: vectors.vector("first_min", x),
    TABLE["logsumexp"]: lambda vectors, x, out: vectors.vector("softmax", x, 0.0),
    TABLE["norm"]: _unit,
    TABLE["hypot"]: _unit,
    TABLE["fsum"]: lambda vectors, x, out: None,
}
"""The local derivatives with respect to all arguments, given these and `out`, repeated for each; None for 1."""


def _vector(name: str) -> Primitive:
    """A function of vectors to vectors that stands in programs only."""

    def never(*args: object) -> tuple[float, ...]:
        raise NotImplementedError(name)

    return Primitive(name, never, never, arity=None, is_selector=True)


_OWN = {name: _vector(name) for name in ("sum_of_others", "first_max", "first_min")}


@cache
def vector_primitive(function: str, empty_is_zero: bool) -> Primitive:
    """The function of vectors of this name."""
    primitive = _OWN.get(function) or TABLE[function]
    return primitive.variant(empty=0.0) if empty_is_zero else primitive
