"""Graphs that are deep, long or large: recurrences, chains, sums of many terms."""

import numpy
import pytest

from autograd_mini import compile, dot, grad, sin, tanh
from autograd_mini import sum as total
from tests.compiler.comparing import BACKENDS, disagreement


def chain(n):
    def f(x):
        for _ in range(n):
            x = sin(x) * 1.01 + 0.1
        return x

    return f


@pytest.mark.parametrize("backend", BACKENDS)
def test_chains(backend):
    f = chain(300)
    compiled = compile(f, backend=backend)
    assert not disagreement(compiled.value_and_grad(0.5), [f(0.5), grad(f)(0.5)])
    assert not disagreement(compiled.hvp(0.5, 1.0), grad(grad(f))(0.5))


def test_a_chain_of_ten_thousand_nodes():
    """Depth is no limit to tracing, nor to any later stage."""
    f = chain(3_334)
    assert not disagreement(compile(f, backend="numpy")(0.5), f(0.5))


def from_the_left(x):
    y = x[0]
    for each in x[1:]:
        y = y + each * each
    return y


def from_the_right(x):
    y = x[0]
    for each in x[1:]:
        y = each + y
    return y


def alternating(x):
    y = x[0]
    for each in x[1:]:
        y = each - y
    return y


@pytest.mark.parametrize("f", [from_the_left, from_the_right, alternating])
def test_long_sums(f):
    xs = numpy.random.default_rng(0).normal(size=5_000)
    value, slopes = compile(f, backend="numpy").value_and_grad(xs)
    assert not disagreement([value], [f(xs.tolist())], scale=numpy.abs(xs).sum())
    assert not disagreement(slopes, numpy.array(grad(f)(xs.tolist())))


@pytest.mark.parametrize("backend", BACKENDS)
def test_recurrences(backend):
    """A state multiplied by a fixed matrix in every step, with a result in every step."""

    def f(w, state, inputs):
        outputs = []
        for x in inputs:
            state = [tanh(dot(row, state) + x) for row in w]
            outputs.append(state[0] * state[1])
        return total(outputs)

    random = numpy.random.default_rng(1)
    w, state, inputs = random.normal(size=(2, 2)), random.normal(size=2), random.normal(size=12)
    value, slopes = compile(f, backend=backend).value_and_grad(w, state, inputs)
    assert not disagreement(value, f(w.tolist(), state.tolist(), inputs.tolist()))
    expected = grad(f)(w.tolist(), state.tolist(), inputs.tolist())
    assert not disagreement(list(slopes), [numpy.array(each) for each in expected])


@pytest.mark.parametrize("backend", BACKENDS)
def test_large_arrays(backend):
    def f(x):
        return total(tanh(each) for each in x)

    xs = numpy.random.default_rng(2).normal(size=5_000)
    value, slope = compile(f, backend=backend).value_and_grad(xs)
    assert value == pytest.approx(numpy.tanh(xs).sum(), rel=1e-12)
    assert numpy.allclose(slope, 1.0 - numpy.tanh(xs) ** 2, rtol=1e-12)
