"""What a picture shows, before it is written in any language: boxes, edges and their scopes.

`from_graph` and `frames` make pictures; `images` writes them.
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
    """A line within a box: a name such as `"data"`, and what it is."""

    name: str
    text: str
    gradient: float | None = None  # the number itself if the row is to be coloured by its sign and magnitude
    width: int = 0  # room for so many characters at least, so that frames of one animation keep their layout


class Box(NamedTuple):
    """A node of the picture; its heading may have several lines."""

    key: str  # letters and digits, that no other box has
    kind: Kind
    title: str = ""
    rows: tuple[Row, ...] = ()
    tooltip: str = ""  # what shows on hovering
    scope: tuple[str, ...] = ()  # names of the modules around it, outermost first; boxes of one share a cluster
    emphasised: bool = False  # stands out, as the step that an animation explains


class Edge(NamedTuple):
    """An arrow from the box of key `tail` to that of key `head`."""

    tail: str
    head: str
    label: str = ""
    tooltip: str = ""
    derivative: float | None = None  # the number of the label, if it is one, whose sign gives its colour
    emphasised: bool = False


class Picture(NamedTuple):
    """Boxes and edges, each once, in the order in which they are written."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    direction: str = "LR"  # from left to right, or "TB" from top to bottom
    largest_gradient: float = 0.0  # where the colour scale ends; 0 for no scale
    caption: tuple[str, ...] = ()  # lines of text below
    caption_width: float = 0.0  # room for one so wide, in points, so that frames of one animation keep their layout
    legend: bool = True  # whether to explain shapes and colours below
