"""Branches: each decision is recorded once, and the examples of a batch are split by the path they take."""

import contextlib
import math
from types import SimpleNamespace

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, compile, exp, grad, hessian, hvp, maximum, relu, sin, sqrt
from autograd_mini import sum as total
from autograd_mini.compiler.calls.splitting import split
from autograd_mini.compiler.passes.merging import merged
from tests.compiler.comparing import BACKENDS

HERE = __file__


def newton(x):
    """The square root by Newton's method."""
    y = step = x
    while abs(step) > 1e-9:
        step = (y * y - x) / (2.0 * y)
        y = y - step
    return y


def bisected(x):
    """A few steps of bisection towards √x, each of which branches."""
    low, high = 0.0, 1.0 + x
    for _ in range(4):
        middle = (low + high) / 2.0
        if middle * middle > x:
            high = middle
        else:
            low = middle
    return high * x - low


def halved(x):
    return x / 2.0 if x > 1.0 else x * 3.0


def nested(x):
    if x > 0.0:
        return x * x if x < 2.0 else x + 5.0
    return -x if x < -1.0 else 2.0 * x * x * x


def relaxed(x):
    """A fixed-point iteration towards y = exp(-y)."""
    y = x
    while abs(y - exp(-y)) > 0.1:
        y = 0.5 * (y + exp(-y))
    return sin(y) * x


FUNCTIONS = [newton, bisected, halved, nested, relaxed]

POINTS = {newton: numpy.linspace(0.3, 90.0, 37), bisected: numpy.linspace(0.1, 7.0, 37)}


def points(f):
    return POINTS.get(f, numpy.linspace(-4.0, 4.0, 37))


# Batches


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", FUNCTIONS)
def test_each_example_has_the_bits_of_its_own_call(f, backend):
    xs = points(f)
    one, many = compile(f, backend=backend), compile(f, batch=True, backend=backend)
    vector = numpy.cos(xs)
    ways = {
        "value": lambda c, x, v: c(x),
        "gradient": lambda c, x, v: c.grad(x),
        "jacobian": lambda c, x, v: c.jacobian(x),
        "hessian": lambda c, x, v: c.hessian(x),
        "hvp": lambda c, x, v: c.hvp(x, v),
    }
    for name, way in ways.items():
        for _ in range(2):
            found = way(many, xs, vector)
            parts = many._latest.parts
            for _, rows in parts:  # as in a batch of its own path
                assert found[rows].tolist() == way(many, xs[rows], vector[rows]).tolist(), name
            expected = [way(one, x, v) for x, v in zip(xs.tolist(), vector.tolist())]
            if name in ("value", "gradient"):
                assert found.tolist() == expected, name
            else:
                numpy.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    many.grad(xs)
    assert len(many._latest.parts) > 1
    # the order and the neighbours do not matter
    order = numpy.random.default_rng(0).permutation(len(xs))
    assert many(xs[order]).tolist() == many(xs)[order].tolist()
    assert many.grad(xs[::3]).tolist() == many.grad(xs)[::3].tolist()


@pytest.mark.parametrize("f", FUNCTIONS)
def test_as_eager(f):
    xs = points(f)
    many = compile(f, batch=True)
    for found, expected in (
        (many(xs), [f(x) for x in xs.tolist()]),
        (many.grad(xs), [grad(f)(x) for x in xs.tolist()]),
        (many.hessian(xs), [hessian(f)(x) for x in xs.tolist()]),
        (many.hvp(xs, xs), [hvp(f)(x, x) for x in xs.tolist()]),
    ):
        numpy.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reduce", ["sum", "mean"])
