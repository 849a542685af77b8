"""Roots and their derivatives against 50 digits, closed forms and differences."""

import gc
import math
import pickle
import weakref
from threading import Thread

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_mini as am
from autograd_mini import Value, cos, debug, exp, grad, gradients, hessian, jacobian, log, root, sqrt, tanh
from autograd_mini.testing import check_gradients

FACTORS = st.floats(0.1, 3.0)


def growth(a, b):
    """The x that solves x + exp(b x) = a."""
    return root(lambda x, a: x + exp(b * x) - a, 0.0, a)  # one as an argument, the other captured


def growth_at_50_digits(a, b, order):
    with mpmath.workdps(60):

        def exact(a, b):
            return mpmath.findroot(lambda x: x + mpmath.exp(b * x) - a, mpmath.mpf(0.3))

        return float(mpmath.diff(exact, (mpmath.mpf(a), mpmath.mpf(b)), order))


@settings(max_examples=25)
@given(FACTORS, FACTORS)
def test_value_and_derivatives_to_second_order(a, b):
    (f_a, f_b), ((f_aa, f_ab), (f_ba, f_bb)) = grad(growth)(a, b), hessian(growth)(a, b)
    found = {(0, 0): growth(a, b), (1, 0): f_a, (0, 1): f_b, (2, 0): f_aa, (1, 1): f_ab, (0, 2): f_bb}
    for order, number in found.items():
        expected = growth_at_50_digits(a, b, order)
        assert math.isclose(number, expected, rel_tol=1e-11, abs_tol=1e-13), order
    assert math.isclose(f_ab, f_ba, rel_tol=1e-11, abs_tol=1e-13)


def polar(x, y, start):
    """The polar coordinates of (x, y)."""

    def residual(p):
        return {"radius": p["radius"] * cos(p["angle"]) - x, "angle": p["radius"] * am.sin(p["angle"]) - y}

    return root(residual, start)


@settings(max_examples=25)
@given(st.floats(0.2, 5.0), st.floats(-2.0, 2.0))
def test_several_unknowns_are_polar_coordinates(a, b):
    start = {"radius": math.hypot(a, b) * 1.1, "angle": math.atan2(b, a) + 0.1}
    for name, known in (("radius", lambda x, y: am.hypot(x, y)), ("angle", lambda x, y: am.atan2(y, x))):
        one = lambda x, y, name=name: polar(x, y, start)[name]
        assert one(a, b) == pytest.approx(known(a, b), rel=1e-13, abs=1e-13)
        assert grad(one)(a, b) == pytest.approx(grad(known)(a, b), rel=1e-11, abs=1e-12)
        assert np.allclose(hessian(one)(a, b), hessian(known)(a, b), rtol=1e-10, atol=1e-11)


def test_third_order():
    for order, coefficient in ((1, 0.5), (2, -0.25), (3, 0.375)):
        f = lambda a: root(lambda x: x * x - a, 1.0)
        for _ in range(order):
            f = grad(f)
        assert f(2.0) == pytest.approx(coefficient * 2.0 ** (0.5 - order), rel=1e-13)


def test_an_equilibrium_of_a_network():
    w = np.array([[0.3, -0.5, 0.1], [0.2, 0.4, -0.3], [-0.1, 0.2, 0.5]])

    def loss(w, u):
        z = root(lambda z: np.array([tanh(each) for each in w @ z + u]) - z, np.zeros(3))
        return (z * z).sum()

    check_gradients(loss, w, np.array([0.5, -1.0, 0.3]))
    check_gradients(lambda u: loss(w, [u, -1.0, 0.3]), 0.5, order=2)
    z = root(lambda z: np.tanh(w @ z + 0.5) - z, np.zeros(3))
    assert z.dtype == float
    assert np.allclose(np.tanh(w @ z + 0.5), z, rtol=1e-15)


def test_roots_within_roots():
    def f(a):
        return root(lambda x: x - 0.1 * root(lambda y: y * y * y + y - x - a, 0.5) - a, 1.0)

    check_gradients(f, 1.0, order=3)


def test_a_minimum_is_a_root_of_the_gradient():
    """An inner minimum: argmin over x of (x - a)² + b x⁴, as the root of its gradient."""

    def best(a, b):
        return root(lambda x: grad(lambda x: (x - a) ** 2 + b * x**4)(x), 0.5)

    check_gradients(best, 1.3, 0.2, order=2)


