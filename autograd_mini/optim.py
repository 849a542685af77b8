"""Optimizers: what turns the gradients of parameters into better parameters.

>>> from autograd_mini import Value
>>> x = Value(5.0)
>>> optimizer = SGD([x], learning_rate=0.1, momentum=0.5)
>>> for _ in range(60):
...     optimizer.zero_grad()
...     ((x - 2) ** 2).backward()
...     optimizer.step()
>>> round(x.data, 6)
2.0
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite, sqrt
from typing import Any

from autograd_mini.primitives import brief
from autograd_mini.schedules import Schedule, require_between, require_rate
from autograd_mini.value import Constant, Value


class Optimizer:
    """What all optimizers share: parameters, a learning rate, the number of steps taken.

    Args:
        parameters: leaf Values, such as `model.parameters()`.
        learning_rate: a number > 0, or a schedule: a function of the number of steps taken so far.

    Raises:
        ValueError: there are no parameters, one comes twice, one was computed from others, or a number is
            out of its range.
        TypeError: a parameter is not a Value, or the learning rate neither a number nor a function.

    Attributes:
        parameters: the list of Values that `step()` updates.
        steps: how many steps were taken.
    """

    slots: tuple[str, ...] = ()
    """The attributes that hold a number a parameter from step to step."""

    def __init__(self, parameters: Iterable[Value], learning_rate: float | Schedule) -> None:
        self.parameters = _as_parameters(parameters)
        self.learning_rate = learning_rate
        self.steps = 0
        for name in self.slots:
            setattr(self, name, [0.0] * len(self.parameters))

    @property
    def learning_rate(self) -> float:
        """The rate of the next step; assign a number or a schedule to change it.

        >>> SGD([Value(1.0)], learning_rate=lambda step: 1 / (1 + step)).learning_rate
        1.0
        """
        if self._schedule is None:
            return self._rate
        rate = float(self._schedule(self.steps))
        if not (isfinite(rate) and rate >= 0.0):
            raise ValueError(f"a schedule must give a finite learning rate ≥ 0, got {rate} at step {self.steps}")
        return rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: float | Schedule) -> None:
        self._schedule = learning_rate if callable(learning_rate) else None
        if not callable(learning_rate):
            self._rate = require_rate(learning_rate)

    def step(self) -> None:
        """Update the `data` of every parameter from its `grad`."""
        self._update(self.learning_rate)
        self.steps += 1

    def _update(self, learning_rate: float) -> None:
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Set the `grad` of every parameter to 0, before the next backward pass adds to it."""
        for parameter in self.parameters:
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, Any]:
        """What must be kept to go on later as if nothing had happened: plain numbers and lists.

        >>> optimizer = SGD([Value(1.0)], learning_rate=0.1)
        >>> optimizer.state_dict()
        {'optimizer': 'SGD', 'steps': 0, 'velocity': [0.0]}
        """
        state: dict[str, Any] = {"optimizer": type(self).__name__, "steps": self.steps}
        return state | {name: list(getattr(self, name)) for name in self.slots}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave. The learning rate and other settings stay as they are.

        Raises:
            ValueError: it is the state of another kind of optimizer, of another number of parameters, or no
                such state at all; nothing is changed.
        """
        if not isinstance(state, dict) or state.get("optimizer") != type(self).__name__:
            raise ValueError(f"{type(self).__name__} needs the state of an optimizer of its kind, got {brief(state)}")
        steps = state.get("steps")
        if type(steps) is not int or steps < 0:
            raise ValueError(f"the state of an optimizer counts its steps, from 0, got {brief(steps)}")
        for name in self.slots:
            _require_numbers(state.get(name), name, len(self.parameters))
        self.steps = steps
        for name in self.slots:
            setattr(self, name, [float(number) for number in state[name]])


class SGD(Optimizer):
    """Gradient descent, w ← w - η·∂Loss/∂w (lecture: "Training by BackProp"), with momentum if wanted.

    With g the gradient plus weight_decay·w and v the velocity, v ← momentum·v + g and w ← w - η·v; Nesterov's
    variant steps by g + momentum·v instead (Sutskever et al. 2013, in PyTorch's formulation).

    Args:
        parameters, learning_rate: as `Optimizer` documents them.
        momentum: in [0, 1); 0 for plain gradient descent.
        nesterov: look ahead; needs momentum.
        weight_decay: ≥ 0, the factor of ½ Σ w² added to the loss.

    Raises:
        ValueError, TypeError: as `Optimizer`.

    >>> w = Value(1.0)
    >>> w.grad = 0.5
    >>> SGD([w], learning_rate=0.1).step()
    >>> w.data
    0.95
    """

    slots = ("velocity",)
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
        self.momentum = require_between(momentum, 0.0, 1.0, "momentum")
        self.weight_decay = require_between(weight_decay, 0.0, None, "weight_decay")
        if nesterov and not momentum:
            raise ValueError("Nesterov's variant needs a momentum > 0, got 0; 0.9 is usual")
        self.nesterov = bool(nesterov)

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
        parameters, learning_rate: as `Optimizer` documents them.
        betas: β₁ and β₂, each in [0, 1).
        epsilon: ε > 0.
        weight_decay: ≥ 0, the factor of ½ Σ w² added to the loss.

    Raises:
        ValueError, TypeError: as `Optimizer`.

    >>> w = Value(1.0)
    >>> w.grad = 250.0
    >>> Adam([w], learning_rate=0.125).step()
    >>> round(w.data, 9)
    0.875
    """

    slots = ("first_moment", "second_moment")
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
        self.betas = require_between(beta1, 0.0, 1.0, "a beta"), require_between(beta2, 0.0, 1.0, "a beta")
        self.epsilon = require_rate(epsilon, "epsilon")
        self.weight_decay = require_between(weight_decay, 0.0, None, "weight_decay")

    def _update(self, learning_rate: float) -> None:
        (beta1, beta2), epsilon, decay = self.betas, self.epsilon, self.weight_decay
        first, second, t = self.first_moment, self.second_moment, self.steps + 1
        scale = learning_rate / (1.0 - beta1**t)
        root = sqrt(1.0 - beta2**t)
        for i, w in enumerate(self.parameters):
            g = w.grad + decay * w.data if decay else w.grad
            first[i] = m = first[i] + (1.0 - beta1) * (g - first[i])
            second[i] = v = beta2 * second[i] + (1.0 - beta2) * (g * g)
            w.data -= scale * m / (sqrt(v) / root + epsilon)


class AdamW(Adam):
    """Adam with decoupled weight decay: each step first w ← w - η·weight_decay·w, which the moments do not see
    (Loshchilov and Hutter 2019). Args and errors are those of `Adam`.

    >>> w = Value(1.0)
    >>> AdamW([w], learning_rate=0.1, weight_decay=0.5).step()
    >>> w.data
    0.95
    """

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
        self.decoupled_decay = require_between(weight_decay, 0.0, None, "weight_decay")

    def _update(self, learning_rate: float) -> None:
        for w in self.parameters:
            w.data *= 1.0 - learning_rate * self.decoupled_decay
        super()._update(learning_rate)


def _as_parameters(parameters: Iterable[Value]) -> list[Value]:
    try:
        found = list(parameters)
    except TypeError:
        raise TypeError(
            f"an optimizer takes a list of parameters, got {brief(parameters)}; use model.parameters()"
        ) from None
    if not found:
        raise ValueError("an optimizer needs at least one parameter, got none")
    for parameter in found:
        if not isinstance(parameter, Value):
            raise TypeError(f"a parameter must be a Value, got {brief(parameter)} ({type(parameter).__name__})")
        if parameter.parents or isinstance(parameter, Constant):
            raise ValueError(
                f"a parameter must be a Value made with Value(...), not a result or a constant, got {parameter!r}"
            )
    if len(set(found)) != len(found):
        raise ValueError("an optimizer takes each parameter once, but one of them comes twice")
    return found


def _require_numbers(numbers: Any, name: str, count: int) -> None:
    if not isinstance(numbers, list) or not all(type(number) in (float, int) for number in numbers):
        raise ValueError(f"the state of an optimizer holds {name} as a list of numbers, got {brief(numbers)}")
    if len(numbers) != count:
        raise ValueError(f"the state is of {len(numbers)} parameters, but this optimizer has {count}")
