"""Derivatives with respect to captured Values have the same bits on the short way and on the long one, whatever happens
to these Values between calls."""

from types import SimpleNamespace
from unittest import mock

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, compile, grad, tanh, value_and_grad
from autograd_mini import sum as total
from autograd_mini.compiler import pipeline
from autograd_mini.nn import MLP
from tests.compiler.calls.test_entering import same

pytest.importorskip("llvmlite")

numbers = st.floats(-2.0, 2.0).map(lambda x: x + 2.0**-30)
places = st.integers(0, 9)
CHANGES = ["data", "replace", "share", "freeze", "longer", "shorter", "turned", "scale", "new list", "zero", "grad"]
changes = st.tuples(st.sampled_from(CHANGES), places, places, numbers)
CALLS = ["slopes", "slopes of given", "value", "value of given", "backward"]
steps = st.lists(st.sampled_from(CALLS) | changes, min_size=4, max_size=8)


def network(weights):
    """A function whose parameters are in attributes and lists."""
    model = SimpleNamespace(weights=weights, scale=1.5)

    def f(x):
        hidden = [tanh(x * w + 0.1 * i) for i, w in enumerate(model.weights)]
        return total([a * b for a, b in zip(hidden, [*hidden[1:], x])]) * model.scale + 0.5 * model.weights[0]

    return model, f


def change(model, what, i, j, number):
    """Something that a training loop may do between calls, or that takes the network apart."""
    weights = model.weights
    i, j = i % len(weights), j % len(weights)
    if what == "data" and isinstance(weights[i], Value):
        weights[i].data = number
    elif what == "replace":
        weights[i] = Value(number)
    elif what == "share":
        weights[i] = weights[j]
    elif what == "freeze":
        weights[i] = float(weights[i]) if j % 2 else Value(float(weights[i])).detach()
    elif what == "longer":
        weights.append(Value(number))
    elif what == "shorter" and len(weights) > 1:
        del weights[i]
    elif what == "turned":
        weights.reverse()
    elif what == "scale":
        model.scale = number
    elif what == "new list":
        model.weights = [*weights]
    elif what == "zero":
        for w in weights:
            if isinstance(w, Value) and not w.is_constant:
                w.grad = None if j % 2 else 0.0
    elif what == "grad" and isinstance(weights[i], Value):
        weights[i].grad = number


def call(compiled, how, args, given):
    """The results of a call, and what it leaves in the `grad` of its parameters."""
    if how.endswith("of given"):
        method = compiled if how == "value of given" else compiled.value_and_parameter_grads
        return method(*args, parameters=given)
    if how == "backward":
        compiled(*args)
        before = {parameter: parameter.grad for parameter in compiled.parameters}
        value = compiled.backward(*args)
        after = [parameter.grad for parameter in before]
        for parameter, number in before.items():
            parameter.grad = number
        return value, after
    return compiled(*args) if how == "value" else compiled.value_and_parameter_grads(*args)


def forget(compiled):
    """Make the next call take the long way."""
    compiled._short = compiled._short_value = None
    compiled._ways.clear()


@settings(max_examples=12, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=3), numbers, steps, st.booleans())
def test_whatever_happens_to_parameters(weights, x, steps, as_scalars):
    model, f = network([*map(Value, weights)])
    with mock.patch.object(pipeline, "suits_scalars", return_value=as_scalars):
        short, slow = (compile(f, backend="machine") for _ in range(2))
        for step in steps:
            if not isinstance(step, str):
                change(model, *step)
                continue
            if step.endswith("of given"):
                short(x)
            given = numpy.array([each.data for each in short.parameters]) * 0.75 if step.endswith("of given") else None
            forget(slow)
            found = [call(short, step, (x,), given) for _ in range(2)]
            expected = call(slow, step, (x,), given)
            assert same(found[0], expected)
            assert same(found[1], expected)
            assert [*map(id, short.parameters)] == [*map(id, slow.parameters)]
            if step == "slopes" and short.parameters:
                assert "slopes" in short._ways
                assert_eager(f, x, short.parameters, expected)


def assert_eager(f, x, parameters, expected):
    before = [each.grad for each in parameters]
    for each in parameters:
        each.grad = 0.0
    y = f(Value(x).detach())
    y.backward()
    value, slopes = expected
    assert value == pytest.approx(y.data, rel=1e-12, abs=1e-13)
    assert slopes.tolist() == pytest.approx([each.grad for each in parameters], rel=1e-11, abs=1e-12)
    for each, number in zip(parameters, before):
        each.grad = number


