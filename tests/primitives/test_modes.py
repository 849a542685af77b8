"""One rule for two types of numbers: partials of floats agree with those of Values, bit for bit."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value
from tests.primitives.points import ROWS, points

VARIANTS = [
    *ROWS.values(),
    ROWS["relu"].variant(at_zero=0.0),
    ROWS["gelu"].variant(approximate="tanh"),
    ROWS["polygamma"].variant(order=0),
    ROWS["polygamma"].variant(order=3),
    ROWS["pow_slope"].variant(x_order=1, y_order=1),
]


def bits(numbers):
    return [struct.pack("d", float(x)) for x in numbers]


@pytest.mark.parametrize("row", VARIANTS, ids=repr)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_floats_and_values_agree(row, data):
    args = data.draw(points(row))
    inputs = [Value(x) for x in args]
    out = row(*inputs)
    assert bits([out.data]) == bits([row.forward(*args)]) == bits([row(*args)])
    assert bits(out.local_grads) == bits(row.partials(out.data, *args)) == bits(row.partials(out, *inputs))
    if row.name == "copysign" and not any(args):
        return  # both pass 0 along a line: a limit is taken instead of the rule
    out.backward()
    assert bits(x.grad for x in inputs) == bits(0.0 + slope for slope in out.local_grads)
