"""Rows joined, and sums in a fixed tree."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.executors.summing import Total


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 2), st.sampled_from("CF"))
def test_rows_are_put_together_along_any_axis(lengths, axis, order):
    n = sum(lengths)
    shape = [2, 3, 4]
    shape[axis] = n
    whole = numpy.arange(24.0 * n).reshape(-1)[: numpy.prod(shape)].reshape(shape, order=order)
    total = Total(n)
    for piece in numpy.split(whole, numpy.cumsum(lengths)[:-1], axis):
        total.add([piece], [axis])
    (found,) = total.result()
    assert found.tolist() == whole.tolist()


def test_results_that_do_not_fit_together():
    total = Total(4)
    total.add([numpy.zeros((2, 3))], [0])
    with pytest.raises(ValueError, match=r"must have results of one shape, got \[\(3,\)\] and \[\(1,\)\]"):
        total.add([numpy.zeros((2, 1))], [0])
    total = Total(4)
    total.add([numpy.zeros(2), 0.0], [None, None])
    with pytest.raises(ValueError, match=r"must have results of one shape, got \[\(2,\), \(\)\] and \[\(1,\), \(\)\]"):
        total.add([numpy.zeros(1), 0.0], [None, None])
    total = Total(4)
    total.add([numpy.zeros((2, 3))], [0])
    with pytest.raises(ValueError, match=r"must have results of one structure, got \[·\] and \(·,\)"):
        total.add((numpy.zeros((2, 3)),), [0])


def tree_of(terms):
    """The same sum, computed level by level."""
    while len(terms) > 1:
        terms = [one + two for one, two in zip(terms[::2], terms[1::2])] + terms[len(terms) // 2 * 2 :]
    return terms[0]


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40), st.integers(0, 4))
def test_the_sum_is_that_tree_however_its_branches_are_shared_out(terms, height):
    whole = Total(0)
    for term in terms:
        whole.add([term], [None])
    in_branches = Total(0)
    for start in range(0, len(terms), 1 << height):
        branch = Total(0)
        for term in terms[start : start + (1 << height)]:
            branch.add([term], [None])
        in_branches.add(branch.result(), [None])
    assert whole.result() == in_branches.result() == [tree_of(terms)]
