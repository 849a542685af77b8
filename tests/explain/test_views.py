"""Models on a page: their layers are folded to a box each, and can be opened."""

import json
import re

import pytest

from autograd_mini import Value, explain
from autograd_mini.draw import GraphTooLargeError, record_scopes
from autograd_mini.explain.page import ASSETS
from autograd_mini.nn import MLP, Layer, Module, Neuron, squared_error
from tests.explain.graphs import table_of


def graph_of(page):
    return json.loads(re.search(r'<script type="application/json" id="graph">(.*?)</script>', page.html)[1])


def network(widths=(3, 1)):
    return MLP(2, [*widths], "tanh", random=1)


def test_every_value_is_in_one_box_of_every_view():
    graph = graph_of(explain(network(), [1.0, -0.5]))
    assert [view["title"] for view in graph["views"]] == ["All folded", "Open layers.0", "Open layers.1", "All open"]
    for view in graph["views"]:
        operations = [box["node"] for box in view["boxes"] if box["kind"] == "operation"]
        values = [box["node"] for box in view["boxes"] if box["node"] >= 0 and box["kind"] != "operation"]
        members = [place for box in view["boxes"] for place in box.get("members", ())]
        assert len({*values}) == len(values)
        assert len({*members}) == len(members)
        assert {*values, *members} == set(range(len(graph["nodes"])))
        computed = {place for place, node in enumerate(graph["nodes"]) if node["row"]}
        assert computed - {*operations} <= {*members}
        assert computed & {*operations} & {*members} == set()
        for layout in view["layouts"]:
            assert len(layout["boxes"]) == len(view["boxes"])
            assert len(layout["arrows"]) == len(view["arrows"])


def test_arrows_say_how_many_values_pass():
    folded, *_, everything = graph_of(explain(network((3, 2, 1)), [1.0, -0.5]))["views"]
    heads = [box["lines"][0] for box in folded["boxes"]]
    labels = {(heads[arrow["tail"]], heads[arrow["head"]]): arrow["label"] for arrow in folded["arrows"]}
    assert labels == {
        ("x1", "layers.0"): "",
        ("x2", "layers.0"): "",
        ("layers.0", "layers.1"): "3 values",
        ("layers.1", "layers.2"): "2 values",
        ("layers.2", "y"): "",
    }
    assert not any("carried" in arrow for arrow in everything["arrows"])


def test_parameters_have_names_of_their_own():
    graph = graph_of(explain(network(), [1.0, -0.5]))
    names = [node["name"] for node in graph["nodes"] if node["kind"] == "parameter"]
    assert len(set(names)) == len(names) == 13
    assert {"b₁⁽¹⁾", "w₂₃⁽¹⁾", "w₃₁⁽²⁾"} <= set(names)
    assert [node["name"] for node in graph["nodes"] if node["kind"] == "input"] == ["x1", "x2"]


def test_the_page_is_small():
    html = explain(network((3, 2, 1)), [1.0, -0.5]).html
    assert len(html.encode()) <= 150_000
    assert len(html.rsplit("<script>", 1)[1].encode()) <= 40_000


def test_no_text_in_scripts_goes_over_several_lines():
    lines = [line for path in ASSETS.glob("*.js") for line in path.read_text().splitlines()]
    assert [line for line in lines if line.count("`") % 2] == []


def test_views_without_room_are_left_out():
    titles = [view["title"] for view in graph_of(explain(network((12, 1)), [1.0, -0.5], max_nodes=60))["views"]]
    assert titles == ["All folded", "Open layers.1"]
    with pytest.raises(GraphTooLargeError, match="even folded"):
        explain(network(), [1.0, -0.5], max_nodes=3)


def test_a_loss_with_scopes_is_explained_too():
    model = network()
    with record_scopes(model) as scopes:
        loss = squared_error(model([Value(1.0, label="a"), Value(2.0, label="b")]), 1.0)
    graph = graph_of(explain(loss, scopes=scopes))
    folded = graph["views"][0]["boxes"]
    assert [box["lines"][0] for box in folded if "members" in box] == ["layers.0", "layers.1"]
    assert {node["name"] for node in graph["nodes"] if node["kind"] == "input"} == {"a", "b"}


def test_a_module_alone_is_one_box():
    folded, opened = graph_of(explain(Neuron(2), [1.0, 2.0]))["views"]
    assert [box["lines"] for box in folded["boxes"] if "members" in box] == [["Neuron 2→1 relu"]]
    assert not any("members" in box for box in opened["boxes"])


def test_many_inputs_share_a_box(opened):
    tab = opened(explain(MLP(8, [2, 1], "tanh"), [0.1 * i for i in range(8)]))
    box = tab.locator("g.box.input")
    assert box.count() == 1
    assert box.locator("text").all_text_contents()[:3] == ["8 inputs", "Values", "8"]
    box.click()
    assert tab.locator("g.box.input").count() == 8


class Pair(Module):
    def __init__(self):
        self.slope, self.offset = Value(2.0), Value(1.0)

    def __call__(self, x, y):
        return self.slope * x[0] + self.offset * y


def test_models_take_several_inputs_and_need_not_have_layers():
    graph = graph_of(explain(Pair(), [3.0], 4.0))
    assert {node["name"] for node in graph["nodes"] if node["kind"] == "parameter"} == {"slope", "offset"}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((Layer(2, 3), [1.0, 2.0]), ValueError, "returns 3; compute a loss"),
        ((Layer(2, 1),), TypeError, "explain\\(model, x\\) needs an input"),
        ((Value(1.0), [1.0]), TypeError, "explain takes a Value; a Module and its input"),
        ((lambda x: x, [1.0], squared_error), TypeError, "explain takes a Value; a Module and its input"),
    ],
)
def test_what_does_not_go_is_told_in_one_sentence(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        explain(*arguments)
    assert "\n" not in str(caught.value)


def test_layers_open_on_a_click_and_by_keys(opened):
    tab = opened(explain(network(), [1.0, -0.5]))
    before = table_of(tab)
    assert tab.locator("g.box.module").count() == 2
    assert "largest grad" in tab.locator("g.box.module").first.inner_html()
    tab.locator("g.box.module").first.click()
    assert tab.locator("button[aria-pressed=true]").first.inner_text() == "Open layers.0"
    assert tab.locator("g.box.module").count() == 1
    assert tab.locator("g.box.parameter").count() == 9
    tab.locator("g.box.module").focus()
    tab.keyboard.press("Enter")
    assert tab.locator("g.box.parameter").count() == 4
    tab.click("text=All open")
    assert tab.locator("g.box.module").count() == 0
    assert tab.locator("g.box.parameter").count() == 13
    tab.wait_for_url(re.compile("view=3"))
    again = opened(explain(network(), [1.0, -0.5]), tab.evaluate("location.hash"))
    assert again.locator("g.box.parameter").count() == 13
    tab.click("text=All folded")
    assert table_of(tab) == before


def test_steps_within_folded_layers_light_up_the_box(opened):
    tab = opened(explain(network(), [1.0, -0.5]), "#step=0")
    lit = []
    for _ in range(29):
        tab.click("#next")
        lit.append(tab.locator("g.box.current .title").all_text_contents())
    assert ["layers.0"] in lit
    assert ["layers.1"] in lit
    assert tab.locator("#next").is_disabled()
