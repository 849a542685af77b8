"""Black–Scholes at one point, called from Python: price and five derivatives."""

from __future__ import annotations

from functools import partial

from tests.benchmarks.black_scholes import by_erf, by_erfc, casadi_function, ddx_equation, price
from tests.benchmarks.peers import casadi_at_point, ddx_at_point, torch_at_point, xad_at_point

TITLE = "compiled: Black–Scholes, price and 5 derivatives at one point, called from Python"
BASELINE = "JAX, jit"
UNIT = "µs a call", 1e6
POINT = 100.0, 110.0, 1.0, 0.05, 0.2


def compiled(backend):
    import autograd_mini

    formula = price(autograd_mini, by_erfc(autograd_mini.erfc))
    return partial(autograd_mini.compile(formula, backend=backend).value_and_grad, *POINT)


def eager():
    import autograd_mini

    return partial(autograd_mini.value_and_grad(price(autograd_mini, by_erfc(autograd_mini.erfc))), *POINT)


def python_by_hand():
    """Price and Greeks by the textbook's formulas, with shared parts computed once."""
    from math import erfc, exp, log, sqrt

    def derive(spot, strike, years, rate, volatility):
        root = sqrt(years)
        spread = volatility * root
        d1 = (log(spot / strike) + (rate + volatility * volatility / 2) * years) / spread
        delta = 0.5 * erfc(d1 * -0.7071067811865476)
        discounted = exp(-rate * years) * 0.5 * erfc((d1 - spread) * -0.7071067811865476)
        loan = strike * discounted
        vega = spot * root * exp(d1 * d1 / -2) * 0.3989422804014327
        theta = vega * volatility / (2 * years) + rate * loan
        return spot * delta - loan, (delta, -discounted, theta, years * loan, vega)

    return partial(derive, *POINT)


def jax():
    """JAX with one array that exists already: five arrays take longer, five Python floats much longer."""
    import jax

    formula = price(jax.numpy, by_erfc(jax.scipy.special.erfc))
    derive = jax.jit(jax.value_and_grad(lambda point: formula(*point)))
    point = jax.numpy.array(POINT)

    def run():
        value, slopes = derive(point)
        slopes.block_until_ready()
        return value, slopes

    return run


def torch():
    import torch

    return torch_at_point(price(torch, torch.special.ndtr), POINT)


def casadi():
    return partial(casadi_function(), *POINT)


def casadi_buffer():
    import casadi

    inner = casadi_function()
    point = casadi.SX.sym("point", 5)
    results = casadi.vertcat(*inner(*casadi.vertsplit(point)))
    return casadi_at_point(casadi.Function("call", [point], [results]), POINT)


def ddx():
    return ddx_at_point(ddx_equation(), POINT)


def autograd():
    import autograd.numpy
    from autograd.scipy.special import erfc

    formula = price(autograd.numpy, by_erfc(erfc))
    return partial(autograd.value_and_grad(formula, argnum=(0, 1, 2, 3, 4)), *POINT)


def xad():
    import xad.math

    return xad_at_point(price(xad.math, by_erf(xad.math.erf)), POINT)


CONTENDERS = {
    "autograd_mini, machine code": lambda: compiled("machine"),
    "autograd_mini, NumPy": lambda: compiled("numpy"),
    "autograd_mini, eager": eager,
    "Python by hand": python_by_hand,
    "JAX, jit": jax,
    "ddx, LLVM": ddx,
    "CasADi, buffer": casadi_buffer,
    "CasADi": casadi,
    "XAD": xad,
    "torch": torch,
    "autograd": autograd,
}
