"""One block of self-attention over 6 tokens of width 4; how far its outputs are from what is desired."""

from __future__ import annotations

import numpy

TITLE = "compiled: self-attention of 6 tokens of width 4, loss and gradient towards its three matrices"
BASELINE = "torch"
SIZES = "examples", (1, 256, 4096)
TOKENS, WIDTH = 6, 4


def data(n):
    """The matrices for queries, keys and values; tokens; what is desired."""
    random = numpy.random.default_rng(1)
    shape = n, TOKENS, WIDTH
    return random.normal(size=(3, WIDTH, WIDTH)) * 0.5, random.normal(size=shape), random.normal(size=shape)


def compiled(n, backend):
    from autograd_mini import compile, dot, softmax, sum

    def loss(weights, tokens, desired):
        queries, keys, values = ([[dot(row, token) for row in matrix] for token in tokens] for matrix in weights)
        total = 0.0
        for q, ds in zip(queries, desired):
            shares = softmax([dot(q, k) / WIDTH**0.5 for k in keys])
            total += sum((dot(shares, column) - d) ** 2 for column, d in zip(zip(*values), ds))
        return total

    args = data(n)
    derive = compile(loss, batch=["tokens", "desired"], wrt="weights", reduce="mean", backend=backend).value_and_grad
    return lambda: derive(*args)


def torch(n):
    """Written out: `scaled_dot_product_attention` took as long or longer on blocks of this size."""
    import torch

    weights, x, d = (torch.tensor(each) for each in data(n))
    weights.requires_grad_()

    def run():
        q, k, v = (x @ weights.reshape(3 * WIDTH, WIDTH).T).chunk(3, dim=2)
        y = torch.softmax(q @ k.transpose(1, 2) / WIDTH**0.5, dim=2) @ v
        loss = ((y - d) ** 2).sum(dim=(1, 2)).mean()
        return loss, torch.autograd.grad(loss, weights)

    return run


def jax(n):
    import jax

    def loss(weights, x, d):
        q, k, v = (x @ matrix.T for matrix in weights)
        y = jax.nn.softmax(q @ k.swapaxes(1, 2) / WIDTH**0.5) @ v
        return ((y - d) ** 2).sum(axis=(1, 2)).mean()

    args = [jax.numpy.array(each) for each in data(n)]
    derive = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(derive(*args))


CONTENDERS = {
    "autograd_mini, machine code": lambda n: compiled(n, "machine"),
    "autograd_mini, NumPy": lambda n: compiled(n, "numpy"),
    "torch": torch,
    "JAX, jit": jax,
}
