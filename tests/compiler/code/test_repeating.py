"""Loops within kernels: one step written once, for any memory layout, with the bits of separate loops."""

import numpy
import pytest

from autograd_mini import Value, compile, relu, scan, sin, sqrt, value_and_grad
from autograd_mini.compiler.run.one_kernel import ScalarExecutor
from autograd_mini.compiler.scans import looping, transforming
from tests.compiler.comparing import disagreement, flat
from tests.compiler.run.fences import Guarded, Margined, fenced

pytest.importorskip("llvmlite")


@pytest.fixture(autouse=True)
def loops_of_any_size(monkeypatch):
    monkeypatch.setattr(looping, "FEW_OPERATIONS", 0)


def mixed(a, b, xs):
    """Steps get numbers shared by all columns, from an array, or computed; some results go in again."""
    given = [1.0, a, *xs, a * xs[0], b, 0.5]
    (s, t), kept = scan(lambda c, x: ((sin(c[0]) * x + b, c[1] * 0.5 + x), (c[0], c[1] * x)), (a * b, a), given)
    (s, t), more = scan(lambda c, x: ((c[0] * x[0] - x[1], c[1] + x[0] * t), c[0]), (s, kept[0][2]), kept)
    return s * t + more.sum() + kept[1][3]


def kept_alone(a, b, xs):
    """The forward loop's numbers are only wanted by the backward loop."""
    return scan(lambda s, x: (s * s * 0.5 + a * x, None), b, xs)[0]


def unused(a, b, xs):
    """Numbers that are carried or given but decide nothing."""
    (s, _, _), kept = scan(lambda c, x: ((c[0] * b + c[2], c[1] * x, 0.25), (c[1], c[0] - x)), (a, 1.0, b), xs)
    return s + kept[1][1]


def with_constants(a, b, xs):
    pairs = numpy.array(xs, dtype=object), numpy.linspace(0.5, 1.5, len(xs))
    return scan(lambda s, x: (sqrt(s * s + x[0] * x[0] + 0.1) * x[1] + a, None), b, pairs)[0]


FUNCTIONS = [mixed, kept_alone, unused, with_constants]


def by_itself(f):
    """The same function compiled so that no loop is part of a kernel."""
    return lambda *args: f(*args)


def is_one_kernel(compiled):
    plan = compiled._latest.parts[0].plan
    return isinstance(plan.executor(compiled._latest.request), ScalarExecutor)


def points(n):
    random = numpy.random.default_rng(n)
    return random.uniform(0.2, 1.2, n), random.uniform(0.3, 0.9, n), random.uniform(-1.0, 1.0, (n, 4))


@pytest.mark.parametrize("f", FUNCTIONS)
def test_values_and_derivatives(f, monkeypatch):
    compiled, (a, b, xs) = compile(f), points(1)
    point = a[0], b[0], xs[0]
    for _ in range(3):  # the long way and the short way
        assert disagreement(compiled.value_and_grad(*point), value_and_grad(f)(*point)) == ""
    assert is_one_kernel(compiled)
    direction = 0.5, -1.0, numpy.cos(xs[0])
    expected = compiled.hvp(*point, direction)
    monkeypatch.setattr(transforming, "MOST_STATES", 0)
    other = compile(by_itself(f))
    assert disagreement(other.hvp(*point, direction), expected) == ""
    assert not is_one_kernel(other)
    assert other(*point) == compiled(*point)


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("batch", [True, "xs", ["a", "xs"]])
@pytest.mark.parametrize("n", [2, 8, 29, 300])
def test_an_example_is_on_its_own(f, batch, n):
    a, b, xs = points(n)
    args = [a if batch is True or "a" in batch else a[0], b if batch is True else b[0], xs]
    one, many = compile(f), compile(f, batch=batch)
    for _ in range(3):
        values, slopes = many.value_and_grad(*args)
    assert is_one_kernel(many)
    for row in {0, n // 2, n - 1}:
        value, alone = one.value_and_grad(*[each[row] if numpy.ndim(each) else each for each in args[:2]], xs[row])
        assert values[row].hex() == value.hex()
        assert flat([each[row] for each in slopes]).tobytes() == flat(alone).tobytes()


@pytest.mark.parametrize("fence", [Guarded, Margined])
@pytest.mark.parametrize("f", FUNCTIONS)
def test_nothing_else_is_read_or_written(f, fence):
    a, b, xs = points(21)
    expected = compile(f, batch=True).value_and_grad(a, b, xs)
    many, one, mean = compile(f, batch=True), compile(f), compile(f, batch="xs", reduce="mean")
    many(a, b, xs)
    one(a[0], b[0], xs[0])
    mean(a[0], b[0], xs)
    with fenced(fence):
        found = many.value_and_grad(a, b, xs)
        for _ in range(2):
            one.value_and_grad(a[0], b[0], xs[0])
            mean.value_and_grad(a[0], b[0], xs)
            assert is_one_kernel(mean)
    assert flat(found).tobytes() == flat(expected).tobytes()


def test_sums_over_the_batch():
    a, b, xs = points(50)
    total = compile(mixed, batch="xs", reduce="sum")
    for _ in range(3):
        value, slopes = total.value_and_grad(a[0], b[0], xs)
    each = [value_and_grad(mixed)(a[0], b[0], row) for row in xs]
    assert value == pytest.approx(sum(value for value, _ in each), rel=1e-13)
    for place in range(2):
        assert slopes[place] == pytest.approx(sum(slope[place] for _, slope in each), rel=1e-12)
    assert disagreement(slopes[2], [slope[2] for _, slope in each]) == ""


def test_ties_are_settled():
    def f(x, xs):
        return scan(lambda s, y: (relu(s - y) - relu(y - s), s), x, xs)[0]

    xs = numpy.random.default_rng(0).normal(size=(20, 6))
    xs[7, 0] = 0.5
    compiled = compile(f, batch="xs")
    for _ in range(2):
        value, (slopes, others) = compiled.value_and_grad(0.5, xs)
        for row in (0, 7, 19):
            assert disagreement((value[row], slopes[row], others[row]), value_and_grad(f)(0.5, xs[row])) == ""


def test_parameters_are_read_anew():
    w = Value(0.7)
    compiled = compile(lambda x: scan(lambda s, _: (sin(s) * w, None), x, length=9)[0])
    before = [compiled(0.4) for _ in range(3)]
    w.data = 0.9
    assert len({*before}) == 1
    assert compiled(0.4) == compiled.function(0.4).data != before[0]
    assert is_one_kernel(compiled)
