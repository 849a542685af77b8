"""The normal form: long sums of products are what short ones would be; and what a first call loads."""

import math
import subprocess
import sys

import numpy
import pytest

from autograd_mini import Value, compile, dot, grad, relu, sumprod, tanh
from autograd_mini.compiler.ir.scalars import Terms
from autograd_mini.compiler.passes import normalising
from autograd_mini.compiler.passes.tracing import trace

WEIGHT = Value(0.5)
FUNCTIONS = {
    "a layer": lambda w, x: relu(dot(w, x) + w[0]) + relu(dot(x, w) + x[1]),
    "a chain that goes on": lambda w, x: dot(w, x) + w[0] + x[1] * w[2] + x[3] - w[4] * w[4] + 2.0 + x[5],
    "a sum of sums": lambda w, x: dot(w, x) + dot(x, w) + tanh(dot(w, w)),
    "a sum in a list of terms": lambda w, x: sum([dot(w, x), w[0] * x[0], dot(x, x), w[1]]),
    "a sum used twice": lambda w, x: (dot(w, x) + w[0]) * (dot(w, x) + w[0]) + dot(w, x),
    "rounded once": lambda w, x: sumprod(w, x) + w[0],
    "constants": lambda w, x: dot([2.0] * len(x), x) + dot([2.0] * len(x), [3.0] * len(x)) * w[0],
    "what is computed": lambda w, x: dot([tanh(each) for each in w], x) + x[0],
    "a parameter": lambda w, x: dot([WEIGHT, *w[1:]], x) + WEIGHT,
    "some of the inputs": lambda w, x: dot([*w, *w[:9]], [*x, *x[9:18]]) + w[3],
}


def normal_form(f, n):
    inputs = [[Value(math.sin(each + shift)) for each in range(n)] for shift in (0.0, 0.5)]
    found = normalising.normalise(trace(f, "f", inputs, inputs))
    listed = [(repr(each.flat), each.from_zero) if isinstance(each, Terms) else repr(each) for each in found.scalars]
    return listed, found.outputs, found.guards


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_long_sum_of_products_is_what_a_short_one_would_be(name, monkeypatch):
    f = FUNCTIONS[name]
    found = normal_form(f, 70)
    monkeypatch.setattr(normalising, "MANY", math.inf)
    assert found == normal_form(f, 70)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_long_sums_of_products_have_the_derivatives_of_eager_mode(name):
    f = FUNCTIONS[name]
    w, x = numpy.random.default_rng(0).normal(size=(2, 70))
    for batch in (False, ["x"]):
        given = (w, x) if not batch else (w, x[None])
        for found, expected in zip(compile(f, batch=batch).grad(*given), grad(f)(w, x)):
            assert numpy.ravel(found) == pytest.approx(numpy.ravel(expected), rel=1e-12, abs=1e-12)


def test_a_first_call_does_not_load_masked_arrays():
    program = """
import sys, numpy
from autograd_mini import compile, dot, log_softmax, relu

def loss(w1, b1, w2, b2, x, d):
    hidden = [relu(dot(row, x) + b) for row, b in zip(w1, b1)]
    return -dot(d, log_softmax([dot(row, hidden) + b for row, b in zip(w2, b2)]))

before = "numpy.ma" in sys.modules
derive = compile(loss, batch=["x", "d"], wrt=[0, 1, 2, 3], reduce="mean").value_and_grad
derive(*map(numpy.ones, [(90, 300), 90, (5, 90), 5, (90, 300), (90, 5)]))
print(before == ("numpy.ma" in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
