"""Numbers changed in the page: everything follows, with Python's numbers."""

import pytest

from autograd_mini import Value, relu
from autograd_mini.explain import explain
from tests.explain.graphs import gradients_of, neuron, page_of, shared, table_of


@pytest.mark.parametrize("number", ["0.7", "-3", "1e-3", "−0.125", "12345.678", ".1"])
def test_typing_changes_data_and_gradients_to_the_last_digit(opened, number):
    tab = opened(page_of(shared()))
    tab.get_by_label("a", exact=True).fill(number)
    result, leaves = shared(a=float(number.replace("−", "-")))
    expected = gradients_of((result, leaves))
    shown = table_of(tab)
    assert {name: shown[name][:2] for name in leaves} == expected
    assert shown["y"][0] == repr(result.data)


def test_the_table_has_local_derivatives_too(opened):
    tab = opened(page_of(shared()))
    tab.get_by_label("a", exact=True).fill("4")
    rows = dict(zip(table_of(tab), tab.locator("td.locals").all_inner_texts()))
    assert (rows["a"], rows["e"]) == ("—", "a: -3.0, c: 4.0")
    assert rows["z1"] == "f as operand 1: 1.0, f as operand 2: 1.0"
    tab.locator("#first").click()
    assert set(tab.locator("td.locals").all_inner_texts()) == {"—"}


def test_a_slider_changes_them_too(opened):
    tab = opened(page_of(shared()))
    tab.get_by_label("c, by slider").press("ArrowRight")
    c = float(table_of(tab)["c"][0])
    assert c != -3.0
    shown, expected = table_of(tab), gradients_of(shared(c=c))
    assert {name: shown[name][:2] for name in expected} == expected


def test_functions_of_the_browser_are_those_of_python_to_a_few_units_in_the_last_place(opened):
    tab = opened(page_of(neuron()))
    tab.get_by_label("x", exact=True).fill("1.375")
    _result, leaves = neuron()
    x = Value(1.375)
    ((leaves["w"] * x + leaves["b"]).tanh() - leaves["d"]).__pow__(2).backward()
    shown = table_of(tab)
    for name, leaf in {**leaves, "x": x}.items():
        assert float(shown[name][1]) == pytest.approx(leaf.grad, rel=1e-14)


def test_what_is_no_number_is_refused_in_one_sentence(opened):
    tab = opened(page_of(shared()))
    before = table_of(tab)
    field = tab.get_by_label("a", exact=True)
    for text in ("two", "", "1e999", "0x10"):
        field.fill(text)
        assert field.get_attribute("aria-invalid") == "true"
        assert "Type a number, such as 0.5" in tab.locator("#leaves").inner_text()
        assert table_of(tab) == before
    field.blur()
    tab.locator("#leaves .mistake").wait_for(state="detached")
    assert field.input_value() == "2.0"


def test_reset_brings_the_numbers_back(opened):
    tab = opened(page_of(shared()))
    before = table_of(tab)
    assert tab.locator("#reset").is_disabled()
    tab.get_by_label("a", exact=True).fill("5")
    tab.get_by_label("c", exact=True).fill("6")
    tab.click("#descend")
    tab.click("#reset")
    assert table_of(tab) == before


def test_finite_differences_stand_beside_every_gradient(opened):
    tab = opened(page_of(shared()))
    tab.get_by_label("a", exact=True).fill("1.25")
    for data, gradient, difference in table_of(tab).values():
        number, mark = difference.replace("−", "-").split()
        assert mark == "✓", data
        assert float(number) == pytest.approx(float(gradient), rel=1e-5)


def test_a_kink_shows_in_the_difference_and_is_told(opened):
    x = Value(0.0, label="x")
    tab = opened(explain(relu(x) * 2.0))
    data, gradient, difference = table_of(tab)["x"]
    assert (data, gradient, difference) == ("0.0", "2.0", "1 ≠")
    assert "follows each rule’s own choice" in tab.locator("#rule").inner_text()


def test_limits_are_told_where_rules_do_not_compose(opened):
    x = Value(0.0, label="x")
    tab = opened(explain(relu(x) - relu(-x)))
    assert "takes limits instead, and finds x: 1.0" in tab.locator("#rule").inner_text()
    assert table_of(tab)["x"] == ["0.0", "1.0", "1 ✓"]
    tab.get_by_label("x", exact=True).fill("3")
    assert table_of(tab)["x"][:2] == ["3.0", "1.0"]
    assert not tab.locator("#rule .note").first.is_visible()


def test_gradient_descent_goes_where_python_goes(opened):
    tab = opened(page_of(shared()))
    tab.get_by_label("Learning rate").fill("0.001")
    numbers, losses = {"a": 2.0, "c": -3.0}, []
    for steps in range(1, 4):
        tab.click("#descend")
        result, leaves = shared(**numbers)
        result.backward()
        numbers = {name: leaf.data - 0.001 * leaf.grad for name, leaf in leaves.items()}
        losses.append(result.data)
        shown, expected = table_of(tab), gradients_of(shared(**numbers))
        assert {name: shown[name][:2] for name in expected} == expected
        assert f"after {steps} step" in tab.locator("#loss").inner_text()
    assert float(table_of(tab)["y"][0]) < losses[-1] < losses[0]
    assert len(tab.locator("#loss polyline").get_attribute("points").split()) == 4
    tab.click("#descend-more")
    assert "after 13 steps" in tab.locator("#loss").inner_text()


def test_only_parameters_descend(opened):
    tab = opened(page_of(neuron()))
    tab.click("#descend")
    shown = table_of(tab)
    assert (shown["x"][0], shown["d"][0]) == ("2.0", "1.0")
    assert shown["w"][0] != "0.5"
    assert shown["b"][0] != "-1.5"


def test_a_learning_rate_must_be_a_number(opened):
    tab = opened(page_of(neuron()))
    before = table_of(tab)
    tab.get_by_label("Learning rate").fill("fast")
    tab.click("#descend")
    assert tab.get_by_role("alert").inner_text() == "The learning rate must be a number, such as 0.1."
    assert table_of(tab) == before
