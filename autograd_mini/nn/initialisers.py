"""Initial weights, drawn from an explicit generator."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from random import Random

from autograd_mini.primitives import brief

Initialiser = Callable[[int, int, Random], float]
"""Draws one weight from the numbers of inputs and outputs of its layer and a generator."""


def glorot_uniform(n_inputs: int, n_outputs: int, random: Random) -> float:
    """Uniform in ±√(6/(inputs + outputs)), for sigmoid-like activations: Glorot and Bengio 2010.

    >>> abs(glorot_uniform(3, 3, Random(0))) <= 1.0
    True
    """
    bound = sqrt(6.0 / (n_inputs + n_outputs))
    return random.uniform(-bound, bound)


def he_normal(n_inputs: int, n_outputs: int, random: Random) -> float:
    """Normal with variance 2/inputs, for the ReLU family: He et al. 2015.

    >>> he_normal(2, 1, Random(0)) == Random(0).gauss(0.0, 1.0)
    True
    """
    return random.gauss(0.0, sqrt(2.0 / n_inputs))


def uniform(n_inputs: int, n_outputs: int, random: Random) -> float:
    """Uniform in [-1, 1], whatever the layer.

    >>> abs(uniform(2, 1, Random(0))) <= 1.0
    True
    """
    return random.uniform(-1.0, 1.0)


RELU_FAMILY = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "PReLU", "RandomisedLeakyReLU")


def find_initialiser(initialise: Initialiser | None, activation_name: str) -> Initialiser:
    """The initialiser that was given, which must be a function; for None the one that fits the activation.

    >>> find_initialiser(None, "relu") is he_normal
    True
    """
    if initialise is None:
        return he_normal if activation_name in RELU_FAMILY else glorot_uniform
    if not callable(initialise):
        raise TypeError(
            f"initialise takes a function, such as autograd_mini.nn.initialisers.he_normal, got {brief(initialise)} "
            f"({type(initialise).__name__})"
        )
    return initialise
