"""Gradient descent where the function has kinks, on a convex and on a non-convex function.

    convex       f(x) = |x - 1| + ½ max(0, x)      kinks at 0 and at 1, where its minimum ½ is
    non-convex   g(x) = |x² - 1| + 0.3 x           kinks at -1 and 1, each the bottom of a basin

At a kink `grad` gives a subgradient v (see subgradients.py), and descent steps x ← x - η v "until Loss has converged".
Next to a kink v does not become small, so with a constant η descent hops to and fro; with η_t = η/(t + 1) it settles.

    python demos/convergence.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, GREEN, ORANGE, PURPLE, parse_arguments, save_figure
from subgradients import convex, non_convex

from autograd_mini import Value
from autograd_mini.optim import SGD, StepDecay

PATIENCE = 50
TOLERANCE = 1e-3


class Path(NamedTuple):
    """The course of a descent, and whether its loss converged."""

    name: str
    xs: list[float]
    losses: list[float]
    converged: bool


def descend(name, f, start, rate, max_steps) -> Path:
    """Repeat x ← x - η v until the losses of the last steps agree."""
    x = Value(start)
    optimizer = SGD([x], rate)
    xs, losses = [], []
    while len(xs) < max_steps:
        optimizer.zero_grad()
        loss = f(x)
        loss.backward()
        xs.append(x.data)
        losses.append(loss.data)
        if len(losses) > PATIENCE and max(losses[-PATIENCE:]) - min(losses[-PATIENCE:]) < TOLERANCE:
            return Path(name, xs, losses, True)
        optimizer.step()
    return Path(name, xs, losses, False)


def draw_descents(f, paths: list[Path], title: str, least: float, curve_axes, gap_axes) -> None:
    """Plot a function with the first steps of each descent and its end, and, step by step, how far the loss is above
    its least value."""
    grid = np.linspace(-2.3, 2.3, 461)
    curve_axes.plot(grid, [f(x) for x in grid], color="0.7", linewidth=5, zorder=0)
    for path, colour, marker, style in zip(paths, (BLUE, ORANGE, GREEN, PURPLE), "osD^", ("-", "--", "-.", ":")):
        look = {"color": colour, "marker": marker, "linestyle": style}
        curve_axes.plot(path.xs[:8], path.losses[:8], linewidth=1.5, alpha=0.8, **look)
        curve_axes.plot(path.xs[-1], path.losses[-1], markersize=15, **look)
        gaps = [loss - least for loss in path.losses]
        gap_axes.plot(range(1, len(gaps) + 1), gaps, ".", color=colour, markersize=3)
        name = f"{path.name}: {'converged' if path.converged else 'did not converge'}"
        gap_axes.plot(len(gaps), gaps[-1], markersize=13, label=name, **look)
    curve_axes.set(title=f"{title}: the first 8 steps, and the last", xlabel="x", ylabel="loss")
    curve_axes.set(xlim=(-2.4, 2.4), ylim=(least - 0.3, least + 4))
    gap_axes.set(xscale="log", yscale="log", xlabel="step", ylabel="loss above its least value", ylim=(1e-5, 10))
    gap_axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.22), fontsize=14, labelspacing=0.2)


def main():
    arguments = parse_arguments(__doc__)
    max_steps = 300 if arguments.quick else 5000
    halving = StepDecay(0.4, every=5, factor=0.5)
    convex_starts = (
        ("from -2, η = 0.7", -2.0, 0.7),
        ("from 2.2, η = 0.05", 2.2, 0.05),
        ("from -1.5, η = 1/(t + 1)", -1.5, lambda step: 1.0 / (step + 1)),
        ("from 1.8, η halved every 5 steps", 1.8, halving),
    )
    non_convex_starts = (
        ("from 2, η = 0.6", 2.0, 0.6),
        ("from 0.2, η halved every 5 steps", 0.2, halving),
        ("from 0.1, η halved every 5 steps", 0.1, halving),
        ("from -2, η = 0.3/(t + 1)", -2.0, lambda step: 0.3 / (step + 1)),
    )
    plans = (
        ("convex f", convex, 0.5, convex_starts),
        ("non-convex g", non_convex, -0.3, non_convex_starts),
    )
    figure, panels = plt.subplots(2, 2, figsize=(15, 13), layout="constrained")
    for (name, f, least, starts), column in zip(plans, panels.T):
        print(f"{name}, least value {least:g}; x ← x - η v from several starts")
        paths = [descend(label, f, start, rate, max_steps) for label, start, rate in starts]
        for path in paths:
            state = "converged" if path.converged else "did not converge"
            print(f"  {path.name}: {state} in {len(path.xs)} steps, x = {path.xs[-1]:.5f}, loss {path.losses[-1]:.5f}")
        draw_descents(f, paths, name, least, *column)
    save_figure(figure, arguments.out / "convergence.png")
    print(f"picture in {arguments.out}/: convergence.png")


if __name__ == "__main__":
    main()
