"""Folded modules: every node is in one box, and every arrow says what passes along it."""

import re
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Constant, Value, functions
from autograd_mini.draw import GraphTooLargeError, Scopes, draw, record_scopes, run_recorded
from autograd_mini.draw.pictures.folding import ALONE, fold_modules
from autograd_mini.graph import topological_order
from autograd_mini.nn import MLP, GRUCell, LSTMCell, Module, Neuron
from tests.draw.reading import EDGE_LABEL, expected, read_source, shown_texts, slopes

MODELS = st.one_of(
    st.builds(
        lambda n, widths, f, g: MLP(n, widths, f, g),
        st.integers(1, 7),
        st.lists(st.integers(1, 7), min_size=1, max_size=3),
        st.sampled_from(["tanh", "softmax"]),
        st.sampled_from(["identity", "softmax"]),
    ),
    st.builds(GRUCell, st.integers(1, 3), st.integers(1, 3)),
    st.builds(LSTMCell, st.integers(1, 3), st.integers(1, 3)),
    st.builds(Neuron, st.integers(1, 7)),
)


@st.composite
def runs(data):
    """Results of a random model, sometimes with a loss after them, its scopes, and a way to fold."""
    model = data(MODELS)
    n_inputs = model.layers[0].n_inputs if isinstance(model, MLP) else model.n_inputs
    make = data(st.sampled_from([Value, float]))
    with record_scopes(model) as scopes:
        y = model([make(index) for index in range(n_inputs)])
        if isinstance(y, tuple):
            y = [*y.hidden, *y.memory]
        results = y if isinstance(y, list) else [y]
        if data(st.booleans()):
            results = [functions.fsum([functions.square(result - 1) for result in results])]
    paths = st.lists(st.sampled_from(sorted(scopes.modules)), min_size=1, max_size=3)
    fold = data(st.one_of(st.just("modules"), st.integers(0, 2), paths))
    return results, scopes, fold


def boxes_of(source):
    return re.findall(r"^\s*([vofb]\d+) \[", source, re.M)


def arrows_of(source):
    """Arrows with their labels, whose nodes in the middle are taken away."""
    labels = dict(EDGE_LABEL.findall(source))
    arrows = re.findall(r"^\s*(\w+) -> (\w+) \[", source, re.M)
    heads = {tail: head for tail, head in arrows if tail in labels}
    return Counter(
        (tail, heads[head], labels[head]) if head in labels else (tail, head, "")
        for tail, head in arrows
        if tail not in labels
    )


@given(runs())
def test_every_node_is_in_one_box_and_every_edge_in_one_arrow(run):
    results, scopes, fold = run
    order = topological_order(*reversed(results))
    folding = fold_modules(order, results, (), scopes, fold, str)
    source = draw(results, scopes=scopes, fold=fold).source
    keys = {node: index for index, node in enumerate(order)}
    place = {node: folding.values.get(node, f"v{keys[node]}") for node in order}
    operation = {node: folding.operations.get(node, f"o{keys[node]}") for node in order if node.parents}
    held = {*place.values(), *operation.values()}
    boxes = boxes_of(source)
    assert set(boxes) == held
    assert len(boxes) == len(held)
    passing, plain = defaultdict(set), Counter()
    for node in operation:
        if place[node] != operation[node]:
            passing[operation[node], place[node]].add(node)
        for parent, local in zip(node.parents, slopes(node)):
            tail, head = place[parent], operation[node]
            if (tail[0], head[0]) == ("v", "o"):
                plain[tail, head, f"{local:.4g}"] += 1
            elif tail != head and not (isinstance(parent, Constant) and tail[0] == "f"):
                passing[tail, head].add(parent)
    arrows = arrows_of(source)
    assert {pair: len(values) for pair, values in passing.items() if len(values) > 1} == {
        (tail, head): int(label.split()[0]) for tail, head, label in arrows if label.endswith(" values")
    }
    assert set(passing) == {(tail, head) for tail, head, _ in arrows} - {(tail, head) for tail, head, _ in plain}
    assert {arrow: arrows[arrow] for arrow in plain} == plain
    assert sum(arrows.values()) == sum(plain.values()) + len(passing)


@given(runs())
def test_what_is_folded_lies_within_the_module(run):
    results, scopes, fold = run
    folding = fold_modules(topological_order(*results), results, (), scopes, fold, str)
    boxes = {box.key: box for box in folding.boxes}
    for node, key in folding.operations.items():
        path = boxes[key].title.split("\n")[0]
        assert path in scopes.around(scopes.paths[node]) or path == scopes.title("")
    for result in results:
        assert folding.values.get(result, "b").startswith("b")
    for parameter in scopes.parameters & folding.values.keys():
        assert folding.values[parameter].startswith("f")


@given(runs())
@settings(max_examples=10, deadline=None)
def test_the_rendered_picture_shows_all_boxes(run):
    results, scopes, fold = run
    drawing = draw(results, scopes=scopes, fold=fold)
    svg = drawing._repr_svg_()
    assert Counter(re.findall(r"<title>([vofb]\d+)</title>", svg)) == Counter(boxes_of(drawing.source))


