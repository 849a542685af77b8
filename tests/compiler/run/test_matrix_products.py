"""Sums of numbers shared by all examples agree with NumPy: ragged sums, stacked products, absent factors; and products
in tiles."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import compile, dot, exp, sqrt, sum, tanh
from autograd_mini.compiler import pipeline
from autograd_mini.compiler.code.libraries import host_width
from autograd_mini.compiler.ir.program import ABSENT, Block, Leaf, Pack, Program, Segment, Sum, lanes_of
from autograd_mini.compiler.partition import TILE
from autograd_mini.compiler.passes import columnwise
from autograd_mini.compiler.run import matrix_products
from autograd_mini.compiler.run.arena import ArenaExecutor
from autograd_mini.compiler.run.machine import MachineExecutor
from autograd_mini.compiler.run.matrix_products import ArenaStep, by_tiles
from autograd_mini.compiler.run.numpy_executor import NumpyExecutor
from autograd_mini.compiler.run.scheduling import schedule
from tests.compiler.run.fences import Guarded, Margined, fenced
from tests.compiler.verifying import verified

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
    program = verified(Program([*sources, pack], {"all": lanes_of(pack)}))
    numbers = [random.normal(size=(LANES, 3))[:, 1:2] for _ in sources]  # not contiguous
    expected = NumpyExecutor(program)(dict(zip(sources, numbers)), 1).rows["all"]
    with fenced(Margined) as fences:
        executor = ArenaExecutor(program)
        for _ in range(2):
            found = executor(dict(zip(sources, numbers)), 1).rows["all"]
            fences.check()
            numpy.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)


def shared(w, x):
    """A function that computes with shared numbers before those of the examples, and after sums over them."""
    scales = [exp(dot(row, row)) * tanh(row[0]) for row in w]
    return sum(scale * tanh(dot(row, x)) for scale, row in zip(scales, w)) + sum(scales)


@pytest.mark.parametrize("n", [0, 1, 3, 19, 700])
def test_on_either_side_of_a_batch(n):
    w, x = random.normal(size=(7, 5)) / 3.0, random.normal(size=(n, 5))
    compiled = compile(shared, batch="x", reduce="sum", backend="machine")
    value, slopes = compiled.value_and_grad(w, x)
    expected, expected_slopes = compile(shared, batch="x", reduce="sum", backend="numpy").value_and_grad(w, x)
    executor = compiled._latest.parts[0].plan.executor(compiled._latest.request)
    assert isinstance(executor, MachineExecutor)
    assert len([step for step in executor.steps if isinstance(step, ArenaStep)]) > 1
    numpy.testing.assert_allclose(value, expected, rtol=1e-12)
    for found, other in zip(slopes if isinstance(slopes, tuple) else [slopes], expected_slopes):
        numpy.testing.assert_allclose(found, other, rtol=1e-11, atol=1e-12)


def test_a_sum_over_the_batch_of_what_is_the_same_for_all():
    given = Pack(2, False, Leaf("input", 0, "x"))
    other = Pack(1, True, Leaf("input", 1, "y"))
    same = Pack(2, True, Sum([Segment(given, None, [Block(*[numpy.arange(2).reshape(2, 1, 1)] * 2, None)])]))
    block = Block(*[numpy.zeros((1, 1, 1), dtype=int)] * 2, None)
    total = Pack(1, False, Sum([Segment(same, None, [block]), Segment(other, None, [block])]))
    program = verified(Program([given, other, same, total], {"all": lanes_of(total)}))
    found = MachineExecutor(schedule(program))({given: numpy.array([[3.0], [1.0]]), other: numpy.ones((1, 9))}, 9).rows[
        "all"
    ]
    assert found.tolist() == [[36.0]]


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


@pytest.mark.parametrize("rows", [0, columnwise.MOST_ROWS])
def test_a_ragged_graph(rows, monkeypatch):
    """Where it is computed in columns for want of another way; all sums term by term where these would be too many."""
    monkeypatch.setattr(pipeline, "has_columns", lambda *args: False)
    monkeypatch.setattr(columnwise, "MOST_ROWS", rows)
    positions = random.normal(size=(30, 3))
    compiled = compile(pulls, backend="machine")
    value, slopes = compiled.value_and_grad(positions)
    expected, expected_slopes = compile(pulls, backend="numpy").value_and_grad(positions)
    assert isinstance(compiled._latest.parts[0].plan.executor(compiled._latest.request), ArenaExecutor)
    assert compiled(positions) == value
    numpy.testing.assert_allclose(value, expected, rtol=1e-12)
    numpy.testing.assert_allclose(slopes, expected_slopes, rtol=1e-11, atol=1e-12)


WIDTH = TILE[1] * host_width()
ORDERS = {
    "rows": lambda array: numpy.ascontiguousarray(array),
    "columns": lambda array: numpy.asfortranarray(array),
    "backwards": lambda array: numpy.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1],
    "every other": lambda array: numpy.repeat(numpy.asfortranarray(array), 2, axis=0)[::2],
    "one for all": lambda array: numpy.broadcast_to(array[:1], array.shape),
}


def suits_any(rows, columns, terms, width, threads):
    return min(threads, columns // WIDTH) if rows >= TILE[0] and terms > 0 else 0


@settings(max_examples=50, deadline=None)
@given(
    *[st.integers(max(TILE[0], WIDTH), 60)] * 2, st.integers(1, 30), *[st.sampled_from(list(ORDERS))] * 2,
    st.booleans(), st.booleans(), st.integers(0, 2**32),
)  # fmt: skip
def test_tiles(rows, columns, terms, order_x, order_y, is_turned, at_end, seed):
    """Between pages that end the process when they are touched. A sum has the same bits wherever it is."""
    generator = numpy.random.default_rng(seed)
    x = ORDERS[order_x](generator.normal(size=(rows, terms)))
    y = ORDERS[order_y](generator.normal(size=(terms, columns)))
    with pytest.MonkeyPatch.context() as patch, fenced(lambda *args: Guarded(*args, at_end=at_end)) as fences:
        patch.setattr(matrix_products, "threads_for_tiles", suits_any)

        def product(x, y, threads=1):
            out = fences.empty(columns, rows).T if is_turned else fences.empty(rows, columns)
            assert by_tiles(x, y, out, threads)
            fences.check()
            return out.copy()

        found = product(x, y)
        turned = product(x[::-1], y[:, ::-1])
        assert all((product(x, y, threads) == found).all() for threads in (2, 3))
    bound = (terms + 1) * 2.0**-52 * (abs(x) @ abs(y))
    assert (abs(found - x @ y) <= bound).all()
    assert (turned[::-1, ::-1] == found).all()


def network(w, v, x):
    """A function of large matrix products."""
    hidden = [tanh(dot(row, x)) for row in w]
    return sum([tanh(dot(row, hidden)) ** 2 for row in v])


@pytest.mark.parametrize("n", [1, 11, 16, 70, 600])
@pytest.mark.usefixtures("between_margins")
def test_a_network_in_tiles(n, monkeypatch):
    """With the same bits on any number of threads."""
    tiled = []
    monkeypatch.setattr(matrix_products, "threads_for_tiles", lambda *args: tiled.append(args) or suits_any(*args))
    w, v, x = random.normal(size=(30, 20)) / 5.0, random.normal(size=(17, 30)) / 5.0, random.normal(size=(n, 20))
    for each in (x, numpy.asfortranarray(x), x[::-1]):
        expected, others = compile(network, batch="x", reduce="mean", backend="numpy").value_and_grad(w, v, each)
        results = []
        for threads in (1, 2):
            derive = compile(network, batch="x", reduce="mean", backend="machine", threads=threads).value_and_grad
            value, slopes = derive(w, v, each)
            numpy.testing.assert_allclose(value, expected, rtol=1e-12)
            for found, other in zip(slopes, others):
                numpy.testing.assert_allclose(found, other, rtol=1e-11, atol=1e-12)
            results.append([value, *map(numpy.ravel, slopes)])
        assert numpy.array_equal(*map(numpy.hstack, results))
    assert any(suits_any(*args) for args in tiled)
