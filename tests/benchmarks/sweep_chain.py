"""A quartic oscillator, step by step at one point: where it arrives, and its derivatives in start and stiffness.

There are six nodes a step, each of which needs the one before.
"""

from __future__ import annotations

from functools import partial

from tests.benchmarks.peers import casadi_at_point, ddx_at_point, torch_at_point, xad_at_point

TITLE = "sweep: oscillator of scalars, its end and 3 derivatives at one point, by steps"
BASELINE = "torch, scalars"
SIZES = "steps", (10, 100, 1_000, 8_000)
POINT = 1.0, 0.0, 0.7
H = 0.01


def end(steps, x, v, stiffness):
    push = stiffness * -H
    for _ in range(steps):
        v = v + push * (x * x * x)
        x = x + H * v
    return x


def scalars(steps):
    return partial(end, steps), POINT


def compiled(steps, backend):
    from autograd_mini import compile

    return partial(compile(partial(end, steps), backend=backend).value_and_grad, *POINT)


def eager(steps):
    from autograd_mini import value_and_grad

    return partial(value_and_grad(partial(end, steps)), *POINT)


def micrograd(steps):
    from micrograd.engine import Value

    def run():
        point = [Value(each) for each in POINT]
        value = end(steps, *point)
        value.backward()
        return value.data, [each.grad for each in point]

    return run


def xad(steps):
    return xad_at_point(partial(end, steps), POINT)


def torch(steps):
    return torch_at_point(partial(end, steps), POINT)


def jax(steps):
    """By `lax.fori_loop` with a fixed number of turns: written out, 8,000 steps took minutes to compile."""
    import jax

    def of(point):
        x, v, stiffness = point
        x, v = jax.lax.fori_loop(0, steps, lambda _, xv: step(*xv, stiffness), (x, v))
        return x

    def step(x, v, stiffness):
        v = v - H * stiffness * (x * x * x)
        return x + H * v, v

    derive, point = jax.jit(jax.value_and_grad(of)), jax.numpy.array(POINT)
    return lambda: jax.block_until_ready(derive(point))


def casadi(steps):
    import casadi

    point = casadi.SX.sym("point", 3)
    value = end(steps, *casadi.vertsplit(point))
    results = casadi.vertcat(value, casadi.gradient(value, point))
    return casadi_at_point(casadi.Function("end", [point], [results]), POINT)


def ddx(steps):
    import ddx

    return ddx_at_point(ddx.equation(lambda: end(steps, *map(ddx.var, ("x", "v", "stiffness")))), POINT)


def autograd(steps):
    from autograd import value_and_grad

    return partial(value_and_grad(partial(end, steps), argnum=(0, 1, 2)), *POINT)


CONTENDERS = {
    "autograd_mini, machine code": partial(compiled, backend="machine"),
    "autograd_mini, NumPy": partial(compiled, backend="numpy"),
    "autograd_mini, eager": eager,
    "micrograd": micrograd,
    "XAD": xad,
    "torch, scalars": torch,
    "JAX, jit of a loop": jax,
    "CasADi, buffer": casadi,
    "ddx, LLVM": ddx,
    "autograd": autograd,
}
