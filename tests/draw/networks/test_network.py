"""Networks as columns of neurons: every weight is one line, with the right width and colour."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini.draw import draw_network
from autograd_mini.draw.networks.unit_columns import THICKEST, shown_indices
from autograd_mini.draw.style.colours import MODULE, NEGATIVE, NOT_FINITE, POSITIVE, ZERO
from autograd_mini.nn import MLP, Layer, Sequential, flatten_grid, squared_error
from tests.draw.reading import shown_texts

LINE = re.compile(
    r'^\s*(\w+) -> (\w+) \[penwidth=([\d.]+) color="(#\w+)"(?: style=dashed)? tooltip="[wb]\S+ = (.*?)"\]', re.M
)
WIDTHS = st.lists(st.integers(1, 5), min_size=1, max_size=3)


def lines_of(drawing):
    return LINE.findall(drawing.source)


def units_of(drawing):
    return re.findall(r"^\s*(c\d+_\d+) \[label=<[^⋮\n]*?>([xy][^<\n]*)<", drawing.source, re.M)


@given(st.integers(1, 5), WIDTHS, st.booleans(), st.booleans())
def test_every_weight_is_one_line(n_inputs, widths, bias, biases):
    model = MLP(n_inputs, widths, bias=bias)
    drawing = draw_network(model, biases=biases, number_format=".17g")
    lines = lines_of(drawing)
    weights = [w.data for w in model.parameters() if biases or not w.label.startswith("b")]
    assert sorted(float(text) for *_, text in lines) == sorted(weights)
    assert len({(tail, head) for tail, head, *_ in lines}) == len(lines)
    assert len(units_of(drawing)) == n_inputs + sum(widths)
    largest = max(map(abs, weights), default=0.0)
    for _, _, width, colour, text in lines:
        weight = float(text)
        assert colour == (POSITIVE if weight > 0 else NEGATIVE if weight < 0 else ZERO)
        if abs(weight) == largest > 0:
            assert float(width) == THICKEST


@given(st.integers(1, 5), WIDTHS)
@settings(max_examples=10, deadline=None)
def test_the_rendered_picture_shows_all_lines(n_inputs, widths):
    drawing = draw_network(MLP(n_inputs, widths), divergence=squared_error)
    svg = drawing._repr_svg_()
    assert svg.count('class="edge"') == drawing.source.count(" -> ")
    assert svg.count('class="edge"') == len(lines_of(drawing)) + widths[-1] + 1


@given(st.integers(1, 200), st.integers(3, 20))
def test_wide_layers_leave_out_their_middle(count, limit):
    indices = shown_indices(count, limit)
    kept = [index for index in indices if index is not None]
    assert len(indices) == min(count, limit)
    assert kept == sorted(set(kept))
    assert {kept[0], kept[-1]} == {0, count - 1}
    assert indices.count(None) == (count > limit)


def test_a_wide_network_stays_readable():
    drawing = draw_network(MLP(784, [100, 10], output="softmax"), max_units=5)
    assert len(units_of(drawing)) == 12
    assert len(lines_of(drawing)) == 4 * (4 + 1) * 2
    shown = shown_texts(drawing._repr_svg_())
    assert {"x₇₈₄", "y₁₀", "784", "100 neurons", "relu", "softmax", "⋮"} <= set(shown)


def test_names_below_and_behind():
    shown = shown_texts(draw_network(MLP(1, [3, 1], "tanh"), divergence=squared_error)._repr_svg_())
    assert {"input", "layer 1", "3 neurons", "tanh", "layer 2", "1 neuron", "identity"} <= set(shown)
    assert {"Div(y, d)", "squared_error", "weight > 0"} <= set(shown)

    def mine(y, d):
        return y

    model = Layer(1, 1)
    assert "mine" in shown_texts(draw_network(model, divergence=mine)._repr_svg_())
    assert "KL <d|y>" in shown_texts(draw_network(model, divergence="KL <d|y>")._repr_svg_())
    assert "weight > 0" not in shown_texts(draw_network(model, legend=False)._repr_svg_())


def test_only_vector_activations_have_a_frame():
    assert draw_network(MLP(2, [3, 3], output="softmax")).source.count(f'style=rounded color="{MODULE}"') == 1
    assert f'style=rounded color="{MODULE}"' not in draw_network(MLP(2, [3, 3])).source


def test_layers_in_a_row_are_drawn_like_an_mlp():
    model = MLP(2, [3, 1])
    assert draw_network(Sequential(*model.layers)).source == draw_network(model).source
    assert draw_network(Sequential(Sequential(model.layers[0]), Layer(3, 1, "identity", random=1))).source
    assert len(lines_of(draw_network(model.layers[0]))) == 9


def test_weights_that_are_not_finite_stand_out():
    model = Layer(2, 1)
    model.neurons[0].weights[1].data = float("nan")
    drawing = draw_network(model)
    assert NOT_FINITE in {colour for *_, colour, _ in lines_of(drawing)}
    assert "weight not finite" in shown_texts(drawing._repr_svg_())


def test_weights_all_zero():
    model = Layer(2, 2)
    for weight in model.parameters():
        weight.data = 0.0
    assert {colour for *_, colour, _ in lines_of(draw_network(model))} == {ZERO}


def test_models_of_other_parts():
    with pytest.raises(TypeError, match=r"an MLP, a Layer, or a Sequential of those.*steps\.1 of the model is"):
        draw_network(Sequential(Layer(2, 2), flatten_grid))
    with pytest.raises(TypeError, match="the model is None"):
        draw_network(None)
    with pytest.raises(ValueError, match="layer 1 has 2 outputs where layer 2 takes 3 inputs"):
        draw_network(Sequential(Layer(1, 2), Layer(3, 1)))
    empty = MLP(1, [1])
    empty.layers = []
    with pytest.raises(ValueError, match="needs one layer or more, and the MLP has none"):
        draw_network(empty)


@pytest.mark.parametrize("max_units", [2, -1, 3.5, "all"])
def test_limits(max_units):
    with pytest.raises(ValueError, match="max_units must be an integer ≥ 3"):
        draw_network(Layer(1, 1), max_units=max_units)
