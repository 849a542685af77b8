from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Constant, Value, gradients, jacobian, topological_order
from autograd_mini.nn import (
    MLP,
    Conv2d,
    Layer,
    Maxout,
    MaxOver,
    MaxPool2d,
    Neuron,
    PairProducts,
    PReLU,
    Sequential,
    VectorActivation,
)
from autograd_mini.nn.initialisers import glorot_uniform, he_normal, uniform
from tests.nn.gradients import check_hessian, check_module, few, points, project, randomise, seeds, sizes

SMOOTH = ["identity", "tanh", "sigmoid", "softplus", "gelu", "silu", "sin"]


def matrix(layer):
    """The biases b and the matrix W of a layer."""
    weights = np.array([[w.data for w in neuron.weights] for neuron in layer.neurons])
    return weights[:, 0], weights[:, 1:]


@st.composite
def layers(draw, activations):
    n_inputs = draw(sizes)
    layer = Layer(n_inputs, draw(sizes), draw(st.sampled_from(activations)))
    return randomise(layer, draw(seeds)), draw(points(n_inputs))


class TestNeuron:
    @few
    @given(sizes, st.sampled_from(SMOOTH), st.booleans(), seeds)
    def test_gradients(self, n_inputs, activation, bias, seed):
        neuron = randomise(Neuron(n_inputs, activation, bias=bias), seed)
        x = [0.4 * k - 0.7 for k in range(n_inputs)]
        check_module(neuron, x)

    def test_z_is_one_dot_with_the_bias_as_weight_0_of_an_input_1(self):
        neuron = Neuron(2, "identity")
        x = [Value(5.0), Value(7.0)]
        for weight, number in zip(neuron.weights, (100.0, 1.0, 10.0)):
            weight.data = number
        z = neuron(x)
        assert z.data == 175.0
        assert z.operation.name == "dot"
        assert z.parents[:3] == tuple(neuron.weights)
        assert z.parents[3].data == 1.0
        assert isinstance(z.parents[3], Constant)
        assert z.parents[4:] == tuple(x)

    def test_without_a_bias(self):
        neuron = Neuron(2, "identity", bias=False)
        assert len(neuron.parameters()) == 2
        assert neuron([0.0, 0.0]).data == 0.0

    def test_biases_start_at_0_and_labels_name_the_weights(self):
        neuron = Neuron(2)
        assert neuron.weights[0].data == 0.0
        assert [w.label for w in neuron.weights] == ["b", "w₁", "w₂"]

    def test_numpy_numbers_and_generators_are_inputs(self):
        neuron = Neuron(2, "identity", random=1)
        expected = neuron([0.5, 2.0]).data
        assert neuron(np.array([0.5, 2.0])).data == expected
        assert neuron(x for x in (0.5, 2)).data == expected

    @pytest.mark.parametrize(
        ("args", "options", "error", "message"),
        [
            ((0,), {}, ValueError, "n_inputs must be 1 or more, got 0"),
            ((-1,), {}, ValueError, "n_inputs must be 1 or more"),
            ((1.0,), {}, TypeError, "n_inputs must be an int"),
            ((True,), {}, TypeError, "n_inputs must be an int"),
            ((1, "rleu"), {}, ValueError, "did you mean 'relu'"),
            ((1,), {"random": "7"}, TypeError, "random takes a seed"),
            ((1,), {"random": None}, TypeError, "random takes a seed"),
            ((1,), {"initialise": "he"}, TypeError, r"takes a function, such as .*he_normal, got 'he' \(str\)"),
        ],
    )
    def test_refuses(self, args, options, error, message):
        with pytest.raises(error, match=message):
            Neuron(*args, **options)

    def test_refuses_inputs_that_do_not_fit(self):
        with pytest.raises(ValueError, match=r"Neuron\(2, 'relu'\) takes 2 inputs, got 3"):
            Neuron(2)([1.0, 2.0, 3.0])
        for keyed in ({0.5: 1.0, 2.0: 3.0}, {1.0, 2.0}):  # of which it took the keys
            with pytest.raises(TypeError, match=r"takes a list of 2 inputs, got \{.* \((dict|set)\)"):
                MLP(2, [3, 1])(keyed)
        with pytest.raises(TypeError, match=r"takes a list of 2 inputs, got 1.0 \(float\)"):
            Neuron(2)(1.0)
        with pytest.raises(TypeError, match="an input takes a real number, got 'a'"):
            Neuron(2)([1.0, "a"])

    def test_repr(self):
        assert repr(Neuron(2, "tanh")) == "Neuron(2, 'tanh')"
        assert repr(Neuron(2, bias=False)) == "Neuron(2, 'relu', bias=False)"


