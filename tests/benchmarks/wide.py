"""An MLP 784-128-10, whose matrix products outweigh the rest."""

from __future__ import annotations

import numpy

from tests.benchmarks import perceptron

TITLE = "compiled: MLP 784-128-10, softmax and divergence, loss and all gradients over 1,024 examples"
BASELINE = "torch"


def data():
    random = numpy.random.default_rng(2)
    return random.uniform(size=(1024, 784)), random.integers(10, size=1024), perceptron.first_weights([784, 128, 10])


def scalars():
    return perceptron.scalars(*data())


CONTENDERS = perceptron.contenders(data)
