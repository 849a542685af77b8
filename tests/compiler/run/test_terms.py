"""Sums term by term give what NumPy gives: ragged ones, stacked matrix products, absent factors."""

from types import SimpleNamespace

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import compile, sqrt, sum
from autograd_mini.compiler import pipeline
from autograd_mini.compiler.ir.program import ABSENT, Block, Leaf, Pack, Program, Segment, Sum, lanes_of
from autograd_mini.compiler.ir.verifying import verified
from autograd_mini.compiler.run.numpy_executor import NumpyExecutor
from autograd_mini.compiler.run.terms import TermsStep, terms_step
from tests.compiler.run.fences import Margined, fenced

pytestmark = pytest.mark.usefixtures("as_packs", "small_tiles")

LANES = 6
random = numpy.random.default_rng(6)


def index(shape, draw, *, may_be_absent):
    lanes = st.integers(0, LANES - 1)
    found = draw(st.lists(lanes, min_size=int(numpy.prod(shape)), max_size=int(numpy.prod(shape))))
    found = numpy.array(found, dtype=numpy.int64).reshape(shape)
    if may_be_absent and draw(st.booleans()):
        found.ravel()[draw(st.integers(0, found.size - 1))] = ABSENT
    return found


@st.composite
def programs(draw):
    """A sum of one to three blocks, of one or two factors, over two arrays of single numbers."""
    sources = [Pack(LANES, False, Leaf("input", place, f"x{place}")) for place in range(2)]
    segments = []
    for _ in range(draw(st.integers(1, 3))):
        g, h, s, k = (draw(st.integers(1, 3)) for _ in range(4))
        other = draw(st.sampled_from([None, *sources]))
        # In a stack, lanes come once: NumPy writes them at once.
        lane = numpy.array(draw(st.permutations(range(27)))[: g * h * s], dtype=numpy.int64).reshape(g, h, s)
        a = index((g, h, k), draw, may_be_absent=True)
        b = None if other is None else index((g, k, s), draw, may_be_absent=True)
        sign = draw(st.sampled_from([1.0, -1.0]))
        segments.append(Segment(draw(st.sampled_from(sources)), other, [Block(lane, a, b, sign)]))
    return sources, Pack(27, False, Sum(tuple(segments)))


@settings(max_examples=200, deadline=None)
@given(programs())
def test_terms(drawn):
    sources, pack = drawn
    program = verified(Program([*sources, pack], {"all": [lanes_of(pack)]}))
    numbers = [random.normal(size=(LANES, 3))[:, 1:2] for _ in sources]  # not contiguous
    (expected,) = NumpyExecutor(program)(dict(zip(sources, numbers)), 1).rows["all"]
    place = {each: place for place, each in enumerate(program.packs)}
    with fenced(Margined) as fences:
        step = TermsStep(SimpleNamespace(place=place, cache=None), pack, pack.operation)
        values = [*numbers, None]
        for _ in range(2):
            step.run(values, step.prepare(values, 1))
            fences.check()
            numpy.testing.assert_allclose(values[2], expected, rtol=1e-13, atol=1e-13)


def test_what_is_no_sum_of_single_numbers():
    place = SimpleNamespace(place={}, cache=None)
    batched = Pack(1, True, Leaf("input", 0, "x"))
    total = Pack(1, False, Sum((Segment(batched, None, [Block(*[numpy.zeros((1, 1, 1), dtype=int)] * 2, None)]),)))
    assert terms_step(place, total) is None
    assert terms_step(place, batched) is None


def pulls(positions):
    """Each of 30 bodies is pulled by all others: ragged sums of products of many small matrices."""
    total = 0.0
    for i, p in enumerate(positions):
        pull = [0.0, 0.0, 0.0]
        for j in range(i):
            apart = [b - a for a, b in zip(p, positions[j])]
            weight = 1.0 / sqrt(sum(each * each for each in apart) + 0.1)
            pull = [so_far + weight * each for so_far, each in zip(pull, apart)]
        total += sum(each * each for each in pull)
    return total


def test_a_ragged_graph(monkeypatch):
    """Where it is not computed in columns."""
    monkeypatch.setattr(pipeline, "has_columns", lambda *args: False)
    made = []
    monkeypatch.setattr(TermsStep, "run", lambda *args, inner=TermsStep.run: made.append(args[0]) or inner(*args))
    positions = random.normal(size=(30, 3))
    value, slopes = compile(pulls, backend="machine").value_and_grad(positions)
    expected, expected_slopes = compile(pulls, backend="numpy").value_and_grad(positions)
    assert made
    numpy.testing.assert_allclose(value, expected, rtol=1e-12)
    numpy.testing.assert_allclose(slopes, expected_slopes, rtol=1e-11, atol=1e-12)
