"""The sparse Hessian of Rosenbrock's function of many variables."""

from __future__ import annotations

import numpy

from tests.benchmarks.peers import casadi_arrays

TITLE = "compiled: sparse Hessian of Rosenbrock's function"
BASELINE = "CasADi"
SIZES = "numbers", (1000, 10_000)


def point(n):
    return numpy.linspace(-1.0, 1.0, n)


def rosenbrock(x):
    return sum(100 * (x[i + 1] - x[i] * x[i]) ** 2 + (1 - x[i]) ** 2 for i in range(len(x) - 1))


def compiled(backend):
    def made(n):
        from autograd_mini import compile

        f, x = compile(rosenbrock, backend=backend), point(n)
        return lambda: f.hessian(x, sparse=True).data

    return made


def casadi(n, is_called=False):
    import casadi

    x = casadi.SX.sym("x", n)
    hessian, _ = casadi.hessian(rosenbrock([x[i] for i in range(n)]), x)
    return casadi_arrays(casadi.Function("H", [x], [hessian]), [point(n)], is_called)


def jax(n):
    import jax
    from jax import numpy as jnp

    def f(x):
        return jnp.sum(100 * (x[1:] - x[:-1] * x[:-1]) ** 2 + (1 - x[:-1]) ** 2)

    colours = jnp.array([(jnp.arange(n) % 3 == colour) * 1.0 for colour in range(3)])
    rows, columns = (numpy.arange(n)[:, None] + shift for shift in (numpy.zeros(3, int), numpy.arange(-1, 2)))
    kept = (columns >= 0) & (columns < n)
    rows, columns = (rows + 0 * columns)[kept], columns[kept]

    @jax.jit
    def hessian(x):
        products = jax.vmap(lambda v: jax.jvp(jax.grad(f), (x,), (v,))[1])(colours)
        return products[columns % 3, rows]

    x = jnp.array(point(n))
    return lambda: jax.block_until_ready(hessian(x))


CONTENDERS = {
    "autograd_mini, machine code": compiled("machine"),
    "autograd_mini, NumPy": compiled("numpy"),
    "CasADi": lambda n: casadi(n, is_called=True),
    "CasADi, bound buffers": casadi,
    "JAX, jit, coloured by hand": jax,
}