def test_a_network_of_any_size_has_a_box_a_layer():
    model = MLP(64, [32, 10], output="softmax")
    y, scopes = run_recorded(model, [Value(index, label=f"x{index}") for index in range(64)])
    svg = draw(y, scopes=scopes, fold="modules")._repr_svg_()
    shown = shown_texts(svg)
    assert {"layers.0", "Layer 64→32 relu", "2,080", "Layer 32→10 softmax", "330"} <= set(shown)
    assert {"64 inputs", "x0 … x63", "10 results", "64 values", "32 values", "10 values"} <= set(shown)
    assert svg.count('class="cluster"') == 1


def test_plain_numbers_given_to_a_model_are_held_together_too():
    y, scopes = run_recorded(MLP(7, [2]), [0.5] * 7)
    assert "7 constants" in shown_texts(draw(y, scopes=scopes, fold=1)._repr_svg_())


@pytest.mark.parametrize("count", [ALONE, ALONE + 1])
def test_few_inputs_stay_alone(count):
    y, scopes = run_recorded(Neuron(count), [Value(1.0) for _ in range(count)])
    assert ("b0" in boxes_of(draw(y, scopes=scopes, fold=0).source)) == (count > ALONE)


def test_depths_and_names():
    y, scopes = run_recorded(MLP(2, [3, 1]), [Value(1.0), Value(2.0)])

    def modules(fold):
        return sum(key.startswith("f") for key in boxes_of(draw(y, scopes=scopes, fold=fold).source))

    assert [modules(depth) for depth in (0, 1, 2, 3)] == [1, 2, 4, 0]
    assert modules("modules") == modules(["layers.0", "layers.1"]) == 2
    assert modules("layers.0") == modules({"layers.0"}) == modules(["layers.0", "layers.0.neurons.1"]) == 1
    assert modules([""]) == 1
    assert modules([]) == 0
    assert read_source(draw(y, scopes=scopes, fold=[]).source) == expected(y)


def test_the_model_itself_is_outermost_where_it_has_no_modules_within():
    y, scopes = run_recorded(Neuron(1), [Value(1.0)])
    assert boxes_of(draw(y, scopes=scopes, fold="modules").source).count("f0") == 1


def test_a_parameter_used_elsewhere_leaves_its_module_by_an_arrow():
    model = Neuron(1)
    with record_scopes(model) as scopes:
        y = model([Value(1.0)]) + model.weights[1]
    assert ("f0", "o6", "2 values") in arrows_of(draw(y, scopes=scopes, fold=0).source)


def test_gradients_of_the_weights_that_are_not_finite_show():
    model = Neuron(1)
    y, scopes = run_recorded(model, [Value(1.0)])
    model.weights[0].grad, model.weights[1].grad = float("inf"), float("nan")
    assert "nan" in shown_texts(draw(y, scopes=scopes, fold=0)._repr_svg_())


def test_the_limit_counts_boxes_after_folding():
    y, scopes = run_recorded(MLP(64, [32, 10]), [Value(index) for index in range(64)])
    draw(y, scopes=scopes, fold="modules", max_nodes=4)
    with pytest.raises(GraphTooLargeError, match="more than 3 nodes.*fold.*or raise max_nodes"):
        draw(y, scopes=scopes, fold="modules", max_nodes=3)
    with pytest.raises(GraphTooLargeError, match=r"more than 500 nodes.*fold='modules'.*record_scopes\(model\)"):
        draw(y)


def test_names_that_no_module_has():
    y, scopes = run_recorded(MLP(1, [1]), [1.0])
    with pytest.raises(ValueError, match=r"no module is named 'layer\.0'; did you mean 'layers\.0'\?$"):
        draw(y, scopes=scopes, fold=["layers.0", "layer.0"])
    with pytest.raises(ValueError, match="no module is named 'all'"):
        draw(y, scopes=scopes, fold="all")
    with pytest.raises(ValueError, match=" …$"):
        draw(y, scopes=Scopes(MLP(1, [20])), fold="all")


@pytest.mark.parametrize("fold", [1.5, True, [1], len])
def test_ways_to_fold_of_another_type(fold):
    y, scopes = run_recorded(Neuron(1), [1.0])
    with pytest.raises(TypeError, match="fold takes 'modules', a depth such as 1, or a list of names"):
        draw(y, scopes=scopes, fold=fold)


def test_what_cannot_be_folded():
    model = Neuron(1)
    y, scopes = run_recorded(model, [1.0])
    with pytest.raises(ValueError, match="0 .the model itself. or more, got -1"):
        draw(y, scopes=scopes, fold=-1)
    with pytest.raises(ValueError, match="draw needs scopes"):
        draw(y, fold="modules")
    with pytest.raises(ValueError, match=r"nothing to fold: .* inside `with record_scopes\(model\)`"):
        draw(model([1.0]), scopes=scopes, fold="modules")


def test_a_model_without_parameters():
    class Twice(Module):
        def __call__(self, x):
            return 2 * x

    y, scopes = run_recorded(Twice(), Value(1.0))
    drawn = draw(y, scopes=scopes, fold="modules")
    assert Counter(boxes_of(drawn.source)) == Counter(["v1", "v2", "f0"])
    assert "Twice" in shown_texts(drawn._repr_svg_())
