from math import inf, nan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, grad
from autograd_mini.nn import MLP, Layer, PReLU, RandomisedLeakyReLU, Sequential
from tests.nn.gradients import check_gradients, check_module, few, seeds

away_from_0 = st.floats(0.1, 2) | st.floats(-2, -0.1)


class TestRandomisedLeakyReLU:
    @few
    @given(st.floats(-5, -1e-3), seeds)
    def test_while_training_slopes_come_from_the_seed(self, z, seed):
        activation, same = RandomisedLeakyReLU(0.1, 0.3, random=seed), Random(seed)
        for _ in range(5):
            slope = same.uniform(0.1, 0.3)
            assert activation(z) == slope * z
            assert 0.1 <= slope <= 0.3

    def test_the_slope_is_the_derivative(self):
        activation, same = RandomisedLeakyReLU(0.1, 0.3, random=4), Random(4)
        assert grad(activation)(-2.0) == same.uniform(0.1, 0.3)

    def test_draws_do_not_depend_on_the_data(self):
        one, other = RandomisedLeakyReLU(random=2), RandomisedLeakyReLU(random=2)
        one(5.0), other(-5.0)
        assert one(-1.0) == other(-1.0)

    @few
    @given(away_from_0)
    def test_in_evaluation_the_slope_is_the_mean(self, z):
        activation = RandomisedLeakyReLU(0.1, 0.3).eval()
        x = Value(z)
        check_gradients(lambda: activation(x), [x])
        assert activation(z) == (z if z > 0 else 0.2 * z)

    @pytest.mark.parametrize("training", [True, False])
    def test_the_derivative_at_0_is_1(self, training):
        activation = RandomisedLeakyReLU().train(training)
        assert grad(activation)(0.0) == grad(activation)(-0.0) == 1.0

    def test_every_unit_draws_its_own_slope(self):
        activation = RandomisedLeakyReLU(0.0, 1.0, random=9)
        layer = Layer(1, 3, activation, initialise=lambda n_inputs, n_outputs, random: -1.0)
        slopes = [-y.data for y in layer([1.0])]
        same = Random(9)
        assert slopes == [same.uniform(0.0, 1.0) for _ in range(3)]

    def test_train_and_eval_reach_it_in_networks(self):
        activation = RandomisedLeakyReLU()
        for network in (Layer(2, 2, activation), MLP(2, [3, 1], activation), Sequential(MLP(2, [3, 1], activation))):
            network.eval()
            assert not activation.training
            first = network([1.0, -1.0])
            again = network([1.0, -1.0])
            assert [first] == [again] or [y.data for y in first] == [y.data for y in again]
            network.train()
            assert activation.training

    def test_a_network_with_it_is_differentiated_correctly(self):
        check_module(MLP(2, [3, 1], RandomisedLeakyReLU(), random=3).eval(), [0.7, -0.4], step=1e-3)

    def test_limits_may_coincide(self):
        assert RandomisedLeakyReLU(0.25, 0.25)(-2.0) == -0.5

    @pytest.mark.parametrize("limits", [(0.3, 0.1), (nan, 1.0), (0.0, inf)])
    def test_refuses_an_invalid_range(self, limits):
        with pytest.raises(ValueError, match="finite and in this order"):
            RandomisedLeakyReLU(*limits)

    def test_refuses_what_is_not_a_number_or_seed(self):
        with pytest.raises(TypeError, match="lower takes a real number"):
            RandomisedLeakyReLU("a")
        with pytest.raises(TypeError, match="random takes a seed"):
            RandomisedLeakyReLU(random=None)

    def test_repr(self):
        assert repr(RandomisedLeakyReLU(0.1, 0.3)) == "RandomisedLeakyReLU(0.1, 0.3)"


class TestPReLU:
    @few
    @given(away_from_0, st.floats(-1, 2))
    def test_gradients_and_values(self, z, slope):
        activation, x = PReLU(slope), Value(z)
        check_gradients(lambda: activation(x), [x, activation.slope])
        assert activation(x).data == (z if z > 0 else slope * z)

    def test_the_derivatives_at_0(self):
        activation, x = PReLU(0.5), Value(0.0)
        activation(x).backward()
        assert (x.grad, activation.slope.grad) == (1.0, 0.0)

    def test_one_slope_is_shared_and_counted_once(self):
        network = MLP(2, [3, 3, 1], PReLU())
        names = [name for name, _ in network.named_parameters()]
        assert len(names) == 3 * 3 + 3 * 4 + 4 + 1
        assert sum("slope" in name for name in names) == 1

    def test_the_slope_is_learnt_with_the_network(self):
        activation = PReLU(0.5)
        network = MLP(1, [2, 1], activation, initialise=lambda n_inputs, n_outputs, random: -1.0)
        network([3.0]).backward()
        assert activation.slope.grad == 6.0  # two units with z = -3, each weighted -1

    def test_repr_and_errors(self):
        assert repr(PReLU(0.5)) == "PReLU(0.5)"
        with pytest.raises(TypeError, match="real number"):
            PReLU(None)
