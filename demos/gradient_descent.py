"""Gradient descent on the loss of one neuron with two weights, which can be drawn as a whole.

The neuron Y = w₀ + w₁ x is trained by the squared error on T examples (lecture: "Training Neural Nets through Gradient
Descent"):

    Loss(W) = 1/T Σ Div(Y_t, d_t), Div = ½ (Y - d)²        w ← w - η dLoss/dw  until Loss has converged

This loss is a quadratic bowl, so theory predicts what each learning rate η does: along the eigenvectors of the Hessian
∂²Loss/∂w², with eigenvalues λ, each step multiplies the distance from the minimum by |1 - η λ|. So η must be below 2/λ
for the largest λ. The script compares the measured factor with the larger of the two predicted ones, and the minimum
with the solution of the linear equations for it.

    python demos/gradient_descent.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, GREEN, ORANGE, PURPLE, parse_arguments, save_figure

from autograd_mini import hessian, mean, value_and_grad

N_EXAMPLES = 30
START = (-1.5, 2.0)
TOLERANCE = 1e-12
MAX_STEPS = 1000
N_DRAWN = 14  # steps over the bowl


class Descent(NamedTuple):
    """The course of a descent, and whether its loss converged."""

    rate: float
    ws: np.ndarray
    losses: np.ndarray
    converged: bool


def make_examples(seed: int) -> list[tuple[float, float]]:
    """Points near the line d = 0.5 + 1.2 x."""
    random = np.random.default_rng(seed)
    xs = random.uniform(-0.5, 2.0, N_EXAMPLES)
    return list(zip(xs.tolist(), (0.5 + 1.2 * xs + random.normal(0.0, 0.3, N_EXAMPLES)).tolist()))


def loss(w, examples):
    """The mean of Div over the examples."""
    return mean([0.5 * (w[0] + w[1] * x - d) ** 2 for x, d in examples])


def descend(examples, rate: float) -> Descent:
    """Repeat w ← w - η dLoss/dw until the loss stops changing, or becomes huge."""
    w, ws, losses = list(START), [], []
    while len(ws) < MAX_STEPS:
        value, slopes = value_and_grad(loss, 0)(w, examples)
        ws.append(w)
        losses.append(value)
        if value > 1e6:
            break
        if len(losses) > 1 and abs(losses[-2] - value) <= TOLERANCE:
            return Descent(rate, np.array(ws), np.array(losses), True)
        w = [each - rate * slope for each, slope in zip(w, slopes)]
    return Descent(rate, np.array(ws), np.array(losses), False)


def draw_descents(examples, descents, least: float, path: Path) -> None:
    """Plot the paths over the bowl, and how the loss falls."""
    figure, (bowl, course) = plt.subplots(1, 2, figsize=(17, 7.5), layout="constrained")
    w0s, w1s = np.linspace(-3.0, 3.5, 60), np.linspace(-2.0, 4.0, 60)
    heights = np.array([[loss([w0, w1], examples) for w0 in w0s] for w1 in w1s])
    bowl.contourf(w0s, w1s, heights, levels=np.geomspace(least, heights.max(), 16), cmap="Greys", alpha=0.55)
    for descent, colour, marker, style in zip(descents, (BLUE, GREEN, PURPLE, ORANGE), "osD^", ("-", "--", "-.", ":")):
        look = {"color": colour, "marker": marker, "linestyle": style, "linewidth": 1.8}
        bowl.plot(*descent.ws[:N_DRAWN].T, markersize=5, **look)
        state = f"converged in {len(descent.ws)} steps" if descent.converged else "grows"
        gaps = np.maximum(descent.losses - least, 1e-13)
        course.plot(gaps, markevery=(0.0, 0.12), markersize=8, label=f"η = {descent.rate:.2f} {state}", **look)
    bowl.plot(*descents[0].ws[-1], "*", color="black", markersize=18, label="minimum")
    bowl.set(
        xlim=(-3.0, 3.5),
        ylim=(-2.0, 4.0),
        xlabel="bias w₀",
        ylabel="weight w₁",
        title=f"Loss(W), darker where higher:\n{N_DRAWN} steps each",
    )
    bowl.legend(frameon=False)
    course.set(yscale="log", ylim=(1e-13, 1e3), xlabel="step", ylabel="Loss above its minimum")
    figure.legend(*course.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2)
    save_figure(figure, path)


def rate_of_approach(gaps: np.ndarray) -> float:
    """The factor by which a step changes the distance from the minimum, late but before rounding matters."""
    last = np.flatnonzero(gaps > 1e-4)[-1]
    return float(gaps[last] / gaps[last - 1])


def main():
    arguments = parse_arguments(__doc__)
    examples = make_examples(seed=849)
    curvatures = np.linalg.eigvalsh(hessian(loss, 0)(list(START), examples))
    limit = 2.0 / curvatures[-1]
    xs, ds = np.array(examples).T
    best = np.linalg.lstsq(np.stack([np.ones_like(xs), xs], axis=1), ds, rcond=None)[0]
    least = loss(best.tolist(), examples)
    print(f"Loss(W) = 1/T Σ ½ (w₀ + w₁ x - d)², T = {len(examples)}; ", end="")
    print(f"the eigenvalues λ of ∂²Loss/∂w² are {curvatures[0]:.4f} and {curvatures[1]:.4f}")
    print(f"minimum {least:.6f} at w₀ = {best[0]:.4f}, w₁ = {best[1]:.4f} from linear equations; ", end="")
    print(f"η must be below 2/λ = {limit:.4f}\n")

    descents = [descend(examples, rate) for rate in (0.1 * limit, 2.0 / curvatures.sum(), 0.97 * limit, 1.05 * limit)]
    print("     η   steps  state             w₀         w₁   factor a step: measured, max |1 - η λ|")
    errors = []
    for descent in descents:
        factor = rate_of_approach(np.linalg.norm(descent.ws - best, axis=1))
        expected = float(np.max(np.abs(1.0 - descent.rate * curvatures)))
        errors.append(abs(factor - expected))
        state, (w0, w1) = "converged" if descent.converged else "grows", descent.ws[-1]
        print(
            f"{descent.rate:6.4f} {len(descent.ws):7}  {state:10} {w0:10.4g} {w1:10.4g} {factor:17.4f} {expected:10.4f}"
        )
    draw_descents(examples, descents, least, arguments.out / "gradient_descent.png")
    print(f"picture in {arguments.out}/: gradient_descent.png")
    if max(errors) > 1e-3 or any(np.max(np.abs(each.ws[-1] - best)) > 1e-4 for each in descents if each.converged):
        sys.exit("the descents do not behave as the theory predicts")


if __name__ == "__main__":
    main()
