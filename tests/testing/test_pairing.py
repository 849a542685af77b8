"""Dicts are matched by their keys, whatever their order."""

from collections import OrderedDict, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini.nn import Module
from autograd_mini.testing import GradientError, check_gradients, check_module, forward_derivative
from autograd_mini.testing.pairing import paired_numbers

NESTS = st.recursive(
    st.floats(-9, 9),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(st.sampled_from("abcde"), inner, min_size=1, max_size=4)
    ),
    max_leaves=12,
)


def turned(nest):
    """The same nest with the order of all dicts reversed."""
    if isinstance(nest, dict):
        return {key: turned(part) for key, part in reversed(nest.items())}
    return list(map(turned, nest)) if isinstance(nest, list) else nest


@given(NESTS)
def test_the_order_of_keys_makes_no_difference(nest):
    assert paired_numbers(turned(nest), nest, "it") == paired_numbers(nest, nest, "it")


def f(q):
    return q["a"] ** 2 * q["b"]


@pytest.mark.parametrize("kind", [dict, OrderedDict, lambda **parts: defaultdict(float, **parts)])
def test_gradients_in_another_order(kind):
    point = kind(a=2.0, b=3.0)
    check_gradients(f, point, gradient=lambda q: {"b": q["a"] ** 2, "a": 2.0 * q["a"] * q["b"]})
    with pytest.raises(GradientError) as caught:
        check_gradients(f, point, gradient=lambda q: {"b": 2.0 * q["a"] * q["b"], "a": q["a"] ** 2})
    assert len(caught.value.report.failures) == 2


def test_nested_and_several_inputs():
    def loss(p, x):
        return p["layer"]["w"][0] * x["in"] + p["layer"]["b"] * 2.0 + p["scale"] * 0.0 * x["other"]

    point = {"layer": {"w": [2.0], "b": 1.0}, "scale": 4.0}, {"in": 3.0, "other": 1.0}
    right = (
        {"scale": 0.0, "layer": {"b": 2.0, "w": np.array([3.0])}},
        {"other": 0.0, "in": 2.0},
    )
    check_gradients(loss, *point, gradient=lambda p, x: right)
    with pytest.raises(GradientError):
        check_gradients(loss, *point, gradient=lambda p, x: (right[0], {"other": 2.0, "in": 0.0}))


@pytest.mark.parametrize(
    ("gradient", "sentence"),
    [
        ({"a": 12.0}, "a dict with the keys"),
        ({"a": 12.0, "c": 4.0}, "a dict with the keys"),
        ([12.0, 4.0], "a dict with the keys"),
        ({"a": [12.0, 4.0], "b": []}, "must hold 1 number"),
    ],
)
def test_keys_that_do_not_fit_are_refused(gradient, sentence):
    with pytest.raises(TypeError, match=sentence):
        check_gradients(f, {"a": 2.0, "b": 3.0}, gradient=lambda q: gradient)


def test_a_dict_in_place_of_several_gradients_is_refused():
    with pytest.raises(TypeError, match="a tuple of 2"):
        check_gradients(lambda w, x: w * x, 2.0, 3.0, gradient=lambda w, x: {"x": w, "w": x})


def test_results_that_change_the_order_of_their_keys():
    def turning(x):
        parts = {"double": 2.0 * x, "square": x * x}
        return parts if x < 1.5 else dict(reversed(parts.items()))

    check_gradients(turning, 1.5)
    check_gradients(turning, 1.4999)


def test_results_of_modules_too():
    class Turning(Module):
        def __init__(self):
            self.a = Value(1.5)

        def __call__(self):
            parts = {"double": 2.0 * self.a, "square": self.a * self.a}
            return parts if self.a < 1.5 else dict(reversed(parts.items()))

    assert len(check_module(Turning()).comparisons) == 2


def test_directions_by_key():
    slope = forward_derivative(lambda q: q["a"] * q["b"], {"a": 2.0, "b": 3.0}, direction=({"b": 0.0, "a": 1.0},))
    assert float(slope) == 3.0
