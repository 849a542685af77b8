"""The page: one self-contained HTML file, which loads nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from autograd_mini.files import write_whole

ASSETS = Path(__file__).with_name("assets")
SCRIPTS = [
    f"{name}.js" for name in ["numbers", "elements", "chain_rule", "steps", "state", "picture", "experiments", "page"]
]
FOLDING = "folding.js"  # only needed if there are several views
COMMENTS = re.compile(r"^ *(//|/\*\*| \* ).*\n|(?<=[;{,]) // .*", re.MULTILINE)
INDENTS = re.compile(r"^\s+", re.MULTILINE)
"""Comments and indents are left out of pages. This works line by line, so no string in a script may span lines."""

BESIDE_THE_PICTURE = 1150  # the height in pixels of controls, panels and the first rows of the table together


class Panel(NamedTuple):
    """An additional part of a page.

    Args:
        title: its heading.
        markup: its content in HTML, with all texts escaped, and without styles or handlers, which the page's policy
            forbids.
        script: JavaScript that runs after everything else has been set up. It may use the variable `page`:
            `page.refreshed.push(f)` makes the page call f after every change.
    """

    title: str
    markup: str
    script: str = ""


@dataclass(eq=False, repr=False)
class Page:
    """A self-contained page, which notebooks show in a frame.

    Attributes:
        html: the document.
        height: its approximate height in a notebook, in pixels; where scripts run, the frame adapts itself.

    >>> from autograd_mini import Value
    >>> from autograd_mini.explain import explain
    >>> page = explain(Value(2.0, label="x").tanh())
    >>> page.html[:15], page.height > 1000
    ('<!doctype html>', True)
    """

    html: str
    height: int

    def __str__(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f'<page of {len(self.html.encode()):,} bytes; save("page.html") writes it>'

    def save(self, filename: str | os.PathLike[str]) -> str:
        """Write the page, whole or not at all, and return the path.

        Raises:
            ValueError: the name does not end in .html or .htm.
            OSError: the file cannot be written.

        >>> import os, tempfile
        >>> from autograd_mini import Value
        >>> from autograd_mini.explain import explain
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = explain(Value(2.0, label="x").tanh()).save(os.path.join(folder, "neuron.html"))
        ...     os.path.getsize(path) < 150_000
        True
        """
        path = html_path(filename)
        write_whole(path, self.html.encode())
        return path

    def _repr_html_(self) -> str:
        return Template(asset("frame.html")).substitute(document=html.escape(self.html), height=self.height)


def html_path(filename: str | os.PathLike[str]) -> str:
    """The file name of a page as text; a ValueError if it does not end in .html or .htm."""
    path = os.fspath(filename)
    if os.path.splitext(path)[1].lower() not in (".html", ".htm"):
        raise ValueError(f"cannot save a page as {path!r}; choose a name that ends in .html")
    return path


def page(
    title: str, graph: Mapping[str, Any], rows: str, *, picture_height: float, panels: Sequence[Panel] = ()
) -> Page:
    """Make the page of a graph.

    Args:
        title: what is explained, as plain text.
        graph: the data that the scripts read, built in `explaining`, with one or more views; its texts are arbitrary.
        rows: the operations in JavaScript: `const rows = {…}`.
        picture_height: the height of the picture in pixels.
        panels: further parts, in order.
    """
    further = "".join(f"<section><h2>{html.escape(panel.title)}</h2>{panel.markup}</section>" for panel in panels)
    names = [*SCRIPTS, *[FOLDING] * (len(graph["views"]) > 1)]
    scripts = [rows, *map(asset, names), *[f"{{\n{panel.script}\n}}" for panel in panels if panel.script]]
    document = in_one_file("page.html", scripts, ("page.css",), title, graph, panels=further)
    return Page(document, int(picture_height) + BESIDE_THE_PICTURE)


def in_one_file(
    template: str, scripts: Sequence[str], styles: Sequence[str], title: str, graph: Mapping[str, Any], **parts: str
) -> str:
    """Assemble a document with its scripts and styles, whose content security policy admits nothing else.

    Args:
        template: the asset with the template of its body.
        scripts: the JavaScript, in pieces.
        styles: the assets with its styles.
        title: the title, as plain text.
        graph: the data that the scripts read.
        parts: the HTML of the template's other placeholders.
    """
    style = "".join(map(asset, styles))
    script = INDENTS.sub("", COMMENTS.sub("", "\n".join(['"use strict";', "{", *scripts, "}"])))
    allowed = f"script-src {_fingerprint(script)}; style-src {_fingerprint(style)}"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    title = html.escape(title.encode(errors="replace").decode())  # lone surrogates cannot be encoded
    body = Template(asset(template)).substitute(parts, title=title)
    data = json.dumps(_readable(graph), allow_nan=False, separators=(",", ":"))
    data = data.replace("<", "\\u003c")  # safe within a script element
    return Template(asset("document.html")).substitute(
        policy=policy, title=title, style=style, body=body, graph=data, script=script
    )


@cache
def asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _fingerprint(text: str) -> str:
    """The entry of the policy that allows exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _readable(thing: Any) -> Any:
    """A nest as JSON can hold it: numbers that JSON lacks become strings that JavaScript can read."""
    if isinstance(thing, float) and not isfinite(thing):
        return "NaN" if thing != thing else "Infinity" if thing > 0.0 else "-Infinity"
    if isinstance(thing, Mapping):
        return {key: _readable(each) for key, each in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_readable(each) for each in thing]
    return thing
