"""Roots within compiled functions are solved at each point, and have the derivatives of eager mode."""

import math
import pickle

import numpy as np
import pytest

import autograd_mini as am
from autograd_mini import Value, compile, cos, exp, grad, hessian, relu, root, value_and_grad, where

BACKENDS = pytest.mark.parametrize("backend", ["machine", "numpy"])


def captured(a):
    s = 2.0 * a
    return root(lambda x: x * x * x - s * exp(-x), 1.0) * a


def handed(a):
    return root(lambda x, a: cos(a * x) - x, 0.5, a)


def system(a):
    p = root(lambda p: [p[0] ** 2 + p[1] ** 2 - a, p[0] * exp(p[1]) - 1.5], [1.0, 0.5])
    return p[0] * p[1] ** 2


def nested(a):
    return root(lambda x: x - 0.1 * root(lambda y: y * y * y + y - x - a, 0.5) - a, 1.0)


def of_a_gradient(a):
    """Its rule chooses by a selector, which must not be that of the first run for ever."""
    return root(lambda x: grad(lambda z: relu(z - 1.0) ** 2 + 0.5 * z * z)(x) - a, 2.0)


def chosen(a):
    return root(lambda x: where(x > 1.0, x * x, 2.0 * x - 1.0) - a, 2.0)


def branching_first(a):
    """It branches on the solution before it computes what the solution depends on."""
    return root(lambda x: (x * x if x > 1.0 else 2.0 * x - 1.0) - exp(a), 2.0) + root(
        lambda x: x + (0.1 * x if x < 1.0 else 0.1 * cos(a)) - a * a, 0.5
    )


def detached(a):
    return root(lambda x: x * x - a * a.detach(), 2.0)


def from_a_value(a):
    return root(lambda x: x * x - 4.0, a) + a


@BACKENDS
@pytest.mark.parametrize(
    "f",
    [captured, handed, system, nested, of_a_gradient, chosen, branching_first, from_a_value],
    ids=lambda f: f.__name__,
)
def test_as_eagerly_at_every_point_of_a_batch(f, backend):
    points = np.array([1.6, 2.0, 3.7] if f is system else [0.6, 1.3, 2.0, 3.7])
    compiled = compile(f, batch=True, backend=backend)
    value, slopes = compiled.value_and_grad(points)
    assert value == pytest.approx([f(a) for a in points], rel=1e-13)
    assert slopes == pytest.approx([grad(f)(a) for a in points], rel=1e-12, abs=1e-14)
    assert compiled.hessian(points) == pytest.approx([hessian(f)(a) for a in points], rel=1e-11, abs=1e-13)


def test_what_is_detached_follows_the_point_but_has_no_derivative():
    compiled = compile(detached)
    for a in (4.0, 9.0):
        assert compiled.value_and_grad(a) == pytest.approx((a, 0.5), rel=1e-14)


@BACKENDS
def test_a_branch_on_the_solution_is_a_guard(backend):
    def f(a):
        return root(lambda x: x * x - a if x > 1 else 2 * x - 1 - a, 1.5)

    compiled = compile(f, backend=backend)
    for a in (4.0, 0.0, 2.25, 0.5):
        assert compiled.value_and_grad(a) == (f(a), grad(f)(a))


def test_a_branch_on_what_is_outside_is_a_guard():
    def f(a):
        return root(lambda x: x * x - 4 if a > 1 else 3 * x - 2, 1.5)

    compiled = compile(f)
    assert [compiled(2.0), compiled(0.3), compiled(3.0)] == [2.0, f(0.3), 2.0]


def test_captured_values_are_parameters():
    w = Value(2.0)
    compiled = compile(lambda a: root(lambda x: x * x - a * w, 1.0))
    value, slopes = compiled.value_and_parameter_grads(2.0)
    assert (value, slopes.tolist()) == (2.0, [0.5])
    w.data = 8.0
    assert compiled(2.0) == 4.0


def test_foreign_solvers_run_within():
    pytest.importorskip("scipy")
    by_name = compile(lambda a: root(lambda x: x * x - a, 1.5, solver="brentq", bracket=[0.1, 5.0]))
    by_function = compile(lambda a: root(lambda x: x * x - a, 1.5, solver=lambda f, x: max(x, 2.0)))  # made in each run
    for compiled in (by_name, by_function):
        assert compiled.value_and_grad(4.0) == (2.0, 0.25)


def test_the_same_equations_at_many_places_are_one_operation():
    compiled = compile(lambda v: am.sum([root(lambda x, a: x * x - a, 1.0, a) for a in v]))
    value, slopes = compiled.value_and_grad(np.array([1.0, 4.0, 9.0]))
    assert (value, slopes.tolist()) == (pytest.approx(6.0), pytest.approx([0.5, 0.25, 1 / 6]))
    assert str(compiled.program).count("solve(") == 1


def test_nan_stays_where_it_is():
    value, slopes = compile(handed, batch=True).value_and_grad(np.array([1.0, math.nan]))
    assert value[0] == handed(1.0)
    assert slopes[0] == pytest.approx(grad(handed)(1.0), rel=1e-14)
    assert np.isnan([value[1], slopes[1]]).all()


def test_no_root_and_no_derivative_are_said():
    compiled = compile(lambda a: root(lambda x: x * x - a, 1.0))
    assert compiled(4.0) == 2.0
    with pytest.raises(ArithmeticError, match="no root of <lambda> was found|is singular at"):
        compiled(-1.0)
    close = compile(lambda a: root(lambda x: (x - 1.0) ** 2 - a, 1.3))
    assert close(0.01) == pytest.approx(1.1)
    with pytest.raises(ArithmeticError, match="has no derivative there"):
        close(0.0)


@pytest.mark.parametrize(
    ("f", "points", "solvable"),
    [
        (lambda a: root(lambda x: x * x - a, 1.0, or_nan=True), [4.0, -1.0, 9.0, 0.25], [True, False, True, True]),
        (lambda a: root(lambda x: x * x - a, 1.0, or_nan=True), [-1.0, 4.0], [False, True]),  # traced at what has none
        (lambda a: root(lambda x: (x - 1.0) ** 2 - a, 1.3, or_nan=True), [0.0, 0.01], [False, True]),  # no derivative
        (lambda a: root(lambda x: x * x - a if x > 0 else x - a, 1.0, or_nan=True), [4.0, -1.0, 9.0], [1, 1, 1]),
        (lambda a: root(lambda v: [v[0] * v[1] - a, v[0] - v[1]], [1.0, 1.0], or_nan=True)[0], [-4.0, 4.0], [0, 1]),
    ],
)
def test_nan_where_there_is_no_root(f, points, solvable):
    """In a batch, one by one, and in eager mode: the other examples are not affected."""
    compiled = compile(f, batch=True)
    value, slopes = compiled.value_and_grad(np.array(points))
    for a, x, slope, is_there in zip(points, value, slopes, solvable):
        for found in (value_and_grad(f)(a), compile(f).value_and_grad(a)):
            assert found == pytest.approx((x, slope), rel=1e-13, nan_ok=True)
        assert math.isfinite(x) == math.isfinite(slope) == bool(is_there)


def test_reading_a_number_is_refused_with_the_line():
    with pytest.raises(TypeError, match=r"reads the number of a Value by \.data"):
        compile(lambda a: root(lambda x: x - a.data, 1.0))(2.0)


def importable(a):
    return root(lambda x: x * x - a, 1.0)


def test_pickled():
    again = pickle.loads(pickle.dumps(compile(importable)))
    assert again.value_and_grad(4.0) == (2.0, 0.25)
