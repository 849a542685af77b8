"""Black–Scholes at one point, called from Python: price and five derivatives."""

from __future__ import annotations

from functools import partial

import numpy

from tests.benchmarks.black_scholes import by_erf, by_erfc, casadi_function, ddx_equation, price

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
    """Price and greeks from the textbook, what they share computed once."""
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
    """Of one vector that is there already: five numbers take longer, five Python floats much longer."""
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

    point = [torch.tensor(each, dtype=torch.double, requires_grad=True) for each in POINT]
    formula = price(torch, torch.special.ndtr)

    def run():
        value = formula(*point)
        return value, torch.autograd.grad(value, point)

    return run


def casadi():
    return partial(casadi_function(), *POINT)


def casadi_buffer():
    """Its fast way: one vector in and one out, in memory bound to the function."""
    import casadi

    inner = casadi_function()
    point = casadi.SX.sym("point", 5)
    function = casadi.Function("call", [point], [casadi.vertcat(*inner(*casadi.vertsplit(point)))])
    numbers, results = numpy.empty(5), numpy.empty(6)
    buffer, evaluate = function.buffer()
    buffer.set_arg(0, memoryview(numbers))
    buffer.set_res(0, memoryview(results))

    def run():
        numbers[:] = POINT
        evaluate()
        return results.tolist()

    run.kept = buffer, function  # nothing else keeps them
    return run


def ddx():
    """Its fast way: in memory bound to the function."""
    call = ddx_equation().compile().buffer(numpy.empty(5))

    def run():
        call.x[:] = POINT
        call()
        return call.value, call.jacobian

    return run


def autograd():
    import autograd.numpy
    from autograd.scipy.special import erfc

    formula = price(autograd.numpy, by_erfc(erfc))
    return partial(autograd.value_and_grad(formula, argnum=(0, 1, 2, 3, 4)), *POINT)


def xad():
    import xad.math
    from xad.adj_1st import Real, Tape

    formula = price(xad.math, by_erf(xad.math.erf))

    def run():
        with Tape() as tape:
            point = [Real(each) for each in POINT]
            for each in point:
                tape.registerInput(each)
            tape.newRecording()
            value = formula(*point)
            tape.registerOutput(value)
            value.derivative = 1.0
            tape.computeAdjoints()
            return value.value, [each.derivative for each in point]

    return run


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
