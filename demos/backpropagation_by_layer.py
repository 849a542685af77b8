"""The backward pass number by number, by the lecture's formulas, compared with the graph.

The script goes backward through a network of a tanh, a ReLU and a softmax layer with the KL divergence, from the
derivative with respect to its output to those with respect to its weights (lecture: "Today's Topic"). Each derivative
is computed by its formula and compared with the graph's; a difference above 1e-12 makes the script fail.

    ∂Div/∂yᵢ⁽ᴺ⁾ = -dᵢ/Yᵢ for KL           ∂Div/∂zᵢ⁽ᵏ⁾ = f'(zᵢ⁽ᵏ⁾) ∂Div/∂yᵢ⁽ᵏ⁾, for softmax Σⱼ ∂yⱼ/∂zᵢ ∂Div/∂yⱼ⁽ᵏ⁾
    ∂Div/∂wᵢⱼ⁽ᵏ⁾ = yᵢ⁽ᵏ⁻¹⁾ ∂Div/∂zⱼ⁽ᵏ⁾      ∂Div/∂yᵢ⁽ᵏ⁻¹⁾ = Σⱼ wᵢⱼ⁽ᵏ⁾ ∂Div/∂zⱼ⁽ᵏ⁾

    python demos/backpropagation_by_layer.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from common import parse_arguments
from layered_network import (
    SUPERSCRIPTS,
    Comparison,
    Step,
    activation_jacobian,
    draw_layers,
    example_layers,
    forward,
    numbers,
    print_comparisons,
    require_agreement,
    weights,
)

from autograd_mini import Value, gradients
from autograd_mini.nn import kl_softmax

np.set_printoptions(precision=4, suppress=True, linewidth=120)


def walk_back(steps: list[Step], d: int, divergence: Value) -> Iterator[Comparison]:
    """Go through the backward pass one derivative at a time, each by formula and by graph."""
    towards_y = [-float(i == d) / y.data for i, y in enumerate(steps[-1].y)]
    for k, step in reversed(list(enumerate(steps, start=1))):
        w, slopes, inputs = weights(step.layer), activation_jacobian(step), [1.0, *numbers(step.before)]
        outputs = range(len(step.y))
        towards_z = [sum(slopes[j][i] * towards_y[j] for j in outputs) for i in outputs]
        towards_w = [[y * towards_z[j] for y in inputs] for j in outputs]
        graph = [gradients(divergence, neuron.weights) for neuron in step.layer.neurons]
        yield f"∂Div/∂y⁽{SUPERSCRIPTS[k]}⁾", np.array(towards_y), np.array(gradients(divergence, step.y))
        yield f"∂Div/∂z⁽{SUPERSCRIPTS[k]}⁾", np.array(towards_z), np.array(gradients(divergence, step.z))
        yield f"∂Div/∂w⁽{SUPERSCRIPTS[k]}⁾, one row a neuron, bias first", np.array(towards_w), np.array(graph)
        towards_y = [sum(w[j][i] * towards_z[j] for j in outputs) for i in range(1, len(inputs))]


def main():
    arguments = parse_arguments(__doc__)
    d, steps = 1, forward(example_layers(), [Value(number) for number in (0.5, -1.0, 2.0)])
    divergence = kl_softmax(steps[-1].y, d)
    print(f"x = {numbers(steps[0].before)}, Y = {numbers(steps[-1].y)}, d = {d}, Div = {divergence.data:.6f}\n")
    comparisons = list(walk_back(steps, d, divergence))
    largest = print_comparisons(comparisons)

    divergence.backward()
    captions = [[f"y = {x.data:.2f}\n∂Div/∂y = {x.grad:+.2f}" for x in steps[0].before]] + [
        [
            f"z = {z.data:.2f}, y = {y.data:.2f}\n∂Div/∂y = {y.grad:+.2f}\n∂Div/∂z = {z.grad:+.2f}"
            for z, y in zip(*step[2:])
        ]
        for step in steps
    ]
    names = [f"layer {k}, {step.layer.activation.__name__}" for k, step in enumerate(steps, start=1)]
    matrices = [weights(step.layer) for step in steps]
    behind = f"Div(Y, d)\n= {divergence.data:.2f}\nd = {d}"
    draw_layers(matrices, captions, ["x", *names], arguments.out / "backward_pass.png", behind)
    print(f"largest difference of all {len(comparisons)}: {largest:.1e}; picture: {arguments.out}/backward_pass.png")
    require_agreement(largest)


if __name__ == "__main__":
    main()
