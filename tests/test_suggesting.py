"""The suggestion for a misspelt name: the nearest name, if it is near."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import TABLE, compile, jacobian
from autograd_mini.nn import Layer
from autograd_mini.suggesting import did_you_mean

NAMES = st.sampled_from([name for name in TABLE if len(name) > 3])


@given(NAMES, st.data())
def test_one_slip_is_found(name, data):
    place = data.draw(st.integers(0, len(name) - 2))
    swapped = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    without = name[:place] + name[place + 1 :]
    twice = name[:place] + name[place] + name[place:]
    slip = data.draw(st.sampled_from([swapped, twice, without]))
    suggested = did_you_mean(slip, [name, "something else"])
    assert suggested == f"; did you mean {name!r}?"
    assert did_you_mean(slip.upper(), TABLE) != ""


def test_what_is_far_is_not_suggested():
    assert did_you_mean("x", TABLE) == ""
    assert did_you_mean("wavelet", TABLE, "; see the table") == "; see the table"
    assert did_you_mean(None, TABLE) == ""
    assert did_you_mean("tanh", []) == ""


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: jacobian(abs, mode="foward"), "forward"),
        (lambda: compile(abs, backend="machin"), "machine"),
        (lambda: compile(lambda weight: weight, wrt="wieght").grad(1.0), "weight"),
        (lambda: Layer(2, 2, "sigmiod"), "sigmoid"),
    ],
)
def test_options_and_activations(call, meant):
    with pytest.raises(ValueError, match=f"; did you mean '{meant}'"):
        call()
