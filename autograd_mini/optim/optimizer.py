"""`Optimizer`: the base class of all optimizers."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from math import isfinite
from operator import attrgetter
from typing import Any

from autograd_mini.interrupts import write
from autograd_mini.observing import write_numbers
from autograd_mini.optim.arrays import ParameterArrays
from autograd_mini.optim.schedules import Schedule, require_rate
from autograd_mini.primitives import brief, to_float
from autograd_mini.value import Constant, Value


class Optimizer:
    """The base class of all optimizers: parameters, a learning rate, the number of steps taken.

    Args:
        parameters: leaf Values, such as `model.parameters()`.
        learning_rate: a number > 0, or a schedule: a function of the number of steps taken so far.

    Raises:
        ValueError: there are no parameters, one occurs twice, one was computed from others, or a number is
            out of range.
        TypeError: a parameter is not a Value, or the learning rate is neither a number nor a function.

    Attributes:
        parameters: the list of Values that `step()` updates.
        steps: the number of steps taken.

    >>> from autograd_mini.optim import SGD
    >>> x = Value(5.0)
    >>> optimizer = SGD([x], learning_rate=0.5)
    >>> optimizer.zero_grad()
    >>> (x * x).backward()
    >>> optimizer.step()
    >>> x.data, optimizer.steps
    (0.0, 1)
    >>> optimizer.load_state_dict({"optimizer": "SGD", "steps": 7, "velocity": [0.0]})
    >>> optimizer
    <SGD of 1 parameter, learning_rate=0.5, momentum=0.0, weight_decay=0.0, nesterov=False; 7 steps>
    """

    slots: tuple[str, ...] = ()
    """The attributes that hold one number for each parameter from step to step."""

    takes_arrays: bool = False
    """Whether `_update` also works on a single parameter whose `data` and `grad` are NumPy arrays, with slots
    that hold an array in place of each number, which it replaces and does not change in place. A class that defines
    `_update` or `step` must set this again."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if not {"_update", "step"}.isdisjoint(vars(cls)):
            cls.takes_arrays = vars(cls).get("takes_arrays", False)

    def __init__(self, parameters: Iterable[Value], learning_rate: float | Schedule) -> None:
        self.parameters: list[Value] = _as_parameters(parameters)
        self.learning_rate = learning_rate
        self.steps: int = 0
        for name in self.slots:
            setattr(self, name, [0.0] * len(self.parameters))

    def __repr__(self) -> str:
        rate = f"{self.learning_rate:g}{' by a schedule' * (self._schedule is not None)}"
        hidden = {"parameters", "steps", *self.slots}
        options = [f"{name}={x}" for name, x in vars(self).items() if name[0] != "_" and name not in hidden]
        about = ", ".join([_counted(self.parameters, "parameter"), f"learning_rate={rate}", *options])
        return f"<{type(self).__name__} of {about}; {_counted(range(self.steps), 'step')}>"

    @property
    def learning_rate(self) -> float:
        """The rate of the next step; assign a number or a schedule to change it.

        >>> Optimizer([Value(1.0)], learning_rate=lambda step: 1 / (1 + step)).learning_rate
        1.0
        """
        if self._schedule is None:
            return self._rate
        rate = to_float(self._schedule(self.steps), "the learning rate from a schedule")
        if not (isfinite(rate) and rate >= 0.0):
            raise ValueError(f"a schedule must give a finite learning rate ≥ 0, got {rate} at step {self.steps}")
        return rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: float | Schedule) -> None:
        self._schedule = learning_rate if callable(learning_rate) else None
        if not callable(learning_rate):
            self._rate = require_rate(learning_rate)

    def step(self) -> None:
        """Update the `data` of every parameter from its `grad`. If an error or Ctrl-C comes, nothing is changed."""
        numbers = list(map(attrgetter("_number"), self.parameters))
        state = {name: list(getattr(self, name)) for name in self.slots} | {"steps": self.steps}
        try:
            self._update(self.learning_rate)
            self.steps += 1
        except BaseException:
            vars(self).update(state)
            write(self.parameters, "_number", numbers)
            raise

    def _update(self, learning_rate: float) -> None:
        raise NotImplementedError

    def on_arrays(self) -> ParameterArrays:
        """A context with the numbers of all parameters in arrays, for steps as fast as NumPy, to the same bits.

        Assign the gradient to `grad` of the object that the context gives, and call its `step()`. The Values and the
        state of the optimizer are updated when the context ends, or by `write_back()`. Ctrl-C at the very moment when
        it ends may leave them as at the last `write_back()`.

        >>> from autograd_mini.optim import SGD
        >>> parameters = [Value(1.0), Value(2.0)]
        >>> optimizer = SGD(parameters, learning_rate=0.5)
        >>> with optimizer.on_arrays() as arrays:
        ...     for _ in range(3):
        ...         arrays.grad = 2.0 * arrays.data
        ...         arrays.step()
        >>> [parameter.data for parameter in parameters], optimizer.steps
        ([0.0, 0.0], 3)
        """
        return ParameterArrays(self)

    def zero_grad(self) -> None:
        """Set the `grad` of every parameter to 0, before the next backward pass adds to it."""
        write_numbers(self.parameters, "grad", [0.0] * len(self.parameters))

    def state_dict(self) -> dict[str, Any]:
        """What must be saved to continue later as if nothing had happened: plain numbers and lists.

        >>> from autograd_mini.optim import SGD
        >>> SGD([Value(1.0)], learning_rate=0.1).state_dict()
        {'optimizer': 'SGD', 'steps': 0, 'velocity': [0.0]}
        """
        state: dict[str, Any] = {"optimizer": type(self).__name__, "steps": self.steps}
        return state | {name: list(getattr(self, name)) for name in self.slots}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned. The learning rate and other settings stay as they are.

        Raises:
            ValueError: the state is that of another kind of optimizer, of another number of parameters, or not a
                state at all; nothing is changed.
        """
        if not isinstance(state, dict) or state.get("optimizer") != type(self).__name__:
            raise ValueError(f"{type(self).__name__} needs the state of an optimizer of its kind, got {brief(state)}")
        steps = state.get("steps")
        if type(steps) is not int or steps < 0:
            raise ValueError(f"the state of an optimizer counts its steps, from 0, got {brief(steps)}")
        slots = {name: _as_numbers(state.get(name), name, len(self.parameters)) for name in self.slots}
        vars(self).update(slots, steps=steps)


def _counted(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'s' * (len(things) != 1)}"


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
        raise ValueError("an optimizer takes each parameter once, but one of them is given twice")
    return found


def _as_numbers(numbers: Any, name: str, count: int) -> list[float]:
    if not isinstance(numbers, list) or not all(type(number) in (float, int) for number in numbers):
        raise ValueError(f"the state of an optimizer holds {name} as a list of numbers, got {brief(numbers)}")
    if len(numbers) != count:
        raise ValueError(f"the state holds {len(numbers)} parameters, but this optimizer has {count}")
    return [to_float(number, name) for number in numbers]
