import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, jacobian
from autograd_mini.nn import Layer, Maxout, MaxOver, MaxPool2d
from tests.nn.gradients import check_module, few, randomise, seeds, sizes, spaced


@st.composite
def subset_layers(draw):
    """A layer of maxima, and a point for it."""
    n = draw(st.integers(1, 6))
    subsets = draw(
        st.lists(st.lists(st.integers(0, n - 1), min_size=1, max_size=n, unique=True), min_size=1, max_size=4)
    )
    return MaxOver(n, subsets), draw(spaced(n))


class TestMaxOver:
    @few
    @given(subset_layers())
    def test_gradients_and_values(self, case):
        layer, x = case
        outputs = check_module(layer, x)
        assert [y.data for y in outputs] == [max(x[i] for i in subset) for subset in layer.subsets]

    @few
    @given(subset_layers())
    def test_the_jacobian_is_one_hot_at_the_argmax(self, case):
        layer, x = case
        expected = np.zeros((len(layer.subsets), len(x)))
        for row, subset in enumerate(layer.subsets):
            expected[row, max(subset, key=lambda i: x[i])] = 1.0
        assert np.array_equal(jacobian(layer)(x), expected)

    def test_at_a_tie_the_first_of_the_subset_gets_all(self):
        layer = MaxOver(3, [[0, 1, 2], [2, 1]])
        assert jacobian(layer)([4.0, 4.0, 4.0]) == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]

    def test_serves_as_activation_of_a_layer(self):
        layer = Layer(2, 4, MaxOver(4, [[0, 1], [2, 3]]), random=3)
        zs = [z.data for z in layer.affine([1.0, -2.0])]
        assert [y.data for y in layer([1.0, -2.0])] == [max(zs[:2]), max(zs[2:])]

    def test_numpy_indices_will_do(self):
        assert MaxOver(2, np.array([[1, 0]])).subsets == ((1, 0),)

    def test_has_no_parameters(self):
        assert MaxOver(2, [[0, 1]]).parameters() == []

    @pytest.mark.parametrize(
        ("n_inputs", "subsets", "error", "message"),
        [
            (0, [[0]], ValueError, "n_inputs must be 1 or more"),
            (2.0, [[0]], TypeError, "n_inputs must be an int"),
            (2, [], ValueError, "one subset or more, got none"),
            (2, [[0], []], ValueError, "subset 1 is empty"),
            (2, [[0, 2]], IndexError, "subset 0 names input 2, but inputs go from 0 to 1"),
            (2, [[-1]], IndexError, "subset 0 names input -1"),
            (2, [[0.0]], TypeError, "subset 0 must hold indices"),
            (2, [[True]], TypeError, "subset 0 must hold indices"),
            (2, [[np.array([0, 1])]], TypeError, "subset 0 must hold indices"),
            (2, [0, 1], TypeError, "subsets must be lists"),
            (2, 7, TypeError, "subsets must be lists"),
        ],
    )
    def test_refuses(self, n_inputs, subsets, error, message):
        with pytest.raises(error, match=message):
            MaxOver(n_inputs, subsets)

    def test_refuses_another_number_of_inputs(self):
        with pytest.raises(ValueError, match=r"MaxOver\(2, \[\[0, 1\]\]\) takes 2 inputs, got 3"):
            MaxOver(2, [[0, 1]])([1.0, 2.0, 3.0])


@st.composite
def pools(draw):
    height, width, channels = draw(st.integers(1, 5)), draw(st.integers(1, 5)), draw(st.integers(1, 2))
    window = (draw(st.integers(1, height)), draw(st.integers(1, width)))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    pool = MaxPool2d(height, width, window, draw(st.sampled_from([stride, None])), channels)
    return pool, draw(spaced(channels * height * width))


