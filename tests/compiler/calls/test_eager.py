"""Compiled functions called with Values, or inside a derivative or another compiled function, act as the original
functions."""

import math

import numpy
import pytest

import autograd_mini
from autograd_mini import Value, compile, dot, exp, grad, gradients, hessian, jacobian, tanh, value_and_grad
from autograd_mini.structures import flatten

w = Value(0.75)


def scalar(x, y):
    return exp(x * w) * y + (x if x > y else y * y)


def vector(weights, x, kind):
    z = [dot(row, x) for row in weights]
    return sum(tanh(each) for each in z) * (x[0] if kind == "first" else x[1])


def several(x, y):
    return {"a": [x * y, x + 1.0], "b": numpy.array([x, y * y])}


NUMBERS = numpy.random.default_rng(0).normal(size=(5, 2))
XS, YS = NUMBERS.T
WEIGHTS = [[0.5, -1.0], [0.25, 2.0], [-1.5, 0.125]]

CASES = {
    "scalars": (scalar, {}, (0.5, -0.25)),
    "towards one": (scalar, {"wrt": "y"}, (0.5, -0.25)),
    "a nest": (vector, {"wrt": ["weights", "x"]}, (WEIGHTS, numpy.array([0.3, 0.7]), "first")),
    "a batch": (scalar, {"batch": True}, (XS, YS)),
    "a batch of one argument": (scalar, {"batch": "y"}, (0.5, YS)),
    "a batch of lists": (scalar, {"batch": True}, (XS.tolist(), YS.tolist())),
    "a batch of rows": (vector, {"batch": "x", "wrt": [0, 1]}, (WEIGHTS, NUMBERS, "second")),
    "a sum": (scalar, {"batch": True, "reduce": "sum", "wrt": "x"}, (XS, YS)),
    "a mean": (vector, {"batch": "x", "reduce": "mean", "wrt": 0}, (WEIGHTS, NUMBERS, "first")),
    "a mean of lists": (scalar, {"batch": "y", "reduce": "mean", "wrt": 0}, (0.5, YS.tolist())),
    "a batch in a dict": (lambda d, s: d["x"] * d["y"][1] * s, {"batch": 0}, ({"x": XS, "y": NUMBERS}, 2.0)),
}


def as_values(nest):
    leaves, structure = flatten(nest, "it", takes_others=True)
    return structure.rebuild([Value(each) for each in leaves])


def numbers_of(nest):
    leaves, structure = flatten(nest, "it", takes_others=True)
    return [each.data if isinstance(each, Value) else each for each in leaves], repr(structure)


def same(found, expected):
    (ours, shape), (theirs, expected_shape) = numbers_of(found), numbers_of(expected)
    assert shape.replace("array()", "·") == expected_shape.replace("array()", "·")
    numpy.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)


def ones_like(nest):
    leaves, structure = flatten(nest, "it", takes_others=True)
    return structure.rebuild([1.0 + 0.25 * place for place in range(len(leaves))])


