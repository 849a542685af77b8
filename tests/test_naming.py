"""Values get their labels from the variables that hold them."""

import numpy
import pytest

from autograd_mini import Value
from autograd_mini.draw import draw, label_locals


def test_variables_and_places_in_containers():
    x = Value(1.0)
    kept = Value(2.0, label="mine")
    twice = same = Value(3.0)
    _hidden = Value(4.0)
    w = [Value(5.0), (Value(6.0), Value(7.0))]
    d = {"key": Value(8.0)}
    A = numpy.array([[Value(9.0), Value(10.0)]], dtype=object)
    constant = (x * 2).parents[1]
    label_locals()
    labels = [v.label for v in (x, kept, same, _hidden, w[0], w[1][0], w[1][1], d["key"], A[0, 1], constant)]
    assert labels == ["x", "mine", "twice", "", "w[0]", "w[1][0]", "w[1][1]", "d['key']", "A[0][1]", "constant"]
    assert twice is same


def test_containers_within_themselves_end():
    loop = [Value(1.0)]
    loop.append(loop)
    label_locals()
    assert loop[0].label == "loop[0]"


def test_a_variable_goes_before_a_container():
    xs = [Value(1.0)]
    x = xs[0]
    label_locals()
    assert x.label == "x"


def test_names_must_be_a_mapping():
    x = Value(1.0)
    with pytest.raises(TypeError, match="names must map names to Values, as locals"):
        draw(x * x, names=["x"])
    with pytest.raises(TypeError, match="draw's option parameters takes Values, got 5"):
        draw(x * x, parameters=5)
    assert draw(x * x, parameters=x).source == draw(x * x, parameters=[x]).source
