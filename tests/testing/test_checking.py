"""`check_gradients`: what it accepts, what it refuses, and its messages."""

import math
import os
import pickle
import subprocess
import sys
from math import inf, nan
from random import Random

import numpy as np
import pytest

from autograd_mini import (
    Value,
    acos,
    asin,
    cbrt,
    clip,
    degrees,
    exp,
    floor,
    fma,
    fmod,
    frac,
    lgamma,
    log,
    max,
    maximum,
    min,
    polygamma,
    relu,
    sign,
    sin,
    softmax,
    sqrt,
    square,
    tanh,
    where,
)
from autograd_mini.testing import GradientError, UndecidedError, UndecidedWarning, check_gradients


def only(report):
    (comparison,) = report.comparisons
    return comparison


def test_structures_and_names():
    def loss(parameters, x):
        return [(parameters["W"] @ x).sum(), parameters["b"][0] * 2.0]

    report = check_gradients(loss, {"W": np.ones((2, 2)), "b": (3.0,)}, np.array([1.0, 2.0]))
    names = [each.component for each in report.comparisons]
    assert len(names) == 14
    assert names[0] == "∂loss[0]/∂parameters['W'][0, 0]"
    assert {"∂loss[1]/∂parameters['b'][0]", "∂loss[0]/∂x[1]"} <= set(names)


@pytest.mark.parametrize(("f", "point"), [
    (lambda x, y: floor(degrees(-polygamma(2, square(x + y)))), (0.0, 0.25)),
    (lambda x: floor(1e9 * sin(x)), (0.3,)),
    (lambda x: floor(1e12 * sin(x)) / 1e12, (0.3,)),
])  # fmt: skip
def test_steps_too_narrow_to_be_told_from_rounding(f, point):
    """The derivative there is 0, as claimed; what differences see at large is the slope of the staircase."""
    with pytest.raises(UndecidedError, match="contradict each other"):
        check_gradients(f, *point)


def test_zeros_claimed_of_functions_of_single_precision_are_accused():
    with pytest.raises(GradientError):
        check_gradients(lambda x: float(np.sin(np.float32(x))), 0.3, gradient=lambda x: (0.0,))


def test_corners():
    """Along each axis the median of equal numbers seems constant; around the point it is one or the other of them."""
    at = [1.0, 1.0, 1.0]
    median = lambda v: sorted(v)[1] ** 2
    place = lambda found: [each.verdict.place for each in found.comparisons]
    for k in range(3):
        one = lambda v, k=k: [2.0 * (each == k) for each in range(3)]
        report = check_gradients(median, at, gradient=one)
        assert place(report) == ["kink" if each == k else "smooth" for each in range(3)]
        assert report.comparisons[k].verdict[:2] == (0.0, pytest.approx(2.0, rel=1e-6))
    check_gradients(lambda v: maximum(min(v[:2]), min([max(v[:2]), v[2]])), at)
    for wrong in ([2.1, 0.0, 0.0], [0.0, -0.1, 0.0]):
        with pytest.raises(GradientError):
            check_gradients(median, at, gradient=lambda v, wrong=wrong: wrong)
    with pytest.raises(GradientError):  # smooth, for all that it is made of
        check_gradients(lambda v: maximum(v[0], v[1]) + min(v), [1.0, 1.0], gradient=lambda v: [1.5, 0.5])


def test_a_kink_close_by_is_no_corner():
    """At a distance of 1e-7 the median is smooth, with one gradient."""
    with pytest.raises(GradientError):
        check_gradients(lambda v: sorted(v)[1], [1.0, 1.0 + 1e-7, 1.0 - 1e-7], gradient=lambda v: [0.0, 1.0, 0.0])


def test_numbers_that_leave_the_graph_are_refused():
    with pytest.raises(TypeError, match=r"use autograd_mini.sin in place of math.sin"):
        check_gradients(lambda x: math.sin(x), 1.0)
    check_gradients(lambda x: math.sin(x), 1.0, gradient=math.cos)


