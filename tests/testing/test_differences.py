"""The estimated error of extrapolated differences bounds the true one."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autograd_mini.testing import strategies
from autograd_mini.testing.differences import Line, accelerate, central, one_sided

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
    found = central(line, 0, 0.25)
    assert abs(found.value - slope(x)) <= 10.0 * found.error
    assert found.error <= 1e-9 * (1.0 + abs(slope(x)))
    for side in (-0.25, 0.25):
        found = one_sided(line, 0, side)
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
    assert one_sided(line, 0, 0.25).value == pytest.approx(1.0, abs=1e-6)
