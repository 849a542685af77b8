"""Optimizer steps on arrays: all parameters at once, by the same formulas as one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        """What `optimizer.step()` does, bit by bit; Value by Value if it does not take arrays."""
        if self._optimizer.takes_arrays:
            self._step()
        else:
            self.write_back()
            self._optimizer.step()
            self._read()

    def _step(self) -> None:
        import numpy

        attributes = vars(self._optimizer)
        ours: dict[str, list[Any]] = {"parameters": [self]} | {name: [slot] for name, slot in self._slots.items()}
        theirs = {name: attributes[name] for name in ours}
        try:
            attributes.update(ours)
            with numpy.errstate(all="ignore"):
                self._optimizer.step()
        finally:
            attributes.update(theirs)
            self._slots = {name: ours[name][0] for name in self._slots}

    def write_back(self) -> None:
        """Give the numbers to the Values and to the optimizer, which then are as after steps of their own."""
        for value, number, slope in zip(self._values, self.data.tolist(), self.grad.tolist()):
            value.data, value.grad = number, slope
        for name, slot in self._slots.items():
            setattr(self._optimizer, name, slot.tolist())


def _array(numbers: Any) -> Any:
    import numpy

    return numpy.fromiter(numbers, dtype=float)
