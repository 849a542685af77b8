"""Forward mode, in numbers and in graphs, against integers; no tangent is told apart from a tangent of 0."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_mini import Value, exp, gradients, log, maximum, sqrt, topological_order, where
from autograd_mini.adjoints import descendants_of, differentiable_adjoints
from autograd_mini.tangents import differentiable_tangents, tangents
from tests.graphs import STEPS, run, variables

WEIGHTS = st.integers(-3, 3)
EXACT = 2**53


class Dual:
    """An integer and its tangent."""

    largest = 0

    def __init__(self, number, tangent):
        self.number, self.tangent = number, tangent
        Dual.largest = max(Dual.largest, abs(number), abs(tangent))

    def __add__(self, other):
        return Dual(self.number + other.number, self.tangent + other.tangent)

    def __sub__(self, other):
        return Dual(self.number - other.number, self.tangent - other.tangent)

    def __mul__(self, other):
        return Dual(self.number * other.number, self.tangent * other.number + self.number * other.tangent)


def both(y, seeds):
    order = topological_order(y)
    graph = differentiable_tangents(order, seeds, descendants_of(seeds, order)).get(y, 0.0)
    return tangents(order, seeds).get(y, 0.0), getattr(graph, "data", graph)


@given(STEPS, WEIGHTS, WEIGHTS)
def test_against_exact_integers(steps, u, v):
    Dual.largest = 0
    expected = run(steps, [Dual(2, u), Dual(-1, v)])[-1].tangent
    assume(Dual.largest < EXACT)
    inputs = variables([2.0, -1.0])
    assert both(run(steps, inputs)[-1], {inputs[0]: float(u), inputs[1]: float(v)}) == (expected, expected)


def test_a_tangent_can_be_differentiated_again():
    x = Value(0.7)
    y = exp(x * x)
    (first,) = [differentiable_tangents(topological_order(y), {x: 1.0}, {x, y, *y.parents})[y]]
    assert math.isclose(gradients(first, [x])[0], (2 + 4 * 0.49) * math.exp(0.49), rel_tol=1e-14)


@given(STEPS, st.lists(st.sampled_from([0.0, 1.0, -1.0, 2.0]), min_size=3, max_size=3))
def test_seeds_stay_in_the_graph_whatever_they_happen_to_be(steps, numbers):
    """What goes forward or back is linear in its seeds, 0 and 1 among them."""
    inputs, (*ahead, back) = variables([2.0, -1.0]), [Value(number) for number in numbers]
    y = run(steps, inputs)[-1]
    order, expected = topological_order(y), gradients(y, inputs)
    assume(all(abs(each) < EXACT for each in expected))
    forward = differentiable_tangents(order, dict(zip(inputs, ahead)), descendants_of(inputs, order)).get(y, Value(0.0))
    assert gradients(forward, ahead) == expected
    reverse = differentiable_adjoints(order, [(y, back)], set(order))
    assert [gradients(reverse.get(x, Value(0.0)), [back])[0] for x in inputs] == expected


def test_an_input_in_between_stands_for_itself():
    x = Value(3.0)
    inner = x * x
    assert tangents(topological_order(inner * 5), {inner: 1.0, x: 0.0})[inner] == 1.0


@pytest.mark.parametrize(
    "function",
    [
        lambda x: where(x > 0, log(x), 7.0 * x),
        lambda x: maximum(log(x), 7.0 * x),
        lambda x: 0.0 * log(x) + 7.0 * x,
        lambda x: log(x) * 0.0 + 7.0 * x,
    ],
)
def test_what_is_nothing_by_its_form_carries_nothing(function):
    x = Value(0.0)
    assert both(function(x), {x: 1.0}) == (7.0, 7.0)


def test_a_zero_of_the_data_is_no_such_zero():
    x = Value(0.0)
    for found in both(sqrt(x) ** 2, {x: 1.0}):  # 1, which these factors cannot tell; not 0
        assert math.isnan(found)
