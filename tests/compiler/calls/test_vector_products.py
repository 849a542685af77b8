"""Products of a compiled function's Jacobian with vectors, and the Jacobian by its cheaper direction, against eager
mode."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_mini as am
from autograd_mini import compile, dot, exp, grad, jacobian, jvp, vjp
from autograd_mini.testing import strategies
from tests.compiler.comparing import BACKENDS, disagreement
from tests.compiler.ties.test_ties import POINTS, programs


@pytest.fixture(autouse=True)
def _silence():
    with numpy.errstate(all="ignore"):
        yield


def agree(found, expected, scale=4.0):
    wrong = disagreement(found, expected, scale=scale)
    assert not wrong, wrong


def run(backend, test, *drawn, count=60):
    settings(max_examples=count if backend == "numpy" else 8, deadline=None)(given(*drawn)(test))()


def many(program, size):
    """A function with more results than arguments: a program at several points around its argument."""

    def results(x):
        return [program([(1.0 + k / 8.0) * each for each in x]) for k in range(size)]

    return results


@pytest.mark.parametrize("backend", BACKENDS)
def test_products_of_random_programs(backend):
    def test(program, v, w):
        f, x, v = (lambda x: [program(*x), x[0]]), [*program.point], v[: len(program.point)]
        compiled = compile(f, backend=backend)
        slopes = numpy.abs([each for row in jacobian(f)(x) for each in row])
        scale = float(numpy.nan_to_num(slopes, posinf=0.0).max(initial=1.0)) * 12.0
        agree(compiled.jvp(x, v), jvp(f)(x, v), scale)
        agree(compiled.vjp(x, w), vjp(f)(x, w), scale)

    numbers = st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3)
    run(backend, test, strategies.expressions(3), numbers, numbers.map(lambda w: w[:2]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_ties_and_kinks_are_settled_as_by_gradients(backend):
    def test(program, x):
        f, v = many(program, 4), [1.0, -0.5, 2.0]
        compiled = compile(f, backend=backend)
        agree(compiled.jvp(x, v), jvp(f)(x, v))
        agree(compiled.jacobian(x), jacobian(f)(x))
        batch = numpy.array([x, [each + 0.5 for each in x], x])
        each = compile(f, batch=True, backend=backend)
        agree(each.jvp(batch, numpy.tile(v, (3, 1))), [jvp(f)(row, v) for row in batch.tolist()])
        summed = compile(f, batch=True, reduce="sum", backend=backend)
        agree(summed.jvp(batch, numpy.tile(v, (3, 1))), each.jvp(batch, numpy.tile(v, (3, 1))).sum(axis=0), 12.0)

    run(backend, test, programs(), POINTS, count=40)


@pytest.mark.parametrize("backend", BACKENDS)
def test_structures_in_and_out(backend):
    def f(a, w):
        return {"sum": a["x"] + w[0], "all": numpy.array([am.exp(a["x"] * w[1]), w[0] * a["y"]]), "none": 2.0}

    args = {"x": 0.5, "y": 2.0}, numpy.array([1.5, -1.0])
    compiled = compile(f, backend=backend)
    change = {"y": 1.0, "x": -2.0}, numpy.array([3.0, 0.5])
    found = compiled.jvp(*args, change)
    assert list(found) == ["sum", "all", "none"]
    agree(found, jvp(f)(*args, ({"x": -2.0, "y": 1.0}, change[1])))
    weights = {"none": 7.0, "all": numpy.array([1.0, 2.0]), "sum": -1.0}
    found = compiled.vjp(*args, weights)
    assert list(found[0]) == ["x", "y"]
    agree(found, vjp(f)(*args, {name: weights[name] for name in ("sum", "all", "none")}))


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches(backend):
    def f(w, x):
        return [am.sin(w * x[0]), x[0] * x[1], w]

    w, x = 0.5, numpy.array([[1.0, 2.0], [3.0, -1.0], [0.0, 0.5]])
    v, u = 2.0, numpy.array([[1.0, 0.0], [0.5, -1.0], [0.0, 3.0]])
    weights = numpy.arange(9.0).reshape(3, 3)
    compiled = compile(f, batch="x", backend=backend)
    agree(compiled.jvp(w, x, (v, u)), [jvp(f)(w, row, (v, change)) for row, change in zip(x, u)])
    found = compiled.vjp(w, x, weights)
    each = [vjp(f)(w, row, weight) for row, weight in zip(x.tolist(), weights.tolist())]
    agree(found, ([a for a, _ in each], numpy.array([b for _, b in each])))
    mean = compile(f, batch="x", reduce="mean", backend=backend)
    agree(mean.jvp(w, x, (v, u)), compiled.jvp(w, x, (v, u)).mean(axis=0))
    pulled = mean.vjp(w, x, [1.0, 2.0, 3.0])
    each = [vjp(f)(w, row, [1.0, 2.0, 3.0]) for row in x.tolist()]
    agree(pulled, (numpy.mean([a for a, _ in each]), numpy.array([b for _, b in each]) / 3))
    assert compiled.jvp(w, x[:0], (v, u[:0])).shape == (0, 3)
    assert compiled.vjp(w, x[:0], weights[:0])[1].shape == (0, 2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_example_takes_its_own_path(backend):
    def f(x):
        return [x * x, x, x] if x > 0 else [am.exp(x), x * 3.0, 1.0]

    xs, v = numpy.array([1.0, -1.0, 0.0, 2.0]), numpy.array([1.0, 2.0, 3.0, 4.0])
    compiled = compile(f, batch=True, backend=backend)
    agree(compiled.jvp(xs, v), [jvp(f)(x, u) for x, u in zip(xs, v)])
    weights = numpy.arange(12.0).reshape(4, 3)
    agree(compiled.vjp(xs, weights), [vjp(f)(x, w.tolist()) for x, w in zip(xs, weights)])
    agree(compiled.jacobian(xs), [jacobian(f)(x) for x in xs])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reduce", [None, "sum"])
def test_the_jacobian_is_the_same_in_both_directions(backend, reduce):
    """With more results than arguments it is computed by columns, with some results left out by rows."""

    def tall(w, x):
        return [{"k": w * am.exp(x * k), "a": numpy.array([[w * x, w], [x, 1.0]])} for k in range(3)]

    options = {"batch": "x", "wrt": "w", "reduce": reduce, "backend": backend}
    x, w = numpy.array([0.5, -1.0]), {"one": 0.3, "two": numpy.array([1.0, 2.0])}
    f = lambda w, x: tall(w["one"] * w["two"][1] + w["two"][0], x)
    found = compile(f, **options).jacobian(w, x)
    for place in range(3):
        short = compile(lambda w, x, place=place: f(w, x)[place]["k"], **options).jacobian(w, x)
        agree(found[place]["k"], short)
        row = compile(lambda w, x, place=place: numpy.array(f(w, x)[place]["a"][0]), **options).jacobian(w, x)
        both = found[place]["a"]
        axis = 0 if reduce else 1
        agree(numpy.take(both["one"], 0, axis), row["one"])
        agree(numpy.take(both["two"], 0, axis), row["two"])


def test_within_derivatives_and_with_values():
    cubes = compile(lambda x: [x**3, 2.0 * x])
    assert grad(lambda x: cubes.jvp(x, 1.0)[0])(2.0) == 12.0
    assert grad(lambda x: cubes.vjp(x, [1.0, 0.0]))(2.0) == 12.0
    assert grad(lambda v: cubes.jvp(2.0, v)[0])(1.0) == 12.0
    x = am.Value(2.0)
    assert cubes.jvp(x, 1.0)[0].data == cubes.vjp(x, [1.0, 0.0]).data == 12.0
    over = compile(lambda x: [x**3, 2.0 * x], batch=True)
    values = numpy.array([am.Value(2.0), am.Value(1.0)])
    agree(numpy.vectorize(float)(over.vjp(values, numpy.ones((2, 2)))), [14.0, 5.0])
    agree(numpy.vectorize(float)(over.jvp(values, numpy.ones(2))), [[12.0, 2.0], [3.0, 2.0]])


def test_vectors_that_do_not_fit():
    f = compile(lambda x: [x[0] * x[1], x[0], x[1]])
    with pytest.raises(TypeError, match=r"jvp's vector must have the structure of the arguments of .*\[·, ·\], but"):
        f.jvp([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match=r"vjp's vector must have the structure of the result of .*\[·, ·, ·\], but"):
        f.vjp([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(TypeError, match="vjp of <lambda> takes its arguments and then the vector"):
        f.vjp([1.0, 2.0])
    over = compile(lambda x: [x, x, x], batch=True)
    with pytest.raises(ValueError, match="jvp's vector for <lambda> has 3 examples along its first axis, .* have 2"):
        over.jvp([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="vjp's vector for <lambda> has 3 examples along its first axis, .* have 2"):
        over.vjp([1.0, 2.0], numpy.ones((3, 3)))
    with pytest.raises(TypeError, match="must be a tuple of 2"):
        compile(lambda x, y: x * y).jvp(1.0, 2.0, 3.0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_argument_and_many_results_take_one_sweep(backend):
    f = lambda t: [am.sin(t * k) for k in range(1000)]
    compiled = compile(f, backend=backend)
    found = compiled.jacobian(0.3)
    assert isinstance(found[0], float)
    agree(found, jacobian(f)(0.3), 1000.0)
    assert compiled.jacobian(0.3) == found
    agree(compiled.jacobian(-1.25), jacobian(f)(-1.25), 1000.0)
    two = compile(lambda t: [am.sin(t[0] * k) * t[1] for k in range(20)], backend=backend)
    agree(two.jacobian([0.3, 2.0]), jacobian(lambda t: [am.sin(t[0] * k) * t[1] for k in range(20)])([0.3, 2.0]), 40.0)
    assert two._latest.request.kind == "tangent"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [0, 1, 7, 1500])
@pytest.mark.parametrize("shares", [False, True])
def test_matrices_of_examples_are_their_columns(n, shares, backend):
    """Whatever is computed side by side, with branches, and with an argument shared by all examples."""

    def f(x, y):
        if x[0] > y:
            return exp(x[0] * x[1]) * y + x[2] ** 3
        return dot(x, x) ** 2 * y * y

    def both(x, y):
        return [f(x, y), x[1] * y]

    random = numpy.random.default_rng(n)
    x, y = random.normal(size=(n, 3)), 0.25 if shares else random.normal(size=n)
    options = {"batch": ["x"] if shares else True, "backend": backend}
    second, first = compile(f, **options), compile(both, **options)
    found = second.hessian(x, y)
    for lane in range(3):
        column = second.hvp(x, y, (numpy.tile(numpy.eye(3)[lane], (n, 1)), numpy.zeros_like(y)))
        numpy.testing.assert_array_equal(found[0][0][:, lane], column[0])
        numpy.testing.assert_array_equal(found[0][1][:, lane], column[1])
    column = second.hvp(x, y, (numpy.zeros_like(x), numpy.ones_like(y)))
    numpy.testing.assert_array_equal(found[1][0], column[0])
    numpy.testing.assert_array_equal(found[1][1], column[1])
    rows = first.jacobian(x, y)
    for each, weights in enumerate(numpy.eye(2)):
        row = first.vjp(x, y, numpy.tile(weights, (n, 1)))
        numpy.testing.assert_array_equal(rows[0][:, each], row[0])
        numpy.testing.assert_array_equal(rows[1][:, each], row[1])
