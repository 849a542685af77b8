"""Every smooth primitive against mpmath: values and derivatives of order 1, 2 and 3 over the whole domain."""

from math import inf, isfinite
from sys import float_info

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf

from autograd_mini import Value
from tests import oracles
from tests.primitives.points import ROWS, graph_derivative, points

# Not smooth at the origin alone.
SMOOTH_BUT_AT_ORIGIN = {"hypot", "norm", "dist", "atan2"}
SMOOTH = [name for name, row in ROWS.items() if not row.policy or name in SMOOTH_BUT_AT_ORIGIN]

# Their derivative has a root within the domain, at which the rule adds up terms that cancel.
ROOT_OF_DERIVATIVE = {"silu", "gelu", "inverse_power"}

POWERS = {"pow", "pow_slope"}

# mpmath takes long for these.
SLOW = {"polygamma", "digamma", "gamma", "lgamma"}

PRECISION = 1e-12
ROUNDING = float_info.epsilon


def size_of_terms(name, args, indices):
    """The size of the terms that cancel where a rule's derivative of order 2 or 3 is small."""
    order = len(indices)
    if name in ("hypot", "norm", "dist") and order > 1:  # (δᵢⱼ - uᵢuⱼ)/r with the unit vector u
        return 1 / oracles.value(oracles.TWINS[name], args) ** (order - 1)
    softmax_order = order + {"softmax": 1, "softmax_rest": 1, "log_softmax": 0, "logsumexp": 0}.get(name, -9)
    if softmax_order >= 3:  # yᵢ·yⱼ·(polynomial in y), where 1 - y is known as exactly as y
        involved = {*indices, 0} if name.startswith("softmax") else {*indices}
        shares = [oracles.value(oracles.TWINS["softmax"], (args[i], *args[:i], *args[i + 1 :])) for i in involved]
        return mpmath.fprod(shares) * (1 - shares[0] if len(shares) == 1 else 1)
    return 0


def largest_factor(name, args, indices):
    """The largest intermediate number of a rule; if it overflows, so may a derivative that a double could hold."""
    order = len(indices)
    if name in ("atan2", "inverse_power"):
        return oracles.value(oracles.TWINS["norm"], args)
    if name in SMOOTH_BUT_AT_ORIGIN:
        distance = oracles.value(oracles.TWINS[name], args)
        return max(distance, 1 / distance**order if order > 1 else 0)
    if name in ("div", "ratio") and order > 1:
        return 1 / abs(mpf(args[1])) ** order
    if name in POWERS and 0 in indices:
        x, y = map(mpf, args)
        power = oracles.value(oracles.TWINS["pow"], args)
        return max(power / x ** indices.count(0), abs(y) ** order, 1 / x ** indices.count(0) if order > 1 else 0)
    return 0


def rounding_of_subnormal(name, args):
    """The relative rounding error of a double for a result next to 0, with which rules compute."""
    if name in ("atan2", "inverse_power"):  # they compute with the parts of (x + iy)/r
        out = min(abs(mpf(x)) for x in args) / oracles.value(oracles.TWINS["norm"], args)
    else:
        out = abs(oracles.value(oracles.TWINS["pow" if name in POWERS else name], args))
    return 5e-324 / out if 0 < out < float_info.min else 0


def check(name, args, indices, got, *, precision=PRECISION, sensitive=True):
    """`got` is the derivative to relative `precision`.

    Where that fails it may, if `sensitive`, be off by what rounding the arguments in their last place changes
    (the condition of the problem: it decides near the roots of the derivative), or by rounding of the terms
    that the rule adds up, where `size_of_terms` says so.
    """
    twin = oracles.TWINS[name]
    true = oracles.derivative(twin, args, indices) if indices else oracles.value(twin, args)
    label = f"{name}{args} towards {indices}: got {got!r}, mpmath {mpmath.nstr(true, 20)}"
    if largest_factor(name, args, indices) > float_info.max:
        return
    if abs(true) > float_info.max * (1 - precision):
        if len(indices) > 1:  # no double is right; terms that overflow with different signs give nan
            assert not isfinite(got) or abs(got) > float_info.max * (1 - precision), label
        else:
            assert got * mpmath.sign(true) > float_info.max * (1 - precision), label
        return
    assert isfinite(got), label
    error = abs(mpf(got) - true)
    if error <= (precision + rounding_of_subnormal(name, args)) * max(abs(true), float_info.min):
        return
    assert sensitive, label
    change = sum(abs(mpf(x) * oracles.derivative(twin, args, (*indices, j))) for j, x in enumerate(args))
    allowed = 8 * ROUNDING * (change + size_of_terms(name, args, indices))
    assert error <= allowed, f"{label}, error {mpmath.nstr(error, 3)}, allowed {mpmath.nstr(allowed, 3)}"


def smooth_points(name):
    found = points(ROWS[name])
    if name == "atan2":  # nor on its cut, which differences would cross
        return found.filter(lambda yx: yx[0] != 0.0 or yx[1] > 0.0)
    if name == "inverse_power":  # differences do not see that a part vanishes for y = 0 or y = x
        return found.filter(lambda yx: abs(yx[0]) not in (0.0, abs(yx[1])) and yx[1])
    if name in SMOOTH_BUT_AT_ORIGIN:
        return found.filter(lambda args: 0.0 < ROWS[name].forward(*args) < inf)
    return found


def smooth_rows(examples):
    def decorate(test):
        @pytest.mark.parametrize("name", SMOOTH)
        def run(name):
            count = examples // 6 if name in SLOW else examples
            settings(max_examples=count, deadline=None)(given(st.data())(lambda data: test(name, data)))()

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return decorate


def test_every_row_has_a_twin():
    assert oracles.TWINS.keys() == ROWS.keys()


@smooth_rows(examples=25)
def test_value(name, data):
    """To 1e-13, or to the rounding of the arguments: sums cancel, lgamma has roots."""
    args = data.draw(smooth_points(name))
    check(name, args, (), ROWS[name].forward(*args), precision=1e-13)


@smooth_rows(examples=36)
def test_first_order(name, data):
    """To 1e-12, with no allowance for the condition but where a root of the derivative needs it."""
    args = data.draw(smooth_points(name))
    index = data.draw(st.integers(0, len(args) - 1))
    got = ROWS[name](*map(Value, args)).local_grads[index]
    check(name, args, (index,), got, sensitive=name in ROOT_OF_DERIVATIVE)


@smooth_rows(examples=25)
def test_second_order(name, data):
    args = data.draw(smooth_points(name))
    indices = data.draw(st.tuples(*[st.integers(0, len(args) - 1)] * 2))
    check(name, args, indices, graph_derivative(ROWS[name], args, indices))


@smooth_rows(examples=20)
def test_third_order(name, data):
    args = data.draw(smooth_points(name))
    indices = data.draw(st.tuples(*[st.integers(0, len(args) - 1)] * 3))
    check(name, args, indices, graph_derivative(ROWS[name], args, indices))