def test_vector_results():
    assert len(check_gradients(lambda x: softmax(x), [1.0, 2.0, 3.0], order=2).comparisons) == 9 + 27


def test_third_order_compares_all_mixed_derivatives():
    report = check_gradients(lambda x, y: sin(x) * exp(y) * y, 0.5, 0.25, order=3)
    assert [each.component.split("/")[0] for each in report.comparisons] == (
        ["∂<lambda>"] * 2 + ["∂²<lambda>"] * 4 + ["∂³<lambda>"] * 8
    )


def test_a_number_that_depends_on_nothing():
    assert only(check_gradients(lambda x: 3.0, 1.0)).verdict.low == 0.0


@pytest.mark.parametrize(
    ("f", "x", "interval", "place"),
    [
        (relu, 0.0, (0.0, 1.0), "kink"),
        (lambda x: maximum(3.0 * x, x), 0.0, (1.0, 3.0), "kink"),
        (lambda x: max([x, 2.0, -x]), 2.0, (0.0, 1.0), "kink"),
        (lambda x: clip(x, -1.0, 1.0), 1.0, (0.0, 1.0), "kink"),
        (floor, 2.0, (0.0, 0.0), "jump"),
        (sign, 0.0, (0.0, 0.0), "jump"),
        (lambda x: x % 3.0, 6.0, (1.0, 1.0), "jump"),
        (lambda y: 6.0 % y, 3.0, (-2.0, -1.0), "jump"),
        (lambda x: 1e-3 / (fma(sin(x), 1.5, 2.0) // 0.01), 0.0, (0.0, 0.0), "jump"),  # a tenth of a spacing before it
        (sqrt, 0.0, (inf, inf), "edge of the domain"),
        (asin, 1.0, (inf, inf), "edge of the domain"),
        (lambda x: where(x >= 1.0, log(x), nan), 1.0, (1.0, 1.0), "edge of the domain"),
        (cbrt, 0.0, (inf, inf), "kink"),
        (square, 0.0, (0.0, 0.0), "smooth"),
    ],
)
def test_special_points(f, x, interval, place):
    verdict = only(check_gradients(f, x)).verdict
    assert (verdict.low, verdict.high) == pytest.approx(interval, abs=1e-9)
    assert verdict.place == place


@pytest.mark.parametrize(
    ("f", "x", "claimed", "passes"),
    [
        (relu, 0.0, 0.0, True),
        (relu, 0.0, 0.5, True),
        (relu, 0.0, 1.0, True),
        (relu, 0.0, 1.001, False),
        (relu, 0.0, -0.001, False),
        (abs, 0.0, -1.0, True),
        (abs, 0.0, -1.001, False),
        (sqrt, 0.0, 1e9, False),
        (sqrt, 0.0, -inf, False),
        (floor, 2.0, 1e-3, False),
        (sin, 1.0, nan, False),
        (sin, 1.0, inf, False),
        (lambda x: maximum(x, 2.03), 2.0, 1.0, False),  # a kink near by is none at the point
        (lambda x: maximum(x, 2.0001), 2.0, 0.5, False),
        (lambda x: maximum(x, 2.0001), 2.0, 0.0, True),
        (lambda x: 5.0 * maximum(x % 2.0, 1e-9), 0.0, 0.0, True),  # where larger steps are more precise
    ],
)
def test_claims_at_special_points(f, x, claimed, passes):
    if passes:
        assert only(check_gradients(f, x, gradient=lambda x: claimed)).claimed == claimed
    else:
        with pytest.raises(GradientError):
            check_gradients(f, x, gradient=lambda x: claimed)


FRACTIONAL = {
    "x**1.5": (lambda x: x**1.5, 0.0, 0.0),
    "x**1.1": (lambda x: x**1.1, 0.0, 0.0),
    "x√x + 2x": (lambda x: x * sqrt(x) + 2.0 * x, 0.0, 2.0),
    "(3 - x)**1.5": (lambda x: (3.0 - x) ** 1.5, 3.0, 0.0),
    "far from 0": (lambda x: (x - 1e8) ** 1.5, 1e8, 0.0),
    "acos³": (lambda x: acos(x) ** 3, 1.0, 0.0),
    "on both sides": (lambda x: x * sqrt(abs(x)), 0.0, 0.0),
    "next to another slope": (lambda x: where(x > 0.0, abs(x) ** 1.5, -2.0 * x), 0.0, -2.0),
}


@pytest.mark.parametrize(("f", "x", "slope"), FRACTIONAL.values(), ids=FRACTIONAL)
def test_fractional_powers(f, x, slope):
    """The first derivative exists, the second is infinite: differences converge more slowly than a series in h."""
    assert only(check_gradients(f, x)).claimed == slope


@pytest.mark.parametrize("error", [1e-3, 2.5, inf, nan])
@pytest.mark.parametrize(("f", "x", "slope"), FRACTIONAL.values(), ids=FRACTIONAL)
def test_wrong_slopes_at_fractional_powers(f, x, slope, error):
    with pytest.raises(GradientError) as caught:
        check_gradients(lambda x: float(f(Value(x))), x, gradient=lambda x: slope - error)
    assert only(caught.value.report).verdict.decided


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x * sqrt(x) + x, 0.0),
        (lambda x: (3.0 - x) ** 1.5 + x, 3.0),
        (lambda x: acos(x) ** 3 + x, 1.0),
        (lambda x: abs(x) ** 1.5 + x, 0.0),
    ],
)
@pytest.mark.parametrize("factor", [1.0 - 1e-4, 1.0 + 2e-5])
def test_small_errors_are_seen_at_fractional_powers(f, x, factor):
    check_gradients(f, x)
    with pytest.raises(GradientError, match="times the estimated error"):
        check_gradients(lambda x: float(f(Value(x))), x, gradient=lambda x: factor)


