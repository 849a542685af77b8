"""An MLP 64-32-10 over the 1,797 digits of scikit-learn."""

from __future__ import annotations

from tests.benchmarks.perceptron import contenders, first_weights

TITLE = "compiled: MLP 64-32-10, softmax and divergence, loss and all gradients over 1,797 digits"
BASELINE = "torch"


def data():
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.data / 16, digits.target, first_weights([64, 32, 10])


CONTENDERS = contenders(data)
