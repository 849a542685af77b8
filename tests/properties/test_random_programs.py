"""Random programs over the whole table, differentiated in every possible way."""

import mpmath
from hypothesis import assume, example, given, reject

from autograd_mini import Value, frac, gradients
from autograd_mini.primitives import TABLE
from autograd_mini.testing import (
    CheckError,
    Program,
    Step,
    UndecidedError,
    UndecidedWarning,
    check_gradients,
    forward_derivative,
    reference_gradient,
    reference_value,
    strategies,
)
from tests.properties.conditions import change_nearby, condition, fewer

PROGRAMS = strategies.expressions(2)
FEW = fewer(30)

REFERENCE = 1e-40  # what is left of the reference's 50 digits where terms of size 1 cancel


def recorded(program):
    xs = [Value(x, label=f"x{index}") for index, x in enumerate(program.point)]
    return program(*xs), xs


def smooth(program):
    """The recorded program and its reference, unless it lies on a kink or a jump."""
    y, xs = recorded(program)
    expected = reference_gradient(y, xs)
    assume(not any(map(mpmath.isnan, expected)))
    return y, xs, expected


def check(program, order=1):
    """By differences; what they leave open does not count, nor what fails where a rounding would change the derivative,
    or their smallest steps by a tenth, beyond a jump."""
    y, xs, expected = smooth(program)
    try:
        check_gradients(program, *program.point, order=order)
    except (UndecidedWarning, UndecidedError):  # were it the rule, too many programs would be rejected
        reject()
    except CheckError:
        for changes, share in ((condition(y, xs), 1e-6), (change_nearby(y, xs), 0.1)):
            assume(all(change <= share * (1 + abs(b)) for b, change in zip(expected, changes)))
        raise


@given(PROGRAMS)
def test_first_order_is_that_of_mpmath(program):
    """To a relative 1e-10, or to the change if every operation is off by its last place."""
    y, xs, expected = smooth(program)
    got = gradients(y, xs)
    wrong = [abs(a - b) > 1e-10 * abs(b) for a, b in zip(got, expected)]
    if any(wrong):
        allowed = [1e-10 * abs(b) + 100 * change + REFERENCE for b, change in zip(expected, condition(y, xs))]
        assert all(abs(a - b) <= limit for a, b, limit in zip(got, expected, allowed)), (got, expected, allowed)


@given(PROGRAMS)
def test_first_order_is_that_of_differences(program):
    check(program)


@given(PROGRAMS)
def test_higher_order_mode_gives_the_same_numbers(program):
    """`create_graph` records the rules as a graph; its numbers agree with the plain sweep, up to rounding."""
    y, xs, _ = smooth(program)
    plain, graph = gradients(y, xs), gradients(y, xs, create_graph=True)
    changes = condition(y, xs) if any(a != b.data for a, b in zip(plain, graph)) else [0.0] * len(xs)
    for a, b, change in zip(plain, graph, changes):
        assert abs(a - b.data) <= 1e-12 * abs(a) + 100 * float(change) + 1e-300


@FEW
@given(strategies.expressions(2, max_size=5))
def test_second_order_is_that_of_differences(program):
    _, _, expected = smooth(program)
    assume(all(abs(b) < 1e6 for b in expected))
    check(program, order=2)


@FEW
@given(PROGRAMS)
def test_dual_numbers_agree_with_the_reference(program):
    """Two ways through mpmath that share no walk: forward over the function, backward over its graph."""
    y, _, expected = smooth(program)
    forward = forward_derivative(program, *program.point)
    with mpmath.workdps(50):
        assert abs(forward - mpmath.fsum(expected)) <= 1e-40 * (1 + max(map(abs, expected)))
        assert mpmath.almosteq(program(*map(mpmath.mpf, program.point)), reference_value(y), 1e-12, 1e-12)


def reciprocal_of_frac(x):
    return Program(1, [Step(TABLE["frac"], (0,)), Step(TABLE["reciprocal"], (1,))], [x])


@given(strategies.expressions(3, max_size=25))
@example(reciprocal_of_frac(2.0 - 2.0**-51))
@example(reciprocal_of_frac(2.0 - 2.0**-40))
@example(reciprocal_of_frac(2.0 - 2.0**-32))
def test_wide_and_deep_programs(program):
    check(program)


def test_only_points_next_to_a_jump_are_left_out():
    """1/frac(x) jumps from 1 to infinity at 2."""
    beside, further = (recorded(reciprocal_of_frac(2.0 - distance)) for distance in (2.0**-34, 2.0**-32))
    assert change_nearby(*beside)[0] > 1e10
    assert change_nearby(*further)[0] < 1e-9
    check_gradients(lambda x: 1.0 / frac(x), 2.0 - 2.0**-32)