def test_a_long_recurrence_of_implicit_steps():
    """Euler's implicit step for s' = -k s, whose n-th value is (1 + h k)⁻ⁿ."""

    def last(k):
        s = Value(1.0)
        for _ in range(300):
            s = root(lambda x, s: x - s + 0.01 * k * x, s, s)
        return s

    assert grad(last)(2.0) == pytest.approx(-3.0 * 1.02**-301, rel=1e-12)


def test_nothing_depends_on_the_start():
    a = Value(3.0)
    root(lambda x: x * x - 4.0, a).backward()
    assert a.grad == 0.0
    assert grad(lambda a: root(lambda x: x * x - 4.0, a))(-3.0) == 0.0
    assert root(lambda x: x * x - 4.0, Value(-3.0)).data == -2.0


def test_numbers_in_numbers_out():
    assert type(root(lambda x: x * x - 2.0, 1.0)) is float
    assert root(lambda x: x * x - Value(4.0).detach(), 1.0) == 2.0
    assert root(lambda p: (p[0] + p[1] - 3.0, p[0] - p[1] - 1.0), (0.0, 0.0)) == (2.0, 1.0)
    assert root(lambda p: [p[0] + p[1] - 3.0, p[0] - p[1] - 1.0], np.zeros(2)).tolist() == [2.0, 1.0]
    assert root(lambda x, kind: (x if kind == "linear" else x * x) - 2.0, 1.0, "linear") == 2.0


def test_arguments_of_any_kind():
    class Model:
        def __init__(self, w):
            self.w = w

    w = Value(4.0)
    x = root(lambda x, model, options: x * x - model.w * options["scale"], 1.0, Model(w), {"scale": 1.0, "name": None})
    x.backward()
    assert (x.data, w.grad) == (2.0, 0.25)


def test_a_branch_goes_as_it_does_at_the_solution():
    f = lambda a: root(lambda x: x * x - a if x > 1 else 2 * x - 1 - a, 1.5)
    assert (f(4.0), grad(f)(4.0)) == (2.0, 0.25)
    assert (f(0.0), grad(f)(0.0)) == (0.5, 0.5)


def test_nan_in_nan_out():
    a = Value(math.nan)
    x = root(lambda x: x * x - a, 1.0)
    x.backward()
    assert math.isnan(x.data)
    assert math.isnan(a.grad)
    b = Value(math.nan)  # in a branch not taken
    y = root(lambda x: x - am.where(Value(1.0) > 0, 2.0, b), 1.0)
    y.backward()
    assert (y.data, b.grad) == (2.0, 0.0)
    assert root(lambda x: am.where(x > 0, x - 2.0, b), 1.0).data == 2.0


def test_a_root_can_be_pickled_and_differentiated_afterwards():
    a = Value(2.0, label="a")
    x = pickle.loads(pickle.dumps(root(lambda x: x * x - a, 1.0)))
    (a,) = [node for node in am.topological_order(x) if node.label == "a"]
    (first,) = gradients(x, [a], create_graph=True)
    assert gradients(first, [a]) == pytest.approx([-0.25 * 2.0**-1.5], rel=1e-14)


def test_debug_does_not_hear_the_solver():
    """Newton's first step from 3 leads to a point where the logarithm is nan."""
    a = Value(1.0)
    with debug():
        x = root(lambda x: log(x) - a, 20.0)
    assert x.data == pytest.approx(math.e, rel=1e-15)
    with debug(), pytest.raises(FloatingPointError, match="log"):
        log(root(lambda x: x + a, 0.5))


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "brentq", "bracket": (0.5, 5.0)},
        {"solver": "bisect", "bracket": [0.5, 5.0]},
        {"solver": "newton"},
        {"solver": "hybr"},
        {"solver": lambda f, x: x if abs(f(x)) < 1e-6 else 1.7320508},
    ],
)
def test_the_solver_makes_no_difference(options):
    pytest.importorskip("scipy")
    f = lambda a: root(lambda x: x * x - a, 1.0, **options)
    assert f(3.0) == pytest.approx(math.sqrt(3.0), rel=1e-15)
    assert grad(f)(3.0) == pytest.approx(0.5 / math.sqrt(3.0), rel=1e-14)
    assert grad(grad(f))(3.0) == pytest.approx(-0.25 * 3.0**-1.5, rel=1e-13)


def test_solvers_for_several_unknowns():
    optimize = pytest.importorskip("scipy.optimize")
    equations = lambda v, a: [v[0] ** 2 + v[1] ** 2 - a, v[0] - v[1]]
    for solver in ("hybr", "lm", "krylov", "df-sane", optimize.fsolve):
        f = lambda a, solver=solver: root(equations, [1.1, 0.8], a, solver=solver)[0]
        assert f(2.0) == pytest.approx(1.0, rel=1e-15)
        assert grad(f)(2.0) == pytest.approx(0.25, rel=1e-14)


