"""The Jacobian of 1,000 results with respect to one number: the course of a damped oscillator."""

from __future__ import annotations

import numpy

TITLE = "compiled: Jacobian of 1 input and 1,000 outputs"
BASELINE = "JAX, jit"
TIMES = numpy.linspace(0.0, 20.0, 1000)
FREQUENCY = 1.3


def curve(m, frequency):
    return [m.exp(-0.1 * t) * m.sin(frequency * t + frequency) for t in TIMES.tolist()]


def compiled(backend, method="jacobian"):
    import autograd_mini

    f = autograd_mini.compile(lambda frequency: numpy.array(curve(autograd_mini, frequency)), backend=backend)
    derive = getattr(f, method)
    return lambda: derive(FREQUENCY)


def value_alone():
    """The value alone, to compare the time; it returns constants where others return derivatives, which must agree."""
    run = compiled("machine", "__call__")
    derivative = compiled("machine")()
    return run, lambda result: derivative


def jax():
    import jax
    from jax import numpy as jnp

    def f(frequency):
        return jnp.exp(-0.1 * TIMES) * jnp.sin(frequency * TIMES + frequency)

    derive = jax.jit(jax.jacfwd(f))
    return lambda: jax.block_until_ready(derive(FREQUENCY))


def casadi():
    import casadi

    frequency = casadi.SX.sym("f")
    derive = casadi.Function("J", [frequency], [casadi.jacobian(casadi.vertcat(*curve(casadi, frequency)), frequency)])
    return lambda: derive(FREQUENCY).full().ravel()


CONTENDERS = {
    "autograd_mini, machine code": lambda: compiled("machine"),
    "autograd_mini, NumPy": lambda: compiled("numpy"),
    "autograd_mini, the value alone": value_alone,
    "JAX, jit": jax,
    "CasADi": casadi,
}
