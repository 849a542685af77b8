"""Pages in a real browser, where there is one."""

import html
import json
import os
import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --virtual-time-budget=5000 --dump-dom""".split()
# Chromium gives a page's content back once it is loaded, which an open document in a frame puts off.
WAITING = """const waiting = document.body.appendChild(document.createElement("iframe")).contentDocument;
waiting.open();
const finish = result => { document.body.textContent = "result:" + JSON.stringify(result) + ":"; waiting.close(); };
"""
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine")


def in_chromium(body, script, folder, *flags, **environment):
    """The value that a script in a page with this body passes to `finish`."""
    page = f"<!doctype html><meta charset='utf-8'><body>{body}<script>{WAITING}{script}</script></body>"
    (folder / "page.html").write_text(page)
    command = [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", str(folder / "page.html")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)
    return json.loads(html.unescape(re.search("<body>result:(.*):</body>", done.stdout, re.S)[1]))
