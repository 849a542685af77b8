"""Taylor series against mpmath's, which are differences of the primitives' twins at 60 digits."""

import math
import re
import threading

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

import autograd_mini as am
from autograd_mini import TABLE, Value, compile, elu, exp, floor, grad, jacobian, relu, root, sin, tanh, taylor, where
from tests.oracles import TWINS

ORDER = 20
POLYGAMMA = {"lgamma": -1, "digamma": 0, "polygamma": 1}
SMALL = st.floats(-1.5, 1.5).filter(lambda x: x == 0.0 or abs(x) > 1e-3)


def argument(interval):
    """A number well within an interval."""
    low, high = max(interval[0], -2.5), min(interval[1], 2.5)
    margin = 0.1 * (high - low)
    return st.floats(low + margin, high - margin).filter(lambda x: x == 0.0 or abs(x) > 1e-3)


@st.composite
def curves(draw, name):
    """A curve t ↦ (a + b·t, …) through the domain of a primitive, as numbers a and slopes b."""
    primitive = TABLE[name]
    length = 4 if primitive.arity is None else primitive.arity
    domain = primitive.domain if primitive.arity is not None else primitive.domain * length
    numbers = [draw(argument(interval)) for interval in domain]
    return numbers, [1.0, *[draw(SMALL) for _ in numbers[1:]]]


def oracle(name, numbers, slopes):
    with mp.workdps(60):
        if name in POLYGAMMA:  # whose derivatives mpmath has, while differences of them take minutes
            x, order = mpf(numbers[0]), POLYGAMMA[name]
            own = lambda k: mpmath.psi(order + k, x) if order + k >= 0 else mpmath.loggamma(x)
            return [own(k) / mpmath.factorial(k) for k in range(ORDER + 2)]
        along = lambda t: TWINS[name](*[mpf(a) + mpf(b) * t for a, b in zip(numbers, slopes)])
        return mpmath.taylor(along, 0, ORDER + 1)


def agrees(got, want):
    """Equal to 1e-10 of each coefficient, or of its neighbours if it is small by accident."""
    for before, own, after, found in zip([mpf(0), *want], want, want[1:], got, strict=False):
        size = max(abs(own), mpmath.sqrt(abs(before * after)))
        assert abs(mpf(found) - own) <= 1e-10 * size + 1e-14, (own, found)


@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=4)
@given(data=st.data())
def test_every_row_to_order_20(name, data):
    numbers, slopes = data.draw(curves(name))
    try:
        got = taylor(lambda t: TABLE[name](*[a + b * t for a, b in zip(numbers, slopes)]), 0.0, ORDER)
    except ValueError:
        assert TABLE[name].policy  # at a kink: seldom, and only of rows that have them
        assume(False)
    assert len(got) == ORDER + 1
    agrees(got, oracle(name, numbers, slopes))


@settings(max_examples=10)
@given(st.floats(-1, 1))
def test_a_composition(x):
    with mp.workdps(60):
        want = mpmath.taylor(lambda t: mpmath.tanh(mpmath.exp(t) / (1 + t * t)) ** 3, mpf(x), ORDER + 1)
    agrees(taylor(lambda t: tanh(exp(t) / (1 + t * t)) ** 3, x, ORDER), want)


def test_first_coefficients_are_the_derivatives():
    f = lambda x: x**x * sin(x)
    first, second = grad(f)(0.7), grad(grad(f))(0.7)
    assert taylor(f, 0.7, 2) == pytest.approx([f(0.7), first, second / 2], rel=1e-14)


def test_polynomials_end():
    assert taylor(lambda x: x**3 - 2 * x, 0.0, 5) == [0.0, -2.0, 0.0, 1.0, 0.0, 0.0]


def test_the_result_keeps_its_structure():
    found = taylor(lambda x: {"a": [x * x, 3.0], "b": np.array([x, x**3])}, 2.0, 2)
    assert found["a"] == [[4.0, 4.0, 1.0], [3.0, 0.0, 0.0]]
    assert found["b"].tolist() == [[2.0, 1.0, 0.0], [8.0, 12.0, 6.0]]


