"""Points at which primitives are sampled, and their derivatives of any order from the graph."""

from math import inf, isfinite

from hypothesis import strategies as st

from autograd_mini import Value, gradients
from autograd_mini.primitives import TABLE

ROWS = {**TABLE, **TABLE.auxiliary}

# Two vectors one after the other.
PAIRED = {"dot", "sumprod", "dist"}

# Sums and products of many numbers may overflow half-way, as in NumPy, though the result is a double.
MANY_TERMS = {"sum", "fsum", "mean", "prod", "dot", "sumprod"}


def within(interval):
    """Doubles in an open interval: of every magnitude, of everyday size, and crowded at its ends."""
    low, high = interval
    choices = [_floats(low, high), _floats(max(low, -5.0), min(high, 5.0)), _floats(max(low, -750.0), min(high, 750.0))]
    exponents = st.floats(-320.0, 308.0)
    if high > 1e300:
        choices.append(exponents.map(lambda exponent: max(low, 0.0) + 10.0**exponent))
    if low < -1e300:
        choices.append(exponents.map(lambda exponent: min(high, 0.0) - 10.0**exponent))
    gaps = st.floats(-18.0, -1.0).map(lambda exponent: 10.0**exponent)
    choices += [gaps.map(lambda gap, end=end, side=side: end + side * gap) for end, side in ((low, 1), (high, -1))
                if isfinite(end)]  # fmt: skip
    return st.one_of(choices).filter(lambda x: low < x < high)


def _floats(low, high):
    return st.floats(low, high, exclude_min=isfinite(low), exclude_max=isfinite(high), allow_nan=False,
                     allow_infinity=False)  # fmt: skip


def points(primitive):
    """Argument lists within a primitive's domain; primitives of any number of arguments get 1 to 4."""
    if primitive.arity is not None:
        return st.tuples(*map(within, primitive.domain))
    size = 1e75 if primitive.name in MANY_TERMS else inf
    numbers = within(primitive.domain[0]).filter(lambda x: abs(x) < size and (x == 0.0 or abs(x) * size > 1.0))
    if primitive.name in PAIRED:
        return st.sampled_from([2, 4]).flatmap(lambda n: st.tuples(*[numbers] * n))
    return st.lists(numbers, min_size=1, max_size=4).map(tuple)


def graph_derivative(primitive, args, indices):
    """The mixed partial derivative with respect to the arguments `indices`, by one reverse sweep after another."""
    xs = [Value(x) for x in args]
    y = primitive(*xs)
    for index in indices:
        (y,) = gradients(y, [xs[index]], create_graph=True)
    return y.data
