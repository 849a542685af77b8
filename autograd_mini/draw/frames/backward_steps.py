"""`draw_steps`: an animation of the backward pass with one frame for each application of the chain rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from math import isfinite, isnan
from typing import NamedTuple

from autograd_mini.adjoints import adjoints
from autograd_mini.draw.arguments import check_options, values_of
from autograd_mini.draw.drawing import Drawing
from autograd_mini.draw.frames.animation import Animation
from autograd_mini.draw.pictures.from_graph import ordered, picture_of
from autograd_mini.draw.pictures.picture import Box, Picture, Row
from autograd_mini.draw.style.texts import CAPTION_SIZE, width_of
from autograd_mini.formulas import Naming, naming
from autograd_mini.mathematics import Numerals, cut, number_formatter
from autograd_mini.observing import Observer
from autograd_mini.primitives import brief
from autograd_mini.value import Constant, Value

NAME, LINES = 20, 8  # the most letters of a name and lines of a caption, chosen by eye


class Contribution(NamedTuple):
    """What an operand receives from an operation: adjoint · local derivative, and the total if it already had some."""

    parent: Value
    local: float
    contribution: float
    total: float | None


class Step(NamedTuple):
    """The chain rule at one node, and all adjoints known afterwards."""

    node: Value
    adjoint: float
    contributions: list[Contribution]
    known: dict[Value, float]


class _Recorder(Observer):
    """Records the reverse sweep as it happens."""

    def __init__(self, result: Value) -> None:
        self.known = {result: 1.0}
        self.steps: list[Step] = []

    def adjoint_spread(self, node: Value, index: int, adjoint: float, contribution: float) -> None:
        if not self.steps or self.steps[-1].node is not node:
            self.steps.append(Step(node, adjoint, [], {}))
        parent = node.parents[index]
        step = self.steps[-1]
        if not isinstance(parent, Constant):
            total = self.known[parent] + contribution if parent in self.known else None
            self.known[parent] = 0.0 + contribution if total is None else total
            step.contributions.append(Contribution(parent, node.local_grads[index], contribution, total))
        self.steps[-1] = step._replace(known=dict(self.known))


def draw_steps(
    y: Value,
    *,
    parameters: Iterable[Value] = (),
    names: Mapping[str, object] | None = None,
    direction: str = "LR",
    number_format: str = ".4g",
    max_nodes: int = 60,
) -> Animation:
    r"""Draw the backward pass from `y` as numbered frames: at each node the chain rule, spelled out in numbers.

    The first frame shows the graph with ∂y/∂y = 1; each further frame shows one operation passing its adjoint on to
    its operands. Where ties, or 0 times inf or nan, make gradients be taken as limits, one more frame shows these.
    The gradients that the Values hold are neither used nor changed.

    Args:
        y: the result to differentiate.
        parameters, names, direction, number_format: as for `draw`.
        max_nodes: how many Values the picture may have.

    Returns:
        A sequence of drawings; `.save("steps.svg")` or `.save("steps.gif")` writes one animated file,
        `.save("folder")` a folder of images.

    Raises:
        TypeError: `y` is not a Value.
        ValueError: an option has an invalid value, or the graph is cyclic.
        GraphTooLargeError: a ValueError; the graph has more than `max_nodes` Values.

    >>> from autograd_mini import Value
    >>> w, x = Value(2.0, label="w"), Value(3.0, label="x")
    >>> for caption in draw_steps((w * x).exp2()).captions:
    ...     print(*caption, sep="\n")
    Start: ∂y/∂y = 1
    Step 1 of 2, through exp2:
    ∂y/∂z1 = ∂y/∂y · ∂y/∂z1 = 1 · 44.36 = 44.36
    Step 2 of 2, through *:
    ∂y/∂w = ∂y/∂z1 · ∂z1/∂w = 44.36 · 3 = 133.1
    ∂y/∂x = ∂y/∂z1 · ∂z1/∂x = 44.36 · 2 = 88.72
    """
    if not isinstance(y, Value):
        raise TypeError(f"draw_steps takes one Value, got {brief(y)} ({type(y).__name__}); pass one result")
    check_options(direction, max_nodes=max_nodes)
    order = ordered([y], max_nodes)
    number = number_formatter(number_format)
    name_of = complete_naming(order, naming(names))
    recorder = _Recorder(y)
    with recorder:
        gradients = dict(zip(order, adjoints(order, [(y, 1.0)], order)))
    picture = picture_of(
        [y],
        order,
        parameters=frozenset(values_of(parameters, "draw_steps' option parameters")),
        name_of=name_of,
        number=number,
        direction=direction,
        legend=False,
    )
    start = Step(y, 1.0, [], {y: 1.0})
    steps, captions = [start, *recorder.steps], _captions(recorder.steps, name_of, name_of(y), number)
    summed = {node: recorder.known.get(node, 0.0) for node in order if not isinstance(node, Constant)}
    limits = {
        node: found
        for node, rule in summed.items()
        if (found := gradients[node]) != rule and not (isnan(found) and isnan(rule))
    }
    if limits:
        steps.append(Step(y, 1.0, [], recorder.known | limits))
        lines = [f"∂{name_of(y)}/∂{name_of(node)} = {number(each)}" for node, each in limits.items()]
        captions.append(("Limits decide, where ties meet or 0 meets inf or nan:", *lines[: LINES - 1]))
    return _animation(picture, order, steps, captions, number)


def complete_naming(order: Sequence[Value], name_of: Naming) -> Naming:
    """Name all Values: those without a name become y (the result), z1, z2 … (intermediates), x1, x2 … (leaves)."""
    names = {node: cut(" ".join(name_of(node).split()), NAME) for node in order}
    taken = set(names.values())

    def fresh(letter: str) -> Iterator[str]:
        return (name for number in count(1) if (name := f"{letter}{number}") not in taken)

    inputs, between = fresh("x"), fresh("z")
    for node in order:
        if names[node] or isinstance(node, Constant):
            continue
        if node is order[-1]:
            names[node] = next(fresh("y")) if "y" in taken else "y"
        else:
            names[node] = next(between if node.parents else inputs)
    return names.__getitem__


def _captions(steps: Sequence[Step], name_of: Naming, y: str, number: Numerals) -> list[tuple[str, ...]]:
    captions: list[tuple[str, ...]] = [(f"Start: ∂{y}/∂{y} = 1",)]
    for index, step in enumerate(steps, 1):
        symbol = step.node.operation.symbol if step.node.operation else "?"
        lines = [f"Step {index} of {len(steps)}, through {symbol}:"]
        above = name_of(step.node)
        for parent, local, contribution, total in step.contributions:
            below = name_of(parent)
            lines.append(
                f"∂{y}/∂{below} {'=' if total is None else '+='} ∂{y}/∂{above} · ∂{above}/∂{below} = "
                f"{number(step.adjoint)} · {number(local)} = {number(contribution)}"
                + ("" if total is None else f", in all {number(total)}")
            )
        if len(lines) > LINES:
            lines[LINES - 1 :] = [f"… and {len(lines) - LINES + 1} more"]
        captions.append(tuple(lines))
    return captions


def _animation(
    picture: Picture,
    order: Sequence[Value],
    steps: Sequence[Step],
    captions: Sequence[tuple[str, ...]],
    number: Numerals,
) -> Animation:
    """The frames, all with room for the widest texts, so that nothing moves between them."""
    keys = {f"v{index}": node for index, node in enumerate(order)}
    numbers = {node: index for index, node in enumerate(order)}
    finite = [abs(adjoint) for step in steps for adjoint in step.known.values() if isfinite(adjoint)]
    width = max(len(number(adjoint)) for step in steps for adjoint in step.known.values())
    room = max(width_of(line, CAPTION_SIZE) for caption in captions for line in caption)
    height = max(map(len, captions))
    frames = []
    for step, caption in zip(steps, captions):
        operation = f"o{numbers[step.node]}" if step.contributions else ""
        touched = {step.node, *(contribution.parent for contribution in step.contributions)}
        frame = picture._replace(
            boxes=tuple(_at(step, box, keys.get(box.key), operation, touched, width, number) for box in picture.boxes),
            edges=tuple(
                edge._replace(emphasised=operation in (edge.head, edge.tail) and bool(operation))
                for edge in picture.edges
            ),
            largest_gradient=max(finite),
            caption=caption + ("",) * (height - len(caption)),
            caption_width=room,
        )
        frames.append(Drawing.of(frame))
    return Animation(frames, captions)


def _at(
    step: Step, box: Box, node: Value | None, operation: str, touched: set[Value], width: int, number: Numerals
) -> Box:
    """A box as it looks after a step, emphasised if the step touches it."""
    if node is None:
        return box._replace(emphasised=box.key == operation)
    if isinstance(node, Constant):
        return box
    adjoint = step.known.get(node)
    grad = Row("grad", "" if adjoint is None else number(adjoint), adjoint, width)
    return box._replace(rows=(box.rows[0], grad), emphasised=node in touched)
