"""Views of the graph of a model: with all modules folded to a box each, with one of them open, and with all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from autograd_mini.draw.pictures.folding import Folding, fold_modules
from autograd_mini.draw.pictures.from_graph import require_room
from autograd_mini.draw.pictures.picture import Kind
from autograd_mini.draw.pictures.scopes import Scopes, run_recorded
from autograd_mini.explain.layout import LETTER, LINE, PADDING, layout
from autograd_mini.nn.layers import ONE
from autograd_mini.nn.module import Module
from autograd_mini.value import Value

NARROWEST = 150.0  # pixels for the largest gradient of a module

Boxes = Sequence[dict[str, Any]]
Arrows = Sequence[dict[str, Any]]


def view_of(boxes: Boxes, arrows: Arrows) -> dict[str, Any]:
    """What a page reads of a picture, with its layouts from left to right and downward."""
    layouts = [layout(boxes, arrows, direction) for direction in ("LR", "TB")]
    return {"boxes": boxes, "arrows": arrows, "layouts": layouts}


def folded_views(
    order: Sequence[Value],
    boxes: Boxes,
    arrows: Arrows,
    scopes: Scopes,
    parameters: Collection[Value],
    number: Callable[[float], str],
    max_nodes: int,
) -> list[dict[str, Any]]:
    """The views of a picture, each with a title, the folded one first; of the others those that have room. A box that
    holds several nodes tells which view opens it.

    Raises:
        GraphTooLargeError: a ValueError; even with all modules folded there are more than `max_nodes`.
        ValueError: the modules computed nothing of the graph.
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
        for box in view["boxes"]:
            if "members" in box:
                box["opens"] = numbers.get(f"Open {box['lines'][0]}", len(views) - 1)
    return views


def _folded(
    order: Sequence[Value], boxes: Boxes, arrows: Arrows, folding: Folding, parameters: Collection[Value]
) -> tuple[Boxes, Arrows]:
    """A picture with one box for all that a folding holds together, and one arrow for all that passes between two."""
    shown: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    for folded in folding.boxes:
        holders = [(folding.values.get(node), folding.operations.get(node)) for node in order]
        members = [place for place, keys in enumerate(holders) if folded.key in keys]
        weights = [place for place in members if order[place] in parameters]
        lines = folded.title.split("\n")
        width = max(LETTER * max(map(len, lines)) + PADDING, NARROWEST)
        places[folded.key] = len(shown)
        shown.append(
            {
                "kind": folded.kind.value,
                "node": -1,
                "lines": lines,
                "width": width,
                "height": LINE * (len(lines) + 2 * (folded.kind is not Kind.CONSTANT)) + 12.0,
                "members": members,
                "weights": weights,
            }
        )
    at: list[int] = []
    for box in boxes:
        node, is_operation = order[box["node"]], box["kind"] == Kind.OPERATION.value
        key = (folding.operations if is_operation else folding.values).get(node)
        at.append(len(shown) if key is None else places[key])
        if key is None:
            shown.append(box)
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
            {**ends, "label": f"{count} values" if count > 1 else "", "carried": [each[:2] for each in carried]}
        )
    return shown, kept


def explained_model(model: Module, inputs: Sequence[Any]) -> tuple[Value, Scopes]:
    """The one result of a model, with the scopes of what it computed; numbers in lists among its inputs become Values,
    so that a page can change them.

    Raises:
        ValueError: it gives several results.
    """
    found, scopes = run_recorded(model, *map(_variables, inputs))
    results = list(found) if isinstance(found, list | tuple) else [found]
    if len(results) != 1:
        raise ValueError(
            f"explain goes through one result, and this {type(model).__name__} gives {len(results)}; compute a loss of "
            "them within record_scopes(model) as scopes, and call explain(loss, scopes=scopes)"
        )
    return results[0], scopes


def _variables(x: Any) -> Any:
    is_vector = isinstance(x, list | tuple) and all(isinstance(number, int | float) for number in x)
    return [Value(number) for number in x] if is_vector else x


def names_of_parameters(model: Module) -> dict[Value, str]:
    """Labels, after the module's path where several have the same; whole paths where those are no names.

    >>> from autograd_mini.nn import MLP
    >>> list(names_of_parameters(MLP(1, [1])).values())
    ['b₁⁽¹⁾', 'w₁₁⁽¹⁾']
    """
    whole = {parameter: path for path, parameter in model.named_parameters()}
    name_of = Scopes(model).naming(whole, lambda parameter: parameter.label)
    short = {parameter: name_of(parameter) if parameter.label else path for parameter, path in whole.items()}
    return short if len(set(short.values())) == len(whole) else whole
