"""Integers that count or index, and other arguments that are part of the key."""

import copy
import enum
import operator
import warnings
from collections import namedtuple
from dataclasses import dataclass
from functools import partial

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, compile, grad, hessian, jacobian, sin, value_and_grad
from autograd_mini import sum as total
from autograd_mini.compiler.calls import planning
from tests.compiler.comparing import BACKENDS, disagreement


def refused(error, *parts):
    """Assert that a call is refused in one line with all the parts."""
    text = str(error.value)
    assert "\n" not in text
    for part in parts:
        assert part in text, text


# Counts and indices

XS = [0.5, -1.25, 2.0, 3.5, -0.75]

USES = {
    "a slice": lambda xs, n: total(xs[:n]) * xs[0],
    "an index": lambda xs, n: xs[n] * xs[0] + xs[n - 1],
    "an index from the end": lambda xs, n: xs[-n] * sin(xs[0]),
    "a range": lambda xs, n: sum(xs[0] * k * xs[k] for k in range(n)),
    "a range of products": lambda xs, n: sum((xs[k] for k in range(2 * n % 5)), xs[0] * n),
    "half": lambda xs, n: xs[n // 2] * xs[1],
    "a repetition": lambda xs, n: total([xs[0] * xs[1]] * n) + xs[2],
    "two, one of the other": lambda xs, n: xs[min(n, 3)] * xs[max(n - 2, 0)],
    "a copy": lambda xs, n: xs[copy.deepcopy([n])[0]] * xs[0] * copy.copy(n),
    "int": lambda xs, n: xs[int(n)] * 2.0 + xs[operator.index(n)] * xs[round(n)],
    "a branch before": lambda xs, n: xs[n] * xs[0] if xs[0] > 0.0 and n > 1 else xs[0] * xs[1] * xs[2],
    "a constant table": lambda xs, n: xs[0] * [2.0, 3.0, 5.0, 7.0, 11.0][n] * xs[1],
    "a loop": lambda xs, n: partial_products(xs, n),
}


def partial_products(xs, n):
    result, i = xs[0], 0
    while i < n:
        result = result * xs[i] + 1.0
        i += 1
    return result


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("use", USES)
def test_integers_count_and_index(use, backend):
    f = USES[use]
    compiled = compile(f, backend=backend)
    for n in (1, 3, 2, 4, 1, 3):
        assert not disagreement(compiled(XS, n), f(XS, n))
        fixed = partial(f, n=n)
        gradient, of_n = compiled.grad(XS, n)
        assert not disagreement(gradient, grad(fixed)(XS))
        assert of_n is None or isinstance(of_n, float)
        assert not disagreement(compile(f, wrt=0, backend=backend).hessian(XS, n), hessian(fixed)(XS))


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.sampled_from(sorted(USES)))
def test_results_do_not_depend_on_the_integers_before(before, use):
    f = USES[use]
    compiled = compile(f, backend="numpy")
    for n in before:
        for xs in (XS, [-x for x in XS]):
            fresh = compile(f, backend="numpy")
            assert repr(compiled.value_and_grad(xs, n)) == repr(fresh.value_and_grad(xs, n))


def counted_or_not(xs, n):
    """It counts where it can; a fraction is for interpolation."""
    try:
        return sum(xs[:n]) * xs[0]
    except TypeError:
        return xs[0] * n


def counted_in_one_branch(xs, n):
    return counted_or_not(xs, n) if n > 1 else xs[1] * n


def asked_whether_it_counts(xs, n):
    return xs[0] * n * (2.0 if hasattr(n, "__index__") else 3.0)


@pytest.mark.parametrize("f", [counted_or_not, counted_in_one_branch, asked_whether_it_counts])
@pytest.mark.parametrize("backend", BACKENDS)
@given(st.lists(st.sampled_from([0, 1, 2, 3, 1.0, 1.5, 2.0, 3.0]), min_size=2))
def test_a_function_may_do_without_counting(f, backend, numbers):
    compiled = compile(f, wrt=0, backend=backend)
    for n in numbers:
        assert compiled.value_and_grad(XS, n) == value_and_grad(f, 0)(XS, n)


