"""The rules of operations on whole vectors agree with those of the table, which eager mode follows scalar by scalar."""

from importlib.util import find_spec
from math import inf, isfinite

import numpy
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import autograd_mini
from autograd_mini import compile, dot, grad, hessian
from autograd_mini.compiler.passes.vector_rules import REDUCTION_RULES
from tests.compiler.comparing import BACKENDS, disagreement
from tests.compiler.contract import Contract, faults, wrong_slopes

VECTORS = ["softmax", "log_softmax"]
REDUCTIONS = [*[each.name for each in REDUCTION_RULES], "prod"]

numbers = st.sampled_from([0.0, -0.0, 1.0, 1.0, -2.0, 30.0, 700.0, -745.0, 1e-200, 1e200, -inf]) | st.floats(-3.0, 3.0)
vectors = st.lists(numbers, min_size=1, max_size=6)
BEST = "machine" if find_spec("llvmlite") else "numpy"
FEW = settings(max_examples=15)


def reduced(name):
    reduce = getattr(autograd_mini, name)
    return lambda xs: reduce(list(xs))


def weighted(name):
    """A weighted sum of results, so that no two adjoints are equal."""
    function = getattr(autograd_mini, name)
    return lambda xs: dot([0.5 + 1.25 * i for i in range(len(xs))], function(list(xs)))


def squared(f):
    """A function whose adjoints vary with its argument."""

    def square_of_f(xs):
        y = f(xs)
        return y * y + xs[0]

    return square_of_f


FUNCTIONS = {**{name: reduced(name) for name in REDUCTIONS}, **{name: weighted(name) for name in VECTORS}}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients(name, backend):
    @FEW
    @example([-inf, -inf, -inf])
    @example([-inf, 0.0, -inf])
    @example([2.0, 2.0, 2.0])
    @example([0.0, 0.0, -0.0])
    @given(vectors)
    def test(xs):
        for f in (FUNCTIONS[name], squared(FUNCTIONS[name])):
            compiled = compile(f, backend=backend)
            wrong = faults(lambda *xs, f=f: f(list(xs)), xs, backend, compiled(xs), compiled.grad(xs))
            assert not wrong, f"at {xs}: {wrong}"

    test()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives(name, backend):
    """At extreme arguments the order of factors decides which product overflows: only finite numbers are compared."""
    scale = 1.0 if name in VECTORS else 0.0  # second derivatives of a softmax are differences of first ones

    @FEW
    @example([-inf, 0.0, 1.0])
    @example([2.0, 2.0, 2.0])
    @example([0.0, 0.0, 0.0])
    @given(vectors)
    def test(xs):
        for f in (FUNCTIONS[name], squared(FUNCTIONS[name])):
            expected = numpy.array(hessian(f)(xs))
            assume(numpy.isfinite(expected).all())
            assert not disagreement(compile(f, backend=backend).hessian(xs), expected.tolist(), scale=scale)

    test()


@pytest.mark.parametrize("name", VECTORS)
@FEW
@given(vectors)
def test_jacobians_of_vectors(name, xs):
    function = getattr(autograd_mini, name)
    contract = Contract(lambda *xs: function(list(xs)), xs, BEST)
    for output, row in enumerate(compile(lambda xs: function(list(xs)), backend=BEST).jacobian(xs)):
        assert not wrong_slopes(contract, row, output)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_over_a_batch_and_in_several_lanes(name, backend):
    """Rows of a matrix, each reduced, for every example."""

    def f(rows):
        return sum((1.0 + i) * FUNCTIONS[name](row) for i, row in enumerate(rows))

    random = numpy.random.default_rng(3)
    batch = random.normal(size=(4, 3, 5))
    batch[1, 1] = 0.25  # ties
    batch[2, 0, :2] = -inf
    values, slopes = compile(f, batch=True, backend=backend).value_and_grad(batch)
    for example_, value, slope in zip(batch, values, slopes):
        assert not disagreement(value, f(example_.tolist()))
        expected = grad(f)(example_.tolist())
        assert not disagreement(slope, expected)


@given(st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=6), st.integers(0, 5))
@FEW
def test_one_output_of_a_softmax(xs, index):
    index %= len(xs)
    for function in (autograd_mini.softmax, autograd_mini.log_softmax):

        def f(xs, function=function):
            return function(list(xs))[index]

        assert not disagreement(compile(f).hessian(xs), hessian(f)(xs), scale=1.0)
        assert all(map(isfinite, compile(f).grad(xs)))
