"""Compiled arithmetic is the arithmetic that was written; and the oracle that checks this forgives nothing."""

import math
from fractions import Fraction
from itertools import product
from math import inf, nextafter

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_mini as ag
from autograd_mini import compile, dot, grad
from autograd_mini.compiler import pipeline
from autograd_mini.compiler.run import numpy_executor
from tests.compiler.allowed import ROWS, WRITTEN, Allowed, Library, total
from tests.compiler.comparing import BACKENDS
from tests.compiler.contract import Contract, faults, same_in_batches

random = numpy.random.default_rng(11)
WRITTEN_ROWS = sorted((row for row in WRITTEN if row.name not in ("first_equal", "fsum")), key=lambda row: row.name)


@pytest.fixture(params=[*BACKENDS, pytest.param("scalars", marks=BACKENDS[1].marks)])
def backend(request, monkeypatch):
    if request.param == "scalars":
        monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: True)
        return "machine"
    return request.param


def attention(query, keys, values, mask):
    scores = [dot(query, key) + (-1e30) * (1.0 - kept) for key, kept in zip(keys, mask)]
    return dot(ag.softmax(scores), values)


def kahan(xs):
    total, lost = 0.0, 0.0
    for x in xs:
        y = x - lost
        longer = total + y
        lost = (longer - total) - y
        total = longer
    return total


def neumaier(xs):
    total, lost = 0.0, 0.0
    for x in xs:
        longer = total + x
        lost += (total - longer) + x if abs(total) >= abs(x) else (x - longer) + total
        total = longer
    return total + lost


def dekker(x):
    c = 134217729.0 * x
    return c - (c - x)


def two_product(x, y):
    """A product and its rounding error, by Dekker's splitting."""
    high, other = dekker(x), dekker(y)
    low, rest = x - high, y - other
    out = x * y
    return out, ((high * other - out) + high * rest + low * other) + low * rest


