"""Folding: draws a module as one box, and many inputs or results of such a box as one box too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isnan
from typing import NamedTuple

from autograd_mini.draw.pictures.picture import Box, Kind, Row
from autograd_mini.draw.pictures.scopes import Scopes
from autograd_mini.mathematics import Numerals
from autograd_mini.nn.layers import ONE
from autograd_mini.primitives import brief
from autograd_mini.suggesting import did_you_mean
from autograd_mini.value import Constant, Value

OUTERMOST = "modules"
NAMES_SHOWN = 12  # the most modules that an error lists

Fold = str | int | Collection[str]
"""`"modules"` for the outermost modules within the model, a depth (0 is the model itself), or paths of modules."""

Keys = Mapping[Value, str]
"""The keys of boxes, by the Values in them."""

ALONE = 5  # up to this many inputs or results of a folded module keep boxes of their own


class Folding(NamedTuple):
    """How the nodes of a graph share boxes; by default each has its own."""

    scopes: Scopes | None = None  # the modules of the graph
    homes: Mapping[Value, str] = {}  # for each Value, the path of the module within which it is drawn
    values: Mapping[Value, str] = {}  # for each Value without a box of its own, the key of the box that holds it
    operations: Mapping[Value, str] = {}  # the same for the operations that computed Values
    inner: Collection[Value] = ()  # constants used only inside folded modules: no arrow is drawn from them
    boxes: Sequence[Box] = ()  # folded modules, and the boxes of many inputs or results

    def scope_of(self, node: Value) -> tuple[str, ...]:
        """The titles of the modules around a Value, outermost first."""
        home = self.homes.get(node)
        return () if home is None or self.scopes is None else self.scopes.titles(self.scopes.around(home))

    def shows(self, node: Value) -> bool:
        """Whether a Value or its operation has a box of its own."""
        return node not in self.values or (bool(node.parents) and node not in self.operations)

    def count(self, order: Iterable[Value]) -> int:
        """How many Values and folded modules there are to show."""
        return len(self.boxes) + sum(node not in self.values for node in order)


NOT_FOLDED = Folding()


def check_scopes(scopes: Scopes | None, fold: Fold | None) -> None:
    """Raise a TypeError unless `scopes` is a `Scopes` or None, and a ValueError if modules are to be folded without."""
    if scopes is None:
        if fold is not None:
            raise ValueError(
                "to fold modules, draw needs scopes; compute the graph inside `with record_scopes(model) as scopes` "
                "and pass scopes=scopes"
            )
    elif not isinstance(scopes, Scopes):
        raise TypeError(f"scopes must come from record_scopes(model), got {brief(scopes)} ({type(scopes).__name__})")


def fold_modules(
    order: Sequence[Value],
    results: Iterable[Value],
    parameters: Iterable[Value],
    scopes: Scopes,
    fold: Fold | None,
    number: Numerals,
) -> Folding:
    """Work out how the nodes of a topological `order` share boxes if modules are folded; errors are those of `draw`."""
    paths, ends = _fold_by_path(scopes, fold), dict.fromkeys(results)
    users = _users(order, {*parameters, *scopes.parameters})
    homes = {node: scopes.paths[node] for node in order if node in scopes.paths}
    if fold is not None and not any(node.parents for node in homes):
        raise ValueError(
            "there is nothing to fold: the model computed nothing while its scopes were recorded; call it inside "
            "`with record_scopes(model)`"
        )
    homes |= _homes_of_constants(order, users, homes, scopes)
    outer = dict.fromkeys(path for path in paths.values() if path is not None)
    keys = {path: f"f{index}" for index, path in enumerate(outer)}
    folded = {node: keys[path] for node, home in homes.items() if (path := paths[home]) is not None}
    operations = {node: key for node, key in folded.items() if node.parents}
    for leaf in homes.keys() & users.keys():  # constants that are part of several folded modules
        if leaf not in folded and all(user in operations for user in users[leaf]):
            folded[leaf] = operations[users[leaf][0]]
    values = {node: key for node, key in folded.items() if node not in ends}
    held, bundles = _bundles(ends, users, values, operations, number)
    present = {*values.values(), *operations.values()}
    weights: defaultdict[str | None, list[Value]] = defaultdict(list)
    for parameter in scopes.parameters:
        weights[paths[scopes.paths[parameter]]].append(parameter)
    is_known = backward_has_run(ends)
    boxes = [
        _module_box(key, path, weights[path], scopes, number, is_known) for path, key in keys.items() if key in present
    ]
    return Folding(scopes, homes, values | held, operations, values.keys() & users.keys(), [*boxes, *bundles])


def _users(order: Iterable[Value], parameters: Collection[Value]) -> dict[Value, list[Value]]:
    """For each leaf that is no parameter, the nodes that use it."""
    users: dict[Value, list[Value]] = {}
    for node in order:
        for parent in node.parents:
            if not parent.parents and parent not in parameters:
                users.setdefault(parent, []).append(node)
    return users


def _homes_of_constants(
    order: Iterable[Value], users: Mapping[Value, list[Value]], homes: Mapping[Value, str], scopes: Scopes
) -> dict[Value, str]:
    """For each constant, the innermost module around all uses; numbers weighted by parameters are inputs instead."""
    weighting = {node for node in order if not scopes.parameters.isdisjoint(node.parents)}
    found: dict[Value, str] = {}
    for leaf, nodes in users.items():
        if not isinstance(leaf, Constant) or not all(node in homes for node in nodes):
            continue
        if leaf is ONE or weighting.isdisjoint(nodes):
            around = [scopes.around(path) for path in {homes[node] for node in nodes}]
            found[leaf] = [level[0] for level in zip(*around) if len(set(level)) == 1][-1]
    return found


def _bundles(
    results: Mapping[Value, None], users: Mapping[Value, list[Value]], values: Keys, operations: Keys, number: Numerals
) -> tuple[dict[Value, str], list[Box]]:
    """Boxes for many leaves that the same folded modules use, and for many results of one folded module."""
    groups: dict[tuple[Kind, frozenset[str]], list[Value]] = {}
    for leaf, nodes in users.items():
        if leaf not in values and leaf not in results and all(node in operations for node in nodes):
            kind = Kind.CONSTANT if isinstance(leaf, Constant) else Kind.INPUT
            groups.setdefault((kind, frozenset(operations[node] for node in nodes)), []).append(leaf)
    for result in results:
        if result in operations:
            groups.setdefault((Kind.RESULT, frozenset([operations[result]])), []).append(result)
    held: dict[Value, str] = {}
    boxes: list[Box] = []
    for (kind, _), members in groups.items():
        if len(members) > ALONE:
            key = f"b{len(boxes)}"
            held |= dict.fromkeys(members, key)
            boxes.append(_bundle_box(key, kind, members, number, backward_has_run(results)))
    return held, boxes


def _bundle_box(key: str, kind: Kind, members: Sequence[Value], number: Numerals, is_known: bool) -> Box:
    numbers = [member._number for member in members]
    rows = [Row("data", f"{number(min(numbers))} … {number(max(numbers))}")]
    if kind is not Kind.CONSTANT:
        rows += _gradient_rows(members, number, is_known)
    names = f"{members[0].label} … {members[-1].label}" if members[0].label and members[-1].label else ""
    title = f"{len(members)} {kind.value}s"
    return Box(key, kind, "\n".join(filter(None, (title, names))), tuple(rows), title)


def _module_box(key: str, path: str, weights: Sequence[Value], scopes: Scopes, number: Numerals, is_known: bool) -> Box:
    rows = [Row("weights", f"{len(weights):,}"), *_gradient_rows(weights, number, is_known)] if weights else []
    title = scopes.title(path)
    scope = scopes.titles(scopes.around(path)[:-1])
    return Box(key, Kind.MODULE, title.replace(" · ", "\n"), tuple(rows), title, scope)


def _gradient_rows(members: Sequence[Value], number: Numerals, is_known: bool) -> tuple[Row, ...]:
    """A row with the gradient of the largest magnitude, nan if there is one; no row before backward has run."""
    largest = max((member._grad for member in members), key=lambda gradient: (isnan(gradient), abs(gradient)))
    return (Row("largest grad", number(largest), largest),) if is_known or largest != 0.0 else ()


def backward_has_run(results: Iterable[Value]) -> bool:
    """Whether `backward` has been called on one of the results, so that gradients are more than their initial 0."""
    return any(result._grad != 0.0 for result in results)


def _fold_by_path(scopes: Scopes, fold: Fold | None) -> dict[str, str | None]:
    """For each module's path, the path of the module into which it is folded, or None.

    >>> from autograd_mini.nn import MLP
    >>> _fold_by_path(Scopes(MLP(2, [1])), "modules")
    {'': None, 'layers.0': 'layers.0', 'layers.0.neurons.0': 'layers.0'}
    """
    folded = _folded(scopes, fold)
    return {path: next((outer for outer in scopes.around(path) if outer in folded), None) for path in scopes.modules}


def _folded(scopes: Scopes, fold: Fold | None) -> Collection[str]:
    """The paths of the modules to fold, which take the modules inside them along; errors are those of `draw`."""
    if fold is None:
        return ()
    if isinstance(fold, int) and not isinstance(fold, bool):
        if fold < 0:
            raise ValueError(f"a depth to fold at is 0 (the model itself) or more, got {fold}")
        return [path for path in scopes.modules if len(scopes.around(path)) == fold + 1]
    if fold == OUTERMOST and fold not in scopes.modules:
        return [path for path in scopes.modules if len(scopes.around(path)) == 2] or [""]
    names = [fold] if isinstance(fold, str) else fold
    if isinstance(fold, bool) or not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
        raise TypeError(
            f"fold takes {OUTERMOST!r}, a depth such as 1, or a list of names of modules, got {brief(fold)} "
            f"({type(fold).__name__})"
        )
    for name in names:
        if name not in scopes.modules:
            known = [repr(path) for path in scopes.modules]
            listed = ", ".join(known[:NAMES_SHOWN]) + (" …" if len(known) > NAMES_SHOWN else "")
            meant = did_you_mean(name, scopes.modules, f"; fold {OUTERMOST!r}, a depth, or some of {listed}")
            raise ValueError(f"no module is named {brief(name)}{meant}")
    return names
