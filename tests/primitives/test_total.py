"""IEEE 754 throughout: any floats give floats, never an exception, with the values of NumPy and SciPy."""

from itertools import product
from math import copysign, inf, isnan, nan

import numpy as np
import pytest
import scipy.special

from autograd_mini import Value, gradients
from tests.primitives.points import PAIRED, ROWS
from tests.primitives.test_modes import VARIANTS

SPECIAL = [0.0, 5e-324, 1e-300, 0.5, 1.0, 2.0, 3.0, 40.0, 1000.0, 1e155, 1e200, 1e308, inf]
SPECIAL = [*SPECIAL, *(-x for x in SPECIAL), nan]
FEW = [0.0, -0.0, 5e-324, 1.0, -1.0, 2.5, 1e308, -1e308, inf, -inf, nan]


def special_arguments(row):
    if row.arity == 1:
        return [(x,) for x in SPECIAL]
    if row.arity is None:
        alone = [] if row.name in PAIRED else [(x,) for x in SPECIAL]
        return [*alone, *product(SPECIAL, repeat=2), *product(FEW, [0.0, -0.0, 1.0, inf], FEW, [2.0, nan])]
    return list(product(SPECIAL if row.arity == 2 else FEW, repeat=row.arity))


@pytest.mark.parametrize("row", VARIANTS, ids=repr)
def test_floats_come_out(row):
    for args in special_arguments(row):
        out = row.forward(*args)
        partials = row.partials(out, *args)
        assert type(out) is float, (args, out)
        assert [type(x) for x in partials] == [float] * len(args), (args, partials)


@pytest.mark.parametrize("row", VARIANTS, ids=repr)
def test_three_orders_never_raise(row):
    for args in special_arguments(row)[:: 7 if row.arity != 1 else 1]:
        xs = [Value(x) for x in args]
        y = row(*xs)
        y.backward()
        for _ in range(3):
            y = gradients(y, [xs[0]], create_graph=True)[0]
            assert type(y.data) is float


COMPARISONS = {"less", "less_equal", "equal", "not_equal", "greater", "greater_equal"}


@pytest.mark.parametrize("row", [row for row in VARIANTS if row.name not in COMPARISONS], ids=repr)
def test_nan_gives_nan(row):
    args = (nan,) * (row.arity or 2)
    assert isnan(row.forward(*args))


NUMPY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "pos": np.positive,
    "reciprocal": np.reciprocal, "square": np.square, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log,
    "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt, "cbrt": np.cbrt, "pow": np.power,
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "atan2": np.arctan2, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "degrees": np.degrees, "radians": np.radians, "floor": np.floor, "ceil": np.ceil,
    "trunc": np.trunc, "rint": np.rint, "sign": np.sign, "abs": np.abs, "copysign": np.copysign, "fmod": np.fmod,
    "mod": np.mod, "floordiv": np.floor_divide, "maximum": np.maximum, "minimum": np.minimum, "clip": np.clip,
    "frac": lambda x: np.modf(x)[0],
    "where": lambda condition, x, y: np.where(condition != 0, x, y),
    "sum": lambda *xs: np.sum(xs), "mean": lambda *xs: np.mean(xs), "prod": lambda *xs: np.prod(xs),
    "max": lambda *xs: np.max(xs), "min": lambda *xs: np.min(xs),
    "erf": scipy.special.erf, "erfc": scipy.special.erfc, "gamma": scipy.special.gamma, "lgamma": scipy.special.gammaln,
    "digamma": scipy.special.psi, "sigmoid": scipy.special.expit, "log_sigmoid": scipy.special.log_expit,
    "softplus": lambda x: np.logaddexp(0.0, x),
    "logsumexp": lambda *xs: scipy.special.logsumexp(xs),
    "less": np.less, "less_equal": np.less_equal, "equal": np.equal, "not_equal": np.not_equal, "greater": np.greater,
    "greater_equal": np.greater_equal, "stopped": np.positive,
}  # fmt: skip


# Relative accuracy at a root, which is no double, cannot be asked for.
HAS_ROOTS = {"lgamma", "digamma"}

# Extremes of 0.0 and -0.0 may be either.
SIGN_OF_ZERO_VARIES = {"maximum", "minimum", "max", "min", "clip"}


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")  # that NumPy gives for inf and nan
@pytest.mark.parametrize("name", NUMPY)
def test_values_are_those_of_numpy(name):
    row = ROWS[name]
    for args in special_arguments(row):
        if name == "pow" and args[1] == 0.5:  # there NumPy takes a square root, which differs at -0.0 and -inf
            continue
        ours, theirs = row.forward(*args), float(NUMPY[name](*map(np.float64, args)))
        same = ours == theirs or (isnan(ours) and isnan(theirs))
        near = abs(ours - theirs) <= 4e-15 * max(abs(theirs), 1.0 if name in HAS_ROOTS else 0.0)  # False for nan
        assert same or near, (args, ours, theirs)
        if ours == 0.0 and name not in SIGN_OF_ZERO_VARIES:
            assert copysign(1.0, ours) == copysign(1.0, theirs), (args, ours, theirs)
