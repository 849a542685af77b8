"""Implied volatilities and their sensitivities, checked by formulas that are independent of the package."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from autograd_mini import value_and_grad
from autograd_mini.testing import check_gradients

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[2] / "demos")
    demo = import_module("implied_volatility")


@pytest.fixture(scope="module")
def quotes():
    return demo.draw_quotes(9, 4)


def test_the_surface_comes_back_with_the_closed_forms(quotes):
    volatility, numbers = quotes
    by_hand = demo.sensitivities_by_hand(volatility, *numbers[1:])
    for name, ours, expected in zip(demo.Sensitivities._fields, demo.sensitivities(*numbers), by_hand, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9 * np.median(np.abs(expected)), err_msg=name)


def test_compiled_is_eager(quotes):
    _, numbers = quotes
    found = demo.sensitivities(*numbers)
    for place in (0, 17, 35):
        value, slopes = value_and_grad(demo.implied, (0, 1, 2))(*(float(column[place]) for column in numbers))
        assert value == pytest.approx(found.volatility[place], rel=1e-12)
        assert slopes == pytest.approx([found[1][place], found[2][place], found[3][place]], rel=1e-11)


def test_one_quote_by_differences():
    check_gradients(lambda *x: demo.implied(*x, 0.5, 95.0, -1.0), 4.0, 100.0, 0.03, order=2)
