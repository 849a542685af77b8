"""An MLP 784-h-10 of more and more hidden units, 795 weights each, over 256 examples."""

from __future__ import annotations

import numpy

from tests.benchmarks import perceptron

TITLE = "sweep: MLP 784-h-10, loss and all gradients over 256 examples, by hidden units"
BASELINE = "torch"
SIZES = "hidden units", (8, 32, 128, 512)


def data(hidden):
    random = numpy.random.default_rng(2)
    return random.uniform(size=(256, 784)), random.integers(10, size=256), perceptron.first_weights([784, hidden, 10])


CONTENDERS = perceptron.contenders(data)


def scalars(hidden):
    return perceptron.scalars(*data(hidden))
