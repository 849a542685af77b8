"""Batches cut into pieces and put together again: nests of arrays, and of rows that are made where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy

from autograd_mini.primitives import brief
from autograd_mini.structures import NUMBER, Structure, other, walk

KINDS = "standard_normal", "random"


class Rows:
    """Rows of an array that is not here: `load` makes them where they are used.

    Args:
        rows: which they are.
        row: the shape of one.
    """

    rows: Any
    shape: tuple[int, ...]

    def __init__(self, rows: Any, row: Sequence[int]) -> None:
        self.rows, self.shape = rows, (len(rows), *row)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> Self:
        some = copy(self)
        Rows.__init__(some, self.rows[rows], self.shape[1:])
        return some

    def load(self, tile: int, things: Mapping[Any, Any]) -> Any:
        """The array; `tile` says which of the batch they are, `things` holds what was sent or brought by the engine."""
        raise NotImplementedError


class Taken(Rows):
    """Rows of an array that was sent."""

    def __init__(self, name: Any, rows: Any, row: Sequence[int]) -> None:
        super().__init__(rows, row)
        self.name = name

    def load(self, tile: int, things: Mapping[Any, Any]) -> Any:
        rows = self.rows
        return things[self.name][slice(rows.start, rows.stop) if isinstance(rows, range) else rows]


class Draws(Rows):
    """Random numbers in place of an array of a batch, drawn where they are used: none of them travels.

    Those of a tile come from (seed, step, number of the tile) alone, by NumPy's Philox generator: they are the same on
    any number of workers. Other sizes of tiles give others.

    Args:
        n: how many rows there are.
        row: the shape of one.
        seed: 0 or more.
        step: counts repetitions with the same seed, from 0.
        kind: "standard_normal", or "random" for numbers from 0 to below 1.

    Raises:
        ValueError: a number is negative, or the kind is none of these.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from autograd_mini import compile
    >>> square = compile(lambda z: z * z, batch=True, reduce="mean")
    >>> with ThreadPoolExecutor(2) as pool:
    ...     variance = square.on(pool)(Draws(100_000, seed=1))
    >>> 0.99 < variance < 1.01
    True
    """

    seed: int
    step: int

    def __init__(
        self, n: int, row: Sequence[int] = (), *, seed: int = 0, step: int = 0, kind: str = "standard_normal"
    ) -> None:
        if min(n, seed, step, *row) < 0 or kind not in KINDS:
            raise ValueError(
                f"Draws takes whole numbers of 0 or more and one of the kinds {', '.join(KINDS)}, got "
                f"{brief((n, row, seed, step, kind))}"
            )
        super().__init__(range(n), row)
        self.seed, self.step, self.kind = seed, step, kind

    def load(self, tile: int, things: Mapping[Any, Any]) -> Any:
        seeds = numpy.random.SeedSequence([self.seed, self.step, tile])
        return getattr(numpy.random.Generator(numpy.random.Philox(seeds)), self.kind)(self.shape)


class Matrix:
    """A sparse matrix of SciPy as a term of sums. What is an entry of a term is one of the sum; SciPy's own sums leave
    out what is 0."""

    def __init__(self, matrix: Any) -> None:
        self.matrix = matrix
        self.shape: tuple[int, int] = matrix.shape

    def __add__(self, other: Self) -> Self:
        one, two = self.matrix.tocoo(), other.matrix.tocoo()
        both = (one.data, two.data), (one.row, two.row), (one.col, two.col)
        entries, rows, columns = map(numpy.concatenate, both)
        return type(self)(type(one)((entries, (rows, columns)), shape=self.shape).tocsr())

    def __truediv__(self, divisor: float) -> Self:
        matrix = self.matrix.copy()
        matrix.data /= divisor
        return type(self)(matrix)


def as_leaf(found: Any) -> Any:
    """Sparse matrices as one leaf: that of all examples, or an array of one for each of them."""
    return numpy.fromiter(found, dtype=object) if isinstance(found, list) else Matrix(found)


def from_leaf(leaf: Any) -> Any:
    """What `as_leaf` was given."""
    return leaf.matrix if isinstance(leaf, Matrix) else leaf.tolist()


def numbers_of(leaf: Any) -> list[Any]:
    """The arrays of numbers in a leaf."""
    if isinstance(leaf, Matrix):
        return [leaf.matrix.data]
    array = numpy.ascontiguousarray(leaf)
    return [each.data for each in array] if array.dtype.hasobject else [array]


def is_dask(thing: Any) -> bool:
    """Whether it is an array of Dask, which computes its parts when they are asked for."""
    return hasattr(thing, "__dask_graph__") and hasattr(thing, "chunks")


def is_rows(thing: Any) -> bool:
    """Whether it is an array of NumPy or Dask, or stands for one."""
    return isinstance(thing, (numpy.ndarray, Rows)) or is_dask(thing)


def leaves_of(nest: Any) -> tuple[list[Any], Structure]:
    """The arrays and numbers in a nest, and its structure."""
    leaves: list[Any] = []
    return leaves, _walked(nest, leaves)


def _walked(nest: Any, leaves: list[Any]) -> Structure:
    """What `walk` gives, sooner for arrays and floats in lists and tuples: it is asked for at every tile."""
    kind = type(nest)
    if kind is numpy.ndarray or kind is float:
        leaves.append(nest)
        return NUMBER
    if kind is list or kind is tuple:
        return Structure(kind, kind, [_walked(each, leaves) for each in nest])
    return walk(nest, leaves, _take)


def _take(thing: Any, leaves: list[Any]) -> Structure:
    if not (is_rows(thing) or isinstance(thing, (float, Matrix))):
        return other(thing)
    leaves.append(thing)
    return NUMBER


def changed(nest: Any, change: Callable[[Any], Any]) -> Any:
    """The nest with something else in place of each array in it, or what stands for one."""
    leaves, structure = leaves_of(nest)
    return structure.rebuild([change(leaf) if is_rows(leaf) else leaf for leaf in leaves])


def part(nest: Any, start: int, stop: int) -> Any:
    """Some rows of all arrays of a nest."""
    return changed(nest, lambda array: array[start:stop])


def length(nest: Any, what: str) -> int:
    """How many rows all arrays of a nest have.

    Raises:
        ValueError: there are none, or they have unequally many.
    """
    shapes = [leaf.shape for leaf in leaves_of(nest)[0] if is_rows(leaf)]
    counts = {shape[0] if shape else None for shape in shapes}
    if len(counts) != 1 or not isinstance(count := counts.pop(), int):
        raise ValueError(
            f"{what} takes arrays whose first axis is the batch, equally long (of Dask: compute_chunk_sizes() tells), "
            f"got the shapes {', '.join(map(str, shapes)) or 'of no array'}"
        )
    return count


def recut(pieces: Iterable[Any], sizes: Iterator[int], what: str) -> Iterator[Any]:
    """The rows of all pieces in other pieces, of these sizes; what is left in the end is the last.

    >>> pieces = [numpy.arange(5.0), numpy.arange(5.0, 7.0)]
    >>> [each.tolist() for each in recut(pieces, iter([3, 3, 3]), "it")]
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0]]
    """
    held: list[Any] = []
    count, wanted = 0, None
    for piece in pieces:
        start, n = 0, length(piece, what)
        while start < n:
            wanted = next(sizes) if wanted is None else wanted
            stop = min(n, start + wanted - count)
            held.append(part(piece, start, stop))
            start, count = stop, count + stop - start
            if count == wanted:
                yield _joined(held)
                held, count, wanted = [], 0, None
    if held:
        yield _joined(held)


def _joined(nests: Sequence[Any]) -> Any:
    """One nest of the rows of several."""
    if len(nests) == 1:
        return nests[0]
    structure = leaves_of(nests[0])[1]
    try:
        leaves = [[*structure.leaves_of(nest)] for nest in nests]  # entries of dicts by their keys
    except (TypeError, KeyError, ValueError, AttributeError):
        shown = " and ".join(dict.fromkeys(repr(leaves_of(nest)[1]) for nest in nests))
        raise ValueError(f"the chunks of a batch need one structure, got {shown}") from None
    return structure.rebuild([numpy.concatenate(each) for each in zip(*leaves)])


def _shape_of_one(leaf: Any, axis: int | None) -> tuple[int, ...]:
    """The shape of a leaf without its rows."""
    shape: tuple[int, ...] = getattr(leaf, "shape", ())
    return shape if axis is None else shape[:axis] + shape[axis + 1 :]


class Total:
    """Results put together: sums in a fixed binary tree, rows one after the other.

    Neighbours are added, then neighbours among these sums, and so on. The sum of 2ᵏ terms of which the first has a
    multiple of 2ᵏ before it is a branch of that tree, and may be added elsewhere.

    >>> total = Total(5)
    >>> for number in range(5):
    ...     total.add((float(number), numpy.array([number])), [None, 0])
    >>> total.result()
    (10.0, array([0, 1, 2, 3, 4]))

    Args:
        n: how many rows there are in all.
    """

    def __init__(self, n: int) -> None:
        self._n, self._count = n, 0
        self._structure: Structure | None = None
        self._shapes: list[tuple[int, ...]] = []
        self._branches: list[list[Any]] = []
        self._rows: dict[int, Any] = {}  # by the place of the leaf
        self._filled: dict[int, int] = {}

    def add(self, nest: Any, axes: Sequence[int | None]) -> None:
        """The next results; for each array the axis along which it has rows, or None if it is a term of a sum.

        Raises:
            ValueError: they are of another structure or shape than those before.
        """
        leaves, structure = leaves_of(nest)
        shapes = [_shape_of_one(leaf, axis) for leaf, axis in zip(leaves, axes)]
        if self._structure is None:
            self._structure, self._shapes = structure, shapes
        if self._structure != structure or self._shapes != shapes:
            is_same = self._structure == structure
            what, *both = ("shape", self._shapes, shapes) if is_same else ("structure", self._structure, structure)
            raise ValueError(f"the tiles of a batch need results of one {what}, got {both[0]!r} and {both[1]!r}")
        self._count += 1
        for place, (leaf, axis) in enumerate(zip(leaves, axes, strict=True)):
            if axis is not None:
                self._fill(place, leaf, axis)
        self._branches.append([leaf for leaf, axis in zip(leaves, axes) if axis is None])
        for _ in range((self._count & -self._count).bit_length() - 1):
            self._merge()

    def _fill(self, place: int, rows: Any, axis: int) -> None:
        """Put rows into the array of all; into memory in the same order, and nowhere if they are all."""
        n, start = rows.shape[axis], self._filled.get(place, 0)
        self._filled[place] = start + n
        if n == self._n and not start:
            self._rows[place] = rows
            return
        shape = (*rows.shape[:axis], self._n, *rows.shape[axis + 1 :])
        if place not in self._rows:
            self._rows[place] = numpy.empty_like(rows, shape=shape)
        self._rows[place][(*[slice(None)] * axis, slice(start, start + n))] = rows

    def result(self) -> Any:
        """That of all, of one at least."""
        assert self._structure is not None
        while len(self._branches) > 1:
            self._merge()
        terms = iter(self._branches[0])
        leaves = [self._rows[place] if place in self._rows else next(terms) for place in range(self._structure.size)]
        return self._structure.rebuild(leaves)

    def _merge(self) -> None:
        right = self._branches.pop()
        self._branches[-1] = [one + two for one, two in zip(self._branches[-1], right)]
