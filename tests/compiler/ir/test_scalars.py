"""Scalars: sums are the same however their terms are given."""

from itertools import chain

import numpy
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.compiler.ir.scalars import Terms

terms = st.lists(st.tuples(st.sampled_from([1.0, -1.0]), st.integers(0, 99), st.integers(0, 99)), max_size=9)


@given(terms, terms, terms)
def test_a_sum_is_one_list_of_terms_however_they_are_given(first, second, third):
    columns = numpy.array(first, numpy.int64).reshape(-1, 3).T
    whole, split = Terms.of([*first, *second]), Terms([], True, columns)
    split.tail += chain.from_iterable(second)
    for _ in range(2):
        assert len(split) == len(whole)
        assert (split.columns == whole.columns).all()
        assert repr(split.flat) == repr(whole.flat)
        assert [*split] == [*whole]
        for each in (whole, split):
            each.tail += chain.from_iterable(third)
