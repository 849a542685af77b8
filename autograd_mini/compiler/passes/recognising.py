"""Recognise: the matrix products in a sum of products, from its indices alone.

The terms out[lane] += a[ia]·b[ib] are a matrix product where lanes fall into groups that share their columns
(the ib of their terms), and groups share their matrix (the ia): a layer's neurons share its inputs, the tokens
of a sequence or the windows of a convolution share the weights. Adjoints of products are products (`Block`), so
nothing has to be recognised twice.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from autograd_mini.compiler.ir.building import elementwise
from autograd_mini.compiler.ir.program import ABSENT, Block, Index
from autograd_mini.compiler.partition import DENSE, MOST_LENGTHS


def recognise(lane: Index, ia: Index, ib: Index | None, sign: float) -> list[Block]:
    """The blocks of Σ ±a[ia]·b[ib] (b is 1 if `ib` is None); each term is in exactly one of them."""
    columns = [lane, ia] if ib is None else [lane, ia, ib]
    if not _is_sorted(columns):
        order = numpy.lexsort(columns[::-1])
        lane, ia, ib = lane[order], ia[order], None if ib is None else ib[order]
    if (lane[1:] != lane[:-1]).all():
        return [elementwise(lane, ia, ib, sign)]
    if ib is not None:
        return list(_products(lane, ia, ib, sign))
    rows = _by_row_length(lane)
    return [Block(lanes[None, :, None], _picked(ia, places)[None], None, sign) for lanes, places in rows]


def _is_sorted(columns: list[Index]) -> bool:
    """Whether the rows of these columns come in order."""
    is_tied = numpy.ones(max(len(columns[0]) - 1, 0), dtype=bool)
    for column in columns:
        before, after = column[:-1], column[1:]
        if (is_tied & (before > after)).any():
            return False
        is_tied &= before == after
    return True


def _products(lane: Index, ia: Index, ib: Index, sign: float) -> Iterator[Block]:
    k = int(numpy.searchsorted(lane, lane[0], "right"))
    if lane.size % k == 0:
        rows, keys = lane.reshape(-1, k), ib.reshape(-1, k)
        is_dense = (keys == keys[0]).all() and (keys[0, 1:] > keys[0, :-1]).all()
        if is_dense and (rows[:, 0] == rows[:, -1]).all() and (rows[1:, 0] > rows[:-1, 0]).all():  # the usual case
            yield Block(rows[None, :, :1], ia.reshape(1, -1, k), keys[0][None, :, None], sign)
            return
    columns, place = numpy.unique(ib, return_inverse=True)
    rows, row = numpy.unique(lane, return_inverse=True)
    if lane.size > DENSE * rows.size * columns.size:
        matrix = numpy.full((1, rows.size, columns.size), ABSENT, dtype=numpy.int64)
        matrix[0, row, place] = ia
        if numpy.count_nonzero(matrix != ABSENT) == lane.size:  # no entry occurs twice
            yield Block(rows[None, :, None], matrix, columns[None, :, None], sign)
            return
    for rows, places in _by_row_length(lane):
        first, second = _picked(ia, places), _picked(ib, places)
        by_b, by_a = _grouped(rows, first, second), _grouped(rows, second, first)
        if len(by_b) <= len(by_a):
            yield from (Block(lanes, matrix, key, sign) for lanes, matrix, key in _stacked(by_b))
        else:
            for lanes, matrix, key in _stacked(by_a):
                yield Block(lanes.swapaxes(1, 2), key.swapaxes(1, 2), matrix.swapaxes(1, 2), sign)


Group = tuple[Index, Index, Index]


def _grouped(rows: Index, others: Index, keys: Index) -> list[Group]:
    """Rows with the same set of keys: their lanes [r], the matrix of the other factor [r, k] and the keys [k]."""
    order = numpy.argsort(keys, axis=1, kind="stable")
    keys, others = numpy.take_along_axis(keys, order, 1), numpy.take_along_axis(others, order, 1)
    first: dict[bytes, list[int]] = {}
    for number, key in enumerate(keys):
        first.setdefault(key.tobytes(), []).append(number)
    groups = []
    for members in first.values():
        members.sort(key=lambda number: others[number].tobytes())  # so that equal matrices are found equal
        groups.append((rows[members], others[members], keys[members[0]]))
    return groups


def _stacked(groups: list[Group]) -> Iterator[tuple[Index, Index, Index]]:
    """Groups with the same matrix as one product of it with several columns; products of one shape as a stack."""
    by_matrix: dict[tuple[int, bytes], list[Group]] = {}
    for group in groups:
        by_matrix.setdefault((len(group[0]), group[1].tobytes()), []).append(group)
    by_shape: dict[tuple[int, int], list[list[Group]]] = {}
    for members in by_matrix.values():
        by_shape.setdefault((len(members[0][0]), len(members)), []).append(members)
    for stack in by_shape.values():
        lanes = numpy.array([[lane for lane, _, _ in members] for members in stack]).swapaxes(1, 2)
        matrices = numpy.array([members[0][1] for members in stack])
        keys = numpy.array([[key for _, _, key in members] for members in stack]).swapaxes(1, 2)
        yield lanes, matrices, keys


def _by_row_length(lane: Index) -> Iterator[tuple[Index, Index]]:
    """Group sorted lanes by their number of terms: yields lanes [r], and the places of their terms [r, k]. If there are
    many different numbers, similar ones are grouped, and missing terms are `ABSENT`."""
    rows, starts, lengths = numpy.unique(lane, return_index=True, return_counts=True)
    of_class = lengths
    if len({*lengths.tolist()}) > MOST_LENGTHS:
        of_class = 2 ** numpy.ceil(numpy.log2(lengths)).astype(numpy.int64)
    for each in sorted({*of_class.tolist()}):  # `numpy.unique` would import `numpy.ma`, which takes a while
        chosen = of_class == each
        place = numpy.arange(lengths[chosen].max())
        places = starts[chosen][:, None] + place
        yield rows[chosen], numpy.where(place < lengths[chosen][:, None], places, ABSENT)


def _picked(index: Index, places: Index) -> Index:
    return numpy.where(places == ABSENT, ABSENT, index[places])
