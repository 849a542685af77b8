"""Germs against the quantities themselves, a little way off, at 60 digits."""

from math import inf, isfinite, isnan, nan

import mpmath
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_mini.germs import Germ, apply, germ
from autograd_mini.primitives import TABLE

X = Germ(0.0, 1.0, is_exact=True)
EPSILON = mpmath.mpf(10) ** -24
ROWS = {**TABLE, **TABLE.auxiliary}

ARITHMETIC = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x, y: -x,
    "square": lambda x, y: x * x,
    "reciprocal": lambda x, y: 1 / x,
    "sqrt": lambda x, y: mpmath.sqrt(x),
    "exp": lambda x, y: mpmath.exp(x),
    "sin": lambda x, y: mpmath.sin(x),
    "tanh": lambda x, y: mpmath.tanh(x),
    "asin": lambda x, y: mpmath.asin(x),
    "acos": lambda x, y: mpmath.acos(x),
    "log": lambda x, y: mpmath.log(x),
    "log2": lambda x, y: mpmath.log(x, 2),
    "log10": lambda x, y: mpmath.log10(x),
    "log1p": lambda x, y: mpmath.log1p(x),
    "hypot": lambda x, y: mpmath.hypot(x, y),
}
UNARY = {"neg", "square", "reciprocal", "sqrt", "exp", "sin", "tanh", "asin", "acos", "log", "log2", "log10", "log1p"}
PROGRAMS = st.lists(st.tuples(st.sampled_from(sorted(ARITHMETIC)), st.integers(0, 9), st.integers(0, 9)), max_size=7)


@given(PROGRAMS, st.sampled_from([-1.0, 0.5, 1.0, 2.0]))
def test_what_is_known_of_a_germ_holds(program, constant):
    """The limit, and the next term, of random programs in x → 0 and constants; where it says nan it claims nothing."""
    with mpmath.workdps(120):
        germs, numbers = [X, germ(constant), germ(0.0)], [EPSILON, mpmath.mpf(constant), mpmath.mpf(0)]
        for name, i, j in program:
            i, j = i % len(germs), j % len(germs)
            operands = [germs[i]] if name in UNARY else [germs[i], germs[j]]
            germs.append(germ(apply(ROWS[name], operands)))
            try:
                numbers.append(ARITHMETIC[name](numbers[i], numbers[j]))
            except (ZeroDivisionError, ValueError):
                assume(False)
            assume(not isinstance(numbers[-1], mpmath.mpc) and mpmath.isfinite(numbers[-1]))
        found, number = germs[-1], numbers[-1]
        if found.is_log or isnan(found.limit):
            return
        if isfinite(found.limit):
            power, logarithm = EPSILON ** mpmath.mpf("0.1"), 2 / abs(mpmath.log(EPSILON))
            slack = logarithm if any(each.is_log for each in germs) else power  # 1/log x goes to 0 more slowly
            assert abs(number - found.limit) <= 1e-12 * max(1.0, abs(found.limit)) + slack
            if found.limit == 0.0 and found.c and not isnan(found.c):
                assert number / (found.c * EPSILON ** mpmath.mpf(found.p)) == pytest.approx(1.0, abs=1e-2)
        elif not isnan(found.c) and found.c:
            assert number / (found.c * EPSILON ** mpmath.mpf(found.p)) == pytest.approx(1.0, abs=1e-2)


def test_arithmetic():
    square = X * X
    assert (square.limit, square.c, square.p) == (0.0, 1.0, 2.0)
    pole = 1.0 / X
    assert (pole.limit, pole.c, pole.p) == (inf, 1.0, -1.0)
    assert (pole * X).limit == 1.0
    assert (pole - pole).limit != (pole - pole).limit
    assert (X - X).is_zero
    assert (pole * (X - X)).limit == 0.0
    log = apply(TABLE["log"], [X])
    assert (log.limit, log.is_log) == (-inf, True)
    back = apply(TABLE["exp"], [log])
    assert (back.limit, back.c, back.p) == (0.0, 1.0, 1.0)


def test_order():
    assert X > 0.0
    assert -X < 0.0
    assert 2.0 * X > X
    assert 1.0 + X > 1.0
    assert X == X
    assert abs(-X) > 0.0
    assert Germ(nan, nan) != Germ(nan, nan)
    for one, other in ((Germ(nan, nan), X), (X, Germ(nan, nan))):
        assert one != other
    assert not Germ(0.0, nan) > 0.0
    assert not Germ(0.0, nan) < 0.0