def test_there_is_no_derivative_towards_a_count():
    compiled = compile(lambda xs, n: total(xs[:n]) * n)
    assert compiled.grad(XS, 2) == ([2.0, 2.0, 0.0, 0.0, 0.0], None)
    assert compiled.jacobian(XS, 2)[1] is None
    assert compiled.hessian([0.5, 2.0], 1) == ([([0.0, 0.0], None), ([0.0, 0.0], None)], None)
    for no_change in (None, 0.0):
        assert compiled.hvp(XS[:2], 1, ([1.0, 1.0], no_change)) == ([0.0, 0.0], None)
    assert compile(lambda c: c["x"] ** 2 * c["ns"][1], wrt=None).grad({"x": 3.0, "ns": [1, 2]}) == {
        "x": 12.0,
        "ns": [0.0, 9.0],
    }
    found = compile(lambda c: sum(c["x"] * k for k in range(c["ns"][1]))).grad({"x": 3.0, "ns": [1, 3]})
    assert found == {"x": 3.0, "ns": [0.0, None]}


def test_where_it_does_not_count_it_is_a_number():
    """This is decided on each path separately, whatever was called before."""

    def f(x, n):
        return x * [1.0, 2.0, 4.0][n] if x > 0.0 else x * n

    for order in ([1.0, -1.0], [-1.0, 1.0]):
        compiled = compile(f)
        found = {x: (compiled(x, 2), compiled.grad(x, 2)) for x in order}
        assert found == {1.0: (4.0, (4.0, None)), -1.0: (-2.0, (2.0, -1.0))}
        assert compiled(-1.0, 1.5) == -1.5
        with pytest.raises(TypeError, match="uses a Value as a whole number"):
            compiled(1.0, 1.5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_counts_next_to_a_batch(backend):
    def f(xs, n):
        return total(xs[:n]) if xs[0] > 0.0 else xs[n] * 3.0

    rows = numpy.array([XS, [-x for x in XS], XS[::-1]])
    compiled = compile(f, batch="xs", backend=backend)
    for n in (2, 3, 1, 2):
        expected = [f(row, n) for row in rows.tolist()]
        value, (gradient, of_n) = compiled.value_and_grad(rows, n)
        assert value.tolist() == expected
        assert gradient.tolist() == [grad(partial(f, n=n))(row) for row in rows.tolist()]
        assert of_n is None


def test_arrays_of_integers():
    indices = numpy.array([3, 0, 1])
    compiled = compile(lambda xs, indices: [xs[i] * xs[i] for i in indices])
    assert compiled(XS, indices) == [3.5**2, 0.25, 1.25**2]
    assert compiled(XS, indices[:2]) == [3.5**2, 0.25]
    assert compiled(XS, numpy.array([0, 0, 1])) == [0.25, 0.25, 1.25**2]
    assert compiled.jacobian(XS, indices[:1]) == [([0.0, 0.0, 0.0, 7.0, 0.0], None)]
    with pytest.raises(TypeError, match="neither wrt nor batch names"):
        compile(lambda xs, i: xs[i], batch="i")(XS, indices)


def test_numpy_integers_and_bools():
    compiled = compile(lambda xs, n: xs[n])
    assert compiled(XS, numpy.int64(2)) == compiled(XS, 2) == 2.0
    assert compiled(XS, True) == XS[1]
    assert compile(lambda x, n: x * n).grad(2.0, 3) == (3.0, 2.0)


def test_values_beside_them():
    """With Values, the function itself is called."""
    xs = [Value(x) for x in XS]
    assert compile(lambda xs, n: total(xs[:n]))(xs, 2).data == sum(XS[:2])
    batch = numpy.array([xs, xs[::-1]])
    assert [y.data for y in compile(lambda xs, n: xs[n], batch="xs")(batch, 1)] == [XS[1], XS[3]]


def test_integers_towards_which_is_differentiated_are_numbers():
    assert compile(lambda x, n: x**n, wrt=["x", "n"]).grad(2.0, 3) == grad(lambda x, n: x**n)(2.0, 3)
    for wrt in ("n", ["x", "n"]):
        with pytest.raises(TypeError) as error:
            compile(lambda x, n: sum(x for _ in range(n)), wrt=wrt)(2.0, 3)
        refused(
            error, "<lambda> uses a Value as a whole number at", __file__, "neither wrt nor batch names", "static=…"
        )


@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: [x, x][n],
        lambda x, n: sum(x for _ in range(n)),
        lambda x, n: [x, x][:n],
        lambda x, n: [x] * n,
        lambda x, n: numpy.array([x, x])[n],
    ],
)
def test_other_numbers_do_not_count(f):
    with pytest.raises(TypeError) as error:
        compile(f)(2.0, 1.0)
    refused(error, "uses a Value as a whole number")