WRITTEN = {
    "Kahan's sum": (kahan, [[0.1] * 1000], 100.0),
    "Neumaier's sum": (neumaier, [[1e16, 1.0, 1.0, -1e16, 1.0] * 3], 9.0),
    "rounding to whole numbers": (lambda x: (x + 2.0**52) - 2.0**52, [2.6], 3.0),
    "Dekker's split": (dekker, [math.pi], 3.1415926814079285),
    "Dekker's product": (
        two_product,
        [0.1, 0.3],
        (0.1 * 0.3, float(Fraction(0.1) * Fraction(0.3) - Fraction(0.1 * 0.3))),
    ),
    "a bracket that is zero": (lambda x, y: 3.0 - 1e20 * (x - y), [1e300, 1e300], 3.0),
    "factors in brackets": (lambda x, y: (x * 1e-20) * y, [1e300, 1e20], 1e300),
    "the root of a zero": (lambda x, y: ag.sqrt(0.3 * (x - y)), [0.7, 0.7], 0.0),
    "a zero and its sign": (lambda x: ag.atan2(-(x + 0.0), -1.0), [0.0], -math.pi),
    "a difference of equals": (lambda x: ag.reciprocal(x - x), [0.3], inf),
    "a sum of zeros": (lambda x, y: ag.reciprocal(ag.sum([x, y])), [-0.0, -0.0], inf),
    "a chain of zeros": (lambda x: ag.reciprocal(x + x + x + x), [-0.0], -inf),
    "Python's sum of zeros": (lambda xs: ag.reciprocal(sum(xs)), [[-0.0] * 5], inf),
    "a chain of zeros and 0": (lambda x: ag.reciprocal(x + x + x + x + 0.0), [-0.0], inf),
    "a chain of zeros around 0": (lambda x: ag.reciprocal(x + x + x + x + 0.0 + x + x), [-0.0], inf),
    "zeros of both signs": (lambda x: [ag.copysign(x, c) for c in (0.0, -0.0)] * 6, [1.5], [1.5, -1.5] * 6),
    "a list of zeros": (lambda x: [ag.reciprocal(x), x], [-0.0], [-inf, -0.0]),
    "the sign of a nan": (lambda x: ag.copysign(x, ag.log(x)), [-2.0], 2.0),
    "a quotient": (lambda x: x / 49.0 * 49.0, [1.0], 0.9999999999999999),
    "an exact sum": (lambda xs: ag.fsum(xs), [[1e16, 1.0, -1e16, 1.0]], 2.0),
    "a fused product": (lambda x, y: x * y - x * y, [0.1, 0.3], 0.0),
    "a denormal on the way": (lambda x, alpha: alpha * ag.exp(x), [-718.0, 9147.0], 9147.0 * math.exp(-718.0)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_as_written(name, backend):
    function, point, expected = WRITTEN[name]
    compiled, over_batch = compile(function, backend=backend), compile(function, backend=backend, batch=True)
    assert repr(function(*point)) == repr(expected)
    assert repr(compiled(*point)) == repr(expected)
    for n in (1, 2, 7, 16, 17, 33):
        found = over_batch(*[numpy.array([x] * n) for x in point])
        each = numpy.stack(found, axis=-1) if isinstance(expected, tuple) else found
        assert {repr(numpy.array(row).tolist()) for row in each} == {repr(numpy.array(expected).tolist())}


def test_masked_attention(backend):
    point = [[0.3, -1.2], [[1.0, 0.2], [0.4, -0.7], [0.9, 0.9]], [1.0, 2.0, 4.0], [1.0, 1.0, 0.0]]
    compiled = compile(attention, backend=backend, wrt=[0, 1, 2])
    value, gradient = compiled.value_and_grad(*point)
    assert value == pytest.approx(1.7109495026250040, rel=1e-15)
    expected = grad(attention, (0, 1, 2))(*point)
    for found, right in zip(gradient, expected):
        assert numpy.array(found) == pytest.approx(numpy.array(right), rel=1e-14)


def test_slopes_that_cancel(backend):
    assert compile(lambda x, y: abs(0.1 * (x - y)), backend=backend).grad(0.7, 0.7) == (0.0, -0.0)


def roots(x, y):
    return ag.sqrt(x * x - y), ag.sqrt(0.3 * (x - y)), ag.sqrt(x * x - 4.0 * 0.25 * y)


@pytest.mark.parametrize("n", [1, 5, 300])
def test_double_roots_and_equal_points(n, backend):
    """Of whatever rounds to 0, or just below, eager mode's own share is nan."""
    root, scale = random.normal(size=(2, n))
    args = scale, 2.0 * scale * root, scale * root * root
    found = compile(lambda a, b, c: ag.sqrt(b * b - 4.0 * a * c), batch=True, backend=backend)(*args)
    with numpy.errstate(invalid="ignore"):
        expected = numpy.sqrt(args[1] * args[1] - 4.0 * args[0] * args[2])
    numpy.testing.assert_array_equal(found, expected)
    found = compile(roots, batch=True, backend=backend)(root, root * root)
    assert not found[0].any()
    assert not found[2].any()
    equal = compile(lambda x, y: ag.sqrt(0.3 * (x - y)), batch=True, backend=backend)
    assert not equal(root, root).any()


def test_spherical_distances(backend):
    """Of a point to itself: 0 but for roundings; where those of sine and cosine add up to more than 1, it is nan."""

    def distance(a, b):
        return ag.acos(ag.cos(a) * ag.cos(b) + ag.sin(a) * ag.sin(b))

    a = random.normal(size=1000)
    found = compile(distance, batch=True, backend=backend)(a, a)
    eager = [distance(x, x) for x in a.tolist()]
    assert numpy.isnan(found).sum() <= numpy.isnan(eager).sum() + 30
    assert numpy.nanmax(found) < 3e-8
    for x, each in zip(a[:50].tolist(), found.tolist()):
        assert not faults(distance, [x, x], backend, each)


def test_an_example_with_its_neighbours(backend):
    """Next to one whose derivative is not finite, and to one for which an infinite slope does not count."""
    function = compile(
        lambda x, w: ag.where(x > 0.0, ag.sqrt(x), 0.0) * ag.tanh(w) + ag.exp(x * w), backend=backend, batch=0
    )
    quiet = function.value_and_grad(numpy.array([0.3, 1.7, 2.0]), 0.4)
    for others in ([0.0, -1.0, inf], [math.nan, -0.0, 1e308], [1.0, 2.0, 3.0]):
        x = numpy.array([0.3, *others, 1.7, *others, 2.0])
        value, (slope, towards_w) = function.value_and_grad(x, 0.4)
        for found, expected in ((value, quiet[0]), (slope, quiet[1][0]), (towards_w, quiet[1][1])):
            assert numpy.array(found)[[0, 4, 8]].tobytes() == numpy.array(expected).tobytes()
        assert numpy.array(function(x, 0.4)).tobytes() == numpy.array(value).tobytes()


def test_an_example_next_to_a_sum_that_is_not_finite(backend):
    function = compile(lambda x, w: ag.exp(ag.sqrt(x) * w), backend=backend, batch=0, reduce="sum")
    _, (quiet, _) = function.value_and_grad(numpy.array([0.3, 1.7, 2.0]), 0.4)
    _, (slope, towards_w) = function.value_and_grad(numpy.array([0.3, -1.0, 1.7, 0.0, 2.0]), 0.4)
    assert math.isnan(towards_w)
    assert slope[[0, 2, 4]].tobytes() == quiet.tobytes()


def neuron(x, w, b):
    return sum(u * v for u, v in zip(w, x)) + b


def test_sums_of_products_are_one_sum():
    """Python's sum and loops are recognised as `dot` is; what ends a chain is not part of it."""
    x, w = [0.1, 0.2, 0.3, 0.4], [[1.0, 2.0, 3.0, 4.0]] * 5

    def loop(x, w, b):
        out = b
        for u, v in zip(w, x):
            out = out + u * v
        return out

    def reflected(x, w, b):
        out = u_v = w[0] * x[0]
        for u, v in zip(w[1:], x[1:]):
            u_v = u * v
            out = u_v + out
        return out + b

    def as_dot(x, w, b):
        return dot(w, x) + b

    for each in (neuron, loop, reflected, as_dot):
        compiled = compile(lambda x, w, b, each=each: [ag.relu(each(x, row, b)) for row in w], backend="numpy")
        compiled(x, w, 0.5)
        assert len(compiled.program.products) == 1
        assert "z₁ = w x + b" in str(compiled.program)


def test_what_ends_a_chain(backend):
    """Each of these would give another number if terms were added in another order."""
    big = [1e16, 1.0, 1.0, 1.0]
    cases = [
        (lambda a, b, c, d: a + (b + c), 1e16 + 2.0),
        (lambda a, b, c, d: (a + b) + c, 1e16),
        (lambda a, b, c, d: (a + 1.0) + 1.0 + 1.0 + b, 1e16),
        (lambda a, b, c, d: (lambda s: (s + b) - s)(a + b + c + d), 0.0),
    ]
    for function, expected in cases:
        assert function(*big) == expected
        assert compile(function, backend=backend)(*big) == expected


NUMBERS = st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=40)


@pytest.mark.parametrize("form", ["sum", "dot", "chain", "mean"])
def test_sums_are_within_their_bound(form, backend):
    forms = {
        "sum": lambda *xs: ag.sum(xs),
        "dot": lambda *xs: dot(xs, xs[::-1]),
        "chain": lambda *xs: sum(xs),
        "mean": lambda *xs: ag.mean(xs),
    }

    def test(xs):
        found = compile(forms[form], backend=backend).value_and_grad(*xs)
        wrong = faults(forms[form], xs, backend, *found)
        assert not wrong, wrong

    given(NUMBERS)(test)() if backend == "numpy" else test([0.1 * i - 1.3 for i in range(30)])


def test_the_oracle_forgives_nothing():
    """A last place, a sign of zero, brackets multiplied out and products fused are all found out."""
    plain = (lambda x, y: x * y + 0.1 * x), [0.3, 0.7]
    right = plain[0](*plain[1])
    assert not faults(*plain, "numpy", right)
    assert faults(*plain, "numpy", nextafter(right, inf))
    assert faults(lambda x: x - x, [0.3], "numpy", -0.0)
    assert faults(lambda x, y: x * (y + 0.1), [0.3, 0.7], "numpy", ag.fma(0.3, 0.7, 0.3 * 0.1))
    assert faults(lambda x, y: x * x - y, [0.1, 0.1 * 0.1], "numpy", ag.fma(0.1, 0.1, -(0.1 * 0.1)))
    assert faults(lambda x, y: x / y, [1.0, 49.0], "numpy", 1.0 * (1.0 / 49.0) * 1.0000000000000002)
    slopes = grad(lambda x, y: x * y)(0.3, 0.7)
    assert not faults(lambda x, y: x * y, [0.3, 0.7], "numpy", None, slopes)
    assert faults(lambda x, y: x * y, [0.3, 0.7], "numpy", None, [nextafter(slopes[0], inf), slopes[1]])


def test_the_oracle_knows_what_cancels_at_ties():
    """Terms of size 1 that add up to 0 may be off by their own roundings, and by no more."""

    def f(x):
        t = 5.0 * x
        zero = ag.dot([t, t], [t / t, -1.0])
        return ag.maximum(zero, zero)

    contract = Contract(f, [2.6], "numpy")
    (slope,) = contract.gradient()
    assert contract.is_settled
    assert 1e-15 in slope
    assert 1e-13 not in slope


def test_the_oracle_bounds_sums_tightly():
    """n half units in the last place of the sum of sizes, to either side of the exact sum; no more."""
    xs = [0.1 * i for i in range(1, 9)]
    (allowed,) = Contract(lambda *xs: ag.sum(xs), xs, "numpy").values
    exact, bound = math.fsum(xs), 8 * 2.0**-53 * math.fsum(xs) + math.ulp(math.fsum(xs))
    assert not allowed.is_exact
    assert exact - bound * 1.01 <= allowed.low <= exact <= allowed.high <= exact + bound * 1.01
    (short,) = Contract(lambda *xs: sum(xs), xs[:3], "numpy").values
    assert short.is_exact
    library = Library("numpy")
    zeros = [(Allowed(-0.0, -0.0, library),)] * 2
    assert repr(total(zeros, library)) == "-0.0"
    assert repr(total(zeros, library, from_zero=True)) == "0.0"


def test_zero_within_an_interval_meets_inf():
    library = Library("numpy")
    for row, *others in ((ROWS["mul"],), (ROWS["scale"],), (ROWS["fma"], 1.0)):
        for around, far in ((Allowed(-1.0, 1.0, library), inf), (Allowed(1.0, inf, library), 0.0)):
            assert math.nan in row(around, far, *others)


@given(st.lists(st.integers(-3, 3), min_size=3, max_size=3), st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_intervals_hold_what_lies_within(middles, widths):
    """Of every row that is not a function of the library: numbers from within intervals give numbers within."""
    library = Library("numpy")
    ends = [(float(middle), float(middle + width)) for middle, width in zip(middles, widths)]
    for row in WRITTEN_ROWS:
        count = {"at_least": 2, "step": 2, "clip_branch": 3}.get(row.name, row.arity or 3)
        allowed = row(*[Allowed(*each, library) for each in ends[:count]])
        for inside in product(*[(low, (low + high) / 2.0, high, 0.0 * low) for low, high in ends[:count]]):
            if all(low <= x <= high for x, (low, high) in zip(inside, ends)):
                out = row.forward(*inside)
                for number, each in zip(*[x if isinstance(x, tuple) else (x,) for x in (out, allowed)]):
                    assert number in each or (number == 0.0 and -number in each), (row, ends, inside)


def test_batches_that_differ_are_found_out(monkeypatch):
    """As if one more example changed the bits of the others."""
    run = numpy_executor.NumpyExecutor.__call__

    def spoilt(self, leaves, n):
        results = run(self, leaves, n)
        if n > 2:
            results.rows["value"] *= 1.0 + 2.0**-52
        return results

    assert not same_in_batches(lambda x: x * 0.3, [0.7], "numpy", [3])
    monkeypatch.setattr(numpy_executor.NumpyExecutor, "__call__", spoilt)
    assert same_in_batches(lambda x: (x * 0.3) * 3.0, [1.7], "numpy", [3])
