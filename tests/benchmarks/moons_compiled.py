"""The network of micrograd's demo, compiled: 2-16-16-1 with a hinge loss and an L2 term.

As in `eager_moons`, all 100 points are in one graph; written for one point, over a batch, the function is the same.
"""

from __future__ import annotations

import numpy

from tests.benchmarks.eager_moons import L2, first_weights, micrograd, two_moons
from tests.benchmarks.floors import floor

TITLE = "compiled: MLP 2-16-16-1, hinge loss over 100 points in one graph, loss and all gradients"
BASELINE = "torch"


def weights():
    """For each layer an array with one row for each neuron, its bias first."""
    return [numpy.array(layer) for layer in first_weights()]


def compiled(backend):
    from autograd_mini import compile, mean, relu

    points = two_moons()

    def loss(layers):
        return mean([relu(1 - d * output(layers, x)) for x, d in points]) + penalty(layers)

    args = weights()
    derive = compile(loss, backend=backend).value_and_grad
    return lambda: derive(args)


def compiled_batch():
    from autograd_mini import compile, relu

    def loss(layers, x, d):
        return relu(1 - d * output(layers, x)) + penalty(layers)

    layers = weights()
    xs, ds = (numpy.array(column, dtype=float) for column in zip(*two_moons()))
    derive = compile(loss, batch=["x", "d"], wrt="layers", reduce="mean").value_and_grad
    return lambda: derive(layers, xs, ds)


def output(layers, x):
    from autograd_mini import dot, relu

    for layer in layers[:-1]:
        x = [relu(dot(row, [1.0, *x])) for row in layer]
    return dot(layers[-1][0], [1.0, *x])


def penalty(layers):
    from autograd_mini import square, sum

    return L2 * sum(square(w) for layer in layers for row in layer for w in row)


def torch():
    import torch

    layers = [torch.tensor(layer, requires_grad=True) for layer in weights()]
    xs, ds = (torch.tensor(column, dtype=torch.double) for column in zip(*two_moons()))

    def run():
        y = xs
        for layer in layers[:-1]:
            y = torch.relu(torch.nn.functional.linear(y, layer[:, 1:], layer[:, 0]))
        y = torch.nn.functional.linear(y, layers[-1][:, 1:], layers[-1][:, 0])
        loss = torch.relu(1 - ds * y[:, 0]).mean() + L2 * sum((layer * layer).sum() for layer in layers)
        return loss, torch.autograd.grad(loss, layers)

    return run


def jax():
    import jax
    from jax.nn import relu

    def loss(layers, x, d):
        for layer in layers[:-1]:
            x = relu(x @ layer[:, 1:].T + layer[:, 0])
        x = x @ layers[-1][:, 1:].T + layers[-1][:, 0]
        return relu(1 - d * x[:, 0]).mean() + L2 * sum((layer * layer).sum() for layer in layers)

    args = jax.tree.map(jax.numpy.array, (weights(), *(numpy.array(each, float) for each in zip(*two_moons()))))
    derive = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(derive(*args))


def numpy_by_hand():
    layers = weights()
    xs, ds = (numpy.array(column, dtype=float) for column in zip(*two_moons()))

    def run():
        inputs, y = [], xs
        for layer in layers:
            inputs.append(y)
            z = y @ layer[:, 1:].T + layer[:, 0]
            y = numpy.maximum(z, 0.0)
        lacks = 1 - ds * z[:, 0]
        loss = numpy.maximum(lacks, 0.0).mean() + L2 * sum((layer * layer).sum() for layer in layers)
        g = numpy.where(lacks > 0, -ds, 0.0)[:, None] / len(xs)
        slopes = []
        for layer, y in zip(layers[::-1], inputs[::-1]):
            slopes.append(numpy.hstack([g.sum(axis=0)[:, None], g.T @ y]) + 2 * L2 * layer)
            g = (g @ layer[:, 1:]) * (y > 0)
        return loss, slopes[::-1]

    return run


def by_hand_in_c():
    layers, points = weights(), two_moons()
    flat = numpy.concatenate([layer.ravel() for layer in layers])
    xs, ds = (numpy.array(column, dtype=float) for column in zip(*points))
    return floor("moons", flat, xs, ds, len(points), L2, n_out=1 + flat.size)


CONTENDERS = {
    "autograd_mini, machine code": lambda: compiled("machine"),
    "autograd_mini, NumPy": lambda: compiled("numpy"),
    "autograd_mini, over a batch": compiled_batch,
    "C by hand": by_hand_in_c,
    "NumPy by hand": numpy_by_hand,
    "torch": torch,
    "JAX, jit": jax,
    "micrograd": micrograd,
}
