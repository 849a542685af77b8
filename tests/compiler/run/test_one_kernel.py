"""Deep and irregular graphs run scalar by scalar, and agree with eager mode, with packs, and over any number of
threads."""

from math import inf, nan
from random import Random

import numpy
import pytest

from autograd_mini import (
    TABLE,
    Primitive,
    compile,
    dot,
    exp,
    hessian,
    lgamma,
    maximum,
    sigmoid,
    softmax,
    sqrt,
    tanh,
    value_and_grad,
    where,
)
from autograd_mini.compiler.run.one_kernel import ScalarExecutor
from tests.compiler.comparing import disagreement

pytest.importorskip("llvmlite")

random = numpy.random.default_rng(5)


def executor(compiled):
    """The executor that ran the last call."""
    ran = compiled._latest
    return ran.parts[0].plan.executor(ran.request)


def chain(x):
    for _ in range(400):
        x = tanh(x * 1.1 + 0.1)
    return x


def heston(p, first, second):
    """The end of a path of stock and variance by Euler's method, with the variance kept above 0."""
    s, v = p[0], p[1]
    for z, w in zip(first, second):
        root = sqrt(maximum(v, 0.0) * 0.01)
        s = s * exp((p[2] - 0.5 * v) * 0.01 + root * z)
        v = v + p[3] * (p[4] - v) * 0.01 + p[5] * root * w
    return s


def lstm(weights, xs):
    h, c = [0.1] * 3, [0.0] * 3
    for x in xs:
        i, f, o, g = ([dot(row, [x, *h, 1.0]) for row in gate] for gate in weights)
        c = [sigmoid(b) * each + sigmoid(a) * tanh(k) for a, b, each, k in zip(i, f, c, g)]
        h = [sigmoid(a) * tanh(b) for a, b in zip(o, c)]
    return softmax(h)[0]


def mixed(x):
    """A function of which no two steps are alike."""
    chance = Random(1)
    ys = list(x)
    for _ in range(1500):
        a, b = chance.choice(ys[-40:]), chance.choice(ys)
        kind = chance.randrange(4)
        ys.append(a * b if kind == 0 else tanh(a) - b if kind == 1 else sqrt(a * a + 1.0) if kind == 2 else exp(-b * b))
        ys[-1] = ys[-1] * chance.uniform(0.1, 0.9) + chance.uniform(-1.0, 1.0)
    return ys[-1] + dot(ys[-3:], ys[:3])


PARAMETERS = numpy.array([1.0, 0.04, 0.02, 1.5, 0.04, 0.3])
DEEP = {
    "chain": (chain, (0.3,)),
    "Heston": (heston, (PARAMETERS, random.normal(size=120), random.normal(size=120))),
    "LSTM": (lstm, (random.normal(size=(4, 3, 5)), random.normal(size=120))),
    "mixed": (mixed, ([0.5, -0.2, 1.1, 0.7],)),
}


@pytest.mark.parametrize("name", DEEP)
def test_one_point(name):
    f, args = DEEP[name]
    compiled = compile(f, backend="machine")
    assert not disagreement(compiled.value_and_grad(*args), value_and_grad(f)(*args))
    assert isinstance(executor(compiled), ScalarExecutor)


@pytest.mark.parametrize("name", DEEP)
def test_every_number_of_examples_and_threads(name):
    """An example's numbers do not depend on the others."""
    f, args = DEEP[name]
    rows = [numpy.asarray(arg) * random.uniform(0.9, 1.1, size=(331, *numpy.shape(arg))) for arg in args]
    whole = compile(f, batch=True, backend="machine", threads=1).value_and_grad(*rows)
    for threads in (2, 3):
        found = compile(f, batch=True, backend="machine", threads=threads).value_and_grad(*rows)
        assert numpy.array_equal(found[0], whole[0])
    compiled = compile(f, batch=True, backend="machine")
    for n in (2, 3, 7, 8, 9, 127, 128, 129):
        assert numpy.array_equal(compiled.value_and_grad(*[row[:n] for row in rows])[0], whole[0][:n])
    assert not disagreement(compiled.value_and_grad(*[row[:1] for row in rows])[0], whole[0][:1])
    expected = value_and_grad(f)(*[row[330].tolist() for row in rows])
    gradients = [row[330] for row in (whole[1] if isinstance(whole[1], tuple) else (whole[1],))]
    assert not disagreement([whole[0][330], *gradients], [expected[0], *numpy.atleast_1d(expected[1])] if len(args) == 1
                            else [expected[0], *expected[1]])  # fmt: skip


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_sums_over_the_batch(reduce):
    f, (p, first, second) = DEEP["Heston"]
    n = 140
    zs, ws = (random.normal(size=(n, z.size)) for z in (first, second))
    value, slopes = compile(f, wrt=0, batch=[1, 2], reduce=reduce, backend="machine", threads=2).value_and_grad(
        p, zs, ws
    )
    each = [value_and_grad(f, 0)(p, z, w) for z, w in zip(zs, ws)]
    count = n if reduce == "mean" else 1
    assert not disagreement(value, sum(v for v, _ in each) / count)
    assert not disagreement(slopes, sum(numpy.array(g) for _, g in each) / count)


def test_second_derivatives():
    compiled = compile(heston, wrt=0, backend="machine")
    args = PARAMETERS, *DEEP["Heston"][1][1:]
    assert not disagreement(compiled.hessian(*args), hessian(heston, 0)(*args))
    assert isinstance(executor(compiled), ScalarExecutor)


