"""Newton's method on 100,000 equations at once, each until its own step is small: the root, and its slope.

The loop is plain Python: `while abs(step) > …`. Examples that take the same number of steps share a path.
"""

from __future__ import annotations

import numpy

TITLE = "compiled: roots of x - e sin x = m by Newton's method in a batch, and their derivatives"
BASELINE = "JAX, while_loop of all"
SIZES = "examples", (1_000, 100_000)
UNIT = "us", 1e6
ENOUGH = 1e-9


def data(n):
    """Kepler's equation: eccentricities and mean anomalies."""
    random = numpy.random.default_rng(1)
    return random.uniform(0.0, 0.9, n), random.uniform(0.2, 3.0, n)


def kepler(m, e, mean):
    """One orbit, with the functions of the library `m`; a last step after the loop makes derivatives exact too."""
    x = mean + 0.85 * e
    step = 1.0
    while abs(step) > ENOUGH:
        step = (x - e * m.sin(x) - mean) / (1.0 - e * m.cos(x))
        x = x - step
    return x - (x - e * m.sin(x) - mean) / (1.0 - e * m.cos(x))


def compiled(n, backend):
    import autograd_mini

    derive = autograd_mini.compile(lambda e, mean: kepler(autograd_mini, e, mean), batch=True, backend=backend)
    args = data(n)
    return lambda: derive.value_and_grad(*args)


def numpy_by_hand(n):
    """All examples step until the last has converged; the slopes follow by the implicit function theorem."""
    e, mean = data(n)

    def run():
        x = mean + 0.85 * e
        step = 1.0
        while numpy.max(numpy.abs(step)) > ENOUGH:
            step = (x - e * numpy.sin(x) - mean) / (1.0 - e * numpy.cos(x))
            x = x - step
        slope = 1.0 / (1.0 - e * numpy.cos(x))
        return x, (numpy.sin(x) * slope, slope)

    return run


def scipy(n):
    """SciPy's vectorised Newton's method."""
    from scipy.optimize import newton

    e, mean = data(n)

    def run():
        x = newton(lambda x: x - e * numpy.sin(x) - mean, mean + 0.85 * e, lambda x: 1.0 - e * numpy.cos(x), tol=ENOUGH)
        slope = 1.0 / (1.0 - e * numpy.cos(x))
        return x, (numpy.sin(x) * slope, slope)

    return run


def jax(n):
    """All examples step until the last has converged; one more step, outside the loop, carries the derivatives."""
    import jax
    from jax.numpy import cos, sin

    def one(e, mean, x):
        return x - (x - e * sin(x) - mean) / (1.0 - e * cos(x))

    def both(e, mean):
        def step(state):
            x, _ = state
            new = one(e, mean, x)
            return new, jax.numpy.max(abs(new - x))

        x, _ = jax.lax.while_loop(lambda state: state[1] > ENOUGH, step, (mean + 0.85 * e, 1.0))
        x = jax.lax.stop_gradient(x)
        return jax.vmap(jax.value_and_grad(one, (0, 1)))(e, mean, x)

    derive = jax.jit(both)
    args = [jax.numpy.array(each) for each in data(n)]
    return lambda: jax.block_until_ready(derive(*args))


CONTENDERS = {
    "autograd_mini, machine code": lambda n: compiled(n, "machine"),
    "autograd_mini, NumPy": lambda n: compiled(n, "numpy"),
    "NumPy by hand": numpy_by_hand,
    "scipy.optimize.newton": scipy,
    "JAX, while_loop of all": jax,
}
