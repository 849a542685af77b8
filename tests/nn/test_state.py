"""Parameters as plain numbers by name: `state_dict` and `load_state_dict`."""

from collections import OrderedDict
from math import inf, nan

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini.nn import MLP, Module
from autograd_mini.nn.state import StateError, shape_of

numbers = st.floats(allow_nan=True, allow_infinity=True)
widths = st.lists(st.integers(1, 4), min_size=1, max_size=3)


def bits(model):
    return [parameter.data.hex() for parameter in model.parameters()]


class Kinds(Module):
    """A module with a parameter in every kind of place."""

    def __init__(self, start=0.0):
        self.single = Value(start)
        self.vector = [Value(start), Value(start)]
        self.kernel = [[Value(start) for _ in range(3)] for _ in range(2)]
        self.ragged = [[Value(start)], [Value(start), Value(start)]]
        self.by_name = {"a": Value(start), "b": [Value(start)]}
        self.pair = (Value(start), 3.0)
        self.inner = MLP(1, [1])
        self.tied = self.vector
        self.result = self.single * 2
        self.constant = self.single.detach()
        self._hidden = Value(start)


class Mirror(Module):
    def __init__(self):
        side, middle = Value(1.0), Value(2.0)
        self.weights = [side, middle, side]


def test_names_and_shapes():
    state = Kinds(0.5).state_dict()
    assert {name: shape_of(tensor) for name, tensor in state.items()} == {
        "single": (),
        "vector": (2,),
        "kernel": (2, 3),
        "ragged.0": (1,),
        "ragged.1": (2,),
        "by_name.a": (),
        "by_name.b": (1,),
        "pair.0": (),
        "inner.layers.0.neurons.0.weights": (2,),
    }
    assert state["kernel"] == [[0.5] * 3] * 2


@given(n_inputs=st.integers(1, 4), widths=widths, data=st.data())
def test_numbers_come_back_bit_by_bit(n_inputs, widths, data):
    first, second = MLP(n_inputs, widths, random=1), MLP(n_inputs, widths, random=2)
    for parameter in first.parameters():
        parameter.data = data.draw(numbers)
    second.load_state_dict(first.state_dict())
    assert bits(second) == bits(first)


@given(n_inputs=st.integers(1, 4), widths=widths)
def test_every_parameter_is_in_the_state_once(n_inputs, widths):
    model = MLP(n_inputs, widths)
    flat = [number for vector in model.state_dict().values() for number in vector]
    assert flat == [parameter.data for parameter in model.parameters()]


def test_the_state_is_a_copy():
    model = MLP(1, [1])
    state = model.state_dict()
    for parameter in model.parameters():
        parameter.data += 1.0
    before = bits(model)
    state["layers.0.neurons.0.weights"][0] = 99.0
    assert bits(model) == before


def test_numpy_arrays_and_other_mappings_and_ints_will_do():
    model = Kinds()
    state = OrderedDict((name, numpy.array(tensor)) for name, tensor in Kinds(0.25).state_dict().items())
    model.load_state_dict({**state, "single": 7})
    assert model.single.data == 7.0
    assert [w.data for row in model.kernel for w in row] == [0.25] * 6


def test_one_parameter_in_two_places_must_get_one_number():
    model = Mirror()
    model.load_state_dict({"weights": [3.0, 4.0, 3.0]})
    assert model.state_dict() == {"weights": [3.0, 4.0, 3.0]}
    with pytest.raises(StateError, match="two numbers, 3.0 and 5.0, for one shared parameter, weights.2"):
        model.load_state_dict({"weights": [3.0, 4.0, 5.0]})
    with pytest.raises(StateError, match=r"two numbers, 0.0 and -0.0"):
        model.load_state_dict({"weights": [0.0, 4.0, -0.0]})
    model.load_state_dict({"weights": [nan, inf, nan]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: None, r"maps names of parameters to numbers, got None \(NoneType\)"),
        (lambda state: {}, "another architecture: it lacks 'single', 'vector', 'kernel' and 6 more"),
        (lambda state: {**state, "more": 1.0}, "another architecture: it has, unlike the model, 'more'"),
        (lambda state: {**state, "vector": [1.0]}, r"vector must have shape \(2,\) in the state, got \[1.0\]"),
        (lambda state: {**state, "vector": 1.0}, r"vector must have shape \(2,\) in the state, got 1.0"),
        (lambda state: {**state, "single": [1.0]}, r"single must be a number in the state, got \[1.0\]"),
        (lambda state: {**state, "kernel": [[1.0, 2.0, 3.0], [1.0, 2.0]]}, r"kernel.1 must have shape \(3,\)"),
        (lambda state: {**state, "vector": [1.0, "nan"]}, r"vector.1 must be a number in the state, got 'nan' \(str\)"),
        (lambda state: {**state, "vector": "12"}, r"vector must have shape \(2,\)"),
        (lambda state: {**state, "single": True}, r"single must be a number in the state, got True \(bool\)"),
        (lambda state: {**state, "single": None}, "single must be a number in the state, got None"),
        (lambda state: {**state, "single": 10**400}, "single is 1000.* in the state, too large for a float"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, message):
    model = Kinds(0.5)
    before = bits(model)
    with pytest.raises(StateError, match=message):
        model.load_state_dict(change(Kinds(1.0).state_dict()))
    assert bits(model) == before


def test_two_parameters_of_one_name_are_refused():
    model = Module()
    model.table = {1: Value(1.0), "1": Value(2.0)}
    with pytest.raises(ValueError, match="two parameters are named 'table.1'"):
        model.state_dict()
