"""`check_module` over random networks, and what it must leave unchanged."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini.nn import GRUCell, LSTMCell, Module, RandomisedLeakyReLU, SelfAttention, Sequential, squared_error
from autograd_mini.primitives import Primitive
from autograd_mini.testing import GradientError, check_module, strategies


@settings(max_examples=max(20, settings.default.max_examples // 100))
@given(strategies.mlps(activations=["tanh", "sigmoid", "silu"]), st.data())
def test_random_networks(model, data):
    point = data.draw(strategies.points(model.layers[0].n_inputs))
    report = check_module(model, point)
    n_results = model.layers[-1].n_outputs
    assert len(report.comparisons) == n_results * len(model.parameters())


@pytest.mark.parametrize("cell", [LSTMCell(2, 1), GRUCell(2, 1)])
def test_cells(cell):
    check_module(cell, [0.5, -0.25], loss=lambda state: state[0] if isinstance(state, (list, tuple)) else state)


def test_attention_with_a_loss_in_second_order():
    check_module(SelfAttention(1), [[0.5], [-0.25]], loss=lambda rows: squared_error(rows[0], [1.0]), order=2)


class Line(Module):
    """The module a·f(x) + b."""

    def __init__(self, f):
        self.a, self.b = Value(2.0), Value(1.0)
        self._f = f

    def __call__(self, x):
        return self._f(self.a * x) + self.b


def test_a_wrong_rule_is_found_and_the_parameters_are_restored():
    wrong = Primitive("wrong", lambda x: x * x, lambda out, x: (x,))
    model = Line(wrong)
    model.a.grad = 7.0
    with pytest.raises(GradientError, match="∂Line/∂a") as caught:
        check_module(model, 3.0)
    assert [each.component for each in caught.value.report.failures] == ["∂Line/∂a"]
    assert (model.a.data, model.b.data, model.a.grad) == (2.0, 1.0, 7.0)


def test_parameters_are_restored_after_an_exception():
    def fails_elsewhere(y):
        if float(y) != 6.0:
            raise KeyError("elsewhere")
        return y

    model = Line(fails_elsewhere)
    with pytest.raises(KeyError):
        check_module(model, 3.0)
    assert model.a.data == 2.0


def test_a_random_module_must_be_switched_off():
    model = Sequential(Line(lambda x: x), RandomisedLeakyReLU())
    with pytest.raises(ValueError, match="a different result"):
        check_module(model, -3.0)
    check_module(model.eval(), -3.0)


def test_refusals():
    with pytest.raises(TypeError, match="takes a Module"):
        check_module(lambda x: x, 1.0)
    with pytest.raises(ValueError, match="no parameters"):
        check_module(Module(), 1.0)
    with pytest.raises(ValueError, match="order"):
        check_module(Line(lambda x: x), 1.0, order=0)
