"""An LSTM of 8 units that reads 12 numbers one by one, with the squared error of its last output."""

from __future__ import annotations

import numpy

from tests.benchmarks.floors import floor
from tests.benchmarks.peers import casadi_mapped, ddx_over_examples
from tests.benchmarks.run import LeftOut

TITLE = "compiled: LSTM of 8 units over 12 steps, loss and gradient in all weights"
BASELINE = "torch, nn.LSTM"
SIZES = "examples", (1, 256, 4096)
UNITS = 8


def data(n, steps):
    """For each of the gates i, f, g, o and each unit, the weights of the input, of the previous outputs and the bias;
    the sequences; the desired outputs."""
    random = numpy.random.default_rng(1)
    weights = random.normal(size=(4, UNITS, 1 + UNITS + 1)) * 0.3
    return weights, random.normal(size=(n, steps)), random.normal(size=(n, UNITS))


def loss(weights, xs, desired):
    """The loss of one sequence, in scalars."""
    from autograd_mini import dot, sigmoid, sum, tanh

    h = c = [0.0] * UNITS
    for x in xs:
        inputs = [x, *h, 1.0]
        zs = [[dot(row, inputs) for row in gate] for gate in weights]
        c = [sigmoid(f) * c + sigmoid(i) * tanh(g) for i, f, g, c in zip(*zs[:3], c)]
        h = [sigmoid(o) * tanh(c) for o, c in zip(zs[3], c)]
    return sum((y - d) ** 2 for y, d in zip(h, desired))


def scalars(n, steps=12):
    weights, (xs, *_), (desired, *_) = data(n, steps)
    return loss, (weights, xs, desired)


def compiled(n, steps, backend):
    from autograd_mini import compile

    args = data(n, steps)
    derive = compile(loss, batch=["xs", "desired"], wrt="weights", reduce="mean", backend=backend).value_and_grad
    return lambda: derive(*args)


def as_matrices(weights):
    """The weights of the inputs, of the previous outputs, and the biases, in the layout of other libraries."""
    rows = weights.reshape(4 * UNITS, -1)
    return rows[:, :1], rows[:, 1:-1], rows[:, -1]


def in_order(result):
    value, (of_input, of_output, bias) = result
    return value, numpy.hstack([of_input, of_output, numpy.array(bias)[:, None]])


def torch(n, steps):
    import torch

    weights, xs, desired = data(n, steps)
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


def jax(n, steps):
    """By `lax.scan`: unrolled, it was no faster, and took four times as long to compile."""
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

    weights, xs, desired = data(n, steps)
    args = jax.tree.map(jax.numpy.array, (as_matrices(weights), xs.T, desired))
    derive = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(derive(*args)), in_order


def autograd(n, steps):
    """Forward and backward pass written out in NumPy."""
    import autograd.numpy as np
    from autograd import value_and_grad

    def sigmoid(z):
        return 0.5 + 0.5 * np.tanh(z / 2)

    def loss(parameters, xs, desired):
        of_input, of_output, bias = parameters
        h = c = np.zeros((n, UNITS))
        for x in xs.T:
            zs = x[:, None] * of_input[:, 0] + np.dot(h, of_output.T) + bias
            i, f, g, o = np.split(zs, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        return np.sum((h - desired) ** 2) / n

    weights, xs, desired = data(n, steps)
    parameters = as_matrices(weights)
    derive = value_and_grad(loss)
    return lambda: derive(parameters, xs, desired), in_order


def casadi(n, steps):
    """One sequence in scalars, its gradient mapped over all sequences and summed."""
    import casadi

    def sigmoid(z):
        return 1 / (1 + casadi.exp(-z))

    rows = casadi.SX.sym("weights", 4 * UNITS, 1 + UNITS + 1)
    xs, desired = casadi.SX.sym("xs", steps), casadi.SX.sym("desired", UNITS)
    h = c = casadi.SX.zeros(UNITS)
    for x in casadi.vertsplit(xs):
        i, f, g, o = casadi.vertsplit(rows @ casadi.vertcat(x, h, 1), UNITS)
        c = sigmoid(f) * c + sigmoid(i) * casadi.tanh(g)
        h = sigmoid(o) * casadi.tanh(c)
    loss = casadi.sumsqr(h - desired) / n
    one = casadi.Function("one", [rows, xs, desired], [loss, casadi.gradient(loss, rows)])
    return casadi_mapped(one, n, *data(n, steps))


def ddx(n, steps):
    """One sequence in scalars, with the numbers it reads as parameters, evaluated over all sequences."""
    import ddx

    if steps > 12:
        raise LeftOut("at 48 steps it compiled for 42 s")

    def sigmoid(z):
        return 1.0 / (1.0 + ddx.exp(-z))

    def loss():
        rows = [[ddx.var(f"w{i}_{j}") for j in range(1 + UNITS + 1)] for i in range(4 * UNITS)]
        xs, desired = [ddx.param(f"x{t}") for t in range(steps)], [ddx.param(f"d{i}") for i in range(UNITS)]
        h = c = [0.0] * UNITS
        for x in xs:
            zs = [sum((w * y for w, y in zip(row[1:-1], h)), row[0] * x + row[-1]) for row in rows]
            gates = zip(*(zs[k : k + UNITS] for k in range(0, 3 * UNITS, UNITS)), c)
            c = [sigmoid(f) * c + sigmoid(i) * ddx.tanh(g) for i, f, g, c in gates]
            h = [sigmoid(o) * ddx.tanh(c) for o, c in zip(zs[3 * UNITS :], c)]
        return sum((y - d) ** 2 for y, d in zip(h, desired))

    weights, xs, desired = data(n, steps)
    return ddx_over_examples(loss, weights, xs.T, desired.T)


def by_hand_in_c(n, steps):
    if steps != 12:
        raise LeftOut("it is written for 12 steps")
    return floor("lstm", *data(n, steps), n, n_out=1 + 4 * UNITS * (1 + UNITS + 1))


def contenders(size):
    """All contenders; `size(s)` is the number of examples and of steps."""
    return {
        "autograd_mini, machine code": lambda s: compiled(*size(s), "machine"),
        "autograd_mini, NumPy": lambda s: compiled(*size(s), "numpy"),
        "C by hand": lambda s: by_hand_in_c(*size(s)),
        "torch, nn.LSTM": lambda s: torch(*size(s)),
        "JAX, jit of a scan": lambda s: jax(*size(s)),
        "CasADi, map": lambda s: casadi(*size(s)),
        "ddx, LLVM": lambda s: ddx(*size(s)),
        "autograd": lambda s: autograd(*size(s)),
    }


CONTENDERS = contenders(lambda n: (n, 12))
