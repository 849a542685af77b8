"""Lukšan and Vlček's chained Rosenbrock problem with constraints, N = 400: what an interior-point solver asks for.

One run gives the objective, its gradient, the Jacobian of the constraints and the Hessian of the Lagrangian, both
sparse. (L. Lukšan and J. Vlček, Sparse and partially separable test problems, 1999, problem 5.1.)
"""

from __future__ import annotations

import numpy

from tests.benchmarks.peers import casadi_arrays

TITLE = "compiled: Lukšan–Vlček, N = 400: f, its gradient, sparse Jacobian and Hessian of the Lagrangian"
BASELINE = "CasADi"
N = 400


def numbers():
    """A point, and a multiplier for each constraint."""
    chance = numpy.random.default_rng(1)
    return chance.uniform(-1.2, 1.0, N), chance.normal(size=N - 2)


def objective(x):
    return sum(100 * (x[i] * x[i] - x[i + 1]) ** 2 + (x[i] - 1) ** 2 for i in range(len(x) - 1))


def constraints(m, x):
    return [
        3 * y * y * y + 2 * z - 5 + m.sin(y - z) * m.sin(y + z) + 4 * y - x * m.exp(x - y) - 3
        for x, y, z in zip(x, x[1:], x[2:])
    ]


def compiled(backend):
    import autograd_mini
    from autograd_mini import compile

    x, multipliers = numbers()
    f = compile(objective, backend=backend)
    c = compile(lambda x: constraints(autograd_mini, x), backend=backend)

    def lagrangian(x, multipliers):
        return objective(x) + autograd_mini.dot(multipliers, constraints(autograd_mini, x))

    lagrangian = compile(lagrangian, wrt="x", backend=backend)

    def run():
        jacobian = c.jacobian(x, sparse=True)
        hessian = lagrangian.hessian(x, multipliers, sparse=True)
        return f.value_and_grad(x), jacobian.data, hessian.data

    return run


def casadi(is_called=False):
    import casadi

    x, multipliers = casadi.SX.sym("x", N), casadi.SX.sym("m", N - 2)
    xs = [x[i] for i in range(N)]
    value, results = objective(xs), casadi.vertcat(*constraints(casadi, xs))
    hessian, _ = casadi.hessian(value + casadi.dot(multipliers, results), x)
    jacobian = casadi.jacobian(results, x)
    wanted = [value, casadi.gradient(value, x), jacobian.T, hessian]  # CasADi stores matrices by columns
    return casadi_arrays(casadi.Function("all", [x, multipliers], wanted), numbers(), is_called)


def jax():
    import jax
    from jax import numpy as jnp

    x, multipliers = map(jnp.array, numbers())

    def value(x):
        return jnp.sum(100 * (x[:-1] ** 2 - x[1:]) ** 2 + (x[:-1] - 1) ** 2)

    def results(x):
        x, y, z = x[:-2], x[1:-1], x[2:]
        return 3 * y * y * y + 2 * z - 5 + jnp.sin(y - z) * jnp.sin(y + z) + 4 * y - x * jnp.exp(x - y) - 3

    columns = jnp.arange(N)
    seeds = jnp.array([(columns % 3 == colour) * 1.0 for colour in range(3)])  # any three neighbours differ
    rows = jnp.repeat(jnp.arange(N - 2), 3)
    places = jnp.arange(N - 2)[:, None] + jnp.arange(3)
    low, high = numpy.arange(N)[:, None], numpy.arange(N)[:, None] + numpy.arange(-1, 2)
    kept = (high >= 0) & (high < N)
    of_hessian = (low + 0 * high)[kept], high[kept]

    @jax.jit
    def everything(x):
        compressed = jax.vmap(lambda v: jax.jvp(results, (x,), (v,))[1])(seeds)
        slope = jax.grad(lambda x: value(x) + multipliers @ results(x))
        products = jax.vmap(lambda v: jax.jvp(slope, (x,), (v,))[1])(seeds)
        jacobian = compressed[places.ravel() % 3, rows]
        return value(x), jax.grad(value)(x), jacobian, products[of_hessian[1] % 3, of_hessian[0]]

    return lambda: jax.block_until_ready(everything(x))


CONTENDERS = {
    "autograd_mini, machine code": lambda: compiled("machine"),
    "autograd_mini, NumPy": lambda: compiled("numpy"),
    "CasADi": lambda: casadi(is_called=True),
    "CasADi, bound buffers": casadi,
    "JAX, jit, coloured by hand": jax,
}
