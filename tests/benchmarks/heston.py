"""A call on 64 paths of Heston's model in 1,000 steps: its price, and the derivatives in its seven parameters."""

from __future__ import annotations

from functools import partial

import numpy

from tests.benchmarks.peers import casadi_mapped, ddx_over_examples

TITLE = "compiled: 64 Heston paths of 1,000 steps, price of a call and 7 derivatives"
BASELINE = "torch"
PATHS, STEPS, STRIKE = 64, 1000, 100.0
DT = 1 / STEPS
PARAMETERS = 100.0, 0.09, 3.0, 0.09, 0.3, -0.6, 0.03
"""Spot, variance, and the variance's speed of mean reversion, mean, volatility and correlation with the spot; rate.
With these numbers the variance stays above 0."""


def shocks():
    """Two normal numbers for each path and step."""
    return numpy.random.default_rng(1).normal(size=(2, PATHS, STEPS))


def payoff(m, ramp, spot, variance, speed, average, volatility, correlation, rate, zs, others):
    """The payoff of one path, or of vectors of paths, by Euler steps, with the functions of the library `m`."""
    growth, rest = m.log(spot), m.sqrt(1.0 - correlation * correlation)
    for z, other in zip(zs, others):
        spread = m.sqrt(variance * DT)
        growth = growth + (rate - variance / 2) * DT + spread * z
        shock = correlation * z + rest * other
        variance = variance + speed * (average - variance) * DT + volatility * spread * shock
    return m.exp(-rate) * ramp(m.exp(growth) - STRIKE)


def scalars():
    import autograd_mini

    zs, others = shocks()
    return partial(payoff, autograd_mini, autograd_mini.relu), (*PARAMETERS, zs[0], others[0])


def compiled(backend):
    from autograd_mini import compile

    function, _ = scalars()

    def price(parameters, zs, others):
        return function(*parameters, zs, others)

    derive = compile(price, batch=["zs", "others"], wrt="parameters", reduce="mean", backend=backend).value_and_grad
    return partial(derive, numpy.array(PARAMETERS), *shocks())


def by_scan():
    """One path by `scan`, whose step is compiled once."""
    from autograd_mini import compile, exp, log, relu, scan, sqrt

    def price(parameters, zs, others):
        spot, variance, speed, average, volatility, correlation, rate = parameters
        rest = sqrt(1.0 - correlation * correlation)

        def step(state, shocks):
            growth, variance = state
            z, other = shocks
            spread = sqrt(variance * DT)
            growth = growth + (rate - variance / 2) * DT + spread * z
            shock = correlation * z + rest * other
            return (growth, variance + speed * (average - variance) * DT + volatility * spread * shock), None

        (growth, _), _ = scan(step, (log(spot), variance), (zs, others))
        return exp(-rate) * relu(exp(growth) - STRIKE)

    derive = compile(price, batch=["zs", "others"], wrt="parameters", reduce="mean").value_and_grad
    return partial(derive, numpy.array(PARAMETERS), *shocks())


def torch():
    import torch

    parameters = [torch.tensor(each, dtype=torch.double, requires_grad=True) for each in PARAMETERS]
    zs, others = torch.tensor(shocks().swapaxes(1, 2).copy())

    def run():
        price = payoff(torch, torch.relu, *parameters, zs, others).mean()
        return price, torch.autograd.grad(price, parameters)

    return run


def jax():
    """By `lax.scan`: written out, the steps would take minutes to compile."""
    import jax
    from jax.numpy import exp, log, sqrt

    def price(parameters, shocks):
        spot, variance, speed, average, volatility, correlation, rate = parameters

        def step(state, shock):
            growth, variance = state
            z, other = shock
            spread = sqrt(variance * DT)
            growth = growth + (rate - variance / 2) * DT + spread * z
            mixed = correlation * z + sqrt(1.0 - correlation * correlation) * other
            return (growth, variance + speed * (average - variance) * DT + volatility * spread * mixed), None

        ones = jax.numpy.ones(PATHS)
        (growth, _), _ = jax.lax.scan(step, (log(spot) * ones, variance * ones), shocks)
        return (exp(-rate) * jax.nn.relu(exp(growth) - STRIKE)).mean()

    derive = jax.jit(jax.value_and_grad(price))
    args = jax.numpy.array(PARAMETERS), jax.numpy.array(shocks().transpose(2, 0, 1))
    return lambda: jax.block_until_ready(derive(*args))


def ddx():
    """One path in scalars, with the shocks as parameters, evaluated over all paths."""
    import ddx

    def price():
        parameters = [ddx.var(f"p{i}") for i in range(len(PARAMETERS))]
        zs, others = ([ddx.param(f"{name}{step}") for step in range(STEPS)] for name in ("z", "other"))
        return payoff(ddx, lambda x: ddx.max(x, 0.0), *parameters, zs, others)

    return ddx_over_examples(price, PARAMETERS, *shocks().swapaxes(1, 2))


def casadi():
    """One path in scalars, its gradient mapped over all paths and summed."""
    import casadi

    parameters = casadi.SX.sym("parameters", len(PARAMETERS))
    zs, others = casadi.SX.sym("zs", STEPS), casadi.SX.sym("others", STEPS)
    steps = casadi.vertsplit(zs), casadi.vertsplit(others)
    price = payoff(casadi, lambda x: casadi.fmax(x, 0), *casadi.vertsplit(parameters), *steps) / PATHS
    one = casadi.Function("one", [parameters, zs, others], [price, casadi.gradient(price, parameters)])
    return casadi_mapped(one, PATHS, numpy.array(PARAMETERS), *shocks())


def autograd():
    import autograd.numpy as np
    from autograd import value_and_grad

    zs, others = shocks().swapaxes(1, 2)

    def price(parameters):
        return np.mean(payoff(np, lambda x: np.maximum(x, 0.0), *parameters, zs, others))

    return partial(value_and_grad(price), PARAMETERS)


CONTENDERS = {
    "autograd_mini, machine code": partial(compiled, "machine"),
    "autograd_mini, scan": by_scan,
    "autograd_mini, NumPy": partial(compiled, "numpy"),
    "torch": torch,
    "JAX, jit of a scan": jax,
    "CasADi, map": casadi,
    "ddx, LLVM": ddx,
    "autograd": autograd,
}
