"""The short way gives the same bits as the long way, and is not taken where it does not apply."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from math import inf, nan

import numpy
import pytest

import autograd_mini as ag
from autograd_mini import compile, cos, exp, log, sin, sqrt, tanh, value_and_grad
from autograd_mini.compiler import pipeline


@pytest.fixture(autouse=True, params=["packs", "scalars"])
def kind(request, monkeypatch):
    """Runs a test for both kinds of programs, which both have a short way."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: request.param == "scalars")


def price(s, k, t, r, v):
    d = (log(s / k) + (r + v * v / 2.0) * t) / (v * sqrt(t))
    return s * ag.erfc(-d) - k * exp(-r * t) * ag.erfc(v * sqrt(t) - d)


def long(x, y):
    """A function of several bodies, with memory of eight lanes between them."""
    z = [tanh(x * (i + 1.0)) for i in range(8)]
    for _ in range(8):
        z = [sin(a * b + y) for a, b in zip(z, [*z[1:], z[0]])]
    return z[0] + z[3]


TRIVIAL = {(lambda x: x): (1.5,), (lambda x, y: x): (1.5, 2.5)}
"""Without anything to compute there may be no short way."""

FUNCTIONS = {
    price: (100.0, 95.0, 0.5, 0.02, 0.2),
    long: (0.3, 0.4),
    (lambda x, y: x * y + 2.0): (1.5, 2.5),
    (lambda x, y: ag.max([x, y, x * y]) + ag.logsumexp([x, y]) + ag.prod([x, y, 3.0])): (0.5, 0.25),
}


def taken(compiled):
    """Whether a call now takes the short way; it is made by the first call."""
    return compiled._short is not None


def both_ways(function, points, **options):
    """The results by the short way and by the long one."""
    short, long_way = compile(function, backend="machine", **options), compile(function, backend="machine", **options)
    short.value_and_grad(*points[0])
    assert taken(short) or function in TRIVIAL
    found = [short.value_and_grad(*point) for point in points]
    expected = []
    for point in points:
        long_way._short = None
        expected.append(long_way.value_and_grad(*point))
    return found, expected


@pytest.mark.parametrize("function", [*FUNCTIONS, *TRIVIAL])
@pytest.mark.parametrize("wrt", [None, 0, [0], [-1]])
def test_bit_for_bit(function, wrt):
    random = numpy.random.default_rng(1)
    start = numpy.array({**FUNCTIONS, **TRIVIAL}[function])
    points = [tuple((start * (1.0 + 0.1 * random.normal(size=start.size))).tolist()) for _ in range(50)]
    found, expected = both_ways(function, points, wrt=wrt)
    assert [type(each) for value, slopes in found for each in (value, slopes)] == [
        type(each) for value, slopes in expected for each in (value, slopes)
    ]
    assert repr(found) == repr(expected)


def test_it_is_the_gradient():
    for function, point in FUNCTIONS.items():
        compiled = compile(function, backend="machine")
        for _ in range(2):
            value, slopes = compiled.value_and_grad(*point)
        eager_value, eager_slopes = value_and_grad(function)(*point)
        assert value == pytest.approx(eager_value, rel=1e-12)
        assert slopes == pytest.approx(eager_slopes, rel=1e-11, abs=1e-12)


def test_it_stays_within_its_memory(between_margins):
    for function, point in FUNCTIONS.items():
        compiled = compile(function, backend="machine")
        compiled.value_and_grad(*point)
        first, *others = point
        marked = first + 2.0**-10
        assert compiled._short((marked, *others)) is not None
        arrays = [block.array for block, _ in between_margins._blocks.values()]
        assert any(marked in array for array in arrays)


def test_what_takes_the_long_way():
    """Other types of numbers, and results that are not finite."""

    def slope(x, y):
        return x * x / y + sqrt(y)

    points = [
        (2, 3), (numpy.float64(2.0), 3.0), (numpy.float32(1.5), numpy.int64(2)), (True, 2.0), (Fraction(1, 2), 0.25),
        (nan, 1.0), (inf, 1.0), (1.0, 0.0), (1.0, -1.0), (1e200, 1.0), (1e308, 1e-308), (-0.0, 1.0), (5e-324, 1.0),
    ]  # fmt: skip
    found, expected = both_ways(slope, [(1.0, 2.0), *points])
    assert repr(found) == repr(expected)
    assert all(type(x) is float for value, slopes in found for x in (value, *slopes))
    compiled = compile(slope, backend="machine")
    compiled.value_and_grad(1.0, 2.0)
    for point in points:
        eager_value, eager_slopes = value_and_grad(slope)(*map(float, point))
        value, slopes = compiled.value_and_grad(*point)
        numpy.testing.assert_allclose([value, *slopes], [eager_value, *eager_slopes], rtol=1e-14)


