"""The one font of all pictures: texts are measured by it, SVGs carry the letters they need, PNGs are drawn with it.

`DejaVuSans.ttf` beside this file holds the letters of DejaVu Sans 2.37 that mathematics and the European alphabets
need, without hints and composite glyphs.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from unicodedata import category, east_asian_width

NAME = "DejaVu Sans"
FILE = Path(__file__).with_name("DejaVuSans.ttf")
KEPT = ("OS/2", "head", "hhea", "maxp", "name", "post")
"""The tables that a smaller font takes over as they are."""


@cache
def _tables() -> dict[str, bytes]:
    """The tables of the font by their tags."""
    content = FILE.read_bytes()
    (count,) = struct.unpack_from(">H", content, 4)
    entries = (struct.unpack_from(">4sIII", content, 12 + 16 * index) for index in range(count))
    return {tag.decode(): content[start : start + length] for tag, _, start, length in entries}


@cache
def _glyphs() -> dict[int, int]:
    """The number of the glyph of each letter that the font has."""
    table = _tables()["cmap"]
    (start,) = struct.unpack_from(">I", table, 8)  # of its only part, which lists ranges
    (count,) = struct.unpack_from(">I", table, start + 12)
    ranges = (struct.unpack_from(">III", table, start + 16 + 12 * index) for index in range(count))
    return {code: glyph + code - first for first, last, glyph in ranges for code in range(first, last + 1)}


@cache
def _advance(letter: str) -> float:
    """How far a letter moves on, as a share of the font's size; of letters that other fonts must give, about."""
    glyph = _glyphs().get(ord(letter))
    if glyph is None:
        if category(letter) in ("Mn", "Me", "Cf"):
            return 0.0
        return 1.05 if east_asian_width(letter) in "WF" else 0.75
    (per_em,) = struct.unpack_from(">H", _tables()["head"], 18)
    (advance,) = struct.unpack_from(">H", _tables()["hmtx"], 4 * glyph)
    return float(advance / per_em)


def width(text: str, size: float) -> float:
    """The width of a line of text in points.

    >>> round(width("∇W₁", 10.0), 2)
    20.59
    """
    return size * sum(map(_advance, text))


def is_complete(text: str) -> bool:
    """Whether the font has all visible letters of a text."""
    return all(ord(letter) in _glyphs() or letter.isspace() or category(letter) == "Cf" for letter in text)


def embedded(letters: Iterable[str]) -> tuple[str, str]:
    """A rule of CSS with a font of just these letters, and the families that a picture with it names, best first.

    The name of the font is that of its letters, since one page may have many pictures.
    """
    content = _woff(_with_only(letters))
    name, data = f"{NAME} {zlib.crc32(content):08x}", base64.b64encode(content).decode()
    rule = f"@font-face{{font-family:'{name}';src:url(data:font/woff;base64,{data})}}"
    return rule, f"'{name}','{NAME}',Verdana,sans-serif"


def _with_only(letters: Iterable[str]) -> dict[str, bytes]:
    """The tables of a font with these letters; glyphs keep their numbers."""
    tables = _tables()
    glyphs = {code: _glyphs()[code] for code in sorted(set(map(ord, letters))) if code in _glyphs()}
    outlines, places, used = b"", [0], {0, *glyphs.values()}
    starts = struct.unpack(f">{len(tables['loca']) // 4}I", tables["loca"])
    for glyph, (start, end) in enumerate(pairwise(starts)):
        if glyph in used:
            outlines += tables["glyf"][start:end]
        places.append(len(outlines))
    groups = b"".join(struct.pack(">III", code, code, glyph) for code, glyph in glyphs.items())
    cmap = struct.pack(">HHHHIHHIII", 0, 1, 3, 10, 12, 12, 0, 16 + len(groups), 0, len(glyphs)) + groups
    advances = b"".join(
        tables["hmtx"][4 * glyph : 4 * glyph + 4] if glyph in used else bytes(4) for glyph in range(len(starts) - 1)
    )
    found = {tag: tables[tag] for tag in KEPT} | {"cmap": cmap, "glyf": outlines, "hmtx": advances}
    return found | {"loca": struct.pack(f">{len(places)}I", *places)}


def _woff(tables: dict[str, bytes]) -> bytes:
    """Tables as a WOFF file (W3C, WOFF File Format 1.0)."""
    directory, body, size = b"", b"", 12 + 16 * len(tables)
    start = 44 + 20 * len(tables)
    for tag in sorted(tables):
        content = tables[tag]
        padded = content + b"\0" * (-len(content) % 4)
        packed = min(content, zlib.compress(content, 9), key=len)
        checksum = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += struct.pack(">4sIIII", tag.encode(), start + len(body), len(packed), len(content), checksum)
        body += packed + b"\0" * (-len(packed) % 4)
        size += len(padded)
    head = struct.pack(">4sIIHHIHHIIIII", b"wOFF", 0x00010000, start + len(body), len(tables), 0, size, 1, 0, *[0] * 5)
    return head + directory + body
