"""Drawings of units in columns with straight lines between them, at fixed places instead of an automatic layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import NamedTuple

from autograd_mini.draw.drawing import Drawing
from autograd_mini.draw.images.dot import side_by_side
from autograd_mini.draw.style.colours import LINE, MODULE, NEGATIVE, NOT_FINITE, POSITIVE, ZERO, colour_of
from autograd_mini.draw.style.font import NAME
from autograd_mini.draw.style.texts import LEGEND_SIZE, SIZE, cell, label, quoted, table
from autograd_mini.primitives import brief

# Sizes are chosen by eye: at 1,024 pixels nothing overlaps, and the weights of a layer can be told apart.
ROW, RADIUS = 0.66, 0.25  # inches
THINNEST, THICKEST = 0.6, 6.0  # points

GRAPH = {"layout": "neato", "splines": "line", "outputorder": "edgesfirst", "pad": "0.2", "fontname": NAME}
NODE = {"fontname": NAME, "fontsize": str(SIZE), "shape": "circle", "fixedsize": "true", "style": "filled"}
NODE |= {"width": str(2 * RADIUS), "height": str(2 * RADIUS), "fillcolor": "#ffffff", "color": LINE}
EDGE = {"arrowhead": "none"}

FRAME = f'shape=box style=rounded color="{MODULE}" penwidth=2'
MARGIN = 0.24  # inches
DERIVATIVE = 'shape=plain fixedsize=false fillcolor="#ffffff" margin="0.03,0.01"'
FIXED = 'FIXEDSIZE="TRUE" HEIGHT="5"'


class Place(NamedTuple):
    """The place of a unit, in inches, and its name in the DOT source."""

    key: str
    x: float
    y: float


Column = dict[int | None, Place]
"""Units by their index; `None` stands for those that are left out."""


def check_limit(max_units: int) -> None:
    """Raise ValueError unless the limit is an integer ≥ 3."""
    if not isinstance(max_units, int) or max_units < 3:
        raise ValueError(f"max_units must be an integer ≥ 3, got {brief(max_units)}")


def shown_indices(count: int, limit: int) -> list[int | None]:
    """The indices of the units to show: all, or the first and the last ones with `None` for those left out.

    >>> shown_indices(100, 5)
    [0, 1, None, 98, 99]
    """
    if count <= limit:
        return list(range(count))
    head = limit // 2
    tail = limit - head - 1
    return [*range(head), None, *range(count - tail, count)]


def column(name: str, x: float, indices: Sequence[int | None], row: float = ROW) -> Column:
    """Places below each other at distance `row`, centred on height 0."""
    top = (len(indices) - 1) / 2 * row
    return {index: Place(f"{name}{place}", x, top - place * row) for place, index in enumerate(indices)}


def unit(place: Place, text: str, style: str = "", tooltip: str = "") -> str:
    """A statement for a unit."""
    return f"{place.key} [label={label(text)} tooltip={quoted(tooltip or text)} {_at(place)} {style}]\n"


def ellipsis(place: Place) -> str:
    """A statement for units that are left out."""
    return f'{place.key} [label={label("⋮", 22)} tooltip="more units" {_at(place)} shape=plain style=""]\n'


def text(place: Place, lines: Sequence[str], style: str = 'shape=plain style=""') -> str:
    """A statement for text, its first line bold."""
    written = table(cell(lines[0], is_bold=True), *(cell(line) for line in lines[1:]))
    return f"{place.key} [label=<{written}> tooltip={quoted(lines[0])} fixedsize=false {_at(place)} {style}]\n"


def frame(key: str, places: Sequence[Place], tooltip: str) -> str:
    """A statement for a frame around the units of a column."""
    top, bottom = places[0].y, places[-1].y
    size = f"width={2 * RADIUS + MARGIN:.3f} height={top - bottom + 2 * RADIUS + MARGIN:.3f}"
    return unit(Place(key, places[0].x, (top + bottom) / 2), "", f"{FRAME} {size}", tooltip)


def line(tail: Place, head: Place, strength: float, largest: float, tooltip: str = "") -> str:
    """A statement for a line whose width shows `strength` relative to `largest`; colour and dashes show its sign."""
    width = THINNEST
    if not isfinite(strength):
        width = THICKEST
    elif largest > 0.0:
        width += (THICKEST - THINNEST) * abs(strength) / largest
    look = f'penwidth={width:.2f} color="{colour_of(strength)}"' + (" style=dashed" if strength < 0.0 else "")
    return f"{tail.key} -> {head.key} [{look} tooltip={quoted(tooltip)}]\n"


def arrow(tail: Place, head: Place) -> str:
    """A statement for a plain arrow, which has no strength."""
    return f'{tail.key} -> {head.key} [arrowhead=normal arrowsize=0.7 color="#888888"]\n'


def key_of_lines(strengths: Iterable[float], what: str, largest: str) -> str:
    """The legend of the lines, in HTML-like markup."""
    colours = set(map(colour_of, strengths))
    names = {POSITIVE: f"{what} > 0", NEGATIVE: f"{what} < 0", ZERO: f"{what} = 0", NOT_FINITE: f"{what} not finite"}
    cells = []
    for colour, name in names.items():
        if colour in colours:
            widths = (7, 4, 7, 4, 7) if colour == NEGATIVE else (29,)
            shades = (colour if index % 2 == 0 else "#ffffff" for index in range(len(widths)))
            line = "".join(f'<TD {FIXED} WIDTH="{w}" BGCOLOR="{shade}"></TD>' for w, shade in zip(widths, shades))
            cells += [table(line), cell(name, LEGEND_SIZE, align="LEFT")]
    return side_by_side([*cells, cell(f"width: |{what}| up to {largest}", LEGEND_SIZE)])


def drawing(statements: Iterable[str], below: str) -> Drawing:
    """A drawing from statements, with a label in HTML-like markup below unless it is empty."""
    graph = GRAPH | ({"label": f"<{below}>", "labelloc": "b"} if below else {})
    return Drawing(graph_attr=graph, node_attr=NODE, edge_attr=EDGE, body=list(statements))


def _at(place: Place) -> str:
    return f'pos="{place.x:.3f},{place.y:.3f}!"'
