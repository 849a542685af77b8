import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini.nn import Conv2d, flatten_grid, unflatten_grid
from tests.nn.gradients import check_hessian, check_module, few, project, randomise, seeds


@st.composite
def convolutions(draw, activation="identity"):
    """A convolution with random weights and a grid for it."""
    padding = (draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    height, width = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    kernel = (
        draw(st.integers(1, min(3, height + 2 * padding[0]))),
        draw(st.integers(1, min(3, width + 2 * padding[1]))),
    )
    conv = Conv2d(
        height,
        width,
        kernel,
        draw(st.integers(1, 2)),
        draw(st.integers(1, 2)),
        activation,
        stride=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        padding=padding,
        bias=draw(st.booleans()),
    )
    seed = draw(seeds)
    return randomise(conv, seed), np.random.default_rng(seed).uniform(-2, 2, conv.input_shape)


def convolve_with_numpy(conv, grid):
    rows, columns = conv.padding
    padded = np.pad(grid, [(0, 0), (rows, rows), (columns, columns)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, conv.kernel, axis=(1, 2))
    windows = windows[:, :: conv.stride[0], :: conv.stride[1]]
    weights = np.array([[w.data for w in neuron.weights] for neuron in conv.filters])
    has_bias = conv.filters[0].has_bias
    bias = weights[:, 0] if has_bias else np.zeros(len(weights))
    kernels = weights[:, int(has_bias) :].reshape(len(weights), len(grid), *conv.kernel)
    return np.einsum("crsij,kcij->krs", windows, kernels) + bias[:, None, None]


class TestConv2d:
    @few
    @given(convolutions())
    def test_agrees_with_numpy(self, case):
        conv, grid = case
        expected = convolve_with_numpy(conv, grid)
        assert expected.shape == conv.output_shape
        found = unflatten_grid([y.data for y in conv(flatten_grid(grid))], conv.output_shape)
        assert np.allclose(found, expected, rtol=0, atol=1e-12)

    @few
    @given(convolutions("tanh"))
    def test_gradients(self, case):
        conv, grid = case
        check_module(conv, flatten_grid(grid))

    def test_second_derivatives(self):
        conv = randomise(Conv2d(2, 3, 2, activation="sigmoid", padding=(0, 1)), 4)
        check_hessian(lambda x: project(conv(x)), [0.5, -1.0, 0.25, 1.5, -0.75, 2.0])

    def test_each_output_is_one_dot_over_shared_weights(self):
        conv = Conv2d(3, 3, 2, activation="identity")
        x = [Value(float(k)) for k in range(9)]
        ys = conv(x)
        weights = tuple(conv.filters[0].weights)
        assert [y.operation.name for y in ys] == ["dot"] * 4
        assert all(y.parents[:5] == weights for y in ys)
        assert [[x.index(v) for v in y.parents[6:]] for y in ys] == [
            [0, 1, 3, 4],
            [1, 2, 4, 5],
            [3, 4, 6, 7],
            [4, 5, 7, 8],
        ]

    def test_a_vector_activation_takes_all_outputs(self):
        ys = Conv2d(2, 2, 1, out_channels=2, activation="softmax", random=2)([1.0, 2.0, 3.0, 4.0])
        assert len(ys) == 8
        assert abs(sum(y.data for y in ys) - 1.0) < 1e-12

    def test_parameters(self):
        conv = Conv2d(5, 5, (2, 3), in_channels=2, out_channels=3)
        assert len(conv.parameters()) == 3 * (1 + 2 * 2 * 3)
        assert "filters.2.weights.12" in dict(conv.named_parameters())
        first, again, other = ([w.data for w in Conv2d(3, 3, 2, random=seed).parameters()] for seed in (5, 5, 6))
        assert first == again != other

    @pytest.mark.parametrize(
        ("args", "options", "error", "message"),
        [
            ((2, 2, 3), {}, ValueError, "a window of 3 × 3 does not fit into a grid of 2 × 2"),
            ((2, 2, 5), {"padding": 1}, ValueError, "into a grid of 4 × 4, padding included"),
            ((2, 2, 0), {}, ValueError, "kernel must be 1 or more"),
            ((2, 2, 1), {"stride": 0}, ValueError, "stride must be 1 or more"),
            ((2, 2, 1), {"padding": -1}, ValueError, "padding must be 0 or more"),
            ((2, 2, "1"), {}, TypeError, "kernel must be an int or two of them"),
            ((2, 2, 1, 0), {}, ValueError, "in_channels must be 1 or more"),
            ((2, 2, 1, 1, 0), {}, ValueError, "out_channels must be 1 or more"),
            ((0, 2, 1), {}, ValueError, "height must be 1 or more"),
            ((2, 2, 1), {"activation": "rleu"}, ValueError, "did you mean 'relu'"),
        ],
    )
    def test_refuses(self, args, options, error, message):
        with pytest.raises(error, match=message):
            Conv2d(*args, **options)

    def test_refuses_another_number_of_inputs(self):
        with pytest.raises(ValueError, match="takes 4 inputs, got 1"):
            Conv2d(2, 2, 1)([[1.0, 2.0, 3.0, 4.0]])

    def test_repr(self):
        assert repr(Conv2d(4, 5, 3, padding=1)) == (
            "Conv2d(4, 5, kernel=(3, 3), in_channels=1, out_channels=1, activation='relu', "
            "stride=(1, 1), padding=(1, 1))"
        )


class TestGrids:
    @few
    @given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3))
    def test_there_and_back(self, channels, height, width):
        grid = np.arange(channels * height * width).reshape(channels, height, width).tolist()
        flat = flatten_grid(grid)
        assert flat == list(range(channels * height * width))
        assert unflatten_grid(flat, (channels, height, width)) == grid

    @pytest.mark.parametrize("grid", [[[[1, 2], [3]]], [[[1], [2]], [[3]]], [[[1, 2]], [[3]]]])
    def test_ragged_grids_are_refused(self, grid):
        with pytest.raises(ValueError, match="rows of equal length"):
            flatten_grid(grid)

    def test_other_faults_are_named(self):
        with pytest.raises(TypeError, match="a list of channels"):
            flatten_grid([[1, 2], [3, 4]])
        with pytest.raises(ValueError, match=r"of shape \(1, 2, 2\) has 4 numbers, got 3"):
            unflatten_grid([1, 2, 3], (1, 2, 2))
        with pytest.raises(ValueError, match="must be 1 or more"):
            unflatten_grid([], (1, 0, 2))
