"""The price of a European call by Black and Scholes, and its five derivatives, over 100,000 points."""

from __future__ import annotations

from functools import partial
from math import sqrt

import numpy

from tests.benchmarks.peers import bound

TITLE = "compiled: Black–Scholes, price and 5 derivatives"
BASELINE = "JAX, jit of vmap"
POINTS = 100_000
SIZES = "points", (POINTS,)
UNIT = "ns a point", 1e9 / POINTS


def price(m, normal):
    """The formula with the functions of the library `m` and its normal distribution function."""

    def call(spot, strike, years, rate, volatility):
        spread = volatility * m.sqrt(years)
        d1 = (m.log(spot / strike) + (rate + volatility * volatility / 2) * years) / spread
        return spot * normal(d1) - strike * m.exp(-rate * years) * normal(d1 - spread)

    return call


def by_erf(erf):
    """The normal distribution function for libraries without erfc."""
    return lambda x: 0.5 + 0.5 * erf(x * sqrt(0.5))


def by_erfc(erfc):
    return lambda x: 0.5 * erfc(x * -sqrt(0.5))


def points(n):
    """Spot, strike, years, rate and volatility."""
    random = numpy.random.default_rng(1)
    ranges = [(50.0, 150.0), (50.0, 150.0), (0.1, 2.0), (0.0, 0.1), (0.1, 0.5)]
    return [random.uniform(*bounds, size=n) for bounds in ranges]


def scalars(n):
    """The formula, and the numbers of one point."""
    import autograd_mini

    return price(autograd_mini, by_erfc(autograd_mini.erfc)), [column[0] for column in points(n)]


def compiled(n, backend):
    from autograd_mini import compile

    args = points(n)
    formula, _ = scalars(n)
    derive = compile(formula, batch=True, backend=backend).value_and_grad
    return lambda: derive(*args)


def numpy_by_hand(n):
    """Price and Greeks by the textbook's formulas, with shared parts computed once."""
    from scipy.special import ndtr

    spot, strike, years, rate, volatility = points(n)

    def run():
        root = numpy.sqrt(years)
        spread = volatility * root
        d1 = (numpy.log(spot / strike) + (rate + volatility * volatility / 2) * years) / spread
        delta = ndtr(d1)
        discounted = numpy.exp(-rate * years) * ndtr(d1 - spread)
        loan = strike * discounted
        vega = spot * root * numpy.exp(d1 * d1 / -2) * 0.3989422804014327
        theta = vega * volatility / (2 * years) + rate * loan
        return spot * delta - loan, (delta, -discounted, theta, years * loan, vega)

    return run


def torch(n):
    import torch

    args = [torch.tensor(column, requires_grad=True) for column in points(n)]
    formula = price(torch, torch.special.ndtr)

    def run():
        prices = formula(*args)
        return prices, torch.autograd.grad(prices.sum(), args)

    return run


def jax(n):
    import jax

    args = [jax.numpy.array(column) for column in points(n)]
    formula = price(jax.numpy, by_erfc(jax.scipy.special.erfc))
    derive = jax.jit(jax.vmap(jax.value_and_grad(formula, argnums=(0, 1, 2, 3, 4))))
    return lambda: jax.block_until_ready(derive(*args))


def autograd(n):
    import autograd.numpy
    from autograd.scipy.special import erfc

    args = tuple(points(n))
    formula = price(autograd.numpy, by_erfc(erfc))
    positions = tuple(range(len(args)))

    def run():
        pull_back, prices = autograd.make_vjp(formula, positions)(*args)
        return prices, pull_back(numpy.ones(n))

    return run


def casadi(n):
    """CasADi: a mapped function that reads and writes NumPy arrays in place."""
    outs = [numpy.empty(n) for _ in range(6)]
    evaluate, kept = bound(casadi_function().map(n), points(n), outs)

    def run():
        evaluate()
        return outs

    run.kept = kept
    return run


def casadi_function():
    import casadi

    symbols = [casadi.SX.sym(name) for name in ("spot", "strike", "years", "rate", "volatility")]
    call = price(casadi, by_erf(casadi.erf))(*symbols)
    slopes = casadi.vertsplit(casadi.gradient(call, casadi.vertcat(*symbols)))
    return casadi.Function("call", symbols, [call, *slopes], {"cse": True})


def ddx(n):
    """ddx: machine code by LLVM, with glibc's vector functions, into buffers that are reused."""
    import ddx

    args = numpy.array(points(n))
    call = ddx_equation().compile(points=n, veclib=ddx.VecLib.LIBMVEC).buffer(args)

    def run():
        call()
        return call.value, call.jacobian

    return run


def ddx_equation():
    import ddx

    names = "spot", "strike", "years", "rate", "volatility"
    return ddx.equation(lambda: price(ddx, by_erf(ddx.erf))(*map(ddx.var, names)))


CONTENDERS = {
    "autograd_mini, machine code": partial(compiled, backend="machine"),
    "autograd_mini, NumPy": partial(compiled, backend="numpy"),
    "NumPy and SciPy by hand": numpy_by_hand,
    "JAX, jit of vmap": jax,
    "ddx, LLVM": ddx,
    "torch": torch,
    "autograd": autograd,
    "CasADi, map": casadi,
}
