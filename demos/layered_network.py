"""Code shared by the demos of the forward and backward pass: layers with all they computed, and a picture of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, ORANGE, SLIDE, save_figure

from autograd_mini import Value, gradients, relu, softmax, tanh
from autograd_mini.mathematics import weight_name
from autograd_mini.nn import Layer

SLOPES = {tanh: lambda z, y: 1.0 - y**2, relu: lambda z, y: (z >= 0.0).astype(float)}
SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
TOLERANCE = 1e-12
NAMED = 9  # lines are labelled with the weights' names if no two columns have more weights between them than this
BOX = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "0.3"}

Comparison = tuple[str, np.ndarray, np.ndarray]
"""The name of a derivative, the derivative by formula, and by graph."""


class Step(NamedTuple):
    """A layer and its y⁽ᵏ⁻¹⁾, z⁽ᵏ⁾ and y⁽ᵏ⁾, kept for the backward pass."""

    layer: Layer
    before: list[Value]
    z: list[Value]
    y: list[Value]


def example_layers() -> list[Layer]:
    """A tanh, a ReLU and a softmax layer."""
    return [Layer(3, 4, "tanh", random=1), Layer(4, 3, "relu", random=5), Layer(3, 3, "softmax", random=3)]


def forward(layers: Iterable[Layer], x: list[Value]) -> list[Step]:
    """The forward pass: all layers with what they computed."""
    steps = []
    for layer in layers:
        z = layer.affine(x)
        y = layer.activation(z) if layer.activation is softmax else [layer.activation(part) for part in z]
        steps.append(Step(layer, x, z, y))
        x = y
    return steps


def numbers(values: Iterable[Value]) -> np.ndarray:
    """The data of Values."""
    return np.array([value.data for value in values])


def weights(layer: Layer) -> np.ndarray:
    """W with one row for each neuron; column 0 holds the biases."""
    return np.array([numbers(neuron.weights) for neuron in layer.neurons])


def activation_jacobian(step: Step) -> np.ndarray:
    """J_y(z) by the lecture's formulas: full for softmax, diagonal for a scalar activation."""
    z, y = numbers(step.z), numbers(step.y)
    if step.layer.activation is softmax:
        return np.array([[y[i] * ((i == j) - y[j]) for j in range(len(y))] for i in range(len(y))])
    return np.diag(SLOPES[step.layer.activation](z, y))


def graph_jacobian(ys: Iterable[Value], xs: Sequence[Value]) -> np.ndarray:
    """∂yᵢ/∂xⱼ from the graph, with one row for each output."""
    return np.array([gradients(y, xs) for y in ys])


def print_comparisons(comparisons: Iterable[Comparison]) -> float:
    """Each derivative by its formula, and the largest difference from the graph's of all."""
    differences = []
    for name, by_formula, by_graph in comparisons:
        differences.append(float(np.max(np.abs(np.subtract(by_formula, by_graph)))))
        print(f"{name}   (graph: within {differences[-1]:.0e})\n{np.asarray(by_formula) + 0.0}")
    return max(differences)


def require_agreement(largest: float) -> None:
    """End the script with an error if a formula and the graph differ by more than rounding."""
    if not largest <= TOLERANCE:
        sys.exit(f"the formulas and the graph differ by more than {TOLERANCE:g}")


def draw_layers(
    matrices: Sequence[np.ndarray],
    captions: Sequence[Sequence[str]],
    titles: Sequence[str],
    path: Path,
    divergence: str = "",
) -> None:
    """Draw units in columns, with the numbers computed in them, joined by their weights: blue if positive, orange and
    dashed if negative, and as wide as they are large. A dashed 1 is the unit y₀ whose weights are the biases. (In
    `draw_network`, units show their names instead.)

    Args:
        matrices: the weights between one column and the next, one row for each unit, its bias first.
        captions: the texts in the units of each column.
        titles: the title above each column.
        divergence: the text in a box after the outputs, if any.
    """
    figure, axes = plt.subplots(figsize=SLIDE, layout="constrained")
    tallest = max(map(len, captions)) + 1  # the bias
    places = [[(k, (len(column) - 1) / 2 - i) for i in range(len(column))] for k, column in enumerate(captions)]
    largest = max(np.abs(matrix).max() for matrix in matrices)
    are_named = max(matrix.size for matrix in matrices) <= NAMED
    for k, (matrix, column, ends) in enumerate(zip(matrices, places, places[1:]), start=1):
        bias = (column[0][0], column[0][1] + 0.9)
        axes.text(*bias, "1", ha="center", va="center", bbox={**BOX, "linestyle": "--", "facecolor": "0.93"})
        for (j, i), weight in np.ndenumerate(matrix):
            (x, y), (x_end, y_end) = start, end = [bias, *column][i], ends[j]
            look = {"color": ORANGE, "linestyle": "--"} if weight < 0 else {"color": BLUE if weight > 0 else "0.6"}
            axes.plot(*zip(start, end), linewidth=0.4 + 4 * abs(weight) / largest, alpha=0.55, zorder=1, **look)
            if are_named:
                share = 0.22 + 0.16 * ((i + j) % 2)  # in two columns, so that labels do not overlap
                place, name = (x + share * (x_end - x), y + share * (y_end - y)), weight_name(i, j + 1, k)
                axes.text(
                    *place, name, ha="center", va="center", bbox={"facecolor": "white", "pad": 1, "edgecolor": "none"}
                )
    for column, lines, title in zip(places, captions, titles):
        axes.text(column[0][0], tallest / 2 + 0.25, title, ha="center", weight="bold")
        for (x, y), line in zip(column, lines):
            axes.text(x, y, line, ha="center", va="center", bbox=BOX, linespacing=1.4)
    if divergence:
        x = places[-1][0][0] + 0.75
        axes.text(x, 0, divergence, ha="center", va="center", bbox={**BOX, "facecolor": "#e3f3ec"}, linespacing=1.4)
        for place in places[-1]:
            axes.plot(*zip(place, (x, 0)), color="0.6", linewidth=1.5, zorder=0)
    note = "lines: weights, blue if positive, orange and dashed if negative, wide if large; 1: the unit of the biases"
    axes.set(
        xlim=(-0.35, places[-1][0][0] + (1.1 if divergence else 0.35)), ylim=(-tallest / 2 - 0.1, tallest / 2 + 0.5)
    )
    axes.set_xlabel(note)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    save_figure(figure, path)
