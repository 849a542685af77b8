"""Pages as objects: saved whole or not at all, sized, with clear errors."""

import math
import os
import re

import pytest

import autograd_mini
from autograd_mini import TABLE, Value, cos, register_primitive, relu
from autograd_mini.draw import GraphTooLargeError
from autograd_mini.explain import Page, explain
from autograd_mini.explain.page import Panel
from tests.explain.graphs import neuron, page_of, shared


def test_the_package_is_the_function():
    assert isinstance(autograd_mini.explain(Value(2.0) * 3.0), Page)


def test_a_page_is_saved_whole(tmp_path):
    page = page_of(neuron())
    path = page.save(tmp_path / "neuron.html")
    assert path == str(tmp_path / "neuron.html")
    assert os.listdir(tmp_path) == ["neuron.html"]
    assert (tmp_path / "neuron.html").read_text(encoding="utf-8") == page.html == str(page)


def test_a_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "neuron.html"
    path.write_text("before")

    def refuse(*paths):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="the disk is full"):
        page_of(neuron()).save(path)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["neuron.html"]


@pytest.mark.parametrize("name", ["page.svg", "page", ""])
def test_a_name_of_another_kind_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"choose a name that ends in \.html$"):
        page_of(neuron()).save(os.path.join(tmp_path, name))
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(OSError, match="cannot write .* choose a file in a folder that exists and is writable$"):
        page_of(neuron()).save(tmp_path / "no folder" / "page.html")


@pytest.mark.parametrize("made", [neuron, shared])
def test_a_page_is_small(made):
    html = page_of(made()).html
    assert len(html.encode()) <= 150_000
    assert len(html.rsplit("<script>", 1)[1].encode()) <= 40_000


def test_the_same_graph_gives_the_same_page():
    assert page_of(shared()).html == page_of(shared()).html


def test_gradients_of_the_values_stay():
    y, leaves = neuron()
    y.backward()
    before = [leaf.grad for leaf in leaves.values()]
    explain(y)
    assert [leaf.grad for leaf in leaves.values()] == before


@pytest.mark.parametrize("thing", [2.0, "y", None, [1.0]])
def test_what_is_no_value_is_refused(thing):
    kind = re.escape(f"{thing!r} ({type(thing).__name__})")
    with pytest.raises(
        TypeError, match=f"^explain takes one Value, got {kind}; pass one number that was computed from"
    ):
        explain(thing)


def test_several_results_are_refused():
    x = Value(2.0)
    with pytest.raises(TypeError, match=r"^explain takes one Value, got \[.*\(list\); pass one number"):
        explain([x * 2, x * 3])


def test_a_graph_over_the_limit_is_refused():
    x = Value(1.0)
    for _ in range(200):
        x = x * 1.5
    with pytest.raises(GraphTooLargeError, match="more than 150 nodes"):
        explain(x)
    with pytest.raises(ValueError, match="max_nodes must be an integer ≥ 1"):
        explain(Value(1.0) * 2, max_nodes=0)


def test_constants_alone_are_refused():
    with pytest.raises(ValueError, match="^explain needs a Value that depends on a variable"):
        explain(Value(2.0).detach() * 3.0)


def test_an_operation_that_javascript_cannot_have_is_refused(request):
    swirl = register_primitive("swirl", forward=lambda x: math.sin(x), partials=lambda out, x: (cos(x),))
    request.addfinalizer(lambda: (TABLE.pop("swirl"), delattr(Value, "swirl")))
    with pytest.raises(ValueError, match="^the page needs forward of swirl in JavaScript"):
        explain(swirl(Value(2.0)))


def test_a_leaf_explains_itself(opened):
    tab = opened(explain(Value(2.0, label="x")))
    assert tab.locator("#where").inner_text() == "Step 1 of 1: backward"
    tab.click("#predict")
    tab.click("#wrong")
    tab.click("#again")
    tab.click("#descend")
    tab.keyboard.press("Home")
    assert tab.locator("#numbers tbody tr").count() == 1


def test_numbers_that_are_not_finite_are_shown(opened):
    x = Value(float("inf"), label="x")
    tab = opened(explain(relu(x) * Value(float("nan"), label="n") - float("-inf")))
    row = tab.locator("#numbers tbody tr").first.inner_text()
    assert "inf" in row


def test_panels_stand_beside_the_others_and_hear_of_changes(opened):
    markup, script = (
        "<p id='mine'></p>",
        "page.refreshed.push(() => (byId('mine').textContent = page.step)); refresh();",
    )
    y, _leaves = neuron()
    tab = opened(explain(y, panels=[Panel("A <panel>", markup, script)]))
    assert tab.get_by_role("heading", name="A <panel>").count() == 1
    tab.keyboard.press("Home")
    assert tab.locator("#mine").inner_text() == "0"


def test_names_are_made_distinct(opened):
    first, second, third = Value(1.0, label="w"), Value(2.0, label="w"), Value(3.0, label="w_2")
    tab = opened(explain(first * second * third))
    assert sorted(tab.locator("#leaves label").all_inner_texts()) == ["w", "w_2", "w_3"]
    values = {tab.get_by_label(name, exact=True).input_value() for name in ("w", "w_2", "w_3")}
    assert values == {"1.0", "2.0", "3.0"}
    assert tab.get_by_label("w_2", exact=True).input_value() == "3.0"
