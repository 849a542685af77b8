"""Extrapolated differences keep their promise: the estimated error bounds the true one."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograd_mini import Value, exp, fma, frac, log, log2, relu, sign, sin, tanh, where
from autograd_mini import sum as total
from autograd_mini.testing import strategies
from autograd_mini.testing.differences import Line, accelerate, central, one_sided
from autograd_mini.testing.rounding import rounding_noise

FUNCTIONS = [
    (math.sin, math.cos),
    (math.exp, math.exp),
    (math.atan, lambda x: 1 / (1 + x * x)),
    (lambda x: math.exp(-x * x), lambda x: -2 * x * math.exp(-x * x)),
    (lambda x: x**5 - 3 * x, lambda x: 5 * x**4 - 3),
]


@pytest.mark.parametrize(("f", "slope"), FUNCTIONS)
@given(x=strategies.values())
@example(x=0.000504953265834602)  # the first quotients of x⁵ - 3x agree by chance, far from the slope
def test_the_error_is_within_ten_estimates_and_small(f, slope, x):
    line = Line(lambda x: [f(x)], x)
    found = central(line, 0, 0.25, 0.0)
    assert abs(found.value - slope(x)) <= 10.0 * found.error
    assert found.error <= 1e-9 * (1.0 + abs(slope(x)))
    for side in (-0.25, 0.25):
        found = one_sided(line, 0, side, 0.0)
        assert abs(found.value - slope(x)) <= 10.0 * found.error
        assert found.error <= 1e-6 * (1.0 + abs(slope(x)))


@pytest.mark.parametrize("power", [0.25, 1 / 3, 0.5, 2 / 3, 0.75])
@given(limit=st.floats(-3.0, 3.0), factor=st.floats(0.1, 3.0))
def test_the_error_is_within_ten_estimates_for_fractional_powers(power, limit, factor):
    def quotient(h):
        return limit + factor * h**power * math.cos(h), 1e-15

    found = accelerate(quotient, 2.0**-8)
    assert abs(found.value - limit) <= 10.0 * found.error
    assert found.error < 1e-8


def test_a_plateau_further_off_does_not_count():
    line = Line(lambda x: [min(abs(x - 1.0), 0.01)], 1.0)
    assert one_sided(line, 0, 0.25, 0.0).value == pytest.approx(1.0, abs=1e-6)


def test_noise_is_that_of_the_operations():
    x = Value(3.0)
    large, none, number = rounding_noise([(x + 1e10) - 1e10, x, 5.0])
    assert 1e-7 < large < 1e-5
    assert (none, number) == (0.0, 0.0)


def test_there_is_noise_where_half_of_the_roundings_cancel():
    """Next to log2(2) = 1 one rounding up and one down give 1 again, and then log gives 0 as without them."""
    (noise,) = rounding_noise([total([0.0, log(log2(fma(sin(Value(0.0)), 1.5, 2.0)))])])
    assert 1e-16 < noise < 1e-15


@pytest.mark.parametrize(
    "step",
    [
        lambda x: 1e-3 / (x // 0.01),  # 199 or 200 at a spacing's distance
        lambda x: 1e-3 * frac(4.0 * x / 4.0 + 1e-16),
        lambda x: 1e-3 * sign(x / 3.0 * 3.0 - 2.0),
        lambda x: 1e-3 * where(x / 3.0 * 3.0 - 2.0, x, 0.0),
    ],
)
def test_a_jump_is_no_noise(step):
    (noise,) = rounding_noise([step(Value(2.0) * 1.0)])
    assert noise < 1e-15


@pytest.mark.parametrize("f", [tanh, sin, relu, lambda x: log(1.0 + exp(x))])
def test_what_cancels_is_noise_where_the_function_is_flat_further_off(f):
    (noise,) = rounding_noise([f((Value(1.0) + 1e20) - 1e20)])
    assert noise > 0.1
