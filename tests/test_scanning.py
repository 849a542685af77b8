"""`scan` gives what the loop that it stands for gives; and what it refuses."""

from typing import NamedTuple

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, grad, hessian, jacobian, scan, tanh
from autograd_mini.testing import strategies


class Point(NamedTuple):
    x: float
    y: float


@given(strategies.values(), st.lists(strategies.values(), max_size=6))
def test_is_the_loop_that_it_stands_for(first, xs):
    def step(carry, x):
        return (carry[0] * 0.5 + x, carry[0]), carry[0] - x

    carry, kept, rows = (first, 1.0), [], []
    for x in xs:
        carry, y = step(carry, x)
        rows.append(y)
    found, kept = scan(step, (first, 1.0), xs)
    assert found == carry
    assert kept.tolist() == rows


@given(strategies.points(3))
def test_derivatives_are_those_of_the_loop(point):
    def by_scan(w, h, x):
        last, kept = scan(lambda h, t: (tanh(w * h + t * x), h * h), h, [0.5, -1.0, 2.0])
        return last + kept.sum()

    def by_hand(w, h, x):
        total = 0.0
        for t in (0.5, -1.0, 2.0):
            total = total + h * h
            h = tanh(w * h + t * x)
        return h + total

    assert grad(by_scan)(*point) == pytest.approx(grad(by_hand)(*point), rel=1e-12, abs=1e-300)
    assert numpy.array(hessian(by_scan)(*point)) == pytest.approx(
        numpy.array(hessian(by_hand)(*point)), rel=1e-11, abs=1e-14
    )


def test_takes_structures_apart_and_puts_them_together():
    xs = {"t": [1.0, 2.0], "uv": (numpy.array([[1.0, 2.0], [3.0, 4.0]]), range(2)), "no": None}
    seen = []

    def step(carry, x):
        seen.append(x)
        return Point(carry.y, carry.x + x["t"]), {"a": carry.x, "b": [x["uv"][0], None]}

    last, kept = scan(step, Point(0.0, 1.0), xs)
    assert last == Point(1.0, 3.0)
    assert [(x["t"], x["uv"][0].tolist(), x["uv"][1], x["no"]) for x in seen] == [
        (1.0, [1.0, 2.0], 0, None),
        (2.0, [3.0, 4.0], 1, None),
    ]
    assert kept["a"].shape == (2,)
    assert kept["b"][0].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert kept["b"][1] is None


def test_values_among_everything():
    x, w = Value(2.0), Value(3.0)
    last, kept = scan(lambda carry, u: (carry * w + u, carry), 1.0, [x, 1.0, x])
    (last + kept.sum()).backward()
    assert last.data == (1.0 * 3 + 2) * 9 + 3 + 2
    # last = w³ + x·w² + w + x; before it there are 1, w + x and w² + x·w + 1
    assert x.grad == (3.0**2 + 1.0) + (1.0 + 3.0)
    assert w.grad == (3 * 3.0**2 + 2 * 2.0 * 3.0 + 1.0) + (1.0 + 2 * 3.0 + 2.0)


def test_no_steps():
    for xs in ([], numpy.zeros((0, 3)), ([], [])):
        last, kept = scan(lambda carry, x: (carry + x, carry), 1.5, xs)
        assert last == 1.5
        assert kept.shape == (0,)
    assert scan(lambda carry, x: (carry, None), [1.0], length=0)[0] == [1.0]


def test_nothing_is_carried_or_kept():
    assert scan(lambda _, x: (None, x * x), None, [1.0, 2.0])[1].tolist() == [1.0, 4.0]
    assert scan(lambda x, _: (x + 1.0, None), 0.0, length=3) == (3.0, None)
    assert jacobian(lambda a: scan(lambda c, x: (c, c * x), a, [1.0, 2.0])[1])(3.0).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: scan(lambda c, x: ([c], x), 0.0, [1.0]), TypeError, r"carry \[·\] where it was given ·; scan needs"),
        (lambda: scan(lambda c, x: (c, x), 0.0, ([1.0], [1.0, 2.0])), ValueError, r"xs\[0\] is for 1 .* xs\[1\] for 2"),
        (lambda: scan(lambda c, x: (c, x), 0.0, [1.0], 2), ValueError, "length is for 2 step.* xs for 1"),
        (lambda: scan(lambda c, x: (c, x), 0.0), ValueError, "needs xs or a length"),
        (lambda: scan(lambda c, x: (c, x), 0.0, length=-1), ValueError, "must be 0 or more, got -1"),
        (lambda: scan(lambda c, x: (c, x), 0.0, length=2.0), TypeError, "length must be an int, got 2.0"),
        (lambda: scan(lambda c, x: (c, x), 0.0, (1.0, 2.0)), TypeError, r"xs\[0\] of scan must be a list or an array"),
        (lambda: scan(lambda c, x: (c, x), 0.0, Value(1.0)), TypeError, "xs of scan must be a list or an array"),
        (lambda: scan(lambda c, x: c, 0.0, [1.0]), TypeError, r"gives \(carry, y\), but <lambda> gave 0.0"),
        (lambda: scan(lambda c, x: (c, [c] * int(x)), 0.0, [1, 2]), TypeError, r"a y \[·, ·\] after \[·\]"),
        (lambda: scan(lambda c, x: (c, x), "a", [1.0]), TypeError, "scan carries numbers and None"),
        (lambda: scan(3, 0.0, [1.0]), TypeError, "scan takes a function, got 3"),
        (lambda: scan(lambda c, x: (c, x), 0.0, [1.0], checkpoint=0), ValueError, "checkpoint must be 'auto' or"),
    ],
)
def test_says_what_is_wrong(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()
