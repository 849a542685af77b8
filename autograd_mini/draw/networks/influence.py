"""`draw_influence`: a diagram of which outputs each input of a function influences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isfinite
from typing import Any

from autograd_mini.derivatives import jacobian
from autograd_mini.draw.drawing import Drawing
from autograd_mini.draw.networks import unit_columns as units
from autograd_mini.draw.style.texts import width_of
from autograd_mini.mathematics import Numerals, number_formatter, subscripted
from autograd_mini.nn.activations import SCALAR, find_activation, is_vector, name_of
from autograd_mini.nn.layers import Layer
from autograd_mini.nn.module import Module
from autograd_mini.primitives import brief, to_float
from autograd_mini.structures import flatten
from autograd_mini.value import Value

GAP = 3.0  # inches between the columns
NUMBER = 'shape=plain style="" fixedsize=false'

Rows = Sequence[Sequence[float]]


def draw_influence(
    f_or_layer: Any,
    x: Iterable[Any],
    *,
    max_units: int = 12,
    number_format: str = ".3g",
    legend: bool = True,
) -> Drawing:
    """Draw the influence diagram of a function: a line from each input to every output that it changes, as wide as
    the derivative is large, blue where positive, orange and dashed where negative (lecture: "Derivatives of vector
    activation").

    A scalar activation has one line for each unit, a vector activation joins every input with every output. The
    derivatives are those at `x`, and the caption holds for that point alone: a relu with a negative input has no line.

    Args:
        f_or_layer: a `Layer`, whose activation is drawn, from z to y; the name of an activation; or any function of
            a list of numbers, such as a network.
        x: the input of the layer; for an activation, z; for a function, its argument.
        max_units: how many inputs and outputs to show; if there are more, the first and the last are shown.
        number_format: a Python format specification for all numbers.
        legend: whether the lines are explained below.

    Returns:
        A drawing like that of `draw`.

    Raises:
        TypeError: `f_or_layer` cannot be called, or `x` is not a list of numbers.
        ValueError: no activation has that name, there are no inputs or outputs, or `max_units` is below 3.

    >>> draw_influence("relu", [1.0, -2.0, 3.0]).source.count(" -> ")
    2
    >>> draw_influence("softmax", [1.0, -2.0, 3.0]).source.count(" -> ")
    9
    """
    units.check_limit(max_units)
    number = number_formatter(number_format)
    name, letter, f, numbers = _function(f_or_layer, x)
    outputs, slopes = _measured(f, numbers, name)
    starts = units.column("i", 0.0, units.shown_indices(len(numbers), max_units))
    ends = units.column("o", GAP, units.shown_indices(len(outputs), max_units))
    derivatives = [derivative for row in slopes for derivative in row if derivative != 0.0]
    largest = max(map(abs, filter(isfinite, derivatives)), default=0.0)
    title = f"∂y/∂{letter}"
    lowest = min(place.y for place in (*starts.values(), *ends.values()))
    statements = [
        *_units(starts, letter, numbers, -1, number),
        *_units(ends, "y", outputs, 1, number),
        *_lines(starts, ends, slopes, largest, letter, number),
        units.text(units.Place("title", GAP / 2, lowest - 0.65), [name, _summary(slopes, letter)]),
    ]
    return units.drawing(
        statements, units.key_of_lines(derivatives, title, number(largest)) if legend and derivatives else ""
    )


def _function(f_or_layer: Any, x: Iterable[Any]) -> tuple[str, str, Callable[[Any], Any], list[float]]:
    """The name of what is drawn, the letter of its inputs, the function of a list to differentiate, and its inputs."""
    if isinstance(f_or_layer, Layer):
        activation: Any = f_or_layer.activation
        zs = [z.data for z in f_or_layer.affine(x)]
        return (name_of(activation), "z", activation if is_vector(activation) else _each(activation), zs)
    f = find_activation(f_or_layer)
    if not hasattr(x, "__iter__") or isinstance(x, str):
        raise TypeError(f"draw_influence takes a list of numbers as x, got {brief(x)} ({type(x).__name__})")
    numbers = [to_float(number, "x") for number in x]
    if f in SCALAR.values():
        return name_of(f), "z", _each(f), numbers
    name = type(f).__name__ if isinstance(f, Module) else name_of(f)
    return name, "z" if is_vector(f) else "x", f, numbers


def _each(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda zs: [f(z) for z in zs]


def _measured(f: Callable[[Any], Any], inputs: Sequence[float], name: str) -> tuple[list[float], Rows]:
    """A function's outputs, and for each output its derivatives with respect to all inputs."""
    outputs: list[float] = []

    def remembering(xs: Any) -> Any:
        result = f(xs)
        numbers = flatten(result, f"the result of {name}")[0]
        outputs.extend(float(y.data if isinstance(y, Value) else y) for y in numbers)
        return result

    derivatives = flatten(jacobian(remembering)(list(inputs)), "the Jacobian")[0]
    if not inputs or not outputs:
        raise ValueError(f"{name} has {len(inputs)} inputs and {len(outputs)} outputs here; an influence needs both")
    width = len(inputs)
    return outputs, [derivatives[start : start + width] for start in range(0, len(derivatives), width)]


def _units(places: units.Column, letter: str, numbers: Sequence[float], side: int, number: Numerals) -> Iterator[str]:
    """Statements for units with their numbers beside them, on the left (side -1) or the right (side 1)."""
    for index, place in places.items():
        if index is None:
            yield units.ellipsis(place)
            continue
        written = number(numbers[index])
        distance = units.RADIUS + width_of(written) / 144  # half its width
        yield units.unit(place, subscripted(letter, index + 1), tooltip=written)
        yield units.unit(units.Place(f"{place.key}n", place.x + side * distance, place.y), written, NUMBER)


def _lines(
    starts: units.Column, ends: units.Column, rows: Rows, largest: float, letter: str, number: Numerals
) -> Iterator[str]:
    """A line for every derivative that is not 0, labelled with its number if no two lines share a unit."""
    sparse = all(sum(map(bool, each)) <= 1 for each in (*rows, *zip(*rows)))
    for output, end in ends.items():
        for index, start in starts.items():
            if output is None or index is None or rows[output][index] == 0.0:
                continue
            derivative = rows[output][index]
            written = number(derivative)
            tooltip = f"∂{subscripted('y', output + 1)}/∂{subscripted(letter, index + 1)} = {written}"
            yield units.line(start, end, derivative, largest, tooltip)
            if sparse:
                middle = units.Place(f"d{index}_{output}", (start.x + end.x) / 2, (start.y + end.y) / 2)
                yield units.unit(middle, written, units.DERIVATIVE, tooltip)


def _summary(rows: Rows, letter: str) -> str:
    """How many outputs the inputs influence at this point, in words."""
    reached = [sum(map(bool, each)) for each in zip(*rows)]
    if max(reached) <= 1:
        influenced = "one y" if min(reached) else "one y at most"
    elif min(reached) == len(rows):
        influenced = "all y"
    else:
        influenced = f"{min(reached)} to {max(reached)} of {len(rows)} y"
    return f"at this {letter}, each {letter} influences {influenced}"
