"""Points where formulas break: values, first and second derivatives, written by hand and compared exactly."""

from itertools import permutations
from math import e, inf, isinf, isnan, nan, pi

import pytest

import autograd_mini as ag
from autograd_mini import Value, gradients
from autograd_mini.primitives import TABLE

HALF_PI = pi / 2
LOG_2 = 0.6931471805599453


def same(got, expected):
    """Equal up to the last bits, but exactly for 0, inf and nan; if -0.0 is expected, 0.0 fails."""
    if isnan(expected) or expected == 0.0 or isinf(expected):
        return repr(got) == repr(expected) or (got == expected == 0.0 and repr(expected) == "0.0")
    return abs(got - expected) <= 5e-16 * abs(expected)


def all_same(got, expected):
    return len(got) == len(expected) and all(map(same, got, expected))


def hessian_of(y, xs):
    return [tuple(gradients(slope, xs)) for slope in gradients(y, xs, create_graph=True)]


# name, arguments, value, derivatives towards each
FIRST_ORDER = [
    # powers
    ("pow", (0.0, 0.0), 1.0, (0.0, -inf)),
    ("pow", (0.0, 2.0), 0.0, (0.0, 0.0)),
    ("pow", (0.0, 1.0), 0.0, (1.0, 0.0)),
    ("pow", (0.0, -1.0), inf, (-inf, -inf)),
    ("pow", (0.0, 0.5), 0.0, (inf, 0.0)),
    ("pow", (-0.0, -1.0), -inf, (-inf, inf)),
    ("pow", (-0.0, 3.0), -0.0, (0.0, 0.0)),
    ("pow", (-2.0, 3.0), -8.0, (12.0, nan)),  # not even continuous in y
    ("pow", (-2.0, 0.5), nan, (nan, nan)),
    ("pow", (-8.0, 1 / 3), nan, (nan, nan)),
    ("pow", (-2.0, 0.0), 1.0, (0.0, nan)),
    ("pow", (2.0, 0.0), 1.0, (0.0, LOG_2)),
    ("pow", (1.0, 1e300), 1.0, (1e300, 0.0)),
    ("pow", (10.0, 400.0), inf, (inf, inf)),
    ("pow", (10.0, -400.0), 0.0, (-0.0, 0.0)),
    ("pow", (-10.0, 401.0), -inf, (inf, nan)),
    ("square", (0.0,), 0.0, (0.0,)),
    ("sqrt", (0.0,), 0.0, (inf,)),
    ("sqrt", (-0.0,), -0.0, (inf,)),  # 0 of either sign is approached from where the root is defined
    ("sqrt", (-1.0,), nan, (nan,)),
    ("sqrt", (5e-324,), 2.2227587494850775e-162, (2.2494568972715982e161,)),
    ("cbrt", (0.0,), 0.0, (inf,)),
    ("cbrt", (-0.0,), -0.0, (inf,)),
    ("cbrt", (-8.0,), -2.0, (1 / 12,)),
    # quotients
    ("div", (1.0, 0.0), inf, (inf, -inf)),
    ("div", (1.0, -0.0), -inf, (-inf, -inf)),
    ("div", (-1.0, 0.0), -inf, (inf, inf)),
    ("div", (0.0, 0.0), nan, (inf, nan)),
    ("div", (0.0, 2.0), 0.0, (0.5, -0.0)),
    ("div", (1e300, 1e300), 1.0, (1e-300, -1e-300)),
    ("div", (1e200, 1e-100), 1e300, (1e100, -inf)),
    ("div", (5e-324, 5e-324), 1.0, (inf, -inf)),
    ("reciprocal", (0.0,), inf, (-inf,)),
    ("reciprocal", (-0.0,), -inf, (-inf,)),
    ("reciprocal", (inf,), 0.0, (-0.0,)),
    ("mod", (1.0, 0.0), nan, (1.0, -inf)),
    ("floordiv", (1.0, 0.0), inf, (0.0, 0.0)),
    ("fmod", (1.0, 0.0), nan, (1.0, nan)),
    ("fmod", (1.0, inf), 1.0, (1.0, 0.0)),
    ("remainder", (1.0, inf), 1.0, (1.0, 0.0)),
    # logarithms and exponentials
    ("log", (0.0,), -inf, (inf,)),
    ("log", (-0.0,), -inf, (inf,)),
    ("log", (-1.0,), nan, (-1.0,)),
    ("log", (inf,), inf, (0.0,)),
    ("log2", (0.0,), -inf, (inf,)),
    ("log2", (-0.0,), -inf, (inf,)),
    ("log10", (-0.0,), -inf, (inf,)),
    ("log10", (4e-309,), -308.39794000867204, (1.08573620475813e308,)),  # though 1/x overflows
    ("log1p", (-1.0,), -inf, (inf,)),
    ("log1p", (1e-300,), 1e-300, (1.0,)),
    ("exp", (1000.0,), inf, (inf,)),
    ("exp", (-1000.0,), 0.0, (0.0,)),
    ("exp", (-745.0,), 5e-324, (5e-324,)),
    ("exp2", (-1074.0,), 5e-324, (5e-324,)),
    ("expm1", (1000.0,), inf, (inf,)),
    ("expm1", (-50.0,), -1.0, (1.9287498479639178e-22,)),
    ("expm1", (1e-300,), 1e-300, (1.0,)),
    ("sinh", (1000.0,), inf, (inf,)),
    ("sinh", (-1000.0,), -inf, (inf,)),
    ("cosh", (1000.0,), inf, (inf,)),
    ("cosh", (-1000.0,), inf, (-inf,)),
    ("tanh", (1000.0,), 1.0, (0.0,)),
    ("tanh", (-1000.0,), -1.0, (0.0,)),
    ("tanh", (inf,), 1.0, (0.0,)),
    ("tanh", (1e-300,), 1e-300, (1.0,)),
    ("sigmoid", (1000.0,), 1.0, (0.0,)),
    ("sigmoid", (-1000.0,), 0.0, (0.0,)),
    ("sigmoid", (-inf,), 0.0, (0.0,)),
    ("log_sigmoid", (1000.0,), -0.0, (0.0,)),
    ("log_sigmoid", (-1000.0,), -1000.0, (1.0,)),
    ("softplus", (1000.0,), 1000.0, (1.0,)),
    ("softplus", (-1000.0,), 0.0, (0.0,)),
    ("softplus", (-inf,), 0.0, (0.0,)),
    ("silu", (-inf,), 0.0, (0.0,)),
    ("silu", (-1e308,), 0.0, (0.0,)),
    ("silu", (-745.0,), -2.105e-321, (-2.1e-321,)),
    ("gelu", (-inf,), 0.0, (0.0,)),
    ("gelu", (inf,), inf, (1.0,)),
    ("gelu", (1e200,), 1e200, (1.0,)),
    ("elu", (-inf, 2.0), -2.0, (0.0, -1.0)),
    # angles
    ("asin", (1.0,), HALF_PI, (inf,)),
    ("asin", (-1.0,), -HALF_PI, (inf,)),
    ("asin", (1.5,), nan, (nan,)),
    ("acos", (1.0,), 0.0, (-inf,)),
    ("acos", (-1.0,), pi, (-inf,)),
    ("acosh", (1.0,), 0.0, (inf,)),
    ("acosh", (0.5,), nan, (nan,)),
    ("acosh", (1e300,), 691.4686750787736, (1e-300,)),
    ("atanh", (1.0,), inf, (inf,)),
    ("atanh", (-1.0,), -inf, (inf,)),
    ("asinh", (1e300,), 691.4686750787736, (1e-300,)),
    ("asinh", (inf,), inf, (0.0,)),
    ("atan", (1e150,), HALF_PI, (1e-300,)),
    ("atan", (1e155,), HALF_PI, (1e-310,)),
    ("atan", (1e300,), HALF_PI, (0.0,)),
    ("atan", (-inf,), -HALF_PI, (0.0,)),
    ("sin", (inf,), nan, (nan,)),
    ("atan2", (0.0, 0.0), 0.0, (0.0, 0.0)),
    ("atan2", (0.0, -0.0), pi, (0.0, 0.0)),
    ("atan2", (1e300, 1e300), pi / 4, (5e-301, -5e-301)),
    ("atan2", (1e-300, 1e-300), pi / 4, (5e299, -5e299)),
    ("atan2", (3e155, 4e155), 0.6435011087932844, (1.6e-156, -1.2e-156)),
    ("hypot", (0.0, 0.0), 0.0, (0.0, 0.0)),
    ("hypot", (3e300, 4e300), 5e300, (0.6, 0.8)),
    ("hypot", (3e-300, 4e-300), 5e-300, (0.6, 0.8)),
    ("hypot", (5e-324, 5e-324), 5e-324, (1.0, 1.0)),  # the norm is rounded to the same double
    ("hypot", (5e-324, 0.0), 5e-324, (1.0, 0.0)),
    ("hypot", (inf, nan), inf, (nan, nan)),
    ("norm", (0.0, 0.0, 0.0), 0.0, (0.0, 0.0, 0.0)),
    ("norm", (3e155, -4e155), 5e155, (0.6, -0.8)),
    ("dist", (1.0, 1.0), 0.0, (0.0, 0.0)),
    ("dist", (3e300, 0.0, 0.0, 4e300), 5e300, (0.6, -0.8, -0.6, 0.8)),
    # error and gamma functions
    ("erf", (1e200,), 1.0, (0.0,)),
    ("erf", (inf,), 1.0, (0.0,)),
    ("erfc", (20.0,), 5.3958656116079005e-176, (-2.1610374743867984e-174,)),
    ("erfc", (-40.0,), 2.0, (-0.0,)),
    ("gamma", (0.0,), inf, (-inf,)),
    ("gamma", (-0.0,), -inf, (-inf,)),
    ("gamma", (-1.0,), nan, (nan,)),
    ("gamma", (200.0,), inf, (inf,)),
    ("gamma", (inf,), inf, (inf,)),
    ("lgamma", (0.0,), inf, (-inf,)),
    ("lgamma", (1.0000000001,), -5.772157125783244e-11, (-0.5772156647370394,)),  # next to a root
    ("lgamma", (2.0,), 0.0, (0.4227843350984671,)),
    ("lgamma", (-1.0,), inf, (nan,)),
    ("lgamma", (-inf,), inf, (nan,)),
    ("lgamma", (1e300,), 6.897755278982137e302, (690.7755278982137,)),
    ("digamma", (0.0,), -inf, (inf,)),
    ("digamma", (-0.0,), inf, (inf,)),
    ("digamma", (-2.0,), nan, (inf,)),
    ("digamma", (-5e-324,), inf, (inf,)),
    ("digamma", (inf,), inf, (0.0,)),
    # many numbers
    ("sum", (inf, -inf), nan, (1.0, 1.0)),
    ("fsum", (1e308, 1e308, -1e308), 1e308, (1.0, 1.0, 1.0)),
    ("fsum", (inf, 1e308, 1e308), inf, (1.0, 1.0, 1.0)),
    ("prod", (2.0, 3.0, 4.0), 24.0, (12.0, 8.0, 6.0)),
    ("prod", (0.0, 3.0, 4.0), 0.0, (12.0, 0.0, 0.0)),
    ("prod", (3.0, 0.0, 4.0), 0.0, (0.0, 12.0, 0.0)),
    ("prod", (0.0, 3.0, 0.0), 0.0, (0.0, 0.0, 0.0)),
    ("logsumexp", (1000.0, 1000.0), 1000.6931471805599, (0.5, 0.5)),
    ("logsumexp", (-1000.0, -1000.0), -999.3068528194401, (0.5, 0.5)),
    ("logsumexp", (1000.0, -1000.0), 1000.0, (1.0, 0.0)),
    ("logsumexp", (0.0, -50.0), 1.9287498479639178e-22, (1.0, 1.9287498479639178e-22)),
    ("logsumexp", (-inf, 2.0), 2.0, (0.0, 1.0)),
    ("logsumexp", (-inf, -inf), -inf, (0.0, 0.0)),
    ("logsumexp", (-inf,), -inf, (0.0,)),
    ("logsumexp", (inf, 0.0), inf, (nan, nan)),
    ("softmax", (1000.0, -1000.0), 1.0, (0.0, -0.0)),
    ("softmax", (1000.0, 1000.0), 0.5, (0.25, -0.25)),
    ("softmax", (-inf, 3.0), 0.0, (0.0, -0.0)),
    ("softmax", (3.0, -inf), 1.0, (0.0, -0.0)),
    ("softmax", (-inf, -inf), nan, (nan, nan)),
    ("softmax", (3.0,), 1.0, (0.0,)),
    ("log_softmax", (1000.0, -1000.0), 0.0, (0.0, -0.0)),
    ("log_softmax", (-1000.0, 1000.0), -2000.0, (1.0, -1.0)),
    ("log_softmax", (0.0, -50.0), -1.9287498479639178e-22, (1.9287498479639178e-22, -1.9287498479639178e-22)),
    ("log_softmax", (-inf, 3.0), -inf, (1.0, -1.0)),
    ("log_softmax", (3.0, -inf), 0.0, (0.0, -0.0)),
    ("log_softmax", (-inf, -inf), nan, (nan, nan)),
]


