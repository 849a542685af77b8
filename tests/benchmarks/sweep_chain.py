"""A quartic oscillator, step after step at one point: where it arrives, and how that depends on start and stiffness.

Six nodes a step, each of which needs the one before.
"""

from __future__ import annotations

from functools import partial

import numpy

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
    from xad.adj_1st import Real, Tape

    def run():
        with Tape() as tape:
            point = [Real(each) for each in POINT]
            for each in point:
                tape.registerInput(each)
            tape.newRecording()
            value = end(steps, *point)
            tape.registerOutput(value)
            value.derivative = 1.0
            tape.computeAdjoints()
            return value.value, [each.derivative for each in point]

    return run


def torch(steps):
    import torch

    point = [torch.tensor(each, dtype=torch.double, requires_grad=True) for each in POINT]

    def run():
        value = end(steps, *point)
        return value, torch.autograd.grad(value, point)

    return run


def jax(steps):
    """By `lax.fori_loop` with a fixed number of turns: written out, 8,000 steps compiled for minutes."""
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
    """Its fast way: one vector in and one out, in memory bound to the function."""
    import casadi

    point = casadi.SX.sym("point", 3)
    value = end(steps, *casadi.vertsplit(point))
    function = casadi.Function("end", [point], [casadi.vertcat(value, casadi.gradient(value, point))])
    numbers, results = numpy.empty(3), numpy.empty(4)
    buffer, evaluate = function.buffer()
    buffer.set_arg(0, memoryview(numbers))
    buffer.set_res(0, memoryview(results))

    def run():
        numbers[:] = POINT
        evaluate()
        return results.tolist()

    run.kept = buffer, function  # nothing else keeps them
    return run


def ddx(steps):
    """Its fast way: in memory bound to the function."""
    import ddx

    equation = ddx.equation(lambda: end(steps, *map(ddx.var, ("x", "v", "stiffness"))))
    call = equation.compile().buffer(numpy.empty(3))

    def run():
        call.x[:] = POINT
        call()
        return call.value, call.jacobian

    return run


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
