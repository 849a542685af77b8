"""The network of micrograd's demo, 2-16-16-1 with a hinge loss and an L2 term over 100 points: one forward and one
backward pass."""

from __future__ import annotations

import math
import random

TITLE = "eager: MLP 2-16-16-1, hinge loss over 100 points, forward + backward"
BASELINE = "micrograd"
LAYERS = [2, 16, 16, 1]
L2 = 1e-4


def two_moons(n=100):
    generator = random.Random(1)
    points = []
    for i in range(n):
        angle = math.pi * generator.random()
        moon = i % 2
        x, y = (math.cos(angle), math.sin(angle)) if moon else (1 - math.cos(angle), 0.5 - math.sin(angle))
        points.append(([x + generator.gauss(0, 0.1), y + generator.gauss(0, 0.1)], 2 * moon - 1))
    return points


def first_weights():
    """The weights of each layer and neuron, the bias first."""
    generator = random.Random(2)
    return [[[generator.uniform(-1, 1) for _ in range(n + 1)] for _ in range(m)] for n, m in zip(LAYERS, LAYERS[1:])]


def flat(weights):
    return [w for layer in weights for neuron in layer for w in neuron]


def micrograd():
    from micrograd.nn import MLP

    model = MLP(LAYERS[0], LAYERS[1:])
    neurons = [neuron for layer in model.layers for neuron in layer.neurons]
    for neuron, numbers in zip(neurons, [n for layer in first_weights() for n in layer]):
        for parameter, number in zip([neuron.b, *neuron.w], numbers):
            parameter.data = number
    ordered = [p for neuron in neurons for p in (neuron.b, *neuron.w)]
    data = two_moons()

    def run():
        losses = [(1 + -d * model(x)).relu() for x, d in data]
        loss = sum(losses) * (1.0 / len(losses)) + L2 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        return [loss.data, *(p.grad for p in ordered)]

    return run


def output(layers, x, relu):
    """micrograd's neurons, written out line by line."""
    for index, layer in enumerate(layers):
        zs = [sum((w * xi for w, xi in zip(ws, x)), b) for b, *ws in layer]
        x = [relu(z) for z in zs] if index < len(layers) - 1 else zs
    return x[0]


def by_hand():
    from autograd_mini import Value

    layers = [[[Value(w) for w in neuron] for neuron in layer] for layer in first_weights()]
    parameters = flat(layers)
    data = two_moons()

    def run():
        losses = [(1 + -d * output(layers, x, Value.relu)).relu() for x, d in data]
        loss = sum(losses) * (1.0 / len(losses)) + L2 * sum(p * p for p in parameters)
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        return [loss.data, *(p.grad for p in parameters)]

    return run


def by_mlp():
    from autograd_mini import mean, relu, square, sum
    from autograd_mini.nn import MLP

    model = MLP(LAYERS[0], LAYERS[1:])
    parameters = model.parameters()
    for parameter, number in zip(parameters, flat(first_weights())):
        parameter.data = number
    data = two_moons()

    def run():
        loss = mean([relu(1 - d * model(x)) for x, d in data]) + L2 * sum(map(square, parameters))
        model.zero_grad()
        loss.backward()
        return [loss.data, *(p.grad for p in parameters)]

    return run


def xad():
    """XAD with its tape in C++, neuron by neuron."""
    from xad.adj_1st import Real, Tape
    from xad.math import max

    data = two_moons()

    def run():
        with Tape() as tape:
            layers = [[[Real(w) for w in neuron] for neuron in layer] for layer in first_weights()]
            parameters = flat(layers)
            for p in parameters:
                tape.registerInput(p)
            tape.newRecording()
            losses = [max(1 - d * output(layers, x, lambda z: max(z, 0.0)), 0.0) for x, d in data]
            loss = sum(losses) * (1.0 / len(losses)) + L2 * sum(p * p for p in parameters)
            tape.registerOutput(loss)
            loss.derivative = 1.0
            tape.computeAdjoints()
            return [loss.value, *(p.derivative for p in parameters)]

    return run


def torch():
    """PyTorch with one tensor for each scalar."""
    import torch

    layers = [
        [[torch.tensor(w, dtype=torch.double, requires_grad=True) for w in neuron] for neuron in layer]
        for layer in first_weights()
    ]
    parameters = flat(layers)
    data = two_moons()

    def run():
        losses = [torch.relu(1 - d * output(layers, x, torch.relu)) for x, d in data]
        loss = sum(losses) * (1.0 / len(losses)) + L2 * sum(p * p for p in parameters)
        return loss, torch.autograd.grad(loss, parameters)

    return run


CONTENDERS = {
    "micrograd": micrograd,
    "autograd_mini, + and *": by_hand,
    "autograd_mini, MLP": by_mlp,
    "XAD": xad,
    "torch, scalars": torch,
}
