"""Steps on arrays are the steps on Values, bit by bit."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini.optim import SGD, Adam, AdamW, Cosine, Optimizer, StepDecay, WarmUp
from tests.optim.test_descent import optimizers


class Sign(Optimizer):
    """An optimizer with steps of fixed size, written with branches, which cannot work on arrays."""

    slots = ("last",)

    def _update(self, learning_rate):
        for i, w in enumerate(self.parameters):
            self.last[i] = 1.0 if w.grad > 0.0 else -1.0
            w.data -= learning_rate * self.last[i]


class Clipped(SGD):
    """An optimizer that changes the gradient before each step."""

    def step(self):
        for parameter in self.parameters:
            parameter.grad = max(-1.0, min(1.0, parameter.grad))
        super().step()


numbers = st.floats(-1e3, 1e3) | st.sampled_from([0.0, -0.0, 5e-324, 1e-200, 1e200, -1e308])
schedules = st.sampled_from([0.1, Cosine(0.5, 5), StepDecay(1.0, 2, 0.5), WarmUp(Cosine(0.1, 3, 0.01), 2),
                             lambda step: 1 / (1 + step)])  # fmt: skip
kinds = optimizers | st.tuples(st.sampled_from([Sign, Clipped]), st.just({}))


def bits(floats):
    return [struct.pack("d", number) for number in floats]


def state_bits(optimizer):
    state = optimizer.state_dict()
    return state["optimizer"], state["steps"], [bits(state[name]) for name in optimizer.slots]


@st.composite
def walks(draw):
    """An optimizer class, its arguments, a start, and the gradients of a few steps."""
    kind, kwargs = draw(kinds)
    n = draw(st.integers(1, 4))
    vectors = st.lists(numbers, min_size=n, max_size=n)
    return kind, {**kwargs, "learning_rate": draw(schedules)}, draw(vectors), draw(st.lists(vectors, max_size=6))


@given(walks(), st.integers(0, 6))
def test_steps_on_arrays_are_those_on_values(walk, split):
    """Also with numbers that overflow, and if half of the steps are made on Values."""
    kind, kwargs, start, steps = walk
    eager, arrayed = kind(map(Value, start), **kwargs), kind(map(Value, start), **kwargs)
    for optimizer in (eager, arrayed):
        for step in steps if optimizer is eager else steps[:split]:
            for parameter, slope in zip(optimizer.parameters, step):
                parameter.grad = slope
            optimizer.step()
    with arrayed.on_arrays() as arrays:
        for step in steps[split:]:
            arrays.grad = np.array(step)
            arrays.step()
    assert bits(w.data for w in arrayed.parameters) == bits(w.data for w in eager.parameters)
    assert bits(w.grad for w in arrayed.parameters) == bits(w.grad for w in eager.parameters)
    assert state_bits(arrayed) == state_bits(eager)


def test_values_follow_when_told_and_at_the_end():
    w = [Value(1.0), Value(2.0)]
    optimizer = SGD(w, 0.5, momentum=0.5)
    with optimizer.on_arrays() as arrays:
        arrays.grad = np.array([1.0, 2.0])
        arrays.step()
        assert [x.data for x in w] == [1.0, 2.0]
        arrays.write_back()
        assert [x.data for x in w] == [0.5, 1.0]
        assert optimizer.state_dict() == {"optimizer": "SGD", "steps": 1, "velocity": [1.0, 2.0]}
        assert optimizer.parameters is not arrays
        arrays.data[:] = 7.0
    assert [x.data for x in w] == [7.0, 7.0]
    assert [type(x.data) for x in w] == [float, float]


def test_after_an_error_the_optimizer_is_whole():
    w = [Value(1.0)]
    optimizer = SGD(w, lambda step: -1.0)
    with pytest.raises(ValueError, match="a schedule must give"), optimizer.on_arrays() as arrays:
        arrays.step()
    assert optimizer.parameters == w
    assert optimizer.state_dict() == {"optimizer": "SGD", "steps": 0, "velocity": [0.0]}


def test_the_rate_may_change_on_the_way():
    optimizer = SGD([Value(0.0)], 1.0)
    with optimizer.on_arrays() as arrays:
        arrays.grad = np.array([-1.0])
        arrays.step()
        optimizer.learning_rate = 0.25
        arrays.step()
    assert optimizer.parameters[0].data == 1.25


def test_a_class_says_itself_whether_it_takes_arrays():
    class Renamed(Adam):
        pass

    class Vectorised(SGD):
        takes_arrays = True

        def _update(self, learning_rate):
            super()._update(0.5 * learning_rate)

    assert [kind.takes_arrays for kind in (SGD, Adam, AdamW, Renamed, Vectorised)] == [True] * 5
    assert [kind.takes_arrays for kind in (Optimizer, Sign, Clipped)] == [False] * 3
