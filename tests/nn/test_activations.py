from math import erf, exp, expm1, log1p, sin, sqrt, tanh

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, grad, hessian, jacobian, leaky_relu, relu, softmax
from autograd_mini.nn import Layer, VectorActivation
from autograd_mini.nn.activations import SCALAR, VECTOR, find_activation, identity, is_vector, name_of
from tests.nn.gradients import check_gradients, check_hessian, few, points, project

FORMULAS = {
    "identity": lambda z: z,
    "relu": lambda z: max(z, 0.0),
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "elu": lambda z: z if z > 0 else expm1(z),
    "gelu": lambda z: z * (1 + erf(z / sqrt(2))) / 2,
    "silu": lambda z: z / (1 + exp(-z)),
    "sigmoid": lambda z: 1 / (1 + exp(-z)),
    "tanh": tanh,
    "softplus": lambda z: log1p(exp(z)),
    "sin": sin,
    "exp": exp,
}


def test_every_scalar_activation_has_a_formula_here():
    assert FORMULAS.keys() == SCALAR.keys()


@pytest.mark.parametrize("name", SCALAR)
class TestScalar:
    @few
    @given(z=st.floats(0.1, 3) | st.floats(-3, -0.1))
    def test_values_and_derivatives(self, name, z):
        activation, x = find_activation(name), Value(z)
        assert activation(z) == pytest.approx(FORMULAS[name](z), rel=1e-13, abs=1e-15)
        check_gradients(lambda: activation(x) + 0.0 * x, [x])

    def test_the_jacobian_of_a_layer_of_them_is_diagonal(self, name):
        zs = [0.5, -1.5, 2.0]
        rows = np.array(jacobian(lambda zs: [find_activation(name)(z) for z in zs])(zs))
        assert np.array_equal(rows, np.diag(np.diag(rows)))
        assert np.all(np.diag(rows)[[0, 2]] != 0.0) or name == "sin"


@pytest.mark.parametrize("name", VECTOR)
class TestVector:
    @few
    @given(zs=st.integers(1, 4).flatmap(points))
    def test_derivatives(self, name, zs):
        activation, variables = find_activation(name), [Value(z) for z in zs]
        check_gradients(lambda: project(activation(variables)), variables)
        check_hessian(lambda zs: project(activation(zs)), zs)

    @few
    @given(zs=st.integers(1, 4).flatmap(points))
    def test_values(self, name, zs):
        y = np.exp(zs) / np.sum(np.exp(zs))
        expected = y if name == "softmax" else np.log(y)
        assert np.allclose(find_activation(name)(zs), expected, rtol=0, atol=1e-13)


class TestTheLecturesFormulas:
    @few
    @given(st.integers(1, 5).flatmap(points))
    def test_the_softmax_jacobian(self, zs):
        """∂y_i/∂z_j = y_i (δ_ij - y_j)."""
        y = np.array(softmax(zs))
        assert np.allclose(jacobian(softmax)(zs), np.diag(y) - np.outer(y, y), rtol=0, atol=1e-15)

    @few
    @given(st.integers(1, 4).flatmap(points), st.integers(0, 2**32))
    def test_the_derivative_behind_a_softmax_layer(self, zs, seed):
        """∂Div/∂z_i = Σ_j ∂Div/∂y_j y_j (δ_ij - y_i)."""
        towards_y = np.random.default_rng(seed).uniform(-1, 1, len(zs))
        y = np.array(softmax(zs))
        expected = [sum(towards_y[j] * y[j] * ((i == j) - y[i]) for j in range(len(zs))) for i in range(len(zs))]
        found = grad(lambda zs: sum(d * y for d, y in zip(towards_y.tolist(), softmax(zs))))(zs)
        assert np.allclose(found, expected, rtol=0, atol=1e-14)

    def test_subgradients_at_the_kinks(self):
        assert grad(relu)(0.0) == grad(relu)(-0.0) == 1.0
        assert grad(leaky_relu)(0.0) == 1.0
        assert grad(lambda z: relu(z, at_zero=0.0))(0.0) == 0.0
        assert hessian(relu)(0.0) == 0.0


class TestFinding:
    def test_a_function_is_its_own_activation(self):
        assert find_activation(sin) is sin

    def test_the_nearest_name_is_proposed(self):
        with pytest.raises(ValueError, match="no activation is named 'rleu'; did you mean 'relu'"):
            find_activation("rleu")

    def test_all_names_are_listed_if_none_is_near(self):
        with pytest.raises(ValueError, match="choose one of identity, relu, .*softmax.*, or give a function"):
            find_activation("#")

    def test_refuses_what_cannot_be_called(self):
        with pytest.raises(TypeError, match=r"an activation is a name or a function, got 7 \(int\)"):
            find_activation(7)

    def test_which_take_the_whole_layer(self):
        assert is_vector(find_activation("softmax"))
        assert is_vector(VectorActivation(sorted))
        assert not is_vector(find_activation("relu"))
        assert not is_vector(sorted)

    def test_names(self):
        assert name_of(identity) == "identity"
        assert name_of(VectorActivation(sorted)) == "sorted"
        assert repr(Layer(1, 1, VectorActivation(sorted))) == "Layer(1, 1, 'sorted')"
