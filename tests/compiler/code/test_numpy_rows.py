"""The NumPy forms of rows agree with the table's forwards element by element, for all arguments."""

from itertools import product
from math import inf, nan

import numpy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograd_mini.compiler.code import numpy_rows
from autograd_mini.compiler.code.numpy_rows import elementwise, has_form, reduction
from autograd_mini.primitives import Primitive, piecewise
from autograd_mini.primitives.symbols import formula_of
from tests.primitives.points import PAIRED, ROWS
from tests.primitives.test_modes import VARIANTS

# NumPy and SciPy have no form of these, or one that is off by more than LAST_PLACES.
LOOPED = {"fma", "fsum", "sumprod", "erfc", "gamma", "lgamma", "digamma", "polygamma"}
LAST_PLACES = 4

SELECTORS = [
    piecewise.at_least,
    piecewise.step,
    piecewise._is_true,
    piecewise._clip_branch,
    piecewise.first_equal,
]
ARITIES = {"at_least": 2, "step": 2, "is_true": 1, "clip_branch": 3, "first_equal": None}
PRIMITIVES = [
    *VARIANTS,
    ROWS["softmax"].variant(index=1, empty=0.0),
    ROWS["softmax_rest"].variant(index=1, empty=0.0),
    ROWS["log_softmax"].variant(index=1),
    ROWS["pow_slope"].variant(x_order=2, y_order=0),
    *SELECTORS,
]
N_ARY = [row for row in PRIMITIVES if row.arity is None]

EDGES = [0.0, 5e-324, 1e-310, 1e-160, 1e-8, 0.5, 1.0, 1.5, 2.0, 40.0, 710.0, 745.2, 750.0, 1e16, 1e300, inf]
EDGES = [*EDGES, *(-x for x in EDGES), nan]
FEW = [0.0, -0.0, 5e-324, 1.0, -1.5, -750.0, 1e300, inf, -inf, nan]
FEWER = [0.0, -0.0, 1.0, -1e300, inf, -inf, nan]
anything = st.one_of(st.floats(), st.floats(-5.0, 5.0), st.floats(-750.0, 750.0), st.sampled_from(EDGES))
ties = st.sampled_from([0.0, -0.0, 1.0, 2.0, 2.0 + 2**-51, -1e-310, inf, -inf, nan])


@pytest.fixture(autouse=True)
def _silence():
    with numpy.errstate(all="ignore"):
        yield


def lengths(primitive, at_most):
    """The numbers of arguments that a primitive may have."""
    if primitive.name in PAIRED:
        return range(2, at_most + 1, 2)
    arity = ARITIES.get(primitive.name, primitive.arity)
    return [arity] if arity is not None else range(primitive.options.get("index", 0) + 1, at_most + 1)


def arguments(primitive, values, at_most=5):
    """Columns of numbers, one for each argument."""
    count = st.sampled_from(list(lengths(primitive, at_most)))
    rows = count.flatmap(lambda n: st.lists(st.tuples(*[values] * n), min_size=1, max_size=12))
    return rows.map(lambda rows: columns(primitive, rows))


def columns(primitive, rows):
    if primitive is piecewise.first_equal:  # its first argument is an extreme of the others
        rows = [(piecewise.largest(*args), *args) for args in rows]
    return numpy.array(rows).T


