"""The simplest model to test training with."""

from autograd_mini import Value
from autograd_mini.nn import Module


class Scale(Module):
    """The model y = w·x."""

    def __init__(self, weight=0.0):
        self.weight = Value(weight)

    def __call__(self, x):
        return self.weight * x