WAYS = {
    "value": lambda c, args: c(*args),
    "value_and_grad": lambda c, args: c.value_and_grad(*args),
    "grad": lambda c, args: c.grad(*args),
    "jacobian": lambda c, args: c.jacobian(*args),
    "hessian": lambda c, args: c.hessian(*args),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_values_give_what_numbers_give(name, way):
    f, options, args = CASES[name]
    compiled = compile(f, **options)
    if way == "hessian" and name == "a sum":
        with pytest.raises(ValueError, match="its Hessian with respect to the batch"):
            compiled.hessian(*args)
        return
    expected = WAYS[way](compiled, args)
    found = WAYS[way](compiled, [arg if isinstance(arg, str) else as_values(arg) for arg in args])
    same(found, expected)
    assert any(isinstance(each, Value) for each in flatten(found, "it", takes_others=True)[0])


@pytest.mark.parametrize("name", CASES)
def test_products_with_the_hessian(name):
    f, options, args = CASES[name]
    compiled = compile(f, **options)
    gradient = compiled.grad(*args)
    wrt, batch = options.get("wrt"), options.get("batch")
    if options.get("reduce") is None and batch not in (None, True) and not isinstance(gradient, dict):
        along = ones_like([args[i] for i in range(len(args)) if not isinstance(args[i], str)])
        vector = tuple(along) if wrt is None or isinstance(wrt, list) else along[0]
    else:
        vector = ones_like(gradient)
    expected = compiled.hvp(*args, vector)
    values = [arg if isinstance(arg, str) else as_values(arg) for arg in args]
    same(compiled.hvp(*values, vector), expected)
    same(compiled.hvp(*args, as_values(vector)), expected)


def test_derivatives_go_on_through_it():
    cubed, other = compile(lambda x: x * x * x), Value(2.0)
    y = cubed(other)
    y.backward()
    assert (y.data, other.grad) == (8.0, 12.0)
    assert grad(lambda x: cubed(x) * 2.0)(3.0) == 54.0
    assert hessian(lambda x: cubed(x))(2.0) == 12.0
    assert jacobian(lambda x: [cubed(x), cubed(2.0 * x)])(1.0) == [3.0, 24.0]
    assert grad(lambda x: cubed.grad(x))(2.0) == 12.0
    assert grad(lambda x: cubed.hvp(x, x))(2.0) == 24.0
    assert cubed.backward(Value(2.0)) == 8.0


def test_what_it_closes_over_is_differentiated():
    assert value_and_grad(lambda x: x * compile(lambda y: y * x)(4.0))(5.0) == (100.0, 40.0)
    assert grad(lambda x: grad(lambda z: compile(lambda y: y * x * z)(4.0))(1.0))(5.0) == 4.0
    assert compile(lambda x: x * compile(lambda y: y * x)(4.0)).value_and_grad(5.0) == (100.0, 40.0)


def test_compiled_within_compiled():
    inner = compile(lambda w, x: tanh(w * x), batch="x", reduce="mean")
    outer = compile(lambda w: inner(w, XS) * w)

    def expected(w):
        return sum(tanh(w * x) for x in XS.tolist()) / len(XS) * w

    for _ in range(3):
        assert outer(0.5) == pytest.approx(expected(0.5), rel=1e-14)
        assert outer.grad(0.5) == pytest.approx(grad(expected)(0.5), rel=1e-13)
    assert inner(0.5, XS) == pytest.approx(expected(0.5) / 0.5, rel=1e-14)
    decorated = compile(compile(lambda x: x * x).function, batch=True)
    assert decorated(numpy.ones(2)).tolist() == [1.0, 1.0]


def test_branches_follow_each_example():
    halved = compile(lambda x: x / 2.0 if x > 1.0 else x * 3.0, batch=True)
    xs = [Value(2.0), Value(0.5)]
    total = autograd_mini.sum(halved(xs))
    total.backward()
    assert [x.grad for x in xs] == [0.5, 3.0]


def test_batches_of_none():
    for reduce, expected in ((None, []), ("sum", 0.0), ("mean", math.nan)):
        compiled = compile(lambda v, x: v * x, batch="x", reduce=reduce)
        found = compiled(Value(2.0), numpy.zeros(0))
        numpy.testing.assert_array_equal(numpy.array(found, dtype=float), compiled(2.0, numpy.zeros(0)))
        numpy.testing.assert_array_equal(numpy.array(found, dtype=float), expected)


def test_defaults_and_names():
    compiled = compile(lambda x, y=3.0: x * y, wrt="x")
    same(compiled(x=Value(2.0)), 6.0)
    same(compiled(2.0, y=Value(4.0)), 8.0)
    same(compiled.grad(y=Value(4.0), x=2.0), 4.0)


def test_arguments_are_checked_as_ever():
    compiled = compile(lambda x, y: x * y, batch=True)
    with pytest.raises(ValueError, match=r"x of <lambda> has 2 examples .*, but y has 3; the two must agree"):
        compiled([Value(1.0), 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="y of <lambda> should carry a batch axis, but is a number"):
        compiled([Value(1.0), 2.0], 3.0)
    with pytest.raises(TypeError, match="object"):
        compiled(numpy.array([1.0, 2.0], dtype=object), numpy.ones(2))
    with pytest.raises(TypeError, match="parameters=… only with plain numbers"):
        compile(lambda x: x * w)(Value(1.0), parameters=numpy.ones(1))
    with pytest.raises(TypeError, match="value_and_parameter_grads of <lambda> takes plain numbers"):
        compile(lambda x: x * w).value_and_parameter_grads(Value(1.0))
    with pytest.raises(ValueError, match=r"gives array\(1,\) for example 0 of the batch and · for another"):
        compile(lambda x: [x] if x > 1.0 else x, batch=True)([Value(2.0), 1.0])
    with pytest.raises(TypeError, match="needs one number"):
        compile(lambda x: x * x, batch=True).backward([Value(1.0), 2.0])


def test_plain_numbers_outside_run_compiled():
    runs = []

    def f(x):
        runs.append(1)
        return x * x

    compiled = compile(f)
    compiled(2.0)
    before = len(runs)
    assert [compiled(x) for x in (1.0, 2.0, 3.0)] == [1.0, 4.0, 9.0]
    assert len(runs) == before
    assert grad(lambda x: compiled(x) + compiled(2.0))(3.0) == 6.0
    assert len(runs) == before + 2


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_reduced_batches_of_numbers_next_to_values(reduce):
    loss = compile(lambda v, x: v[0] * x * x + v[1], batch="x", reduce=reduce)
    v, x = [Value(1.0), Value(2.0)], numpy.array([1.0, 2.0, 3.0])
    y = loss(v, x)
    y.backward()
    expected, slopes = loss.value_and_grad([1.0, 2.0], x)
    assert y.data == pytest.approx(expected, rel=1e-15)
    assert [value.grad for value in v] == pytest.approx(slopes[0], rel=1e-15)
    assert hessian(lambda v: loss(v, x.tolist()))([1.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]


def test_nests_of_results():
    compiled = compile(lambda x: {"square": x * x, "both": numpy.array([x, 2 * x])}, batch=True)
    same(compiled([Value(1.0), Value(2.0)]), compiled([1.0, 2.0]))
    same(compiled.jacobian([Value(1.0), Value(2.0)]), compiled.jacobian([1.0, 2.0]))


def test_whole_numbers_in_a_nest_stay_whole_in_a_batch_of_values():
    def f(x, options):
        return sum([options["scale"] * x] * options["times"])

    compiled = compile(f, batch="x")
    xs = [Value(2.0), Value(-0.5)]
    found = compiled(numpy.array(xs), {"scale": 1.5, "times": 3})
    assert [y.data for y in found] == [9.0, -2.25]
    assert gradients(found[0], xs) == [4.5, 0.0]
