"""Pictures in the DOT language of Graphviz, with what their shapes and colours mean in a table below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from math import isfinite

from autograd_mini.draw.colours import ACCENT, MODULE, NOT_FINITE, heat
from autograd_mini.draw.escaping import markup, quoted, width_in_points
from autograd_mini.draw.picture import Box, Edge, Kind, Picture, Row

POLISHED = 100  # boxes; the layout of more is only nearly as compact as can be, in a fraction of the time
FONT = "Helvetica"  # the one whose widths every renderer knows
SIZE, CAPTION_SIZE, LEGEND_SIZE = 14, 16, 13

GRAPH = {"fontname": FONT, "fontsize": str(LEGEND_SIZE), "nodesep": "0.2", "ranksep": "0.35", "pad": "0.15"}
NODE = {"fontname": FONT, "fontsize": str(SIZE), "shape": "box", "style": "filled", "fillcolor": "#ffffff"}
NODE |= {"color": "#333333", "margin": "0.1,0.06"}
EDGE = {"color": "#555555", "arrowsize": "0.7"}

STYLES = {
    Kind.INPUT: 'style="filled,rounded" fillcolor="#ececec"',
    Kind.PARAMETER: 'penwidth=3 fillcolor="#d4d4d4"',
    Kind.CONSTANT: 'style="filled,dashed" height=0.35 width=0.35',
    Kind.INTERMEDIATE: "",
    Kind.RESULT: "peripheries=2",
    Kind.MODULE: f'style="filled,rounded" penwidth=2 color="{ACCENT}" fillcolor="{MODULE}" margin="0.16,0.1"',
}
SCALE_STEPS = 9
SAMPLES = {
    Kind.INPUT: 'BORDER="1" CELLBORDER="0" CELLSPACING="0" STYLE="ROUNDED" BGCOLOR="#ececec"',
    Kind.PARAMETER: 'BORDER="3" CELLBORDER="0" CELLSPACING="0" BGCOLOR="#d4d4d4"',
    Kind.CONSTANT: 'BORDER="1" CELLBORDER="0" CELLSPACING="0" STYLE="DASHED"',
    Kind.INTERMEDIATE: 'BORDER="1" CELLBORDER="0" CELLSPACING="0"',
    Kind.RESULT: 'BORDER="1" CELLBORDER="1" CELLSPACING="3"',
    Kind.MODULE: f'BORDER="2" CELLBORDER="0" CELLSPACING="0" STYLE="ROUNDED" COLOR="{ACCENT}" BGCOLOR="{MODULE}"',
    Kind.OPERATION: 'BORDER="1" CELLBORDER="0" CELLSPACING="0" STYLE="ROUNDED" BGCOLOR="#444444"',
}
# Operands arrive in their order: x - y has x first.
OPERATION = 'ordering=in fillcolor="#444444" fontcolor="#ffffff"'
DISC = f"{OPERATION} shape=circle fontsize=20 width=0.45 fixedsize=true"
PILL = f'{OPERATION} style="filled,rounded" fontsize=16 height=0.35'
CLUSTER = 'labeljust=l labelloc=t style=rounded color="#999999"'
LABEL = f'shape=plain style="" fontsize=13 fontcolor="{ACCENT}"'


def body(picture: Picture) -> Iterator[str]:
    """The statements of the picture's DOT source, line by line."""
    scopes = {box.key: box.scope for box in picture.boxes} if any(box.scope for box in picture.boxes) else {}
    members = [(box.scope, _node(box, picture.largest_gradient)) for box in picture.boxes]
    lines = []
    for number, edge in enumerate(picture.edges):
        label, arrows = _edge(edge, number)
        scope = _common(scopes.get(edge.tail, ()), scopes.get(edge.head, ()))
        if scope:
            members.append((scope, label))
        else:
            lines.append(label)
        lines.append(arrows)
    yield from _scoped(members, 0)
    yield from filter(None, lines)


def graph_attributes(picture: Picture) -> dict[str, str]:
    """The attributes of the whole graph, with the caption and the legend as its label."""
    attributes = {**GRAPH, "rankdir": picture.direction}
    if len(picture.boxes) > POLISHED:
        attributes["nslimit"] = "1"
    label = _caption_and_legend(picture)
    return {**attributes, "label": f"<{label}>", "labelloc": "b"} if label else attributes


