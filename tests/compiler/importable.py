"""Compiled functions in a module, which are pickled by name."""

import numpy

from autograd_mini import Value, compile, tanh
from autograd_mini.nn import MLP, squared_error

model = MLP(2, [3, 1], activation="tanh", random=1)


@compile(batch=True)
def decorated(x, y):
    return tanh(x) * y


@compile(batch=["x", "d"], reduce="mean")
def loss(x, d):
    return squared_error(model(x), [d])


class Measure:
    """A callable object with its own parameters."""

    def __init__(self):
        self.model = MLP(2, [2, 1], activation="tanh", random=3)
        self.scale = Value(2.0)

    def __call__(self, x):
        return self.model(x) * self.scale


def scaled(a, x):
    return a * x * x


def gradient_of_decorated(x):
    """What a worker does."""
    return decorated.grad(numpy.asarray(x), numpy.ones(len(x)))[0]
