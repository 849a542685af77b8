"""The one font of all pictures: it measures texts, SVGs embed the letters they need, and PNGs are drawn with it.

`DejaVuSans.ttf` beside this file holds the letters of DejaVu Sans 2.37 that mathematics and the European alphabets
need; `DejaVuSans.json` holds their widths, and the same font in pieces for browsers.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import category, east_asian_width

NAME = "DejaVu Sans"
FILE = Path(__file__).with_name("DejaVuSans.ttf")
PIECES = FILE.with_suffix(".json")
FAMILIES = f"'{NAME} in pieces','{NAME}',Verdana,sans-serif"


@cache
def _pieces() -> list[dict[str, Any]]:
    pieces: list[dict[str, Any]] = json.loads(PIECES.read_text("utf-8"))
    return pieces


@cache
def advances() -> dict[str, float]:
    """The advance width of each letter of the font, as a fraction of the font's size."""
    return {letter: advance for piece in _pieces() for letter, advance in piece["letters"].items()}


def _advance(letter: str) -> float:
    """The advance width of any letter; an estimate for letters that this font does not have."""
    advance = advances().get(letter)
    if advance is None:
        advance = 0.0 if category(letter) in ("Mn", "Me", "Cf") else 1.05 if east_asian_width(letter) in "WF" else 0.75
    return advance


def width(text: str, size: float) -> float:
    """The width of a line of text in points.

    >>> round(width("∇W₁", 10.0), 2)
    20.59
    """
    return size * sum(map(_advance, text))


def is_complete(text: str) -> bool:
    """Whether the font has all visible letters of a text."""
    return all(letter in advances() or letter.isspace() or category(letter) == "Cf" for letter in set(text))


def embedded(letters: Collection[str]) -> str:
    """CSS rules that embed the pieces of the font that have these letters; a page needs them once for all pictures."""
    rules = []
    for piece in _pieces():
        if not piece["letters"].keys().isdisjoint(letters):
            source = f"url(data:font/woff2;base64,{piece['woff2']})"
            letters_of_piece = ",".join(f"U+{ord(letter):x}" for letter in piece["letters"])
            rules.append(f"@font-face{{font-family:'{NAME} in pieces';src:{source};unicode-range:{letters_of_piece}}}")
    return "".join(rules)
