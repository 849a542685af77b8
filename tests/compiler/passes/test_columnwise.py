"""The compiler finds the columns of one example: parts that do the same again and again, in any order."""

import numpy
import pytest

from autograd_mini import compile, dot, relu, softmax, sqrt, square, sum, tanh
from autograd_mini.compiler.ir.request import Kind, Request
from autograd_mini.compiler.passes.columnar import Columns
from autograd_mini.compiler.passes.columnwise import divide
from autograd_mini.compiler.pipeline import program_of
from autograd_mini.compiler.run.scheduling import constants_of

pytest.importorskip("llvmlite")
CHANCE = numpy.random.default_rng(1)
POINTS = CHANCE.normal(size=(32, 3)).tolist()


def items(function, *args, kind=Kind.VALUE):
    """Of each item how many columns it has, and how many rows; of sums term by term, how many lanes."""
    compiled = compile(function, backend="machine")
    compiled(*args)
    plan = compiled._latest.parts[0].plan
    program = program_of(plan.source, Request(kind, tuple(range(len(args))) if kind == Kind.GRADIENT else ()))
    return [
        (item.n, [len(place.lanes) for place in item.places.values()], len(item.totals))
        if isinstance(item, Columns)
        else item.pack.lanes
        for item in divide(program, [*constants_of(program)])
    ]


def points(w):
    """Two layers over 32 points, and the mean over them."""
    hidden = [[tanh(dot(row, x)) for row in w] for x in POINTS]
    return sum([square(dot(w[0], h[:3])) for h in hidden])


def pairs(x, y):
    """Forces between 20 bodies, pair by pair."""
    pulls = [[] for _ in x]
    for i in range(20):
        for j in range(i):
            apart = [x[i] - x[j], y[i] - y[j]]
            pull = 1.0 / sqrt(square(apart[0]) + square(apart[1]) + 0.1)
            pulls[i].append(pull * y[j])
            pulls[j].append(pull * y[i])
    return sum([tanh(sum(pull)) for pull in pulls])


def test_points_are_columns():
    """The rows of a layer are rows; the sum over the points runs over all columns."""
    assert items(points, CHANCE.normal(size=(4, 3))) == [(32, [3, 3, 1], 1), 1]


def test_so_they_are_in_the_gradient():
    """The value and the derivatives with respect to the weights are sums over all columns."""
    found = items(points, CHANCE.normal(size=(4, 3)), kind=Kind.GRADIENT)
    assert found[1:] == [1, 12]
    assert (found[0][0], found[0][2]) == (32, 2)


def test_pairs_are_columns_and_what_meets_them_is_gathered():
    found = items(pairs, CHANCE.normal(size=20), CHANCE.normal(size=20))
    assert [each if isinstance(each, int) else each[0] for each in found] == [190, 20, 20, 1]


def test_columns_that_do_not_do_the_same_are_apart():
    """Every third has one more term, and is the greater by it: as many columns as lanes, each by itself."""

    def ragged(x):
        return sum([relu(sum([*x[i : i + 4], *([x[0]] if i % 3 else [])])) for i in range(60)])

    found = items(ragged, CHANCE.normal(size=64))
    assert [each if isinstance(each, int) else each[0] for each in found] == [60, 60, 1]


def test_columns_of_different_length_are_not_columns():
    """Of one, two and three terms in turn, which are two for each column on average."""

    def steps(x, y):
        return sum([dot(x[i : i + n], y[i : i + n]) ** 2 for i in range(0, 120, 3) for n in (1, 2, 3)])

    x, y = CHANCE.normal(size=120), CHANCE.normal(size=120)
    rows = (x * y).reshape(-1, 3).cumsum(axis=1)
    value, slopes = compile(steps, backend="machine").value_and_grad(x, y)
    assert value == pytest.approx((rows**2).sum(), rel=1e-14)
    slope = 2.0 * rows[:, ::-1].cumsum(axis=1)[:, ::-1].ravel()
    assert numpy.allclose(slopes, [slope * y, slope * x], rtol=1e-13, atol=0.0)


def test_vectors_are_columns():
    def shares(x):
        return sum([square(a) for i in range(0, 60, 3) for a in softmax(x[i : i + 3])])

    assert items(shares, CHANCE.normal(size=60))[0] == (20, [3], 1)
