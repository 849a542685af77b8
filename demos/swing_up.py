"""The least effort that swings a pendulum up: optimal control, solved with a sparse Hessian of the Lagrangian.

A motor at a pendulum's pivot, too weak to lift it directly, must bring it from hanging to standing upright and still
within the time T. The unknowns are the angle θ and the speed ω at N points of time and the torque u between them; their
equations are the laws of motion, by the trapezoidal rule:

    minimise  f = Σₖ h·uₖ²          with  cₖ = 0
    θₖ₊₁ - θₖ - h/2·(ωₖ + ωₖ₊₁) = 0
    ωₖ₊₁ - ωₖ - h/2·(φ(θₖ, ωₖ) + φ(θₖ₊₁, ωₖ₊₁)) - h·uₖ = 0        φ(θ, ω) = -sin θ - ω/10

Newton's method for the conditions of a minimum, ∇f + Jᵀλ = 0 and c = 0, solves a linear system in each step:

    H dx + Jᵀ λ = -∇f        H = ∇²(f + λᵀc)
    J dx = -c

`f.jacobian(x, sparse=True)` and `f.hessian(x, λ, sparse=True)` give J and H with only those entries that can be other
than 0. They are a few for each point of time, so the time of a step is proportional to N.

The motion is then integrated by another method of higher order, driven by the torque that was found: it must reach the
top, up to the error of the trapezoidal rule. The script fails if it does not, or if any condition is not met.

    python demos/swing_up.py [--out FOLDER] [--quick]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from common import BLUE, GREEN, ORANGE, SLIDE, parse_arguments, save_figure
from scipy.integrate import solve_ivp
from scipy.sparse import block_array
from scipy.sparse.linalg import splu

from autograd_mini import compile, dot, sin

DURATION = 8.0  # s, the pendulum's own period being 2π s
DRAG = 0.1
TOLERANCE = 1e-10


def acceleration(m, angle, speed):
    """The angular acceleration without the motor; `m` is the sine of numbers or of Values."""
    return -m(angle) - DRAG * speed


def effort(motion):
    """∫u² dt of a motion: rows θ, ω, u, one for each point of time; the torque lasts until the next point."""
    step = DURATION / (len(motion) - 1)
    return step * sum(torque * torque for _, _, torque in motion[:-1])


def equations(motion):
    """Numbers that are all 0 if the motion obeys the laws of motion, and begins and ends as it should."""
    step = DURATION / (len(motion) - 1)
    found = [motion[0][0], motion[0][1], motion[-1][0] - np.pi, motion[-1][1], motion[-1][2]]
    for (angle, speed, torque), (next_angle, next_speed, _) in zip(motion, motion[1:]):
        mean = (acceleration(sin, angle, speed) + acceleration(sin, next_angle, next_speed)) / 2
        found.append(next_angle - angle - step * (speed + next_speed) / 2)
        found.append(next_speed - speed - step * (mean + torque))
    return found


objective, constraints = compile(effort), compile(equations)
lagrangian = compile(lambda motion, weights: effort(motion) + dot(weights, equations(motion)), wrt="motion")


class Solution(NamedTuple):
    """Rows θ, ω, u, the multipliers, and the matrix of the last linear system."""

    motion: np.ndarray
    weights: np.ndarray
    matrix: object
    history: list[float]


def minimise(motion: np.ndarray, most_steps: int = 60) -> Solution:
    """Run Newton's method from a first guess; steps that do not bring the conditions nearer to 0 are halved."""
    weights = np.zeros(len(constraints(motion)))
    history = [norm_of_conditions(motion, weights)]
    matrix = None
    while history[-1] > TOLERANCE and len(history) <= most_steps:
        jacobian = constraints.jacobian(motion, sparse=True)
        matrix = block_array([[lagrangian.hessian(motion, weights, sparse=True), jacobian.T], [jacobian, None]])
        slope = objective.grad(motion).ravel()
        found = splu(matrix.tocsc()).solve(-np.concatenate([slope, constraints(motion)]))
        change, wanted = found[: motion.size].reshape(motion.shape), found[motion.size :]
        size = 1.0
        while True:
            candidate = motion + size * change, weights + size * (wanted - weights)
            norm = norm_of_conditions(*candidate)
            if norm < history[-1] or size < 1e-3:
                break
            size /= 2
        (motion, weights), history = candidate, [*history, norm]
    return Solution(motion, weights, matrix, history)


def norm_of_conditions(motion: np.ndarray, weights: np.ndarray) -> float:
    """The norm of the conditions of a minimum, which is 0 where they are met."""
    return float(np.hypot(np.linalg.norm(lagrangian.grad(motion, weights)), np.linalg.norm(constraints(motion))))


