"""The rounding noise of a function, measured from its results alone."""

import math
from random import Random
from statistics import median

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_mini.testing import CheckError, check_gradients
from autograd_mini.testing.differences import Line
from autograd_mini.testing.rounding import lattice_of, noise_around, noise_in

SINGLES = {
    "sin": (lambda x: float(np.sin(np.float32(x))), math.cos),
    "product": (lambda x: float(np.float32(x) * np.exp(np.float32(x))), lambda x: math.exp(x) * (1.0 + x)),
    "polynomial": (lambda x: float(np.float32(x) ** 3 - np.float32(2.0) * np.float32(x)), lambda x: 3.0 * x * x - 2.0),
}


@given(
    st.integers(-11, 3),
    st.sampled_from([math.sin, math.exp, lambda x: 1.0 / (2.0 + x), lambda x: x**3 - x]),
    st.floats(-1.0, 1.0),
    st.integers(0, 10**6),
)
def test_the_noise_of_known_size_is_found(exponent, f, x, seed):
    """To within a factor of 3, in the middle of 25 windows of 7 results each."""
    random, sigma = Random(seed), 10.0**exponent
    windows = [[f(x + 1e-6 * k) + random.gauss(0.0, sigma) for k in range(7)] for _ in range(25)]
    assert sigma / 3.0 < median(map(noise_in, windows)) < 3.0 * sigma


@given(st.floats(-3.0, 3.0), st.sampled_from([1e-300, 1e-150, 1.0, 1e150, 1e300]))
def test_smooth_functions_have_the_noise_of_their_rounding(x, scale):
    noise = noise_in([scale * math.sin(x + 1e-6 * k) for k in range(7)])
    assert noise <= 4.0 * 2.0**-53 * scale


def test_what_is_too_close_to_tell_says_so():
    steps = lambda x: (x + 1e8) - 1e8
    assert noise_around(steps, 1.0, 1e-12) is None
    assert 2e-9 < noise_around(steps, 1.0, 1e-6) < 2e-8
    assert noise_around(lambda x: math.nan, 1.0, 1e-6) == 0.0


def test_the_lattice_of_results():
    assert lattice_of([0.0, 0.75, -2.5]) == 0.25
    assert lattice_of([0.0, 0.0]) == 0.0
    assert lattice_of([5e-324, 1.0]) == 5e-324


@pytest.mark.parametrize(
    ("f", "x", "least", "most"),
    [
        (lambda x: (x + 1e10) - 1e10, 3.0, 1e-7, 1e-5),
        (lambda x: float(np.float32(x) * np.float32(x)), 1.0, 1e-8, 1e-6),
        (lambda x: math.sin(x), 1.0, 1e-17, 5e-16),
        (lambda x: float(math.floor(x)), 2.0, 0.0, 0.0),  # a jump is no noise
        (lambda x: 1e-3 / (x // 0.01), 2.0, 0.0, 1e-15),
        (lambda x: 5.0, 2.0, 0.0, 0.0),
        (lambda x: round(x, 3), 2.0, 0.0, 0.0),
    ],
)
def test_noise_along_a_line(f, x, least, most):
    line = Line(lambda x: [f(x)], x)
    for step in line.steps():
        for side in (-1.0, 1.0):
            assert least <= line.noise(0, side * step) <= most


@pytest.mark.parametrize("name", SINGLES)
@given(x=st.floats(-3.0, 3.0))
def test_functions_in_single_precision(name, x):
    """A right gradient passes, in double or single precision; one that is wrong by a detectable amount does not."""
    f, slope = SINGLES[name]
    assume(abs(slope(x)) > 0.1 and (x == 0.0 or abs(x) > 1e-6))  # smaller numbers are single ones of few digits
    check_gradients(f, x, gradient=slope)
    check_gradients(f, x, gradient=lambda x: float(np.float32(slope(x))))
    with pytest.raises(CheckError):  # not decided, where the steps of single precision happen to speak for it
        check_gradients(f, x, gradient=lambda x: 1.02 * slope(x))


@pytest.mark.parametrize("f", [math.floor, lambda x: 3.0 * x, lambda x: x * x, lambda x: 1.5])
@given(x=st.floats(-2e3, 2e3))
def test_double_precision_is_not_taken_for_single(f, x):
    line = Line(lambda x: [float(f(x))], x)
    for step in line.steps():
        assert line.noise(0, step) <= 2.0**-47 * max(line.size(0, step), line.size_beside(0, 1.0), abs(f(x)))
