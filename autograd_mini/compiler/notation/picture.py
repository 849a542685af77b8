"""The vector formulation of a program as a picture: a box for every name in it."""

from __future__ import annotations

from autograd_mini.compiler.notation.reading import Line, Reading
from autograd_mini.compiler.program import Program
from autograd_mini.draw.arguments import DIRECTIONS
from autograd_mini.draw.drawing import Drawing
from autograd_mini.draw.formulas import cut
from autograd_mini.draw.from_graph import GraphTooLargeError
from autograd_mini.draw.picture import Box, Edge, Kind, Picture, Row
from autograd_mini.primitives import brief

MOST_BOXES = 200
FORMULA, TOOLTIP = 48, 200
FORWARD, BACKWARD = ("forward",), ("backward",)
CAPTION = (
    "Blue: matrix products. Double border: other results.",
    "Grey: what comes from outside, parameters with a thick border, arguments with round corners.",
)


def draw_program(program: Program, *, direction: str = "TB", max_boxes: int = MOST_BOXES) -> Drawing:
    """The lines of `print(program)` as boxes, with arrows from what each is made of; forward and backward apart.

    Args:
        program: such as `f.program` of a compiled function f.
        direction: `"TB"` from top to bottom, `"LR"` from left to right.
        max_boxes: how many boxes the picture may have.

    Raises:
        ValueError: an option has no such setting.
        GraphTooLargeError: a ValueError; the picture would have more than `max_boxes` boxes.

    >>> from autograd_mini import compile, dot, relu
    >>> f = compile(lambda W, x: [relu(dot(row, x)) for row in W])
    >>> y = f([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    >>> "relu(z₁)" in draw_program(f.program).source
    True
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be 'LR' (left to right) or 'TB' (top to bottom), got {brief(direction)}")
    if not isinstance(max_boxes, int) or max_boxes < 1:
        raise ValueError(f"max_boxes must be an integer ≥ 1, got {brief(max_boxes)}")
    reading = Reading(program)
    lines: dict[str, list[Line]] = {}
    for line in reading.lines:
        lines.setdefault(", ".join(line.names), []).append(line)
    used = {name for line in reading.lines for name in line.uses}
    leaves = [leaf for leaf in reading.names.leaves() if leaf[0] in used]
    if len(lines) + len(leaves) > max_boxes:
        raise GraphTooLargeError(
            f"the program has {len(lines) + len(leaves)} vectors, too many to read as a picture of at most "
            f"{max_boxes}; print it, which shows its beginning, or raise max_boxes"
        )
    keys = {name: f"p{number}" for number, name in enumerate(name for name, _ in leaves)}
    boxes = []
    for name, lanes in leaves:
        kind = Kind.PARAMETER if reading.names.is_parameter(lanes.pack) else Kind.INPUT
        boxes.append(Box(keys[name], kind, name, (Row(reading.names.shape(lanes), ""),)))
    for number, parts in enumerate(lines.values()):
        keys.update(dict.fromkeys(parts[0].names, f"v{number}"))
    edges = []
    for number, (title, parts) in enumerate(lines.items()):
        boxes.append(_box(f"v{number}", title, parts, is_used=not used.isdisjoint(parts[0].names)))
        tails = dict.fromkeys(keys[name] for part in parts for name in part.uses)
        edges += [Edge(tail, f"v{number}") for tail in tails]
    return Drawing.of(Picture(tuple(boxes), tuple(edges), direction, caption=CAPTION, legend=False))


def _box(key: str, title: str, lines: list[Line], is_used: bool) -> Box:
    rows = tuple(Row(cut(_formula(line, title), FORMULA) + "  ", line.shape) for line in lines)
    kind = Kind.MODULE if any(line.is_product for line in lines) else Kind.INTERMEDIATE if is_used else Kind.RESULT
    tooltip = cut("; ".join(f"{line.target} {line.sign} {line.formula}" for line in lines), TOOLTIP)
    return Box(key, kind, title, rows, tooltip, BACKWARD if lines[0].is_backward else FORWARD)


def _formula(line: Line, title: str) -> str:
    return f"{line.target.removeprefix(title)} {line.sign} {line.formula}".strip()