def _common(scope: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """The modules around both."""
    return tuple(name for name, _ in takewhile(lambda pair: pair[0] == pair[1], zip(scope, other)))


def _scoped(members: Iterable[tuple[tuple[str, ...], str]], depth: int, path: str = "cluster") -> Iterator[str]:
    """Statements of no deeper scope, then a cluster for each scope within."""
    inner: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for scope, statement in members:
        if len(scope) > depth:
            inner.setdefault(scope[depth], []).append((scope, statement))
        else:
            yield statement
    for number, (name, statements) in enumerate(inner.items()):
        own_path = f"{path}_{number}"
        yield f"subgraph {own_path} {{\nlabel={quoted(name)} {CLUSTER}\n"
        yield from _scoped(statements, depth + 1, own_path)
        yield "}\n"


def _node(box: Box, largest: float) -> str:
    if box.kind is Kind.OPERATION:
        style = DISC if len(box.title) <= 2 else PILL
        if box.emphasised:
            style += f' fillcolor="{ACCENT}"'
        label = quoted(box.title)
    else:
        style = STYLES[box.kind] + (f' color="{ACCENT}"' if box.emphasised else "")
        label = f"<{_table(box, largest)}>" if box.rows or not box.title.isascii() else quoted(box.title)
    return f"{box.key} [label={label} tooltip={quoted(box.tooltip)} {style}]\n"


def _table(box: Box, largest: float) -> str:
    title = ""
    if box.title:
        width = "" if box.title.isascii() else f' WIDTH="{width_in_points(box.title, SIZE)}"'
        title = f'<TR><TD COLSPAN="2"{width}><B>{markup(box.title)}</B></TD></TR>'
    rows = "".join([_row(row, largest) for row in box.rows])
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{title}{rows}</TABLE>'


def _row(row: Row, largest: float) -> str:
    name, text = markup(row.name) + " ", markup(row.text)
    width = f' WIDTH="{width_in_points("0" * row.width, SIZE)}"' if row.width else ""
    background = ""
    if row.gradient is not None:
        fill, colour = heat(row.gradient, largest)
        background = f' BGCOLOR="{fill}"'
        if colour != "#000000":
            name, text = f'<FONT COLOR="{colour}">{name}</FONT>', f'<FONT COLOR="{colour}">{text}</FONT>'
    return f'<TR><TD ALIGN="LEFT"{background}>{name}</TD><TD ALIGN="RIGHT"{width}{background}>{text}</TD></TR>'


def _edge(edge: Edge, number: int) -> tuple[str, str]:
    """The label and the arrows; the label sits in the arrow's middle, as a node of its own, so that it is plain
    whose label it is."""
    attributes = f"tooltip={quoted(edge.tooltip)}"
    if edge.emphasised:
        attributes += f' color="{ACCENT}" penwidth=3'
    if not edge.label:
        return "", f"{edge.tail} -> {edge.head} [{attributes}]\n"
    middle = f"e{number}"
    return (
        f"{middle} [label={quoted(edge.label)} tooltip={quoted(edge.tooltip)} {LABEL}]\n",
        f"{edge.tail} -> {middle} [{attributes} arrowhead=none]\n{middle} -> {edge.head} [{attributes}]\n",
    )


def _caption_and_legend(picture: Picture) -> str:
    """The table in HTML-like markup; empty if there is nothing to tell."""
    rows = [_caption(picture.caption, picture.caption_width)] if picture.caption else []
    if picture.legend:
        rows += [_side_by_side(_samples(picture)), _side_by_side(_scale(picture))]
    if not any(rows):
        return ""
    lines = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows if row)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="4">{lines}</TABLE>'


def _caption(lines: tuple[str, ...], width: int) -> str:
    def text(line: str) -> str:
        return f'<FONT POINT-SIZE="{CAPTION_SIZE}">{markup(line) or "&#160;"}</FONT>'

    width = max(width, *(width_in_points(line, CAPTION_SIZE) for line in lines))
    cells = "".join(f'<TR><TD ALIGN="LEFT" WIDTH="{width}">{text(line)}</TD></TR>' for line in lines)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0">{cells}</TABLE>'


def _side_by_side(cells: list[str]) -> str:
    sides = ["RIGHT"] + ["LEFT"] * len(cells)  # where there is room to spare, together rather than spread
    row = "".join(f'<TD ALIGN="{side}">{cell}</TD>' for side, cell in zip(sides, cells))
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3"><TR>{row}</TR></TABLE>' if cells else ""


def _samples(picture: Picture) -> list[str]:
    """A small box of every kind in the picture."""
    present = {box.kind for box in picture.boxes}
    samples = []
    for kind, style in SAMPLES.items():
        if kind in present:
            text = f'<FONT COLOR="#ffffff">{kind.value}</FONT>' if kind is Kind.OPERATION else kind.value
            samples.append(f'<TABLE CELLPADDING="3" {style}><TR><TD>{text}</TD></TR></TABLE>')
    if Kind.OPERATION in present:
        samples.append(f'<FONT COLOR="{ACCENT}">local derivative</FONT>')
    return samples


def _scale(picture: Picture) -> list[str]:
    """The colours of gradients from 0 to the largest, and of those that are not finite."""
    gradients = [row.gradient for box in picture.boxes for row in box.rows if row.gradient is not None]
    largest, cells = picture.largest_gradient, []
    if largest > 0.0:
        bar = "".join(
            f'<TD WIDTH="16" HEIGHT="12" BGCOLOR="{heat(step * largest / (SCALE_STEPS - 1), largest)[0]}"></TD>'
            for step in range(SCALE_STEPS)
        )
        cells = ["|grad| 0", f'<TABLE CELLBORDER="0" CELLSPACING="0"><TR>{bar}</TR></TABLE>', f"{largest:.3g}"]
    if not all(map(isfinite, gradients)):
        fill, colour = NOT_FINITE
        cells.append(
            f'<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="3"><TR><TD BGCOLOR="{fill}"><FONT COLOR="{colour}">'
            "inf or nan</FONT></TD></TR></TABLE>"
        )
    return cells
