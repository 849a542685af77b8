"""Texts in pictures: Graphviz is told how large each text is, and decides only where it goes.

What renderers know about fonts differs between machines, so each text gets a cell of the size that our font needs. For
an SVG, a tiny number takes the text's place during the layout and is replaced by the text afterwards, with its width
given, so that it fits even if the viewer shows another font than the one embedded. All characters appear as they are
written, special ones included.
"""

from __future__ import annotations

import html
import re
from math import ceil

from autograd_mini.draw.style.colours import TEXT
from autograd_mini.draw.style.font import FAMILIES, embedded, width

SIZE, CAPTION_SIZE, LEGEND_SIZE = 14, 16, 14  # points: legible from the back of a room
PADDING = 4  # points at either side of a text
LINE_HEIGHT, BASELINE, BOLD = 1.3, 0.36, 0.045  # as fractions of the font's size
DIGIT = 0.6  # the width in points of a placeholder's digit
ANCHORS = {"LEFT": ("start", PADDING), "CENTER": ("middle", 0), "RIGHT": ("end", -PADDING)}
PLAIN = 'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"'

# Control characters, and characters that XML cannot hold, become the replacement character.
_CLEAN: dict[int, int | str] = dict.fromkeys([*range(32), *range(0x7F, 0xA0), *range(0xD800, 0xE000)], 0xFFFD)
_CLEAN |= {0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD, ord("\t"): " ", ord("\r"): " ", ord("\n"): "\n"}
_SPECIAL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\ufffe\\uffff\\\\\"&<>']")
# Graphviz replaces \N and the like by names, even if escaped; an invisible joiner after the backslash prevents this.
JOINER = "\u2060"
_IN_MARKUP = {ord("\\"): f"\\{JOINER}", ord("\n"): " "}
_QUOTED = {ord("\\"): f"\\\\{JOINER}", ord('"'): '\\"', ord("\n"): "\\n", ord("&"): "&amp;"}

_CELL = re.compile(
    r'(<TD ALIGN="(\w+)"[^>]*>)<FONT COLOR="(#\w+)" POINT-SIZE="(\d+)">(<B>)?([^<]*)(?:</B>)?</FONT></TD>'
)
_LABEL = re.compile(r"^\tgraph \[.*label=<.*", re.M)
_SIZES = re.compile(r'\b(POINT-SIZE|WIDTH|HEIGHT)="(\d+)"')
_PLACED = re.compile(r'<text [^>]*\bx="([-\d.]+)" y="([-\d.]+)"[^>]*font-size="1.00"[^>]*>(\d+)</text>')
_FILLED = re.compile(r'(<polygon fill="#\w+" stroke="(?:none|transparent)")')  # backgrounds, drawn without seams
_ROOT = re.compile(r"<svg ([^>]*)>")


def cell(
    text: str,
    size: int = SIZE,
    *,
    align: str = "CENTER",
    colour: str = TEXT,
    is_bold: bool = False,
    room: float = 0.0,
    attributes: str = "",
) -> str:
    """A cell of an HTML-like table for one line of text; `room` is the least width in points."""
    text = cleaned(text)
    size_of_cell = f'WIDTH="{ceil(max(width_of(text, size, is_bold), room))}" HEIGHT="{ceil(LINE_HEIGHT * size)}"'
    written = f"<B>{markup(text)}</B>" if is_bold else markup(text)
    font = f'<FONT COLOR="{colour}" POINT-SIZE="{size}">{written}</FONT>' if text.strip() else ""
    return f'<TD ALIGN="{align}" {size_of_cell} {attributes}>{font}</TD>'


def width_of(text: str, size: int = SIZE, is_bold: bool = False) -> float:
    """How wide a cell with a line of text is, in points."""
    return width(text, size * (1 + BOLD * is_bold)) + 2 * PADDING


def table(*rows: str, attributes: str = PLAIN) -> str:
    """Rows of cells as an HTML-like label."""
    return f"<TABLE {attributes}>{''.join(f'<TR>{row}</TR>' for row in rows)}</TABLE>"


def label(text: str, size: int = SIZE, colour: str = TEXT) -> str:
    """A text with centred lines, as the label of a node or cluster."""
    lines = [cell(line, size, colour=colour) for line in text.split("\n")]
    return f"<{table(*lines)}>" if text.strip() else '""'


def without_texts(source: str) -> tuple[str, list[re.Match[str]]]:
    """Replace the texts in the cells of DOT source by numbers; return the source and the cells, by these numbers."""
    found: list[re.Match[str]] = []

    def holder(match: re.Match[str]) -> str:
        found.append(match)
        return f'{match[1]}<FONT POINT-SIZE="1">{len(found) - 1}</FONT></TD>'

    return _CELL.sub(holder, source), found


def with_larger_label(source: str, scale: float) -> str:
    """DOT source with caption and legend enlarged by the factor `scale`."""

    def larger(match: re.Match[str]) -> str:
        return f'{match[1]}="{ceil(int(match[2]) * scale)}"'

    return _LABEL.sub(lambda label: _SIZES.sub(larger, label[0]), source, count=1)


def with_texts(svg: str, found: list[re.Match[str]], letters: set[str]) -> str:
    """Put the texts that `without_texts` found into the SVG of its source; their letters are added to `letters`."""

    def written(match: re.Match[str]) -> str:
        _, align, colour, points, bold, content = found[int(match[3])].groups()
        size, content = int(points), content.replace(JOINER, "")
        text = html.unescape(content)
        letters.update(text)
        anchor, shift = ANCHORS[align]
        taken = DIGIT * len(match[3]) * ("start", "middle", "end").index(anchor) / 2
        x, y = float(match[1]) + taken + shift, float(match[2]) + BASELINE * size - 0.3
        length = width(text, size * (1 + BOLD * bool(bold)))
        look = f' fill="{colour}"' if colour != TEXT else ""
        if bold:
            look += f' stroke="{colour}" stroke-width="{BOLD * size:.2f}"'
        if length:  # 0 for combining marks alone
            look += f' textLength="{length:.2f}" lengthAdjust="spacingAndGlyphs"'
        place = f'text-anchor="{anchor}" x="{x:.2f}" y="{y:.2f}" font-size="{size}"'
        return f'<text {place}{look} xml:space="preserve">{content}</text>'

    return _PLACED.sub(written, _FILLED.sub(r'\1 shape-rendering="crispEdges"', svg))


def with_font(svg: str, letters: set[str]) -> str:
    """The SVG with the font embedded for these letters, and styled to be no wider than its container."""
    look = f'style="max-width:100%;height:auto" font-family="{FAMILIES}" text-rendering="geometricPrecision"'
    return _ROOT.sub(rf"<svg \1 {look}><style>{embedded(letters)}</style>", svg, count=1)


def quoted(text: str) -> str:
    r"""`text` as a quoted DOT string that shows exactly this text.

    >>> print(quoted('a "b" & c'))
    "a \"b\" &amp; c"
    """
    if _SPECIAL.search(text):
        text = cleaned(text).translate(_QUOTED)
    return f'"{text}"'


def markup(text: str) -> str:
    """A line of `text` escaped for an HTML-like label.

    >>> markup("a < b")
    'a &lt; b'
    """
    return html.escape(cleaned(text)).translate(_IN_MARKUP) if _SPECIAL.search(text) else text


def cleaned(text: str) -> str:
    """`text` with characters that cannot be shown replaced by others."""
    return text.translate(_CLEAN) if _SPECIAL.search(text) else text
