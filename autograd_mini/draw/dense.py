"""Models that are layers of neurons in a row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from autograd_mini.nn.layers import MLP, Layer, Neuron
from autograd_mini.nn.sequential import Sequential
from autograd_mini.primitives import brief

BIAS = -1
"""The index of the input 1 whose weights are the biases."""


def layers_of(model: Any) -> list[Layer]:
    """The layers that a model consists of.

    Raises:
        TypeError: it has other parts.
        ValueError: it has no layers, or layers that do not fit together.

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


def weights_of(layer: Layer, biases: bool) -> list[dict[int, float]]:
    """For each neuron its weights by the index of their input, with or without the bias."""
    return [_weights_of(neuron, biases) for neuron in layer.neurons]


def _weights_of(neuron: Neuron, biases: bool) -> dict[int, float]:
    numbers: Sequence[float] = [weight._data for weight in neuron.weights]
    first = BIAS if neuron.has_bias else 0
    weights = dict(enumerate(numbers, first))
    return weights if biases else {index: weight for index, weight in weights.items() if index != BIAS}
