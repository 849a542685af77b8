"""Pictures in the DOT language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from autograd_mini.draw.colours import ACCENT, MODULE, heat
from autograd_mini.draw.escaping import markup, quoted, width_in_points
from autograd_mini.draw.legend import LEGEND_SIZE, caption_and_legend
from autograd_mini.draw.picture import Box, Edge, Kind, Picture, Row

POLISHED = 100  # boxes; the layout of more is only nearly as compact as can be, in a fraction of the time
FONT = "Helvetica"  # the one whose widths every renderer knows
SIZE = 14

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
    label = caption_and_legend(picture)
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
