"""Functions of plain floats that round in many ways: right gradients are not accused, wrong ones do not pass."""

import math
import random as random_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini.testing import GradientError, UndecidedError, check_gradients
from tests.properties.conditions import LONG
from tests.testing.foreign import KINDS, WRONG, cases, outcome, with_one_wrong


@pytest.mark.parametrize("seed", range(20 if LONG else 2))
def test_right_gradients_are_never_accused(seed):
    """And most derivatives of ordinary functions are decided."""
    counts = dict.fromkeys(KINDS, 0)
    number = 490 if LONG else 70
    for kind, f, point, gradient in cases(number, seed):
        found, text = outcome(f, point, gradient)
        assert found != "differs", text
        counts[kind] += found == "agrees"
    per_kind = number // len(KINDS)
    assert counts["composition"] >= per_kind - 1
    assert counts["sums"] >= per_kind - 1
    assert counts["arrays"] >= per_kind - 1
    assert counts["losing"] >= 0.7 * per_kind


@pytest.mark.parametrize("name", WRONG)
def test_wrong_gradients_of_everyday_functions_do_not_pass(name):
    caught = 0
    for kind, f, point, gradient in cases(140, seed=list(WRONG).index(name) + 7):
        if kind in ("huge", "steep"):
            continue
        wrong = with_one_wrong(gradient, point, WRONG[name])
        if (
            wrong is None
            or max(map(abs, gradient(point))) < 1e-3 * abs(f(point))
            or (name, kind) == ("+1e-3", "single")
        ):
            continue
        found, text = outcome(f, point, wrong)
        assert found != "agrees", text
        caught += found == "differs"
    assert caught >= 60


def test_cancellation_inside_a_sum():
    point = [0.0, 2.75, -2.6875]
    right = lambda x: [3.0 * math.tanh(v) ** 2 * (1.0 - math.tanh(v) ** 2) for v in x]
    report = check_gradients(lambda x: sum(math.tanh(v) ** 3 for v in x), point, gradient=right)
    assert not report.undecided


@settings(max_examples=20 if not LONG else 500)
@given(st.integers(0, 2**32))
def test_sums_of_cubes_of_tanh(seed):
    """The points at which a rounding of ε·|f| accused 11 of 500."""
    random = random_module.Random(seed)
    point = [random.randint(-96, 96) / 32.0 for _ in range(3)]
    right = lambda x: [3.0 * math.tanh(v) ** 2 * (1.0 - math.tanh(v) ** 2) for v in x]
    check_gradients(lambda x: sum(math.tanh(v) ** 3 for v in x), point, gradient=right)


EXTREME = {
    "sin(1e15)": (math.sin, math.cos, 1e15),
    "sin(1e17)": (math.sin, math.cos, 1e17),
    "sin(exp(25))": (lambda x: math.sin(math.exp(x)), lambda x: math.cos(math.exp(x)) * math.exp(x), 25.0),
    "sin(exp(35))": (lambda x: math.sin(math.exp(x)), lambda x: math.cos(math.exp(x)) * math.exp(x), 35.0),
    "tanh(1e12 (x - 1))": (
        lambda x: math.tanh(1e12 * (x - 1.0)),
        lambda x: 1e12 * (1.0 - math.tanh(1e12 * (x - 1.0)) ** 2),
        1.0,
    ),
    "tanh(1e18 (x - 1))": (
        lambda x: math.tanh(1e18 * (x - 1.0)),
        lambda x: 1e18 * (1.0 - math.tanh(1e18 * (x - 1.0)) ** 2),
        1.0,
    ),
    "log(sigmoid(40))": (lambda x: math.log(1.0 / (1.0 + math.exp(-x))), lambda x: math.exp(-x), 40.0),
}


@pytest.mark.parametrize("name", EXTREME)
def test_at_huge_arguments_and_steep_places_nothing_is_accused(name):
    f, slope, x = EXTREME[name]
    assert outcome(f, x, slope)[0] in ("agrees", "undecided")


@pytest.mark.parametrize("wrong", [lambda d: -d, lambda d: 3.0 * d])
@pytest.mark.parametrize("name", EXTREME)
def test_at_huge_arguments_and_steep_places_no_wrong_gradient_passes(name, wrong):
    f, slope, x = EXTREME[name]
    with pytest.raises((GradientError, UndecidedError)):
        check_gradients(f, x, gradient=lambda x: wrong(slope(x)))


def test_random_walks_of_wrong_gradients_are_undecided_or_differ():
    """A gradient that is itself noise does not pass."""
    random = random_module.Random(0)
    with pytest.raises((GradientError, UndecidedError)):
        check_gradients(math.sin, 1.0, gradient=lambda x: random.uniform(-1.0, 1.0))
