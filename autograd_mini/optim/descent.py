"""Gradient descent and its relatives."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any

from autograd_mini.optim.optimizer import Optimizer
from autograd_mini.optim.schedules import Schedule, require_between, require_rate
from autograd_mini.primitives import brief
from autograd_mini.value import Value


class SGD(Optimizer):
    """Gradient descent, w ← w - η·∂Loss/∂w (lecture: "Training by BackProp"), optionally with momentum.

    With g the gradient plus weight_decay·w and v the velocity, v ← momentum·v + g and w ← w - η·v; Nesterov's
    variant steps by g + momentum·v instead (Sutskever et al. 2013, in PyTorch's formulation).

    Args:
        parameters, learning_rate: as for `Optimizer`, which documents the errors too.
        momentum: in [0, 1); 0 for plain gradient descent.
        nesterov: whether to use Nesterov's variant, which needs momentum.
        weight_decay: ≥ 0, the factor of ½ Σ w² added to the loss.

    >>> w = Value(1.0)
    >>> w.grad = 0.5
    >>> SGD([w], learning_rate=0.1).step()
    >>> w.data
    0.95
    """

    slots: tuple[str, ...] = ("velocity",)
    takes_arrays = True
    velocity: list[float]

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate)
        self.momentum: float = require_between(momentum, 0.0, 1.0, "momentum")
        self.weight_decay: float = require_between(weight_decay, 0.0, None, "weight_decay")
        if nesterov and not momentum:
            raise ValueError("Nesterov's variant needs a momentum > 0, got 0; 0.9 is usual")
        self.nesterov: bool = bool(nesterov)

    def _update(self, learning_rate: float) -> None:
        momentum, decay, velocity = self.momentum, self.weight_decay, self.velocity
        for i, w in enumerate(self.parameters):
            g = w.grad + decay * w.data if decay else w.grad
            if momentum:
                velocity[i] = v = momentum * velocity[i] + g
                g = g + momentum * v if self.nesterov else v
            w.data -= learning_rate * g


class Adam(Optimizer):
    """Steps scaled by running moments of the gradient (Kingma and Ba 2015, algorithm 1).

    m ← β₁m + (1 - β₁)g, v ← β₂v + (1 - β₂)g², and at step t, counted from 1,
    w ← w - η·m̂/(√v̂ + ε) with m̂ = m/(1 - β₁ᵗ), v̂ = v/(1 - β₂ᵗ).

    Args:
        parameters, learning_rate: as for `Optimizer`, which documents the errors too.
        betas: β₁ and β₂, each in [0, 1).
        epsilon: ε > 0.
        weight_decay: ≥ 0, the factor of ½ Σ w² added to the loss.

    >>> w = Value(1.0)
    >>> w.grad = 250.0
    >>> Adam([w], learning_rate=0.125).step()
    >>> round(w.data, 9)
    0.875
    """

    slots: tuple[str, ...] = ("first_moment", "second_moment")
    takes_arrays = True
    first_moment: list[float]
    second_moment: list[float]

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, learning_rate)
        try:
            beta1, beta2 = betas
        except (TypeError, ValueError):
            raise ValueError(f"betas must be two numbers in [0, 1), got {brief(betas)}") from None
        self.betas: tuple[float, float] = (
            require_between(beta1, 0.0, 1.0, "a beta"),
            require_between(beta2, 0.0, 1.0, "a beta"),
        )
        self.epsilon: float = require_rate(epsilon, "epsilon")
        self.weight_decay: float = require_between(weight_decay, 0.0, None, "weight_decay")

    def _update(self, learning_rate: float) -> None:
        (beta1, beta2), epsilon, decay = self.betas, self.epsilon, self.weight_decay
        first, second, t = self.first_moment, self.second_moment, self.steps + 1
        scale = learning_rate / (1.0 - beta1**t)
        root = sqrt(1.0 - beta2**t)
        for i, w in enumerate(self.parameters):
            g = w.grad + decay * w.data if decay else w.grad
            first[i] = m = first[i] + (1.0 - beta1) * (g - first[i])
            second[i] = v = beta2 * second[i] + (1.0 - beta2) * (g * g)
            w.data -= scale * m / (_sqrt(v) / root + epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay: each step starts with w ← w - η·weight_decay·w, which the moments do not
    include (Loshchilov and Hutter 2019). Args and errors are those of `Adam`.

    >>> w = Value(1.0)
    >>> AdamW([w], learning_rate=0.1, weight_decay=0.5).step()
    >>> w.data
    0.95
    """

    takes_arrays: bool = True

    def __init__(
        self,
        parameters: Iterable[Value],
        learning_rate: float | Schedule = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, learning_rate, betas=betas, epsilon=epsilon)
        self.decoupled_decay: float = require_between(weight_decay, 0.0, None, "weight_decay")

    def _update(self, learning_rate: float) -> None:
        for w in self.parameters:
            w.data *= 1.0 - learning_rate * self.decoupled_decay
        super()._update(learning_rate)


def _sqrt(x: Any) -> Any:
    """The square root of a float, or of each number in an array."""
    if type(x) is float:
        return sqrt(x)
    import numpy

    return numpy.sqrt(x)
