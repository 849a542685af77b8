"""The fit of a nerve's differential equation: its course, its loss, and its minimum."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from autograd_mini import grad

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[2] / "demos")
    nerve = import_module("nerve_impulses")


def test_the_course_is_that_of_scipy():
    times = np.arange(0, 2000, 100)
    found = solve_ivp(
        lambda t, y: nerve.change(nerve.TRUTH[:3], *y), (0, nerve.PERIODS), nerve.TRUTH[3:],
        t_eval=times * nerve.PERIODS / 2000, rtol=1e-10, atol=1e-10,
    )  # fmt: skip
    assert nerve.course(nerve.TRUTH.tolist(), 2000)[:, times] == pytest.approx(found.y, abs=1e-4)


def test_the_fit_is_a_minimum_near_the_truth():
    data, is_recorded = nerve.make_recording(2000, 10, seed=2)
    p, covariance, _, compiled = nerve.fit(data, is_recorded)
    scales = np.sqrt(np.diag(covariance))
    eager = grad(lambda p: nerve.loss(p, data, is_recorded))(p.tolist())
    assert np.max(np.abs(np.array(eager) * scales)) < 1e-3
    assert compiled.grad(p) == pytest.approx(eager, abs=1e-6 / scales.min())
    assert np.all(np.abs(p - nerve.TRUTH) < 4 * scales)
