"""Piecewise primitives against mpmath: values, and derivatives wherever both one-sided ones agree."""

from sys import float_info

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf

from tests import oracles
from tests.primitives.points import ROWS, points
from tests.primitives.test_smooth import SMOOTH

PIECEWISE = [name for name in ROWS if name not in SMOOTH]

# Its second argument counts as the integer it is cut to; the others' arguments that only choose are not
# differentiated: the derivative towards them is 0 by definition, at jumps too.
ONLY_CHOOSES = {"ldexp": 1, "copysign": 1, "where": 0, "stopped": 0}


def piecewise_points(name):
    found = points(ROWS[name])
    if name in ("copysign", "sign"):  # which jump on both sides of 0; and mpmath has no -0.0
        return found.filter(all)
    return found


def agree(x, true):
    if abs(true) > float_info.max * (1 - 1e-12):
        return x * mpmath.sign(true) > float_info.max * (1 - 1e-12)
    return abs(mpf(x) - true) <= 1e-12 * max(abs(true), mpf(float_info.min))


@pytest.mark.parametrize("name", PIECEWISE)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_value(name, data):
    """To 1e-12 of the result, or of the rounding of an argument: a remainder can be next to the divisor."""
    args = data.draw(piecewise_points(name))
    got, true = ROWS[name].forward(*args), oracles.value(oracles.TWINS[name], args)
    slack = 2e-16 * abs(args[1]) if name in ("mod", "fmod", "remainder") else 0.0
    assert agree(got, true) or abs(mpf(got) - true) <= max(slack, 5e-324), (args, got, mpmath.nstr(true, 20))


@pytest.mark.parametrize("name", PIECEWISE)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_derivative(name, data):
    """Equal to both one-sided differences; between them at a kink; and 0 or 1 by convention at a jump."""
    args = data.draw(piecewise_points(name))
    local_grads = ROWS[name].partials(ROWS[name].forward(*args), *args)
    for index, got in enumerate(local_grads):
        if ONLY_CHOOSES.get(name) == index:
            assert got == 0.0
            continue
        left, right = oracles.slopes(oracles.TWINS[name], args, index)
        label = f"{name}{args} towards {index}: got {got}, from the left {left}, from the right {right}"
        smooth, other = sorted((left, right), key=abs)
        if abs(other) > mpf(10) ** 30 * max(abs(smooth), 1):  # a jump on one side: the other one counts
            assert agree(got, smooth), label
        elif abs(left - right) <= mpf(10) ** -25 * abs(left):
            assert agree(got, right), label
        else:
            assert min(left, right) - 1e-12 * abs(left) <= got <= max(left, right) + 1e-12 * abs(right), label
