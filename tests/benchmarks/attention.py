"""One block of self-attention over 6 tokens of width 4, with the squared error of its outputs."""

from __future__ import annotations

from functools import partial

import numpy

from tests.benchmarks.floors import floor
from tests.benchmarks.peers import casadi_mapped, ddx_over_examples

TITLE = "compiled: self-attention of 6 tokens of width 4, loss and gradient with respect to its three matrices"
BASELINE = "torch"
SIZES = "examples", (1, 256, 4096)
TOKENS, WIDTH = 6, 4


def data(n):
    """The matrices for queries, keys and values; the tokens; the desired outputs."""
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
    """Written out: `scaled_dot_product_attention` was no faster on blocks of this size."""
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


def numpy_by_hand(n):
    weights, x, d = data(n)
    scale = WIDTH**-0.5

    def run():
        q, k, v = (x @ matrix.T for matrix in weights)
        shares = numpy.exp(q @ k.swapaxes(1, 2) * scale)
        shares /= shares.sum(axis=2, keepdims=True)
        off = shares @ v - d
        g = off * (2 / n)
        g_shares = g @ v.swapaxes(1, 2)
        g_scores = shares * (g_shares - (shares * g_shares).sum(axis=2, keepdims=True)) * scale
        slopes = g_scores @ k, g_scores.swapaxes(1, 2) @ q, shares.swapaxes(1, 2) @ g
        tokens = x.reshape(-1, WIDTH)
        return (off * off).sum() / n, [slope.reshape(-1, WIDTH).T @ tokens for slope in slopes]

    return run


def autograd(n):
    import autograd.numpy as np
    from autograd import value_and_grad

    def loss(weights, x, d):
        q, k, v = (np.dot(x, matrix.T) for matrix in weights)
        shares = np.exp(np.matmul(q, np.swapaxes(k, 1, 2)) / WIDTH**0.5)
        y = np.matmul(shares / np.sum(shares, axis=2, keepdims=True), v)
        return np.sum((y - d) ** 2) / n

    return partial(value_and_grad(loss), *data(n))


def casadi(n):
    """One block in scalars, its gradient mapped over all examples and summed."""
    import casadi

    weights = [casadi.SX.sym(name, WIDTH, WIDTH) for name in ("queries", "keys", "values")]
    tokens, desired = casadi.SX.sym("tokens", TOKENS * WIDTH), casadi.SX.sym("desired", TOKENS * WIDTH)
    x, d = (casadi.reshape(each, WIDTH, TOKENS) for each in (tokens, desired))
    q, k, v = (matrix @ x for matrix in weights)
    shares = casadi.exp(k.T @ q / WIDTH**0.5)
    loss = casadi.sumsqr(v @ shares / casadi.repmat(casadi.sum1(shares), WIDTH, 1) - d) / n
    rows = casadi.vertcat(*(casadi.vec(matrix.T) for matrix in weights))
    slopes = [casadi.vec(casadi.gradient(loss, matrix).T) for matrix in weights]
    one = casadi.Function("one", [*weights, tokens, desired], [loss, casadi.vertcat(*slopes)])
    flat = casadi.SX.sym("weights", rows.numel())
    matrices = [casadi.reshape(each, WIDTH, WIDTH).T for each in casadi.vertsplit(flat, WIDTH * WIDTH)]
    return casadi_mapped(casadi.Function("one", [flat, tokens, desired], one(*matrices, tokens, desired)), n, *data(n))


def ddx(n):
    """One block in scalars, with the tokens as parameters, evaluated over all examples."""
    import ddx

    def loss():
        weights = [[[ddx.var(f"w{m}_{i}_{j}") for j in range(WIDTH)] for i in range(WIDTH)] for m in range(3)]
        x, d = ([[ddx.param(f"{name}{t}_{i}") for i in range(WIDTH)] for t in range(TOKENS)] for name in "xd")
        q, k, v = ([[dot(row, token) for row in matrix] for token in x] for matrix in weights)
        total = 0.0
        for query, wanted in zip(q, d):
            shares = [ddx.exp(dot(query, key) / WIDTH**0.5) for key in k]
            for column, each in zip(zip(*v), wanted):
                total += (dot(shares, column) / sum(shares) - each) ** 2
        return total

    def dot(xs, ys):
        return sum(x * y for x, y in zip(xs, ys))

    weights, x, d = data(n)
    return ddx_over_examples(loss, weights, x.reshape(n, -1).T, d.reshape(n, -1).T)


def by_hand_in_c(n):
    return floor("attention", *data(n), n, n_out=1 + 3 * WIDTH * WIDTH)


CONTENDERS = {
    "autograd_mini, machine code": lambda n: compiled(n, "machine"),
    "autograd_mini, NumPy": lambda n: compiled(n, "numpy"),
    "C by hand": by_hand_in_c,
    "NumPy by hand": numpy_by_hand,
    "torch": torch,
    "JAX, jit": jax,
    "CasADi, map": casadi,
    "ddx, LLVM": ddx,
    "autograd": autograd,
}
