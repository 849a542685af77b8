"""Learning-rate schedules: functions of the number of steps taken so far.

Any function will do as a schedule; these can also be printed, compared and pickled. They raise a ValueError for a
number out of range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, isfinite, pi
from typing import Any

from autograd_mini.primitives import brief, to_float

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class ConstantRate:
    """The same rate at every step.

    >>> ConstantRate(0.1)(1000)
    0.1
    """

    learning_rate: float

    def __post_init__(self) -> None:
        require_rate(self.learning_rate)

    def __call__(self, step: int) -> float:
        return self.learning_rate


@dataclass(frozen=True)
class StepDecay:
    """learning_rate · factor^⌊step/every⌋: the rate drops by a factor again and again.

    Args:
        learning_rate: the rate of the first steps, > 0.
        every: how many steps each rate lasts, 1 or more.
        factor: the factor by which it drops, in (0, 1].

    >>> schedule = StepDecay(0.8, every=100, factor=0.5)
    >>> [schedule(step) for step in (0, 99, 100, 250)]
    [0.8, 0.8, 0.4, 0.2]
    """

    learning_rate: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        require_rate(self.learning_rate)
        require_steps(self.every, "every")
        if require_rate(self.factor, "factor") > 1.0:
            raise ValueError(f"factor must be in (0, 1], got {self.factor}")

    def __call__(self, step: int) -> float:
        return float(self.learning_rate * self.factor ** (step // self.every))


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from learning_rate at step 0 down to `final` at step `steps` and after it
    (Loshchilov and Hutter 2017, equation 5): final + ½(learning_rate - final)(1 + cos(π·step/steps)).

    Args:
        learning_rate: the rate at the start, > 0.
        steps: the number of steps down to `final`, 1 or more.
        final: the rate at the end, ≥ 0.

    >>> schedule = Cosine(0.5, steps=100)
    >>> [round(schedule(step), 9) for step in (0, 50, 100, 200)]
    [0.5, 0.25, 0.0, 0.0]
    """

    learning_rate: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        require_rate(self.learning_rate)
        require_steps(self.steps, "steps")
        require_between(self.final, 0.0, None, "final")

    def __call__(self, step: int) -> float:
        if step >= self.steps:
            return self.final
        return self.final + 0.5 * (self.learning_rate - self.final) * (1.0 + cos(pi * step / self.steps))


@dataclass(frozen=True)
class WarmUp:
    """A linear rise over the first `steps` steps, (step + 1)/(steps + 1) of another schedule's first rate, then that
    schedule from its own step 0 (Goyal et al. 2017, section 2.2).

    Args:
        schedule: what follows: a schedule or a constant rate.
        steps: how many steps the rise takes, 1 or more.

    >>> schedule = WarmUp(Cosine(1.0, steps=10), steps=3)
    >>> [schedule(step) for step in range(4)]
    [0.25, 0.5, 0.75, 1.0]
    """

    schedule: Schedule | float
    steps: int

    def __post_init__(self) -> None:
        if not callable(self.schedule):
            object.__setattr__(self, "schedule", ConstantRate(require_rate(self.schedule)))
        require_steps(self.steps, "steps")

    def __call__(self, step: int) -> float:
        assert callable(self.schedule)
        if step >= self.steps:
            return self.schedule(step - self.steps)
        return self.schedule(0) * (step + 1) / (self.steps + 1)


def require_rate(number: Any, name: str = "learning_rate") -> float:
    """`number` as a float, which must be finite and > 0."""
    rate = to_float(number, name)
    if isinstance(number, bool) or not (isfinite(rate) and rate > 0.0):
        raise ValueError(f"{name} must be a finite number > 0, got {brief(number)}")
    return rate


def require_between(number: Any, low: float, below: float | None, name: str) -> float:
    """`number` as a float, which must be finite, ≥ low and < below."""
    found = to_float(number, name)
    if isinstance(number, bool) or not (isfinite(found) and found >= low and (below is None or found < below)):
        wanted = f"a finite number ≥ {low:g}" if below is None else f"in [{low:g}, {below:g})"
        raise ValueError(f"{name} must be {wanted}, got {brief(number)}")
    return found


def require_steps(count: Any, name: str) -> int:
    """`count` as an int, which must be a whole number of 1 or more."""
    if isinstance(count, bool) or not hasattr(count, "__index__") or count < 1:
        raise ValueError(f"{name} must be an int of 1 or more, got {brief(count)}")
    return int(count)