@pytest.mark.parametrize(("name", "args", "value", "slopes"), FIRST_ORDER)
def test_first_order(name, args, value, slopes):
    xs = [Value(x) for x in args]
    y = TABLE[name](*xs)
    assert same(y.data, value), y.data
    assert all_same(y.local_grads, slopes), y.local_grads
    assert all_same([g.data for g in gradients(y, xs, create_graph=True)], slopes)


@pytest.mark.parametrize(
    ("name", "value"),
    [("prod", 1.0), *((name, 0.0) for name in ("sum", "fsum", "dot", "sumprod", "norm", "hypot", "dist"))],
)
def test_of_nothing(name, value):
    assert TABLE[name]() == value
    assert TABLE[name].partials(value) == ()


# name, arguments, rows of the Hessian
SECOND_ORDER = [
    ("pow", (2.0, 0.0), [(0.0, 0.5), (0.5, LOG_2**2)]),
    ("pow", (1.0, 1.0), [(0.0, 1.0), (1.0, 0.0)]),
    ("mul", (0.0, 0.0), [(0.0, 1.0), (1.0, 0.0)]),
    ("prod", (2.0, 3.0, 4.0), [(0.0, 4.0, 3.0), (4.0, 0.0, 2.0), (3.0, 2.0, 0.0)]),
    ("prod", (0.0, 3.0, 4.0), [(0.0, 4.0, 3.0), (4.0, 0.0, 0.0), (3.0, 0.0, 0.0)]),
    ("prod", (0.0, 3.0, 0.0), [(0.0, 0.0, 3.0), (0.0, 0.0, 0.0), (3.0, 0.0, 0.0)]),
    ("prod", (0.0, 0.0, 0.0), [(0.0, 0.0, 0.0)] * 3),
    ("dot", (0.0, 0.0), [(0.0, 1.0), (1.0, 0.0)]),
    ("square", (0.0,), [(2.0,)]),
    ("abs", (0.0,), [(0.0,)]),
    ("relu", (0.0,), [(0.0,)]),
    ("maximum", (1.0, 1.0), [(0.0, 0.0), (0.0, 0.0)]),
    ("tanh", (1e-10,), [(-2e-10,)]),
    ("tanh", (1000.0,), [(0.0,)]),
    ("sigmoid", (8e-10,), [(-1e-10,)]),
    ("asin", (1e-10,), [(1e-10,)]),
    ("atanh", (1e-10,), [(2e-10,)]),
    ("softmax", (1000.0, -1000.0), [(0.0, 0.0), (0.0, 0.0)]),
    ("logsumexp", (1000.0, 1000.0), [(0.25, -0.25), (-0.25, 0.25)]),
    ("logsumexp", (-inf, -inf), [(0.0, 0.0), (0.0, 0.0)]),
    ("log_softmax", (1000.0, 1000.0), [(-0.25, 0.25), (0.25, -0.25)]),
    ("leaky_relu", (-2.0, 0.25), [(0.0, 1.0), (1.0, 0.0)]),
    ("hypot", (3.0, 4.0), [(16 / 125, -12 / 125), (-12 / 125, 9 / 125)]),
    ("atan2", (1.0, 1.0), [(-0.5, 0.0), (0.0, 0.5)]),
    ("atan2", (1e-300, 1e-300), [(-inf, 0.0), (0.0, inf)]),
    ("atan2", (3e-300, -1e-300), [(inf, inf), (inf, -inf)]),
    ("atan2", (1e-308, 1e-160), [(-2e172, -inf), (-inf, 2e172)]),
    ("digamma", (-180.5,), [(-3.0523865849979468e-05,)]),  # where the reflected cotangent is 0
    ("gelu", (1e200,), [(0.0,)]),
    ("erf", (1e200,), [(0.0,)]),
]


