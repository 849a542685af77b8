"""Texts of any kind as the DOT language takes them: what is written is what shows."""

from __future__ import annotations

import html
import re
from unicodedata import combining, east_asian_width

CELL_PADDING = 8

# Control characters as their visible pictures; what XML cannot hold as the replacement character.
_CLEAN: dict[int, int | str] = {code: 0x2400 + code for code in range(32)}
_CLEAN |= dict.fromkeys([*range(0x7F, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], 0xFFFD)
_CLEAN |= {ord("\t"): " ", ord("\r"): " ", ord("\n"): "\n"}
_SPECIAL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff\\\\\"&<>']")
# Graphviz replaces \N and its like by names, escaped or not; an invisible joiner behind the backslash prevents it.
_JOINER = "\u2060"
_IN_MARKUP = {ord("\\"): f"\\{_JOINER}", ord("\n"): "<BR/>"}
_QUOTED = {ord("\\"): f"\\\\{_JOINER}", ord('"'): '\\"', ord("\n"): "\\n", ord("&"): "&amp;"}


def quoted(text: str) -> str:
    r"""`text` as a quoted string that stands for itself.

    >>> print(quoted('a "b" & c'))
    "a \"b\" &amp; c"
    """
    if _SPECIAL.search(text):
        text = text.translate(_CLEAN).translate(_QUOTED)
    return f'"{text}"'


def markup(text: str) -> str:
    """`text` within an HTML-like label.

    >>> markup("a < b")
    'a &lt; b'
    """
    if _SPECIAL.search(text):
        return html.escape(text.translate(_CLEAN)).translate(_IN_MARKUP)
    return text


def width_in_points(text: str, font_size: float) -> int:
    """About how wide a cell with `text` is, for renderers that do not know all letters; rather more than less."""
    return CELL_PADDING + max(int(font_size * sum(map(_width, line))) for line in text.split("\n"))


def _width(letter: str) -> float:
    if combining(letter):
        return 0.0
    return 1.05 if east_asian_width(letter) in "WF" else 0.65
