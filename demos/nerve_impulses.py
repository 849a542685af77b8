"""The parameters of a nerve's differential equation, fitted to a noisy recording through 100,000 steps of `scan`.

FitzHugh and Nagumo's equations for the membrane's voltage v and its recovery w are solved by the Runge–Kutta rule:

    dv/dt = v - v³/3 - w + I        dw/dt = ε (v + a - b w)        y ← y + h/6 (k₁ + 2 k₂ + 2 k₃ + k₄)

The unknowns p = (a, b, ε, v₀, w₀) are estimated by maximum likelihood from recordings of v alone, with errors of known
size s. The experimenter sets the current I; w, which ends each impulse, is never observed:

    minimise L(p) = ½ Σ ((v(t; p) - data)/s)²        covariance of p = (∂²L/∂p²)⁻¹

Written out, 100,000 steps would be 5 million operations. `scan` takes a single step, which is traced once; derivatives,
the Hessian included, go back through all steps in machine code.

    python demos/nerve_impulses.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, ORANGE, draw_parameters, parse_arguments, save_figure, seconds_of
from scipy.optimize import minimize

from autograd_mini import compile, scan

NAMES = ("a", "b", "ε", "v₀", "w₀")
TRUTH = np.array([0.7, 0.8, 0.08, -1.0, -0.6])
START = np.array([0.8, 0.7, 0.09, -0.8, -0.4])
CURRENT = 0.5
ERROR = 0.2  # standard deviation of a recorded voltage
PERIODS = 100.0  # the length of the recording, in units of the membrane's time constant


def change(p, v, w):
    """dv/dt and dw/dt."""
    a, b, epsilon = p
    return v - v * v * v / 3 - w + CURRENT, epsilon * (v + a - b * w)


def step(p, v, w, h):
    """One step by the classical Runge–Kutta rule of fourth order."""
    k1 = change(p, v, w)
    k2 = change(p, v + h / 2 * k1[0], w + h / 2 * k1[1])
    k3 = change(p, v + h / 2 * k2[0], w + h / 2 * k2[1])
    k4 = change(p, v + h * k3[0], w + h * k3[1])
    return [y + h / 6 * (k + 2 * m + 2 * n + o) for y, k, m, n, o in zip((v, w), k1, k2, k3, k4)]


def loss(p, data, is_recorded):
    """L(p), from data for every step, of which only some were recorded."""
    h = PERIODS / len(data)

    def one(carry, x):
        v, w, total = carry
        datum, weight = x
        error = (v - datum) / ERROR
        return (*step(p[:3], v, w, h), total + weight * error * error / 2), None

    (_, _, total), _ = scan(one, (p[3], p[4], 0.0), (data, is_recorded))
    return total


def course(p, n: int) -> np.ndarray:
    """The solution: v and w at n times."""
    return np.array(scan(lambda y, _: (tuple(step(p[:3], *y, PERIODS / n)), list(y)), tuple(p[3:]), length=n)[1])


def make_recording(n: int, every: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The true voltage with errors at all n times, and which of the times are recorded."""
    data = course(TRUTH.tolist(), n)[0] + np.random.default_rng(seed).normal(0.0, ERROR, n)
    return data, (np.arange(n) % every == 0).astype(float)


def fit(data: np.ndarray, is_recorded: np.ndarray):
    """The most likely parameters, their covariance, the search, and the compiled L."""
    compiled = compile(lambda p: loss(p, data, is_recorded))
    bounds = [sorted((each / 2, each * 2)) for each in START]
    found = minimize(compiled.value_and_grad, START, jac=True, bounds=bounds, options={"ftol": 1e-11})
    return found.x, np.linalg.inv(compiled.hessian(found.x)), found, compiled


def draw_fit(data, is_recorded, p, errors, path: Path) -> None:
    """Plot the recording, the fit with the unobserved w, and the errors of the parameters."""
    n, shown = len(data), is_recorded > 0
    times = np.arange(n) * PERIODS / n
    figure, (axes, parameters) = plt.subplots(
        1, 2, figsize=(17, 7), layout="constrained", gridspec_kw={"width_ratios": [3, 1]}
    )
    axes.plot(times[shown], data[shown], ".", color="0.6", markersize=6, label="v, recorded")
    fitted, true = course(p.tolist(), n), course(TRUTH.tolist(), n)
    for name, colour, ours, theirs in zip(("v", "w, never recorded"), (BLUE, ORANGE), fitted, true):
        axes.plot(times, ours, color=colour, label=f"{name}, fit")
        axes.plot(times, theirs, color="0.2", linestyle=":", label="truth" if name == "v" else None)
    axes.set(xlabel="time", ylabel="voltage v, recovery w")
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.1))
    draw_parameters(parameters, NAMES, p / TRUTH, errors / abs(TRUTH))
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    n, every = (5_000, 25) if arguments.quick else (100_000, 250)
    data, is_recorded = make_recording(n, every, seed=1)
    begin = time.perf_counter()
    p, covariance, found, compiled = fit(data, is_recorded)
    print(
        f"{n:,} steps, {int(is_recorded.sum())} recordings: {found.nit} steps of L-BFGS-B, {found.nfev} gradients and "
        f"the Hessian in {time.perf_counter() - begin:.1f} s, compiling included"
    )
    both, value = seconds_of(lambda: compiled.value_and_grad(p), 9), seconds_of(lambda: compiled(p), 9)
    print(
        f"the value takes {1e3 * value:.1f} ms, value and gradient {1e3 * both:.1f} ms, {1e9 * both / n:.0f} ns a step"
    )
    errors = np.sqrt(np.diag(covariance))
    print(
        f"at the minimum 2 L = {2 * found.fun:.1f}; expected {int(is_recorded.sum()) - len(p)}, "
        "the number of recordings less that of the parameters"
    )
    print("\n       truth      fit ± standard error   (fit - truth)/error")
    for name, true, each, error in zip(NAMES, TRUTH, p, errors):
        print(f"{name:3}{true:9.4f}{each:9.4f} ± {error:.4f} {(each - true) / error:20.1f}")
    draw_fit(data, is_recorded, p, errors, arguments.out / "nerve_impulses.png")
    print(f"\npicture in {arguments.out}/: nerve_impulses.png")
    if not found.success:
        sys.exit(f"the search for the minimum failed: {found.message}")


if __name__ == "__main__":
    main()
