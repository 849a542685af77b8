"""Batches cut into tiles."""

from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import compile
from autograd_mini.executors import Draws
from autograd_mini.executors.cutting import Form, leaves_of, length, recut

sizes = st.lists(st.integers(0, 7), max_size=12)


@given(sizes, st.integers(1, 9))
def test_pieces_of_any_size_become_pieces_of_one_size(lengths, size):
    rows = numpy.arange(float(sum(lengths)))
    cuts = numpy.cumsum([0, *lengths])
    pieces = [[rows[a:b], rows[a:b, None] * 2.0, 3.0] for a, b in zip(cuts, cuts[1:])]
    found = list(recut(pieces, iter(lambda: size, None), "it"))
    assert [length(each, "it") for each in found] == [min(size, len(rows) - at) for at in range(0, len(rows), size)]
    assert [row for each in found for row in each[0]] == rows.tolist()
    assert [row for each in found for row in each[1][:, 0]] == (2.0 * rows).tolist()
    assert all(each[2] == 3.0 for each in found)


nests = st.recursive(
    st.sampled_from([1.5, numpy.arange(2.0), numpy.float64(2.5)]),
    lambda parts: st.lists(parts, max_size=3) | st.tuples(parts, parts) | st.dictionaries(st.text("ab"), parts),
    max_leaves=6,
)


@given(nests, nests)
def test_a_nest_has_a_known_structure_or_another(one, two):
    leaves, structure = leaves_of(one)
    again, known = leaves_of(one, structure)
    assert known == structure
    assert [*map(id, again)] == [*map(id, leaves)]
    leaves, own = leaves_of(two)
    found, known = leaves_of(two, structure)
    assert [*map(id, found)] == [*map(id, leaves)]
    assert known == own


def test_parts_of_a_batch_have_one_form():
    form = Form()
    assert [*map(len, form.leaves_of({"one": numpy.ones(2), "two": numpy.zeros(1)}))] == [2, 1]
    assert [*map(len, form.leaves_of({"two": numpy.zeros(3), "one": numpy.ones(4)}))] == [4, 3]
    for other in ({"one": numpy.ones(1)}, {"one": numpy.ones(1), "two": [1.0]}, [numpy.ones(2), numpy.ones(2)], 1.0):
        with pytest.raises(ValueError, match="the chunks of a batch must have one structure, got .* and "):
            form.leaves_of(other)
    assert form.of([1.0, 2.0]) == {"one": 1.0, "two": 2.0}


def test_rows_are_not_paired_against_their_labels():
    pandas = pytest.importorskip("pandas")
    column = pandas.Series(numpy.arange(9.0), index=list("abcdefghi"))
    compiled = compile(lambda x, y: x * y, batch=True)
    with ThreadPoolExecutor(2) as pool:
        tiled = compiled.on(pool, tile=2)
        for rest in (column[::-1], column.rename({"b": "z"})):
            with pytest.raises(ValueError, match="pairs rows by place, but the labels of its rows differ"):
                tiled(column, rest)
        assert tiled(column, column + 1.0).tolist() == [x * (x + 1.0) for x in range(9)]
        assert tiled(column, column[::-1].to_numpy()).tolist() == [x * (8.0 - x) for x in range(9)]
        pieces = ((column[at : at + 4], column[at : at + 4]) for at in range(0, 9, 4))
        assert numpy.concatenate([*tiled(pieces)]).tolist() == [x * x for x in range(9)]


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
def test_draws_that_are_refused(wrong):
    with pytest.raises(ValueError, match="Draws takes whole numbers of 0 or more and one of the kinds"):
        Draws(**wrong)
