"""An LSTM of 8 units that reads 12 numbers one by one; how far its last output is from what is desired."""

from __future__ import annotations

import numpy

TITLE = "compiled: LSTM of 8 units over 12 steps, loss and gradient towards all weights"
BASELINE = "torch, nn.LSTM"
EXAMPLES = 1, 256, 4096
UNITS, STEPS = 8, 12


def data(n):
    """For each of the gates i, f, g, o and each unit the weights of the input, of the outputs before and of 1; the
    sequences; what is desired."""
    random = numpy.random.default_rng(1)
    weights = random.normal(size=(4, UNITS, 1 + UNITS + 1)) * 0.3
    return weights, random.normal(size=(n, STEPS)), random.normal(size=(n, UNITS))


def compiled(n, backend):
    from autograd_mini import compile, dot, sigmoid, sum, tanh

    def loss(weights, xs, desired):
        h = c = [0.0] * UNITS
        for x in xs:
            inputs = [x, *h, 1.0]
            zs = [[dot(row, inputs) for row in gate] for gate in weights]
            c = [sigmoid(f) * c + sigmoid(i) * tanh(g) for i, f, g, c in zip(*zs[:3], c)]
            h = [sigmoid(o) * tanh(c) for o, c in zip(zs[3], c)]
        return sum((y - d) ** 2 for y, d in zip(h, desired))

    args = data(n)
    derive = compile(loss, batch=["xs", "desired"], wrt="weights", reduce="mean", backend=backend).value_and_grad
    return lambda: derive(*args)


def as_matrices(weights):
    """Of the inputs, of the outputs before, and biases, as the others keep them."""
    rows = weights.reshape(4 * UNITS, -1)
    return rows[:, :1], rows[:, 1:-1], rows[:, -1]


def in_order(result):
    value, (of_input, of_output, bias) = result
    return value, numpy.hstack([of_input, of_output, numpy.array(bias)[:, None]])


def torch(n):
    import torch

    weights, xs, desired = data(n)
    model = torch.nn.LSTM(1, UNITS, dtype=torch.double)
    parameters = [model.weight_ih_l0, model.weight_hh_l0, model.bias_ih_l0]
    with torch.no_grad():
        for parameter, numbers in zip(parameters, as_matrices(weights)):
            parameter.copy_(torch.tensor(numbers))
        model.bias_hh_l0.zero_().requires_grad_(False)
    x, d = torch.tensor(xs.T[:, :, None].copy()), torch.tensor(desired)

    def run():
        _, (h, _) = model(x)
        loss = ((h[0] - d) ** 2).sum(dim=1).mean()
        return loss, torch.autograd.grad(loss, parameters)

    return run, in_order


def jax(n):
    """By `lax.scan`: unrolled, it took as long to run and four times as long to compile."""
    import jax
    from jax.nn import sigmoid
    from jax.numpy import split, tanh, zeros

    def loss(parameters, xs, desired):
        of_input, of_output, bias = parameters

        def step(state, x):
            h, c = state
            i, f, g, o = split(x[:, None] * of_input[:, 0] + h @ of_output.T + bias, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            return (sigmoid(o) * tanh(c), c), None

        (h, _), _ = jax.lax.scan(step, (zeros((n, UNITS)), zeros((n, UNITS))), xs)
        return ((h - desired) ** 2).sum(axis=1).mean()

    weights, xs, desired = data(n)
    args = jax.tree.map(jax.numpy.array, (as_matrices(weights), xs.T, desired))
    derive = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(derive(*args)), in_order


CONTENDERS = {
    "autograd_mini, machine code": lambda n: compiled(n, "machine"),
    "autograd_mini, NumPy": lambda n: compiled(n, "numpy"),
    "torch, nn.LSTM": torch,
    "JAX, jit of a scan": jax,
}
