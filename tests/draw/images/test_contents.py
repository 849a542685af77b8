"""What boxes and arrows show."""

import re
import xml.etree.ElementTree as ElementTree
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini import functions as f
from autograd_mini.draw import draw
from autograd_mini.draw.style.colours import NEGATIVE, POSITIVE, heat
from tests.draw.reading import graphs, shown_texts


def shown(y, **options):
    return shown_texts(draw(y, **options)._repr_svg_())


def node_line(source, key):
    return re.search(rf"^\s*{key} \[.*$", source, re.M).group()


def luminance(colour):
    channels = (int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@given(st.floats(), st.floats(0.0, exclude_min=True, allow_infinity=False))
def test_numbers_are_legible_on_every_colour(gradient, largest):
    background, text = map(luminance, heat(gradient, largest))
    light, dark = max(background, text), min(background, text)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_larger_gradients_are_darker(x, y):
    x, y = sorted((x, y))
    assert luminance(heat(x, 1.0)[0]) >= luminance(heat(-y, 1.0)[0]) - 0.01


def test_values_show_label_data_and_grad_and_edges_the_local_derivative():
    w, x, b = Value(0.5, label="w"), Value(2.0, label="x"), Value(-0.7, label="b")
    y = (w * x + b).tanh()
    y.backward()
    texts = shown(y, number_format=".3f")
    assert {"w", "x", "b", "w·x", "w·x + b", "tanh(w·x + b)", "*", "+", "tanh"} <= set(texts)
    assert {"0.500", "2.000", "-0.700", f"{y.data:.3f}", f"{w.grad:.3f}", f"{y.parents[0].grad:.3f}"} <= set(texts)
    assert f"{y.local_grads[0]:.3f}" in texts


def test_kinds_differ_by_shape_and_shade():
    w, x = Value(0.5, label="w"), Value(2.0, label="x")
    y = (w * x + 3) * 2
    source = draw(y, parameters=[w]).source
    styles = {re.search(r'tooltip="[^"]*" (.*)]', node_line(source, f"v{key}")).group(1) for key in range(7)}
    assert len(styles) == 5  # input, parameter, constant, intermediate, result
    texts = shown(y, parameters=[w])
    assert {"input", "parameter", "constant", "intermediate", "result", "operation", "local derivative > 0"} <= set(
        texts
    )


def test_the_legend_explains_only_what_is_there_and_can_be_left_away():
    x = Value(2.0, label="x")
    assert not {"constant", "parameter", "grad 0"} & set(shown(x * x))
    assert "input" not in shown(x * x, legend=False)
    y = x * x
    y.backward()
    assert {"grad 0", "4"} <= set(shown(y))
    x.grad = nan
    assert "inf or nan" in shown(y)


def test_signs_have_colours_and_the_scale_has_both_where_there_are_both():
    x = Value(2.0, label="x")
    y = x * x - 3 * x
    source = draw(y).source
    assert f'COLOR="{POSITIVE}" POINT-SIZE="14">3<' in source
    assert f'COLOR="{NEGATIVE}" POINT-SIZE="14">-1<' in source
    y.backward()
    assert {"local derivative > 0", "local derivative < 0", "grad -1", "1"} <= set(shown(y))
    assert heat(-3.0, 3.0)[0] != heat(3.0, 3.0)[0]


def test_gradients_show_once_backward_has_run():
    x, w = Value(2.0, label="x"), Value(0.0, label="w")
    y = x * w
    assert "grad" not in shown(y)
    y.backward()
    assert shown(y).count("grad") == 3
    z = w + 1.0
    assert shown(z).count("grad") == 1  # that of w, from before


def test_options_of_an_operation_show():
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    assert {"softmax[0]", "softmax[1]"} <= set(shown(f.softmax([x, y])))
    assert "relu[at_zero=0]" in shown(f.relu(x, at_zero=0.0))
    assert "relu" in shown(f.relu(x))
    assert "gelu[tanh]" in shown(f.gelu(x, approximate="tanh"))
    assert "polygamma[1]" in shown(f.polygamma(1, x))


def test_directions():
    y = Value(1.0).sin()
    assert "rankdir=TB" in draw(y, direction="TB").source
    assert "rankdir=LR" in draw(y).source


def test_formulas_can_be_left_away():
    x = Value(1.0, label="x")
    assert "x·x" in shown(x * x)
    assert "x·x" not in shown(x * x, formulas=False)


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_label_gives_a_sound_picture(label):
    x = Value(1.0, label=label)
    ElementTree.fromstring(draw(x.exp(), names={label: x})._repr_svg_())


@pytest.mark.parametrize(
    "label",
    [
        'quo"te',
        "{br|ace}",
        "<port> a|b",
        "back\\slash \\N \\G \\l\\",
        "<b>bold</b> &amp; &#65;",
        "שלום",
        "日本語",
        "Ω̂",
        "'",
    ],
)
def test_labels_stand_for_themselves(label):
    svg = draw(Value(1.0, label=label).exp(), formulas=False)._repr_svg_()
    assert label in [text.replace("\u2060", "") for text in shown_texts(svg)]
    assert f'xlink:title="{label} = 1"' in unescaped(svg).replace("\u2060", "")


def unescaped(svg):
    root = ElementTree.fromstring(svg)
    titles = [link.get("{http://www.w3.org/1999/xlink}title") for link in root.iter("{http://www.w3.org/2000/svg}a")]
    return "\n".join(f'xlink:title="{title}"' for title in titles)


def test_lines_of_a_label_are_lines_of_the_picture_and_long_ones_are_cut():
    assert {"one", "two"} <= set(shown(Value(1.0, label="one\ntwo")))
    assert {"one", "two", "three …"} <= set(shown(Value(1.0, label="one\ntwo\nthree\nfour")))
    long = shown(Value(1.0, label="x" * 500))
    assert max(map(len, long)) < 40
    assert any(text.endswith("…") for text in long)


def test_numbers_that_are_not_finite():
    x, y = Value(nan, label="x"), Value(inf, label="y")
    z = x + y
    x.grad, y.grad, z.grad = nan, -inf, 1.0
    assert {"nan", "inf", "-inf", "1"} <= set(shown(z))


@given(graphs(max_size=5))
@settings(max_examples=10, deadline=None)
def test_names_of_variables_serve_as_labels_where_there_are_none(y):
    result = y + Value(1.5)
    leaf = result.parents[1]
    texts = shown(result, names={"leaf": leaf, "_hidden": y, "result": result})
    assert "leaf" in texts
    assert "_hidden" not in texts
    assert leaf.label == ""


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ([], {}, ValueError, "at least one Value"),
        ([3.0], {}, TypeError, "draw takes Values, got 3.0"),
        (["y"], {}, TypeError, "draw takes Values, got 'y'"),
        ([[Value(1.0), "x"]], {}, TypeError, "draw takes Values, got 'x'"),
        ([Value(1.0)], {"parameters": [1.0]}, TypeError, "parameters takes Values"),
        ([Value(1.0)], {"direction": "RL"}, ValueError, "direction must be 'LR'"),
        ([Value(1.0)], {"number_format": "zz"}, ValueError, "number_format must be a Python format"),
        ([Value(1.0)], {"max_nodes": 0}, ValueError, "max_nodes must be an integer"),
    ],
)
def test_errors(arguments, options, error, message):
    with pytest.raises(error, match=message):
        draw(*arguments, **options)
