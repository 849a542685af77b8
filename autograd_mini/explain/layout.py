"""Where boxes and arrows of a page's picture lie: Graphviz places boxes of known sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autograd_mini.draw.images.rendering import render
from autograd_mini.draw.pictures.picture import Kind

LETTER, PADDING, LINE = 7.4, 20.0, 18.0  # of the page's font, in pixels
LABEL = {"width": 50.0, "height": 18.0}  # pixels for a local derivative in the middle of its arrow
POINTS = 72.0  # to an inch
GRAPH = 'nodesep=0.22 ranksep=0.3 node [shape=box fixedsize=true label=""] edge [dir=none]'


def layout(boxes: Sequence[Mapping[str, Any]], arrows: Sequence[Mapping[str, Any]], direction: str) -> dict[str, Any]:
    """Width and height of the picture, the centre of every box, and of every arrow its paths, one on either side of
    its label, and the label's centre; errors are those of drawing.

    Args:
        boxes: each with its `kind`, and `width` and `height` in pixels.
        arrows: each with the places of the boxes at its `tail` and `head`, and with a label if its `slot`, the number
            of an operand, is 0 or more. They arrive at operations in their order.
        direction: "LR" from left to right, "TB" from top to bottom.

    >>> box = {"kind": "input", "width": 100.0, "height": 40.0}
    >>> placed = layout([box, box], [{"tail": 0, "head": 1, "slot": -1}], "LR")
    >>> (x, _), (next_x, _) = placed["boxes"]
    >>> next_x - x > 100.0, [len(arrow["paths"]) for arrow in placed["arrows"]]
    (True, [1])
    """
    lines = [f"digraph {{ rankdir={direction} {GRAPH}"]
    lines += [f"b{place} [{_size(box)}{_order(box)}]" for place, box in enumerate(boxes)]
    pieces = [_pieces(place, arrow) for place, arrow in enumerate(arrows)]
    for place, each in enumerate(pieces):
        if len(each) > 1:
            lines.append(f"e{place} [{_size(LABEL)}]")
        lines += [f"{tail} -> {head}" for tail, head in each]
    answer = render("\n".join([*lines, "}"]), "plain").decode()
    width, height, centres, paths = 0.0, 0.0, dict[str, list[float]](), dict[tuple[str, str], str]()
    for words in map(str.split, answer.splitlines()):
        if words[0] == "graph":
            width, height = float(words[2]), float(words[3])
        elif words[0] == "node":
            centres[words[1]] = _pixels(words[2:4], height)
        elif words[0] == "edge":
            n_numbers = 2 * int(words[3])
            paths[words[1], words[2]] = _path(_pixels(words[4 : 4 + n_numbers], height))
    return {
        "width": POINTS * width,
        "height": POINTS * height,
        "boxes": [centres[f"b{place}"] for place in range(len(boxes))],
        "arrows": [
            {"paths": [paths[ends] for ends in each], "label": centres.get(f"e{place}")}
            for place, each in enumerate(pieces)
        ],
    }


def _pieces(place: int, arrow: Mapping[str, Any]) -> list[tuple[str, str]]:
    tail, head, middle = f"b{arrow['tail']}", f"b{arrow['head']}", f"e{place}"
    return [(tail, head)] if arrow["slot"] < 0 else [(tail, middle), (middle, head)]


def _size(box: Mapping[str, Any]) -> str:
    return f"width={box['width'] / POINTS:.4f} height={box['height'] / POINTS:.4f}"


def _order(box: Mapping[str, Any]) -> str:
    return " ordering=in" if box["kind"] == Kind.OPERATION.value else ""


def _pixels(inches: Sequence[str], height: float) -> list[float]:
    """Points, x and y in turn, with y downward."""
    xs, ys = inches[::2], inches[1::2]
    return [round(POINTS * z, 1) for x, y in zip(xs, ys) for z in (float(x), height - float(y))]


def _path(points: Sequence[float]) -> str:
    """A path of Bézier curves."""
    first, *others = [f"{x:g},{y:g}" for x, y in zip(points[::2], points[1::2])]
    return f"M{first}C{' '.join(others)}"
