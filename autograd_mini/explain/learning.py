"""Pages in which a network learns: its graph, recorded once for every example, is run again and again in the page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from autograd_mini.draw.pictures.scopes import describe
from autograd_mini.explain.javascript import row_name, table
from autograd_mini.explain.page import Page, asset, in_one_file
from autograd_mini.explain.views import names_of_parameters
from autograd_mini.graph import topological_order
from autograd_mini.nn.activations import name_of
from autograd_mini.nn.module import Module
from autograd_mini.observing import Observer
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.training.examples import as_examples
from autograd_mini.training.objective import Objective
from autograd_mini.value import Value

# Limits on what a page can hold, and repeat for thousands of epochs, without making the reader wait; not tuned.
MOST_WEIGHTS, MOST_OPERATIONS, MOST_CHARACTERS = 500, 100_000, 120_000
WEIGHT, SLOT = -1, -2  # nodes that have no row: the number of a parameter, or one that belongs to the example
SCRIPTS = ("numbers.js", "elements.js", "descent.js", "training.js")
HEIGHT = 1100  # pixels


def learning_page(model: Module, data: Iterable[Any], divergence: Any) -> Page:
    """Make the page in which `model` is trained on `data` by plain gradient descent; errors are those of `explain`."""
    objective = Objective(model, divergence)
    examples = as_examples(data, "data")
    weights = dict(model.named_parameters())
    if not 1 <= len(weights) <= MOST_WEIGHTS:
        raise ValueError(
            f"a page can train a model of 1 to {MOST_WEIGHTS} weights, but this {type(model).__name__} has "
            f"{len(weights)}; train it with fit instead, or make it smaller"
        )
    objective.try_out(examples, "data")
    recorder = _Recorder(weights.values())
    with recorder:
        first = recorder.run([objective(*examples[0])])
        n_operations = len(examples) * len(recorder.programs[0])
        if n_operations > MOST_OPERATIONS:
            raise ValueError(
                f"a page can do {MOST_OPERATIONS:,} operations an epoch, but {len(examples):,} examples take about "
                f"{n_operations:,}; give it fewer, or train with fit instead"
            )
        runs = [recorder.run([objective(x, d)]) for x, d in examples]
        if runs[0] != first:
            raise ValueError(
                "a page can only train a model that gives the same result twice; leave random numbers out of it"
            )
        output = _output(objective, examples, recorder)
    task = {
        "rows": [[row_name(*each), each[0].arity is None, each[0].selects] for each in recorder.operations],
        "programs": recorder.programs,
        "examples": runs,
        "weights": [weight._number for weight in weights.values()],
        "names": list(map(names_of_parameters(model).__getitem__, weights.values())),
        "groups": _groups(weights),
        "output": output,
    }
    characters = len(json.dumps(task))
    if characters > MOST_CHARACTERS:
        raise ValueError(
            f"a page holds {MOST_CHARACTERS:,} characters of data, but these examples take {characters:,}; give it "
            "fewer, or train with fit instead"
        )
    name = getattr(divergence, "name", "") or name_of(divergence)
    title = f"{describe(model)} · {len(weights)} weights · {len(examples)} examples · Div = {name}"
    rows = table(recorder.operations)
    scripts = [rows, *map(asset, SCRIPTS)]
    return Page(in_one_file("learning.html", scripts, ("page.css", "learning.css"), title, task), HEIGHT)


class _Recorder(Observer):
    """Records graphs as programs that can run with other weights, and refuses models for which Python branches on
    numbers that depend on the weights.

    Attributes:
        variables: the Values whose numbers will change.
        operations: the operations of all programs, each with its number of arguments.
        programs: each a list of nodes, parents first: the place of its operation in `operations`, and of its parents.
    """

    hears_rules = True

    def __init__(self, weights: Iterable[Value]) -> None:
        self._weights = {weight: place for place, weight in enumerate(weights)}
        self.variables = set(self._weights)
        self.operations: dict[tuple[Primitive, int], int] = {}
        self.programs: list[list[list[int]]] = []
        self._known: dict[str, int] = {}

    def run(self, roots: Sequence[Value], inputs: Sequence[Value] = ()) -> tuple[int, list[float], list[int]]:
        """Record one run. Returns the place of the program that computes the roots; the numbers of this run that are
        not weights, those of the inputs first; and the places of the roots among its nodes."""
        order = [*inputs, *topological_order(*roots, known=inputs)]
        places = {node: place for place, node in enumerate(order)}
        program: list[list[int]] = []
        slots: list[float] = []
        for node in order:
            if node.operation is not None:
                key = node.operation, len(node.parents)
                row = self.operations.setdefault(key, len(self.operations))
                program.append([row, *(places[parent] for parent in node.parents)])
            elif node in self._weights:
                program.append([WEIGHT, self._weights[node]])
            else:
                program.append([SLOT, len(slots)])
                slots.append(node._number)
        number = self._known.setdefault(json.dumps(program), len(self.programs))
        if number == len(self.programs):
            self.programs.append(program)
        return number, slots, [places[root] for root in roots]

    def detached(self, node: Value) -> Any:
        """Keep it in the program: its number changes as the weights do."""
        return TABLE.auxiliary["stopped"](node)

    def differentiation_begins(self) -> None:
        self._refuse(*self.variables)  # what decides within derivative rules is not recorded

    def _refuse(self, *about: Any, **named: Any) -> None:
        nodes = [each for each in (*about, *named.values()) if isinstance(each, Value)]
        if not self.variables.isdisjoint(topological_order(*nodes)):
            raise ValueError(
                "a page can only train a model that does the same operations whatever its weights are, and this one "
                "branches on numbers that depend on them, takes them out of the graph or sets them, or takes a "
                "derivative; use where, maximum or clip to decide, or train with fit"
            )

    compared = truth_asked = number_read = number_written = _refuse


def _output(objective: Objective, examples: Sequence[Any], recorder: _Recorder) -> dict[str, Any] | None:
    """How the page computes the model's outputs for inputs of its choice, and the examples' desired outputs; None if
    inputs are not lists of numbers of one length, or the outputs cannot be computed so."""
    points = [[x] if isinstance(x, float) else x for x, _ in examples]
    if not all(isinstance(x, list | tuple) and len(x) == len(points[0]) and all(map(_is_number, x)) for x in points):
        return None
    inputs = [Value(number) for number in points[0]]
    recorder.variables.update(inputs)
    try:
        found = objective.output(objective.forward(inputs[0] if isinstance(examples[0][0], float) else inputs))
    except ValueError:  # the model branches on its inputs
        return None
    ys = list(found) if isinstance(found, list | tuple) else [found]
    if not all(isinstance(y, Value) for y in ys):
        return None
    wanted = [_wanted(d) for _, d in examples]
    return {"run": recorder.run(ys, inputs), "points": points, "wanted": [] if None in wanted else wanted}


def _is_number(thing: Any) -> bool:
    return isinstance(thing, int | float)


def _wanted(d: Any) -> float | None:
    """The desired number or class; None if `d` is neither."""
    if isinstance(d, list | tuple):
        if len(d) == 1:
            return _wanted(d[0])
        return d.index(1.0) if 1.0 in d and sum(map(bool, d)) == 1 else None
    return d if _is_number(d) else None


def _groups(weights: Iterable[str]) -> list[tuple[str, list[int]]]:
    """Group the places of weights into rows, those of one list together."""
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(weights):
        before, _, last = name.rpartition(".")
        groups.setdefault(before if last.isdigit() else name, []).append(place)
    return list(groups.items())