@pytest.mark.parametrize("f", FUNCTIONS)
def test_parts_are_added_up(f, reduce, backend):
    xs = points(f)
    n = len(xs) if reduce == "mean" else 1

    def weighted(w, x):
        return w * f(x) + w * w * x

    compiled = compile(weighted, batch="x", reduce=reduce, backend=backend)
    each = compile(weighted, batch="x", backend=backend)
    for _ in range(2):
        value, (towards_w, towards_x) = compiled.value_and_grad(1.5, xs)
        values, (of_w, of_x) = each.value_and_grad(1.5, xs)
        assert abs(value - math.fsum(values) / n) <= 1e-13 * numpy.abs(values).sum() / n
        assert abs(towards_w - math.fsum(of_w) / n) <= 1e-13 * numpy.abs(of_w).sum() / n
        assert towards_x.tolist() == (of_x / n).tolist()
        jacobian = compiled.jacobian(1.5, xs)
        assert abs(jacobian[0] - towards_w) <= 1e-13 * numpy.abs(of_w).sum() / n
        numpy.testing.assert_allclose(jacobian[1], towards_x, rtol=1e-13)
        along, across = compiled.hvp(1.5, xs, (2.0, numpy.ones(len(xs))))
        one_by_one = [hvp(weighted)(1.5, x, (2.0, 1.0)) for x in xs.tolist()]
        assert abs(along - math.fsum(a for a, _ in one_by_one) / n) <= 1e-11
        numpy.testing.assert_allclose(across, [b / n for _, b in one_by_one], rtol=1e-11, atol=1e-12)
    compiled = compile(weighted, batch="x", wrt="w", reduce=reduce, backend=backend)
    expected = math.fsum(hessian(weighted, 0)(1.5, x) for x in xs.tolist()) / n
    assert abs(compiled.hessian(1.5, xs) - expected) <= 1e-12 * max(1.0, abs(expected))


def test_sums_do_not_depend_on_the_calls_before():
    xs = points(nested)
    fresh = compile(nested, batch=True, reduce="sum").value_and_grad(xs)
    used = compile(nested, batch=True, reduce="sum")
    for start in (30, 20, 10, 0):
        used(xs[start:])
        used.grad(xs[start : start + 5])
    found = used.value_and_grad(xs)
    assert found[0] == fresh[0]
    assert found[1].tolist() == fresh[1].tolist()


@pytest.mark.parametrize("reduce", [None, "sum"])
def test_paths_with_parameters_of_their_own(reduce):
    up, down, both = Value(2.0), Value(3.0), Value(5.0)

    def f(x):
        return both * x * up if x > 0.0 else both * x * x * down

    compiled = compile(f, batch=True, reduce=reduce)
    xs = numpy.array([-1.0, 1.0, -2.0, 4.0])
    for _ in range(2):
        value, slopes = compiled.value_and_parameter_grads(xs)
        assert {*compiled.parameters} == {up, down, both}
        of = {p: slopes[..., i] for i, p in enumerate(compiled.parameters)}
        expected = {up: [0.0, 5.0, 0.0, 20.0], down: [5.0, 0.0, 20.0, 0.0], both: [3.0, 2.0, 12.0, 8.0]}
        values = [15.0, 10.0, 60.0, 40.0]
        for parameter, each in expected.items():
            assert of[parameter].tolist() == (sum(each) if reduce else each)
        assert numpy.array(value).tolist() == (sum(values) if reduce else values)
        up.data = 2.0
    if reduce:
        assert compiled.backward(xs) == sum(values)
        assert (up.grad, down.grad, both.grad) == (25.0, 25.0, 25.0)
    up.data = 7.0
    assert compiled(xs[1:2]) == pytest.approx(35.0)


def test_parameters_decide():
    w = Value(1.0)
    compiled = compile(lambda x: w * x if w * x > 0.0 else x - w, batch=True)
    xs = numpy.array([1.0, -1.0, 2.0])
    for number in (1.0, -1.0, 0.0):
        w.data = number
        assert compiled(xs).tolist() == [number * x if number * x > 0.0 else x - number for x in xs.tolist()]
    given = compile(lambda x: w * x if w * x > 0.0 else x - w, batch=True)
    w.data = 1.0
    given(xs)
    assert given(xs, parameters=numpy.array([-1.0])).tolist() == [2.0, 1.0, 3.0]


