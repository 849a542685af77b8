"""Drawings of units in columns with straight lines between them, at places that are given rather than found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import NamedTuple

from autograd_mini.draw.colours import ACCENT
from autograd_mini.draw.dot import FONT
from autograd_mini.draw.drawing import Drawing
from autograd_mini.draw.escaping import markup, quoted, width_in_points
from autograd_mini.primitives import brief

POSITIVE, NEGATIVE, ZERO, NOT_FINITE = ACCENT, "#e66100", "#c8c8c8", "#000000"
SIZE = 14
ROW, RADIUS = 0.62, 0.23  # inches
THINNEST, THICKEST = 0.6, 6.0  # points

GRAPH = {"layout": "neato", "splines": "line", "outputorder": "edgesfirst", "pad": "0.2", "fontname": FONT}
NODE = {"fontname": FONT, "fontsize": str(SIZE), "shape": "circle", "fixedsize": "true", "style": "filled"}
NODE |= {"width": str(2 * RADIUS), "height": str(2 * RADIUS), "fillcolor": "#ffffff", "color": "#333333"}
EDGE = {"arrowhead": "none"}

FRAME = f'shape=box style=rounded color="{ACCENT}" penwidth=2'
MARGIN = 0.24


class Place(NamedTuple):
    """Where a unit is, in inches, and how the source calls it."""

    key: str
    x: float
    y: float


Column = dict[int | None, Place]
"""Units by their index; `None` stands for those that are left out."""


def check_limit(max_units: int) -> None:
    """Raise ValueError unless so many units can be shown."""
    if not isinstance(max_units, int) or max_units < 3:
        raise ValueError(f"max_units must be an integer ≥ 3, got {brief(max_units)}")


def shown_indices(count: int, limit: int) -> list[int | None]:
    """Which of so many units to show: all, or the first and the last ones with `None` for those in between.

    >>> shown_indices(100, 5)
    [0, 1, None, 98, 99]
    """
    if count <= limit:
        return list(range(count))
    head = limit // 2
    tail = limit - head - 1
    return [*range(head), None, *range(count - tail, count)]


def column(name: str, x: float, indices: Sequence[int | None]) -> Column:
    """Places one below the other, centred on the height 0."""
    top = (len(indices) - 1) / 2 * ROW
    return {index: Place(f"{name}{place}", x, top - place * ROW) for place, index in enumerate(indices)}


def unit(place: Place, label: str, style: str = "", tooltip: str = "") -> str:
    """A statement for a unit."""
    return f"{place.key} [label={quoted(label)} tooltip={quoted(tooltip or label)} {_at(place)} {style}]\n"


def ellipsis(place: Place) -> str:
    """A statement for units that are left out."""
    return f'{place.key} [label="⋮" tooltip="more units" {_at(place)} shape=plain style="" fontsize=22]\n'


def text(place: Place, lines: Sequence[str], style: str = 'shape=plain style=""') -> str:
    """A statement for text, its first line bold."""
    width = max(width_in_points(line, SIZE) for line in lines)
    written = [f"<B>{markup(lines[0])}</B>", *(markup(line) or "&#160;" for line in lines[1:])]
    rows = "".join(f'<TR><TD WIDTH="{width}">{line}</TD></TR>' for line in written)
    table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{rows}</TABLE>'
    return f"{place.key} [label=<{table}> tooltip={quoted(lines[0])} fixedsize=false {_at(place)} {style}]\n"


def frame(key: str, places: Sequence[Place], tooltip: str) -> str:
    """A statement for a frame around the units of a column."""
    top, bottom = places[0].y, places[-1].y
    size = f"width={2 * RADIUS + MARGIN:.3f} height={top - bottom + 2 * RADIUS + MARGIN:.3f}"
    return unit(Place(key, places[0].x, (top + bottom) / 2), "", f"{FRAME} {size}", tooltip)


def line(tail: Place, head: Place, strength: float, largest: float, tooltip: str = "") -> str:
    """A statement for a line as wide as `strength` is large beside `largest`, coloured by its sign."""
    colour, width = colour_of(strength), THINNEST
    if not isfinite(strength):
        width = THICKEST
    elif largest > 0.0:
        width += (THICKEST - THINNEST) * abs(strength) / largest
    return f'{tail.key} -> {head.key} [penwidth={width:.2f} color="{colour}" tooltip={quoted(tooltip)}]\n'


def arrow(tail: Place, head: Place) -> str:
    """A statement for an arrow that has no strength."""
    return f'{tail.key} -> {head.key} [arrowhead=normal arrowsize=0.7 color="#888888"]\n'


def colour_of(strength: float) -> str:
    """The colour of its sign.

    >>> colour_of(-0.5)
    '#e66100'
    """
    if not isfinite(strength):
        return NOT_FINITE
    return ZERO if strength == 0.0 else POSITIVE if strength > 0.0 else NEGATIVE


def key_of_lines(strengths: Iterable[float], what: str, largest: str) -> str:
    """The legend of the lines, in HTML-like markup."""
    colours = set(map(colour_of, strengths))
    names = {POSITIVE: f"{what} > 0", NEGATIVE: f"{what} < 0", ZERO: f"{what} = 0", NOT_FINITE: f"{what} not finite"}
    sample = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0"><TR><TD {}></TD></TR></TABLE>'
    cells = []
    for colour, name in names.items():
        if colour in colours:
            cells.append(sample.format(f'WIDTH="28" HEIGHT="5" FIXEDSIZE="TRUE" BGCOLOR="{colour}"'))
            cells.append(markup(name))
    cells.append(markup(f"line width: |{what}| up to {largest}"))
    row = "".join(f"<TD>{cell}</TD>" for cell in cells)
    return f'<TABLE BORDER="0" CELLSPACING="4"><TR>{row}</TR></TABLE>'


def drawing(statements: Iterable[str], label: str) -> Drawing:
    """The drawing of statements, with a label in HTML-like markup below."""
    graph = GRAPH | ({"label": f"<{label}>", "labelloc": "b", "fontsize": "13"} if label else {})
    return Drawing(graph_attr=graph, node_attr=NODE, edge_attr=EDGE, body=list(statements))


def _at(place: Place) -> str:
    return f'pos="{place.x:.3f},{place.y:.3f}!"'
