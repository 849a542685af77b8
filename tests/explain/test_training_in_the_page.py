"""The page in which a network learns, in a browser."""

import math
import re

import pytest

from autograd_mini import explain
from autograd_mini.nn import MLP, kl_softmax, squared_error
from autograd_mini.optim import SGD
from autograd_mini.training import fit
from tests.explain.test_learning import points

XOR = [([a, b], 1.0 if a != b else -1.0) for a in (-1.0, 1.0) for b in (-1.0, 1.0)]


def network():
    return MLP(2, [4, 1], "tanh", random=1)


def page():
    return explain(network(), XOR, squared_error)


def losses(epochs, rate=0.1):
    model = network()
    return fit(model, XOR, squared_error, SGD(model.parameters(), rate), epochs=epochs, tolerance=0.0,
               patience=epochs, progress=False).losses  # fmt: skip


def shown(tab):
    """The epoch and the loss that the page shows."""
    epoch, loss = re.search(r"Epoch (\d+).*: loss (.+)", tab.locator("#where").inner_text()).groups()
    return int(epoch), loss


def written(loss):
    return f"{loss:.4g}"


def test_epochs_by_buttons_and_keys_show_the_losses_of_python(opened):
    tab, expected = opened(page()), [written(loss) for loss in losses(8)]
    assert shown(tab) == (0, expected[0])
    assert tab.locator("#back").is_disabled()
    for epoch in range(1, 4):
        tab.click("#next")
        assert shown(tab) == (epoch, expected[epoch])
    tab.locator("body").press("ArrowRight")
    assert shown(tab) == (4, expected[4])
    tab.click("#back")
    assert shown(tab) == (3, expected[3])
    tab.locator("body").press("Home")
    assert shown(tab) == (0, expected[0])
    tab.locator("body").press("End")
    assert shown(tab) == (4, expected[4])
    tab.locator("#slider").fill("2")
    assert shown(tab) == (2, expected[2])


def test_it_trains_until_it_is_stopped(opened):
    tab = opened(page())
    tab.click("#play")
    for _ in range(200):
        if shown(tab)[0] > 5:
            break
        tab.wait_for_timeout(50)
    tab.click("#play")
    epoch, _ = shown(tab)
    assert epoch > 5
    tab.wait_for_timeout(100)
    assert shown(tab)[0] == epoch
    assert "Train" in tab.locator("#play").inner_text()
    assert shown(tab)[1] == written(losses(epoch + 1)[-1])


def test_a_new_rate_forgets_what_came_after_and_the_address_keeps_both(opened):
    tab = opened(page())
    for _ in range(3):
        tab.click("#next")
    tab.click("#back")
    tab.locator("#rate").fill("-0.3")
    assert tab.locator("#slider").get_attribute("max") == "2"
    tab.click("#next")
    after = shown(tab)
    assert after[1] != written(losses(4)[-1])
    again = opened(page(), tab.evaluate("location.hash"))
    assert shown(again) == after
    again.click("#back")
    assert shown(again) == (2, written(losses(3)[-1]))


def test_the_chosen_weight_tells_its_step_and_agrees_with_the_difference(opened):
    tab, model = opened(page()), network()
    (sum(squared_error(model(x), d) for x, d in XOR) / len(XOR)).backward()
    tab.locator("button.weight").nth(4).click()
    text = tab.locator("#weight").inner_text()
    weight = model.parameters()[4]
    assert "The step of w = w₁₂⁽¹⁾" in text
    assert f"{weight.grad:+.4g}" in text.replace("−", "-")
    assert f"{weight.data - 0.1 * weight.grad:+.4g}" in text.replace("−", "-")
    assert "✓ agrees" in text


def test_steps_that_are_too_large_are_told(opened):
    tab = opened(page(), "#epoch=60&rates=10@0")
    assert "smaller learning rate" in tab.locator("#trouble").inner_text()


@pytest.mark.parametrize(
    ("model", "data", "divergence", "has_picture"),
    [
        (MLP(2, [4, 3], "relu", "softmax"), [(x, i % 3) for i, x in enumerate(points(2))], kl_softmax, True),
        (MLP(1, [3, 1], "tanh"), [(x, math.sin(x[0])) for x in points(1)], squared_error, True),
        (MLP(2, [1]), [(x, x[0]) for x in points(2)], squared_error, True),
        (MLP(3, [1]), [(x, x[0]) for x in points(3)], squared_error, False),
    ],
)
def test_outputs_are_drawn_over_one_or_two_inputs(opened, model, data, divergence, has_picture):
    tab = opened(explain(model, data, divergence), "#epoch=3")
    assert tab.locator("#surface").is_visible() == has_picture
    colours = "new Set(document.getElementById('surface').getContext('2d').getImageData(0, 0, 300, 300).data).size"
    assert not has_picture or tab.evaluate(colours) > 8


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_nothing_is_wider_than_the_window(opened, width, scheme):
    tab = opened(page(), "#epoch=20", width=width, color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.locator("#surface").bounding_box()["width"] > 300