def test_structures_that_differ_within_a_batch():
    compiled = compile(lambda x: [x, x * x] if x > 1.0 else x, batch=True)
    with pytest.raises(
        ValueError, match=r"gives \[·, ·\] for example 0 of the batch and · for example 1; results of one"
    ):
        compiled(numpy.array([2.0, 1.0]))
    with pytest.raises(TypeError, match=r"one number as the result of <lambda>, got \[·, ·\]"):
        compiled.grad(numpy.array([2.0, 3.0]))
    found = compile(lambda x: [x, x * x] if x > 1.0 else [-x, 0.0], batch=True)(numpy.array([2.0, -1.0, 3.0]))
    assert found.tolist() == [[2.0, 4.0], [1.0, 0.0], [3.0, 9.0]]


def test_arguments_of_several_shapes():
    def f(x, w, name):
        d = total(w * x)
        return d * d if d > x[0] else w[1] * 2.0 + (1.0 if name == "a" else 0.0)

    x = numpy.random.default_rng(0).normal(size=(40, 3))
    w = numpy.array([1.0, -0.5, 0.25])
    compiled = compile(f, batch="x")
    value, (towards_x, towards_w, _) = compiled.value_and_grad(x, w, "a")
    for i, row in enumerate(x):
        (of_x, of_w) = grad(lambda x, w: f(x, w, "a"))(row, w)
        numpy.testing.assert_allclose(value[i], f(row, w, "a"), rtol=1e-13)
        numpy.testing.assert_allclose(towards_x[i], of_x, rtol=1e-12, atol=1e-13)
        numpy.testing.assert_allclose(towards_w[i], of_w, rtol=1e-12, atol=1e-13)
    assert compile(f, batch="x")(x[:0], w, "a").shape == (0,)
    assert compile(f, batch="x")(x[:1], w, "a").tolist() == compiled(x, w, "a")[:1].tolist()


def long(x):
    """A function of so many scalars that it is compiled scalar by scalar."""
    y = x
    for i in range(90):
        y = y * x + 1.0 / (i + x * x)
        if i == 1 and y > 2.5:
            y = y / x
    return y


def test_long_functions():
    xs = numpy.linspace(0.2, 0.9, 33)
    one, many = compile(long), compile(long, batch=True)
    numpy.testing.assert_allclose(many(xs), [one(x) for x in xs.tolist()], rtol=1e-13)
    numpy.testing.assert_allclose(many.grad(xs), [one.grad(x) for x in xs.tolist()], rtol=1e-12)
    parts = many._latest.parts
    assert len(parts) == 2
    for _, rows in parts:
        assert many(xs)[rows].tolist() == many(xs[rows]).tolist()


# At one point


def quadratic(a, b, c):
    d = b * b - 4.0 * a * c
    return 0.0 * a if d < 0 else (-b + sqrt(d)) / (2.0 * a)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_decision_that_machine_code_takes_otherwise(backend):
    point = 2.7977076032314523, 2.9354019044485296, 0.7699682706912967
    compiled = compile(quadratic, backend=backend)
    for _ in range(3):
        compiled(*point)
        compiled.value_and_grad(*point)
        compiled.hessian(*point)
    assert compiled(1.0, 0.0, 1.0) == 0.0
    assert compiled(1.0, -3.0, 2.0) == 2.0
    assert len(next(iter(compiled._plans._by_layout.values()))) == 2


BOUNDARIES = {
    "a product": (2, lambda p, q, m: p if p * q - m <= 0.0 else -p),
    "a margin": (4, lambda w, v, x, y: 1.0 - (w * x + v * y) if w * x + v * y < 1.0 else w * 0.0),
    "a sum": (3, lambda x, y, z: x if x + y + z <= 0.6 else y),
}


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(BOUNDARIES)), st.lists(st.floats(0.1, 10.0), min_size=4, max_size=4))
def test_no_first_call_fails_at_a_boundary(name, numbers):
    n, f = BOUNDARIES[name]
    point = numbers[:n]
    if name == "a product":
        point = [*point, point[0] * point[1]]
    elif name == "a margin":
        point[3] = (1.0 - point[0] * point[2]) / point[1]
    else:
        point = [0.1 * numbers[0], 0.2, 0.6 - 0.1 * numbers[0] - 0.2]
    compiled = compile(f, backend="numpy")
    first = compiled(*point)
    assert first == compiled(*point)
    assert first == pytest.approx(f(*point), abs=1e-12)
    compiled.grad(*point)
    assert len(next(iter(compiled._plans._by_layout.values()))) == 1
    batched = compile(f, batch=True, backend="numpy")
    rows = numpy.array([[x] * 5 for x in point])
    rows[0, 1:3] += 0.5
    batched(*rows)
    batched.grad(*rows)
    assert len(next(iter(batched._plans._by_layout.values()))) <= 2


