"""Rows by index arrays are those that NumPy takes; evenly spaced ones, and runs of them, are not copied."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, compile, dot, tanh
from autograd_mini.compiler.partition import SHORTEST_RUN
from autograd_mini.compiler.run.gather import Gather
from autograd_mini.compiler.run.numpy_executor import is_placing
from tests.compiler.comparing import BACKENDS

WIDTHS = st.sampled_from([1, 3])


@st.composite
def indices(draw):
    """Runs, of which some are one number longer, begin elsewhere or come in another order."""
    length, n = draw(st.sampled_from([1, 2, SHORTEST_RUN - 1, SHORTEST_RUN, 20])), draw(st.integers(1, 5))
    spacing, first = draw(st.integers(1, 25)), draw(st.integers(0, 3))
    index = first + spacing * numpy.arange(n)[:, None] + numpy.arange(length)
    flat = index.ravel()
    for _ in range(draw(st.integers(0, 1))):
        flat[draw(st.integers(0, flat.size - 1))] += draw(st.integers(0, 2))
    return flat[::-1].copy() if draw(st.booleans()) else flat


@given(indices(), WIDTHS)
def test_rows_are_those_of_numpy(index, width):
    array = numpy.random.default_rng(0).normal(size=(200, width))
    gather = Gather(index.reshape(-1, 1))
    assert gather(array).tolist() == array[index.reshape(-1, 1)].tolist()
    if numpy.unique(index).size == index.size:
        out, expected = numpy.zeros((200, width)), numpy.zeros((200, width))
        gather.put(out, array[: index.size])
        expected[index] = array[: index.size]
        assert out.tolist() == expected.tolist()


def test_rows_of_a_matrix_are_not_copied():
    array = numpy.arange(300.0)[:, None]
    index = 1 + 30 * numpy.arange(9)[:, None] + numpy.arange(29)
    assert numpy.shares_memory(Gather(index)(array), array)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [3, 40])
def test_gradients_of_parameters_are_in_their_places_and_the_callers(n, backend):
    random = numpy.random.default_rng(1)
    weights = [[Value(number) for number in row] for row in random.normal(size=(130, 131)) / 12.0]

    def f(x):
        hidden = [tanh(dot(row[1:], x) + row[0]) for row in weights]
        return dot(hidden, hidden)

    x = random.normal(size=(n, 130))
    compiled = compile(f, batch=True, reduce="sum", backend=backend)
    value, slopes = compiled.value_and_parameter_grads(x)
    executor = compiled._latest.parts[0].plan.executor(compiled._latest.request)
    assert backend == "numpy" or is_placing(executor.steps[-1].packs[0])
    numbers = numpy.array([[each.data for each in row] for row in weights])
    y = numpy.tanh(x @ numbers[:, 1:].T + numbers[:, 0])
    back = 2.0 * y * (1.0 - y * y)
    expected = {id(row[0]): total for row, total in zip(weights, back.sum(axis=0))}
    for row, each in zip(weights, back.T @ x):
        expected |= zip(map(id, row[1:]), each)
    assert value == pytest.approx((y * y).sum())
    assert slopes == pytest.approx([expected[id(each)] for each in compiled.parameters], rel=1e-9, abs=1e-12)
    kept = numpy.array(slopes)
    compiled.value_and_parameter_grads(2.0 * x)
    assert numpy.array(slopes).tolist() == kept.tolist()
