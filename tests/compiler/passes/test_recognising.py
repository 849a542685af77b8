"""`recognise` finds the matrix products in lists of terms, with each term in one block, and few blocks."""

from collections import Counter

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.compiler.ir.program import ABSENT, Block
from autograd_mini.compiler.passes.recognising import recognise


def blocks_of(terms):
    """The blocks of terms (lane, ia, ib), ib None for a factor 1."""
    lane, ia, ib = (numpy.array([term[i] for term in terms], dtype=object) for i in range(3))
    return recognise(
        lane.astype(numpy.int64), ia.astype(numpy.int64), None if ib[0] is None else ib.astype(numpy.int64), -1.0
    )


def terms_of(block):
    """The terms (lane, ia, ib) that a block represents."""
    g_, h_, s_ = block.lane.shape
    found = []
    for g, h, s, k in numpy.ndindex(g_, h_, s_, block.a.shape[2]):
        ib = None if block.b is None else int(block.b[g, k, s])
        term = int(block.lane[g, h, s]), int(block.a[g, h, k]), ib
        if ABSENT not in term:
            found.append(term)
    return found


def assert_covers(terms):
    """Check that the blocks hold each term as often as it occurs, and that their adjoints do too."""
    blocks = blocks_of(terms)
    assert Counter(term for block in blocks for term in terms_of(block)) == Counter(terms)
    for block in blocks:
        own = terms_of(block)
        assert block.sign == block.towards_a().sign == -1.0
        assert Counter((a, lane, b) for lane, a, b in own) == Counter(terms_of(block.towards_a()))
        if block.b is not None:
            assert Counter((b, a, lane) for lane, a, b in own) == Counter(terms_of(block.towards_b()))
    return blocks


def terms(with_b, most=30):
    small = st.integers(0, 5)
    return st.lists(st.tuples(small, small, small if with_b else st.none()), min_size=1, max_size=most)


@given(terms(True))
def test_any_products(terms):
    assert_covers(terms)


@given(terms(False))
def test_any_sums(terms):
    assert_covers(terms)


@given(
    st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.randoms(use_true_random=False)
)  # fmt: skip
def test_products_of_matrices_in_any_order(h, k, s, g, random):
    """Stacks of products, their lanes and indices shuffled."""
    lanes, firsts, seconds = (random.sample(range(200), g * n) for n in (h * s, h * k, k * s))
    terms = [
        (lanes[(m * h + i) * s + j], firsts[(m * h + i) * k + n], seconds[(m * k + n) * s + j])
        for m in range(g) for i in range(h) for j in range(s) for n in range(k)
    ]  # fmt: skip
    random.shuffle(terms)
    assert_covers(terms)


def dense(h, k):
    return [(i, i * k + j, j) for i in range(h) for j in range(k)]


def over_tokens(h, k, tokens):
    return [(t * h + i, i * k + j, t * k + j) for t in range(tokens) for i in range(h) for j in range(k)]


def windows(n, size, filters=1):
    """A kernel moved along a line."""
    return [
        (f * (n - size + 1) + p, f * size + j, p + j)
        for f in range(filters) for p in range(n - size + 1) for j in range(size)
    ]  # fmt: skip


def block_diagonal(blocks, size):
    return [
        (m * size + i, (m * size + i) * size + j, m * size + j)
        for m in range(blocks) for i in range(size) for j in range(size)
    ]  # fmt: skip


def products_of_matrices(h, k, s):
    return [(i * s + j, i * k + n, n * s + j) for i in range(h) for j in range(s) for n in range(k)]


STRUCTURED = {
    "one lane": (dense(1, 5), 1),
    "dense": (dense(4, 3), 1),
    "pruned of one weight": (dense(4, 3)[:-1], 1),
    "triangular": ([term for term in dense(6, 6) if term[2] <= term[0]], 1),
    "weights shared by tokens": (over_tokens(3, 4, 5), 1),
    "convolution": (windows(9, 3), 1),
    "convolution with filters": (windows(9, 3, 4), 1),
    "block diagonal": (block_diagonal(6, 3), 1),
    "a matrix times a matrix": (products_of_matrices(3, 4, 5), 1),
    "elementwise": ([(i, i, i) for i in range(7)], 1),
    "every term twice": (dense(4, 3) * 2, 1),
    "sums of rows": ([(i, a, None) for i, a, _ in dense(4, 3)], 1),
    "sums of rows of two lengths": ([(i, a, None) for i, a, _ in dense(4, 3)[:-1]], 2),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_structured(name):
    terms, count = STRUCTURED[name]
    for order in (1, -1):
        assert len(assert_covers(terms[::order])) == count


def test_the_products_that_are_found():
    (block,) = blocks_of(dense(4, 3))
    assert (block.lane.shape, block.a.shape) == ((1, 4, 1), (1, 4, 3))
    (block,) = blocks_of(over_tokens(3, 4, 5))
    assert (block.lane.shape, block.a.shape) == ((1, 3, 5), (1, 3, 4))
    (block,) = blocks_of(windows(9, 3, 4))
    assert (block.lane.shape, block.a.shape) == ((1, 4, 7), (1, 4, 3))
    (block,) = blocks_of(block_diagonal(6, 3))
    assert (block.lane.shape, block.a.shape) == ((6, 3, 1), (6, 3, 3))


def test_a_block_and_its_adjoints_turn_round():
    """Taking the adjoint for the first factor twice gives the block itself."""
    block = Block(numpy.arange(6).reshape(1, 2, 3), numpy.arange(8).reshape(1, 2, 4), numpy.arange(12).reshape(1, 4, 3))
    again = block.towards_a().towards_a()
    assert sorted(terms_of(again)) == sorted(terms_of(block))
