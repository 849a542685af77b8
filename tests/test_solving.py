"""Newton's method and SciPy's solvers: what they find, and what they say if they find nothing."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograd_mini import atan, exp, log, root


@given(st.floats(-5, 5), st.floats(0.1, 10), st.floats(-10, 10))
def test_newton_finds_the_root_of_an_increasing_function(at, factor, start):
    x = root(lambda x: atan(factor * (x - at)), start)
    assert x == pytest.approx(at, rel=1e-12, abs=1e-12)


@given(st.integers(-250, 250), st.integers(-250, 250))
def test_units_make_no_difference(of_x, of_r):
    unit_x, unit_r = 2.0**of_x, 2.0**of_r
    found = root(lambda x: (exp(x / unit_x) - 3.0) * unit_r, unit_x)
    assert found == pytest.approx(math.log(3.0) * unit_x, rel=1e-14)


@given(st.lists(st.floats(-3, 3), min_size=2, max_size=4))
@example([0.0, 0.0, 4.348309057453978e-185])
@example([0.0, 0.0, 1.7079546153843616e-133])
def test_several_unknowns(at):
    n = len(at)
    found = root(lambda v: [v[i] - at[i] + 0.3 * atan(v[i - 1] - at[i - 1]) for i in range(n)], [0.0] * n)
    assert found == pytest.approx(at, rel=1e-12, abs=1e-12)


def test_a_root_at_zero():
    assert root(lambda x: x * (x + 1), 0.3) == pytest.approx(0.0, abs=1e-15)
    assert root(lambda v: [v[0] * (v[0] + 1), v[1] - 2], np.array([0.3, 1.0])) == pytest.approx([0.0, 2.0], abs=1e-15)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_multiple_roots_are_found_step_by_step(order):
    assert root(lambda x: (x - 1.0) ** order, 1.5) == pytest.approx(1.0, rel=1e-9)


def test_steps_that_leave_the_domain_are_shortened():
    assert root(lambda x: log(x) - 1.0, 30.0) == pytest.approx(math.e, rel=1e-15)


def test_rounding_may_be_coarse():
    """Terms of 1e6 leave a residual known only to 1e-10, which no step can reduce further."""
    assert root(lambda x: (x + 1e6) - 1e6 - 0.1, 5.0) == pytest.approx(0.1, abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: root(lambda x: x * x + 1.0, 0.7), r"<lambda> .*, where the residual is|no root of <lambda> was found"),
        (lambda: root(lambda x: exp(x), 0.0), "no root of <lambda> was found in 100 steps from 0.0: at -.* is still"),
        (lambda: root(lambda x: x * x - 2.0, 0.0), r"is singular at 0\.0, where the residual is -2\.0; start nearer"),
        (lambda: root(lambda x: 3.0, 1.0), r"is singular at 1\.0, where the residual is 3\.0"),
        (lambda: root(lambda x: log(x), -1.0), r"the residual <lambda> is nan at the start -1\.0; start nearer"),
        (
            lambda: root(lambda x: 1 / x, 1.0, solver="brentq", bracket=(-1, 2)),
            "brentq gave .*, which is not a root of",
        ),
        (
            lambda: root(lambda x: 1 / (x - 1), 2.0, solver="brentq", bracket=(0.3, 2)),
            "brentq gave .*, which is not a root",
        ),
        (lambda: root(lambda x: 1 / (x - 1) ** 3, 1.0 + 1e-12), "no root of"),
        (lambda: root(lambda x: x - 3.0, 1.0, solver=lambda f, x: 2.0), "<lambda> gave 2.0, which is not a root of"),
        (lambda: root(lambda x: x * x + 1.0, 1.0, solver="newton"), "newton gave .*, which is not a root of"),
        (
            lambda: root(lambda v: [v[0], v[1] ** 2 + 1], [1.0, 1.0], solver="hybr"),
            "hybr gave .*, which is not a root",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_no_root(call, message):
    pytest.importorskip("scipy")
    with pytest.raises(ArithmeticError, match=message):
        call()


@pytest.mark.parametrize(
    ("solver", "start", "error", "message"),
    [
        (
            "nonsense",
            1.0,
            ValueError,
            "root knows no solver named 'nonsense'; for one unknown there are bisect, brentq",
        ),
        ("brentq", [1.0, 2.0], ValueError, "'brentq' is for one unknown, but start has 2; for several there are hybr"),
        ("brentq", 1.0, ValueError, "SciPy's brentq does not accept its arguments for <lambda>: .*[Bb]racket"),
        (lambda f, x: "no", 1.0, TypeError, "must give the root, a number, but gave 'no'"),
        (lambda f, x: [1.0], [1.0, 2.0], TypeError, r"must give the root, 2 numbers, but gave \[1\.0\]"),
    ],
)
def test_bad_solvers(solver, start, error, message):
    with pytest.raises(error, match=message):
        root(lambda x: x, start, solver=solver)
