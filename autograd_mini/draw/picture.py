"""What a picture shows, before it is written in any language: boxes, edges and their scopes.

`from_graph` and `steps` make pictures; `dot` writes them.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """What a box stands for; each has its own shape and shade."""

    INPUT = "input"
    PARAMETER = "parameter"
    CONSTANT = "constant"
    INTERMEDIATE = "intermediate"
    RESULT = "result"
    OPERATION = "operation"
    MODULE = "module"


class Row(NamedTuple):
    """A line within a box: a name and what it is.

    Attributes:
        name: such as `"data"`.
        text: the number as it is shown.
        gradient: the number itself if the row is to be coloured by its magnitude.
        width: room for so many characters at least, so that frames of one animation keep their layout.
    """

    name: str
    text: str
    gradient: float | None = None
    width: int = 0


class Box(NamedTuple):
    """A node of the picture.

    Attributes:
        key: identifies it within the picture; letters and digits.
        kind: what it stands for.
        title: a heading, possibly of several lines; empty for none.
        rows: the lines below.
        tooltip: what shows on hovering.
        scope: names of the modules around it, outermost first; boxes of one scope share a cluster.
        emphasised: stands out, as the step that an animation explains.
    """

    key: str
    kind: Kind
    title: str = ""
    rows: tuple[Row, ...] = ()
    tooltip: str = ""
    scope: tuple[str, ...] = ()
    emphasised: bool = False


class Edge(NamedTuple):
    """An arrow from the box of key `tail` to that of key `head`."""

    tail: str
    head: str
    label: str = ""
    tooltip: str = ""
    emphasised: bool = False


class Picture(NamedTuple):
    """Boxes and edges, each once, in the order in which they are written.

    Attributes:
        boxes, edges: the contents.
        direction: `"LR"` from left to right, `"TB"` from top to bottom.
        largest_gradient: where the colour scale of magnitudes ends; 0 for no scale.
        caption: lines of text below.
        caption_width: room for a caption so wide, in points, so that frames of one animation keep their layout.
        legend: whether to explain shapes and colours below.
    """

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    direction: str = "LR"
    largest_gradient: float = 0.0
    caption: tuple[str, ...] = ()
    caption_width: int = 0
    legend: bool = True