def test_counts_within_a_derivative_that_is_taken_inside():
    """There, too, a count has no derivative."""
    inner = lambda xs, n: total(xs[:n])
    assert compile(lambda xs, n: grad(inner, 0)(xs, n))(XS, 2) == [1.0, 1.0, 0.0, 0.0, 0.0]
    with pytest.raises(TypeError, match="uses a Value as a whole number"):
        compile(lambda xs, n: grad(inner)(xs, n)[0])(XS, 2)


def test_keys_of_dicts():
    with pytest.raises(TypeError) as error:
        compile(lambda x, n: {1: x, 2: x * x}[n])(3.0, 2)
    refused(error, "<lambda> looks up a Value in a dict at", __file__, "static=…")
    assert compile(lambda x, n: {1: x, 2: x * x}[n], static="n")(3.0, 2) == 9.0


def test_many_counts(monkeypatch):
    monkeypatch.setattr(planning, "MOST_LAYOUTS", 4)
    compiled = compile(lambda x, n: sum(x for _ in range(n)), backend="numpy")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [compiled(2.0, n) for n in range(1, 9)] == [2.0 * n for n in range(1, 9)]
    (warning,) = caught
    assert "is compiled anew for each" in str(warning.message)
    ((plans),) = compiled._plans._by_layout.values()
    assert len(plans) == 4
    assert [compiled(3.0, n) for n in range(1, 9)] == [3.0 * n for n in range(1, 9)]


# Static arguments


class Mode(enum.Enum):
    SQUARE = 1
    LINEAR = 2


@dataclass(frozen=True)
class Settings:
    power: int
    scale: float


class Box:
    def __init__(self, k):
        self.k = k


def by_mode(x, mode):
    return x * x if mode is Mode.SQUARE else x


def by_settings(x, settings):
    return x**settings.power * settings.scale


def by_type(x, thing):
    return x * (2.0 if type(thing) is int else 3.0 if type(thing) is bool else 5.0)


def by_function(x, f):
    return f(x) * x


def by_box(x, box):
    return x * box.k


def test_static_arguments_belong_to_the_key():
    compiled = compile(by_mode, static="mode")
    assert [compiled(3.0, mode) for mode in (Mode.SQUARE, Mode.LINEAR, Mode.SQUARE)] == [9.0, 3.0, 9.0]
    compiled = compile(by_settings, static=1)
    assert compiled.value_and_grad(3.0, Settings(2, 10.0)) == (90.0, 60.0)
    assert compiled.value_and_grad(3.0, Settings(2, 20.0)) == (180.0, 120.0)
    compiled = compile(by_type, static=["thing"])
    assert [compiled(1.0, thing) for thing in (1, True, 1.0, "1", (1,))] == [2.0, 3.0, 5.0, 5.0, 5.0]
    compiled = compile(by_function, static=-1)
    assert [compiled.grad(0.0, f) for f in (sin, lambda x: x + 1.0, lambda x: x + 2.0)] == [0.0, 1.0, 2.0]


def test_static_objects_that_change():
    compiled, box = compile(by_box, static="box"), Box(2.0)
    assert compiled(3.0, box) == 6.0
    box.k = 5.0
    assert compiled(3.0, box) == 15.0
    assert compiled(3.0, Box(7.0)) == 21.0
    outer = Box([Box(2.0)])
    compiled = compile(lambda x, box: x * box.k[0].k, static="box")
    assert compiled(3.0, outer) == 6.0
    outer.k[0].k = 4.0
    assert compiled(3.0, outer) == 12.0
    with pytest.raises(
        TypeError, match=r"box of <lambda> is .* \(Box\); it may hold numbers, .* or be named in static="
    ):
        compile(lambda x, box: x * box.k)(3.0, box)


scale = 2.0


def scaled(x):
    return x * scale


def test_what_static_functions_read_is_watched(monkeypatch):
    compiled = compile(by_function, static="f")
    assert compiled(3.0, scaled) == 18.0
    monkeypatch.setitem(scaled.__globals__, "scale", 5.0)
    assert compiled(3.0, scaled) == 45.0
    numbers = [1.0]
    compiled = compile(lambda x, f: f(x))
    assert compiled(3.0, lambda x: x * numbers[0]) == 3.0
    numbers[0] = 4.0
    assert compiled(3.0, lambda x: x * numbers[0]) == 12.0
    given = lambda x: x * numbers[0]
    alone, within = compile(lambda x, f: f(x)), compile(lambda x, fs: fs["of x"][0](x))
    for factor in (5.0, 7.0):
        numbers[0] = factor
        assert alone(3.0, given) == within(3.0, {"of x": [given]}) == 3.0 * factor


