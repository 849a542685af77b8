"""Formulas of functions, found by running them once on symbols; functions that branch on a number have none."""

import itertools
import math
import random
from functools import cache

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, exp, functions, grad, maximum, sigmoid, sin, softmax, tanh
from autograd_mini.primitives import Primitive, piecewise
from autograd_mini.primitives.symbols import formula_of, within
from autograd_mini.testing import strategies
from tests.primitives.points import ROWS
from tests.primitives.test_modes import VARIANTS, bits

counter = itertools.count()
k = 2.0


def row(forward, arity=1, **rest):
    return Primitive("own", forward, lambda out, *args: (0.0,) * len(args), arity=arity, **rest)


def hidden_branch(x):
    try:
        is_large = x > 100.0
    except TypeError:
        is_large = False
    return exp(x) if not is_large else 0.0


def swallowing(x):
    try:
        return math.exp(x)
    except TypeError:
        return 0.0


def until_it_converges(x):
    root = 1.0
    while abs(root * root - x) > 1e-12:
        root = 0.5 * (root + x / root)
    return root


def a_fixed_number_of_steps(x):
    root = 1.0
    for _ in range(6):
        root = 0.5 * (root + x / root)
    return root


@cache
def remembered(x):
    return x * x


WRITTEN = [
    (lambda x: x * sigmoid(x), 1),
    (lambda x: x, 1),
    (lambda x: 1.5, 1),
    (lambda x, y: 2 * x**y - y % 3 + x // 2.0, 2),
    (lambda x, y: -abs(x) / (1 + maximum(x, +y)), 2),
    (lambda x, y: softmax([x, y, 0.5])[1] * k, 2),
    (lambda x: numpy.float64(2.0) * x + numpy.float64(1.0), 1),
    (lambda x: functions.sum([x, 2.0, x * x]), 1),  # Python's own sums up floats in another way from 3.12 on
    (a_fixed_number_of_steps, 1),
    (lambda x: 1 / x, 1),
    (lambda x: (x * x) ** 0.5 + (-x) ** 0.5, 1),
]


@pytest.mark.parametrize(("forward", "arity"), WRITTEN)
def test_what_is_written_in_operators_and_primitives(forward, arity):
    formula = formula_of(row(forward, arity), arity)
    for args in itertools.product([0.3, 2.0, 7.5], repeat=arity):
        expected = forward(*args)
        if not isinstance(expected, complex):
            assert bits([formula(*args)]) == bits([expected])
    assert bits([formula(*map(Value, [0.7] * arity))]) == bits([formula(*[0.7] * arity)])


REFUSED = [
    lambda x: x if x > 0 else 0.0,
    lambda x: max(x, 0.0),
    lambda x: 1.0 if x == 0.4 else x,
    lambda x: x or 1.0,
    lambda x: {0.0: 1.0}.get(x, 2.0),
    lambda x: x if x in (0.4, 0.7) else 0.0,
    lambda x: math.exp(x),
    lambda x: numpy.tanh(x),
    lambda x: float(numpy.where(x > 0.0, x, 0.0)),
    lambda x: math.floor(x) * 1.0,
    lambda x: [1.0, 2.0][int(x)],
    lambda x: x * random.random(),
    lambda x: x * next(counter),
    lambda x: x * x if isinstance(x, float) else x + x,
    lambda x: float(x) * 2.0,
    lambda x: grad(lambda t: t * t)(x),
    lambda x: (Value(2.0) * x).data,
    hidden_branch,
    swallowing,
    until_it_converges,
    remembered,
    lambda x: "no number",
    lambda x: piecewise.first_equal(x, x)[0],
]


@pytest.mark.parametrize("forward", REFUSED)
def test_what_decides_by_numbers_or_hides_them(forward):
    assert formula_of(row(forward), 1) is None


def test_a_row_is_not_made_of_itself():
    assert formula_of(ROWS["add"], 2) is None
    endless = row(lambda x: endless(x))
    assert formula_of(endless, 1) is None


@given(strategies.expressions(2, max_size=6))
def test_random_programs(program):
    formula = formula_of(row(program, 2), 2)
    for args in (program.point, program.point[::-1], (-0.5, 3.0), (0.0, -0.0), (math.inf, math.nan)):
        assert bits([formula(*args)]) == bits([program(*args)])


NUMBERS = [0.0, 0.3, 1.0, 2.5, 36.0, 700.0, 800.0, 1e300, 1e-310, math.inf]
NUMBERS = [*NUMBERS, *(-x for x in NUMBERS), math.nan]
ARITIES = {"at_least": 2, "step": 2, "dist": 4}
SELECTORS = [piecewise.at_least, piecewise.step, piecewise._is_true]
OWN_FORMULA = [each for each in [*VARIANTS, *SELECTORS] if each.formula is not each.forward]
OWN_FORMULA = [each for each in OWN_FORMULA if formula_of(each, ARITIES.get(each.name, each.arity or 3))]


@pytest.mark.parametrize("primitive", OWN_FORMULA, ids=repr)
@given(data=st.data())
@settings(max_examples=200)
def test_formulas_of_rows_are_their_forwards(primitive, data):
    count = ARITIES.get(primitive.name, primitive.arity or 3)
    args = data.draw(st.tuples(*[st.sampled_from(NUMBERS) | st.floats(-50.0, 50.0)] * count))
    found, expected = formula_of(primitive, count)(*args), primitive.forward(*args)
    if math.isfinite(expected) and expected != 0.0:
        scale = max(abs(expected), 2.3e-308)
        assert abs(found - expected) <= 4 * math.ulp(scale)
    else:
        assert bits([found]) == bits([expected]) or (math.isnan(found) and math.isnan(expected))


def test_points_within():
    assert 0.0 < within((0.0, math.inf), 0.4) < 1.0
    assert within((-math.inf, 2.0), 0.5) == 0.0
    assert within((1.0, 3.0), 0.5) == 2.0
    assert tanh(within((-math.inf, math.inf), 0.4)) == tanh(0.4)
    assert sin(within((-math.inf, math.inf), 0.7)) == sin(0.7)
