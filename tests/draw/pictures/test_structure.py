"""Every node and edge of a graph is drawn exactly once, whatever the graph."""

import subprocess
import sys

import pytest
from hypothesis import given, settings

from autograd_mini import Value
from autograd_mini import functions as f
from autograd_mini.adjoints import differentiable_adjoints
from autograd_mini.draw import GraphTooLargeError, draw
from autograd_mini.draw.drawing import Drawing
from autograd_mini.draw.pictures.picture import Box, Edge, Kind, Picture
from autograd_mini.graph import connect, topological_order
from tests.draw.reading import expected, graphs, read_source, read_svg, shown_texts


@given(graphs())
def test_every_node_and_edge_is_in_the_source_once(y):
    assert read_source(draw(y).source) == expected(y)


@given(graphs(max_size=6))
@settings(max_examples=25, deadline=None)
def test_every_node_and_edge_is_in_the_svg_once(y):
    assert read_svg(draw(y)._repr_svg_()) == expected(y)


@given(graphs(), graphs())
def test_several_results_share_what_they_have_in_common(y, z):
    results = (y, z, y + z)
    assert read_source(draw(*results).source) == read_source(draw([y, z], results[2]).source) == expected(*results)


def test_a_gradient_graph_is_drawn_like_any_other():
    x = Value(0.7, label="x")
    y = (x * x).tanh()
    order = topological_order(y)
    gradient = differentiable_adjoints(order, [(y, 1.0)], set(order))[x]
    assert read_source(draw(y, gradient).source) == expected(y, gradient)


def test_the_same_graph_gives_the_same_source_in_any_process():
    program = (
        "from autograd_mini import Value, functions as f; from autograd_mini.draw import draw\n"
        "xs = [Value(i, label=f'x{i}') for i in range(5)]\n"
        "print(draw(f.softmax(xs)).source)"
    )
    runs = {
        subprocess.check_output([sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}) for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_the_package_is_called_as_its_function():
    import autograd_mini.draw

    x = Value(1.0)
    assert autograd_mini.draw(x).source == draw(x).source


def test_a_graph_over_the_limit_is_refused_without_recursion():
    y = Value(1.0)
    for _ in range(100_000):
        y = y + 1
    with pytest.raises(GraphTooLargeError, match="more than 500 nodes.*raise max_nodes"):
        draw(y)
    with pytest.raises(GraphTooLargeError):
        draw(f.sum(Value(i) for i in range(500)))
    draw(f.sum(Value(i) for i in range(499)))


def test_a_raised_limit_draws_deep_graphs():
    y = Value(1.0)
    for _ in range(1_500):
        y = y.sin()
    assert read_source(draw(y, max_nodes=2_000).source) == expected(y)


def test_cycles_made_by_hand_are_named():
    x = Value(1.0, label="x")
    y = x + 1
    connect(x, (y,), (1.0,), None)
    with pytest.raises(ValueError, match="cyclic"):
        draw(y)
    z = Value(1.0)
    connect(z, (z,), (1.0,), None)
    with pytest.raises(ValueError, match="cyclic"):
        draw(z)


def test_scopes_become_nested_clusters():
    boxes = (
        Box("v0", Kind.INPUT, "x"),
        Box("v1", Kind.PARAMETER, "w", scope=("layer 1", 'neuron "0"')),
        Box("o2", Kind.OPERATION, "*", scope=("layer 1", 'neuron "0"')),
        Box("v2", Kind.RESULT, "y", scope=("layer 1",)),
    )
    edges = (Edge("v0", "o2", "1"), Edge("v1", "o2", "2"), Edge("o2", "v2"))
    svg = Drawing.of(Picture(boxes, edges))._repr_svg_()
    assert svg.count('class="cluster"') == 2
    assert {"layer 1", 'neuron "0"'} <= set(shown_texts(svg))
    assert sum(read_svg(svg)[0].values()) == len(boxes)