class TestMaxPool2d:
    @few
    @given(pools())
    def test_agrees_with_numpy(self, case):
        pool, x = case
        grid = np.array(x).reshape(pool.input_shape)
        windows = np.lib.stride_tricks.sliding_window_view(grid, pool.window, axis=(1, 2))
        expected = windows[:, :: pool.stride[0], :: pool.stride[1]].max(axis=(3, 4))
        assert expected.shape == pool.output_shape
        assert [y.data for y in pool(x)] == expected.ravel().tolist()

    @few
    @given(pools())
    def test_gradients(self, case):
        check_module(*case)

    def test_windows_over_the_edge_are_left_out(self):
        assert MaxPool2d(5, 4, 2).output_shape == (1, 2, 2)

    def test_ties_go_to_the_first_cell_in_reading_order(self):
        assert jacobian(MaxPool2d(2, 2, 2))([1.0, 3.0, 3.0, 3.0]) == [[0.0, 1.0, 0.0, 0.0]]

    @pytest.mark.parametrize(
        ("args", "error", "message"),
        [
            ((2, 2, 3), ValueError, "a window of 3 × 3 does not fit into a grid of 2 × 2"),
            ((2, 2, (1, 3)), ValueError, "a window of 1 × 3 does not fit"),
            ((2, 2, 0), ValueError, "window must be 1 or more"),
            ((2, 2, 1, 0), ValueError, "stride must be 1 or more"),
            ((2, 2, (1, 1, 1)), TypeError, "window must be an int or two of them"),
            ((2, 2, 1.5), TypeError, "window must be an int or two of them"),
            ((2, 2, True), TypeError, "window must be an int or two of them"),
            ((2, 2, np.array([1, 1])), TypeError, "window must be an int or two of them"),
            ((0, 2, 1), ValueError, "height must be 1 or more"),
            ((2, 0, 1), ValueError, "width must be 1 or more"),
            ((2, 2, 1, 1, 0), ValueError, "channels must be 1 or more"),
        ],
    )
    def test_refuses(self, args, error, message):
        with pytest.raises(error, match=message):
            MaxPool2d(*args)

    def test_repr(self):
        assert repr(MaxPool2d(4, 6, 2)) == "MaxPool2d(4, 6, window=(2, 2), stride=(2, 2), channels=1)"


class TestMaxout:
    @few
    @given(sizes, sizes, sizes, seeds)
    def test_gradients_and_values(self, n_inputs, n_outputs, n_pieces, seed):
        maxout = randomise(Maxout(n_inputs, n_outputs, n_pieces), seed)
        x = [0.3 * k - 0.5 for k in range(n_inputs)]
        zs = np.array([[piece.affine(tuple(map(Value, x))).data for piece in unit] for unit in maxout.units])
        weights = np.array([[[w.data for w in piece.weights] for piece in unit] for unit in maxout.units])
        assert np.allclose(weights @ np.array([1.0, *x]), zs, rtol=0, atol=1e-12)
        gaps = np.diff(np.sort(zs, axis=1), axis=1)
        step = min(0.02, gaps.min() / 4) if gaps.size else 0.02  # stays on one piece of the maximum
        outputs = check_module(maxout, x, step) if step > 1e-5 else maxout(x)
        assert [y.data for y in outputs] == zs.max(axis=1).tolist()

    def test_a_tie_goes_to_the_first_piece(self):
        maxout = Maxout(1, 1, 3)
        for piece, (bias, slope) in zip(maxout.units[0], [(0.0, -1.0), (0.0, 1.0), (0.0, 2.0)]):
            piece.weights[0].data, piece.weights[1].data = bias, slope
        assert jacobian(maxout)([0.0]) == [[-1.0]]

    def test_parameters_are_counted_and_named(self):
        maxout = Maxout(3, 2, 4)
        assert len(maxout.parameters()) == 2 * 4 * (3 + 1)
        assert "units.1.3.weights.0" in dict(maxout.named_parameters())
        assert len(Maxout(3, 2, 4, bias=False).parameters()) == 2 * 4 * 3

    def test_the_seed_determines_the_weights(self):
        first, again, other = ([w.data for w in Maxout(3, 2, random=seed).parameters()] for seed in (5, 5, 6))
        assert first == again != other

    @pytest.mark.parametrize("sizes", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
    def test_refuses_a_count_of_0(self, sizes):
        with pytest.raises(ValueError, match="must be 1 or more, got 0"):
            Maxout(*sizes)

    def test_refuses_another_number_of_inputs(self):
        with pytest.raises(ValueError, match=r"Maxout\(2, 1, 2\) takes 2 inputs, got 1"):
            Maxout(2, 1)([1.0])
