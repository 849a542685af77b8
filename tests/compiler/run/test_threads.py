"""Machine code runs in many threads at once, and results belong to the caller."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from autograd_mini import compile, digamma, dot, exp, logsumexp, softmax, tanh
from autograd_mini.compiler.ir.program import Leaf
from autograd_mini.compiler.partition import COLUMNS, COLUMNS_A_THREAD
from autograd_mini.compiler.run.machine import MachineExecutor
from autograd_mini.compiler.run.scheduling import schedule

pytestmark = pytest.mark.usefixtures("as_packs", "small_tiles")

random = numpy.random.default_rng(2)
TILE = 2 * COLUMNS
W = random.normal(size=(24, 24)) * 0.3


def layered(w, x):
    """A function with matrix products, kernels, a NumPy step, and inputs and constants among the results."""
    hidden = [tanh(dot(row, x)) for row in w]
    shares = softmax([dot(row, hidden) for row in w[:9]])
    return logsumexp(hidden) + dot(shares, x[:9]) * digamma(2.0 + hidden[0] ** 2)


def many_results(w, x):
    hidden = [tanh(dot(row, x)) for row in w]
    return hidden, x, w[0], 3.0, [dot(row, hidden) for row in w], [exp(-each * each) for each in x], hidden[3]


def elementwise(x, y):
    return exp(-x * x) * tanh(y) + digamma(1.0 + y * y) * 0.0 + x / (1.0 + y * y)


def arrays(nest):
    """The arrays of a nest, with its numbers as arrays."""
    return [array for item in nest for array in arrays(item)] if isinstance(nest, (list, tuple)) else [nest]


def same(found, expected):
    pairs = zip(arrays(found), arrays(expected), strict=True)
    return all(numpy.asarray(one).tobytes() == numpy.asarray(two).tobytes() for one, two in pairs)


@pytest.mark.parametrize("reduce", [None, "mean"])
def test_first_and_later_calls_of_many_threads(reduce):
    """Batches of many lengths, those that go tile by tile among them, through one function."""
    inputs = [random.normal(size=(n, 24)) for n in (1, 2, 3, 7, 64, 129, 2 * TILE + 1)]
    alone = compile(layered, batch="x", reduce=reduce, backend="machine")
    expected = [alone.value_and_grad(W, x) for x in inputs]
    compiled = compile(layered, batch="x", reduce=reduce, backend="machine")
    start = threading.Barrier(6)

    def work(number):
        start.wait()
        order = [(number + i) % len(inputs) for i in range(2 * len(inputs))]
        return [same(compiled.value_and_grad(W, inputs[each]), expected[each]) for each in order]

    with ThreadPoolExecutor(6) as pool:
        assert all(all(found) for found in pool.map(work, range(6)))


@pytest.mark.parametrize("n", [1, 5, 130, 2 * TILE, 2 * TILE + 77])
@pytest.mark.parametrize(
    ("function", "method"), [(layered, "__call__"), (layered, "value_and_grad"), (many_results, "__call__")]
)
def test_results_belong_to_the_caller(function, method, n):
    run = getattr(compile(function, batch="x", backend="machine"), method)
    x = numpy.asfortranarray(random.normal(size=(n, 24)))
    first = run(W, x)
    kept = [array.copy() for array in arrays(first)]
    second = run(W, x * 2.0)
    third = run(W, x)
    for one, two, before in zip(arrays(first), arrays(third), kept):
        numpy.testing.assert_array_equal(one, before)
        numpy.testing.assert_array_equal(two, before)
    found = [*arrays(first), *arrays(second), *arrays(third)]
    for number, array in enumerate(found):
        assert array.flags.writeable
        assert not any(numpy.shares_memory(array, other) for other in (x, W, *found[:number]))
    for array in found:
        array[...] = numpy.nan  # what the caller does with them is the caller's business
    for one, before in zip(arrays(run(W, x)), kept):
        numpy.testing.assert_array_equal(one, before)


def ready(threads):
    """A program without matrix products, and the arrays of its leaves for n examples."""
    compiled = compile(elementwise, batch=True, backend="machine")
    compiled.value_and_grad(numpy.ones(3), numpy.ones(3))
    program = compiled.program
    x = numpy.random.default_rng(1).normal(size=(2, 3 * COLUMNS_A_THREAD + 5))

    def run(n):
        leaves = {}
        for pack in program.packs:
            if isinstance(pack.operation, Leaf) and pack.operation.role != "constant":
                batched = x[pack.operation.position % 2 : pack.operation.position % 2 + 1, :n]
                leaves[pack] = batched if pack.batched else numpy.zeros((pack.lanes, 1))
        return executor(leaves, n).rows

    executor = MachineExecutor(schedule(program), threads=threads)
    return run


LENGTHS = [5, *(turns * COLUMNS_A_THREAD + rest for turns, rest in ((2, 0), (2, 1), (3, 3)))]


@pytest.mark.parametrize("n", LENGTHS)
def test_results_do_not_depend_on_the_number_of_threads(n):
    expected = ready(1)(n)
    for threads in (2, 3, 7):
        for _ in range(2):
            found = ready(threads)(n)
            assert found.keys() == expected.keys()
            for name in found:
                for one, two in zip(found[name], expected[name]):
                    numpy.testing.assert_array_equal(one, two)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_threads_after_a_fork():
    """A child process has none of its parent's threads."""
    run = ready(2)
    expected = run(LENGTHS[1])
    child = os.fork()
    if not child:
        signal.alarm(20)
        found = run(LENGTHS[1])
        os._exit(0 if all(map(numpy.array_equal, found["value"], expected["value"])) else 1)
    assert os.waitpid(child, 0)[1] == 0
