"""`explain`, which makes a page from a graph, and the description of the graph that the page's scripts read."""

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

TITLE = 25  # the most letters of a heading
MOST_NODES = 600  # the largest graph that is folded
NARROWEST = 124.0  # the least width of a box in pixels: room for 14 letters, so that it stays while numbers change


def explain(
    y: Value | Module,
    *rest: Any,
    parameters: Iterable[Value] = (),
    names: Mapping[str, object] | None = None,
    scopes: Scopes | None = None,
    max_nodes: int = 150,
    panels: Sequence[Panel] = (),
) -> Page:
    """Make a page that explains backpropagation from `y` step by step, forward and backward.

    Each step shows the chain rule with its numbers, term by term. On the page the reader can change every input and
    parameter, and all numbers follow; run steps of gradient descent; be asked for each adjoint before it is shown;
    and see what goes wrong if gradients are not cleared, or are passed on too early. The gradients that the Values
    hold are neither used nor changed.

    `explain(model, x)` explains the one result of a model, with its layers folded. `explain(model, data, divergence)`
    makes a page in which a small model learns by plain gradient descent on all the data: epoch by epoch, with its
    loss, and with its outputs over one or two inputs. Its first losses are those of `fit(model, data, divergence,
    SGD(model.parameters(), 0.1))`.

    Args:
        y: the result to differentiate, such as a loss; or a `Module`.
        rest: for a module, its input; or its training data, pairs (X, d), and a divergence.
        parameters: the leaves that are parameters rather than inputs: gradient descent changes these. By default all
            leaves are parameters.
        names: variables by name, such as `locals()`, which name Values that have no label.
        scopes: what `record_scopes(model)` returned: the page then starts with every layer folded to one box, which
            opens when it is chosen.
        max_nodes: how many Values the picture may have.
        panels: further parts of the page.

    Returns:
        A page with `.save("neuron.html")` and `.html`: one file that needs nothing from outside; notebooks show it.

    Raises:
        TypeError: `y` or a parameter is not a Value.
        ValueError: `y` depends on constants only, an operation cannot be written in JavaScript, the graph is cyclic,
            or `max_nodes` is not a positive integer. For a model that learns: it has more than 500 weights, too much
            data, random numbers, or branches that depend on its weights; or its data do not fit.
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
            raise TypeError(f"explain(model, x) needs an input for the {type(y).__name__}, got none")
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
    check_options("LR", max_nodes=max_nodes)
    check_scopes(scopes, None)
    order = ordered([y], max_nodes if scopes is None else MOST_NODES)
    if all(node.is_constant for node in order if not node.parents):
        raise ValueError(
            "explain needs a Value that depends on a variable, but this one is computed from constants only; make its "
            "inputs with Value(...)"
        )
    named = frozenset(values_of(parameters, "explain's option parameters"))
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
    """Describe each node of a topological `order` for the scripts: its name and kind; for a leaf its number, otherwise
    its operation and the places of its operands."""
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
    """Make all names distinct, so that it is clear which node is meant: w, w_2, w_3."""
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
    """The adjoints that limits decide instead of the rules, by place: at ties, and where 0 meets inf or nan."""
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
    """The boxes of all nodes and operations, sized in pixels, and the arrows between the boxes at these places; each
    arrow names the node and the operand it belongs to."""
    boxes: list[dict[str, Any]] = []
    arrows: list[dict[str, int]] = []
    places: list[int] = []  # for each node, the place of its box
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