def test_order_0_and_no_dependence():
    assert taylor(sin, 2.0, 0) == [math.sin(2.0)]
    assert taylor(lambda x: 3.0, 2.0, 2) == [3.0, 0.0, 0.0]
    assert taylor(lambda x: x, 2.0, 2) == [2.0, 1.0, 0.0]


def test_coefficients_can_be_differentiated():
    third = lambda a: taylor(lambda x: sin(a * x), 0.5, 3)[3]
    with mp.workdps(60):
        want = mpmath.diff(lambda a: mpmath.taylor(lambda x: mpmath.sin(a * x), mpf(0.5), 3)[3], 2)
    assert grad(third)(2.0) == pytest.approx(float(want), rel=1e-14)
    assert grad(lambda x: taylor(exp, x, 3)[3])(2.0) == pytest.approx(math.exp(2.0) / 6, rel=1e-14)
    coefficients = taylor(sin, Value(0.7), 2)
    assert all(isinstance(c, Value) for c in coefficients)


def test_within_each_other_and_within_gradients():
    assert taylor(lambda x: taylor(lambda u: u * u * x, x, 2)[1], 2.0, 2) == [8.0, 8.0, 2.0]
    assert taylor(lambda x: grad(lambda u: u * u * x)(x), 2.0, 3) == [8.0, 8.0, 2.0, 0.0]


def test_implicit_functions():
    got = taylor(lambda x: root(lambda y: y * y - x, 1.0), 2.0, 6)
    agrees(got, mpmath.taylor(mpmath.sqrt, 2, 7))


def test_compiled():
    f = compile(lambda x: taylor(lambda t: sin(t * t), x, 3)[3])
    assert f(0.5) == pytest.approx(taylor(lambda t: sin(t * t), 0.5, 3)[3], rel=1e-14)


SEVERAL = [name for name, row in TABLE.items() if row.arity != 1 and name != "ldexp"]