def test_wrong_calls_and_names():
    compiled = compile(price, backend="machine")
    point = FUNCTIONS[price]
    expected = compiled.value_and_grad(*point)
    assert taken(compiled)
    for args in ((), point[:-1], (*point, 1.0), ("1", *point[1:]), (None, *point[1:]), (1j, *point[1:])):
        fresh = compile(price, backend="machine")
        with pytest.raises(Exception) as right:  # noqa: PT011
            fresh.value_and_grad(*args)
        with pytest.raises(type(right.value)) as error:
            compiled.value_and_grad(*args)
        assert str(error.value) == str(right.value)
    names = dict(zip("sktrv", point))
    assert compiled.value_and_grad(**names) == expected
    assert compiled.value_and_grad(*point[:2], **dict(list(names.items())[2:])) == expected
    assert compiled.grad(*point) == expected[1]
    assert compiled.value_and_grad(*point) == expected


def test_arrays_after_numbers():
    compiled = compile(lambda x, y: x * y + 1.0, backend="machine")
    assert compiled.value_and_grad(2.0, 3.0) == compiled.value_and_grad(2.0, 3.0) == (7.0, (3.0, 2.0))
    value, (x, y) = compiled.value_and_grad(numpy.array(2.0), 3.0)
    assert (value, float(x), y) == (7.0, 3.0, 2.0)


def test_the_short_way_holds_for_its_branches_only():
    compiled = compile(lambda x: x * x if x > 0.0 else -x, backend="machine")
    for _ in range(2):
        assert compiled.value_and_grad(3.0) == (9.0, 6.0)
        assert compiled._short((2.0,)) == (4.0, 4.0)
        assert compiled._short((-3.0,)) is None
        assert compiled.value_and_grad(-3.0) == (3.0, -1.0)
        assert compiled._short((-2.0,)) == (2.0, -1.0)
        assert compiled._short((3.0,)) is None


def test_parameters_are_read_anew():
    w = ag.Value(2.0)
    compiled = compile(lambda x: w * x * x, backend="machine")
    assert compiled.value_and_grad(3.0) == (18.0, 12.0)
    w.data = 5.0
    assert compiled.value_and_grad(3.0) == (45.0, 30.0)


def test_results_are_plain_and_stay():
    compiled = compile(lambda x, y: cos(x) * y, backend="machine")
    compiled.value_and_grad(1.0, 2.0)
    first = compiled.value_and_grad(1.0, 2.0)
    copied = repr(first)
    compiled.value_and_grad(5.0, 7.0)
    assert repr(first) == copied


def test_threads():
    compiled = compile(long, backend="machine")
    points = [(0.01 * i, 0.5 - 0.02 * i) for i in range(200)]
    expected = [compile(long, backend="machine").value_and_grad(*points[0])]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda point: [compiled.value_and_grad(*point) for _ in range(5)], points))
    assert found[0][0] == expected[0]
    serial = [compiled.value_and_grad(*point) for point in points]
    assert [[each] * 5 for each in serial] == found


@pytest.mark.parametrize("wrt", [None, 0])
def test_references_are_counted(wrt):
    """Neither arguments nor results are kept alive, whether the call succeeds or fails."""
    compiled = compile(lambda x, y: x * y + sqrt(x), backend="machine", wrt=wrt)
    compiled.value_and_grad(2.0, 3.0)
    x, pole, other = 2.0 + random.random(), 0.0 * random.random(), object()
    points = [(x, 3.0), (pole, x)]
    counted = [x, pole, None, float, other]
    before = [*map(sys.getrefcount, counted)]
    for _ in range(200):
        found = [compiled._short(point) for point in [*points, (x, other), (x,), (), (other, x, x)]]
        assert [each is None for each in found] == [False, True, True, True, True, True]
    results = found[0]
    del found
    assert all(abs(sys.getrefcount(each) - count) < 50 for each, count in zip(counted, before))
    fresh = (1.0, x)
    assert sys.getrefcount(results) == sys.getrefcount(fresh)
    slopes = [results[1]] if wrt == 0 else results[1]
    assert all(sys.getrefcount(each) <= 6 for each in (results[0], *slopes))


def test_an_argument_that_raises_when_asked_what_it_is():
    class Shy:
        @property
        def __class__(self):
            raise RuntimeError("no")

        def __float__(self):
            return 2.0

    compiled = compile(lambda x: x * x + 1.0, backend="machine")
    compiled.value_and_grad(2.0)
    assert compiled._short((Shy(),)) is None
    assert compiled._short((numpy.float64(3.0),)) == (10.0, 6.0)
