"""Compiled networks agree with eager ones: values, gradients, Hessian-vector products, also over batches."""

import numpy
import pytest

import autograd_mini
from autograd_mini import compile, dot, hvp, sum, tanh, value_and_grad
from autograd_mini.nn import (
    MLP,
    GRUCell,
    LSTMCell,
    SelfAttention,
    kl_sigmoid,
    kl_softmax,
    squared_error,
)
from autograd_mini.structures import flatten

random = numpy.random.default_rng(7)


def close(found, expected, tolerance=1e-12):
    """Whether two nests of numbers are equal up to rounding, on the scale of the largest."""
    found, expected = (numpy.array(flatten(nest, "a result")[0]) for nest in (found, expected))
    scale = numpy.abs(expected).max(initial=1e-300)
    return found.shape == expected.shape and numpy.abs(found - expected).max(initial=0.0) <= tolerance * scale


def arrays(*sizes):
    return [random.normal(size=size) * 0.5 for size in sizes]


def layered(weights, x, activation=tanh):
    for w, b in zip(weights[::2], weights[1::2]):
        x = [activation(dot(row, x) + each) for row, each in zip(w, b)]
    return x


def perceptron(weights, x, d):
    return squared_error(layered(weights, x), d)


def lstm(weights, xs, d):
    """Eight numbers one after the other through a cell of three units."""
    h, c = [0.0] * 3, [0.0] * 3
    for x in xs:
        inputs = [x, *h, 1.0]
        i, f, o, g = ([dot(row, inputs) for row in gate] for gate in weights)
        c = [autograd_mini.sigmoid(b) * e + autograd_mini.sigmoid(a) * tanh(k) for a, b, e, k in zip(i, f, c, g)]
        h = [autograd_mini.sigmoid(a) * tanh(b) for a, b in zip(o, c)]
    return squared_error(h, d)


def attention(weights, tokens, d):
    queries, keys, values = ([[dot(row, token) for row in w] for token in tokens] for w in weights)
    outs = []
    for q in queries:
        shares = autograd_mini.softmax([dot(q, k) * 0.5 for k in keys])
        outs += [dot(shares, [value[j] for value in values]) for j in range(len(values[0]))]
    return squared_error(outs, d)


def convolution(kernel, image, d):
    size = len(kernel)
    n = len(image) - size + 1
    outs = [
        tanh(sum(dot(kernel[i], image[r + i][c : c + size]) for i in range(size))) for r in range(n) for c in range(n)
    ]
    return squared_error(outs, d)


def maxout(weights, x, d):
    return squared_error([autograd_mini.max([dot(row, x) for row in group]) for group in weights], d)


def products(weights, x, d):
    z = layered(weights, x)
    return squared_error([a * b for a, b in zip(z, z[1:])] + [autograd_mini.prod(z)], d)


def pruned(weights, x, d):
    w, b = weights
    z = [dot(row, x) + each for row, each in zip(w[:-1], b)]
    return squared_error([tanh(each) for each in [*z, dot(w[-1][:2], x[:2]) + b[-1]]], d)


def tied(weights, x, d):
    (w,) = weights
    hidden = [tanh(dot(row, x)) for row in w]
    return squared_error([dot([row[j] for row in w], hidden) for j in range(len(x))], d)


def reparametrised(weights, x, d):
    w, b = weights
    return squared_error([dot([tanh(each) for each in row], x) + c for row, c in zip(w, b)], d)


def penalised(weights, x, d):
    flat = [each for w in weights for each in w.ravel()]
    return perceptron(weights, x, d) + 0.01 * sum(each**2 for each in flat)


def with_constants(weights, x, d):
    w, b = weights
    return squared_error([tanh(2.5 * dot(row, x) - (i + 1) * c + i / 3) for i, (row, c) in enumerate(zip(w, b))], d)