@pytest.mark.parametrize("name", SEVERAL)
def test_other_operands_may_vary_as_well(name):
    """Series meet Values, whichever comes first: in gradients of coefficients, and in compiled functions."""
    row = TABLE[name]
    numbers = [0.37, 0.8, 1.3, 0.45][: row.arity]

    for place in range(len(numbers)):

        def coefficients(xs, place=place):
            return taylor(lambda t: row(*xs[:place], t, *xs[place + 1 :]), xs[place], 3)

        steps = np.eye(len(numbers)) * 1e-6
        slopes = [np.subtract(coefficients(numbers + h), coefficients(numbers - h)) / 2e-6 for h in steps]
        found = np.array(jacobian(coefficients)(numbers))
        np.testing.assert_allclose(found.T, slopes, rtol=1e-6, atol=1e-6)
        for backend in ("machine", "numpy"):
            compiled = compile(coefficients, backend=backend, wrt=0)
            np.testing.assert_allclose(compiled(numbers), coefficients(numbers), rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(compiled.jacobian(numbers), found, rtol=1e-11, atol=1e-13)


KINKED = {
    "abs": (lambda t: abs(t) * exp(t), 0.0),
    "relu": (lambda t: relu(t) * t, 0.0),
    "elu": (lambda t: elu(t) * t, 0.0),
    "maximum": (lambda t: am.maximum(t, 2.0 * t * t), 0.5),
    "max": (lambda t: am.max([t, t * t, -0.3]), 1.0),
    "clip": (lambda t: am.clip(t, -1.0, 1.0) * t, 1.0),
    "norm": (lambda t: am.norm([t, 2.0 * t]), 0.0),
}


@pytest.mark.parametrize("name", KINKED)
def test_compiled_away_from_kinks_and_at_them(name):
    f, kink = KINKED[name]
    expand, points = lambda x: taylor(f, x, 3), [0.3, -0.4, 1.7, -1.2]
    compiled = compile(expand, batch=True)
    for _ in range(2):
        np.testing.assert_allclose(compiled(points), [expand(x) for x in points], rtol=1e-12)
        with pytest.raises(ValueError, match="has no Taylor series here: .* is at a kink"):
            compiled([0.3, kink])


def test_deep_graphs_and_high_orders():
    def steps(x):
        for _ in range(5_000):
            x = x + 0.001 * sin(x)
        return x

    value, slope = taylor(steps, 0.5, 1)
    assert value == steps(0.5)
    assert slope == pytest.approx(grad(steps)(0.5), rel=1e-11)
    assert taylor(lambda x: 1 / (1 - x), 0.0, 120) == [1.0] * 121


def test_threads_do_not_meet():
    found = [None] * 4

    def work(place):
        found[place] = [taylor(lambda x: sin(x * place), 0.3, 8) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, results in enumerate(found):
        assert results == [taylor(lambda x: sin(x * place), 0.3, 8)] * 5  # noqa: B023


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (relu, 0.0),
        (elu, 0.0),
        (lambda x: abs(x - 1.0), 1.0),
        (lambda x: am.max([x, 1.0]), 1.0),
        (lambda x: am.clip(x, 0.0, 1.0), 1.0),
        (lambda x: am.hypot(x, x), 0.0),
        (floor, 2.0),
        (am.ceil, -1.0),
        (am.trunc, 3.0),
        (am.rint, 2.5),
        (am.sign, 0.0),
        (am.frac, 2.0),
        (lambda x: x % 3.0, 6.0),
        (lambda x: 7.5 % x, 2.5),
        (lambda x: x // 3.0, 6.0),
        (lambda x: am.copysign(2.0, x), 0.0),
        (lambda x: where(x, x, 5.0), 0.0),
    ],
)
def test_kinks_and_jumps_are_refused(f, x):
    with pytest.raises(ValueError, match=r"no Taylor series here: \w+ is at a kink or a jump"):
        taylor(f, x, 3)


def test_choices_within_the_rules_of_smooth_functions_are_no_kinks():
    """The rule of erf cuts its argument off at 30."""
    for x in (-30.0, 30.0):
        agrees(taylor(am.erf, x, 4), [math.copysign(1.0, x), *[0.0] * 4])
    assert compile(lambda x: taylor(am.erf, x, 3)[3])(0.5) == pytest.approx(taylor(am.erf, 0.5, 3)[3], rel=1e-13)


@pytest.mark.parametrize("x", [2.2, -0.3, 1e9 + 0.3, 1e-300])
def test_pieces_away_from_their_ends(x):
    assert taylor(floor, x, 2) == [math.floor(x), 0.0, 0.0]
    assert taylor(lambda x: x % 3.0, x, 2) == [x % 3.0, 1.0, 0.0]
    assert taylor(relu, abs(x), 2) == [abs(x), 1.0, 0.0]


@pytest.mark.parametrize(("row", "at"), [
    (floor, 2.0), (am.ceil, 2.0), (am.trunc, -1.0), (am.rint, 0.5), (am.frac, 3.0), (lambda x: x % 0.5, 1.5),
    (lambda x: x // 0.5, 1.5), (lambda x: am.remainder(x, 2.0), 1.0), (lambda x: am.atan2(x, -1.0), 0.0),
    (am.sign, 0.0),
])  # fmt: skip
def test_jumps_are_refused_of_compiled_functions_too(row, at):
    """Whether there is one is a branch, which is taken anew at every call."""
    eager = lambda x: taylor(lambda t: row(t) * t, x, 2)
    compiled = compile(eager)
    for x in (at + 0.25, at, at - 0.25):
        for f in (eager, compiled):
            if x == at:
                with pytest.raises(ValueError, match="is at a kink or a jump"):
                    f(x)
            else:
                assert f(x) == eager(x)


def test_what_is_infinite_says_so():
    assert taylor(am.sqrt, 0.0, 1) == [0.0, math.inf]
    assert taylor(lambda x: x**2.5, 0.0, 3) == [0.0, 0.0, 0.0, math.inf]


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((3, 1.0, 2), TypeError, "taylor takes a function, got 3 (int)"),
        ((sin, [1.0], 2), TypeError, "taylor expands a function of one number, got [1.0] (list) as x"),
        ((sin, 1.0, -1), ValueError, "taylor's order must be an integer ≥ 0, got -1"),
        ((sin, 1.0, 2.0), ValueError, "taylor's order must be an integer ≥ 0, got 2.0"),
        ((sin, 1.0, True), ValueError, "taylor's order must be an integer ≥ 0, got True"),
    ],
)
def test_bad_input(args, error, message):
    with pytest.raises(error, match=re.escape(message)):
        taylor(*args)
