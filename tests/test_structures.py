from collections import OrderedDict, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import grad
from autograd_mini.structures import flatten

NESTS = st.recursive(
    st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.tuples(inner, inner)
    ),
    max_leaves=10,
)


@given(NESTS)
def test_taken_apart_and_put_together_is_the_same(nest):
    leaves, structure = flatten(nest, "it")
    assert structure.size == len(leaves)
    assert structure.rebuild(leaves) == nest
    assert flatten(nest, "it")[1] == structure


@given(NESTS, NESTS)
def test_structures_are_equal_if_the_same_numbers_fit(one, other):
    (leaves, structure), (_, other_structure) = flatten(one, "it"), flatten(other, "it")
    if structure == other_structure:
        assert other_structure.rebuild(leaves) == one


def test_dicts_keep_their_kind():
    ordered, default = OrderedDict(b=1.0, a=2.0), defaultdict(list, w=3.0)
    found = flatten([ordered, default], "it")[1].rebuild([1.0, 2.0, 3.0])
    assert found == [ordered, default]
    assert list(map(type, found)) == [OrderedDict, defaultdict]
    assert found[1].default_factory is list
    assert grad(lambda p: p["b"] * p["a"])(ordered) == OrderedDict(b=2.0, a=1.0)


def test_arrays_keep_shape_and_become_float():
    leaves, structure = flatten([np.arange(6).reshape(2, 3), np.zeros((0, 2))], "it")
    array, empty = structure.rebuild([float(leaf) for leaf in leaves])
    assert (array.shape, array.dtype) == ((2, 3), np.dtype(float))
    assert empty.shape == (0, 2)
    assert repr(structure) == "[array(2, 3), array(0, 2)]"


@pytest.mark.parametrize("thing", ["text", None, 1j, {1.0}, np.array(["a"])])
def test_other_things_are_named(thing):
    with pytest.raises(
        TypeError, match="the point holds .*it may hold numbers, in lists, tuples, dicts and NumPy arrays"
    ):
        flatten([1.0, thing], "the point")
