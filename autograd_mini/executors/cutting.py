"""Batches cut into pieces and joined again: nests of arrays, and of rows that are made where they are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from itertools import islice
from operator import itemgetter
from typing import Any, Self

import numpy

from autograd_mini.primitives import brief
from autograd_mini.structures import NUMBER, Structure, other, walk

KINDS = "standard_normal", "random"


class Rows:
    """Rows of an array that is not here: `load` makes them where they are used.

    Args:
        rows: which rows of that array they are.
        row: the shape of one row.
    """

    def __init__(self, rows: Any, row: Sequence[int]) -> None:
        self.rows: Any = rows
        self.shape: tuple[int, ...] = (len(rows), *row)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> Self:
        some = copy(self)
        Rows.__init__(some, self.rows[rows], self.shape[1:])
        return some

    def load(self, tile: int, things: Mapping[Any, Any]) -> Any:
        """The array of these rows; `tile` is the number of their tile, `things` what was sent or the engine brought."""
        raise NotImplementedError


class Taken(Rows):
    """Rows of an array that was sent or brought by the engine, under a name."""

    def __init__(self, name: Any, rows: Any, row: Sequence[int]) -> None:
        super().__init__(rows, row)
        self.name = name

    def load(self, tile: int, things: Mapping[Any, Any]) -> Any:
        rows = self.rows
        return things[self.name][slice(rows.start, rows.stop) if isinstance(rows, range) else rows]


class Draws(Rows):
    """Random numbers in place of an array of a batch, drawn where they are used: none of them travels.

    The numbers of a tile depend on (seed, step, number of the tile) alone, by NumPy's Philox generator: they are the
    same on any number of workers. Tiles of another size give other numbers.

    Args:
        n: the number of rows.
        row: the shape of one row.
        seed: the seed, 0 or more.
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

    def __init__(
        self, n: int, row: Sequence[int] = (), *, seed: int = 0, step: int = 0, kind: str = "standard_normal"
    ) -> None:
        if min(n, seed, step, *row) < 0 or kind not in KINDS:
            raise ValueError(
                f"Draws takes whole numbers of 0 or more and one of the kinds {', '.join(KINDS)}, got "
                f"{brief((n, row, seed, step, kind))}"
            )
        super().__init__(range(n), row)
        self.seed: int = seed
        self.step: int = step
        self.kind = kind

    def load(self, tile: int, things: Mapping[Any, Any]) -> Any:
        seeds = numpy.random.SeedSequence([self.seed, self.step, tile])
        return getattr(numpy.random.Generator(numpy.random.Philox(seeds)), self.kind)(self.shape)


class Matrix:
    """A sparse matrix of SciPy as a term of sums. Every entry of a term is an entry of the sum, while SciPy's own sums
    leave out those that are 0."""

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
    """Sparse matrices as one leaf: a `Matrix` for all examples, or an array with a matrix for each of them."""
    return numpy.fromiter(found, dtype=object) if isinstance(found, list) else Matrix(found)


def from_leaf(leaf: Any) -> Any:
    """The sparse matrix or list of them from which `as_leaf` made a leaf."""
    return leaf.matrix if isinstance(leaf, Matrix) else leaf.tolist()


def numbers_of(leaf: Any) -> list[Any]:
    """The arrays of numbers in a leaf."""
    if isinstance(leaf, Matrix):
        return [leaf.matrix.data]
    array = numpy.ascontiguousarray(leaf)
    return [each.data for each in array] if array.dtype.hasobject else [array]


def is_dask(thing: Any) -> bool:
    """Whether something is a Dask array, whose parts are computed when they are asked for."""
    return hasattr(thing, "__dask_graph__") and hasattr(thing, "chunks")


def is_rows(thing: Any) -> bool:
    """Whether something is an array of NumPy or Dask, or stands for one."""
    return isinstance(thing, (numpy.ndarray, Rows)) or is_dask(thing)


def leaves_of(nest: Any, known: Structure | None = None) -> tuple[list[Any], Structure]:
    """The arrays and numbers in a nest, and its structure, which is the object `known` itself if that fits."""
    leaves: list[Any] = []
    if known is not None and _has(nest, known, leaves):
        return leaves, known
    leaves = []
    return leaves, walk(nest, leaves, _take)


def _has(nest: Any, structure: Structure, leaves: list[Any]) -> bool:
    """Whether a nest has a structure of arrays and floats in lists and tuples; quick, as every tile asks for it."""
    kind, children = type(nest), structure.children
    if kind is numpy.ndarray or kind is float:
        leaves.append(nest)
        return structure is NUMBER
    if (kind is not tuple and kind is not list) or structure.build is not kind or len(nest) != len(children):
        return False
    for each, child in zip(nest, children):
        if child is NUMBER and (type(each) is numpy.ndarray or type(each) is float):
            leaves.append(each)
        elif not _has(each, child, leaves):
            return False
    return True


