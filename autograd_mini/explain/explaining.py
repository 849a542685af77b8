"""`explain`: what a page has to know of a graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from autograd_mini.adjoints import adjoints
from autograd_mini.draw.arguments import check_options, values_of
from autograd_mini.draw.frames.backward_steps import complete_naming
from autograd_mini.draw.pictures.folding import check_scopes
from autograd_mini.draw.pictures.from_graph import kind_of, ordered
from autograd_mini.draw.pictures.picture import Kind
from autograd_mini.draw.pictures.scopes import Scopes
from autograd_mini.explain.javascript import row_name, table
from autograd_mini.explain.learning import learning_page
from autograd_mini.explain.page import Page, Panel, page
from autograd_mini.explain.views import box, explained_model, folded_views, names_of_parameters, view_of
from autograd_mini.formulas import Naming, formula, naming, short_formulas
from autograd_mini.mathematics import Numerals, cut, number_formatter, operation_name
from autograd_mini.nn.module import Module
from autograd_mini.primitives import brief
from autograd_mini.value import Value

TITLE = 25  # letters
MOST_NODES = 600  # of a graph that is folded
NARROWEST = 124.0  # pixels: room for 14 letters, so that boxes keep their width while numbers change


def explain(
    y: Value | Module,
    *rest: Any,
    parameters: Iterable[Value] = (),
    names: Mapping[str, object] | None = None,
    scopes: Scopes | None = None,
    max_nodes: int = 150,
    panels: Sequence[Panel] = (),
) -> Page:
    """A page on which backpropagation from `y` is gone through: forward and backward, step by step and both ways.

    At each step it writes the chain rule with its numbers, term by term. Every input and parameter can be changed
    there, and all numbers follow; so do steps of gradient descent. It asks for the next adjoint before it shows it,
    and shows what goes wrong where gradients are not cleared, or passed on too early. The gradients that the Values
    hold are neither used nor changed.

    `explain(model, x)` goes through the one result of a model, with its layers folded. `explain(model, data,
    divergence)` gives a page in which a small model learns, by plain gradient descent on all of the data, epoch by
    epoch, with its loss, and with its outputs over one or two inputs. Its first losses are those of `fit(model, data,
    divergence, SGD(model.parameters(), 0.1))`.

    Args:
        y: the result to differentiate, such as a loss; or a `Module`.
        rest: for a module its input, or what it is trained on: pairs (X, d), and a divergence.
        parameters: which leaves are parameters, which steps of gradient descent change, rather than inputs; if none
            are named, all leaves are.
        names: variables by name, as `locals()` gives them, for Values without a label.
        scopes: what `record_scopes(model)` gave: the page begins with every layer folded to one box, and opens it
            where it is chosen.
        max_nodes: how many Values the picture may have.
        panels: further parts of the page.

    Returns:
        A page with `.save("neuron.html")` and `.html`, which is one file without anything from outside; notebooks
        show it.

    Raises:
        TypeError: `y` or a parameter is not a Value.
        ValueError: `y` depends on constants only; an operation has no form in JavaScript; the graph is cyclic;
            `max_nodes` is no positive integer. A model has more than 500 weights, too much to learn from, random
            numbers, or branches that depend on its weights; or its data do not fit.
        GraphTooLargeError: a ValueError; the graph has more than `max_nodes` Values.

    >>> from autograd_mini import Value
    >>> w, x, b = Value(0.5, label="w"), Value(2.0, label="x"), Value(-1.5, label="b")
    >>> page = explain((w * x + b).tanh(), parameters=[w, b])
    >>> "Content-Security-Policy" in page.html, len(page.html) < 150_000
    (True, True)
    """
    if isinstance(y, Module):
        if len(rest) == 2 and (callable(rest[1]) or isinstance(rest[1], str)):
            return learning_page(y, *rest)
        if not rest:
            raise TypeError(f"explain(model, x) needs an input for the {type(y).__name__}, and got none")
        y, scopes = explained_model(y, rest)
    elif rest:
        raise TypeError(
            f"explain takes a Value; a Module and its input; or a Module, data and a divergence; got {brief(y)} and "
            f"{len(rest)} more"
        )
    if not isinstance(y, Value):
        raise TypeError(
            f"explain takes one Value, got {brief(y)} ({type(y).__name__}); pass one number that was computed from "
            "Values, such as a loss"
        )
    roots = [y]
    check_options("LR", max_nodes=max_nodes)
    check_scopes(scopes, None)
    order = ordered(roots, max_nodes if scopes is None else MOST_NODES)
    if all(node.is_constant for node in order if not node.parents):
        raise ValueError(
            "explain needs a Value that depends on a variable, and this one is made of constants only; make its inputs "
            "with Value(...)"
        )
    named = frozenset(values_of(parameters, "explain's parameters"))
    if scopes is not None:
        named |= scopes.parameters
    known = named or frozenset(node for node in order if not node.parents)
    own, given = {} if scopes is None else names_of_parameters(scopes.modules[""]), naming(names)
    name_of = _distinct(order, complete_naming(order, lambda node: own.get(node) or given(node)))
    number = number_formatter(".4g")
    nodes = describe(order, known, name_of, number)
    boxes, arrows = picture(nodes)
    if scopes is None:
        views = [view_of(boxes, arrows)]
    else:
        views = folded_views(order, boxes, arrows, scopes, known, number, max_nodes)
    graph = {"nodes": nodes, "limits": limits(order), "views": views}
    title = name_of(y) + (f" = {formula(y, limit=120, names=names)}" if y.parents else "")
    rows = table([(node.operation, len(node.parents)) for node in order if node.operation])
    return page(title, graph, rows, picture_height=views[0]["layouts"][0]["height"], panels=panels)


def describe(
    order: Sequence[Value], parameters: Collection[Value], name_of: Naming, number: Numerals
) -> list[dict[str, Any]]:
    """What the scripts know of each node of a topological `order`: its name and kind; of a leaf its number; else its
    operation, with the places of its operands."""
    places = {node: place for place, node in enumerate(order)}
    formulas = short_formulas(order, TITLE, name_of, number)
    described: list[dict[str, Any]] = []
    for node in order:
        kind = kind_of(node, {order[-1]}, parameters)
        name = number(node._number) if kind is Kind.CONSTANT and not name_of(node) else name_of(node)
        about: dict[str, Any] = {"name": name, "kind": kind.value, "row": "", "parents": []}
        if node.parents:
            operation = node.operation
            assert operation is not None
            about |= {
                "row": row_name(operation, len(node.parents)),
                "takesList": operation.arity is None,
                "selects": operation.selects,
                "symbol": operation_name(operation),
                "formula": formulas[node],
                "parents": [places[parent] for parent in node.parents],
            }
        else:
            about["data"] = node._number
        described.append(about)
    return described


def _distinct(order: Sequence[Value], name_of: Naming) -> Naming:
    """Names of which no two are the same, so that it is plain which node is meant: w, w_2, w_3."""
    names: dict[Value, str] = {}
    taken, used = {name_of(node) for node in order}, {""}
    for node in order:
        first = name = name_of(node)
        further = (f"{first}_{number}" for number in count(2))
        while name in used and first:
            name = next(fresh for fresh in further if fresh not in taken)
        used.add(name)
        names[node] = name
    return names.__getitem__


def limits(order: Sequence[Value]) -> dict[int, float]:
    """The adjoints that the rules do not tell, since ties, or zeros that meet inf or nan, leave them to limits."""
    summed = {order[-1]: 1.0}
    for node in reversed(order):
        for parent, local in zip(node.parents, node.local_grads):
            if node in summed and not (local == 0.0 and node.operation and node.operation.selects):
                summed[parent] = summed.get(parent, 0.0) + summed[node] * local
    found = adjoints([*order], [(order[-1], 1.0)], [*order])
    return {
        place: adjoint
        for place, (node, adjoint) in enumerate(zip(order, found))
        if not node.is_constant and adjoint.hex() != (summed.get(node, 0.0) + 0.0).hex()
    }


def picture(nodes: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, int]]]:
    """A box for every node and for every operation, in pixels, and the arrows between them, by places; an arrow says to
    which operand of which node it belongs."""
    boxes: list[dict[str, Any]] = []
    arrows: list[dict[str, int]] = []
    places: list[int] = []  # of the box that holds a node
    for place, node in enumerate(nodes):
        lines = [cut(node["name"], TITLE)]
        if node["row"]:
            boxes.append(box(Kind.OPERATION, place, [cut(node["symbol"], TITLE)]))
            head = len(boxes) - 1
            arrows.append({"tail": head, "head": head + 1, "node": place, "slot": -1})
            for slot, parent in enumerate(node["parents"]):
                arrows.append({"tail": places[parent], "head": head, "node": place, "slot": slot})
            both = f"{node['name']} = {node['formula']}"
            lines = [both] if len(both) <= TITLE else lines if "…" in both else [*lines, f"= {node['formula']}"]
        kind = Kind(node["kind"])
        boxes.append(box(kind, place, lines, 0.0 if kind is Kind.CONSTANT else NARROWEST))
        places.append(len(boxes) - 1)
    return boxes, arrows
