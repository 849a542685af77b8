"""The contenders of `digits` and `wide`: a network of one hidden layer with ReLU, softmax and KL divergence; the mean
divergence over a batch, and its gradient with respect to all weights and biases."""

from __future__ import annotations

import numpy


def first_weights(sizes):
    """For each layer the weights, with one row for each neuron, then the biases."""
    random = numpy.random.default_rng(1)
    weights = []
    for n, m in zip(sizes, sizes[1:]):
        weights += [random.normal(size=(m, n)) * (2 / n) ** 0.5, random.normal(size=m) * 0.1]
    return weights


def loss(w1, b1, w2, b2, x, d):
    """The divergence of one example, in scalars."""
    from autograd_mini import dot, log_softmax, relu

    hidden = [relu(dot(row, x) + b) for row, b in zip(w1, b1)]
    return -dot(d, log_softmax([dot(row, hidden) + b for row, b in zip(w2, b2)]))


def scalars(images, labels, weights):
    return loss, (*weights, images[0], numpy.eye(len(weights[-1]))[labels[0]])


def compiled(images, labels, weights, backend):
    """Compiled with the weights as arguments."""
    from autograd_mini import compile

    desired = numpy.eye(len(weights[-1]))[labels]
    derive = compile(loss, batch=["x", "d"], wrt=[0, 1, 2, 3], reduce="mean", backend=backend).value_and_grad
    return lambda: derive(*weights, images, desired)


def compiled_module(images, labels, weights):
    """Compiled with the weights as Values of an `MLP`; their numbers are passed as one array."""
    from autograd_mini import compile
    from autograd_mini.nn import MLP, kl_softmax

    model = MLP(images.shape[1], [len(b) for b in weights[1::2]], output="softmax")
    loss = compile(lambda x, d: kl_softmax.from_logits(model.logits(x), d), batch=True, reduce="mean")
    desired = numpy.eye(len(weights[-1]))[labels]
    loss(images[:1], desired[:1])
    place = {parameter: number for number, parameter in enumerate(loss.parameters)}
    order = []
    for layer in model.layers:
        order += [place[weight] for neuron in layer.neurons for weight in neuron.weights[1:]]
        order += [place[neuron.weights[0]] for neuron in layer.neurons]
    numbers = numpy.empty(len(order))
    numbers[order] = numpy.concatenate([each.ravel() for each in weights])

    def run():
        return loss.value_and_parameter_grads(images, desired, parameters=numbers)

    return run, lambda result: (result[0], result[1][order])


def numpy_by_hand(images, labels, weights):
    w1, b1, w2, b2 = weights
    n = len(images)
    desired = numpy.eye(len(b2))[labels]

    def run():
        z1 = images @ w1.T + b1
        hidden = numpy.maximum(z1, 0.0)
        z2 = hidden @ w2.T + b2
        z2 -= z2.max(axis=1, keepdims=True)
        shares = numpy.exp(z2)
        totals = shares.sum(axis=1, keepdims=True)
        loss = (numpy.log(totals).sum() - (desired * z2).sum()) / n
        g2 = shares / totals
        g2 -= desired
        g2 /= n
        g1 = g2 @ w2
        g1 *= z1 >= 0
        return loss, (g1.T @ images, g1.sum(axis=0), g2.T @ hidden, g2.sum(axis=0))

    return run


def torch(images, labels, weights):
    import torch
    from torch.nn.functional import cross_entropy, linear, relu

    w1, b1, w2, b2 = parameters = [torch.tensor(each, requires_grad=True) for each in weights]
    x, d = torch.tensor(images), torch.tensor(labels)

    def run():
        loss = cross_entropy(linear(relu(linear(x, w1, b1)), w2, b2), d)
        return loss, torch.autograd.grad(loss, parameters)

    return run


def jax(images, labels, weights):
    import jax
    from jax.nn import log_softmax, relu

    def loss(weights, x, d):
        w1, b1, w2, b2 = weights
        return -(d * log_softmax(relu(x @ w1.T + b1) @ w2.T + b2)).sum(axis=1).mean()

    args = jax.tree.map(jax.numpy.array, (weights, images, numpy.eye(len(weights[-1]))[labels]))
    derive = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(derive(*args))


def casadi(images, labels, weights):
    """CasADi with matrices, one column for each example: scalars mapped over examples were slower."""
    import casadi

    x = casadi.MX(casadi.DM(images.T))
    d = casadi.MX(casadi.DM(numpy.eye(len(weights[-1]))[labels].T))
    symbols = w1, b1, w2, b2 = [casadi.MX.sym("w", *each.shape) for each in weights]
    n = len(images)
    hidden = casadi.fmax(w1 @ x + casadi.repmat(b1, 1, n), 0)
    z = w2 @ hidden + casadi.repmat(b2, 1, n)
    total = casadi.sum2(casadi.log(casadi.sum1(casadi.exp(z)))) - casadi.dot(d, z)
    slopes = [casadi.gradient(total / n, each) for each in symbols]
    function = casadi.Function("loss", symbols, [total / n, *slopes], {"cse": True})
    args = [casadi.DM(each) for each in weights]

    def run():
        value, *slopes = function(*args)
        return value, [numpy.asarray(each) for each in slopes]

    return run


def autograd(images, labels, weights):
    import autograd.numpy as np
    from autograd import value_and_grad
    from autograd.scipy.special import logsumexp

    def loss(weights, x, d):
        w1, b1, w2, b2 = weights
        z = np.dot(np.maximum(np.dot(x, w1.T) + b1, 0.0), w2.T) + b2
        return np.sum(logsumexp(z, axis=1) - np.sum(d * z, axis=1)) / len(x)

    desired = numpy.eye(len(weights[-1]))[labels]
    derive = value_and_grad(loss)
    return lambda: derive(weights, images, desired)


def contenders(data):
    """All contenders, on what `data` returns, which takes a size if there are several."""
    return {
        "autograd_mini, machine code": lambda *size: compiled(*data(*size), "machine"),
        "autograd_mini, NumPy": lambda *size: compiled(*data(*size), "numpy"),
        "autograd_mini, MLP": lambda *size: compiled_module(*data(*size)),
        "NumPy by hand": lambda *size: numpy_by_hand(*data(*size)),
        "torch": lambda *size: torch(*data(*size)),
        "JAX, jit": lambda *size: jax(*data(*size)),
        "CasADi, matrices": lambda *size: casadi(*data(*size)),
        "autograd": lambda *size: autograd(*data(*size)),
    }
