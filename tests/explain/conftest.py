"""Pages opened in a real browser, whose requests, errors and messages are recorded."""

import shutil

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="the package playwright, which drives browsers, is missing")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)  # in a new profile
        yield running
        running.close()


@pytest.fixture
def opened(browser, tmp_path):
    """A function that saves a page and opens it; at the end, nothing has been asked for from outside, and nothing
    has gone wrong in the page."""
    contexts, heard = [], []

    def open_page(page, fragment="", *, width=1280, height=800, **options):
        path = tmp_path / "page.html"
        page.save(path)
        options = {"reduced_motion": "reduce", **options}
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: heard.append(f"console: {message.text}"))
        tab.on("pageerror", lambda error: heard.append(f"error: {error}"))
        tab.on("request", lambda request: heard.append(f"request: {request.url}"))
        tab.goto(path.as_uri() + fragment)
        heard.remove(f"request: {path.as_uri()}")
        return tab

    open_page.heard = heard
    yield open_page
    for context in contexts:
        context.close()
    assert heard == []
