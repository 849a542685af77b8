"""Texts of any kind as the DOT language takes them: what is written is what shows."""

from __future__ import annotations

import html
import re

# Control characters, and what XML cannot hold, as the replacement character.
_CLEAN: dict[int, int | str] = dict.fromkeys([*range(32), *range(0x7F, 0xA0), *range(0xD800, 0xE000)], 0xFFFD)
_CLEAN |= {0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD, ord("\t"): " ", ord("\r"): " ", ord("\n"): "\n"}
_SPECIAL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff\\\\\"&<>']")
# Graphviz replaces \N and its like by names, escaped or not; an invisible joiner behind the backslash prevents it.
JOINER = "\u2060"
_IN_MARKUP = {ord("\\"): f"\\{JOINER}", ord("\n"): " "}
_QUOTED = {ord("\\"): f"\\\\{JOINER}", ord('"'): '\\"', ord("\n"): "\\n", ord("&"): "&amp;"}


def quoted(text: str) -> str:
    r"""`text` as a quoted string that stands for itself.

    >>> print(quoted('a "b" & c'))
    "a \"b\" &amp; c"
    """
    if _SPECIAL.search(text):
        text = cleaned(text).translate(_QUOTED)
    return f'"{text}"'


def markup(text: str) -> str:
    """A line of `text` within an HTML-like label.

    >>> markup("a < b")
    'a &lt; b'
    """
    return html.escape(cleaned(text)).translate(_IN_MARKUP) if _SPECIAL.search(text) else text


def cleaned(text: str) -> str:
    """`text` with letters that can be shown in place of those that cannot."""
    return text.translate(_CLEAN) if _SPECIAL.search(text) else text
