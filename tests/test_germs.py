"""Germs against the functions they describe, evaluated near the point at 60 digits."""

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
    "neg": lambda x: -x,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "sqrt": mpmath.sqrt,
    "exp": mpmath.exp,
    "sin": mpmath.sin,
    "tanh": mpmath.tanh,
    "asin": mpmath.asin,
    "acos": mpmath.acos,
    "acosh": mpmath.acosh,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10,
    "log1p": mpmath.log1p,
    "hypot": mpmath.hypot,
    "fma": lambda x, y, z: x * y + z,
    "sum": lambda x, y, z: x + y + z,
    "mean": lambda x, y, z: (x + y + z) / 3,
    "prod": lambda x, y, z: x * y * z,
    "dot": lambda x, y, z: x * y + z * z,
    "norm": lambda x, y, z: mpmath.sqrt(x * x + y * y + z * z),
    "dist": lambda x, y, z: mpmath.sqrt((x - y) ** 2 + z * z),
}
PAIRS = {"dot": lambda x, y, z: [x, z, y, z], "dist": lambda x, y, z: [x, z, y, z - z]}
"""What is given to functions of two vectors."""
PLACES = st.integers(0, 9)
PROGRAMS = st.lists(st.tuples(st.sampled_from(sorted(ARITHMETIC)), PLACES, PLACES, PLACES), max_size=7)


@given(PROGRAMS, st.sampled_from([-1.0, 0.5, 1.0, 2.0]))
def test_what_is_known_of_a_germ_holds(program, constant):
    """The limit, and the next term, of random programs in x → 0 and constants; where it says nan it claims nothing."""
    with mpmath.workdps(120):
        germs, numbers = [X, germ(constant), germ(0.0)], [EPSILON, mpmath.mpf(constant), mpmath.mpf(0)]
        for name, *places in program:
            count = ROWS[name].arity or (2 if name == "hypot" else 3)
            places = [place % len(germs) for place in places[:count]]
            operands = [germs[place] for place in places]
            germs.append(germ(apply(ROWS[name], PAIRS[name](*operands) if name in PAIRS else operands)))
            try:
                numbers.append(ARITHMETIC[name](*[numbers[place] for place in places]))
            except (ZeroDivisionError, ValueError):
                assume(False)
            assume(not isinstance(numbers[-1], mpmath.mpc) and mpmath.isfinite(numbers[-1]))
        found, number = germs[-1], numbers[-1]
        if found.is_log or isnan(found.limit):
            return
        if isfinite(found.limit):
            power, logarithm = EPSILON ** mpmath.mpf("0.1"), 3 / abs(mpmath.log(EPSILON))
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
    assert (pole - pole).is_zero
    vague = apply(TABLE["div"], [1.0, apply(TABLE["sin"], [X])])
    assert (vague - vague).limit != (vague - vague).limit
    assert (X - X).is_zero
    assert (pole * (X - X)).limit == 0.0
    log = apply(TABLE["log"], [X])
    assert (log.limit, log.is_log) == (-inf, True)
    assert (log * X).limit == 0.0
    assert isnan((log * (1.0 / log)).limit)  # it was taken for 0
    back = apply(TABLE["exp"], [log])
    assert (back.limit, back.c, back.p) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize(("name", "exponent"), [("sqrt", 0.5), ("cbrt", 1.0 / 3.0), ("pow", -1.5), ("pow", 0.25)])
def test_powers(name, exponent):
    """Of 5x² and 0.25/x."""
    options = [exponent] if name == "pow" else []
    for base, c, p in ((5.0 * X * X, 5.0, 2.0), (0.25 / X, 0.25, -1.0)):
        found = germ(apply(TABLE[name], [base, *options]))
        if isnan(found.c):  # nothing is claimed
            assert base.limit == inf
            continue
        assert (found.limit, found.c, found.p) == (
            0.0 if p * exponent > 0.0 else inf, pytest.approx(c**exponent), pytest.approx(p * exponent),
        )  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_products_of_vectors(n):
    """Σ k x · (k + x): its term in x is that of Σ k²."""
    found = germ(apply(TABLE["dot"], [*[k * X for k in range(1, n + 1)], *[k + X for k in range(1, n + 1)]]))
    assert (found.limit, found.c, found.p) == (0.0, float(sum(k * k for k in range(1, n + 1))), 1.0)


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