def test_constants_that_all_differ_are_read_from_memory():
    """Otherwise every step would need its own code."""
    constants = random.normal(size=500).tolist()

    def f(x):
        for c in constants:
            x = tanh(x * c + c * c) ** 2 - c
        return x

    compiled = compile(f, backend="machine")
    assert not disagreement(compiled.value_and_grad(0.3), value_and_grad(f)(0.3))
    assert len(executor(compiled).steps[0].kernel.forms) < 40


@pytest.mark.parametrize("steps", [600, 2400])
def test_steps_of_a_recurrence_share_their_code(steps):
    def f(x, v):
        for _ in range(steps):
            x, v = x + 0.01 * v, v - 0.01 * exp(x) * x
        return x

    compiled = compile(f, backend="machine")
    assert not disagreement(compiled.value_and_grad(1.0, 0.0), value_and_grad(f)(1.0, 0.0))
    assert len(executor(compiled).steps[0].kernel.forms) < 20


def test_rows_without_machine_code_go_as_packs():
    twist = TABLE["lgamma"]

    def f(x):
        for _ in range(250):
            x = 0.5 * lgamma(x * x + 2.0) + 0.1 * twist(x + 3.0)
        return x

    compiled = compile(f, backend="machine")
    assert not disagreement(compiled.value_and_grad(1.5), value_and_grad(f)(1.5))


@pytest.mark.usefixtures("as_scalars")
def test_primitives_of_the_same_name_as_reductions():
    """The primitive counts, not its name."""
    other = Primitive("max", lambda *xs: xs[0] * xs[1], lambda out, x, y: (y, x), arity=None)
    assert compile(lambda x, y: other(x, y), backend="machine").value_and_grad(2.0, 5.0) == (10.0, (5.0, 2.0))


def test_branches():
    """If guards do not hold in a later call, the function is traced again."""

    def f(x):
        for _ in range(300):
            x = x * 0.9 + 1.0 if x > 2.0 else tanh(x) + 0.5
        return x

    compiled = compile(f, backend="machine")
    for x in (0.0, 9.0, -1.0, 2.0):
        assert not disagreement(compiled.value_and_grad(x), value_and_grad(f)(x))


@pytest.mark.parametrize("x", [-1.0, 0.0, 4.0])
def test_an_adjoint_of_0_carries_nothing(x):
    def f(x):
        y = where(x > 0.0, sqrt(x), x * x)
        for _ in range(300):
            y = tanh(y + 0.1)
        return y

    assert not disagreement(compile(f, backend="machine").grad(x), value_and_grad(f)(x)[1])


@pytest.mark.parametrize("x", [inf, -inf, nan, 0.0, -0.0, 5e-324, 1e308])
def test_edges(x):
    assert not disagreement(compile(chain, backend="machine").value_and_grad(x), value_and_grad(chain)(x))


@pytest.mark.usefixtures("as_scalars")
def test_sums_of_zeros_of_both_signs():
    compiled = compile(lambda x, y: [c * x + c * y + c * x + c * y for c in (0.0, -0.0)], backend="machine")
    assert repr(compiled(1.5, 2.5)) == "[0.0, -0.0]"


@pytest.mark.usefixtures("as_scalars")
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize("n", [0, 1, 5, 128, 700])
def test_results_that_are_the_same_for_all_examples(n, reduce):
    """Constants, unbatched arguments, and derivatives that are either; over several threads."""

    def f(w, x):
        return w[0] + 2.0 * w[1] + x

    compiled = compile(f, batch="x", reduce=reduce, backend="machine", threads=2)
    value, (towards_w, towards_x) = compiled.value_and_grad([1.5, 0.25], numpy.arange(float(n)))
    rows = 2.0 + numpy.arange(float(n))
    if reduce is None:
        assert numpy.array_equal(value, rows)
        assert [each.tolist() for each in towards_w] == [[1.0] * n, [2.0] * n]
        assert towards_x.tolist() == [1.0] * n
    elif n:
        count = n if reduce == "mean" else 1
        assert value == pytest.approx(rows.sum() / count)
        assert towards_w == [n / count, 2.0 * n / count]
        assert towards_x.tolist() == [1.0 / count] * n
    constant = compile(lambda w, x: (w, 3.0, x), batch="x", backend="machine", threads=2)
    if n:
        found = constant(0.5, numpy.arange(float(n)))
        assert [numpy.broadcast_to(each, n).tolist() for each in found] == [[0.5] * n, [3.0] * n, list(range(n))]


@pytest.mark.usefixtures("as_scalars")
@pytest.mark.parametrize("numbers", [[1e305] * 3000, [inf] * 300 + [-inf] * 300, [nan, 1.0], []])
def test_sums_that_overflow_do_so_in_silence(numbers):
    compiled = compile(lambda w, x: w * x, batch="x", reduce="sum", backend="machine")
    value, slopes = compiled.value_and_grad(1.0, numpy.array(numbers))
    expected = sum(numbers)
    assert not disagreement([value, slopes[0]], [expected, expected])


@pytest.mark.usefixtures("as_scalars")
def test_the_sum_of_no_examples_is_0_whatever_they_would_add():
    assert compile(lambda w, x: w, batch="x", reduce="sum", backend="machine")(inf, numpy.zeros(0)) == 0.0
