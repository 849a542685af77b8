"""How uncertain rounding makes a result: of functions that compute in single precision."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_mini.testing import check_gradients
from autograd_mini.testing.rounding import single_precision_noise

SINGLES = {
    "sin": (lambda x: float(np.sin(np.float32(x))), math.cos),
    "product": (lambda x: float(np.float32(x) * np.exp(np.float32(x))), lambda x: math.exp(x) * (1.0 + x)),
    "polynomial": (lambda x: float(np.float32(x) ** 3 - np.float32(2.0) * np.float32(x)), lambda x: 3.0 * x * x - 2.0),
}


@pytest.mark.parametrize("name", SINGLES)
@given(x=st.floats(-3.0, 3.0))
def test_functions_in_single_precision(name, x):
    """A right gradient passes, in double or single precision, and one that is wrong by what can be told does not."""
    f, slope = SINGLES[name]
    assume(abs(slope(x)) > 0.1 and (x == 0.0 or abs(x) > 1e-6))  # smaller numbers are single ones of few digits
    check_gradients(f, x, gradient=slope)
    check_gradients(f, x, gradient=lambda x: float(np.float32(slope(x))))
    with pytest.raises(AssertionError):
        check_gradients(f, x, gradient=lambda x: 1.02 * slope(x))


@pytest.mark.parametrize("f", [math.floor, lambda x: 3.0 * x, lambda x: x * x, lambda x: 1.5, lambda x: round(x, 3)])
@given(x=st.floats(-2e3, 2e3))
def test_double_precision_is_not_taken_for_single(f, x):
    assert single_precision_noise(lambda x: float(f(x)), x) == 0.0
