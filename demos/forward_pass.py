"""The forward pass, neuron by neuron, in plain scalar code.

The bias of each neuron is weight 0, of an extra input y₀ = 1 (lecture: "Forward pass"). From y⁽⁰⁾ = x, layer by layer:

    zⱼ⁽ᵏ⁾ = Σᵢ wᵢⱼ⁽ᵏ⁾ yᵢ⁽ᵏ⁻¹⁾        yⱼ⁽ᵏ⁾ = f(zⱼ⁽ᵏ⁾)        Y = y⁽ᴺ⁾

The script prints each sum with its numbers, and compares Y with the output of the class `MLP`, which records each sum
as one node. All intermediate values stay in the graph: "We must remember them".

    python demos/forward_pass.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import sys

import numpy as np
from common import parse_arguments
from layered_network import SUPERSCRIPTS, draw_layers, weights

from autograd_mini import Value, tanh
from autograd_mini.draw import draw
from autograd_mini.graph import topological_order
from autograd_mini.nn import MLP

SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"
X = (0.5, -1.0)


def forward_pass(matrices, f, x):
    """z⁽ᵏ⁾ and y⁽ᵏ⁾ of each layer, y without y₀; `matrices[k][j]` holds a neuron's weights, its bias first."""
    zs, ys = [], [list(x)]
    for w in matrices:
        y = [1.0, *ys[-1]]
        z = [sum(w[j][i] * y[i] for i in range(len(y))) for j in range(len(w))]
        zs.append(z)
        ys.append([f(each) for each in z])
    return zs, ys


def written_out(k: int, j: int, w, y, z, output) -> str:
    """One neuron's sum and output, written out with their numbers."""
    layer, neuron = SUPERSCRIPTS[k], SUBSCRIPTS[j]
    terms = " + ".join(f"({weight:.2f})·({each:.3g})" for weight, each in zip(w, y))
    return f"z{neuron}⁽{layer}⁾ = {terms} = {z:.4f}   y{neuron}⁽{layer}⁾ = tanh(z{neuron}⁽{layer}⁾) = {output:.4f}"


def main():
    arguments = parse_arguments(__doc__)
    model = MLP(2, [3, 2], activation="tanh", output="tanh", random=4)
    for place, neuron in enumerate(neuron for layer in model.layers for neuron in layer.neurons):
        neuron.weights[0].data = 0.1 * (place + 1)  # biases start at 0, which would not show their part
    matrices = [weights(layer).tolist() for layer in model.layers]

    zs, ys = forward_pass(matrices, tanh, X)
    print(f"x = {X}, layers of {', '.join(str(len(z)) for z in zs)} neurons, y₀ = 1 before each layer's inputs")
    for k, (w, z) in enumerate(zip(matrices, zs), start=1):
        print(f"\nlayer {k}: zⱼ = Σᵢ wᵢⱼ yᵢ, yⱼ = tanh(zⱼ)")
        for j in range(len(z)):
            print(written_out(k, j + 1, w[j], [1.0, *ys[k - 1]], z[j], ys[k][j]))

    outputs = model([Value(number, label=f"x{i}") for i, number in enumerate(X, start=1)])
    difference = max(abs(y - output.data) for y, output in zip(ys[-1], outputs))
    print(f"\nY = {np.array(ys[-1])}; the MLP's Y differs by {difference:.0e}, ", end="")
    print(f"and its graph has {len(topological_order(*outputs))} nodes, weights included")

    captions = [[f"$x_{i}$ = {x:g}" for i, x in enumerate(X, start=1)]]
    captions += [[f"z = {each:.3f}\ny = {f:.3f}" for each, f in zip(z, y)] for z, y in zip(zs, ys[1:])]
    titles = ["y⁽⁰⁾ = x", "layer 1", "layer 2, Y"]
    draw_layers([np.array(w) for w in matrices], captions, titles, arguments.out / "forward_pass.png")
    draw(outputs[0], parameters=model.parameters()).save(arguments.out / "forward_graph.svg")
    print(f"pictures in {arguments.out}/: forward_pass.png, forward_graph.svg (the graph of Y₁)")
    if not difference < 1e-14:
        sys.exit("the sums and the graph differ")


if __name__ == "__main__":
    main()
