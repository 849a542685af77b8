"""The parameters of a differential equation, fitted to noisy data with SciPy, and their uncertainty.

Lotka and Volterra's equations for prey u and predators v are solved in plain scalar code by the Runge–Kutta rule:

    du/dt = α u - β u v        dv/dt = δ u v - γ v        y ← y + h/6 (k₁ + 2 k₂ + 2 k₃ + k₄)

The unknowns p = (α, β, γ, δ, u₀, v₀) are estimated by maximum likelihood from counts of both, with errors of known
size s:

    minimise L(p) = ½ Σ ((y(t; p) - data)/s)²        covariance of p = (∂²L/∂p²)⁻¹

The derivative goes back through all steps of the solution. `compile` turns L into one function in machine code, whose
value and gradient `scipy.optimize.minimize` takes directly; the Hessian at the minimum tells how well the data
determine each parameter.

    python demos/predator_and_prey.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, ORANGE, draw_parameters, parse_arguments, save_figure, seconds_of
from scipy.optimize import minimize

from autograd_mini import compile, sum, value_and_grad

NAMES = ("α", "β", "γ", "δ", "u₀", "v₀")
UNITS = ("1/year", "1/(year·1000)", "1/year", "1/(year·1000)", "1000 animals", "1000 animals")
TRUTH = (0.55, 0.028, 0.80, 0.024, 30.0, 6.0)
START = (0.5, 0.03, 0.7, 0.03, 25.0, 10.0)
ERROR = 2.0  # standard deviation of a count, in 1000 animals
STEPS_A_YEAR = 4


def change(rates, u, v):
    """du/dt and dv/dt."""
    alpha, beta, gamma, delta = rates
    return u * (alpha - beta * v), v * (delta * u - gamma)


def step(rates, u, v, h):
    """One step by the classical Runge–Kutta rule of fourth order."""
    k1 = change(rates, u, v)
    k2 = change(rates, u + h / 2 * k1[0], v + h / 2 * k1[1])
    k3 = change(rates, u + h / 2 * k2[0], v + h / 2 * k2[1])
    k4 = change(rates, u + h * k3[0], v + h * k3[1])
    return [y + h / 6 * (a + 2 * b + 2 * c + d) for y, a, b, c, d in zip((u, v), k1, k2, k3, k4)]


def solve(p, years: int, steps_a_year: int = STEPS_A_YEAR):
    """Prey and predators at every step from year 0."""
    *rates, u, v = p
    course = [[u, v]]
    for _ in range(years * steps_a_year):
        course.append(step(rates, *course[-1], 1.0 / steps_a_year))
    return course


def loss(p, counts):
    """L(p), from one pair of counts a year."""
    course = solve(p, len(counts) - 1)[::STEPS_A_YEAR]
    return sum([((y - d) / ERROR) ** 2 / 2 for ys, ds in zip(course, counts) for y, d in zip(ys, ds)])


def make_counts(years: int, seed: int) -> np.ndarray:
    """The true numbers once a year, with errors."""
    exact = np.array(solve(TRUTH, years)[::STEPS_A_YEAR])
    return exact + np.random.default_rng(seed).normal(0.0, ERROR, exact.shape)


def fit(compiled, counts):
    """The most likely parameters and their covariance; the search uses logarithms, so that none becomes negative."""

    def value_and_gradient(logarithms):
        p = np.exp(logarithms)
        value, gradient = compiled.value_and_grad(p, counts)
        return value, gradient * p

    found = minimize(value_and_gradient, np.log(START), jac=True, method="BFGS")
    p = np.exp(found.x)
    return p, np.linalg.inv(compiled.hessian(p, counts)), found


def draw_fit(counts, p, errors, path: Path) -> None:
    """Plot counts, fit and truth over the years, and the errors of the parameters."""
    years = len(counts) - 1
    fine = 20
    times = np.arange(years * fine + 1) / fine
    figure, (axes, parameters) = plt.subplots(
        1, 2, figsize=(17, 7), layout="constrained", gridspec_kw={"width_ratios": [3, 1]}
    )
    curves = zip(
        ("prey", "predators"), (BLUE, ORANGE), "os", counts.T, *(np.array(solve(q, years, fine)).T for q in (p, TRUTH))
    )
    for name, colour, marker, data, fitted, true in curves:
        axes.plot(times, true, color="0.35", linestyle=":", zorder=3, label="truth" if name == "prey" else None)
        axes.plot(times, fitted, color=colour, label=f"{name}, fit")
        axes.errorbar(
            range(years + 1), data, ERROR, fmt=marker, color=colour, elinewidth=1.5, capsize=3, label=f"{name}, counted"
        )
    axes.set(xlabel="time, years", ylabel="animals, in thousands", ylim=(0, None), xticks=range(0, years + 1, 2))
    axes.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.1))
    draw_parameters(parameters, NAMES, p / TRUTH, errors / TRUTH)
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    counts = make_counts(6 if arguments.quick else 20, seed=1)
    compiled = compile(loss, wrt="p")

    begin = time.perf_counter()
    compiled.value_and_grad(START, counts)
    print(
        f"L(p) = ½ Σ ((y(t; p) - data)/s)² over {counts.size} counts, compiled in {time.perf_counter() - begin:.1f} s"
    )
    begin = time.perf_counter()
    p, covariance, found = fit(compiled, counts)
    print(f"{found.nit} steps of BFGS, {found.nfev} gradients, and the Hessian: {time.perf_counter() - begin:.1f} s")
    print(
        f"at the minimum 2 L = {2 * found.fun:.1f}; expected {counts.size - len(p)}, "
        "the number of counts less that of the parameters"
    )

    eager, numbers = value_and_grad(loss, 0), (p.tolist(), counts.tolist())
    fast, slow = seconds_of(lambda: compiled.value_and_grad(p, counts), 99), seconds_of(lambda: eager(*numbers), 3)
    print(
        f"value and gradient: compiled {1e3 * fast:.2g} ms, eager {1e3 * slow:.2g} ms, {slow / fast:.0f} times as long"
    )

    errors = np.sqrt(np.diag(covariance))
    print("\n        truth       fit ± standard error   (fit - truth)/error   unit")
    for name, unit, true, each, error in zip(NAMES, UNITS, TRUTH, p, errors):
        print(f"{name:3} {true:9.4f} {each:9.4f} ± {error:.4f} {(each - true) / error:20.1f}           {unit}")
    draw_fit(counts, p, errors, arguments.out / "predator_and_prey.png")
    print(f"\npicture in {arguments.out}/: predator_and_prey.png")
    if not found.success:
        sys.exit(f"the search for the minimum failed: {found.message}")


if __name__ == "__main__":
    main()
