"""Batches cut into tiles, and sums in a fixed tree."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.executors import Draws
from autograd_mini.executors.cutting import Total, length, recut

sizes = st.lists(st.integers(0, 7), max_size=12)


@given(sizes, st.integers(1, 9))
def test_pieces_of_any_size_become_pieces_of_one_size(lengths, size):
    rows = numpy.arange(float(sum(lengths)))
    cuts = numpy.cumsum([0, *lengths])
    pieces = [{"x": rows[a:b], "pair": [rows[a:b, None] * 2.0]} for a, b in zip(cuts, cuts[1:])]
    found = list(recut(pieces, iter(lambda: size, None), "it"))
    assert [length(each, "it") for each in found] == [min(size, len(rows) - at) for at in range(0, len(rows), size)]
    assert [row for each in found for row in each["x"]] == rows.tolist()
    assert [row for each in found for row in each["pair"][0][:, 0]] == (2.0 * rows).tolist()


def test_entries_of_dicts_are_joined_by_their_keys():
    pieces = [{"one": numpy.ones(2), "two": numpy.zeros(2)}, {"two": numpy.zeros(3), "one": numpy.ones(3)}]
    (found,) = recut(pieces, iter([5]), "it")
    assert {key: rows.tolist() for key, rows in found.items()} == {"one": [1.0] * 5, "two": [0.0] * 5}
    with pytest.raises(ValueError, match="the chunks of a batch need one structure, got .* and "):
        list(recut([pieces[0], {"one": numpy.ones(1)}], iter([3]), "it"))


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
    with pytest.raises(ValueError, match=r"need results of one shape, got \[\(3,\)\] and \[\(1,\)\]"):
        total.add([numpy.zeros((2, 1))], [0])
    total = Total(4)
    total.add([numpy.zeros(2), 0.0], [None, None])
    with pytest.raises(ValueError, match=r"need results of one shape, got \[\(2,\), \(\)\] and \[\(1,\), \(\)\]"):
        total.add([numpy.zeros(1), 0.0], [None, None])
    total = Total(4)
    total.add([numpy.zeros((2, 3))], [0])
    with pytest.raises(ValueError, match=r"need results of one structure, got \[·\] and \(·,\)"):
        total.add((numpy.zeros((2, 3)),), [0])


def tree_of(terms):
    """The same sum, level by level."""
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


def test_draws_depend_on_seed_step_and_tile_alone():
    draws = Draws(100, (2,), seed=5, step=3)
    one = draws[10:20].load(7, {})
    assert one.shape == (10, 2)
    assert draws[0:10].load(7, {}).tobytes() == one.tobytes()
    others = [draws[0:10].load(8, {}), Draws(100, (2,), seed=5)[0:10].load(7, {}), Draws(100, (2,))[:10].load(7, {})]
    assert len({one.tobytes(), *(each.tobytes() for each in others)}) == 4
    uniform = Draws(10_000, kind="random").load(0, {})
    assert uniform.min() >= 0.0
    assert uniform.max() < 1.0


@pytest.mark.parametrize("wrong", [{"n": -1}, {"n": 1, "seed": -1}, {"n": 1, "row": (-2,)}, {"n": 1, "kind": "cauchy"}])
def test_draws_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="Draws takes whole numbers of 0 or more and one of the kinds"):
        Draws(**wrong)
