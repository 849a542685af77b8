"""Results of tiles put together: terms summed in a fixed binary tree, rows one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy

from autograd_mini.executors.cutting import leaves_of
from autograd_mini.structures import Structure

Axes: TypeAlias = Sequence[int | None] | int | None
"""The axis of rows for each of several arrays, or one for all of them."""


def _shape_of_one(leaf: Any, axis: int | None) -> tuple[int, ...]:
    """The shape of a leaf without its axis of rows."""
    shape: tuple[int, ...] = getattr(leaf, "shape", ())
    return shape if axis is None else shape[:axis] + shape[axis + 1 :]


class Total:
    """Puts results together: sums terms in a fixed binary tree, and joins rows one after the other.

    Neighbours are added, then neighbours among these sums, and so on. The sum of 2ᵏ terms of which the first has a
    multiple of 2ᵏ terms before it is a branch of that tree, and may be computed elsewhere.

    >>> total = Total(5)
    >>> for number in range(5):
    ...     total.add((float(number), numpy.array([number])), [None, 0])
    >>> total.result()
    (10.0, array([0, 1, 2, 3, 4]))

    Args:
        n: the number of rows in all.
        known: the structure that results probably have.
    """

    structure: Structure | None = None

    def __init__(self, n: int, known: Structure | None = None) -> None:
        self._n, self._known, self._count = n, known, 0
        self._shapes: list[tuple[int, ...]] = []
        self._branches: list[list[Any]] = []
        self._rows: dict[int, Any] = {}  # by the place of the leaf
        self._filled: dict[int, int] = {}

    def add(self, nest: Any, axes: Axes) -> None:
        """Add the next results, with the axis along which each array has rows, or None if it is a term of a sum.

        Raises:
            ValueError: their structure or shape differs from that of the results before.
        """
        leaves, structure = leaves_of(nest, self._known)
        if axes is None:
            shapes = [getattr(leaf, "shape", ()) for leaf in leaves]
        else:
            axes = [axes] * len(leaves) if isinstance(axes, int) else axes
            shapes = [_shape_of_one(leaf, axis) for leaf, axis in zip(leaves, axes)]
        if self.structure is None:
            self.structure, self._known, self._shapes = structure, structure, shapes
        is_same = structure is self.structure or structure == self.structure
        if self._shapes != shapes or not is_same:
            what, *both = ("shape", self._shapes, shapes) if is_same else ("structure", self.structure, structure)
            raise ValueError(f"the tiles of a batch must have results of one {what}, got {both[0]!r} and {both[1]!r}")
        self._count += 1
        if axes is not None:
            for place, (leaf, axis) in enumerate(zip(leaves, axes, strict=True)):
                if axis is not None:
                    self._fill(place, leaf, axis)
            leaves = [leaf for leaf, axis in zip(leaves, axes) if axis is None]
        self._branches.append(leaves)
        for _ in range((self._count & -self._count).bit_length() - 1):
            self._merge()

    def _fill(self, place: int, rows: Any, axis: int) -> None:
        """Copy rows into the array for all rows, laid out in the same order; if these are all, keep them instead."""
        n, start = rows.shape[axis], self._filled.get(place, 0)
        self._filled[place] = start + n
        if n == self._n and not start:
            self._rows[place] = rows
            return
        shape = (*rows.shape[:axis], self._n, *rows.shape[axis + 1 :])
        if place not in self._rows:
            self._rows[place] = numpy.empty_like(rows, shape=shape)
        self._rows[place][(*[slice(None)] * axis, slice(start, start + n))] = rows

    def result(self, divisor: float | None = None) -> Any:
        """The result of all that was added, which must be something, with everything in it divided by `divisor`."""
        assert self.structure is not None
        while len(self._branches) > 1:
            self._merge()
        leaves = self._branches[0]
        if self._rows:
            terms = iter(leaves)
            places = range(self.structure.size)
            leaves = [self._rows[place] if place in self._rows else next(terms) for place in places]
        if divisor is not None:
            leaves = [leaf / divisor for leaf in leaves]
        return self.structure.rebuild(leaves)

    def _merge(self) -> None:
        right = self._branches.pop()
        self._branches[-1] = [one + two for one, two in zip(self._branches[-1], right)]
