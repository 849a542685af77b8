"""Users' own rows compile as if their formulas stood in their place, with the derivatives that they declare."""

import itertools
import math

import numpy
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd_mini import TABLE, Value, clip, compile, dist, grad, hessian, hvp, register_primitive, sigmoid, sign
from autograd_mini import sum as total
from autograd_mini.testing import strategies
from tests.compiler.comparing import BACKENDS, disagreement
from tests.compiler.contract import faults

pytestmark = pytest.mark.usefixtures("between_margins")
both_backends = pytest.mark.parametrize("backend", BACKENDS)
names = map("own_row_{}".format, itertools.count())
X = numpy.array([-2.0, -0.5, 0.0, 0.75, 3.0])
factor = 2.0


@pytest.fixture
def register():
    """Registers rows for the duration of a test."""
    made = []

    def add(forward, partials, **rest):
        made.append(next(names))
        return register_primitive(made[-1], forward, partials, **rest)

    yield add
    for name in made:
        del TABLE[name]
        delattr(Value, name)


def swish_row(register):
    return register(lambda x: x * sigmoid(x), lambda out, x: (sigmoid(x) * (1 + x * sigmoid(-x)),))


def assert_as_eager(f, points, backend):
    """Compare value, gradient and Hessian with eager mode, over a batch and at one point."""
    compiled, one = compile(f, batch=True, backend=backend), compile(f, backend=backend)
    points = numpy.asarray(points)
    values, slopes = compiled.value_and_grad(points)
    assert not disagreement(values, [float(f(Value(x)).data) for x in points.tolist()])
    assert not disagreement(slopes, [grad(f)(x) for x in points.tolist()])
    assert not disagreement(compiled.hessian(points).ravel(), [hessian(f)(x) for x in points.tolist()])
    assert (one(points[1]), one.grad(points[1])) == (values[1], slopes[1])


programs = strategies.expressions(2, max_size=5)


@both_backends
def test_random_rows(backend, register):
    """The value is that of the forward; derivatives are those of the rule, even if they are not the forward's."""

    @settings(max_examples=6 if backend == "machine" else 40)
    @given(programs, programs)
    def test(forward, rule):
        own = register(forward, lambda out, x, y: (rule(x, y), rule(y, x)), arity=2)
        compiled = compile(lambda x, y: own(x, y), backend=backend)
        point, mirrored = rule.point, rule.point[::-1]
        assert not faults(forward, point, backend, value=compiled(*point))
        towards_x, towards_y = compiled.grad(*point)
        assume(math.isfinite(towards_x + towards_y))  # else NumPy computes them, whose functions are others
        slope = lambda x, y: rule(x, y) + 0.0  # adjoints are sums
        assert not faults(slope, point, backend, value=towards_x + 0.0)
        assert not faults(slope, mirrored, backend, value=towards_y + 0.0)

    test()


@both_backends
def test_they_become_what_they_compute(backend, register):
    """The registered functions do not run again, however many numbers there are."""
    calls = []
    own = register(lambda x: calls.append(0) or x * sigmoid(x), lambda out, x: (calls.append(1) or sigmoid(x) + out,))
    compiled = compile(lambda x: own(x) * own(2.0 * x), batch=True, backend=backend)
    compiled.value_and_grad(X)
    before = len(calls)
    compiled.value_and_grad(numpy.tile(X, 100))
    assert len(calls) == before


@both_backends
def test_as_the_same_without_a_row(backend, register):
    swish = swish_row(register)
    for f in (swish, lambda x: swish(x) * x + swish(-x), lambda x: swish(swish(x))):
        assert_as_eager(f, X, backend)
    plain = compile(lambda x: x * sigmoid(x), batch=True, backend=backend)
    assert compile(swish, batch=True, backend=backend)(X).tolist() == plain(X).tolist()


@both_backends
def test_among_many_scalars(backend, register):
    """Compiled scalar by scalar where there is machine code."""
    swish = swish_row(register)
    own = register(lambda x, y: swish(x) * y - 1.0, lambda out, x, y: (y + out, swish(x)), arity=2)
    f = lambda v: total([own(x, v[0] * y) for x, y in zip(v, v[1:])]) + swish(2.0) * v[1]
    point = [0.25 * (i % 7) - 0.6 for i in range(160)]
    compiled = compile(f, backend=backend)
    assert not disagreement(compiled(point), f([Value(x) for x in point]).data)
    assert not disagreement(compiled.grad(point), grad(f)(point))
    direction = [1.0] * len(point)
    assert not disagreement(compiled.hvp(point, direction), hvp(f)(point, direction))


@both_backends
def test_a_straight_through_estimator(backend, register):
    own = register(lambda x: sign(x), lambda out, x: (clip(1.0 - abs(x), 0.0, 1.0),))
    assert compile(own, backend=backend).value_and_grad(0.25) == (1.0, 0.75)
    assert_as_eager(lambda x: own(x * 0.3) * x, X, backend)


def newton(a):
    root = 1.0
    while abs(root * root - a) > 1e-14 * a:
        root = 0.5 * (root + a / root)
    return root