def test_threads_do_not_disturb_each_other():
    found = {}

    def work(k):
        found[k] = [grad(lambda a: root(lambda x: x**3 - k * a, 1.0))(1.0) for _ in range(5)]

    threads = [Thread(target=work, args=(k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(slope == pytest.approx(k ** (1 / 3) / 3, rel=1e-14) for k in found for slope in found[k])
    assert len(found) == 4


def test_a_jacobian_of_several_unknowns():
    found = jacobian(lambda a, b: root(lambda p: [p[0] + p[1] - a, p[0] - p[1] - b], np.zeros(2)))(3.0, 1.0)
    assert [part.tolist() for part in found] == [[0.5, 0.5], [0.5, -0.5]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: root(3.0, 1.0), TypeError, "root takes a function, got 3.0"),
        (lambda: root(lambda x: x, "1"), TypeError, "the start of root holds '1'"),
        (lambda: root(lambda x: x, []), ValueError, r"root needs finite numbers to start from, got \[\]"),
        (lambda: root(lambda x: x, math.nan), ValueError, "root needs finite numbers to start from, got nan"),
        (lambda: root(lambda x: "no", 1.0), TypeError, "the residual <lambda> holds 'no'"),
        (lambda: root(lambda x: [x, x], 1.0), TypeError, r"must have the structure of start, ·, but gave \[·, ·\]"),
        (lambda: root(lambda x: [1.0], [1.0, 2.0]), TypeError, r"structure of start, \[·, ·\], but gave \[·\]"),
        (lambda: root(lambda p: {"b": p["a"], "a": p["b"]}, {"a": 1.0, "b": 1.0}), TypeError, "but gave {'b'"),
        (lambda: root(lambda x: x, 1.0, bracket=(0, 1)), TypeError, "options only together with a solver=…, got bra"),
        (
            lambda: root(lambda x: x, 1.0, solver=3),
            TypeError,
            "solver must be a name, a function or None, got 3",
        ),
        (
            lambda: root(lambda x: x, 1.0, solver="brentq", bracket=[Value(0.0), 1]),
            TypeError,
            r"root's option bracket holds a Value, which gets no derivative there; give its \.data",
        ),
        (lambda: root(lambda x: x * x - Value(0.0), 0.0), ArithmeticError, r"is singular at its root 0\.0"),
        (lambda: root(lambda x: (x - 1) ** 2 * Value(1.0), 1.3), ArithmeticError, r"singular at its root 1\.0"),
        (lambda: root(lambda x: (x - 1) ** 3 * Value(1.0), 1.3), ArithmeticError, r"singular at its root 1\.0"),
        (
            lambda: root(lambda p: [Value(0.1) * p[0] + 0.3 * p[1], 0.2 * p[0] + 0.6 * p[1]], [0.0, 0.0]),
            ArithmeticError,
            "singular at its root",
        ),
    ],
)
def test_bad_calls(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_double_root_is_a_number_without_a_derivative():
    assert root(lambda x: (x - 1) ** 2, 1.3) == pytest.approx(1.0, abs=1e-9)
    with pytest.raises(ArithmeticError, match="has no derivative there"):
        grad(lambda a: root(lambda x: (x - 1) ** 2 - a, 1.3))(0.0)


def test_an_unknown_may_be_0_where_others_curve():
    found = jacobian(lambda a: root(lambda v: [v[0] + v[1] ** 2 - 9.0, v[1] - a], np.array([1.0, 2.0])))(3.0)
    assert found.tolist() == [-6.0, 1.0]


def test_a_simple_root_next_to_another_one_has_a_derivative():
    """√a = 1e-5 lies 2e-5 from -√a."""
    f = lambda a: 1.0 + root(lambda x: (x - 1.0) ** 2 - a, 1.1) - 1.0
    assert grad(f)(1e-10) == pytest.approx(0.5e5, rel=1e-9)
    assert sqrt(1e-10) == 1e-5


def test_a_graph_with_roots_goes_with_its_last_reference():
    gc.disable()
    try:
        a = Value(2.0)
        x = root(lambda v: [v[0] * v[1] - a, v[0] - 2 * v[1]], [1.0, 1.0])[0]
        held = [weakref.ref(each) for each in am.topological_order(x) if each is not a]
        assert len(held) >= 3  # the root and two solved
        del x
        assert all(each() is None for each in held)
    finally:
        gc.enable()