# Paths put together


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", FUNCTIONS)
def test_paths_put_together_give_the_bits_of_each_alone(f, backend):
    xs = points(f)
    one, many = compile(f, backend=backend), compile(f, batch=True, backend=backend)
    expected = [one(x) for x in xs.tolist()]
    for _ in range(4):
        assert many(xs).tolist() == expected
    ((_, made),) = many._plans._together.values()
    assert all(made.values())
    assert len(many._latest.parts) > 1
    fresh = numpy.concatenate([xs, 5.0 * xs, [0.0, 1e-9, math.inf, math.nan] if f in (halved, nested) else []])
    for _ in range(3):  # paths that were not known when the others were put together
        assert repr(many(fresh).tolist()) == repr([one(x) for x in fresh.tolist()])
    assert many(xs[::-1]).tolist() == expected[::-1]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_derivatives_of_paths_put_together_have_the_bits_of_each_alone(f):
    pytest.importorskip("llvmlite")
    xs = points(f)
    one, many = compile(f), compile(f, batch=True)

    def each(xs):
        return repr([*zip(*map(one.value_and_grad, xs.tolist()))])

    def all_of(xs):
        values, slopes = many.value_and_grad(xs)
        return repr([tuple(values.tolist()), tuple(slopes.tolist())])

    for _ in range(4):
        assert all_of(xs) == each(xs)
    assert many._latest.whole is not None
    fresh = numpy.concatenate([xs, 5.0 * xs, [0.0, 1e-9, math.inf, math.nan] if f in (halved, nested) else []])
    for some in (xs[:3], fresh, fresh, fresh, fresh[::-1]):  # of paths that were not known, tied, or not finite
        assert all_of(some) == each(some)


def test_paths_with_other_parameters_of_the_same_numbers():
    w, v = Value(2.0), Value(2.0)
    compiled = compile(lambda x: w * x * x if x > 0.0 else v * x, batch=True)
    xs = numpy.array([1.0, -2.0, 3.0])
    for _ in range(4):
        assert compiled.grad(xs).tolist() == [4.0, 2.0, 12.0]
    v.data = 5.0
    for _ in range(4):
        assert compiled.grad(xs).tolist() == [4.0, 5.0, 12.0]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: total([x, x * x, 2.0 * x, 3.0]) if x > 0.0 else x,  # sums: the order could be another one
        lambda x: [x, x] if x > 0.0 else [x],
        lambda x: math.prod([x + (k if x > 0.0 else -k) / (2.0 if x > 2.0 else 3.0) for k in range(100)]),
    ],
)
def test_paths_that_are_not_put_together(f):
    compiled = compile(f, batch=True)
    xs = numpy.array([1.0, -2.0, 3.0])
    for _ in range(3):
        with contextlib.suppress(ValueError):  # results of different structures
            compiled(xs)
    plans = compiled._plans.known(compiled._call((xs,), {}).arguments)
    assert len(plans) > 1
    assert merged(plans) is None


# The algorithm


class Plan:
    """What the algorithm needs of one."""

    def __init__(self, path):
        self.trace = SimpleNamespace(path=path)


@st.composite
def trees(draw):
    """Draw a function that decides: a binary tree whose leaves are paths, and the leaf of each example."""

    def grow(path, depth):
        if depth == 0 or (path and draw(st.booleans())):
            return [path]
        return [leaf for outcome in (False, True) for leaf in grow([*path, outcome], depth - 1)]

    leaves = grow([], draw(st.integers(1, 4)))
    return leaves, draw(st.lists(st.integers(0, len(leaves) - 1), max_size=30))