def first_guess(n_points: int) -> np.ndarray:
    """One swing back and one up, and no torque."""
    times = np.linspace(0.0, DURATION, n_points)
    angle = np.pi * (times / DURATION) ** 2 - 1.5 * np.sin(np.pi * times / DURATION)
    return np.stack([angle, np.gradient(angle, times), np.zeros(n_points)], axis=1)


def integrated(motion: np.ndarray) -> np.ndarray:
    """The angle at each point of time if the torque drives the pendulum, by a Runge–Kutta method of order 5."""
    times = np.linspace(0.0, DURATION, len(motion))
    state, angles = motion[0, :2], [motion[0, 0]]
    for start, end, torque in zip(times, times[1:], motion[:, 2]):
        drive = lambda _, y, torque=torque: [y[1], acceleration(np.sin, y[0], y[1]) + torque]
        state = solve_ivp(drive, (start, end), state, rtol=1e-10, atol=1e-12).y[:, -1]
        angles.append(state[0])
    return np.array(angles)


def draw(solution: Solution, path: Path) -> None:
    """Plot the motion in space and over time, Newton's convergence, and the entries of its matrix that are not 0."""
    motion, times = solution.motion, np.linspace(0.0, DURATION, len(solution.motion))
    figure = plt.figure(figsize=SLIDE, layout="constrained")
    grid = figure.add_gridspec(2, 3)
    swing, over_time, pattern = (figure.add_subplot(part) for part in (grid[:, 0], grid[0, 1:], grid[1, 2]))
    shown = np.linspace(0, len(motion) - 1, 33).astype(int)
    for place, angle in zip(shown, motion[shown, 0]):
        late, rod = place / (len(motion) - 1), ([0, np.sin(angle)], [0, -np.cos(angle)])
        swing.plot(*rod, color=BLUE, alpha=0.15 + 0.85 * late, linewidth=1 + 2 * late)
    swing.plot(np.sin(motion[:, 0]), -np.cos(motion[:, 0]), color=ORANGE, linestyle=":")
    swing.set(aspect="equal", title="the way up, later is darker")
    swing.axis("off")
    for column, colour, style, label in ((0, BLUE, "-", "angle θ, rad"), (1, GREEN, "--", "speed ω, rad/s")):
        over_time.plot(times, motion[:, column], color=colour, linestyle=style, label=label)
    over_time.step(times[:-1], motion[:-1, 2], where="post", color=ORANGE, label="torque u; gravity's reaches 1")
    over_time.set(xlabel="time, s", title="what the motor does")
    over_time.legend(frameon=False, fontsize=12)
    converged = figure.add_subplot(grid[1, 1])
    converged.semilogy(solution.history, color=BLUE, marker="o")
    converged.set(xlabel="step of Newton's method", title="‖∇f + Jᵀλ, c‖")
    pattern.spy(solution.matrix, markersize=72.0 / len(motion), color=BLUE)
    pattern.locator_params(nbins=4)
    filled = solution.matrix.nnz / solution.matrix.shape[0] ** 2
    pattern.set(title=f"{100 * filled:.2g}% of H, Jᵀ, J is not 0")
    save_figure(figure, path)


def main():
    arguments = parse_arguments(__doc__)
    n_points = 81 if arguments.quick else 401
    guess = first_guess(n_points)
    lagrangian.hessian(guess, np.ones(len(constraints(guess))), sparse=True)  # compiled here
    constraints.jacobian(guess, sparse=True)
    begin = time.perf_counter()
    solution = minimise(guess)
    seconds = time.perf_counter() - begin
    motion = solution.motion
    end = integrated(motion)[-1]
    size, n_steps, torque = solution.matrix.shape[0], len(solution.history) - 1, np.abs(motion[:, 2]).max()
    print(f"{motion.size:,} unknowns, {len(solution.weights):,} equations: {n_steps} steps of Newton's method in")
    print(f"{seconds:.2f} s, each with {solution.matrix.nnz:,} numbers instead of {size**2:,}\n")
    print(f"effort ∫u² dt            {objective(motion):.6f}, with a torque of {torque:.3f} at most")
    print(f"conditions of a minimum  met up to {solution.history[-1]:.0e}")
    print(f"integrated by another method, it ends {abs(end - np.pi):.1e} rad from upright")
    draw(solution, arguments.out / "swing_up.png")
    print(f"\npicture in {arguments.out}/: swing_up.png")
    if not solution.history[-1] <= TOLERANCE:
        sys.exit(f"Newton's method did not converge: the conditions are {solution.history[-1]:.0e} from being met")
    if not abs(end - np.pi) < 300.0 / n_points**2:
        sys.exit("the torque does not bring the pendulum upright")


if __name__ == "__main__":
    main()