@pytest.mark.parametrize(("f", "order"), [(lambda x: relu(x) - relu(-x), 1), (lambda x: abs(x) ** 1.5, 2)])
def test_kinks_of_parts_that_the_whole_does_not_have(f, order):
    """Subgradients of parts make no subgradient of the whole; the limits along a line do. The slopes are 1 and inf."""
    assert len(check_gradients(f, 0.0, order=order).comparisons) == order


def test_orders_at_fractional_powers():
    check_gradients(lambda x: x**1.5, 0.0, order=2)  # infinite
    check_gradients(lambda x: x**2.5, 0.0, order=3)
    check_gradients(lambda x: abs(x) ** 2.5, 0.0, order=2)


def test_what_grows_slowly_has_no_slope():
    """Quotients that grow like a tiny power or a logarithm of 1/h are not taken for a slow convergence."""
    for f in (lambda x: x**0.95, lambda x: x * math.log(x) if x else 0.0):
        with pytest.raises(UndecidedError, match="differences do not converge"):
            check_gradients(lambda x, f=f: f(x) if x >= 0.0 else nan, 0.0, gradient=lambda x: 0.0)


@pytest.mark.parametrize("error", [1e-2, 1e-5, 1e-9])
def test_how_small_an_error_is_seen(error):
    with pytest.raises(GradientError, match="times the estimated error"):
        check_gradients(sin, 1.0, gradient=lambda x: math.cos(x) * (1.0 + error))


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: sin(1e6 * x), 1.0),
        (sin, 1e8),
        (lambda x: x * x, 1e8),
        (exp, 1e-8),
        (log, 1e-8),
        (lambda x: (x + 1e8) - 1e8, 1.0),
        (lambda x: 1.0 + 1e-9 * tanh(x), 0.5),
        (lambda x: 1.0 / x, 1e-6),
        (lambda y: fmod(-2.1255851070508135, y * 1e8) * 1e-8, 3.5407442288439683e-09),  # a jump near by
        (square, 5e-238),
        (floor, 6.7e-143),
        (lambda x: x // 2.0, 2e-250),
        (lambda x: x * 3.6e-303, 3.6e-303),  # the product underflows
        (lgamma, 1.0),  # a root of it
    ],
)
def test_scales(f, x):
    assert only(check_gradients(f, x)).verdict.place == "smooth"


