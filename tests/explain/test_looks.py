"""Pages apart from their numbers: self-contained, accessible, narrow, dark, printable, framed."""

import re

import pytest

from autograd_mini import Value
from autograd_mini.explain import explain
from tests.explain.graphs import neuron, page_of, shared

HOSTILE = [
    "</script><script>document.title = 'out'</script>",
    "<img src=x onerror=alert(1)>",
    "\"'&amp;<b>",
    "${1+1}`",
    "﷽ ∂ \x00 \n",
    "x\ud800",
]


def lightness(tab, selector):
    red, green, blue = map(
        int, re.findall(r"\d+", tab.locator(selector).evaluate("e => getComputedStyle(e).backgroundColor"))[:3]
    )
    return (red + green + blue) / 765


@pytest.mark.parametrize("label", HOSTILE)
def test_a_hostile_label_stays_text(opened, label):
    x, result = Value(2.0, label=label), Value(3.0)
    y = x * result
    y.label = label
    tab = opened(explain(y))
    assert tab.title()[:1] == label[:1]
    assert tab.locator("img, b").count() == 0
    assert tab.locator("script:not([type])").count() == 1
    shown = {tab.locator("#numbers tbody th").all_text_contents()[0], tab.locator("#leaves label").first.text_content()}
    assert len(shown) == 1
    assert shown.pop()[:4] == label[:4]
    tab.keyboard.press("Home")
    assert "Step 0" in tab.locator("#where").inner_text()


def test_the_policy_refuses_what_is_not_its_own(opened):
    page = page_of(neuron())
    assert "default-src 'none'" in page.html
    assert "unsafe" not in page.html.split("</head>")[0]
    assert not re.search(r"\b(src|href)=", page.html)
    assert "url(http" not in page.html
    tab = opened(page)
    refused = tab.evaluate(
        """() => new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
            const script = document.createElement("script");
            script.textContent = "document.title = 'out'";
            document.body.append(script);
        })"""
    )
    assert refused.startswith("script-src")
    assert tab.title() != "out"
    (told,) = opened.heard
    assert "violates the following Content Security Policy" in told
    opened.heard.clear()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("made", [neuron, shared])
def test_nothing_is_wider_than_the_window(opened, made, width):
    tab = opened(page_of(made()), width=width)
    for key in ("End", "Home", "ArrowRight"):
        tab.keyboard.press(key)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.click("#predict")
    tab.click("#again")
    tab.click("#descend")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for box in tab.locator("main button, main input").all():
        placed = box.bounding_box()
        assert placed is None or (placed["x"] >= 0 and placed["x"] + placed["width"] <= width)


def test_dark_mode_is_dark_and_light_mode_light(opened):
    light, dark = opened(page_of(neuron())), opened(page_of(neuron()), color_scheme="dark")
    assert lightness(light, "body") > 0.9
    assert lightness(dark, "body") < 0.15
    assert lightness(light, "#rule") > 0.9
    assert lightness(dark, "#rule") < 0.2


WATCH = """() => {
    globalThis.seen = 0;
    const count = () => (globalThis.seen += document.querySelectorAll(".token").length);
    new MutationObserver(count).observe(document.querySelector("svg"), { childList: true, subtree: true });
}"""


@pytest.mark.parametrize(("motion", "travels"), [("no-preference", True), ("reduce", False)])
def test_numbers_travel_unless_motion_is_to_be_reduced(opened, motion, travels):
    tab = opened(page_of(shared()), "#step=8", reduced_motion=motion)
    tab.evaluate(WATCH)
    tab.keyboard.press("ArrowRight")
    assert (tab.evaluate("seen") > 0) is travels
    animation = tab.locator(".arrow.active").first.evaluate("e => getComputedStyle(e).animationName")
    assert animation == ("flow" if travels else "none")


def test_the_keyboard_reaches_everything(opened):
    tab = opened(page_of(neuron()))
    name = "(each) => each.id || each.ariaLabel"
    reached = []
    while not reached or reached[-1] != "":
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate(f"({name})(document.activeElement) ?? ''"))
    boxes = [text.split(", ")[0] for text in reached if ", data " in text]
    assert sorted(boxes) == ["L", "b", "d", "w", "x", "z1", "z2", "z3", "z4"]
    assert {*tab.locator("button:not(:disabled), input").evaluate_all(f"all => all.map({name})"), "rule"} <= {*reached}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing(opened, scheme, width):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="the package axe-playwright-python is missing"
    )
    tab = opened(page_of(shared()), width=width, color_scheme=scheme, bypass_csp=True)
    for prepare in (
        lambda: None,
        lambda: tab.click("#predict"),
        lambda: tab.click("#wrong"),
        lambda: tab.keyboard.press("Home"),
    ):
        prepare()
        found = axe.Axe().run(tab).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


@pytest.mark.parametrize("width", [700, 1280])
def test_it_prints_without_what_is_for_the_screen(opened, width):
    y = Value(0.5, label="x")
    for _ in range(12):
        y = y.tanh()
    tab = opened(explain(y), width=width)
    assert tab.locator("body.tall").count() == (width > 900)
    tab.emulate_media(media="print")
    assert not tab.locator(".controls").is_visible()
    assert not tab.locator("#descend").is_visible()
    assert tab.locator("#picture svg").is_visible()
    assert tab.locator("#numbers").is_visible()
    for name in ("#picture", "#leaves", "#rule", ".scroll"):  # nothing is cut off
        assert tab.locator(name).evaluate("e => e.scrollHeight - e.clientHeight <= 1")


def test_notebooks_show_it_in_a_frame_that_fits(opened, browser):
    html = page_of(neuron())._repr_html_()
    assert 'sandbox="allow-scripts"' in html
    assert html.count("<iframe") == 1
    tab = browser.new_page(viewport={"width": 1000, "height": 800})
    tab.set_content(f"<!doctype html><body>{html}</body>")
    frame = tab.frame_locator("iframe")
    frame.locator("#where", has_text="Step 14 of 14").wait_for()
    frame.locator("#first").click()
    frame.locator("#where", has_text="Step 0 of 14").wait_for()
    inner = frame.locator("html")
    tab.wait_for_timeout(200)
    height = tab.locator("iframe").bounding_box()["height"]
    assert abs(height - inner.evaluate("e => e.getBoundingClientRect().height")) <= 2
    tab.close()
