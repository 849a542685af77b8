"""Compares compiled and eager programs whose derivatives are constant: python -m tests.compiler.constant_derivatives.

Damage by memory of the wrong size may show only much later, so this ends with a garbage collection and a sign of life.
"""

import gc
import sys
from contextlib import nullcontext

import numpy

import autograd_mini as am
from autograd_mini.compiler import pipeline
from autograd_mini.structures import flatten
from tests.compiler.run.fences import Margined, fenced

COUNTS = [1, 7, 20, 33]
CAPTURED = am.Value(1.5)
MANY = 300
"""So many numbers are left to NumPy where there is one column."""


def points(n):
    """Points that are no kink, and points on both sides of each kink."""
    return [0.1 * i - 1.03 for i in range(n)]


def row(n, i):
    return [0.3 * (i * j % 5) - 0.5 for j in range(n)]


FLAT = {
    "abs": lambda v: am.sum([abs(x) for x in v]),
    "max of linear": lambda v: am.max([2.0 * x for x in v]),
    "relu of linear": lambda v: am.sum([am.relu(1.0 - 2.0 * x) for x in v]),
    "max of relu": lambda v: am.max([am.relu(x) for x in v]),
    "linear": lambda v: am.sum([(i - 3.0) * x for i, x in enumerate(v)]),
    "dot of numbers": lambda v: am.dot(v, [1.5 - i for i in range(len(v))]),
    "mean": lambda v: am.mean(v),
    "min": lambda v: am.min([3.0 - x for x in v]),
    "one of them": lambda v: 2.0 * v[-1],
    "maximum of two": lambda v: am.sum([am.maximum(2.0 * x, y) for x, y in zip(v, reversed(v))]),
    "where": lambda v: am.sum([am.where(x > 0.0, 3.0 * x, -x) for x in v]),
    "clip": lambda v: am.sum([am.clip(x, -0.5, 0.5) for x in v]),
    "leaky_relu": lambda v: am.sum([am.leaky_relu(x, 0.1) for x in v]),
    "sign and floor": lambda v: am.sum([am.sign(x) + am.floor(x) for x in v]),
    "long sums": lambda v: am.sum([am.sum([abs(x - 0.37 * j) for j in range(5)]) for x in v]),
    "numbers alone": lambda v: am.sum([3.0, 4.0]) + 0.0 * v[0],
    "layers of relu": lambda v: am.max([am.relu(am.dot(v, row(len(v), i))) for i in range(24)]),
}  # fmt: skip
"""Of one list, with a second derivative of 0."""

SEVERAL = {
    "curved towards one": (lambda x, y: am.sum([am.tanh(a) for a in x]) + am.max([abs(b) for b in y]), 5, 9),
    "one unused": (lambda x, y: am.dot(x, x), 4, 7),
    "both unused": (lambda x, y: am.sum([CAPTURED, 2.0]), 4, 7),
    "bilinear": (lambda x, y: am.dot(x, y[: len(x)]), 6, 8),
    "linear in both": (lambda x, y: am.sum([2.0 * a for a in x]) - am.sum(y), 20, 3),
    "first empty": (lambda x, y: am.sum([abs(b) for b in y]) + am.sum(x), 0, 9),
    "second empty": (lambda x, y: am.max([2.0 * a for a in x]) * 1.0 + am.sum(y), 11, 0),
    "both empty": (lambda x, y: am.sum(x) + am.sum(y), 0, 0),
}
"""Of two lists, and how long they are."""

RESULTS = {
    "a constant among them": (lambda x, y: [am.sum(x), 3.0, abs(y[0]), 2.0 * x[0] - y[-1]], 5, 3),
    "curved and not": (lambda x, y: [am.sin(a) for a in x] + [am.relu(b) for b in y], 9, 17),
    "linear map": (lambda x, y: [am.dot([0.1 * (i * j % 7) for j in range(len(x))], x) for i in range(20)], 20, 2),
    "large linear map": (lambda x, y: [am.dot([i - j + 0.5 for j in range(len(x))], x) for i in range(40)], 40, 2),
    "of no argument": (lambda x, y: [CAPTURED, 2.0, 3.0 * CAPTURED], 4, 1),
    "none": (lambda x, y: [], 4, 1),
    "of an empty list": (lambda x, y: [am.sum(x), 2.0 * y[0]], 0, 3),
    "in a dict": (lambda x, y: {"a": am.max(x), "b": [5.0, abs(y[0])]}, 12, 1),
}
"""Several results of two lists."""


def numbers(nest):
    return numpy.array(flatten(nest, "a result")[0], dtype=float)


def same(found, expected, what):
    found, expected = numbers(found), numbers(expected)
    assert found.shape == expected.shape, (what, found.shape, expected.shape)
    scale = numpy.abs(expected).max(initial=0.0)
    assert (numpy.abs(found - expected) <= 1e-13 * scale).all(), (what, found, expected)


