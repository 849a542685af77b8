"""Sums term by term, at every register width, against exact sums."""

import ctypes
from math import fsum

import numpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd_mini.compiler.code.chunks import ARRAY
from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.gathering import regular_terms, terms
from autograd_mini.compiler.code.sum_tables import KNOWN, UNIT, Listed, gathered, regular
from autograd_mini.compiler.code.totals import totals
from autograd_mini.compiler.run import memory

pytest.importorskip("llvmlite")
WIDTHS = st.sampled_from([1, 2, 4, 8])
FIRST, N_NUMBERS, OUT = 3, 400, 500
"""Where numbers begin in the memory, how many there are, and where sums go."""


def numbers_of(seed):
    found = numpy.full(1000, numpy.nan)
    found[:FIRST] = KNOWN
    found[FIRST : FIRST + N_NUMBERS] = numpy.random.default_rng(seed).normal(size=N_NUMBERS)
    return found


def run(text, words):
    """Call a function on words: numbers, and tables in place of their addresses."""
    tables = [word if isinstance(word, int) else memory.address(word, word.shape) for word in words]
    code = addresses([text])
    at, table = memory.table([tables], len(tables))
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(code[0])(at, 0, 1)
    return table


def assert_sums(found, listed, numbers, lanes):
    """Sums are as precise as rounding allows, and -0.0 or 0.0 where there is nothing to add."""
    for lane in range(lanes):
        of = listed.part(listed.lane == lane)
        products = of.sign * numbers[of.a] * numbers[of.b]
        bound = 4e-16 * (1 + len(products)) * fsum(abs(products))
        assert abs(found[lane] - fsum(products)) <= bound


@given(st.data(), WIDTHS, st.integers(1, 20), st.booleans())
@settings(max_examples=60, deadline=None)
def test_gathered(data, width, lanes, is_single):
    """Lanes with any number of terms."""
    n = data.draw(st.integers(0, 60))
    chance = numpy.random.default_rng(data.draw(st.integers(0, 99)))
    places = chance.integers(FIRST, FIRST + N_NUMBERS, size=(2, n))
    b = numpy.full(n, UNIT) if is_single else places[1]
    listed = Listed(chance.integers(lanes, size=n), chance.choice([-1.0, 1.0], n), places[0], b).in_order()
    numbers = numbers_of(n)
    words, starts = gathered(listed, lanes, width)
    base = memory.address(numbers, numbers.shape)
    tables = memory.copied(words, numpy.int64), memory.copied(starts, numpy.int64)
    run(terms(width, 1 if is_single else 2), [base + 8 * OUT, base, *tables, len(starts) - 1, -(2**63)])
    assert_sums(numbers[OUT:], listed, numbers, lanes)
    empty = numpy.setdiff1d(numpy.arange(lanes), listed.lane)
    assert not numpy.signbit(numbers[OUT + empty]).any()
    assert numpy.isnan(numbers[OUT + len(starts) * width - width :]).all()


SHAPES = {
    "matrix times vector": lambda h, s: ([[i * s + j for j in range(s)] for i in range(h)], [[*range(s)]] * h),
    "its transpose": lambda h, s: ([[i * h + j for i in range(s)] for j in range(h)], [[*range(s)]] * h),
    "outer product": lambda h, s: (
        [[i] for i in range(h) for _ in range(s)],
        [[j] for _ in range(h) for j in range(s)],
    ),
    "element by element": lambda h, s: ([[i] for i in range(h * s)], [[2 * i % 7] for i in range(h * s)]),
}


@given(st.sampled_from([*SHAPES]), WIDTHS, st.integers(1, 19), st.integers(1, 19), st.sampled_from([1.0, -1.0]))
@example("matrix times vector", 8, 5, 19, 1.0)
@example("matrix times vector", 4, 19, 18, -1.0)
@example("its transpose", 8, 12, 9, 1.0)
@settings(max_examples=80, deadline=None)
def test_regular(shape, width, h, s, sign):
    """One register at a time; nothing is written elsewhere."""
    a, b = (numpy.array(each) for each in SHAPES[shape](h, s))
    lanes, n_terms = a.shape
    lane = numpy.repeat(numpy.arange(lanes), n_terms)
    listed = Listed(lane, numpy.full(lane.size, sign), FIRST + a.ravel(), FIRST + 370 + b.ravel() % 30)
    found, numbers = regular(listed, width), numbers_of(h)
    if found is None:
        assert lane.size < 64 or width > 1
        return
    words, places = found.table()
    base = memory.address(numbers, numbers.shape)
    tables = memory.copied(words, numpy.int64), memory.copied(OUT + places, numpy.int64)
    text = regular_terms(width, found.steps, words.shape[1], sign, across=found.across, fused=False)
    run(text, [base, *tables, len(places), -(2**63)])
    keep = numpy.ones(lane.size, bool)
    keep[found.left] = False
    assert_sums(numbers[OUT:], listed.part(keep), numbers, lanes)
    assert numpy.isnan(numbers[OUT + lanes :]).all()


@given(WIDTHS, st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_totals_count_every_column_once(width, n, seed):
    """The last register may repeat earlier columns, which may be inf."""
    n = max(n, width)
    x, y = numpy.random.default_rng(seed).normal(size=(2, n))
    x[n - width] = numpy.inf if seed % 3 == 0 else x[0]
    out = numpy.array([-0.0, -0.0, -0.0])
    sums = [[(1.0, [0, 1])], [(-1.0, [0]), (1.0, [1, 1])], [(1.0, [2.0])]]
    text = totals(sums, bytes([ARRAY, ARRAY]), [(1, 0), (2, 0)], width, n)
    code = addresses([text])
    at, table = memory.table([[memory.address(each, each.shape) for each in (out, x, y)]], 3)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(code[0])
    whole = n // width * width
    call(at, 0, whole)
    if whole < n:
        call(at, n - width, n)
    expected = [x @ y, -x.sum() + y @ y, 2.0 * n]
    numpy.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-12)
    assert table is not None