def test_steps_are_no_period_of_the_function():
    """Next to a jump, this once seemed flat: its values at x ± 2⁻ᵏ agree."""
    x = 1.9999999999999996
    with pytest.raises((GradientError, UndecidedError)) as caught:
        check_gradients(lambda x: frac(4.0 * x) ** -1.0, x, gradient=lambda x: 0.0)
    assert only(caught.value.report).verdict.place in ("rough", "kink", "jump")


def test_what_does_not_converge_is_undecided():
    with pytest.raises(UndecidedError, match="cannot be decided by differences: the differences do not converge"):
        check_gradients(lambda x: Random(x).random(), 1.0, gradient=lambda x: 0.0)


def test_functions_of_python_math_and_their_domain():
    assert only(check_gradients(math.log, 0.125, gradient=lambda x: 1 / x)).verdict.place == "smooth"
    assert only(check_gradients(math.acos, -1.0, gradient=lambda x: -inf)).verdict.place == "edge of the domain"


def test_the_message():
    with pytest.raises(GradientError) as caught:
        check_gradients(lambda w, x: w * x, 2.0, 3.0, gradient=lambda w, x: (x, 2 * w))
    first, point, *table = str(caught.value).splitlines()
    assert first.startswith("∂<lambda>/∂x differs by ")
    assert first.endswith(
        " times the estimated error; 1 of 2 derivatives of <lambda> failed: gradient=<lambda> against extrapolated "
        "differences"
    )
    assert point == "at w = 2.0, x = 3.0"
    assert table[0].split("  ")[0] == "derivative"
    assert "gradient=<lambda>" in table[0]
    assert "differences ± error" in table[0]
    assert table[1].startswith("∂<lambda>/∂x")
    assert "times the estimated error" in table[1]
    assert isinstance(caught.value, AssertionError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_message_shows_the_expression():
    def halved(out, x):
        return (0.5 * x,)

    from autograd_mini.primitives import Primitive

    wrong = Primitive("wrong", lambda x: x * x, halved)
    with pytest.raises(GradientError, match=r"of tanh\(wrong\(x\)\)"):
        check_gradients(lambda x: wrong(x).tanh(), 0.5)


def test_a_long_table_is_cut():
    with pytest.raises(GradientError, match="… and 28 more"):
        check_gradients(lambda x: sum(x), [1.0] * 40, gradient=lambda x: [2.0] * 40)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "sentence"),
    [
        ((3.0, 1.0), {}, TypeError, "takes a function"),
        ((sin,), {}, TypeError, "needs the point"),
        ((sin, "x"), {}, TypeError, "holds 'x'"),
        ((lambda x: 1.0, []), {}, ValueError, "has no derivative to check: it takes no number, or gives none"),
        ((lambda x: [], 1.0), {}, ValueError, "has no derivative to check"),
        ((sin, 1.0), {"order": 4}, ValueError, "order must be 1, 2 or 3"),
        ((sin, 1.0), {"limit": 0}, ValueError, "limit must be"),
        ((sin, 1.0), {"gradient": 1.0}, TypeError, "gradient must be a function"),
        ((sin, 1.0), {"gradient": math.cos, "order": 2}, ValueError, "order 1 only"),
        ((sin, 1.0), {"gradient": lambda x: [1.0, 2.0]}, ValueError, "one derivative for each"),
        ((log, -1.0), {}, ValueError, "gives nan here"),
        ((lambda x: "text", 1.0), {}, TypeError, "the result of <lambda> holds"),
    ],
)
def test_refusals(arguments, options, error, sentence):
    with pytest.raises(error, match=sentence):
        check_gradients(*arguments, **options)


def test_a_random_function_is_refused():
    calls = []

    def noisy(x):
        calls.append(x)
        return x * len(calls)

    with pytest.raises(ValueError, match="a different result when called again"):
        check_gradients(noisy, 1.0)


def test_inputs_that_are_values_stay_as_they_are():
    x = Value(2.0)
    check_gradients(lambda x: x * x, x, order=2)
    assert (x.grad, x.label) == (0.0, "")