BRANCHES = {
    "forward": (lambda x: x * x if x > 0 else -x, lambda out, x: (2.0 * x * x,)),
    "partials": (lambda x: x * x * x, lambda out, x: (3.0 * x * x if x > 0 else x,)),
    "both": (lambda x: max(x, 0.0), lambda out, x: (x * out if x > 0.0 else 0.25 * x,)),
    "math": (lambda x: math.atan(x), lambda out, x: (1.0 / (1.0 + x * x),)),
    "NumPy": (lambda x: float(numpy.arctan(x)), lambda out, x: (1.0 / (1.0 + x * x),)),
    "a loop": (lambda x: newton(1.0 + x * x), lambda out, x: (x / out,)),
    "a rule that differentiates": (lambda x: x * x * x, lambda out, x: (grad(lambda t: t * t * t)(x),)),
}


@both_backends
@pytest.mark.parametrize(("forward", "partials"), BRANCHES.values(), ids=BRANCHES)
def test_no_branch_is_frozen(forward, partials, backend, register):
    own = register(forward, partials, policy="that of the branch")
    assert_as_eager(lambda x: own(x) * x, X, backend)
    assert_as_eager(lambda x: own(x * x - 1.0) + x, X, backend)


@both_backends
def test_rows_that_hand_on_an_argument_or_a_number(backend, register):
    global factor
    same = register(lambda x, y: x, lambda out, x, y: (2.0 * y, x), arity=2)
    constant = register(lambda x: factor, lambda out, x: (x,))
    f = lambda x: same(x, 3.0) * constant(x) + same(2.0, x) + constant(same(x, x))
    assert_as_eager(f, X, backend)
    compiled = compile(f, batch=True, backend=backend)
    try:
        for number in (2.0, 5.0, 2.0):
            factor = number
            assert compiled(X).tolist() == [f(x) for x in X.tolist()]
    finally:
        factor = 2.0


@both_backends
def test_constants_meet_within_rows(backend, register):
    """The row's formula takes the difference of two constants."""
    apart = lambda x, y: dist([x, 0.5], [y, 0.25])
    own = register(apart, lambda out, x, y: (apart(x, y), apart(y, x)), arity=2)
    compiled = compile(lambda x, y: own(x, y), backend=backend)
    expected = math.hypot(1.0, 0.25)
    assert not disagreement(compiled.value_and_grad(3.0, 2.0), (expected, (expected, expected)))


@both_backends
def test_what_a_row_reads_from_outside_may_change(backend, register):
    global factor
    own = register(lambda x, y: factor * x * y, lambda out, x, y: (factor * y, factor * x), arity=2)
    compiled = [compile(f, backend=backend) for f in (own, lambda x, y: own(x, y))]
    try:
        for factor in (2.0, 7.0, 2.0):
            for f in compiled:
                assert f(3.0, 5.0) == 15.0 * factor
                assert f.grad(3.0, 5.0) == (5.0 * factor, 3.0 * factor)
    finally:
        factor = 2.0


def scaled(x, y):
    return x.scaled_row(y)


@both_backends
def test_what_a_row_that_is_a_method_reads_may_change(backend):
    numbers = {"factor": 2.0}
    register_primitive(
        "scaled_row",
        lambda x, y: numbers["factor"] * x * y,
        lambda out, x, y: (numbers["factor"] * y, numbers["factor"] * x),
        arity=2,
    )
    try:
        compiled = compile(scaled, backend=backend)
        for numbers["factor"] in (2.0, 7.0, 2.0):
            assert compiled(3.0, 5.0) == 15.0 * numbers["factor"]
            assert compiled.grad(3.0, 5.0) == (5.0 * numbers["factor"], 3.0 * numbers["factor"])
    finally:
        del TABLE["scaled_row"], Value.scaled_row


@both_backends
def test_ieee_as_everywhere(backend, register):
    """Where Python's floats raise or turn complex, a forward in operators gives what the table's operators give."""
    inverse = register(lambda x: 1 / x, lambda out, x: (-out * out,), domain=((0.0, math.inf),))
    root = register(lambda x: x**0.5, lambda out, x: (0.5 / out,), domain=((0.0, math.inf),))
    power = register(lambda x: 10.0**x, lambda out, x: (math.log(10.0) * out,))
    for own, x, expected in ((inverse, 0.0, math.inf), (inverse, -0.0, -math.inf), (power, 400.0, math.inf)):
        assert own(x) == own(Value(x)).data == compile(own, backend=backend)(x) == expected
    assert math.isnan(root(-8.0))
    assert math.isnan(compile(root, backend=backend)(-8.0))
    strict = register(lambda x: math.log(x), lambda out, x: (1 / x,), domain=((0.0, math.inf),))
    with pytest.raises(ValueError, match="math domain error|positive input"):
        strict(-1.0)


@both_backends
@given(st.lists(st.floats(-700.0, 700.0), min_size=1, max_size=20))
@settings(max_examples=20)
def test_bits_are_those_of_the_plain_function(backend, xs):
    f = lambda x: (x * 3.0 - 1.0) / (x * x + 0.1) - x * 0.1
    own = register_primitive("plain_row", f, lambda out, x: (out + x,))
    try:
        assert compile(own, batch=True, backend=backend)(numpy.array(xs)).tolist() == [f(x) for x in xs]
    finally:
        del TABLE["plain_row"], Value.plain_row
