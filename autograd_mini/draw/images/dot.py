"""Writes pictures in Graphviz's DOT language, with a legend of shapes and colours in a table below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from math import inf, isfinite

from autograd_mini.draw.pictures.picture import Box, Edge, Kind, Picture, Row
from autograd_mini.draw.style import colours
from autograd_mini.draw.style.font import NAME
from autograd_mini.draw.style.texts import CAPTION_SIZE, LEGEND_SIZE, SIZE, cell, label, quoted, table, width_of

POLISHED = 100  # boxes; larger pictures are laid out slightly less compactly, in a fraction of the time

GRAPH = {"fontname": NAME, "fontsize": str(LEGEND_SIZE), "nodesep": "0.2", "ranksep": "0.35", "pad": "0.15"}
NODE = {"fontname": NAME, "fontsize": str(SIZE), "shape": "box", "style": "filled", "fillcolor": "#ffffff"}
NODE |= {"color": colours.LINE, "margin": "0.06,0.07"}
EDGE = {"color": "#555555", "arrowsize": "0.7"}

STYLES = {
    Kind.INPUT: f'style="filled,rounded" fillcolor="{colours.FAINT}"',
    Kind.PARAMETER: 'penwidth=3 fillcolor="#d4d4d4"',
    Kind.CONSTANT: 'style="filled,dashed" height=0.35 width=0.35',
    Kind.INTERMEDIATE: "",
    Kind.RESULT: "peripheries=2",
    Kind.MODULE: f'style="filled,rounded" penwidth=2 color="{colours.MODULE}" '
    f'fillcolor="{colours.MODULE_FILL}" margin="0.16,0.1"',
}
SCALE_STEPS = 9  # odd, so that 0 is in the middle if the scale has both signs
SAMPLE = 'CELLBORDER="0" CELLSPACING="0" CELLPADDING="3"'
SAMPLES = {
    Kind.INPUT: f'BORDER="1" {SAMPLE} STYLE="ROUNDED" BGCOLOR="{colours.FAINT}"',
    Kind.PARAMETER: f'BORDER="3" {SAMPLE} BGCOLOR="#d4d4d4"',
    Kind.CONSTANT: f'BORDER="1" {SAMPLE} STYLE="DASHED"',
    Kind.INTERMEDIATE: f'BORDER="1" {SAMPLE}',
    Kind.RESULT: 'BORDER="1" CELLBORDER="1" CELLSPACING="3" CELLPADDING="3"',
    Kind.MODULE: f'BORDER="2" {SAMPLE} STYLE="ROUNDED" COLOR="{colours.MODULE}" BGCOLOR="{colours.MODULE_FILL}"',
    Kind.OPERATION: f'BORDER="1" {SAMPLE} STYLE="ROUNDED" BGCOLOR="#444444"',
}
# "ordering=in" keeps operands in their order: x - y has x first.
DISC = "ordering=in shape=circle width=0.45 fixedsize=true"
PILL = 'ordering=in style="filled,rounded" height=0.35'
CLUSTER = 'labeljust=l labelloc=t style=rounded color="#999999"'
PLAIN_NODE = 'shape=plain style=""'


def body(picture: Picture) -> Iterator[str]:
    """The statements of the picture's DOT source, line by line."""
    scopes = {box.key: box.scope for box in picture.boxes} if any(box.scope for box in picture.boxes) else {}
    members = [(box.scope, _node(box, picture.largest_gradient)) for box in picture.boxes]
    lines = []
    for number, edge in enumerate(picture.edges):
        statement, arrows = _edge(edge, number)
        both = zip(scopes.get(edge.tail, ()), scopes.get(edge.head, ()))
        scope = tuple(name for name, _ in takewhile(lambda pair: pair[0] == pair[1], both))
        if scope:
            members.append((scope, statement))
        else:
            lines.append(statement)
        lines.append(arrows)
    yield from _scoped(members, 0)
    yield from filter(None, lines)


def graph_attributes(picture: Picture) -> dict[str, str]:
    """The attributes of the whole graph, with the caption and the legend as its label."""
    attributes = {**GRAPH, "rankdir": picture.direction}
    if len(picture.boxes) > POLISHED:
        attributes["nslimit"] = "1"
    below = _caption_and_legend(picture)
    return {**attributes, "label": f"<{below}>", "labelloc": "b"} if below else attributes


def _scoped(members: Iterable[tuple[tuple[str, ...], str]], depth: int, path: str = "cluster") -> Iterator[str]:
    """The statements of the scope at this depth, followed by a cluster for each scope inside it."""
    inner: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for scope, statement in members:
        if len(scope) > depth:
            inner.setdefault(scope[depth], []).append((scope, statement))
        else:
            yield statement
    for number, (name, statements) in enumerate(inner.items()):
        own_path = f"{path}_{number}"
        yield f"subgraph {own_path} {{\nlabel={label(name, LEGEND_SIZE)} {CLUSTER}\n"
        yield from _scoped(statements, depth + 1, own_path)
        yield "}\n"


