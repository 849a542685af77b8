"""Functions in a module, to be sent to processes."""

import os
import signal
import struct
import sys
import time
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy

from autograd_mini import Value, compile, dot, exp, relu, sin, tanh
from autograd_mini import sum as total
from autograd_mini.nn import MLP, squared_error


def network(w, b, v, x, d):
    return (dot(v, [tanh(dot(row, x) + bias) for row, bias in zip(w, b)]) - d) ** 2


def loss(reduce="sum", **options):
    return compile(network, batch=["x", "d"], wrt=["w", "b", "v"], reduce=reduce, **options)


def data(n, seed=0):
    """Weights, and n examples."""
    random = numpy.random.default_rng(seed)
    weights = [random.normal(size=shape) for shape in [(5, 3), 5, 5]]
    return weights, [random.normal(size=(n, 3)), random.normal(size=n)]


def vector(a, x):
    return [exp(-a * x[0] * x[0]) * sin(x[1]), a * a * x[0] * relu(x[1])]


def number(a, x):
    return exp(-a[0] * x[0] * x[0]) * sin(x[1]) + a[1] ** 3 * x[0]


def branching(x):
    return x * x if x < 0.5 else 3.0 * x


def sparse(a, x):
    """Of other patterns on either side."""
    return [a[0] * x[0] * x[1], x[1]] if x[0] > 0.0 else [exp(a[1]), a[0] * a[1] * x[0]]


def sparse_number(a, x):
    return total(sparse(a, x))


def of_two_shapes(a, x):
    return numpy.array([a * x[0], x[1]]) if x[0] > 0.0 else numpy.array([a * x[1]])


def nested(x):
    return {"square": x["one"] ** 2, "pair": (x["two"], [x["one"], x["two"] * 2.0])}


def failing(x):
    if x > 9.5:
        raise ZeroDivisionError("that is too large")
    return x * x


class TooLarge(Exception):
    """A user's own exception."""


def failing_by_a_global(x):
    if x > factor:
        raise TooLarge("that is too large")
    return x


def deadly(x):
    if x > 9.5:
        os.kill(os.getpid(), signal.SIGKILL)
    return x * x


def half_a_message():
    """Die after writing the beginning of a result."""
    frame = sys._getframe()
    while "result_queue" not in frame.f_locals:
        frame = frame.f_back
    os.write(frame.f_locals["result_queue"]._writer.fileno(), struct.pack("!i", 1000) + b"the beginning")
    os.kill(os.getpid(), signal.SIGKILL)


class Unlucky(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def unlucky(x):
    raise Unlucky(1, 2)


@compile(batch="x", reduce="mean")
def decorated(x):
    return tanh(x) * x


model = MLP(3, [4, 1], activation="tanh", random=3)
scale = Value(1.5, label="scale")


def with_values(x, d):
    return scale * squared_error(model(x), [d])


def with_branches(x):
    """Other Values on either side."""
    return scale * x if x > 0.0 else total(weight * x for weight in model.parameters()[:2])


def noted(path, x):
    """Leave a line in a file wherever it is traced."""
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    return x * x


factor = 2.0
factors = [2.0]


def by_a_global(x):
    return factor * x


def by_a_list(x):
    return factors[0] * x


def seconds_asleep(seconds):
    time.sleep(seconds)
    return seconds


class Kind(Enum):
    CALL = "call"
    PUT = "put"


@dataclass
class Point:
    x: Any
    y: Any


def by_kind(kind, point):
    """Classes of its module, among the arguments and in the result."""
    sign = factor if kind is Kind.CALL else -factor
    return Point(sign * point.x if isinstance(point, Point) else point.y, point.y)