def test_what_cannot_be_decided_is_reported_and_warned_of():
    """One of two derivatives is noise; the other is checked, and the report tells them apart."""

    def half_noise(x, y):
        return Random(x).random() * 1e-3 + y * y

    with pytest.warns(UndecidedWarning, match="1 of 2 derivatives of half_noise have not been checked: ∂half_noise/∂x"):
        report = check_gradients(half_noise, 1.0, 2.0, gradient=lambda x, y: (0.0, 2.0 * y))
    assert [each.component for each in report.undecided] == ["∂half_noise/∂x"]
    assert not report.failures
    assert "1 of 2 agree, 1 cannot be decided" in str(report)


def test_a_wrong_derivative_counts_though_others_cannot_be_decided():
    with pytest.raises(GradientError) as caught:
        check_gradients(lambda x, y: Random(x).random() + y * y, 1.0, 2.0, gradient=lambda x, y: (0.0, 3.0 * y))
    assert [each.component for each in caught.value.report.failures] == ["∂<lambda>/∂y"]


def test_an_order_of_which_nothing_can_be_decided_fails():
    with pytest.raises(UndecidedError) as caught:
        check_gradients(lambda x: Random(x).random(), 1.0, gradient=lambda x: 0.0)
    assert type(pickle.loads(pickle.dumps(caught.value))) is UndecidedError
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_values_count_and_not_floats_where_they_differ():
    """On floats this is another function, with the same value at the point."""
    check_gradients(lambda x: x * x if isinstance(x, Value) else 2.0 * x, 2.0)
    with pytest.raises(GradientError):
        check_gradients(lambda x: x * x.detach() if isinstance(x, Value) else 2.0 * x, 2.0)


@pytest.mark.parametrize(
    "point", [(0.0, 0.0), (0.0, 5e-324), (5e-324, 2.0), (3e-293, 0.0), (1.0, 2.2e-308), (1e-20, 0.0)]
)
def test_products_with_zeros_and_denormals_are_decided(point):
    report = check_gradients(lambda x, y: x * y, *point)
    assert not report.undecided
    with pytest.raises(GradientError):
        check_gradients(lambda x, y: x * y, *point, gradient=lambda x, y: (y + 1e-3, x))


def test_floats_are_left_where_the_function_takes_none():
    check_gradients(lambda x: x.tanh() * x, 0.5, order=2)
    check_gradients(lambda v: (v * v).sum(), np.array([0.5, 1.0]))
    check_gradients(lambda x: x ** (1.0 / 3.0), 1e-3)  # complex, on floats below 0


def test_first_order_runs_on_floats():
    kinds = []

    def f(x):
        kinds.append(type(x))
        return x * x

    check_gradients(f, 2.0)
    assert kinds.count(float) > kinds.count(Value)


def test_functions_of_floats_are_given_floats_only():
    kinds = set()

    def f(x, y):
        kinds.update((type(x), type(y)))
        return math.sin(x) * y

    def slope(x, y):
        kinds.update((type(x), type(y)))
        return math.cos(x) * y, math.sin(x)

    check_gradients(f, Value(0.5), 2, gradient=slope)
    assert kinds == {float}


FAILING = """
from autograd_mini.testing import check_gradients

def test_slope():
    check_gradients(lambda w: w ** 3, 2.0, gradient=lambda w: 3 * w)
"""


def test_pytest_shows_the_table_and_none_of_our_lines(tmp_path):
    (tmp_path / "test_slope.py").write_text(FAILING)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_slope.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "120", "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
        check=False,
    )
    assert run.returncode == 1
    assert "autograd_mini/testing" not in run.stdout.replace(os.sep, "/")
    _, _, failure = run.stdout.partition("def test_slope")
    shown = [line for line in failure.splitlines() if line.startswith("E ")]
    assert "GradientError: ∂<lambda>/∂w differs by" in shown[0]
    assert any("differences ± error" in line for line in shown[:4])
    (summary,) = [line for line in run.stdout.splitlines() if line.startswith("FAILED")]
    assert "∂<lambda>/∂w differs by" in summary
