"""`recognise` finds the matrix products in lists of terms: each term in one block, and few blocks."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.compiler.program import ABSENT, Block
from autograd_mini.compiler.recognising import recognise


class Constants:
    """The lanes of constants that `recognise` asks for."""

    def __init__(self):
        self.numbers = []

    def __call__(self, numbers):
        start = len(self.numbers)
        self.numbers += numbers.tolist()
        return numpy.arange(start, start + len(numbers))


def blocks_of(terms):
    """The blocks of terms (lane, ia, ib, c), ib None for a factor 1, and the numbers of the constants they use."""
    constants = Constants()
    lane, ia, ib = (numpy.array([term[i] for term in terms], dtype=object) for i in range(3))
    ib = None if ib[0] is None else ib.astype(numpy.int64)
    c = numpy.array([term[3] for term in terms], dtype=float)
    blocks = recognise(lane.astype(numpy.int64), ia.astype(numpy.int64), ib, c, constants)
    return blocks, constants.numbers


def terms_of(block):
    """The terms (lane, ia, ib, c) that a block stands for."""
    g_, h_, s_ = block.lane.shape
    found = []
    for g in range(g_):
        c = block.coefficient if isinstance(block.coefficient, float) else float(block.coefficient[g])
        for h in range(h_):
            for s in range(s_):
                for k in range(block.a.shape[2]):
                    ib = None if block.b is None else int(block.b[g, k, s])
                    term = int(block.lane[g, h, s]), int(block.a[g, h, k]), ib, c
                    if ABSENT not in term[:3]:
                        found.append(term)
    return found


def summed(terms):
    """The coefficient of each product of each lane."""
    sums = {}
    for lane, a, b, c in terms:
        sums[lane, a, b] = sums.get((lane, a, b), 0.0) + c
    return sums


def assert_covers(terms):
    """The blocks hold the terms, equal products of a lane merged, each once; and so do those of the adjoints."""
    blocks, numbers = blocks_of(terms)
    found = [term for block in blocks for term in terms_of(block)]
    if numbers:  # coefficients that differ have become factors
        found = [(lane, a, None, c * numbers[b]) for lane, a, b, c in found]
    assert len(found) == len({term[:3] for term in found})
    expected = summed(terms)
    assert summed(found) == pytest.approx(expected)
    for block in blocks:
        own = terms_of(block)
        assert sorted((a, lane, b, c) for lane, a, b, c in own) == sorted(terms_of(block.towards_a()))
        if block.b is not None:
            assert sorted((b, a, lane, c) for lane, a, b, c in own) == sorted(terms_of(block.towards_b()))
    return blocks


COEFFICIENTS = st.sampled_from([1.0, 1.0, 1.0, -1.0, 2.0, 0.5]) | st.floats(-2.0, 2.0)


def terms(with_b, most=30):
    small = st.integers(0, 5)
    return st.lists(st.tuples(small, small, small if with_b else st.none(), COEFFICIENTS), min_size=1, max_size=most)


@given(terms(True))
def test_any_products(terms):
    assert_covers(terms)


@given(terms(False))
def test_any_sums(terms):
    assert_covers(terms)


@given(
    st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3),
    st.sampled_from([1.0, -0.5]), st.randoms(use_true_random=False),
)  # fmt: skip
def test_products_of_matrices_in_any_order(h, k, s, g, c, random):
    """Stacks of products, their lanes and indices shuffled."""
    lanes, firsts, seconds = (random.sample(range(200), g * n) for n in (h * s, h * k, k * s))
    terms = [
        (lanes[(m * h + i) * s + j], firsts[(m * h + i) * k + n], seconds[(m * k + n) * s + j], c)
        for m in range(g) for i in range(h) for j in range(s) for n in range(k)
    ]  # fmt: skip
    random.shuffle(terms)
    assert_covers(terms)


def dense(h, k, *, c=1.0):
    return [(i, i * k + j, j, c) for i in range(h) for j in range(k)]


def over_tokens(h, k, tokens):
    return [(t * h + i, i * k + j, t * k + j, 1.0) for t in range(tokens) for i in range(h) for j in range(k)]


def windows(n, size, filters=1):
    """A kernel along a line."""
    return [
        (f * (n - size + 1) + p, f * size + j, p + j, 1.0)
        for f in range(filters) for p in range(n - size + 1) for j in range(size)
    ]  # fmt: skip


def block_diagonal(blocks, size):
    return [
        (m * size + i, (m * size + i) * size + j, m * size + j, 1.0)
        for m in range(blocks) for i in range(size) for j in range(size)
    ]  # fmt: skip


def products_of_matrices(h, k, s):
    return [(i * s + j, i * k + n, n * s + j, 1.0) for i in range(h) for j in range(s) for n in range(k)]


STRUCTURED = {
    "one lane": (dense(1, 5), 1),
    "dense": (dense(4, 3), 1),
    "dense with a coefficient": (dense(4, 3, c=0.25), 1),
    "pruned of one weight": (dense(4, 3)[:-1], 1),
    "triangular": ([term for term in dense(6, 6) if term[2] <= term[0]], 1),
    "weights shared by tokens": (over_tokens(3, 4, 5), 1),
    "convolution": (windows(9, 3), 1),
    "convolution with filters": (windows(9, 3, 4), 1),
    "block diagonal": (block_diagonal(6, 3), 1),
    "a matrix times a matrix": (products_of_matrices(3, 4, 5), 1),
    "elementwise": ([(i, i, i, 1.0) for i in range(7)], 1),
    "elementwise with coefficients": ([(i, i, 6 - i, 0.1 * i) for i in range(7)], 1),
    "every term twice": (dense(4, 3) * 2, 1),
    "two coefficients": (dense(4, 3) + [(i, 20 + a, b, -1.0) for i, a, b, _ in dense(4, 3)], 2),
    "a coefficient a lane": ([(i, a, b, 1.0 + i) for i, a, b, _ in dense(3, 4)], 3),
    "a coefficient a term": ([(i, a, b, 1.0 + a) for i, a, b, _ in dense(5, 4)], 4),
    "sums of rows": ([(i, a, None, 1.0) for i, a, _, _ in dense(4, 3)], 1),
    "sums of rows of two lengths": ([(i, a, None, 1.0) for i, a, _, _ in dense(4, 3)[:-1]], 2),
    "sums with coefficients": ([(i, a, None, 1.0 + a) for i, a, _, _ in dense(4, 3)], 1),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_structured(name):
    terms, count = STRUCTURED[name]
    for order in (1, -1):
        assert len(assert_covers(terms[::order])) == count


def test_the_products_that_are_found():
    (block,), _ = blocks_of(dense(4, 3))
    assert (block.lane.shape, block.a.shape) == ((1, 4, 1), (1, 4, 3))
    (block,), _ = blocks_of(over_tokens(3, 4, 5))
    assert (block.lane.shape, block.a.shape) == ((1, 3, 5), (1, 3, 4))
    (block,), _ = blocks_of(windows(9, 3, 4))
    assert (block.lane.shape, block.a.shape) == ((1, 4, 7), (1, 4, 3))
    (block,), _ = blocks_of(block_diagonal(6, 3))
    assert (block.lane.shape, block.a.shape) == ((6, 3, 1), (6, 3, 3))


@pytest.mark.parametrize("c", [0.0, -0.0, numpy.inf, -numpy.inf])
def test_coefficients_of_any_kind(c):
    terms = [(i, a, b, c if a % 2 else 1.0) for i, a, b, _ in dense(3, 3)]
    blocks, _ = blocks_of(terms)
    assert summed(term for block in blocks for term in terms_of(block)) == summed(terms)


def test_coefficients_that_are_nan():
    blocks, _ = blocks_of([(i, a, b, numpy.nan if a == 4 else 1.0) for i, a, b, _ in dense(3, 3)])
    found = summed(term for block in blocks for term in terms_of(block))
    assert len(found) == 9
    assert [key for key, c in found.items() if c != c] == [(1, 4, 1)]


def test_a_block_and_its_adjoints_turn_round():
    """Twice towards the first factor is the block itself."""
    block = Block(numpy.arange(6).reshape(1, 2, 3), numpy.arange(8).reshape(1, 2, 4), numpy.arange(12).reshape(1, 4, 3))
    again = block.towards_a().towards_a()
    assert sorted(terms_of(again)) == sorted(terms_of(block))
