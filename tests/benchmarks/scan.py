"""A pendulum with friction over many steps, from its first angle to the loss at the end: value and gradient."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.run import LeftOut

TITLE = "sweep: a pendulum by semi-implicit Euler, loss and gradient in friction and angle, by steps"
BASELINE = "JAX, jit of a scan"
SIZES = "steps", (1_000, 10_000, 100_000, 1_000_000)
POINT = 0.2, 0.8
TIME = 10.0
MOST_UNROLLED = {"autograd_mini": 10_000, "JAX": 100}
"""The most steps that are written out: more would take minutes to compile."""


def step(m, h, state, friction):
    """One step, with the functions of the library `m`."""
    angle, speed = state
    speed = speed - h * (m.sin(angle) + friction * speed)
    return angle + h * speed, speed


def loss(m, loop, steps, friction, angle):
    angle, speed = loop(lambda state: step(m, TIME / steps, state, friction), (angle, 0.0 * friction), steps)
    return angle * angle + speed * speed


def unrolled(f, state, steps):
    for _ in range(steps):
        state = f(state)
    return state


def scalars(steps):
    import autograd_mini

    return partial(loss, autograd_mini, unrolled, steps), POINT


def compiled(loop, steps):
    import warnings

    import autograd_mini

    warnings.simplefilter("ignore")  # that long loops are better written as scans
    return partial(autograd_mini.compile(partial(loss, autograd_mini, loop, steps)).value_and_grad, *POINT)


def by_scan(steps):
    from autograd_mini import scan

    return compiled(lambda f, state, n: scan(lambda carry, _: (f(carry), None), state, length=n)[0], steps)


def step_by_step(steps):
    if steps > MOST_UNROLLED["autograd_mini"]:
        raise LeftOut("it compiles for minutes")
    return compiled(unrolled, steps)


def jax(unrolls, steps):
    import jax
    from jax import numpy

    if unrolls and steps > MOST_UNROLLED["JAX"]:
        raise LeftOut("it compiles for minutes")

    def by_jax(f, state, n):
        return jax.lax.scan(lambda carry, _: (f(carry), None), state, None, length=n)[0]

    function = partial(loss, numpy, unrolled if unrolls else by_jax, steps)
    derive = jax.jit(jax.value_and_grad(function, (0, 1)))
    return lambda: jax.block_until_ready(derive(*POINT))


CONTENDERS = {
    "autograd_mini, scan": by_scan,
    "autograd_mini, unrolled": step_by_step,
    BASELINE: partial(jax, False),
}
