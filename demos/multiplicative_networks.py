"""Multiplicative networks: units that multiply other units, and why gates do so.

The layers of the earlier demos add weighted inputs; LSTMs, GRUs and attention multiply units by units (lecture:
"Special Case 2: Multiplicative networks"). The derivative with respect to each factor is the other one:

    oᵢ = yⱼ y_l        ∂Div/∂yⱼ = y_l ∂Div/∂oᵢ        ∂Div/∂y_l = yⱼ ∂Div/∂oᵢ
    as a vector activation of neighbours: yᵢ = z₂ᵢ₋₁ z₂ᵢ        of many: ∂(Π y)/∂yⱼ = the product of the others

A gate is a factor f = σ(z) between 0 and 1. The derivative of a gated memory with respect to its first state lasts as
long as the gate stays open; that of a plain recurrent unit vanishes, even for a large w, since then the tanh saturates:

    c_t = f c_{t-1} + (1 - f) g_t        ∂c_t/∂c₀ = f · f · …
    h_t = tanh(w h_{t-1} + g_t)          ∂h_t/∂h₀ = w (1 - h₁²) · w (1 - h₂²) · …

    python demos/multiplicative_networks.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from pathlib import Path
from random import Random

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, GREEN, ORANGE, PURPLE, parse_arguments, save_figure
from layered_network import Comparison, graph_jacobian, numbers, print_comparisons, require_agreement

from autograd_mini import Value, gradients, sigmoid, tanh
from autograd_mini.nn import PairProducts, ProductUnits, squared_error

Y = (2.0, -0.5, 3.0, 0.0)
PAIRS = ((0, 1), (1, 2), (3, 3))
STEPS = 60
np.set_printoptions(precision=4, suppress=True, linewidth=120)


def back_through_products(y, pairs, towards_o) -> np.ndarray:
    """∂Div/∂yⱼ += y_l ∂Div/∂oᵢ and ∂Div/∂y_l += yⱼ ∂Div/∂oᵢ for every pair; a unit may be in several."""
    towards_y = np.zeros(len(y))
    for (j, other), towards in zip(pairs, towards_o):
        towards_y[j] += y[other] * towards
        towards_y[other] += y[j] * towards
    return towards_y


def compare(y_numbers) -> Iterator[Comparison]:
    """Yield derivatives of products, each by formula and by graph."""
    y = [Value(number) for number in y_numbers]
    o = PairProducts(len(y), PAIRS)(y)
    divergence = squared_error(o, [1.0] * len(o))
    towards_o = numbers(o) - 1.0
    name = f"oᵢ = yⱼ y_l for (j, l) in {PAIRS}"
    yield f"{name}: o", np.array([y_numbers[j] * y_numbers[other] for j, other in PAIRS]), numbers(o)
    yield "∂Div/∂o of the squared error", towards_o, np.array(gradients(divergence, o))
    found = np.array(gradients(divergence, y))
    yield "∂Div/∂yⱼ = y_l ∂Div/∂oᵢ, summed over pairs", back_through_products(y_numbers, PAIRS, towards_o), found

    halves = PairProducts(len(y))(y)
    jacobian = np.zeros((len(halves), len(y)))
    for i in range(len(halves)):
        jacobian[i, 2 * i], jacobian[i, 2 * i + 1] = y_numbers[2 * i + 1], y_numbers[2 * i]
    yield "as a vector activation, yᵢ = z₂ᵢ₋₁ z₂ᵢ: its Jacobian", jacobian, graph_jacobian(halves, y)

    (product,) = ProductUnits(len(y), [range(len(y))])(y)
    others = np.array([np.prod([*y_numbers[:j], *y_numbers[j + 1 :]]) for j in range(len(y))])
    yield "Π y: the product of the others, with a zero too", others, np.array(gradients(product, y))


def gated_memory(c: Value, f: Value, inputs) -> list[Value]:
    """The states c_t = f c_{t-1} + (1 - f) g_t."""
    states = [c]
    for g in inputs:
        states.append(f * states[-1] + (1.0 - f) * g)
    return states


def plain_unit(h: Value, w: float, inputs) -> list[Value]:
    """The states h_t = tanh(w h_{t-1} + g_t)."""
    states = [h]
    for g in inputs:
        states.append(tanh(w * states[-1] + g))
    return states


def memories(inputs) -> dict[str, tuple[list[float], list[float]]]:
    """For gates and plain units, the derivative of each state with respect to the first, by graph and by formula."""
    found = {}
    for openness in (0.99, 0.9, 0.5):
        start = Value(0.3)
        f = sigmoid(Value(log(openness / (1.0 - openness))))
        by_graph = [gradients(state, [start])[0] for state in gated_memory(start, f, inputs)]
        found[f"gate f = {openness}"] = by_graph, [openness**t for t in range(len(inputs) + 1)]
    for w in (0.5, 1.0, 2.0):
        start = Value(0.3)
        states = plain_unit(start, w, inputs)
        slopes = np.array([1.0, *(w * (1.0 - h.data**2) for h in states[1:])])
        found[f"tanh, w = {w:g}"] = [gradients(h, [start])[0] for h in states], np.cumprod(slopes).tolist()
    return found


def draw_memories(curves, path: Path) -> None:
    """Plot how derivatives last or vanish over the steps."""
    figure, axes = plt.subplots(figsize=(11, 7), layout="constrained")
    colours, styles = (BLUE, GREEN, PURPLE, ORANGE, "0.3", "#E69F00"), ("-", "-", "-", "--", "--", "--")
    for (name, (by_graph, _)), colour, style, marker in zip(curves.items(), colours, styles, "os^Dv<"):
        axes.plot(by_graph, color=colour, linestyle=style, marker=marker, markevery=10, markersize=8, label=name)
    axes.set(yscale="log", ylim=(1e-12, 3.0), xlabel="step t", ylabel="∂(state at step t)/∂(first state)")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.set_title("How the first state's influence fades")
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    print(f"y = {Y}")
    comparisons = list(compare(Y))
    largest = print_comparisons(comparisons)

    random = Random(849)
    curves = memories([random.gauss(0.0, 0.5) for _ in range(STEPS)])
    print(f"\n∂state_t/∂state₀ after {STEPS} steps: f · f · … for a gate, Π w (1 - h_t²) for a plain unit")
    for name, (by_graph, by_formula) in curves.items():
        print(f"{name:14} {by_formula[-1]:.3e}   (graph: {by_graph[-1]:.3e})")
        largest = max(largest, float(np.max(np.abs(np.subtract(by_graph, by_formula)))))
    draw_memories(curves, arguments.out / "gates.png")
    print(f"largest difference of all: {largest:.1e}; picture in {arguments.out}/: gates.png")
    require_agreement(largest)


if __name__ == "__main__":
    main()
