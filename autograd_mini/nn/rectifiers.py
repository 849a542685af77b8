"""Variants of the ReLU that hold a state: a generator, or a slope that is learnt."""

from __future__ import annotations

from math import isfinite
from random import Random
from typing import Any

from autograd_mini.functions import leaky_relu
from autograd_mini.nn.layers import as_generator
from autograd_mini.nn.module import Module
from autograd_mini.primitives import to_float
from autograd_mini.value import Value


class RandomisedLeakyReLU(Module):
    """y = z for z ≥ 0, else a·z with a slope a drawn anew for every unit and call (Xu et al. 2015; lecture:
    "Special Case 3: Non-differentiable Activations"). The derivative at 0 is 1.

    In training mode a is uniform in [lower, upper]; in evaluation mode it is their mean. `train()` and `eval()` of
    a network reach the activations of its layers.

    Args:
        lower, upper: the range of slopes.
        random: what the slopes are drawn by: a seed or a `random.Random`. A slope is drawn for positive z too,
            so that the draws do not depend on the data.

    Raises:
        ValueError: the range is not finite, or lower exceeds upper.

    >>> activation = RandomisedLeakyReLU(0.1, 0.3, random=7)
    >>> 0.1 <= activation(-1.0) / -1.0 <= 0.3
    True
    >>> activation.eval()(-1.0), activation(2.0)
    (-0.2, 2.0)
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, *, random: int | Random = 0) -> None:
        self.lower: float = to_float(lower, "lower")
        self.upper: float = to_float(upper, "upper")
        if not (isfinite(self.lower) and isfinite(self.upper) and self.lower <= self.upper):
            raise ValueError(f"slopes are drawn from [lower, upper], finite and in this order, got [{lower}, {upper}]")
        self.random: Random = as_generator(random)

    def __call__(self, z: Any) -> Any:
        slope = self.random.uniform(self.lower, self.upper) if self.training else (self.lower + self.upper) / 2
        return leaky_relu(z, slope)

    def details(self) -> str:
        return f"{self.lower}, {self.upper}"


class PReLU(Module):
    """y = z for z ≥ 0, else a·z with a slope a that is learnt (He et al. 2015; lecture: "Special Case 3:
    Non-differentiable Activations"). The derivative at 0 is 1 for z, 0 for a.

    One slope serves wherever the module is used: all units of a `Layer`, all hidden layers of an `MLP`.

    Args:
        slope: the initial value of a.

    >>> activation = PReLU(0.5)
    >>> y = activation(-3.0)
    >>> y.backward()
    >>> y.data, activation.slope.grad
    (-1.5, -3.0)
    """

    def __init__(self, slope: float = 0.25) -> None:
        self.slope: Value = Value(slope, label="slope")

    def __call__(self, z: Any) -> Any:
        return leaky_relu(z, self.slope)

    def details(self) -> str:
        return f"{self.slope._number}"
