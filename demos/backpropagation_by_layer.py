"""Backpropagation layer by layer, by the lecture's formulas, beside what the graph says.

A network of a tanh, a ReLU and a softmax layer with the KL divergence is walked backwards, first number by number
(lecture: "The Backward Pass"), then in vectors ("Vector formulation"). Each derivative by its formula is compared with
the graph's own; a difference above 1e-12 makes the script fail. ∇ are rows, Jacobians of M outputs by D inputs are
M × D, and in their chain rule "the derivative of the outer function comes first".

    ∂Div/∂yᵢ⁽ᴺ⁾ = -dᵢ/Yᵢ for KL           ∂Div/∂zᵢ⁽ᵏ⁾ = Σⱼ ∂yⱼ/∂zᵢ ∂Div/∂yⱼ⁽ᵏ⁾    ∂Div/∂wᵢⱼ⁽ᵏ⁾ = yᵢ⁽ᵏ⁻¹⁾ ∂Div/∂zⱼ⁽ᵏ⁾
    J_y(z) = diag(f'(z)) for a scalar activation; yᵢ(δᵢⱼ - yⱼ) for softmax       J_z(y) = W for z = W y + b
    ∇_z Div = ∇_y Div J_y(z)              ∇_y Div = ∇_z Div W                  ∇_W Div = y ∇_z Div, ∇_b Div = ∇_z Div

    python demos/backpropagation_by_layer.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from common import parse_arguments, save_figure

from autograd_mini import Value, gradients, relu, softmax, tanh
from autograd_mini.nn import Layer, kl_softmax

TOLERANCE = 1e-12
SLOPES = {tanh: lambda z, y: 1.0 - y**2, relu: lambda z, y: (z >= 0.0).astype(float)}
Comparison = tuple[str, np.ndarray, np.ndarray]  # a derivative's name, by formula and by graph
np.set_printoptions(precision=4, suppress=True, linewidth=120)


class Step(NamedTuple):
    """What passed through a layer: y⁽ᵏ⁻¹⁾, z⁽ᵏ⁾ and y⁽ᵏ⁾, kept for the way back."""

    layer: Layer
    before: list[Value]
    z: list[Value]
    y: list[Value]


def forward(layers: list[Layer], x: list[Value]) -> list[Step]:
    """The forward pass, with all it computed."""
    steps = []
    for layer in layers:
        z = layer.affine(x)
        y = layer.activation(z) if layer.activation is softmax else [layer.activation(part) for part in z]
        steps.append(Step(layer, x, z, y))
        x = y
    return steps


def numbers(values) -> np.ndarray:
    """The data of Values."""
    return np.array([value.data for value in values])


def weights(layer: Layer) -> np.ndarray:
    """W with a row a neuron; column 0 holds the biases."""
    return np.array([numbers(neuron.weights) for neuron in layer.neurons])


def activation_jacobian(step: Step) -> np.ndarray:
    """J_y(z) by the lecture: full for softmax, diagonal for a scalar activation."""
    z, y = numbers(step.z), numbers(step.y)
    if step.layer.activation is softmax:
        return np.array([[y[i] * ((i == j) - y[j]) for j in range(len(y))] for i in range(len(y))])
    return np.diag(SLOPES[step.layer.activation](z, y))


def graph_jacobian(ys, xs) -> np.ndarray:
    """∂yᵢ/∂xⱼ from the graph, a row an output."""
    return np.array([gradients(y, xs) for y in ys])


def walk_numbers(steps: list[Step], d: int, divergence: Value) -> Iterator[Comparison]:
    """The backward pass one derivative at a time."""
    towards_y = [-float(i == d) / y.data for i, y in enumerate(steps[-1].y)]
    for k, step in reversed(list(enumerate(steps, start=1))):
        w, slopes, inputs = weights(step.layer), activation_jacobian(step), [1.0, *numbers(step.before)]
        outputs = range(len(step.y))
        towards_z = [sum(slopes[j][i] * towards_y[j] for j in outputs) for i in outputs]
        towards_w = [[y * towards_z[j] for y in inputs] for j in outputs]
        graph = [gradients(divergence, neuron.weights) for neuron in step.layer.neurons]
        yield f"∂Div/∂y({k})", np.array(towards_y), np.array(gradients(divergence, step.y))
        yield f"∂Div/∂z({k})", np.array(towards_z), np.array(gradients(divergence, step.z))
        yield f"∂Div/∂w({k}), a row a neuron", np.array(towards_w), np.array(graph)
        towards_y = [sum(w[j][i] * towards_z[j] for j in outputs) for i in range(1, len(inputs))]


def walk_vectors(steps: list[Step], d: int, divergence: Value) -> Iterator[Comparison]:
    """The backward pass in vectors and matrices, with the Jacobians and their product on the way."""
    y = numbers(steps[-1].y)
    chain = np.eye(len(y))
    of_y = -chain[d] / y
    for k, step in reversed(list(enumerate(steps, start=1))):
        w, inputs, of_f = weights(step.layer)[:, 1:], numbers(step.before), activation_jacobian(step)
        graph = np.array([gradients(divergence, neuron.weights) for neuron in step.layer.neurons])
        of_z = of_y @ of_f
        of_w = np.outer(inputs, of_z)
        of_y, chain = of_z @ w, chain @ of_f @ w
        yield f"J_y{k}(z{k}) of {step.layer.activation.__name__}", of_f, graph_jacobian(step.y, step.z)
        yield f"∇_z{k} Div = ∇_y{k} Div J_y{k}(z{k})", of_z, np.array(gradients(divergence, step.z))
        yield f"∇_b{k} Div = ∇_z{k} Div", of_z, graph[:, 0]
        yield f"∇_W{k} Div = y{k - 1} ∇_z{k} Div, {of_w.shape} for W {w.shape}", of_w, graph[:, 1:].T
        yield f"J_z{k}(y{k - 1}) = W{k}", w, graph_jacobian(step.z, step.before)
        yield f"∇_y{k - 1} Div = ∇_z{k} Div W{k}", of_y, np.array(gradients(divergence, step.before))
        yield f"J_Y(y{k - 1}), outer function first", chain, graph_jacobian(steps[-1].y, step.before)


def draw_jacobians(steps: list[Step], path) -> None:
    """The three kinds of Jacobians as the lecture shows them, and their product."""
    matrices = {
        "tanh: diagonal": activation_jacobian(steps[0]),
        "softmax: full": activation_jacobian(steps[-1]),
        "affine: W": weights(steps[0].layer)[:, 1:],
        "all layers: their product": graph_jacobian(steps[-1].y, steps[0].before),
    }
    figure, panels = plt.subplots(1, 4, figsize=(16, 4.6), layout="constrained")
    for axes, (title, matrix) in zip(panels, matrices.items()):
        axes.imshow(matrix, cmap="PuOr_r", vmin=-1.3, vmax=1.3)
        axes.set(title=title, xticks=[], yticks=[], xlabel=f"{matrix.shape[0]} × {matrix.shape[1]}")
        axes.spines[:].set_visible(False)
        for (i, j), number in np.ndenumerate(matrix):
            axes.text(j, i, f"{number:.2f}", ha="center", va="center", color="white" if abs(number) > 0.8 else "black")
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__.splitlines()[0])
    layers = [Layer(3, 4, "tanh", random=1), Layer(4, 3, "relu", random=5), Layer(3, 3, "softmax", random=3)]
    d, steps = 1, forward(layers, [Value(number) for number in (0.5, -1.0, 2.0)])
    divergence = kl_softmax(steps[-1].y, d)
    print(f"x = {numbers(steps[0].before)}, Y = {numbers(steps[-1].y)}, d = {d}, Div = {divergence.data:.6f}")

    differences = []
    for title, walk in (("number by number", walk_numbers), ("in vectors", walk_vectors)):
        print(f"\n--- Backward pass, {title} ---")
        for name, by_formula, by_graph in walk(steps, d, divergence):
            differences.append(np.max(np.abs(np.subtract(by_formula, by_graph))))
            print(f"{name}   (graph: within {differences[-1]:.0e})\n{by_formula + 0.0}")
    draw_jacobians(steps, arguments.out / "jacobians.png")
    print(f"largest difference of {len(differences)}: {max(differences):.1e}; picture: {arguments.out}/jacobians.png")
    if not all(difference <= TOLERANCE for difference in differences):
        sys.exit(f"the formulas and the graph differ by more than {TOLERANCE:g}")


if __name__ == "__main__":
    main()
