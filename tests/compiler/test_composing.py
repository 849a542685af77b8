"""Compiled functions among Values are the functions they were made from."""

import numpy
import pytest

from autograd_mini import Value, compile, grad, hessian, value_and_grad

f = compile(lambda a, b: a * a * b)


def test_values_among_the_arguments():
    x = Value(3.0)
    f(x, 2.0).backward()
    assert x.grad == 12.0
    assert [slope.data for slope in f.grad(Value(3.0), 2.0)] == [12.0, 9.0]
    assert [row.data for row in f.hvp(Value(3.0), 2.0, (1.0, 0.0))] == [4.0, 6.0]
    assert [row.data for row in f.jacobian(Value(3.0), 2.0)] == [12.0, 9.0]
    assert f.hessian(Value(3.0), 2.0)[0][0].data == 4.0


def test_within_a_derivative():
    assert value_and_grad(lambda x: x * compile(lambda y: y * x)(4.0))(5.0) == (100.0, 40.0)
    assert grad(lambda x: f.grad(x, 2.0)[0])(3.0) == 4.0
    assert grad(lambda x: f.value_and_grad(x, 2.0)[0])(3.0) == 12.0
    assert type(f(3.0, 2.0)) is float


def test_within_another_compiled_function():
    outer = compile(lambda x: f(x, 2.0) * x)
    assert (outer(3.0), outer.grad(3.0), outer.hessian(3.0)) == (54.0, 54.0, 36.0)


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_reduced_batches(reduce):
    loss = compile(lambda w, x: w[0] * x * x + w[1], batch="x", reduce=reduce)
    w, x = [1.0, 2.0], numpy.array([1.0, 2.0, 3.0])
    values = [Value(number) for number in w]
    y = loss(values, x)
    y.backward()
    expected, slopes = loss.value_and_grad(w, x)
    assert y.data == pytest.approx(expected, rel=1e-15)
    assert [value.grad for value in values] == pytest.approx(slopes[0], rel=1e-15)
    assert hessian(lambda w: loss(w, x.tolist()))(w) == [[0.0, 0.0], [0.0, 0.0]]


def test_batches_that_are_not_reduced():
    g = compile(lambda x: {"square": x * x, "both": numpy.array([x, 2 * x])}, batch=True)
    found = g([Value(1.0), Value(2.0)])
    expected = g([1.0, 2.0])
    assert numpy.vectorize(lambda y: y.data)(found["square"]).tolist() == expected["square"].tolist()
    assert numpy.vectorize(lambda y: y.data)(found["both"]).tolist() == expected["both"].tolist()
    with pytest.raises(TypeError, match="compile it with reduce="):
        compile(lambda x: x * x, batch=True).grad([Value(1.0)])
    with pytest.raises(ValueError, match="a batch of no example"):
        compile(lambda w, x: w * x, batch="x")(Value(1.0), [])
