"""The backward pass in vectors and matrices, with the Jacobians on the way.

The same network as in backpropagation_by_layer.py (lecture: "Vector formulation", "The Jacobian", "Chain rule",
"Scalar functions of Affine functions"). ∇ are rows, Jacobians of M outputs by D inputs are M × D, and in their chain
rule "the derivative of the outer function comes first":

    z_k = W_k y_{k-1} + b_k, y_k = f_k(z_k)      J_z(y) = W      J_y(z) = diag(f'(z)) or, for softmax, yᵢ(δᵢⱼ - yⱼ)
    ∇_z Div = ∇_y Div J_y(z)     ∇_y Div = ∇_z Div W     ∇_W Div = y ∇_z Div     ∇_b Div = ∇_z Div

Each is compared with the graph of scalars; a difference above 1e-12 makes the script fail. Finally, `compile` finds the
same formulation by itself from that graph. Its ∇ have the shape of what they belong to: the transposes of the
lecture's.

    python demos/vector_formulation.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from common import SIGNS, parse_arguments, save_figure
from layered_network import (
    Comparison,
    Step,
    activation_jacobian,
    example_layers,
    forward,
    graph_jacobian,
    numbers,
    print_comparisons,
    require_agreement,
    weights,
)

from autograd_mini import Value, compile, dot, gradients, relu, softmax, tanh
from autograd_mini.nn import kl_softmax

np.set_printoptions(precision=4, suppress=True, linewidth=120)


def walk_back(steps: list[Step], d: int, divergence: Value) -> Iterator[Comparison]:
    """Yield the steps of the backward pass in vectors and matrices, with the Jacobians and their product."""
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


def scalar_divergence(W1, b1, W2, b2, W3, b3, x, d):
    """The same network as a function of scalars, for `compile`; d is 1 for the right class, 0 for the others."""
    y = [tanh(dot(w, x) + b) for w, b in zip(W1, b1)]
    y = [relu(dot(w, y) + b) for w, b in zip(W2, b2)]
    y = softmax([dot(w, y) + b for w, b in zip(W3, b3)])
    return -dot(d, [each.log() for each in y])


def draw_jacobians(steps: list[Step], path: Path) -> None:
    """Draw the lecture's three kinds of Jacobians, and their product."""
    matrices = {
        "tanh: diagonal": activation_jacobian(steps[0]),
        "softmax: full": activation_jacobian(steps[-1]),
        "affine: W": weights(steps[0].layer)[:, 1:],
        "all layers: their product": graph_jacobian(steps[-1].y, steps[0].before),
    }
    figure, panels = plt.subplots(1, 4, figsize=(13.33, 5.5), layout="constrained")
    for axes, (title, matrix) in zip(panels, matrices.items()):
        axes.imshow(matrix, cmap=SIGNS, vmin=-1.3, vmax=1.3)
        axes.set(title=title, xticks=[], yticks=[], xlabel=f"{matrix.shape[0]} × {matrix.shape[1]}")
        axes.spines[:].set_visible(False)
        for (i, j), number in np.ndenumerate(matrix):
            axes.text(j, i, f"{number:.2f}", ha="center", va="center", color="white" if abs(number) > 0.86 else "black")
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    layers, x, d = example_layers(), [0.5, -1.0, 2.0], 1
    steps = forward(layers, [Value(number) for number in x])
    divergence = kl_softmax(steps[-1].y, d)
    comparisons = list(walk_back(steps, d, divergence))
    largest = print_comparisons(comparisons)
    draw_jacobians(steps, arguments.out / "jacobians.png")
    print(f"largest difference of all {len(comparisons)}: {largest:.1e}; picture: {arguments.out}/jacobians.png")

    parameters = [part for w in map(weights, layers) for part in (w[:, 1:], w[:, 0])]
    compiled = compile(scalar_divergence, wrt=["W1", "b1", "W2", "b2", "W3", "b3"])
    _, found = compiled.value_and_grad(*parameters, x, np.eye(3)[d])
    print(f"\nWhat `compile` finds in the graph of scalars:\n{compiled.program}")
    by_graph = [np.array([gradients(divergence, neuron.weights) for neuron in layer.neurons]) for layer in layers]
    expected = [part for w in by_graph for part in (w[:, 1:], w[:, 0])]
    largest = max(largest, *(float(np.max(np.abs(a - b))) for a, b in zip(found, expected, strict=True)))
    print(f"largest difference, including the {len(found)} gradients of the compiled function: {largest:.1e}")
    require_agreement(largest)


if __name__ == "__main__":
    main()
