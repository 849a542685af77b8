"""An MLP 64-32-10 over the 1,797 digits of scikit-learn."""

from __future__ import annotations

from tests.benchmarks import perceptron

TITLE = "compiled: MLP 64-32-10, softmax and divergence, loss and all gradients over 1,797 digits"
BASELINE = "torch"


def data():
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.data / 16, digits.target, perceptron.first_weights([64, 32, 10])


def scalars():
    return perceptron.scalars(*data())


CONTENDERS = perceptron.contenders(data)