class Called:
    """An object that is called itself, and whose method is called."""

    factor = 2.0

    def __init__(self, k):
        self.k = k

    def __call__(self, x):
        return x * 2.0

    def times(self, x):
        return x * self.k * scale


@pytest.mark.parametrize("options", [{}, {"static": "called"}])
def test_objects_that_are_called_and_change(options, monkeypatch):
    called = Called(2.0)
    by_attribute = compile(lambda x, called: x * called.k, **options)
    by_method = compile(lambda x, called: called.times(x), **options)
    by_class = compile(lambda x, called: x * called.factor, **options)

    def check():
        assert by_attribute(3.0, called) == 3.0 * called.k
        assert by_method(3.0, called) == 3.0 * called.k * scale
        assert by_class(3.0, called) == 3.0 * called.factor
        assert by_class(3.0, Called) == 3.0 * Called.factor

    check()
    called.k = 5.0
    check()
    monkeypatch.setitem(globals(), "scale", 7.0)
    check()
    monkeypatch.setattr(Called, "factor", 9.0)
    check()
    called.factor = 4.0
    check()


@dataclass
class Side:
    length: float

    def area(self):
        return self.length * self.length * scale


class Pair(namedtuple("Pair", "one two")):
    weight = 2.0

    @property
    def total(self):
        return self.one + self.two * self.weight


def test_what_methods_of_arguments_read_is_watched(monkeypatch):
    area, total_of = compile(lambda side: side.area()), compile(lambda pair: pair.total)

    def check():
        assert area(Side(3.0)) == Side(3.0).area()
        assert total_of(Pair(1.0, 3.0)) == Pair(1.0, 3.0).total

    check()
    monkeypatch.setitem(globals(), "scale", 7.0)
    monkeypatch.setattr(Pair, "weight", 5.0)
    check()


class Alike:
    """A class whose equality does not reflect what is read."""

    def __init__(self, k):
        self.k = k

    def __eq__(self, other):
        return isinstance(other, Alike)

    def __hash__(self):
        return 0

    def __repr__(self):
        return "Alike()"


def test_things_that_are_equal_and_hold_other_numbers():
    alike = first = Alike(2.0)
    compiled, given = compile(lambda x: x * alike.k), compile(lambda x, alike: x * alike.k, static="alike")
    for alike in (first, Alike(5.0), Alike(7.0)):
        assert compiled(3.0) == given(3.0, alike) == 3.0 * alike.k
        alike.k += 1.0
        assert compiled(3.0) == given(3.0, alike) == 3.0 * alike.k


def test_static_arguments_are_not_differentiated_towards():
    compiled = compile(lambda x, n, y: x * y * n, static="n")
    assert compiled.grad(2.0, 3, 5.0) == (15.0, 6.0)
    assert compile(lambda x, n: x * x * n, static="n").grad(2.0, 3) == 12.0
    assert compile(lambda x, n: x * x * n, static="n").hvp(2.0, 3, 1.0) == 6.0
    assert compile(lambda x, n: x * n, static="n", batch=True)(numpy.ones(2), 3).tolist() == [3.0, 3.0]
    assert compile(lambda x, n: x * n, static="n", batch=True).grad([Value(1.0), Value(2.0)], 3)[1].data == 3.0
    assert compile(by_mode, static="mode")(Value(3.0), Mode.SQUARE).data == 9.0
    assert jacobian(lambda x: compile(by_mode, static="mode")(x, Mode.SQUARE))(3.0) == 6.0


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"static": "z"}, ValueError, "static names argument 'z' of product, which has x, n"),
        ({"static": 2}, ValueError, "static names argument 2 of product, which has x, n"),
        ({"static": ["n", 1]}, ValueError, "static names argument n of product twice"),
        ({"static": "n", "wrt": ["x", "n"]}, ValueError, "wrt names argument n of product, which static also names"),
        ({"static": "n", "batch": 1}, ValueError, "batch names argument n of product, which static also names"),
        ({"static": 1.5}, TypeError, "static takes positions or names of arguments, got 1.5"),
        ({"static": None}, TypeError, "static takes positions or names of arguments, got None"),
    ],
)
def test_options_that_are_wrong(options, kind, words):
    def product(x, n):
        return x * n

    with pytest.raises(kind) as error:
        compile(product, **options)
    refused(error, words)


@pytest.mark.parametrize("thing", [[1.0], {"a": 1}, {1}, numpy.ones(2)])
def test_static_arguments_are_hashable(thing):
    with pytest.raises(TypeError) as error:
        compile(by_box, static="box")(2.0, thing)
    refused(error, "box of by_box is static and must be hashable", type(thing).__name__)
