"""The checker itself is checked: planted faults are found in the order they were planted in, and right rules pass."""

from random import Random

import pytest
from hypothesis import example, given

from autograd_mini import Value
from autograd_mini.primitives import TABLE
from autograd_mini.testing import GradientError, Program, Step, check_gradients, strategies
from tests.properties.conditions import LONG
from tests.testing.planting import FAULTS, planted_cases, sample

SEEDS = range(4 if LONG else 1)
ROWS = {1: list(TABLE.values()), 2: list(TABLE.values()), 3: list(TABLE.values())[:: 1 if LONG else 5]}
MARK = {1: "∂", 2: "∂²", 3: "∂³"}


@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_planted_fault_is_found_in_its_order(order):
    faults = set()
    for seed in SEEDS:
        for description, args, wrong, _ in planted_cases(ROWS[order], [order], seed):
            with pytest.raises(GradientError) as caught:
                check_gradients(wrong, *args, order=order)
            failures = caught.value.report.failures
            assert all(each.component.startswith(MARK[order] + "wrong") for each in failures), description
            assert all(each.verdict.decided for each in failures), description
            faults.add(description.split(" in order")[0])
    assert faults == set(FAULTS)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_right_rules_pass_at_every_scale(scale):
    """The function and its inputs are scaled alike; then the function alone."""
    random = Random(3)
    for row in TABLE.values():
        if row.name == "ldexp":
            continue
        for _ in range(5 if LONG else 1):
            args = sample(row, random)
            check_gradients(
                lambda *xs, row=row: row(*(x * (1.0 / scale) for x in xs)) * scale, *(x * scale for x in args)
            )
            check_gradients(lambda *xs, row=row: row(*xs) * scale, *args, order=1 if scale == 1.0 else 2)


@given(strategies.kinks())
@example(Program(2, [Step(TABLE["sub"], (0, -4.0 + 2.0**-51)), Step(TABLE["max"], (2, 1))], (2.0**-51, 4.0)))
def test_right_rules_pass_at_kinks(program):
    check_gradients(program, *program.point)


@given(strategies.kinks())
def test_what_is_no_subgradient_fails_at_kinks(program):
    """Far outside of the interval on either side; the interval is at most 8 wide here."""
    xs = [Value(x) for x in program.point]
    y = program(*xs)
    y.backward()
    for wrong in (-20.0, 20.0):
        with pytest.raises(GradientError, match="kink|times"):
            check_gradients(program, *program.point, gradient=lambda *_, wrong=wrong: [x.grad + wrong for x in xs])
