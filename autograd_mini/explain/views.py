"""The views of a graph, with all modules of a model folded to a box each, with one open, or with all open; and the
layout of their boxes and arrows by Graphviz."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from autograd_mini.draw.images.rendering import render
from autograd_mini.draw.pictures.folding import Folding, fold_modules
from autograd_mini.draw.pictures.from_graph import require_room
from autograd_mini.draw.pictures.picture import Kind
from autograd_mini.draw.pictures.scopes import Scopes, run_recorded
from autograd_mini.mathematics import Numerals
from autograd_mini.nn.layers import ONE
from autograd_mini.nn.module import Module
from autograd_mini.value import Value

LETTER, PADDING, LINE = 7.4, 20.0, 18.0  # sizes of the page's font and boxes, in pixels
LABEL = {"width": 50.0, "height": 18.0}  # pixels for a local derivative in the middle of its arrow
POINTS = 72.0  # per inch
GRAPH = 'nodesep=0.22 ranksep=0.3 node [shape=box fixedsize=true label=""] edge [dir=none]'


def layout(boxes: Sequence[Mapping[str, Any]], arrows: Sequence[Mapping[str, Any]], direction: str) -> dict[str, Any]:
    """Lay out a picture: its width and height, the centre of every box, and for every arrow its paths (one on either
    side of its label) and the label's centre; errors are those of drawing.

    Args:
        boxes: each with its `kind`, and `width` and `height` in pixels.
        arrows: each with the places of the boxes at its `tail` and `head`, and with a label if its `slot`, the number
            of an operand, is 0 or more. Arrows reach an operation in the order of their slots.
        direction: "LR" from left to right, "TB" from top to bottom.

    >>> box = {"kind": "input", "width": 100.0, "height": 40.0}
    >>> placed = layout([box, box], [{"tail": 0, "head": 1, "slot": -1}], "LR")
    >>> (x, _), (next_x, _) = placed["boxes"]
    >>> next_x - x > 100.0, [len(arrow["paths"]) for arrow in placed["arrows"]]
    (True, [1])
    """
    lines = [f"digraph {{ rankdir={direction} {GRAPH}"]
    for place, each_box in enumerate(boxes):
        ordering = " ordering=in" if each_box["kind"] == Kind.OPERATION.value else ""
        lines.append(f"b{place} [{_size(each_box)}{ordering}]")
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
            points = _pixels(words[4 : 4 + 2 * int(words[3])], height)  # the control points of Bézier curves
            first, *others = [f"{x:g},{y:g}" for x, y in zip(points[::2], points[1::2])]
            paths[words[1], words[2]] = f"M{first}C{' '.join(others)}"
    return {
        "width": POINTS * width,
        "height": POINTS * height,
        "boxes": [centres[f"b{place}"] for place in range(len(boxes))],
        "arrows": [
            {"paths": [paths[ends] for ends in each], "label": centres.get(f"e{place}")}
            for place, each in enumerate(pieces)
        ],
    }


def box(kind: Kind, node: int, lines: Sequence[str], least: float = 0.0) -> dict[str, Any]:
    """Describe a box for the scripts: with these lines of text, and except for constants two lines of numbers.

    Args:
        node: the place of the node that it stands for, -1 for several.
        least: the least width in pixels.
    """
    width = max(LETTER * max(map(len, lines)) + PADDING, least)
    height = LINE * (len(lines) + 2 * (kind is not Kind.CONSTANT)) + 12.0
    if kind is Kind.OPERATION:
        (symbol,) = lines
        width, height = OPERATION if len(symbol) <= 2 else 1.2 * LETTER * len(symbol) + PADDING, OPERATION
    return {"kind": kind.value, "node": node, "lines": lines, "width": width, "height": height}


def _pieces(place: int, arrow: Mapping[str, Any]) -> list[tuple[str, str]]:
    tail, head, middle = f"b{arrow['tail']}", f"b{arrow['head']}", f"e{place}"
    return [(tail, head)] if arrow["slot"] < 0 else [(tail, middle), (middle, head)]


def _size(box: Mapping[str, Any]) -> str:
    return f"width={box['width'] / POINTS:.4f} height={box['height'] / POINTS:.4f}"


def _pixels(inches: Sequence[str], height: float) -> list[float]:
    """Convert coordinates, x and y alternating, from inches to pixels with y pointing down."""
    xs, ys = inches[::2], inches[1::2]
    return [round(POINTS * z, 1) for x, y in zip(xs, ys) for z in (float(x), height - float(y))]


OPERATION = 36.0  # the diameter of an operation in pixels
NARROWEST = 150.0  # the least width of a module in pixels, for its largest gradient

Boxes = Sequence[dict[str, Any]]
Arrows = Sequence[dict[str, Any]]


def view_of(boxes: Boxes, arrows: Arrows) -> dict[str, Any]:
    """Describe a picture for the page, with its layouts from left to right and from top to bottom."""
    layouts = [layout(boxes, arrows, direction) for direction in ("LR", "TB")]
    return {"boxes": boxes, "arrows": arrows, "layouts": layouts}


def folded_views(
    order: Sequence[Value],
    boxes: Boxes,
    arrows: Arrows,
    scopes: Scopes,
    parameters: Collection[Value],
    number: Numerals,
    max_nodes: int,
) -> list[dict[str, Any]]:
    """The views of a picture, each with a title: the folded one first, then those with at most `max_nodes` nodes. A box
    that holds several nodes says which view opens it.

    Raises:
        GraphTooLargeError: a ValueError; even with all modules folded there are more than `max_nodes` nodes.
        ValueError: the modules computed no part of the graph.
    """
    outer = [path for path in scopes.modules if len(scopes.around(path)) == 2] or [""]
    folds = {"All folded": outer}
    if len(outer) > 1:
        folds |= {f"Open {path}": [other for other in outer if other != path] for path in outer}
    views: list[dict[str, Any]] = []
    for title, fold in {**folds, "All open": []}.items():
        folding = fold_modules(order, [order[-1]], parameters, scopes, fold, number)
        if not views:
            require_room(folding.count(order), max_nodes, "even folded, the graph has")
        if folding.count(order) <= max_nodes:
            views.append({"title": title, **view_of(*_folded(order, boxes, arrows, folding, parameters))})
    numbers = {view["title"]: number for number, view in enumerate(views)}
    for view in views:
        for each in view["boxes"]:
            if "members" in each:
                each["opens"] = numbers.get(f"Open {each['lines'][0]}", len(views) - 1)
    return views


def _folded(
    order: Sequence[Value], boxes: Boxes, arrows: Arrows, folding: Folding, parameters: Collection[Value]
) -> tuple[Boxes, Arrows]:
    """Fold a picture: one box for all nodes that the folding joins, one arrow for all Values between two boxes."""
    shown: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    for folded in folding.boxes:
        holders = [(folding.values.get(node), folding.operations.get(node)) for node in order]
        members = [place for place, keys in enumerate(holders) if folded.key in keys]
        weights = [place for place in members if order[place] in parameters]
        places[folded.key] = len(shown)
        look = box(folded.kind, -1, folded.title.split("\n"), NARROWEST)
        shown.append({**look, "members": members, "weights": weights})
    at: list[int] = []
    for each in boxes:
        node, is_operation = order[each["node"]], each["kind"] == Kind.OPERATION.value
        key = (folding.operations if is_operation else folding.values).get(node)
        at.append(len(shown) if key is None else places[key])
        if key is None:
            shown.append(each)
    passing: dict[tuple[int, int], list[tuple[int, int, Value]]] = {}
    kept = []
    for arrow in arrows:
        tail, head = at[arrow["tail"]], at[arrow["head"]]
        source = order[boxes[arrow["tail"]]["node"]]
        if min(tail, head) >= len(places):
            kept.append({**arrow, "tail": tail, "head": head})
        elif tail != head and source is not ONE and not (arrow["slot"] >= 0 and source in folding.inner):
            passing.setdefault((tail, head), []).append((arrow["node"], arrow["slot"], source))
    for (tail, head), carried in passing.items():
        count = len({source for _, _, source in carried})
        ends = {"tail": tail, "head": head, "node": -1, "slot": 0 if count > 1 else -1}
        kept.append(
            {**ends, "label": f"{count} values" if count > 1 else "", "carried": [place[:2] for place in carried]}
        )
    return shown, kept


def explained_model(model: Module, inputs: Sequence[Any]) -> tuple[Value, Scopes]:
    """Call a model; return its one result and the scopes of what it computed. Lists of numbers among its inputs become
    Values, so that a page can change them.

    Raises:
        ValueError: the model returns several results.
    """
    found, scopes = run_recorded(model, *map(_variables, inputs))
    results = list(found) if isinstance(found, list | tuple) else [found]
    if len(results) != 1:
        raise ValueError(
            f"explain explains one result, but this {type(model).__name__} returns {len(results)}; compute a loss from "
            "them inside `with record_scopes(model) as scopes`, and call explain(loss, scopes=scopes)"
        )
    return results[0], scopes


def _variables(x: Any) -> Any:
    is_vector = isinstance(x, list | tuple) and all(isinstance(number, int | float) for number in x)
    return [Value(number) for number in x] if is_vector else x


def names_of_parameters(model: Module) -> dict[Value, str]:
    """Name a model's parameters: by labels, prefixed with the module's path where labels repeat; or by whole paths.

    >>> from autograd_mini.nn import MLP
    >>> list(names_of_parameters(MLP(1, [1])).values())
    ['b₁⁽¹⁾', 'w₁₁⁽¹⁾']
    """
    whole = {parameter: path for path, parameter in model.named_parameters()}
    name_of = Scopes(model).naming(whole, lambda parameter: parameter.label)
    short = {parameter: name_of(parameter) if parameter.label else path for parameter, path in whole.items()}
    return short if len(set(short.values())) == len(whole) else whole
