"""A convolution of 8 x 8 images with four 3 x 3 kernels and tanh, and a layer of 10 outputs with softmax and KL."""

from __future__ import annotations

import numpy

TITLE = "compiled: convolution of 8 x 8 with 4 kernels 3 x 3, 10 outputs, loss and all gradients over 512 images"
BASELINE = "torch"
N, SIZE, KERNELS, SIDE = 512, 8, 4, 3
OUT = SIZE - SIDE + 1


def data():
    """Kernels and their biases, weights and biases of the layer; images and labels."""
    random = numpy.random.default_rng(1)
    weights = [
        random.normal(size=(KERNELS, SIDE, SIDE)) * 0.3,
        random.normal(size=KERNELS) * 0.1,
        random.normal(size=(10, KERNELS * OUT * OUT)) * 0.1,
        random.normal(size=10) * 0.1,
    ]
    return weights, random.normal(size=(N, SIZE, SIZE)), random.integers(10, size=N)


def compiled(backend):
    from autograd_mini import compile, dot, log_softmax, sum, tanh

    def loss(kernels, offsets, weights, biases, image, d):
        features = [
            tanh(sum(dot(row, image[y + i][x : x + SIDE]) for i, row in enumerate(kernel)) + offset)
            for kernel, offset in zip(kernels, offsets)
            for y in range(OUT)
            for x in range(OUT)
        ]
        return -dot(d, log_softmax([dot(row, features) + b for row, b in zip(weights, biases)]))

    weights, images, labels = data()
    desired = numpy.eye(10)[labels]
    derive = compile(loss, batch=["image", "d"], wrt=[0, 1, 2, 3], reduce="mean", backend=backend).value_and_grad
    return lambda: derive(*weights, images, desired)


def torch():
    import torch
    from torch.nn.functional import conv2d, cross_entropy, linear

    weights, images, labels = data()
    kernels, offsets, w, b = parameters = [torch.tensor(each, requires_grad=True) for each in weights]
    x, d = torch.tensor(images)[:, None], torch.tensor(labels)

    def run():
        features = torch.tanh(conv2d(x, kernels[:, None], offsets))
        loss = cross_entropy(linear(features.flatten(1), w, b), d)
        return loss, torch.autograd.grad(loss, parameters)

    return run


def jax():
    """As a matrix product with all windows of the images: `lax.conv` was slower."""
    import jax
    from jax.numpy import stack, tanh

    def loss(parameters, images, d):
        kernels, offsets, w, b = parameters
        sides = range(SIDE)
        windows = stack([images[:, i : i + OUT, j : j + OUT] for i in sides for j in sides], axis=-1)
        features = tanh(windows @ kernels.reshape(KERNELS, -1).T + offsets)
        outputs = features.reshape(N, OUT * OUT, KERNELS).swapaxes(1, 2).reshape(N, -1) @ w.T + b
        return -(d * jax.nn.log_softmax(outputs)).sum(axis=1).mean()

    weights, images, labels = data()
    args = jax.tree.map(jax.numpy.array, (weights, images, numpy.eye(10)[labels]))
    derive = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(derive(*args))


def autograd():
    import autograd.numpy as np
    from autograd import value_and_grad
    from autograd.scipy.special import logsumexp

    weights, images, labels = data()
    sides = range(SIDE)
    windows = numpy.stack([images[:, i : i + OUT, j : j + OUT] for i in sides for j in sides], axis=-1)
    desired = numpy.eye(10)[labels]

    def loss(parameters):
        kernels, offsets, w, b = parameters
        features = np.tanh(np.dot(windows, kernels.reshape(KERNELS, -1).T) + offsets)
        features = np.swapaxes(features.reshape(N, OUT * OUT, KERNELS), 1, 2).reshape(N, -1)
        outputs = np.dot(features, w.T) + b
        return np.mean(logsumexp(outputs, axis=1) - np.sum(desired * outputs, axis=1))

    derive = value_and_grad(loss)
    return lambda: derive(weights)


CONTENDERS = {
    "autograd_mini, machine code": lambda: compiled("machine"),
    "autograd_mini, NumPy": lambda: compiled("numpy"),
    "torch": torch,
    "JAX, jit": jax,
    "autograd": autograd,
}
