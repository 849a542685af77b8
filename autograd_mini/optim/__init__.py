"""Optimizers, which turn the gradients of parameters into better parameters, and learning-rate schedules.

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

from autograd_mini.optim.descent import SGD, Adam, AdamW
from autograd_mini.optim.optimizer import Optimizer
from autograd_mini.optim.schedules import ConstantRate, Cosine, Schedule, StepDecay, WarmUp

__all__ = ["SGD", "Adam", "AdamW", "ConstantRate", "Cosine", "Optimizer", "Schedule", "StepDecay", "WarmUp"]