@settings(max_examples=200, deadline=None)
@given(trees(), st.data())
def test_every_example_is_served_by_its_path(tree, data):
    leaves, taken = tree
    plans = {tuple(leaf): Plan(leaf) for leaf in leaves}
    of = [plans[tuple(leaves[leaf])] for leaf in taken]
    known = data.draw(st.lists(st.sampled_from([*plans.values()]), unique=True))
    wrong = data.draw(st.lists(st.booleans(), min_size=len(of), max_size=len(of)))
    lies = data.draw(st.booleans())
    n_decisions = []

    def decide(plan, rows):
        n_decisions.append(len(rows))
        agreements = []
        for row in rows:
            count = 0
            for expected, outcome in zip(plan.trace.path, of[row].trace.path):
                if expected != outcome:
                    break
                count += 1
            if lies and wrong[row]:  # machine code takes the last decision otherwise
                count = max(count - 1, 0)
            agreements.append(count)
        return numpy.array(agreements, dtype=numpy.uint8)

    traced = []

    def trace(row):
        traced.append(row)
        return of[row]

    parts = split(len(of), known, decide, trace)
    rows = numpy.concatenate([part.rows for part in parts]) if parts else numpy.zeros(0)
    assert sorted(rows.tolist()) == [*range(len(of))]
    assert len({id(part.plan) for part in parts}) == len(parts)
    assert [part.rows[0] for part in parts] == sorted(part.rows[0] for part in parts)
    assert all((numpy.diff(part.rows) > 0).all() for part in parts)
    if not lies:
        assert all(of[row] is part.plan for part in parts for row in part.rows)
        assert len(traced) <= len(plans)
    else:
        assert all(of[row] is part.plan for part in parts for row in part.rows if row in traced)


BRANCHES = {
    "less": lambda x, y: x * y if x < y else x - y,
    "at most": lambda x, y: x + y if x <= y else -x,
    "equal": lambda x, y: x * 0.5 if x == y else y * x,
    "both": lambda x, y: y if x > 0.0 and y < x else x + 1.0,
    "largest": lambda x, y: max(x, y) * x,
    "loop": lambda x, y: halved_until(x, y),
}
STRAIGHT = {
    "add": lambda x, y: x + y,
    "product": lambda x, y: x * y,
    "maximum": maximum,
    "difference of kinks": lambda x, y: relu(x - y) - abs(y),
}


def halved_until(x, y):
    for _ in range(3):
        if x * x < y:
            break
        x = 0.5 * x - 1.0
    return x


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([*BRANCHES, *STRAIGHT]), st.integers(0, 9), st.integers(0, 9)), min_size=2),
    st.lists(st.tuples(*[st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 0.3, math.inf, math.nan])] * 2), min_size=1),
)
def test_random_branches_on_ties_and_beside_them(steps, points):
    """Nested decisions, in growing batches: the bits of eager mode, and its gradients."""

    def function(x, y):
        numbers = [x, y]
        for name, one, other in steps[:10]:
            operation = BRANCHES.get(name) or STRAIGHT[name]
            numbers.append(operation(numbers[one % len(numbers)], numbers[other % len(numbers)]))
        return {"last": numbers[-1] + 0.0 * x, "two": (numbers[-2] * y, [x])}

    compiled, of_last = compile(function, batch=True), compile(lambda x, y: function(x, y)["last"], batch=True)
    for n in (1, len(points)):
        found = compiled(*numpy.array(points[:n]).T)
        slopes = of_last.grad(*numpy.array(points[:n]).T)
        for place, point in enumerate(points[:n]):
            eager = function(*map(Value, point))
            for number, each in (
                (found["last"], eager["last"]), (found["two"][0], eager["two"][0]), (found["two"][1][:, 0], point[0])
            ):  # fmt: skip
                numpy.testing.assert_array_equal(number[place], getattr(each, "data", each))
            expected = grad(lambda x, y: function(x, y)["last"])(*point)
            numpy.testing.assert_allclose([each[place] for each in slopes], expected, rtol=1e-12, atol=1e-12)
