"""The sensitivities of the option book, checked by formulas that are independent of the package."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from autograd_mini.testing import check_gradients

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[2] / "demos")
    book = import_module("option_book")


@pytest.fixture(scope="module")
def contracts():
    return book.draw_book(2000, seed=3)[0]


def test_derivatives_are_the_closed_forms(contracts):
    for name, ours, by_hand in zip(
        book.Greeks._fields, book.greeks_of(*contracts), book.greeks_by_hand(*contracts), strict=True
    ):
        np.testing.assert_allclose(ours, by_hand, rtol=1e-9, atol=1e-12 * np.max(np.abs(by_hand)), err_msg=name)


def test_a_call_less_a_put_is_the_forward(contracts):
    """Put-call parity: V_call - V_put = S - K e^(-rτ)."""
    spot, volatility, rate, years, strike, _ = contracts
    call, put = (book.compiled(spot, volatility, rate, years, strike, np.full_like(spot, kind)) for kind in (1, -1))
    np.testing.assert_allclose(call - put, spot - strike * np.exp(-rate * years), atol=1e-11)


def test_the_formula_solves_the_equation_of_black_and_scholes(contracts):
    """∂V/∂t + ½ σ² S² ∂²V/∂S² + r S ∂V/∂S - r V = 0, the equation that the price comes from."""
    spot, volatility, rate, *_ = contracts
    greeks = book.greeks_of(*contracts)
    growth = greeks.theta + 0.5 * volatility**2 * spot**2 * greeks.gamma + rate * spot * greeks.delta
    np.testing.assert_allclose(growth, rate * greeks.price, atol=1e-10)


def test_one_contract_by_differences():
    check_gradients(lambda *x: book.price(*x, 95.0, -1.0), 100.0, 0.2, 0.03, 0.5, order=2)


def test_eager_time_is_measured(contracts):
    assert 0.0 < book.eager_seconds(contracts, 2) < 10.0