lengths = st.lists(st.sampled_from([1, 2, 7, 8, 9, 17, 129]), min_size=2, max_size=5)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(numbers, max_size=4),
    st.sampled_from([None, "sum", "mean"]),
    st.lists(st.tuples(st.sampled_from(CALLS[:-1]), lengths), min_size=1, max_size=4),
    st.booleans(),
)
def test_batches(weights, reduce, calls, as_scalars):
    """Of any length; the numbers of the parameters may be passed, and need not be contiguous."""
    random, parameters = numpy.random.default_rng(len(calls)), [*map(Value, weights)]

    def f(x, y):
        return total([tanh(x[0] * w + y) * x[1] for w in parameters]) + x[1] * y

    with mock.patch.object(pipeline, "suits_scalars", return_value=as_scalars):
        short, slow = (compile(f, batch=True, reduce=reduce, backend="machine", threads=1) for _ in range(2))
        for how, each in calls:
            for n in each:
                args = random.normal(size=(n, 2)), random.normal(size=n)
                given = numpy.repeat(random.normal(size=len(weights)), 2)[::2]
                forget(slow)
                assert same(call(short, how, args, given), call(slow, how, args, given))


WRONG = {
    "too few": numpy.ones(1), "too many": numpy.ones(3), "a matrix": numpy.ones((2, 1)), "none": numpy.ones(0),
    "whole": numpy.array([1, 2]), "single": numpy.ones(2, "f4"), "a list": [0.5, 0.25], "texts": ["a", "b"],
    "nan": numpy.array([numpy.nan, 1.0]), "beyond": numpy.array([1e308, 1e308]), "on another path": -numpy.ones(2),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("how", ["slopes of given", "value of given"])
def test_numbers_that_take_the_long_way(name, how):
    w = [Value(0.5), Value(-0.25)]

    def f(x):
        return w[0] * x * x + w[1] * 10.0 * x if w[0] * x > 0 else w[1]

    def outcome(compiled):
        try:
            return repr(call(compiled, how, (2.0,), WRONG[name]))
        except (TypeError, ValueError) as error:
            return repr(error)

    compiled, fresh = (compile(f, backend="machine") for _ in range(2))
    right = numpy.array([0.5, -0.25])
    for each in (compiled, fresh):
        each(2.0)
        expected = call(each, how, (2.0,), right)
    assert same(call(compiled, how, (2.0,), right), expected)
    assert compiled._ways
    fresh._ways.clear()
    assert outcome(compiled) == outcome(fresh)
    assert same(call(compiled, how, (2.0,), right), expected)


def test_an_argument_called_parameters():
    w = Value(3.0)
    compiled = compile(lambda parameters, x: w * parameters * x, backend="machine")
    for _ in range(3):
        value, slopes = compiled.value_and_parameter_grads(x=2.0, parameters=5.0)
        assert (value, slopes.tolist()) == (30.0, [10.0])
        value, slopes = compiled.value_and_parameter_grads(5.0, 2.0)
        assert (value, slopes.tolist()) == (30.0, [10.0])


def test_within_what_is_differentiated():
    w = Value(3.0)
    compiled = compile(lambda x: w * x * x, backend="machine")
    for _ in range(2):
        assert compiled.value_and_parameter_grads(2.0)[1].tolist() == [4.0]

    def inner(x):
        with pytest.raises(TypeError, match="takes plain numbers"):
            compiled.value_and_parameter_grads(2.0)
        return x * compiled(x)

    assert value_and_grad(inner)(2.0) == (24.0, 36.0)
    assert grad(lambda x: compiled(x))(2.0) == 12.0


@pytest.mark.parametrize("batch", [False, True])
def test_the_network_of_the_lecture(batch):
    """`backward` gives what eager mode gives, and takes the short way."""
    model, random = MLP(2, [5, 1], activation="tanh"), numpy.random.default_rng(1)
    xs = random.normal(size=(6, 2))
    if batch:
        compiled = compile(lambda x: model(x) ** 2, batch=True, reduce="sum", backend="machine")
        run = lambda: compiled.backward(xs)
    else:
        compiled = compile(lambda: total([model(x) ** 2 for x in xs.tolist()]), backend="machine")
        run = compiled.backward
    for step in range(4):
        model.zero_grad()
        total([model(x) ** 2 for x in xs.tolist()]).backward()
        expected = [parameter.grad for parameter in model.parameters()]
        if step != 2:  # then what was there before is added to
            model.zero_grad()
        run()
        found = [parameter.grad for parameter in model.parameters()]
        assert found == pytest.approx([(1 + (step == 2)) * each for each in expected], rel=1e-11)
        for parameter in model.parameters():
            parameter.data -= 0.01 * parameter.grad
    assert "slopes" in compiled._ways
