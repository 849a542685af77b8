"""`draw_network`: a network as columns of neurons, with weights as lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

from autograd_mini.draw.drawing import Drawing
from autograd_mini.draw.networks import unit_columns as units
from autograd_mini.draw.style.colours import FAINT, MODULE, MODULE_FILL
from autograd_mini.mathematics import SUPERSCRIPTS, Numerals, number_formatter, subscripted, weight_name
from autograd_mini.nn.activations import is_vector, name_of
from autograd_mini.nn.layers import MLP, Layer, Sequential
from autograd_mini.primitives import brief

BIAS = -1  # the index of the input 1 whose weights are the biases
GAP = 2.2  # inches between columns
NAMED = 3  # weights are labelled with their names if no layer has more neurons than this
LINE = 17  # points from one such label to the next
ONE = 'shape=square style="filled,dashed" fillcolor="#ececec"'
INPUT, OUTPUT = f'fillcolor="{FAINT}"', "penwidth=2.5"
DIVERGENCE = f'style="filled,rounded" shape=box fillcolor="{MODULE_FILL}" color="{MODULE}" margin="0.12,0.08"'


def draw_network(
    model: Any,
    *,
    divergence: Any = None,
    max_units: int = 9,
    biases: bool = True,
    number_format: str = ".3g",
    legend: bool = True,
) -> Drawing:
    """Draw a network as columns of neurons, with the weights as lines between them: as wide as they are large,
    blue where positive, orange and dashed where negative; in small networks labelled with their names, wᵢⱼ⁽ᵏ⁾ from
    unit i to unit j of layer k.

    Below each column are its number of neurons and their activation; a frame around a column means a vector
    activation, such as softmax. A dashed 1 is the input whose weights are the biases.

    Args:
        model: an `MLP`, a `Layer`, or a `Sequential` of those.
        divergence: drawn after the outputs if given: a divergence such as `squared_error`, or its name.
        max_units: how many neurons of a layer to show; of wider layers, the first and the last are shown.
        biases: whether the biases are shown.
        number_format: a Python format specification for the weights in tooltips and legend.
        legend: whether the lines are explained below.

    Returns:
        A drawing like that of `draw`.

    Raises:
        TypeError: the model has parts that are not layers of neurons.
        ValueError: the model has no layers, its layers do not fit together, or `max_units` is below 3.

    >>> from autograd_mini.nn import MLP
    >>> drawing = draw_network(MLP(3, [4, 2], output="softmax"), divergence="kl_softmax")
    >>> drawing.source.count(" -> ")
    29
    """
    layers = layers_of(model)
    units.check_limit(max_units)
    number = number_formatter(number_format)
    weights = [_weights_of(layer, biases) for layer in layers]
    sizes = [layers[0].n_inputs, *(layer.n_outputs for layer in layers)]
    widest = max(sizes[1:])
    are_named = widest <= NAMED and sizes[0] <= max_units
    row = max(units.ROW, LINE * (widest + 1) / 72) if are_named else units.ROW
    gap = 1.3 * GAP if are_named else GAP
    columns = [
        units.column(f"c{at}_", at * gap, units.shown_indices(size, max_units), row) for at, size in enumerate(sizes)
    ]
    for places, layer in zip(columns, weights):
        if any(BIAS in neuron for neuron in layer):
            first = next(iter(places.values()))
            places[BIAS] = units.Place(f"{first.key}b", first.x, first.y + row)
    strengths = [weight for layer in weights for neuron in layer for weight in neuron.values()]
    largest = max(map(abs, filter(isfinite, strengths)), default=0.0)
    statements = [*_units(columns, layers), *_captions(columns, layers)]
    share = LINE / (72 * row) if are_named else 0.0
    for k, layer in enumerate(weights, 1):
        statements += _lines(k, columns[k - 1], columns[k], layer, largest, number, share)
    if divergence is not None:
        name = divergence if isinstance(divergence, str) else getattr(divergence, "name", "") or name_of(divergence)
        statements += _divergence(columns[-1], name)
    return units.drawing(statements, units.key_of_lines(strengths, "weight", number(largest)) if legend else "")


def _units(columns: Sequence[units.Column], layers: Sequence[Layer]) -> Iterator[str]:
    """Statements for the neurons, and for a frame around each layer whose activation acts on all its neurons."""
    for number, places in enumerate(columns):
        letter, style = {0: ("x", INPUT), len(layers): ("y", OUTPUT)}.get(number, ("y", ""))
        above = f"⁽{number}⁾".translate(SUPERSCRIPTS) if 0 < number < len(layers) else ""
        for index, place in places.items():
            if index is None:
                yield units.ellipsis(place)
            elif index == BIAS:
                yield units.unit(place, "1", ONE, "the input whose weights are the biases")
            else:
                yield units.unit(place, subscripted(letter, index + 1) + above, style, f"unit {index + 1}")
        if number and is_vector(layers[number - 1].activation):
            neurons = [place for index, place in places.items() if index != BIAS]
            yield units.frame(
                f"f{number}", neurons, f"{name_of(layers[number - 1].activation)} acts on all neurons at once"
            )


def _captions(columns: Sequence[units.Column], layers: Sequence[Layer]) -> Iterator[str]:
    lowest = min(place.y for places in columns for place in places.values())
    for number, places in enumerate(columns):
        lines = ["inputs", f"{layers[0].n_inputs}"]
        if number:
            layer = layers[number - 1]
            neurons = "1 neuron" if layer.n_outputs == 1 else f"{layer.n_outputs} neurons"
            lines = [f"layer {number}", neurons, name_of(layer.activation)]
        elif layers[0].n_inputs == 1:
            lines = ["input", "1"]
        place = next(iter(places.values()))
        yield units.text(units.Place(f"t{number}", place.x, lowest - 0.75), [*lines, ""][:3])


def _lines(
    k: int,
    tails: units.Column,
    heads: units.Column,
    layer: Sequence[Mapping[int, float]],
    largest: float,
    number: Numerals,
    share: float,
) -> Iterator[str]:
    """The weights between shown neurons; if `share` is not 0, labelled with their names that share along the line."""
    for output, head in heads.items():
        if output is None or output == BIAS:
            continue
        for index, weight in layer[output].items():
            if index not in tails:
                continue
            tail, name = tails[index], weight_name(index + 1, output + 1, k)
            yield units.line(tail, head, weight, largest, f"{name} = {number(weight)}")
            if share:
                x, y = (begin + share * (end - begin) for begin, end in ((tail.x, head.x), (tail.y, head.y)))
                yield units.unit(
                    units.Place(f"w{tail.key}{head.key}", x, y), name, units.DERIVATIVE, f"{name} = {number(weight)}"
                )


def _divergence(outputs: units.Column, name: str) -> Iterator[str]:
    x = next(iter(outputs.values())).x + GAP
    place, desired = units.Place("divergence", x, 0.0), units.Place("desired", x, -1.25)
    yield units.text(place, ["Div(y, d)", name], DIVERGENCE)
    yield units.text(desired, ["d", "desired"])
    yield from (units.arrow(output, place) for index, output in outputs.items() if index is not None and index != BIAS)
    yield units.arrow(desired, place)


def layers_of(model: Any) -> list[Layer]:
    """The layers that a model consists of; errors are those of `draw_network`.

    >>> layers_of(Sequential(Layer(2, 3), MLP(3, [4, 1])))
    [Layer(2, 3, 'relu'), Layer(3, 4, 'relu'), Layer(4, 1, 'identity')]
    """
    layers = _layers_of(model, "the model")
    if not layers:
        raise ValueError(f"draw_network needs one layer or more, and the {type(model).__name__} has none")
    for number, (layer, following) in enumerate(pairwise(layers), 1):
        if layer.n_outputs != following.n_inputs:
            raise ValueError(
                f"layer {number} has {layer.n_outputs} outputs where layer {number + 1} takes {following.n_inputs} "
                "inputs; draw a model whose layers fit together"
            )
    return layers


def _layers_of(part: Any, path: str) -> list[Layer]:
    if isinstance(part, Layer):
        return [part]
    if isinstance(part, (MLP, Sequential)):
        name, parts = ("layers", part.layers) if isinstance(part, MLP) else ("steps", part.steps)
        return [layer for index, inner in enumerate(parts) for layer in _layers_of(inner, f"{name}.{index} of {path}")]
    raise TypeError(
        f"draw_network draws layers of neurons (an MLP, a Layer, or a Sequential of those), but {path} is "
        f"{brief(part)} ({type(part).__name__})"
    )


def _weights_of(layer: Layer, biases: bool) -> list[dict[int, float]]:
    """For each neuron of a layer, its weights by the index of their input, with or without the bias."""
    indexed = [enumerate(neuron.weights, BIAS if neuron.has_bias else 0) for neuron in layer.neurons]
    return [{index: weight._number for index, weight in each if biases or index != BIAS} for each in indexed]
