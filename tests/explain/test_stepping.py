"""Stepping through both passes, forward and backward."""

import re

from tests.explain.graphs import neuron, page_of, shared, table_of

LAST = 14  # steps of the neuron: 5 forward, one to begin with, 8 back


def step_of(tab):
    return int(re.search(r"Step (\d+) of", tab.locator("#where").inner_text())[1])


def known(tab):
    """How many data and gradients the table shows."""
    cells = [cell for row in table_of(tab).values() for cell in row[:2]]
    return sum(cell != "—" for cell in cells)


def test_buttons_go_both_ways(opened):
    tab = opened(page_of(neuron()))
    assert step_of(tab) == LAST
    assert known(tab) == 2 * 9
    tab.click("#first")
    assert step_of(tab) == 0
    assert known(tab) == 4
    counts = [known(tab)]
    for _ in range(LAST):
        tab.click("#next")
        counts.append(known(tab))
    assert counts == list(range(4, 19))
    assert tab.locator("#next").is_disabled()
    for count in reversed(counts[:-1]):
        tab.click("#back")
        assert known(tab) == count
    assert tab.locator("#back").is_disabled()
    tab.click("#last")
    assert step_of(tab) == LAST


def test_keys_and_the_slider_go_both_ways(opened):
    tab = opened(page_of(neuron()))
    for key, step in [
        ("Home", 0),
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("End", LAST),
        ("ArrowRight", LAST),
    ]:
        tab.keyboard.press(key)
        assert step_of(tab) == step
    tab.locator("#slider").fill("3")
    assert step_of(tab) == 3
    tab.locator("#slider").press("ArrowLeft")
    assert step_of(tab) == 2


def test_it_plays(opened):
    tab = opened(page_of(neuron()), "#step=13")
    tab.clock.install(time=0)
    tab.clock.pause_at(1)
    tab.keyboard.press("Space")
    assert tab.locator("#play").inner_text() == "❚❚ Pause"
    tab.clock.run_for(5000)
    assert step_of(tab) == 14
    assert tab.locator("#play").inner_text() == "▶ Play"
    tab.click("#play")
    assert step_of(tab) == 0
    tab.clock.run_for(5000)
    assert 0 < step_of(tab) < 14
    tab.click("#play")
    assert tab.locator("#play").inner_text() == "▶ Play"


def test_forward_steps_compute_and_keep_local_derivatives(opened):
    tab = opened(page_of(neuron()), "#step=1")
    assert tab.locator("#rule-title").inner_text() == "Forward: z1"
    first, _, to_w, to_x = tab.locator("#rule-body li").all_text_contents()
    assert first.strip() == "z1 = w × x = 0.5 × 2 = 1"
    assert to_w.split() == ["∂z1∂w", "=", "+2"]
    assert to_x.split() == ["∂z1∂x", "=", "+0.5"]
    assert tab.locator("svg .arrow.active.forward").count() == 3


def test_backward_steps_write_the_chain_rule_term_by_term(opened):
    tab = opened(page_of(shared()))
    tab.keyboard.press("Home")
    while tab.locator("#rule-title").inner_text() != "Backward: e":
        tab.keyboard.press("ArrowRight")
    lines = [" ".join(text.split()) for text in tab.locator("#rule-body li").all_text_contents()]
    # y = e·g - f²/3 with e = -6, f = -1, g = 6: ∂y/∂e = g + e·f
    start = next(i for i, text in enumerate(lines) if "the sum over its 2 uses" in text)
    first, second, total = lines[start + 1 : start + 4]
    assert sorted([first, second]) == ["∂y∂g · ∂g∂e = −6 × (−1) = +6", "∂y∂z3 · ∂z3∂e = 1 × 6 = +6"]
    assert total == "∂y∂e = 6 + 6 = +12"
    assert tab.locator("svg .arrow.active.backward").count() == 4
    assert tab.locator("svg .arrow.active.forward").count() == 0


def test_pointing_and_focus_show_terms_and_paths(opened):
    tab = opened(page_of(shared()))
    box = tab.get_by_role("button", name=re.compile("^a, parameter"))
    for show in (lambda: box.hover(), lambda: (tab.mouse.move(1, 1), tab.keyboard.press("Tab"), box.focus())):
        show()
        text = tab.locator("#rule-body").inner_text()
        assert tab.locator("#rule-title").inner_text() == "Backward: a"
        assert "5 paths lead from a to y" in text
        assert "a → e → z3 → y" in text
    assert tab.locator("svg .arrow.on-path").count() > 8
    box.press("Enter")
    assert box.get_attribute("aria-pressed") == "true"


def test_the_fragment_keeps_step_and_numbers(opened):
    tab = opened(page_of(neuron()))
    tab.get_by_label("w", exact=True).fill("0.25")
    tab.get_by_label("Learning rate").fill("0.5")
    tab.click("#descend")
    tab.keyboard.press("Home")
    tab.wait_for_url("**#step=0*")
    fragment = tab.evaluate("location.hash")
    again = opened(page_of(neuron()), fragment)
    assert step_of(again) == 0
    assert table_of(again) == table_of(tab)


def test_fragments_that_make_no_sense_do_no_harm(opened):
    tab = opened(page_of(neuron()))
    before = table_of(tab)
    for fragment in ("#step=999&v0=abc&rate=x", "#%%%", "#step=nan", "#v999=3&view=7"):
        assert table_of(opened(page_of(neuron()), fragment)) == before
    tab.evaluate("location.hash = '#step=2'")
    tab.locator("#where", has_text="Step 2 of 14").wait_for()
    tab.evaluate("location.hash = '#step=-3'")
    tab.locator("#where", has_text="Step 0 of 14").wait_for()
