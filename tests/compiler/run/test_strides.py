"""Arguments of any memory layout give the same bits as contiguous ones."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

from autograd_mini import compile, dot, exp, sin, tanh
from tests.executors.comparing import same_bits

pytest.importorskip("llvmlite")


def waves(x, y):
    """A function whose two arguments are read in many orders, by several chunks of operations."""
    n = len(x)
    return sum(exp(-x[i] * x[n - 1 - i]) * sin(y[i // 2] + x[i]) for i in range(n))


def layered(x, y):
    """A function with matrix products between kernels that read the arguments too."""
    rows = [[0.1 * (i * j % 7) - 0.3 for j in range(len(x))] for i in range(20)]
    hidden = [tanh(dot(row, x) + y[0]) for row in rows]
    return sum(tanh(dot(row[:20], hidden)) * x[0] for row in zip(*rows)) + waves(x, y)


def unaligned(rows):
    """A copy that starts at an odd byte."""
    memory = numpy.empty(rows.nbytes + 1, numpy.uint8)
    copy = memory[1:].view(numpy.float64).reshape(rows.shape)
    copy[...] = rows
    return copy


def in_records(rows):
    """The numbers as a field of 12-byte records."""
    records = numpy.empty(rows.shape, [("number", float), ("mark", numpy.int32)])
    records["number"] = rows
    return records["number"]


LAYOUTS = {
    "C": numpy.ascontiguousarray,
    "F": numpy.asfortranarray,
    "backwards": lambda rows: numpy.ascontiguousarray(rows[::-1, ::-1])[::-1, ::-1],
    "rows backwards": lambda rows: numpy.asfortranarray(rows[::-1])[::-1],
    "every other column": lambda rows: numpy.repeat(rows, 2, axis=1)[:, ::2],
    "every third row": lambda rows: numpy.repeat(rows, 3, axis=0)[::3],
    "every third row of columns": lambda rows: numpy.asfortranarray(numpy.repeat(rows, 3, axis=0))[::3],
    "unaligned": unaligned,
    "unaligned columns": lambda rows: unaligned(rows.T).T,
    "in records": in_records,
    "a part of a larger one": lambda rows: numpy.pad(rows, ((2, 3), (1, 5)))[2:-3, 1:-5],
}


@given(
    st.sampled_from([waves, layered]),
    st.sampled_from([1, 2, 7, 8, 9, 16, 33]),
    st.sampled_from([2, 5, 8, 9, 16, 127, 128, 129, 300, 777]),
    st.sampled_from(list(LAYOUTS)),
    st.sampled_from(list(LAYOUTS)),
    st.sampled_from([None, "sum"]),
    st.sampled_from([1, 3]),
)
def test_bits(small, function, lanes, n, first, second, reduce, threads):
    random = numpy.random.default_rng(lanes * n)
    x, y = random.normal(size=(n, lanes)), random.normal(size=(n, lanes))
    run = compiled(function, reduce, threads)
    expected = run(numpy.asfortranarray(x), numpy.asfortranarray(y))
    given = LAYOUTS[first](x), LAYOUTS[second](y)
    kept = tuple(each.copy() for each in given)
    if function is waves:
        same_bits(run(*given), expected)
    else:  # BLAS adds in the order that it likes
        for one, two in zip(flat(run(*given)), flat(expected)):
            numpy.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)
    same_bits(kept, given)


@pytest.mark.parametrize("n", [2, 8, 129, 1000])
def test_what_is_broadcast(small, n):
    row, column = numpy.linspace(-1.0, 1.0, 6), numpy.linspace(0.5, 2.0, n)
    all_rows = numpy.broadcast_to(row, (n, 6))
    all_columns = as_strided(column, (n, 6), (8, 0), writeable=False)
    run = compiled(waves, None, 1)
    same_bits(run(all_rows, all_columns), run(all_rows.copy("F"), all_columns.copy("F")))


def test_each_call_anew(small):
    """Layouts and numbers that alternate in one place."""
    run = compiled(waves, "sum", 3)
    place = numpy.empty((900, 9))
    for turn in range(6):
        place[...] = numpy.random.default_rng(turn).normal(size=place.shape)
        expected = run(place.copy("F"), place.copy("F"))
        same_bits(run(place, place), expected)
        same_bits(run(place, place.copy("F")), expected)


def compiled(function, reduce, threads):
    key = function, reduce, threads
    if key not in known:
        known[key] = compile(function, batch=True, reduce=reduce, backend="machine", threads=threads).value_and_grad
    return known[key]


known = {}


def flat(nest):
    return [each for one in nest for each in flat(one)] if isinstance(nest, tuple) else [nest]


@pytest.fixture(scope="module")
def small():
    """Make batches of a few hundred examples shared by threads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autograd_mini.compiler.partition.COLUMNS_A_THREAD", 128)
        patch.setattr("autograd_mini.compiler.partition.POINTERS_A_THREAD", 0)
        yield
    known.clear()
