"""The checks that other tests rely on fail where they should."""

import pytest

from autograd_mini import Constant, Value, exp, sin
from autograd_mini.nn import Module
from tests.nn.gradients import check_gradients, check_hessian, check_module, differences


def test_differences_reach_the_stated_accuracy():
    assert abs(differences(lambda h: float(exp(1.0 + h))) - float(exp(1.0))) < 1e-11


class Wrong(Module):
    """A product whose second factor gets no gradient."""

    def __init__(self):
        self.weight = Value(0.5)

    def __call__(self, inputs):
        return [self.weight * x * Constant(x.data if isinstance(x, Value) else x) for x in inputs]


def test_a_wrong_derivative_is_found():
    with pytest.raises(AssertionError, match="autodiff"):
        check_module(Wrong(), [1.0, 2.0])


def test_a_derivative_wrong_by_a_millionth_is_found():
    x = Value(1.0)
    with pytest.raises(AssertionError, match="autodiff"):
        check_gradients(lambda: x * x + 1e-6 * (x - x.detach()) * 1.0, [x])


def test_a_wrong_second_derivative_is_found():
    with pytest.raises(AssertionError):
        check_hessian(lambda x: sin(x[0]) * (x[1] * x[1].data if isinstance(x[1], Value) else x[1] ** 2), [1.0, 2.0])