@pytest.mark.parametrize(("name", "args", "expected"), SECOND_ORDER)
def test_second_order(name, args, expected):
    """To the last two bits: these are finite where formulas may give nan, or 0."""
    xs = [Value(x) for x in args]
    found = hessian_of(TABLE[name](*xs), xs)
    for row, expected_row in zip(found, expected, strict=True):
        assert row == pytest.approx(expected_row, rel=5e-16, abs=1e-16), found


@pytest.mark.parametrize(
    ("exponent", "derivatives"),
    [(0, [1.0, 0.0, 0.0, 0.0]), (1, [0.0, 1.0, 0.0, 0.0]), (2, [0.0, 0.0, 2.0, 0.0]), (3, [0.0, 0.0, 0.0, 6.0])],
)
def test_whole_powers_at_zero_have_every_derivative(exponent, derivatives):
    for zero in (0.0, -0.0):
        x = Value(zero)
        y = x**exponent
        found = [y.data]
        for _ in range(3):
            (y,) = gradients(y, [x], create_graph=True)
            found.append(y.data)
        assert found == derivatives


# exponent, derivatives of x**y at x = 0 towards those arguments, in any order
TOWARDS = ("x", "y", "xx", "xy", "yy", "xxx", "xxy", "xyy", "yyy")
POWERS_OF_ZERO = [
    (-1.0, (-inf, -inf, inf, inf, inf, -inf, -inf, -inf, -inf)),
    (0.0, (0.0, -inf, 0.0, inf, inf, 0.0, -inf, -inf, -inf)),
    (0.5, (inf, 0.0, -inf, -inf, 0.0, inf, inf, inf, 0.0)),
    (1.0, (1.0, 0.0, 0.0, -inf, 0.0, 0.0, inf, inf, 0.0)),
    (1.5, (0.0, 0.0, inf, 0.0, 0.0, -inf, -inf, 0.0, 0.0)),
    (2.0, (0.0, 0.0, 2.0, 0.0, 0.0, 0.0, -inf, 0.0, 0.0)),
    (2.5, (0.0, 0.0, 0.0, 0.0, 0.0, inf, 0.0, 0.0, 0.0)),
    (3.0, (0.0, 0.0, 0.0, 0.0, 0.0, 6.0, 0.0, 0.0, 0.0)),
    (3.5, (0.0,) * 9),
]