def check_flat(backend):
    counts = {"abs": [*COUNTS, MANY], "max of relu": [*COUNTS, MANY]}
    for (name, function), n in ((each, n) for each in FLAT.items() for n in counts.get(each[0], COUNTS)):
        point = points(n)
        compiled = am.compile(function, backend=backend)
        for _ in range(2):
            what = f"{name} of {n} numbers"
            same(compiled.hessian(point), numpy.zeros((n, n)), f"Hessian of {what}")
            same(compiled.grad(point), am.grad(function)(point), f"gradient of {what}")
            same(compiled(point), am.Value(0.0) + function([am.Value(x) for x in point]), what)
            same(compiled.hvp(point, [1.0] * n), [0.0] * n, f"product of {what}")
            same(compiled.jacobian(point), am.grad(function)(point), f"Jacobian of {what}")


def check_several(backend):
    for name, (function, n, m) in SEVERAL.items():
        args = points(n), [0.5 + x for x in points(m)]
        vector = [1.0] * n, [-1.0] * m
        compiled = am.compile(function, backend=backend)
        for derivative in ("grad", "hessian", "jacobian"):
            same(getattr(compiled, derivative)(*args), getattr(am, derivative)(function)(*args), f"{derivative} {name}")
        matrix = numbers(am.hessian(function)(*args)).reshape(n + m, n + m)
        same(compiled.hvp(*args, vector), matrix @ numpy.concatenate(vector), f"product {name}")
    for name, (function, n, m) in RESULTS.items():
        args = points(n), [0.5 + x for x in points(m)]
        compiled = am.compile(function, backend=backend)
        same(compiled(*args), function(*args), name)
        for wrt in (0, 1, (0, 1)):
            chosen = am.compile(function, wrt=wrt, backend=backend)
            expected = am.jacobian(function, argnums=wrt)(*args)
            same(chosen.jacobian(*args), expected, f"Jacobian towards {wrt} of {name}")


def check_batches(backend):
    """Check a function of w and x, which may use only one of them, on batches of no example, one, and more than there
    are lanes."""
    functions = [
        lambda w, x: am.sum([abs(a) for a in w]),
        lambda w, x: am.max([2.0 * b for b in x]),
        lambda w, x: am.sum([am.relu(a) for a in w]) - am.sum([abs(b) for b in x]),
        lambda w, x: am.sum([am.tanh(a) for a in w]) + 2.0 * x[0],
        lambda w, x: am.sum([CAPTURED, 2.0]),
    ]
    for number, function in enumerate(functions):
        for batch, n, reduce in ((b, n, r) for b in ("w", "x") for n in (1, 5, 40) for r in (None, "sum", "mean")):
            several = numpy.array([[0.3 * i - 0.7 * j + 0.05 for j in range(3)] for i in range(n)])
            single = numpy.array([0.25, -0.5, 0.75])
            args = (several, single) if batch == "w" else (single, several)
            rows = [(row, single) if batch == "w" else (single, row) for row in several]
            compiled = am.compile(function, batch=batch, reduce=reduce, backend=backend)
            values = numpy.array([float(numbers(function(*map(list, row)))[0]) for row in rows])
            slopes = numpy.array([numbers(am.grad(function)(*map(list, row))) for row in rows])
            value, found = compiled.value_and_grad(*args)
            total = {None: lambda x: x, "sum": lambda x: x.sum(axis=0), "mean": lambda x: x.mean(axis=0)}[reduce]
            what = f"function {number}, {n} examples in {batch}, {reduce}"
            same(value, total(values), what)
            share = n if reduce == "mean" else 1
            for part, name in ((slice(0, 3), "w"), (slice(3, 6), "x")):
                expected = slopes[:, part] / share if name == batch else total(slopes[:, part])
                same(found[name == "x"], expected, f"gradient of {what} towards {name}")
            vector = numpy.ones_like(args[0]), numpy.ones_like(args[1])
            matrices = [numbers(am.hessian(function)(*map(list, row))).reshape(6, 6) for row in rows]
            curved = numpy.array([matrix.sum(axis=1) for matrix in matrices])
            for part, name in ((slice(0, 3), "w"), (slice(3, 6), "x")):
                expected = curved[:, part] / share if name == batch else total(curved[:, part])
                same(compiled.hvp(*args, vector)[name == "x"], expected, f"product of {what} towards {name}")


def main(backend, form, around):
    if form != "either":
        pipeline.suits_scalars = lambda *args: form == "scalars"
    with fenced(Margined) if around == "margins" else nullcontext():
        check_flat(backend)
        check_several(backend)
        check_batches(backend)
        gc.collect()
    print("alive")


if __name__ == "__main__":
    main(*sys.argv[1:])