NETWORKS = {
    perceptron: (arrays((4, 3), 4, (2, 4), 2), 3, 2),
    lstm: (arrays((3, 5), (3, 5), (3, 5), (3, 5)), 8, 3),
    attention: (arrays((4, 4), (4, 4), (4, 4)), (3, 4), 12),
    convolution: (arrays((2, 2))[0], (4, 4), 9),
    maxout: (arrays((3, 4, 5))[0], 5, 3),
    products: (arrays((3, 4), 3), 4, 3),
    pruned: (arrays((4, 5), 4), 5, 4),
    tied: (arrays((3, 5)), 5, 5),
    reparametrised: (arrays((3, 4), 3), 4, 3),
    penalised: (arrays((4, 3), 4, (2, 4), 2), 3, 2),
    with_constants: (arrays((4, 3), 4), 3, 4),
}
"""Weights, the shape of an input and that of what is desired."""


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_one_example(network):
    weights, x, d = NETWORKS[network]
    args = weights, *arrays(x, d)
    compiled = compile(network)
    value, gradient = value_and_grad(network)(*args)
    found, slopes = compiled.value_and_grad(*args)
    assert close(compiled(*args), value)
    assert close(found, value)
    assert close(slopes, gradient)
    direction = tuple(arrays(x, d))
    vector = [numpy.ones_like(w) for w in weights] if isinstance(weights, list) else numpy.ones_like(weights)
    assert close(compiled.hvp(*args, (vector, *direction)), hvp(network)(*args, (vector, *direction)), 1e-11)


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_batches(network, n, reduce):
    weights, x, d = NETWORKS[network]
    xs, ds = (random.normal(size=(n, *numpy.atleast_1d(size))) for size in (x, d))
    value, (towards_weights, towards_x, _) = compile(network, batch=[1, "d"], reduce=reduce).value_and_grad(
        weights, xs, ds
    )
    each = [value_and_grad(network)(weights, x, d) for x, d in zip(xs, ds)]
    values = numpy.array([v for v, _ in each])
    by_example = [numpy.array(flatten(gradient, "a gradient")[0]) for _, (gradient, _, _) in each]
    inputs = numpy.array([gradient for _, (_, gradient, _) in each])
    count = n if reduce == "mean" else 1
    assert close(value, values if reduce is None else values.sum() / count)
    assert close(towards_x, inputs / count)
    parts = towards_weights if isinstance(towards_weights, list) else [towards_weights]
    if reduce is None:
        flat = numpy.concatenate([part.reshape(n, -1) for part in parts], axis=1)
        assert close(flat, numpy.array(by_example))
    else:
        flat = numpy.concatenate([part.ravel() for part in parts])
        assert close(flat, numpy.sum(by_example, axis=0) / count)


MODULES = {
    "softmax": (MLP(5, [4, 3], output="softmax", random=1), kl_softmax, 5, numpy.eye(3)),
    "sigmoid": (
        MLP(4, [3, 1], activation="tanh", output="sigmoid", random=1),
        kl_sigmoid,
        4,
        numpy.array([0.0, 1.0, 0.25]),
    ),
    "linear": (MLP(3, [4, 2], activation="softplus", random=1), squared_error, 3, random.normal(size=(3, 2))),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    model, divergence, n_inputs, desired = MODULES[name]
    xs = random.normal(size=(3, n_inputs))
    loss = compile(lambda x, d: divergence(model(x), d), batch=True, reduce="mean")
    model.zero_grad()
    value = loss.backward(xs, desired)
    found = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    losses = [divergence(model(list(x)), d.tolist()) for x, d in zip(xs, desired)]
    mean = sum(losses) / 3
    mean.backward()
    assert close(value, mean.data)
    assert close(found, [parameter.grad for parameter in model.parameters()])
    assert set(loss.parameters) == set(model.parameters())
    for parameter in model.parameters():
        parameter.data += 0.125
    assert close(
        loss(xs, desired), numpy.mean([divergence(model(list(x)), d.tolist()).data for x, d in zip(xs, desired)])
    )


@pytest.mark.parametrize("cell", [LSTMCell(2, 3, random=1), GRUCell(2, 3, random=1)], ids=repr)
def test_cells(cell):
    def run(xs):
        outputs, _ = cell.run(xs)
        return dot(outputs[-1], outputs[0])

    xs = random.normal(size=(4, 2))
    assert close(compile(run).value_and_grad(xs), value_and_grad(run)(xs))


def test_attention_module():
    block = SelfAttention(4, random=1)

    def run(tokens):
        return sum(each * each for row in block(tokens) for each in row)

    tokens = random.normal(size=(3, 4))
    assert close(compile(run).value_and_grad(tokens), value_and_grad(run)(tokens))
