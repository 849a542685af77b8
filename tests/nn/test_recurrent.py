import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Constant, Value, gradients, topological_order
from autograd_mini.nn import GRUCell, LSTMCell, LSTMState
from autograd_mini.structures import flatten
from tests.nn.gradients import check_gradients, check_hessian, few, project, randomise, seeds
from tests.nn.torch_weights import fill_gru, fill_lstm, wave

CELLS = [LSTMCell, GRUCell]
small = st.integers(1, 3)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_step(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = np.split(weight_ih @ x + bias_ih + weight_hh @ h + bias_hh, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    r, z, n = np.split(weight_ih @ x + bias_ih, 3)
    hr, hz, hn = np.split(weight_hh @ h + bias_hh, 3)
    update = sigmoid(z + hz)
    return (1 - update) * np.tanh(n + sigmoid(r + hr) * hn) + update * h


def numbers(values):
    return [v.data for v in values]


def ancestors(outputs):
    leaves, _ = flatten(outputs, "the outputs")
    return topological_order(*leaves)


def sequence_of(seed, steps, width):
    generator = np.random.default_rng(seed)
    return generator.uniform(-2, 2, (steps, width))


def weights_of(seed, n_gates, n_inputs, n_hidden):
    generator = np.random.default_rng(seed)
    shapes = [(n_gates * n_hidden, n_inputs), (n_gates * n_hidden, n_hidden), n_gates * n_hidden, n_gates * n_hidden]
    return [generator.uniform(-1.5, 1.5, shape) for shape in shapes]


class TestAgainstNumpy:
    @few
    @given(small, small, st.integers(0, 3), seeds)
    def test_lstm(self, n_inputs, n_hidden, steps, seed):
        weights, xs = weights_of(seed, 4, n_inputs, n_hidden), sequence_of(seed, steps, n_inputs)
        outputs, last = fill_lstm(LSTMCell(n_inputs, n_hidden), *weights).run(xs)
        h = c = np.zeros(n_hidden)
        assert len(outputs) == steps
        for x, output in zip(xs, outputs):
            h, c = lstm_step(x, h, c, *weights)
            assert np.allclose(numbers(output), h, rtol=0, atol=1e-12)
        assert np.allclose(numbers(last.hidden), h, rtol=0, atol=1e-12)
        assert np.allclose(numbers(last.memory), c, rtol=0, atol=1e-12)

    @few
    @given(small, small, st.integers(0, 3), seeds)
    def test_gru(self, n_inputs, n_hidden, steps, seed):
        weights, xs = weights_of(seed, 3, n_inputs, n_hidden), sequence_of(seed, steps, n_inputs)
        outputs, last = fill_gru(GRUCell(n_inputs, n_hidden), *weights).run(xs)
        h = np.zeros(n_hidden)
        assert len(outputs) == steps
        for x, output in zip(xs, outputs):
            h = gru_step(x, h, *weights)
            assert np.allclose(numbers(output), h, rtol=0, atol=1e-12)
        assert np.allclose(numbers(last), h, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", CELLS)
class TestDerivatives:
    @few
    @given(n_inputs=st.integers(1, 2), n_hidden=st.integers(1, 2), steps=small, seed=seeds)
    def test_through_time(self, kind, n_inputs, n_hidden, steps, seed):
        cell = randomise(kind(n_inputs, n_hidden), seed)
        xs = [[Value(x) for x in row] for row in sequence_of(seed, steps, n_inputs).tolist()]
        start = [Value(0.3 * k - 0.2) for k in range(n_hidden)]
        state = LSTMState(start, start[::-1]) if kind is LSTMCell else start
        leaves = [*start, *(x for row in xs for x in row), *cell.parameters()]
        check_gradients(lambda: project(cell.run(xs, state)), leaves)

    @few
    @given(seed=seeds)
    def test_second_derivatives(self, kind, seed):
        cell = randomise(kind(2, 2), seed)
        check_hessian(lambda xs: project(cell.run([xs[:2], xs[2:]])), sequence_of(seed, 1, 4)[0].tolist())


# Of torch 2.13.0: h and c after three steps, and the gradient of project() of them towards the inputs.
RECORDED = {
    LSTMCell: (
        [-0.18241407715181562, -0.6908064765954389, 0.0752202728782957],
        [-0.2845171830448455, -0.9175606361254663, 0.3782654669499644],
        [-0.297517015123252, -0.09930460665675542, -0.15267801870820788]
        + [-0.11152885614349546, 0.1924608801104645, -0.1421660495393163],
    ),
    GRUCell: (
        [-0.6110360555580463, -0.8680331622488557, 0.7937995874120262],
        [],
        [0.007188065667876916, 0.018504926134957037, -0.016720055184043077]
        + [-0.014780545623824734, -0.10386317867646505, -0.15806656702735364],
    ),
}


class TestAgainstPyTorch:
    @pytest.mark.parametrize("kind", CELLS)
    def test_recorded_figures(self, kind):
        n_gates = 4 if kind is LSTMCell else 3
        fill = fill_lstm if kind is LSTMCell else fill_gru
        cell = fill(
            kind(2, 3),
            wave((3 * n_gates, 2), 0),
            wave((3 * n_gates, 3), 100),
            wave(3 * n_gates, 200),
            wave(3 * n_gates, 300),
        )
        xs = [[Value(x) for x in row] for row in wave((3, 2), 400)]
        h, c = wave(3, 500), wave(3, 600)
        _, last = cell.run(xs, LSTMState(h, c) if kind is LSTMCell else h)
        hidden, memory, slopes = RECORDED[kind]
        shown = last if kind is LSTMCell else (last, [])
        assert np.allclose(numbers(shown[0]), hidden, rtol=0, atol=1e-13)
        assert np.allclose(numbers(shown[1]), memory, rtol=0, atol=1e-13)
        found = gradients(project(shown), [x for row in xs for x in row])
        assert np.allclose(found, slopes, rtol=0, atol=1e-13)

    @few
    @given(kind=st.sampled_from(CELLS), n_inputs=small, n_hidden=small, seed=seeds)
    def test_where_it_is_installed(self, kind, n_inputs, n_hidden, seed):
        torch = pytest.importorskip("torch")
        is_lstm = kind is LSTMCell
        theirs = (torch.nn.LSTMCell if is_lstm else torch.nn.GRUCell)(n_inputs, n_hidden).double()
        weights = weights_of(seed, 4 if is_lstm else 3, n_inputs, n_hidden)
        with torch.no_grad():
            for parameter, array in zip(theirs.parameters(), weights, strict=True):
                parameter.copy_(torch.tensor(array))
        ours = (fill_lstm if is_lstm else fill_gru)(kind(n_inputs, n_hidden), *weights)
        array = sequence_of(seed, 3, n_inputs)
        inputs = torch.tensor(array, requires_grad=True)
        state = None
        for x in inputs:
            state = theirs(x[None], state)
        expected = torch.cat([part[0] for part in state]) if is_lstm else state[0]
        xs = [[Value(x) for x in row] for row in array]
        _, last = ours.run(xs)
        found = [*last.hidden, *last.memory] if is_lstm else last
        assert np.allclose(numbers(found), expected.detach().numpy(), rtol=0, atol=1e-12)
        (slopes,) = torch.autograd.grad(project(expected), inputs)
        found_slopes = gradients(project(found), [x for row in xs for x in row])
        assert np.allclose(found_slopes, slopes.numpy().ravel(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", CELLS)
class TestBehaviour:
    def test_no_state_is_a_state_of_zeros(self, kind):
        cell = kind(2, 3, random=1)
        assert project(cell([1.0, 2.0])).data == project(cell([1.0, 2.0], cell.initial_state())).data

    def test_a_run_can_go_on_from_its_last_state(self, kind):
        cell = kind(1, 2, random=1)
        xs = [[0.5], [-1.0], [2.0]]
        whole, _ = cell.run(xs)
        first, state = cell.run(xs[:2])
        second, _ = cell.run(xs[2:], state)
        assert [numbers(h) for h in whole] == [numbers(h) for h in (*first, *second)]

    def test_an_empty_sequence_leaves_the_state(self, kind):
        cell = kind(1, 2)
        outputs, state = cell.run([])
        assert outputs == []
        assert project(state).data == 0.0

    def test_the_seed_determines_the_weights(self, kind):
        first, again, other = (numbers(kind(2, 3, random=seed).parameters()) for seed in (5, 5, 6))
        assert first == again != other

    def test_inputs_become_values_once(self, kind):
        x = 0.12345
        constants = [v for v in ancestors(kind(1, 2, random=1)([x])) if isinstance(v, Constant) and v.data == x]
        assert len(constants) == 1

    def test_refuses_sizes_below_1(self, kind):
        with pytest.raises(ValueError, match="n_inputs must be 1 or more"):
            kind(0, 1)
        with pytest.raises(ValueError, match="n_hidden must be 1 or more"):
            kind(1, 0)

    def test_refuses_other_sizes(self, kind):
        name = kind.__name__
        with pytest.raises(ValueError, match=rf"{name}\(2, 3\) takes 2 inputs, got 1"):
            kind(2, 3)([1.0])
        with pytest.raises(ValueError, match=rf"{name}\(2, 3\) takes 2 inputs, got 3"):
            kind(2, 3).run([[1.0, 2.0], [1.0, 2.0, 3.0]])
        state = LSTMState([0.0], [0.0, 0.0, 0.0]) if kind is LSTMCell else [0.0]
        with pytest.raises(ValueError, match="takes 3 numbers as hidden state, got 1"):
            kind(2, 3)([1.0, 2.0], state)

    def test_refuses_what_is_no_sequence(self, kind):
        with pytest.raises(TypeError, match="a sequence is a list of inputs, each a list of 2, got 7"):
            kind(2, 3).run(7)
        with pytest.raises(TypeError, match="takes a list of 2 inputs, got 7"):
            kind(2, 3).run([7])
        with pytest.raises(TypeError, match=r"takes a (list of 3 numbers as hidden state|state of two lists)"):
            kind(2, 3)([1.0, 2.0], 7)

    def test_repr(self, kind):
        assert repr(kind(2, 3)) == f"{kind.__name__}(2, 3)"


class TestLSTM:
    def test_the_forget_gate_starts_open(self):
        cell = LSTMCell(1, 2)
        assert numbers(neuron.weights[0] for neuron in cell.forget_gate.neurons) == [1.0, 1.0]
        assert numbers(neuron.weights[0] for neuron in cell.input_gate.neurons) == [0.0, 0.0]
        assert LSTMCell(1, 1, forget_bias=-2.0).forget_gate.neurons[0].weights[0].data == -2.0

    def test_without_biases(self):
        assert len(LSTMCell(2, 3, bias=False).parameters()) == 4 * 3 * 5
        assert len(LSTMCell(2, 3).parameters()) == 4 * 3 * 6

    def test_the_memory_is_one_node_a_unit(self):
        _, memory = LSTMCell(1, 2)([1.0])
        assert [c.operation.name for c in memory] == ["dot", "dot"]

    def test_refuses_a_memory_of_another_size(self):
        with pytest.raises(ValueError, match="takes 2 numbers as memory, got 1"):
            LSTMCell(1, 2)([1.0], ([0.0, 0.0], [0.0]))


class TestGRU:
    def test_without_biases(self):
        assert len(GRUCell(2, 3, bias=False).parameters()) == 3 * 3 * 5
        assert len(GRUCell(2, 3).parameters()) == 3 * 3 * 5 + 4 * 3