class TestLayer:
    @few
    @given(layers([*SMOOTH, "softmax", "log_softmax"]))
    def test_gradients(self, case):
        check_module(*case)

    @few
    @given(layers(["tanh", "softmax"]))
    def test_second_derivatives(self, case):
        layer, x = case
        check_hessian(lambda x: project(layer(x)), x)

    @few
    @given(layers(["identity"]))
    def test_an_affine_map_has_the_jacobian_w(self, case):
        """Lecture: "Special case: Affine functions"."""
        layer, x = case
        b, weights = matrix(layer)
        assert np.array_equal(jacobian(layer)(x), weights)
        assert np.allclose([z.data for z in layer(x)], weights @ x + b, rtol=0, atol=1e-13)

    @few
    @given(layers(["identity"]))
    def test_the_lectures_derivatives_towards_parameters(self, case):
        """∇_b D = ∇_z D and ∇_W D = y ∇_z D, that is ∂D/∂w_ij = y_i ∂D/∂z_j."""
        layer, x = case
        zs = layer(x)
        div = sum(((0.5 + j) * z for j, z in enumerate(zs)), 0.0)
        for j, neuron in enumerate(layer.neurons):
            found = gradients(div, neuron.weights)
            assert found == [0.5 + j, *((0.5 + j) * y for y in x)]

    @few
    @given(layers(["tanh", "softmax"]))
    def test_values(self, case):
        layer, x = case
        b, weights = matrix(layer)
        z = weights @ x + b
        expected = np.tanh(z) if layer.details().endswith("'tanh'") else np.exp(z) / np.exp(z).sum()
        assert np.allclose([y.data for y in layer(x)], expected, rtol=0, atol=1e-12)

    def test_inputs_become_values_once(self):
        zs = Layer(1, 3)([0.125])
        assert sum(isinstance(node, Constant) and node.data == 0.125 for node in topological_order(*zs)) == 1

    def test_a_vector_activation_takes_all(self):
        layer = Layer(2, 3, VectorActivation(lambda zs: [sum(zs)]), random=1)
        assert [y.data for y in layer([1.0, 2.0])] == [sum(z.data for z in layer.affine([1.0, 2.0]))]

    def test_a_module_as_vector_activation(self):
        layer = Layer(2, 2, MaxOver(2, [[0, 1]]), random=1)
        assert [y.data for y in layer([1.0, 2.0])] == [max(z.data for z in layer.affine([1.0, 2.0]))]

    def test_refuses_0_outputs(self):
        with pytest.raises(ValueError, match="n_outputs must be 1 or more, got 0"):
            Layer(1, 0)

    def test_repr(self):
        assert repr(Layer(2, 3, "softmax")) == "Layer(2, 3, 'softmax')"


class TestMLP:
    @few
    @given(sizes, st.lists(sizes, min_size=1, max_size=3), st.sampled_from(SMOOTH), seeds)
    def test_gradients(self, n_inputs, widths, activation, seed):
        network = randomise(MLP(n_inputs, widths, activation), seed)
        check_module(network, [0.4 * k - 0.7 for k in range(n_inputs)], step=0.01)

    @few
    @given(seeds)
    def test_values(self, seed):
        """Y = f_N(W_N f_{N-1}(… f_1(W_1 x + b_1) …) + b_N)."""
        network = randomise(MLP(3, [4, 2], "relu", "sigmoid"), seed)
        x = np.random.default_rng(seed).uniform(-2, 2, 3)
        (b1, w1), (b2, w2) = map(matrix, network.layers)
        expected = 1 / (1 + np.exp(-(w2 @ np.maximum(w1 @ x + b1, 0) + b2)))
        assert np.allclose([y.data for y in network(x)], expected, rtol=0, atol=1e-12)

    def test_second_derivatives(self):
        network = randomise(MLP(2, [3, 1], "tanh"), 3)
        check_hessian(network, [0.5, -1.0])

    def test_one_output_is_a_value_and_several_are_a_list(self):
        assert isinstance(MLP(1, [2, 1])([1.0]), Value)
        assert len(MLP(1, [2, 3])([1.0])) == 3

    def test_logits_are_the_output_before_its_activation(self):
        network = MLP(2, [3, 2], output="sigmoid", random=1)
        x = [0.5, -1.0]
        assert [z.sigmoid().data for z in network.logits(x)] == [y.data for y in network(x)]
        assert isinstance(MLP(1, [1], output="sigmoid").logits([1.0]), Value)

    def test_output_activation(self):
        assert MLP(1, [1], output=abs).output_activation is abs

    @pytest.mark.parametrize("widths", [[], 3, "34"])
    def test_refuses_widths_that_are_not_a_list(self, widths):
        with pytest.raises(ValueError, match=r"widths must list the width of each layer, such as \[16, 10\]"):
            MLP(2, widths)

    def test_refuses_a_layer_of_width_0(self):
        with pytest.raises(ValueError, match="must be 1 or more, got 0"):
            MLP(2, [3, 0])

    def test_repr(self):
        assert repr(MLP(2, [3, 1])) == "MLP(\n  layers.0: Layer(2, 3, 'relu')\n  layers.1: Layer(3, 1, 'identity')\n)"


