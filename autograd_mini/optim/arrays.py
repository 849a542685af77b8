"""Optimizer steps on arrays: for all parameters at once, by the same formulas as for one at a time."""

from __future__ import annotations

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
        self._before = self.data.copy()

    def _read(self) -> None:
        self.data = _array(value.data for value in self._values)
        self.grad: Any = _array(value.grad for value in self._values)
        self._slots = {name: _array(getattr(self._optimizer, name)) for name in self._optimizer.slots}

    @property
    def data(self) -> Any:
        return self._number

    @data.setter
    def data(self, numbers: Any) -> None:
        self._number = numbers

    def step(self) -> None:
        """Do what `optimizer.step()` does, to the same bits; Value by Value if it does not take arrays. If an error or
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
        slots = {name: [slot] for name, slot in self._slots.items()}
        theirs = {name: attributes[name] for name in ("parameters", "steps", *slots)}

        def work() -> None:
            attributes.update(slots, parameters=[self])
            with numpy.errstate(all="ignore"):
                self._optimizer.step()

        def ending() -> None:
            attributes.update(theirs, steps=self._optimizer.steps)
            numpy.seterr(**errors)

        data = self.data
        if data.shape != self._before.shape:
            self._before = numpy.empty_like(data)
        numpy.copyto(self._before, data)
        try:
            ensure(ending, work)
            self._slots = {name: slot for name, (slot,) in slots.items()}
        except BaseException:
            data[...] = self._before
            self.data = data
            attributes.update(theirs)
            raise

    def write_back(self) -> None:
        """Write the numbers to the Values and to the optimizer, which then are as after steps of their own; if
        Ctrl-C comes, either all of them are written or none.

        Raises:
            ValueError: `data` or `grad` does not have one number for each parameter.
        """
        optimizer, values = self._optimizer, self._values
        data, grad, slots = self.data.tolist(), self.grad.tolist(), self._slots
        if not len(data) == len(grad) == len(values):
            raise ValueError(
                f"there are {len(values)} parameters, so data and grad must have as many numbers, got {len(data)} and "
                f"{len(grad)}"
            )
        for value in values if observing.active else ():
            observing.number_written(value, ".data")
        write(
            [*values, *values, *[optimizer] * len(slots)],
            ["_number"] * len(values) + ["_grad"] * len(values) + list(slots),
            [*data, *grad, *(slot.tolist() for slot in slots.values())],
        )

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
