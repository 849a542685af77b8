import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, jacobian
from autograd_mini.nn import Gate, Layer, PairProducts, ProductUnits, multiply
from tests.nn.gradients import (
    check_gradients,
    check_hessian,
    check_module,
    few,
    points,
    project,
    randomise,
    seeds,
    sizes,
)


@st.composite
def pair_layers(draw):
    n = draw(st.integers(1, 5))
    index = st.integers(0, n - 1)
    return PairProducts(n, draw(st.lists(st.tuples(index, index), min_size=1, max_size=5))), draw(points(n))


class TestPairProducts:
    @few
    @given(pair_layers())
    def test_gradients_and_values(self, case):
        layer, y = case
        assert [o.data for o in check_module(layer, y)] == [y[j] * y[k] for j, k in layer.pairs]

    @few
    @given(points(2), st.floats(-2, 2))
    def test_the_lectures_backward_formula(self, y, adjoint):
        """∂Div/∂y_j = y_l ∂Div/∂o_i and ∂Div/∂y_l = y_j ∂Div/∂o_i."""
        first, second = map(Value, y)
        (o,) = PairProducts(2, [(0, 1)])([first, second])
        o.backward(adjoint)
        assert (first.grad, second.grad) == (y[1] * adjoint, y[0] * adjoint)

    @few
    @given(pair_layers())
    def test_second_derivatives(self, case):
        layer, y = case
        check_hessian(lambda x: project(layer(x)), y)

    def test_neighbours_as_vector_activation(self):
        layer = Layer(3, 4, PairProducts(4), random=1)
        zs = [z.data for z in layer.affine([1.0, 2.0, 3.0])]
        assert [y.data for y in layer([1.0, 2.0, 3.0])] == [zs[0] * zs[1], zs[2] * zs[3]]

    def test_the_jacobian_of_neighbours(self):
        assert jacobian(PairProducts(4))([2.0, 3.0, 5.0, 7.0]) == [[3.0, 2.0, 0.0, 0.0], [0.0, 0.0, 7.0, 5.0]]

    @pytest.mark.parametrize(
        ("args", "error", "message"),
        [
            ((3,), ValueError, "only an even number of inputs, got 3"),
            ((3, [(0, 1, 2)]), ValueError, r"a pair has two indices, got \(0, 1, 2\)"),
            ((3, [(0,)]), ValueError, "a pair has two indices"),
            ((3, [(0, 3)]), IndexError, "pair 0 names input 3, but inputs go from 0 to 2"),
            ((3, []), ValueError, "one pair or more, got none"),
            ((0,), ValueError, "n_inputs must be 1 or more"),
        ],
    )
    def test_refuses(self, args, error, message):
        with pytest.raises(error, match=message):
            PairProducts(*args)

    def test_refuses_another_number_of_inputs(self):
        with pytest.raises(ValueError, match="takes 2 inputs, got 4"):
            PairProducts(2)([1.0, 2.0, 3.0, 4.0])


@st.composite
def product_layers(draw):
    n = draw(st.integers(1, 5))
    subsets = draw(st.lists(st.lists(st.integers(0, n - 1), min_size=1, max_size=4), min_size=1, max_size=3))
    return ProductUnits(n, subsets), draw(points(n))


class TestProductUnits:
    @few
    @given(product_layers())
    def test_gradients_and_values(self, case):
        layer, y = case
        outputs = check_module(layer, y)
        expected = [np.prod([y[i] for i in subset]) for subset in layer.subsets]
        assert np.allclose([o.data for o in outputs], expected, rtol=1e-12, atol=1e-300)

    @few
    @given(product_layers())
    def test_second_derivatives(self, case):
        layer, y = case
        check_hessian(lambda x: project(layer(x)), y)

    def test_derivatives_where_factors_are_0(self):
        layer = ProductUnits(3, [[0, 1, 2]])
        assert jacobian(layer)([0.0, 3.0, 5.0]) == [[15.0, 0.0, 0.0]]
        assert jacobian(layer)([0.0, 0.0, 5.0]) == [[0.0, 0.0, 0.0]]

    def test_one_node_a_product(self):
        xs = [Value(float(k)) for k in range(1, 5)]
        (o,) = ProductUnits(4, [range(4)])(xs)
        assert o.parents == tuple(xs)

    @pytest.mark.parametrize(
        ("subsets", "error"), [([[0, 9]], IndexError), ([[]], ValueError), ([], ValueError), ([["0"]], TypeError)]
    )
    def test_refuses(self, subsets, error):
        with pytest.raises(error, match="subset"):
            ProductUnits(2, subsets)


class TestGate:
    @few
    @given(sizes, sizes, seeds, st.sampled_from(["sigmoid", "tanh", "softmax"]))
    def test_gradients(self, n_inputs, n_controls, seed, activation):
        gate = randomise(Gate(n_inputs, n_controls, activation), seed)
        x = [0.4 * k - 0.7 for k in range(n_inputs)]
        c = [0.9 - 0.5 * k for k in range(n_controls)]
        leaves = [list(map(Value, x)), list(map(Value, c))]
        check_gradients(lambda: project(gate(*leaves)), [*leaves[0], *leaves[1], *gate.parameters()])

    @few
    @given(st.integers(1, 4).flatmap(points), seeds)
    def test_gates_itself(self, x, seed):
        gate = randomise(Gate(len(x)), seed)
        weights = np.array([[w.data for w in neuron.weights] for neuron in gate.control.neurons])
        expected = np.array(x) / (1 + np.exp(-(weights @ [1.0, *x])))
        outputs = check_module(gate, x)
        assert np.allclose([y.data for y in outputs], expected, rtol=1e-12, atol=1e-12)

    @few
    @given(st.integers(1, 3).flatmap(points), seeds)
    def test_second_derivatives(self, x, seed):
        gate = randomise(Gate(len(x)), seed)
        check_hessian(lambda x: project(gate(x)), x)

    def test_controls_are_wanted_or_not(self):
        with pytest.raises(TypeError, match="takes no controls"):
            Gate(2)([1.0, 2.0], [1.0, 2.0])
        with pytest.raises(TypeError, match="takes inputs and controls"):
            Gate(2, 2)([1.0, 2.0])

    def test_refuses_other_sizes(self):
        with pytest.raises(ValueError, match="takes 2 inputs, got 1"):
            Gate(2, 3)([1.0], [1.0, 2.0, 3.0])
        with pytest.raises(ValueError, match="takes 3 inputs, got 2"):
            Gate(2, 3)([1.0, 2.0], [1.0, 2.0])
        with pytest.raises(ValueError, match="n_controls must be 1 or more"):
            Gate(2, 0)

    def test_the_seed_determines_the_weights(self):
        first, again, other = ([w.data for w in Gate(3, random=seed).parameters()] for seed in (5, 5, 6))
        assert first == again != other

    def test_repr(self):
        assert repr(Gate(2)) == "Gate(2, activation='sigmoid')"
        assert repr(Gate(2, 3, "tanh")) == "Gate(2, 3, activation='tanh')"


class TestMultiply:
    @few
    @given(st.integers(1, 4).flatmap(lambda n: st.tuples(points(n), points(n))))
    def test_the_lectures_backward_formula(self, vectors):
        xs, gates = vectors
        assert np.array_equal(jacobian(multiply, argnums=0)(xs, gates), np.diag(gates))
        assert np.array_equal(jacobian(multiply, argnums=1)(xs, gates), np.diag(xs))

    def test_refuses_vectors_of_other_lengths(self):
        with pytest.raises(ValueError, match="its own length, 2, got 1 gates"):
            multiply([1.0, 2.0], [1.0])
