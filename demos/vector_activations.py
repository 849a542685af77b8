"""Vector activations: every z influences every y, so derivatives are summed over all outputs.

A scalar activation maps each z to one y; softmax, or the maximum over subsets, maps several z to each y (lecture:
"Special Case 1. Vector activations"). In the backward pass, each zᵢ collects its influence on every yⱼ:

    ∂Div/∂zᵢ = Σⱼ ∂yⱼ/∂zᵢ ∂Div/∂yⱼ            a scalar activation is the case ∂yⱼ/∂zᵢ = 0 for i ≠ j
    softmax:  yᵢ = exp(zᵢ) / Σⱼ exp(zⱼ)        ∂yⱼ/∂zᵢ = yⱼ (δᵢⱼ - yᵢ)        with KL: ∂Div/∂zᵢ = yᵢ - dᵢ
    maximum:  yⱼ = max over l ∈ δⱼ of z_l       ∂yⱼ/∂zᵢ = 1 if i = argmax over l ∈ δⱼ of z_l, else 0

Each is printed by its formula and compared with the graph.

    python demos/vector_activations.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from common import parse_arguments
from layered_network import Comparison, graph_jacobian, numbers, print_comparisons, require_agreement

from autograd_mini import Value, gradients, softmax, tanh
from autograd_mini.draw import draw_influence
from autograd_mini.nn import MaxOver, kl_softmax, squared_error

Z = (1.0, -0.5, 2.0)
SUBSETS = ((0, 1), (1, 2))
np.set_printoptions(precision=4, suppress=True, linewidth=120)


def collect(jacobian: np.ndarray, towards_y: np.ndarray) -> np.ndarray:
    """∂Div/∂zᵢ = Σⱼ ∂yⱼ/∂zᵢ ∂Div/∂yⱼ, from the Jacobian, with one row for each output, and the ∂Div/∂yⱼ."""
    outputs, inputs = jacobian.shape
    return np.array([sum(jacobian[j, i] * towards_y[j] for j in range(outputs)) for i in range(inputs)])


def jacobian_of_softmax(y: np.ndarray) -> np.ndarray:
    """yⱼ (δᵢⱼ - yᵢ), with one row for each output j."""
    return np.array([[y[j] * (float(i == j) - y[i]) for i in range(len(y))] for j in range(len(y))])


def jacobian_of_maxima(z: np.ndarray, subsets=SUBSETS) -> np.ndarray:
    """One row for each subset: 1 at its largest z (the first of equal ones), else 0."""
    rows = np.zeros((len(subsets), len(z)))
    for row, subset in zip(rows, subsets):
        row[max(subset, key=lambda i: z[i])] = 1.0
    return rows


def compare(z_numbers, d: int) -> Iterator[Comparison]:
    """Yield the derivatives of three activations at z, each by formula and by graph."""
    z = [Value(number) for number in z_numbers]
    y = [tanh(each) for each in z]
    divergence = squared_error(y, [float(i == d) for i in range(len(y))])
    towards_y = np.array(gradients(divergence, y))
    diagonal = np.diag(1.0 - numbers(y) ** 2)
    yield "tanh: J_y(z) is diagonal", diagonal, graph_jacobian(y, z)
    yield "tanh: ∂Div/∂z", collect(diagonal, towards_y), np.array(gradients(divergence, z))

    y = softmax(z)
    divergence = kl_softmax(y, d)
    full, towards_y = jacobian_of_softmax(numbers(y)), np.array(gradients(divergence, y))
    yield "softmax: ∂yⱼ/∂zᵢ = yⱼ (δᵢⱼ - yᵢ)", full, graph_jacobian(y, z)
    yield "softmax: ∂Div/∂yⱼ of KL, -dⱼ/yⱼ", -np.eye(len(y))[d] / numbers(y), towards_y
    yield "softmax: ∂Div/∂zᵢ = Σⱼ ∂yⱼ/∂zᵢ ∂Div/∂yⱼ", collect(full, towards_y), np.array(gradients(divergence, z))
    yield "softmax with KL: yᵢ - dᵢ", numbers(y) - np.eye(len(y))[d], np.array(gradients(divergence, z))

    y = MaxOver(len(z), SUBSETS)(z)
    divergence = squared_error(y, [0.0] * len(y))
    chosen, towards_y = jacobian_of_maxima(np.array(z_numbers)), np.array(gradients(divergence, y))
    yield f"maximum over δ = {SUBSETS}: 1 at the argmax", chosen, graph_jacobian(y, z)
    yield "maximum: ∂Div/∂z", collect(chosen, towards_y), np.array(gradients(divergence, z))


def draw_influences(folder: Path) -> list[str]:
    """Draw the lecture's influence diagrams, and return the names of the files."""
    functions = {"tanh": "tanh", "softmax": "softmax", "maximum": MaxOver(len(Z), SUBSETS)}
    names = [f"influence_{name}.png" for name in functions]
    for name, function in zip(names, functions.values()):
        draw_influence(function, Z).save(folder / name)
    return names


def main():
    arguments = parse_arguments(__doc__)
    print(f"z = {Z}, d = class 0")
    comparisons = list(compare(Z, d=0))
    largest = print_comparisons(comparisons)
    names = draw_influences(arguments.out)
    print(f"largest difference of all {len(comparisons)}: {largest:.1e}; ", end="")
    print(f"pictures in {arguments.out}/: {', '.join(names)}")
    require_agreement(largest)


if __name__ == "__main__":
    main()
