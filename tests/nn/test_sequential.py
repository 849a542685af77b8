import pytest

from autograd_mini import Value
from autograd_mini.nn import MLP, Conv2d, Layer, Maxout, MaxPool2d, PairProducts, PReLU, Sequential
from tests.nn.gradients import check_module, project, randomise


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
