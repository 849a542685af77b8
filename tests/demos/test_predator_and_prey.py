"""The fit of the differential equation: its solution, its loss, and that SciPy finds the minimum."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from autograd_mini import compile, grad

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[2] / "demos")
    fitting = import_module("predator_and_prey")


def test_the_solution_is_that_of_scipy():
    *rates, u, v = fitting.TRUTH
    found = solve_ivp(lambda t, y: fitting.change(rates, *y), (0, 10), (u, v), t_eval=range(11), rtol=1e-10, atol=1e-10)
    ours = np.array(fitting.solve(fitting.TRUTH, 10)[:: fitting.STEPS_A_YEAR])
    assert np.max(np.abs(ours - found.y.T)) < 0.01 * fitting.ERROR


def test_the_fit_is_a_minimum_near_the_truth():
    counts = fitting.make_counts(5, seed=4)
    p, covariance, found = fitting.fit(compile(fitting.loss, wrt="p"), counts)
    assert found.success
    scales = np.sqrt(np.diag(covariance))
    assert np.max(np.abs(np.array(grad(fitting.loss, 0)(p.tolist(), counts.tolist())) * scales)) < 1e-3
    assert np.all(np.abs(p - fitting.TRUTH) < 4 * scales)
    assert fitting.loss(p.tolist(), counts.tolist()) < fitting.loss(fitting.TRUTH, counts.tolist())