@pytest.mark.parametrize(("exponent", "slopes"), POWERS_OF_ZERO)
def test_powers_of_zero_have_every_limit(exponent, slopes):
    """The limits from the right; the exponent is a constant where nothing goes to it."""
    for inputs, slope in zip(TOWARDS, slopes, strict=True):
        for order in set(permutations(inputs)):
            point = {"x": Value(0.0), "y": Value(exponent)}
            z = point["x"] ** (point["y"] if "y" in inputs else exponent)
            for name in order:
                (z,) = gradients(z, [point[name]], create_graph=True)
            assert z.data == slope, order


def test_powers_have_a_hessian_at_zero():
    assert ag.hessian(lambda v: v[0] ** v[1])([0.0, 2.0]) == [[2.0, 0.0], [0.0, 0.0]]
    assert ag.grad(ag.grad(lambda y: 0.0**y))(2.0) == 0.0


def guarded_log(x):
    return ag.where(x > 0, ag.log(x), 0.0)


def guarded_sqrt(x):
    return ag.where(x > 0, ag.sqrt(x), 0.0)


def guarded_quotient(x):
    return ag.where(x != 0, 1.0 / x, 7.0)


def guarded_power(x):
    return ag.where(x > 0, x**0.5, 3.0 * x)


def sinc(x):
    return ag.where(x != 0, ag.sin(x) / x, 1.0)


