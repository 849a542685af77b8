"""Pictures as plain data, independent of any graphics language: boxes, edges and their scopes.

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
    """A line within a box: a name such as `"data"`, and the text that belongs to it."""

    name: str
    text: str
    gradient: float | None = None  # the number, if the row is to be coloured by its sign and magnitude
    width: int = 0  # the least room in characters, so that all frames of an animation have the same layout


class Box(NamedTuple):
    """A node of the picture; its heading may have several lines."""

    key: str  # unique letters and digits
    kind: Kind
    title: str = ""
    rows: tuple[Row, ...] = ()
    tooltip: str = ""  # what shows on hovering
    scope: tuple[str, ...] = ()  # titles of the modules around it, outermost first; each module is drawn as a cluster
    emphasised: bool = False  # whether it stands out, as part of the step that an animation explains


class Edge(NamedTuple):
    """An arrow from the box with the key `tail` to the box with the key `head`."""

    tail: str
    head: str
    label: str = ""
    tooltip: str = ""
    derivative: float | None = None  # the derivative that the label shows, if any; its sign decides the colour
    emphasised: bool = False


class Picture(NamedTuple):
    """Boxes and edges, each once, in the order in which they are written."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    direction: str = "LR"  # from left to right, or "TB" from top to bottom
    largest_gradient: float = 0.0  # where the colour scale ends; 0 for no scale
    caption: tuple[str, ...] = ()  # lines of text below
    caption_width: float = 0.0  # the least room in points, so that all frames of an animation have the same layout
    legend: bool = True  # whether to explain shapes and colours below
