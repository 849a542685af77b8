"""The cost of cutting a batch into tiles: value and gradient of digits 64-32-10, in one call and on an executor."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy

TITLE = "tiles: digits 64-32-10, value and gradient"
BASELINE = "one call"
SIZES = "examples", (20_000, 200_000)


def loss(w1, b1, w2, b2, x, d):
    from autograd_mini import dot, relu

    y = [relu(dot(row, x) + b) for row, b in zip(w1, b1)]
    return sum((dot(row, y) + b - want) ** 2 for row, b, want in zip(w2, b2, d))


def problem(n):
    """The compiled loss, weights and n examples."""
    from autograd_mini import compile

    random = numpy.random.default_rng(0)
    shapes = [(32, 64), 32, (10, 32), 10, (n, 64), (n, 10)]
    compiled = compile(loss, batch=["x", "d"], wrt=["w1", "b1", "w2", "b2"], reduce="mean", threads=1)
    return compiled, [random.normal(size=shape) for shape in shapes]


def one_call(n):
    compiled, args = problem(n)
    return lambda: compiled.value_and_grad(*args)


def tiles_of(tile):
    def contender(n):
        compiled, args = problem(n)
        tiled = compiled.on(ThreadPoolExecutor(1), tile)
        return lambda: tiled.value_and_grad(*args)

    return contender


CONTENDERS = {"one call": one_call, "tiles of its choice": tiles_of(None), "tiles of 256": tiles_of(256)}