def largest_term(name, args, out):
    """The scale of the result's rounding: the result, or the largest of terms that cancel."""
    if name in ("sum", "fsum", "mean"):
        return numpy.fmax.reduce(abs(args))
    if name in ("dot", "sumprod"):
        return numpy.fmax.reduce(abs(args[: len(args) // 2] * args[len(args) // 2 :]))
    if name == "logsumexp":
        return numpy.fmax(abs(numpy.fmax.reduce(args)), 1.0)
    return abs(out)


def assert_same(primitive, args, got):
    """Compare with the forward; for a selector with several results, all their arrays."""
    rows = list(zip(*args.tolist()))
    expected = numpy.array([primitive.forward(*row) for row in rows])
    for one, out in zip(got if isinstance(got, tuple) else (got,), expected.T if expected.ndim == 2 else [expected]):
        assert one.dtype == numpy.float64
        assert one.shape == (len(rows),)
        rounded_by = numpy.fmin(numpy.fmax(abs(out), largest_term(primitive.name, args, out)), 1e308)
        exact = ~numpy.isfinite(out) | (out == 0.0) & (rounded_by == 0.0)
        close = abs(one - out) <= (LAST_PLACES + len(args) // 2) * numpy.spacing(rounded_by)
        alike = (one == out) & (numpy.signbit(one) == numpy.signbit(out)) | numpy.isnan(one) & numpy.isnan(out)
        for i in numpy.flatnonzero(~numpy.where(exact, alike, close)):
            pytest.fail(f"{primitive} of {rows[i]}: {one[i]}, forward gives {out[i]}")


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=repr)
def test_edges(primitive):
    for count in lengths(primitive, 4 if primitive.name in PAIRED else 3):
        rows = list(product({1: EDGES, 2: EDGES, 3: FEW}.get(count, FEWER), repeat=count))
        args = columns(primitive, rows)
        assert_same(primitive, args, elementwise(primitive)(*args))


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=repr)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_anywhere(primitive, data):
    args = data.draw(arguments(primitive, anything))
    assert_same(primitive, args, elementwise(primitive)(*args))


@pytest.mark.parametrize("primitive", [row for row in PRIMITIVES if row.base.name not in LOOPED], ids=repr)
def test_many_everyday_numbers(primitive):
    """SIMD loops may treat long arrays differently from short ones."""
    random = numpy.random.default_rng(0)
    for count in lengths(primitive, 4):
        args = columns(primitive, random.normal(size=(1500, count)) * random.choice([0.1, 1.0, 30.0], size=(1500, 1)))
        if primitive.name == "pow":
            args[0] = abs(args[0])
        assert_same(primitive, args, elementwise(primitive)(*args))


@pytest.mark.parametrize("primitive", N_ARY, ids=repr)
@pytest.mark.parametrize("values", [anything, ties], ids=["anything", "ties"])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_reductions(primitive, values, data):
    args = data.draw(arguments(primitive, values, at_most=8))
    got = reduction(primitive)(args[:, numpy.newaxis])
    assert got.shape == (1, args.shape[1])
    assert_same(primitive, args, got[0])


vectors = arguments(ROWS["softmax"], st.one_of(anything, ties), at_most=8)
hollow = numpy.full((3, 1), -inf)


@given(vectors)
@example(hollow)
def test_every_softmax_at_once(xs):
    unsure, certain, logs = numpy_rows.softmax(xs), numpy_rows.softmax(xs, 0.0), numpy_rows.log_softmax(xs)
    others = numpy_rows.sum_of_others(certain)
    for i in range(len(xs)):
        assert_same(ROWS["softmax"].variant(index=i), xs, unsure[i])
        assert_same(ROWS["softmax"].variant(index=i, empty=0.0), xs, certain[i])
        assert_same(ROWS["log_softmax"].variant(index=i), xs, logs[i])
        assert_same(ROWS["softmax_rest"].variant(index=i, empty=0.0), xs, others[i])


@given(vectors)
@example(hollow)
def test_first_equal(xs):
    for extreme in (piecewise.largest, piecewise.smallest):
        out = numpy.array([extreme(*row) for row in xs.T.tolist()])
        expected = [piecewise.first_equal.forward(*row) for row in zip(out.tolist(), *xs.tolist())]
        assert numpy_rows.first_equal(out, xs).T.tolist() == list(map(list, expected))


def test_lengths_that_overflow_before_a_nan():
    xs = numpy.array([[1.5e308, 1.5e308, 1.5e308, 1.0], [1.5e308, 1.5e308, inf, nan], [nan, 0.0, nan, 0.0]])
    for name in ("norm", "hypot"):
        assert_same(ROWS[name], xs, reduction(ROWS[name])(xs))


def test_sum_of_others_does_not_cancel():
    xs = numpy.array([[1.0], [1e-30], [1e-20], [inf]])
    assert numpy_rows.sum_of_others(xs[:3]).tolist() == [[1e-30 + 1e-20], [1.0 + 1e-20], [1.0 + 1e-30]]
    assert numpy_rows.sum_of_others(xs).tolist() == [[inf], [inf], [inf], [1.0]]


@pytest.mark.parametrize("primitive", PRIMITIVES, ids=repr)
def test_broadcasts_and_leaves_its_arguments_alone(primitive):
    """Lanes of constants, examples that all lanes share, and plain numbers."""
    for count in lengths(primitive, 4):
        shapes = [(3, 4), (3, 1), (1, 4), ()]
        for turn in range(4):
            args = [numpy.full(shapes[(i + turn) % 4], 0.25 + i) for i in range(count)]
            args = [arg if arg.shape else float(arg) for arg in args]
            if primitive is piecewise.first_equal:
                args[0] = max(float(numpy.max(arg)) for arg in args[1:]) if count > 1 else args[0]
                if count == 1:
                    continue
            before = [numpy.copy(arg) for arg in args]
            expected = primitive.forward(*(float(numpy.ravel(arg)[0]) for arg in args))
            got = elementwise(primitive)(*args)
            for one, number in zip(*((x if isinstance(x, tuple) else (x,)) for x in (got, expected))):
                assert numpy.shape(one) == numpy.broadcast_shapes(*map(numpy.shape, args))
                numpy.testing.assert_allclose(one, number, rtol=1e-14)
            assert all(map(numpy.array_equal, before, args))


@pytest.mark.parametrize("exponent", [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_constant_exponents_have_no_short_cuts_that_differ(exponent):
    args = numpy.array([EDGES, [exponent] * len(EDGES)])
    for form in (exponent, numpy.array(exponent), numpy.broadcast_to(exponent, len(EDGES)), args[1]):
        assert_same(ROWS["pow"], args, elementwise(ROWS["pow"])(args[0], form))


@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
def test_constant_step(at_zero):
    args = numpy.array([EDGES, [at_zero] * len(EDGES)])
    assert_same(piecewise.step, args, elementwise(piecewise.step)(args[0], at_zero))


@pytest.mark.parametrize("bound", [-1.0, -0.0, 0.0, 2.0, inf, nan])
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_constant_bounds(name, bound):
    args = numpy.array([EDGES, [bound] * len(EDGES)])
    assert_same(ROWS[name], args, elementwise(ROWS[name])(args[0], bound))


def test_primitives_of_users():
    """Even if they have the name of a row."""
    root = Primitive("sqrt", lambda x, shift=0.0: (abs(x) + shift) ** 0.5, lambda out, x: (0.5 / out,))
    first_two = Primitive("first_two", lambda *xs: xs[:2], lambda out, *xs: xs, arity=None, is_selector=True)
    spread = Primitive("spread", lambda *xs: max(xs) - min(xs), lambda out, *xs: xs, arity=None)
    xs = numpy.array([[-4.0, 9.0]])
    assert elementwise(root)(xs).tolist() == [[2.0, 3.0]]
    assert elementwise(root.variant(shift=7.0))(xs).tolist() == [[11.0**0.5, 4.0]]
    assert [x.tolist() for x in elementwise(first_two)(xs, 1.0, 2.0)] == [xs.tolist(), [[1.0, 1.0]]]
    assert elementwise(spread)(*[xs] * 99, 0.0).tolist() == [[4.0, 9.0]]
    assert reduction(spread)(numpy.array([xs, 2 * xs])).tolist() == [[4.0, 9.0]]


def test_rows_in_a_loop_are_known():
    rows = [*ROWS.values(), *SELECTORS]
    assert {row.name for row in rows if not has_form(row) and not formula_of(row, lengths(row, 4)[-1])} == LOOPED
