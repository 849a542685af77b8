"""Predictions and common mistakes: the page asks, judges answers, and shows what goes wrong."""

import re

import pytest

from autograd_mini import Value
from autograd_mini.explain import explain
from tests.explain.graphs import neuron, page_of, shared, table_of


def asked(tab):
    """The name of the node whose adjoint is asked for."""
    return tab.locator("#question p mi").nth(1).text_content()


def numbers_offered(tab):
    return [float(text.split(": ")[1].replace("−", "-")) for text in tab.locator(".choices button").all_inner_texts()]


def test_each_adjoint_is_asked_for_before_it_is_shown(opened):
    made = page_of(shared())
    right = {name: float(row[1]) for name, row in table_of(opened(made)).items()}
    tab = opened(made)
    tab.click("#predict")
    count = 0
    while True:
        shown = table_of(tab)
        name = asked(tab)
        assert shown[name][1] == "—"
        offered = numbers_offered(tab)
        assert len(offered) == len(set(offered)) >= 2
        position = offered.index(float(f"{right[name]:.4g}"))
        tab.keyboard.press(str(position + 1))
        count += 1
        assert table_of(tab)[name][1] == repr(right[name])
        assert tab.locator("#question").inner_text().startswith("✓ Right")
        assert tab.locator("#score").inner_text() == f"{count} of {count} right"
        button = tab.locator("#question button")
        if button.inner_text() != "Next question":
            break
        button.press("Enter")
    assert count == len(right) - 1
    assert button.inner_text() == "Once more"


@pytest.mark.parametrize(
    ("name", "misconceptions"),
    [
        ("f", {0.3333: "last term alone", 36.0: "first term alone", 73.33: "stale gradient"}),
        ("a", {36.67: "last term alone", -36.0: "first term alone", 18.0: "wrong order"}),
        ("z2", {-2.0: "stale gradient", 1.0: "passes the adjoint on unchanged"}),
    ],
)
def test_wrong_answers_are_known_misconceptions(opened, name, misconceptions):
    tab = opened(page_of(shared()))
    for number, explanation in misconceptions.items():
        tab.click("#predict")
        while asked(tab) != name:
            tab.keyboard.press("1")
            tab.locator("#question button").click()
        offered = numbers_offered(tab)
        assert number in offered
        score = tab.locator("#score").inner_text()
        tab.keyboard.press(str(offered.index(number) + 1))
        told = tab.locator("#question p").inner_text()
        assert told.startswith("✗")
        assert explanation in told
        right, count = map(int, re.findall(r"\d+", score)) if score else (0, 0)
        assert tab.locator("#score").inner_text() == f"{right} of {count + 1} right"
        tab.click("#predict")


def test_a_question_cannot_be_passed_by_stepping(opened):
    tab = opened(page_of(neuron()))
    tab.click("#predict")
    step = tab.locator("#where").inner_text()
    for go in (lambda: tab.click("#next"), lambda: tab.click("#last"), lambda: tab.locator("#slider").fill("14")):
        go()
        assert tab.locator("#where").inner_text() == step
    tab.click("#back")
    assert tab.locator("#where").inner_text() != step
    tab.click("#predict")
    tab.click("#last")
    assert tab.locator("#where").inner_text() == "Step 14 of 14: backward"


def test_the_first_answers_name_what_is_forgotten_at_a_shared_node(opened):
    x = Value(3.0, label="x")
    tab = opened(explain(x * x + 4.0 * x))
    tab.click("#predict")
    while asked(tab) != "x":
        tab.keyboard.press("1")
        tab.locator("#question button").click()
    offered = numbers_offered(tab)
    assert 10.0 in offered
    assert {3.0, 4.0} & set(offered)
    tab.keyboard.press(str(offered.index(4.0 if 4.0 in offered else 3.0) + 1))
    assert "That is the last term alone" in tab.locator("#question p").inner_text()


def test_backward_again_adds_up_in_leaves_alone(opened):
    tab = opened(page_of(shared()))
    once = {name: float(row[1]) for name, row in table_of(tab).items()}
    for times in (2, 3):
        tab.click("#again")
        shown = {name: float(row[1]) for name, row in table_of(tab).items()}
        assert shown == {name: gradient * (times if name in ("a", "c") else 1) for name, gradient in once.items()}
        assert f"backward() ran {times} times" in tab.locator("#mishaps").inner_text()
        assert tab.locator("svg .box.wrong").count() == 2
    tab.click("#zero")
    assert {name: float(row[1]) for name, row in table_of(tab).items()} == once
    assert tab.locator("svg .box.wrong").count() == 0


def test_a_step_with_gradients_added_up_goes_too_far(opened):
    far, right = opened(page_of(neuron())), opened(page_of(neuron()))
    far.click("#again")
    for tab in (far, right):
        tab.click("#descend")
    moved = [float(table_of(tab)["w"][0]) - 0.5 for tab in (far, right)]
    assert abs(moved[0] - 2 * moved[1]) < 1e-15
    assert far.locator("#zero").is_disabled()


def test_in_the_wrong_order_what_lies_behind_shared_nodes_is_wrong(opened):
    tab = opened(page_of(shared()))
    right = table_of(tab)
    tab.click("#wrong")
    shown = table_of(tab)
    wrong = {name for name in right if shown[name][1] != right[name][1]}
    assert wrong
    assert "y" not in wrong
    assert tab.locator("svg .box.wrong").count() == len(wrong)
    assert {name for name, row in shown.items() if "≠" in row[2]} == wrong
    assert "before all its children had added" in tab.locator("#mishaps").inner_text()
    tab.click("#wrong")
    assert table_of(tab) == right


def test_where_no_node_is_shared_the_wrong_order_is_from_the_inputs(opened):
    tab = opened(page_of(neuron()))
    tab.click("#wrong")
    assert table_of(tab)["w"][1] == "0.0"
    assert "while it was still 0" in tab.locator("#mishaps").inner_text()