class TestFirstWeights:
    def test_the_seed_determines_them(self):
        first, again, generated, other = (
            [w.data for w in MLP(3, [4, 2], random=random).parameters()] for random in (5, 5, Random(5), 6)
        )
        assert first == again == generated != other

    def test_layers_and_units_differ(self):
        weights = [w.data for w in MLP(3, [3, 3], random=1).parameters() if w.data != 0.0]
        assert len(set(weights)) == len(weights) == 18

    @pytest.mark.parametrize(
        ("initialise", "variance"), [(glorot_uniform, 2 / (50 + 30)), (he_normal, 2 / 50), (uniform, 1 / 3)]
    )
    def test_they_have_the_stated_variance(self, initialise, variance):
        drawn = [w.data for w in Layer(50, 30, "tanh", bias=False, initialise=initialise, random=1).parameters()]
        assert np.var(drawn) == pytest.approx(variance, rel=0.1)
        assert np.mean(drawn) == pytest.approx(0.0, abs=4 * (variance / len(drawn)) ** 0.5)

    @pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 50), ("tanh", 2 / 80), ("softmax", 2 / 80)])
    def test_they_fit_the_activation(self, activation, variance):
        drawn = [w.data for w in Layer(50, 30, activation, bias=False, random=1).parameters()]
        assert np.var(drawn) == pytest.approx(variance, rel=0.1)


def network():
    return Sequential(
        Conv2d(4, 4, 3, out_channels=2, activation="tanh", padding=1),
        MaxPool2d(4, 4, 2, channels=2),
        PairProducts(8),
        MLP(4, [3, 2], "tanh", "softmax"),
    )


def test_a_convolutional_network_is_differentiated_correctly():
    check_module(randomise(network(), 5), [((7 * k) % 16 - 8) / 5 for k in range(16)], step=1e-3)


def test_steps_follow_each_other():
    first, second = Layer(2, 3, random=1), Layer(3, 2, random=2)
    x = [0.5, -1.0]
    assert [y.data for y in Sequential(first, second)(x)] == [y.data for y in second(first(x))]


def test_functions_are_steps_too():
    chain = Sequential(lambda xs: [2 * x for x in xs], sum)
    assert chain([1.0, 2.0]) == 6.0


def test_parameters_are_those_of_the_steps_each_once():
    layer = Layer(2, 2, random=1)
    assert len(Sequential(layer, layer).parameters()) == len(layer.parameters()) == 6
    assert next(name for name, _ in Sequential(layer).named_parameters()) == "steps.0.neurons.0.weights.0"
    slope = PReLU()
    shared = Sequential(Layer(2, 2, slope), Maxout(2, 2), Layer(2, 2, slope))
    assert len(shared.parameters()) == 6 + 12 + 6 + 1


def test_a_layer_used_twice_gathers_both_gradients():
    layer = Layer(1, 1, "identity", bias=False)
    weight = layer.neurons[0].weights[0]
    weight.data = 3.0
    project(Sequential(layer, layer)([Value(2.0)])).backward()
    assert weight.grad == pytest.approx(0.3 * 2 * 3.0 * 2.0)


def test_logits_are_those_of_the_last_step():
    chain = network()
    x = [0.1 * k for k in range(16)]
    inner = x
    for step in chain.steps[:-1]:
        inner = step(inner)
    assert [z.data for z in chain.logits(x)] == [z.data for z in chain.steps[-1].logits(inner)]
    assert chain.output_activation is chain.steps[-1].output_activation


def test_logits_of_a_step_without_them():
    with pytest.raises(AttributeError, match=r"ends in an MLP has logits, this one ends in Maxout\("):
        Sequential(Maxout(1, 1)).logits([1.0])


def test_refuses():
    with pytest.raises(ValueError, match="one step or more"):
        Sequential()
    with pytest.raises(TypeError, match=r"a step is a module or a function, got 7 \(int\)"):
        Sequential(Layer(1, 1), 7)


def test_repr():
    assert repr(Sequential(PReLU(0.5), MLP(1, [1]), sum)) == (
        "Sequential(\n  0: PReLU(0.5)\n  1: MLP(\n    layers.0: Layer(1, 1, 'identity')\n  )\n  2: sum\n)"
    )