def nested(x):
    return ag.where(x > 0, ag.where(x > 1, ag.log(x - 1.0), ag.sqrt(x)), x * x)


def in_a_product(x):
    return x * ag.where(x > 0, ag.log(x), 0.0) + 2.0 * x


def in_a_quotient(x):
    return ag.where(x > 0, ag.log(x) / ag.sqrt(x), x)


def overflowing(x):
    return ag.where(x < 100, x, ag.exp(x * 1000.0))


def behind_maximum(x):
    return ag.maximum(ag.log(x), -1.0)


def behind_relu(x):
    return ag.relu(ag.log(x))


def behind_clip(x):
    return ag.clip(ag.log(x), -1.0, 1.0)


def behind_max(x):
    return ag.max([-1.0, ag.log(x), -2.0])


# function, point, value, first and second derivative
BRANCH_NOT_TAKEN = [
    (guarded_log, 0.0, 0.0, 0.0, 0.0),
    (guarded_log, -1.0, 0.0, 0.0, 0.0),
    (guarded_log, 2.0, LOG_2, 0.5, -0.25),
    (guarded_sqrt, 0.0, 0.0, 0.0, 0.0),
    (guarded_sqrt, -1.0, 0.0, 0.0, 0.0),
    (guarded_quotient, 0.0, 7.0, 0.0, 0.0),
    (guarded_power, 0.0, 0.0, 3.0, 0.0),
    (guarded_power, -1.0, -3.0, 3.0, 0.0),
    (sinc, 0.0, 1.0, 0.0, 0.0),
    (nested, 0.0, 0.0, 0.0, 2.0),
    (nested, 1.0, 1.0, 0.5, -0.25),
    (nested, -1.0, 1.0, -2.0, 2.0),
    (in_a_product, 0.0, 0.0, 2.0, 0.0),
    (in_a_product, -1.0, -2.0, 2.0, 0.0),
    (in_a_quotient, 0.0, 0.0, 1.0, 0.0),
    (overflowing, 50.0, 50.0, 1.0, 0.0),
    (behind_maximum, 0.0, -1.0, 0.0, 0.0),
    (behind_maximum, e, 1.0, 1 / e, -1 / e**2),
    (behind_relu, 0.0, 0.0, 0.0, 0.0),
    (behind_clip, 0.0, -1.0, 0.0, 0.0),
    (behind_max, 0.0, -1.0, 0.0, 0.0),
]


@pytest.mark.parametrize(("function", "point", "value", "first", "second"), BRANCH_NOT_TAKEN)
def test_nothing_comes_from_the_branch_not_taken(function, point, value, first, second):
    x = Value(point)
    y = function(x)
    y.backward()
    (slope,) = gradients(y, [x], create_graph=True)
    (bend,) = gradients(slope, [x])
    assert (y.data, x.grad, slope.data) == (value, first, first)
    assert bend == pytest.approx(second, rel=5e-16, abs=0.0)


@pytest.mark.parametrize("function", [guarded_log, guarded_sqrt, in_a_product, behind_maximum, behind_relu])
def test_infinite_adjoints_do_not_reach_the_branch_not_taken(function):
    """d√y/dy is inf at y = 0; it stops where the choice was made."""
    x = Value(0.0)
    ag.sqrt(ag.where(x > 0, function(x), 0.0)).backward()
    assert x.grad == 0.0


def test_ldexp_is_right_down_to_the_smallest_double():
    for exponent in range(-1074, 1024):
        x = Value(1.0)
        y = ag.ldexp(x, exponent)
        y.backward()
        assert y.data == x.grad == 2.0**exponent
