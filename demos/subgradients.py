"""Subgradients, which take the place of the derivative at a kink.

A subgradient v of f at x₀ is the slope of a line through (x₀, f(x₀)) that lies nowhere above f (lecture: "The
subgradient"); it "is guaranteed to exist only for convex functions":

    f(x) - f(x₀) ≥ v (x - x₀) for all x            relu at 0: any v in [0, 1]            |x| at 0: any v in [-1, 1]
    y = max zᵢ: ∂y/∂zᵢ = 1 if i = arg max, 0 otherwise; of equal ones the first

For each function the script asks `grad` for v at the kinks, prints which v are allowed there (from the slopes on both
sides), and counts for how many x of a grid the inequality holds; at a kink of a convex function it must hold for all.
The non-convex function also has a point without any subgradient: 0, although it is smooth there.

Conventions for one operation at a time do not compose: relu(x) - relu(-x) is x, with slope 1 everywhere, yet with
relu′(0) = 1 the chain rule gives 2, and with relu′(0) = 0 it gives 0. `grad` decides all kinks of a composition
together, from the slopes a little to one side and to the other: where both agree, that is the derivative.

    python demos/subgradients.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, ORANGE, parse_arguments, save_figure

from autograd_mini import Value, grad, leaky_relu, max, relu

GRID = [i / 20 for i in range(-60, 61)]  # holds all kinks exactly


def convex(x):
    """A convex function with its minimum ½ at the kink x = 1."""
    return abs(x - 1) + 0.5 * relu(x)


def non_convex(x):
    """A non-convex function with its least value -0.3 at the kink x = -1, and a local minimum 0.3 at the kink x = 1."""
    return abs(x * x - 1) + 0.3 * x


class Example(NamedTuple):
    """A function with its formula and the points x₀ to look at: its kinks, and one more."""

    formula: str
    f: Callable
    points: tuple[float, ...]
    is_convex: bool = True


EXAMPLES = (
    Example("relu(x)", relu, (0.0,)),
    Example("leaky_relu(x, 0.2)", lambda x: leaky_relu(x, 0.2), (0.0,)),
    Example("|x|", abs, (0.0,)),
    Example("max(x, ½ - x, 0.1)", lambda x: max(x, 0.5 - x, 0.1), (0.25,)),
    Example("|x - 1| + ½ relu(x)", convex, (0.0, 1.0)),
    Example("|x² - 1| + 0.3 x", non_convex, (-1.0, 0.0, 1.0), is_convex=False),
)


class Composition(NamedTuple):
    """A function that has a slope at 0 although it is composed of functions with kinks there."""

    formula: str
    f: Callable  # of the relu to use, and x
    slope: float


COMPOSITIONS = (
    Composition("relu(x) - relu(-x)", lambda relu, x: relu(x) - relu(-x), 1.0),
    Composition("relu(2x) - relu(-x) - relu(x)", lambda relu, x: relu(2 * x) - relu(-x) - relu(x), 1.0),
    Composition("relu(x) + relu(-x) - |x|", lambda relu, x: relu(x) + relu(-x) - abs(x), 0.0),
    Composition("relu(x - relu(x)) + 3x", lambda relu, x: relu(x - relu(x)) + 3 * x, 3.0),
)


def slopes_of_libraries(f: Callable) -> dict[str, float]:
    """The slope at 0 by the libraries that are installed."""
    slopes = {}
    with suppress(ImportError):
        import torch

        x = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
        f(torch.relu, x).backward()
        slopes["PyTorch"] = x.grad.item()
    with suppress(ImportError):
        import jax

        slopes["JAX"] = float(jax.grad(partial(f, jax.nn.relu))(0.0))
    return slopes


def print_compositions() -> list[str]:
    """Print the slopes at 0 by `grad` and by conventions for each operation; return the formulas `grad` gets wrong."""
    wrong = []
    print("slope at 0 of                     it has  grad   relu′(0) = 1  relu′(0) = 0 (as PyTorch and JAX)")
    for formula, f, slope in COMPOSITIONS:
        found = grad(partial(f, relu))(0.0)
        by_rows = [grad(partial(f, partial(relu, at_zero=choice)))(0.0) for choice in (1.0, 0.0)]
        libraries = ", ".join(f"{name} {answer:g}" for name, answer in slopes_of_libraries(f).items())
        print(f"{formula:32} {slope:7g} {found:5g} {by_rows[0]:14g} {by_rows[1]:13g}   {libraries}".rstrip())
        if found != slope:
            wrong.append(formula)
    return wrong


def slopes_beside(f, x: float) -> tuple[float, float]:
    """The derivatives just left and just right of x: between them lie the subgradients of a convex function."""
    return grad(f)(x - 1e-9), grad(f)(x + 1e-9)


def share_where_subgradient(f, points=GRID) -> float:
    """The share of pairs of a point x₀ and an x of the grid with f(x) - f(x₀) ≥ v (x - x₀), up to rounding."""
    holds = []
    for x0 in points:
        height, v = f(x0), grad(f)(x0)
        holds += [f(x) - height >= v * (x - x0) - 1e-12 for x in GRID]
    return sum(holds) / len(holds)


def draw_examples(path: Path) -> None:
    """Plot each function with lines of allowed slopes at its kinks, and the one that `grad` gives."""
    figure, panels = plt.subplots(2, 3, figsize=(17, 10), layout="constrained")
    xs = np.linspace(-2.0, 2.0, 401)
    for axes, example in zip(panels.flat, EXAMPLES):
        axes.plot(xs, [example.f(x) for x in xs.tolist()], color="0.25", linewidth=4)
        for x0 in example.points:
            ends = np.array([x0 - 0.9, x0 + 0.9])
            height = example.f(x0)
            if example.is_convex:
                for slope in np.linspace(*slopes_beside(example.f, x0), 5):
                    axes.plot(ends, height + slope * (ends - x0), color=BLUE, linewidth=1, alpha=0.6)
            v = grad(example.f)(x0)
            axes.plot(ends, height + v * (ends - x0), color=ORANGE, linestyle="--")
            axes.plot(x0, height, "o", color=ORANGE, markersize=9)
        state = "allowed slopes: blue" if example.is_convex else "not convex: at 0 the line is above f"
        axes.set(title=f"f(x) = {example.formula}\n{state}", xlabel="x", ylabel="f(x)", ylim=(-1.2, 3.2))
    figure.suptitle("The slope v that grad gives (dashed) at the kinks of each function")
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    wrong = []
    print("f(x)                     x₀   v of grad   allowed        f(x) - f(x₀) ≥ v (x - x₀) holds for")
    for example in EXAMPLES:
        for x0 in example.points:
            share = share_where_subgradient(example.f, [x0])
            v, (left, right) = grad(example.f)(x0), slopes_beside(example.f, x0)
            allowed = f"[{left:.4g}, {right:.4g}]" if example.is_convex else ""
            print(f"{example.formula:20} {x0:6g} {v:11.4g}   {allowed:13}  {share:6.1%} of {len(GRID)} x")
            if example.is_convex and not (left <= v <= right and share == 1.0):
                wrong.append(example.formula)
    for name, f in (("convex", convex), ("non-convex", non_convex)):
        print(f"over all pairs (x₀, x), {name} function: {share_where_subgradient(f):.1%} of {len(GRID) ** 2}")
    wrong += print_compositions()
    print("relu′(0) by at_zero=:", ", ".join(f"{grad(partial(relu, at_zero=v))(0.0):g}" for v in (0.0, 0.5, 1.0)))

    z = [Value(number) for number in (2.0, 5.0, 5.0, 1.0)]
    max(z).backward()
    print(f"max of {[each.data for each in z]}: ∂y/∂z = {[each.grad for each in z]}, the first of equal ones")
    draw_examples(arguments.out / "subgradients.png")
    print(f"picture in {arguments.out}/: subgradients.png")
    if wrong:
        sys.exit(f"grad gives no subgradient, or not the slope, at a kink of {', '.join(wrong)}")


if __name__ == "__main__":
    main()