def _take(thing: Any, leaves: list[Any]) -> Structure:
    if not (is_rows(thing) or isinstance(thing, (float, Matrix))):
        return other(thing)
    leaves.append(thing)
    return NUMBER


def _without_row_labels(structure: Structure) -> Structure:
    """A structure with arrays in place of pandas columns and frames; of the labels, it keeps those of columns."""
    if structure.kind_name == "labelled":
        columns = structure.like[1:]
        return Structure(structure.kind, itemgetter(0), structure.children, columns) if columns else NUMBER
    children = [*map(_without_row_labels, structure.children)]
    return Structure(structure.kind, structure.build, children, structure.like) if children else structure


class Form:
    """The structure that all parts of a batch have, and the shapes of rows in it, once the first is known.

    Attributes:
        structure: has no labels of rows, which differ from part to part; `latest` is that of the latest part, with its
            labels.
    """

    structure: Structure | None = None
    latest: Structure
    shapes: Sequence[Any] = ()

    def leaves_of(self, nest: Any) -> list[Any]:
        """The arrays and numbers in a part.

        Raises:
            ValueError: its structure, its columns, or the shape of its rows differ from those of the first part, or its
                rows have several labels.
        """
        leaves, structure = leaves_of(nest, self.structure)
        self.latest, labels = structure, structure.row_labels()
        structure = _without_row_labels(structure) if labels else structure
        self.structure = known = self.structure or structure
        if structure != known:
            with suppress(TypeError, KeyError, ValueError, AttributeError):
                leaves, structure = leaves_of(known.rebuild([*known.leaves_of(nest)]))  # entries of dicts by their keys
            if structure != known:
                raise ValueError(f"the chunks of a batch must have one structure, got {known!r} and {structure!r}")
        if any(not each.equals(labels[0]) for each in labels):
            raise ValueError("a batch pairs rows by place, but the labels of its rows differ; .align, or .to_numpy()")
        shapes = [leaf.shape[1:] for leaf in leaves if is_rows(leaf)]
        self.shapes = self.shapes or shapes
        if shapes != self.shapes:
            raise ValueError(f"the chunks of a batch must have rows of one shape, got {self.shapes} and {shapes}")
        return leaves

    def of(self, leaves: Sequence[Any]) -> Any:
        """The part that has these arrays and numbers."""
        assert self.structure is not None
        return self.structure.rebuild(leaves)

    def labelled(self, found: Any, like: Structure) -> Any:
        """A nest of derivatives with the labels of the arguments, where their structure `like` stands in it."""
        with suppress(TypeError, KeyError, ValueError, AttributeError):
            return like.rebuild([*like.leaves_of(found)], keeps_others=False)
        leaves, structure = leaves_of(found)
        parts = iter(leaves)
        children = [child.rebuild([*islice(parts, child.size)]) for child in structure.children]
        return structure.build([self.labelled(child, like) for child in children]) if structure.build else found


def rows_of(leaves: Iterable[Any], start: int, stop: int) -> list[Any]:
    """The leaves with only the rows from `start` to `stop` of every array among them."""
    return [leaf[start:stop] if type(leaf) is numpy.ndarray or is_rows(leaf) else leaf for leaf in leaves]


def length(leaves: Iterable[Any], what: str) -> int:
    """The number of rows that all arrays among these leaves have.

    Raises:
        ValueError: there are no arrays, or their numbers of rows differ.
    """
    shapes = [leaf.shape for leaf in leaves if is_rows(leaf)]
    counts = {shape[0] if shape else None for shape in shapes}
    if len(counts) != 1 or not isinstance(count := counts.pop(), int):
        raise ValueError(
            f"{what} takes arrays whose first axis is the batch, of one length (which compute_chunk_sizes() finds for "
            f"Dask arrays), got {', '.join(f'shape {shape}' for shape in shapes) or 'no array'}"
        )
    return count


def recut(pieces: Iterable[Sequence[Any]], sizes: Iterator[int], what: str) -> Iterator[list[Any]]:
    """The rows of arrays that come in pieces, cut into other pieces, of the given sizes; the last one may be shorter.

    >>> pieces = [[numpy.arange(5.0)], [numpy.arange(5.0, 7.0)]]
    >>> [rows.tolist() for (rows,) in recut(pieces, iter([3, 3, 3]), "it")]
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [6.0]]
    """
    held: list[list[Any]] = []
    count, wanted = 0, None
    for piece in pieces:
        start, n = 0, length(piece, what)
        while start < n:
            wanted = next(sizes) if wanted is None else wanted
            stop = min(n, start + wanted - count)
            held.append(rows_of(piece, start, stop))
            start, count = stop, count + stop - start
            if count == wanted:
                yield _joined(held)
                held, count, wanted = [], 0, None
    if held:
        yield _joined(held)


def _joined(pieces: Sequence[list[Any]]) -> list[Any]:
    """One piece with the rows of several."""
    if len(pieces) == 1:
        return pieces[0]
    return [numpy.concatenate(each) if is_rows(each[0]) else each[0] for each in zip(*pieces)]
