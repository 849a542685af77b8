import numpy as np
import pytest

from autograd_mini import Constant, Value
from autograd_mini.nn import MLP, Layer, Module, Neuron


class Everything(Module):
    """A module with a parameter in every kind of place."""

    def __init__(self):
        self.alone = Value(1.0)
        self.listed = [Value(2.0), (Value(3.0),)]
        self.named = {"x": Value(4.0), 5: Value(5.0)}
        self.inner = Neuron(1, bias=False)
        self.constant = Constant(6.0)
        self.result = Value(7.0) * 2
        self.number = 8.0
        self._hidden = Value(9.0)


def test_parameters_are_found_with_their_paths():
    module = Everything()
    found = dict(module.named_parameters())
    assert list(found) == ["alone", "listed.0", "listed.1.0", "named.x", "named.5", "inner.weights.0"]
    assert [p.data for p in found.values()][:5] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert module.parameters() == list(found.values())


def test_a_parameter_of_two_modules_is_counted_once():
    class Pair(Module):
        def __init__(self):
            self.first, self.second = Layer(2, 2), Layer(2, 2)
            self.second.neurons[0] = self.first.neurons[0]

    pair = Pair()
    names = [name for name, _ in pair.named_parameters()]
    assert len(names) == len({id(p) for p in pair.parameters()}) == 9
    assert "first.neurons.0.weights.0" in names
    assert "second.neurons.0.weights.0" not in names


def test_equal_parameters_are_not_mistaken_for_shared_ones():
    module = Neuron(3, bias=False, initialise=lambda n_inputs, n_outputs, random: 0.5)
    assert len(module.parameters()) == 3


def test_modules_are_found():
    kinds = [type(module).__name__ for module in MLP(1, [2, 1]).modules()]
    assert kinds == ["MLP", "Layer", "Neuron", "Neuron", "Layer", "Neuron"]


def test_zero_grad_clears_what_backward_added():
    network = MLP(2, [3, 1], "tanh", random=1)
    network([1.0, 2.0]).backward()
    assert any(p.grad for p in network.parameters())
    network.zero_grad()
    assert all(p.grad == 0.0 for p in network.parameters())


def test_gradients_add_up_over_calls():
    network = MLP(2, [1], "tanh", random=1)
    network([1.0, 2.0]).backward()
    network([1.0, 2.0]).backward()
    assert [p.grad for p in network.parameters()] == [2.0, 2.0, 4.0]


def test_train_and_eval_reach_all_modules_and_nothing_else():
    network, other = MLP(1, [2, 1]), MLP(1, [1])
    assert all(module.training for module in network.modules())
    assert network.eval() is network
    assert not any(module.training for module in network.modules())
    assert all(module.training for module in other.modules())
    assert network.train() is network
    assert all(module.training for module in network.modules())


class Nested(Module):
    def __init__(self):
        self.part, self.parts, self.named = Layer(1, 1), [Layer(1, 2)], {"a": Layer(1, 3)}

    def details(self):
        return "some details"


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (Module(), "Module()"),
        (Layer(1, 2), "Layer(1, 2, 'relu')"),
        (
            Nested(),
            "Nested(some details\n  part: Layer(1, 1, 'relu')\n  parts.0: Layer(1, 2, 'relu')\n"
            "  named.0: Layer(1, 3, 'relu')\n)",
        ),
    ],
)
def test_repr(module, text):
    assert repr(module) == text


def test_repr_of_a_module_that_knows_the_one_above_it():
    class Part(Module):
        pass

    whole, part = Part(), Part()
    whole.part, part.above, part.slope = part, whole, Value(2.0)
    assert repr(whole) == "Part(\n  part: Part(\n    above: …\n  )\n)"
    assert whole.parameters() == [part.slope]


class AffineMap(Module):
    """A module that keeps its weights in NumPy arrays and holds a reference to its owner."""

    def __init__(self, owner=None):
        self.weights = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
        self.scale = np.ones(2)
        self.owner = owner

    def __call__(self, x):
        return self.weights @ x


LOSSES = {
    "w": lambda m: setattr(m, "w", m.w - 0.1 * m.w.grad),
    "w of numbers": lambda m: setattr(m, "w", m.w.data - 0.1),
    "listed.1": lambda m: m.listed.__setitem__(1, m.listed[1] * 0.9),
    "listed.0": lambda m: setattr(m, "listed", [each - 1.0 for each in m.listed]),
    "named.a": lambda m: m.named.update(a=m.named["a"] + 1.0),
    "array.0.0": lambda m: setattr(m, "array", m.array - 0.1),
    "array.0.0 of numbers": lambda m: setattr(m, "array", np.zeros((2, 2))),
    "array.0.1": lambda m: m.array[0].__setitem__(1, 2.0),
    "inner.weights.0": lambda m: m.inner.weights.__setitem__(0, m.inner.weights[0] * 2.0),
    "w by vars": lambda m: vars(m).update(w=m.w + 1.0),
}


class Losing(Module):
    def __init__(self):
        self.w, self.listed, self.named = Value(1.0), [Value(2.0), Value(3.0)], {"a": Value(4.0)}
        self.array = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
        self.inner, self.owner = Neuron(1), self


@pytest.mark.parametrize("way", LOSSES)
def test_a_parameter_that_is_lost_is_told(way):
    module = Losing()
    assert len(module.parameters()) == 10
    with pytest.warns(RuntimeWarning, match=rf"^{way.split()[0]} of Losing was a parameter and is a .* now, so that"):
        (LOSSES[way](module), module.zero_grad())
    module.zero_grad()  # told once


def test_parameters_that_are_taken_away_on_purpose():
    module = Losing()
    module.parameters()
    module.w, module.listed, module.array = Value(2.0), module.listed[:1], None
    module.w.data -= 0.5
    del module.named
    module.inner = Neuron(2)
    assert len(module.parameters()) == 5
    module.output = module.w * 2.0
    module.output = module.output * 2.0
    assert len(module.parameters()) == 5


def test_parameters_in_object_arrays_are_found():
    module = AffineMap()
    assert [name for name, _ in module.named_parameters()] == [
        "weights.0.0",
        "weights.0.1",
        "weights.1.0",
        "weights.1.1",
    ]
    state = module.state_dict()
    assert state == {"weights": [[1.0, 2.0], [3.0, 4.0]]}
    module.load_state_dict({"weights": np.zeros((2, 2))})
    assert [y.data for y in module(np.ones(2))] == [0.0, 0.0]


def test_a_module_may_know_its_owner():
    owner = Module()
    owner.part = AffineMap(owner)
    assert len(owner.parameters()) == 4
    assert len(list(owner.modules())) == 2
    assert owner.state_dict() == {"part.weights": [[1.0, 2.0], [3.0, 4.0]]}
