"""The vector formulation of a program as a picture: a box for every name in it."""

from __future__ import annotations

from autograd_mini.compiler.ir.program import Program
from autograd_mini.compiler.notation.reading import Line, Reading
from autograd_mini.draw.arguments import check_options
from autograd_mini.draw.drawing import Drawing
from autograd_mini.draw.pictures.from_graph import GraphTooLargeError
from autograd_mini.draw.pictures.picture import Box, Edge, Kind, Picture, Row
from autograd_mini.mathematics import cut

FORMULA, TOOLTIP = 48, 200  # letters
CAPTION = (
    "Green: matrix products. Double border: other results.",
    "Grey: what comes from outside, parameters with a thick border, arguments with round corners.",
)


def draw_program(program: Program, direction: str, max_boxes: int) -> Drawing:
    """The lines of `print(program)` as boxes, with arrows from the names that each uses; see `Program.draw`."""
    check_options(direction, max_boxes=max_boxes)
    reading, groups = Reading(program), dict[str, list[Line]]()
    for line in reading.lines:
        groups.setdefault(", ".join(line.names), []).append(line)
    used = {name for line in reading.lines for name in line.uses}
    leaves = [leaf for leaf in reading.names.leaves() if leaf[0] in used]
    if len(groups) + len(leaves) > max_boxes:
        raise GraphTooLargeError(
            f"the program has {len(groups) + len(leaves)} vectors, too many to read as a picture of at most "
            f"{max_boxes}; print it, which shows its beginning, or raise max_boxes"
        )
    keys, boxes, edges = {}, [], []
    for number, (name, lanes) in enumerate(leaves):
        keys[name] = f"p{number}"
        kind = Kind.PARAMETER if lanes.pack.role == "parameter" else Kind.INPUT
        boxes.append(Box(keys[name], kind, name, (Row(reading.names.shape(lanes), ""),)))
    for number, (title, lines) in enumerate(groups.items()):
        keys |= dict.fromkeys(lines[0].names, f"v{number}")
        boxes.append(_box(f"v{number}", title, lines, is_used=not used.isdisjoint(lines[0].names)))
    for number, lines in enumerate(groups.values()):
        tails = dict.fromkeys(keys[name] for line in lines for name in line.uses)
        edges += [Edge(tail, f"v{number}") for tail in tails]
    return Drawing.of(Picture(tuple(boxes), tuple(edges), direction, caption=CAPTION, legend=False))


def _box(key: str, title: str, lines: list[Line], is_used: bool) -> Box:
    texts = [f"{line.target} {line.sign} {line.formula}" for line in lines]
    rows = [Row(cut(text.removeprefix(title).strip(), FORMULA), line.shape) for text, line in zip(texts, lines)]
    kind = Kind.MODULE if any(line.is_product for line in lines) else Kind.INTERMEDIATE if is_used else Kind.RESULT
    scope = "backward" if lines[0].is_backward else "forward"
    return Box(key, kind, title, tuple(rows), cut("; ".join(texts), TOOLTIP), (scope,))
