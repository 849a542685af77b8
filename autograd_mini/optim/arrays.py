"""Optimizer steps on arrays: all parameters at once, by the same formulas as one by one."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

from autograd_mini import observing
from autograd_mini.interrupts import ensure, write

if TYPE_CHECKING:
    from autograd_mini.optim.optimizer import Optimizer


class ParameterArrays:
    """The parameters of an optimizer, in its order, as one parameter whose numbers are float64 arrays.

    The Values and the optimizer's own slots stay as they were until `write_back()`.

    Attributes:
        data: the numbers; may be assigned, or changed in place.
        grad: the gradient, to be assigned before each `step()`.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._values = optimizer.parameters
        self._read()

    def _read(self) -> None:
        self.data = _array(value.data for value in self._values)
        self.grad = _array(value.grad for value in self._values)
        self._slots = {name: _array(getattr(self._optimizer, name)) for name in self._optimizer.slots}

    def step(self) -> None:
        """What `optimizer.step()` does, bit by bit; Value by Value if it does not take arrays. Where an error or
        Ctrl-C comes, nothing is changed."""
        if self._optimizer.takes_arrays:
            self._step()
        else:
            self.write_back()
            self._optimizer.step()
            self._read()

    def _step(self) -> None:
        import numpy

        attributes, errors = vars(self._optimizer), numpy.geterr()
        slots = {name: [slot.copy()] for name, slot in self._slots.items()}
        theirs = {name: attributes[name] for name in ("parameters", *slots)}

        def work() -> None:
            attributes.update(slots, parameters=[self])
            with numpy.errstate(all="ignore"):
                self._optimizer.step()

        def ending() -> None:
            attributes.update(theirs)
            numpy.seterr(**errors)

        data, numbers, steps = self.data, self.data.copy(), self._optimizer.steps
        try:
            ensure(ending, work)
            self._slots = {name: slot for name, (slot,) in slots.items()}
        except BaseException:
            self.data, self._optimizer.steps = data, steps
            data[...] = numbers
            raise

    def write_back(self) -> None:
        """Give the numbers to the Values and to the optimizer, which then are as after steps of their own; where
        Ctrl-C comes, all of them or none."""
        optimizer, values = self._optimizer, self._values
        for value in values if observing.active else ():
            observing.number_written(value, ".data")
        written = [
            *zip(values, repeat("_data"), self.data.tolist()),
            *zip(values, repeat("_grad"), self.grad.tolist()),
            *((optimizer, name, slot.tolist()) for name, slot in self._slots.items()),
        ]
        write(*zip(*written))

    def __enter__(self) -> ParameterArrays:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.write_back()
        except KeyboardInterrupt:
            self.write_back()
            raise


def _array(numbers: Any) -> Any:
    import numpy

    return numpy.fromiter(numbers, dtype=float)
