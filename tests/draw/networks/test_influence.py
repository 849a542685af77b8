"""Influence diagrams: a line for every derivative that is not 0."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, functions, jacobian
from autograd_mini.draw import draw_influence
from autograd_mini.draw.style.colours import NEGATIVE, NOT_FINITE, POSITIVE
from autograd_mini.nn import MLP, Layer, VectorActivation
from autograd_mini.nn.activations import SCALAR
from tests.draw.reading import shown_texts

NUMBERS = st.lists(st.floats(-3, 3), min_size=1, max_size=5)
LINE = re.compile(
    r'^\s*i(\d+) -> o(\d+) \[penwidth=([\d.]+) color="(#\w+)"(?: style=dashed)? '
    r'tooltip="∂y(.*?)/∂[xz](.*?) = (.*?)"\]',
    re.M,
)


def lines_of(drawing):
    """The colour and the derivative of each line, by input and output."""
    lines = LINE.findall(drawing.source)
    found = {(int(i), int(o)): (colour, float(text)) for i, o, _, colour, _, _, text in lines}
    assert len(found) == len(lines) == drawing.source.count(" -> ")
    return found


@given(st.sampled_from(sorted(SCALAR)), NUMBERS)
def test_scalar_activations_give_straight_lines(name, zs):
    slopes = {(i, i): slope for i, z in enumerate(zs) if (slope := jacobian(SCALAR[name])(z))}
    lines = lines_of(draw_influence(name, zs, number_format=".17g"))
    assert {place: slope for place, (_, slope) in lines.items()} == slopes


@given(NUMBERS)
def test_vector_activations_join_all(zs):
    rows = jacobian(functions.softmax)(zs)
    for f in ("softmax", functions.softmax, VectorActivation(functions.softmax), lambda zs: functions.softmax(zs)):
        lines = lines_of(draw_influence(f, zs, number_format=".17g"))
        expected = {(i, j): slope for j, row in enumerate(rows) for i, slope in enumerate(row) if slope}
        assert {place: slope for place, (_, slope) in lines.items()} == expected
        assert all(colour == (POSITIVE if slope > 0 else NEGATIVE) for colour, slope in lines.values())


@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from(["tanh", "softmax"]))
def test_of_a_layer_the_activation_is_drawn(n_inputs, n_outputs, activation):
    layer, x = Layer(n_inputs, n_outputs, activation), [0.5] * n_inputs
    zs = [z.data for z in layer.affine(x)]
    assert draw_influence(layer, x).source == draw_influence(activation, zs).source
    assert draw_influence(layer, [Value(number) for number in x]).source == draw_influence(layer, x).source


def test_of_a_network_all_is_drawn():
    model, x = MLP(3, [4, 2], "tanh", random=1), [0.5, -1.0, 2.0]
    lines = lines_of(draw_influence(model, x, number_format=".17g"))
    rows = jacobian(model)(x)
    assert {place: slope for place, (_, slope) in lines.items()} == {
        (i, j): rows[j][i] for j in range(2) for i in range(3)
    }
    assert {"MLP", "at this x, each x influences all y", "∂y/∂x > 0"} <= set(
        shown_texts(draw_influence(model, x)._repr_svg_())
    )
    assert all(parameter.grad == 0.0 for parameter in model.parameters())


@pytest.mark.parametrize(
    ("f", "sentence"),
    [
        ("tanh", "at this z, each z influences one y"),
        ("relu", "at this z, each z influences one y at most"),
        ("softmax", "at this z, each z influences all y"),
        (lambda x: [x[0] + x[1], x[1], 1.0], "at this x, each x influences 1 to 2 of 3 y"),
        (lambda x: x[0] * x[1], "at this x, each x influences one y"),
        (lambda x: 3.0, "at this x, each x influences one y at most"),
    ],
)
def test_how_much_is_influenced_in_words(f, sentence):
    assert sentence in shown_texts(draw_influence(f, [1.0, -1.0])._repr_svg_())


def test_derivatives_are_written_on_lines_that_share_no_unit():
    assert {"1.5", "0.25"} <= set(shown_texts(draw_influence(lambda x: [1.5 * x[1], x[0] / 4], [1, 1])._repr_svg_()))


def test_many_inputs_leave_out_their_middle():
    drawing = draw_influence("tanh", [0.1] * 100, max_units=5)
    assert len(lines_of(drawing)) == 4
    assert {"z₁₀₀", "y₁₀₀", "⋮"} <= set(shown_texts(drawing._repr_svg_()))


def test_derivatives_that_are_not_finite_stand_out():
    lines = lines_of(draw_influence(lambda x: [float("inf") * x[0]], [1.0]))
    assert lines[0, 0][0] == NOT_FINITE


def test_what_has_no_influence():
    with pytest.raises(ValueError, match="no activation is named 'rellu'; did you mean 'relu'"):
        draw_influence("rellu", [1.0])
    with pytest.raises(TypeError, match="an activation is a name or a function, got 3"):
        draw_influence(3, [1.0])
    with pytest.raises(TypeError, match="takes a list of numbers as x, got 1.0"):
        draw_influence("relu", 1.0)
    with pytest.raises(TypeError, match="x"):
        draw_influence("relu", ["a"])
    with pytest.raises(ValueError, match="0 inputs and 0 outputs"):
        draw_influence("relu", [])
    with pytest.raises(ValueError, match="takes 2 inputs, got 1"):
        draw_influence(Layer(2, 1), [1.0])
    with pytest.raises(ValueError, match="max_units must be an integer ≥ 3"):
        draw_influence("relu", [1.0], max_units=1)
