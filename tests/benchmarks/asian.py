"""A call on the average price over 252 daily steps, from 20,000 paths: its price, and the derivatives with respect to
spot, rate and volatility. The shocks lie in memory path by path, or step by step."""

from __future__ import annotations

from functools import partial

import numpy

from tests.benchmarks.floors import floor
from tests.benchmarks.peers import casadi_mapped

TITLE = "compiled: an average price option, 20,000 paths of 252 steps, price and 3 derivatives; a path and step"
BASELINE = "JAX, jit of a scan"
PATHS, STEPS, STRIKE = 20_000, 252, 100.0
UNIT = "ns", 1e9 / (PATHS * STEPS)
DT = 1 / STEPS
PARAMETERS = 100.0, 0.03, 0.2
"""Spot, rate, volatility."""


def shocks():
    """A normal number for each path and step."""
    return numpy.random.default_rng(1).normal(size=(PATHS, STEPS))


def payoff(m, ramp, spot, rate, volatility, zs):
    """The discounted payoff of one path, or of vectors of paths, with the functions of the library `m`."""
    level, total = spot, 0.0
    for z in zs:
        level = level * m.exp((rate - volatility * volatility / 2) * DT + volatility * DT**0.5 * z)
        total = total + level
    return m.exp(-rate) * ramp(total / STEPS - STRIKE)


def compiled(order, backend="machine"):
    import autograd_mini

    def price(parameters, zs):
        return payoff(autograd_mini, autograd_mini.relu, *parameters, zs)

    derive = autograd_mini.compile(price, batch="zs", wrt="parameters", reduce="mean", backend=backend).value_and_grad
    return partial(derive, numpy.array(PARAMETERS), shocks().copy(order=order))


def by_hand_in_c():
    return floor("asian", numpy.array(PARAMETERS), shocks(), PATHS, STEPS, STRIKE, n_out=4)


def numpy_by_hand():
    """Derivatives along each path by their formulas."""
    spot, rate, volatility = PARAMETERS
    zs = shocks()
    times = DT * numpy.arange(1, STEPS + 1)

    def run():
        walks = numpy.cumsum(zs, axis=1)
        walks *= DT**0.5
        levels = spot * numpy.exp((rate - volatility * volatility / 2) * times + volatility * walks)
        gains = levels.mean(axis=1) - STRIKE
        paid = numpy.exp(-rate) * (gains > 0.0) / PATHS
        to_rate = (levels @ times) / STEPS - gains
        to_volatility = numpy.einsum("ij,ij->i", levels, walks) / STEPS - volatility * (levels @ times) / STEPS
        return paid @ gains, [paid @ (gains + STRIKE) / spot, paid @ to_rate, paid @ to_volatility]

    return run


def torch():
    import torch

    parameters = [torch.tensor(each, dtype=torch.double, requires_grad=True) for each in PARAMETERS]
    zs = torch.tensor(shocks().T.copy())

    def run():
        price = payoff(torch, torch.relu, *parameters, zs).mean()
        return price, torch.autograd.grad(price, parameters)

    return run


def jax():
    """By `lax.scan`: written out, the steps would take minutes to compile."""
    import jax
    from jax.numpy import exp

    def price(parameters, zs):
        spot, rate, volatility = parameters

        def step(state, z):
            level, total = state
            level = level * exp((rate - volatility * volatility / 2) * DT + volatility * DT**0.5 * z)
            return (level, total + level), None

        start = spot * jax.numpy.ones(PATHS), jax.numpy.zeros(PATHS)
        (_, total), _ = jax.lax.scan(step, start, zs)
        return (exp(-rate) * jax.nn.relu(total / STEPS - STRIKE)).mean()

    derive = jax.jit(jax.value_and_grad(price))
    args = jax.numpy.array(PARAMETERS), jax.numpy.array(shocks().T.copy())
    return lambda: jax.block_until_ready(derive(*args))


def casadi():
    """One path in scalars, its gradient mapped over all paths and summed."""
    import casadi

    parameters, zs = casadi.SX.sym("parameters", len(PARAMETERS)), casadi.SX.sym("zs", STEPS)
    price = payoff(casadi, lambda x: casadi.fmax(x, 0), *casadi.vertsplit(parameters), casadi.vertsplit(zs)) / PATHS
    one = casadi.Function("one", [parameters, zs], [price, casadi.gradient(price, parameters)])
    return casadi_mapped(one, PATHS, numpy.array(PARAMETERS), shocks())


CONTENDERS = {
    "autograd_mini, path by path": partial(compiled, "C"),
    "autograd_mini, step by step": partial(compiled, "F"),
    "autograd_mini, NumPy": partial(compiled, "C", "numpy"),
    "C by hand": by_hand_in_c,
    "NumPy by hand": numpy_by_hand,
    "torch": torch,
    "JAX, jit of a scan": jax,
    "CasADi, map": casadi,
}