def _node(box: Box, largest: float) -> str:
    if box.kind is Kind.OPERATION:
        is_disc = len(box.title) <= 2
        style = DISC if is_disc else PILL
        style += f' penwidth=3 fillcolor="{colours.STEP_FILL}"' if box.emphasised else ' fillcolor="#444444"'
        written = label(box.title, 18 if is_disc else 16, colours.TEXT if box.emphasised else "#ffffff")
    else:
        style = STYLES[box.kind] + (' color="#000000" penwidth=4' if box.emphasised else "")
        titles = box.title.split("\n") if box.title else []
        rows = [cell(title, is_bold=bool(box.rows), attributes='COLSPAN="2"') for title in titles]
        written = f"<{table(*rows, *(_row(row, largest) for row in box.rows))}>"
    return f"{box.key} [label={written} tooltip={quoted(box.tooltip)} {style}]\n"


def _row(row: Row, largest: float) -> str:
    fill, colour = "", colours.TEXT
    if row.gradient is not None:
        background, colour = colours.heat(row.gradient, largest)
        fill = f'BGCOLOR="{background}"'
    return cell(row.name, align="LEFT", colour=colour, attributes=fill) + cell(
        row.text, align="RIGHT", colour=colour, room=width_of("0" * row.width), attributes=fill
    )


def _edge(edge: Edge, number: int) -> tuple[str, str]:
    """The statements for an edge's label and for its arrows. The label is a node of its own in the middle of the arrow,
    so that it is clear which arrow it belongs to."""
    attributes = f"tooltip={quoted(edge.tooltip)}"
    if edge.emphasised:
        attributes += ' color="#000000" penwidth=3'
    if not edge.label:
        return "", f"{edge.tail} -> {edge.head} [{attributes}]\n"
    middle, colour = f"e{number}", colours.ZERO if edge.derivative is None else colours.colour_of(edge.derivative)
    return (
        f"{middle} [label={label(edge.label, colour=colour)} tooltip={quoted(edge.tooltip)} {PLAIN_NODE}]\n",
        f"{edge.tail} -> {middle} [{attributes} arrowhead=none]\n{middle} -> {edge.head} [{attributes}]\n",
    )


def _caption_and_legend(picture: Picture) -> str:
    """The caption and the legend as a table in HTML-like markup; empty if the picture has neither."""
    lines = [cell(line, CAPTION_SIZE, align="LEFT", room=picture.caption_width) for line in picture.caption]
    rows = [table(*lines)] if lines else []
    if picture.legend:
        rows += [side_by_side(_samples(picture)), side_by_side(_scale(picture))]
    cells = [f"<TD>{row}</TD>" for row in rows if row]
    return table(*cells, attributes='BORDER="0" CELLBORDER="0" CELLSPACING="4"') if cells else ""


def side_by_side(parts: list[str]) -> str:
    """Cells and tables in one row, kept together in the middle where there is room to spare."""
    sides = ["RIGHT"] + ["LEFT"] * len(parts)
    cells = [part if part.startswith("<TD") else f'<TD ALIGN="{side}">{part}</TD>' for side, part in zip(sides, parts)]
    return table("".join(cells), attributes='BORDER="0" CELLBORDER="0" CELLSPACING="3"') if parts else ""


def _samples(picture: Picture) -> list[str]:
    """The legend's samples: a small box for every kind in the picture, and the colours of local derivatives."""
    present = {box.kind for box in picture.boxes}
    samples = [
        table(
            cell(kind.value, LEGEND_SIZE, colour="#ffffff" if kind is Kind.OPERATION else colours.TEXT),
            attributes=style,
        )
        for kind, style in SAMPLES.items()
        if kind in present
    ]
    derivatives = [edge.derivative for edge in picture.edges if edge.derivative is not None]
    for sign, colour in (("> 0", colours.POSITIVE), ("< 0", colours.NEGATIVE)):
        if any(colours.colour_of(derivative) == colour for derivative in derivatives):
            samples.append(cell(f"local derivative {sign}", LEGEND_SIZE, colour=colour))
    return samples


def _scale(picture: Picture) -> list[str]:
    """The legend's colour scale of gradients up to the largest, and the colour of those that are not finite."""
    gradients = [row.gradient for box in picture.boxes for row in box.rows if row.gradient is not None]
    largest, cells = picture.largest_gradient, []
    if largest > 0.0:
        low = -largest if min(gradients, default=0.0) < 0.0 else 0.0
        shades = (
            colours.heat(low + step * (largest - low) / (SCALE_STEPS - 1), largest)[0] for step in range(SCALE_STEPS)
        )
        bar = "".join(f'<TD WIDTH="16" HEIGHT="12" BGCOLOR="{shade}"></TD>' for shade in shades)
        begin = cell(f"grad {low:.3g}", LEGEND_SIZE, align="RIGHT")
        end = cell(f"{largest:.3g}", LEGEND_SIZE, align="LEFT")
        cells = [begin, table(bar, attributes='CELLBORDER="0" CELLSPACING="0"'), end]
    if not all(map(isfinite, gradients)):
        fill, colour = colours.heat(inf, 1.0)
        cells.append(cell("inf or nan", LEGEND_SIZE, colour=colour, attributes=f'BGCOLOR="{fill}"'))
    return cells
