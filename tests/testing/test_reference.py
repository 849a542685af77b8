"""References against closed forms, the twins against the table, and the error without mpmath."""

import subprocess
import sys

import mpmath
import pytest
from mpmath import mp, mpf

from autograd_mini import (
    TABLE,
    Value,
    abs,
    exp,
    floor,
    gradients,
    hypot,
    log,
    register_primitive,
    relu,
    sin,
    sqrt,
    tan,
    where,
)
from autograd_mini.testing import Dual, forward_derivative, reference_gradient, reference_value, register_twin
from autograd_mini.testing.oracles import TWINS


def test_every_row_has_a_twin():
    assert set(TABLE) | set(TABLE.auxiliary) <= set(TWINS)


def test_fifty_digits():
    x, y = Value(0.5), Value(3.0)
    z = exp(sin(x) * y) / sqrt(y)
    with mp.workdps(60):
        a, b = mpf(0.5), mpf(3)
        value = mpmath.exp(mpmath.sin(a) * b) / mpmath.sqrt(b)
        slopes = [value * mpmath.cos(a) * b, value * (mpmath.sin(a) - 1 / (2 * b))]
        assert mpmath.fabs(reference_value(z) - value) < mpf(10) ** -49
        for found, slope in zip(reference_gradient(z, [x, y]), slopes):
            assert mpmath.fabs(found - slope) < mpf(10) ** -49


def test_cancellation_does_not_matter():
    x = Value(1.0)
    assert reference_value((x + 1e100) - 1e100) == 1.0
    assert reference_gradient(((x + 1e30) - 1e30) * x, [x]) == [2.0]


def test_numbers_far_below_the_smallest_double_do_not_ask_for_digits_without_end():
    """Thirty squares of 1e-9 are 10 to the power of -9,663,676,416."""
    x = Value(1e-9)
    y = x
    for _ in range(30):
        y = y * y
    (slope,) = reference_gradient(sin(y) + x, [x])
    assert slope == 1.0 or mpmath.isnan(slope)


def test_tiny_arguments():
    x = Value(1e-120)
    (slope,) = reference_gradient(log(x), [x])
    assert float(slope) == pytest.approx(1e120, rel=1e-15)
    y = Value(1e-150)
    assert float(reference_gradient(y + 1.0, [y])[0]) == 1.0


@pytest.mark.parametrize(("f", "x"), [(abs, 0.0), (relu, 0.0), (floor, 2.0), (sqrt, 0.0), (lambda x: x.sign(), 0.0)])
def test_no_derivative_is_nan(f, x):
    variable = Value(x)
    assert mpmath.isnan(reference_gradient(f(variable), [variable])[0])
    assert mpmath.isnan(forward_derivative(f, x))


def test_nothing_is_known_beyond_a_nan():
    x = Value(-1.0)
    (slope,) = reference_gradient(exp(log(x)) * x, [x])
    assert mpmath.isnan(slope)


@pytest.mark.parametrize("x", [0.3, 2.5])
def test_derivatives_of_powers_have_twins(x):
    """Graphs of powers' derivatives contain them."""
    point = [Value(x), Value(1.7)]
    (slope,) = gradients(point[0] ** point[1], [point[1]], create_graph=True)
    for derivative in [slope, *gradients(slope, point, create_graph=True)]:
        assert float(reference_value(derivative)) == pytest.approx(derivative.data, rel=1e-13)


def test_variables_without_influence():
    x, y = Value(1.0), Value(2.0)
    assert reference_gradient(x * 2.0, [x, y]) == [2.0, 0.0]
    assert reference_gradient(x, [x]) == [1.0]


def test_a_wrong_rule_does_not_mislead_the_reference():
    """It uses no rule: it gives 4 where the rule gives 3."""
    square = register_primitive("square_with_wrong_rule", lambda x: x * x, lambda out, x: (1.5 * x,))
    try:
        x = Value(2.0)
        with pytest.raises(LookupError, match="no mpmath twin; give it one with register_twin"):
            reference_value(square(x))
        register_twin("square_with_wrong_rule", lambda x: x**2)
        y = square(x)
        y.backward()
        assert (x.grad, reference_gradient(y, [x])[0], forward_derivative(square, 2.0)) == (3.0, 4.0, 4.0)
    finally:
        del TABLE["square_with_wrong_rule"]
        del Value.square_with_wrong_rule


def test_dual_numbers_follow_the_program():
    def f(x, y):
        if x > y:
            return x * y
        return where(y > 0, tan(y) ** 2 + abs(-x), x / y) - 1 + 2.0 % y

    assert float(forward_derivative(f, 3.0, 2.0)) == 5.0
    expected = 2 * mpmath.tan(1) * (1 + mpmath.tan(1) ** 2)
    assert float(forward_derivative(f, 0.5, 1.125, direction=(1.0, 0.0))) == 1.0
    with mp.workdps(30):
        found = forward_derivative(lambda y: y.tan() ** 2, 1.0)
        assert mpmath.almosteq(found, expected, 1e-14)
    assert forward_derivative(lambda x: 3.0, 1.0) == 0.0
    assert float(forward_derivative(lambda x: hypot(Value(3.0), x), 4.0)) == 0.8
    assert forward_derivative(lambda xs: xs["a"][0] * xs["b"], {"a": [2.0], "b": 3.0}) == 5.0


def test_dual_numbers_themselves():
    x = Dual(2.0, 1.0)
    assert repr(x) == "Dual(2.0, 1.0)"
    assert (float(x), bool(x), x < 3, x < 3, x == 2.0) == (2.0, True, True, True, True)
    assert mpmath.almosteq(x.arctan().slope, 0.2, 1e-15)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        x.nothing()


def test_refusals():
    x = Value(1.0)
    for call, error, sentence in [
        (lambda: reference_value(1.0), TypeError, "takes Values, got 1.0"),
        (lambda: reference_gradient(x, [1.0]), TypeError, "takes Values, got 1.0"),
        (lambda: reference_value(x, digits=0), ValueError, "digits must be a positive integer"),
        (lambda: register_twin("nothing_", abs), ValueError, "no primitive named 'nothing_'"),
        (lambda: register_twin("exp", 1.0), TypeError, "the twin of exp must be a function"),
        (lambda: forward_derivative(lambda x: [x, x], 1.0), ValueError, "must give one number"),
        (lambda: forward_derivative(sin, 1.0, direction=1.0), TypeError, "structure of the inputs"),
    ]:
        with pytest.raises(error, match=sentence):
            call()


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


def test_mpmath_and_hypothesis_load_when_used():
    done = run(
        "import sys, autograd_mini.testing as t\n"
        "t.check_gradients(lambda x: x.sin(), 1.0)\n"
        "print({'mpmath', 'hypothesis', 'numpy'} & set(sys.modules))"
    )
    assert done.stdout == "set()\n"
    assert run("import sys, autograd_mini; print('autograd_mini.testing' in sys.modules)").stdout == "False\n"


@pytest.mark.parametrize(
    ("missing", "call"),
    [
        ("mpmath", "from autograd_mini.testing import *; from autograd_mini import Value; reference_value(Value(1.0))"),
        ("hypothesis", "import autograd_mini.testing.strategies"),
    ],
)
def test_what_is_missing_is_named(missing, call):
    done = run(f"import sys; sys.modules[{missing!r}] = None\n{call}")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: ")
    assert last.endswith(f"install it with: pip install {missing}")
