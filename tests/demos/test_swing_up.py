"""The pendulum that swings up with the least effort, checked without sparse matrices."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from autograd_mini import hessian, jacobian

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parents[2] / "demos")
    demo = import_module("swing_up")


@pytest.fixture(scope="module")
def solution():
    return demo.minimise(demo.first_guess(21))


def test_sparse_matrices_are_those_of_eager_mode(solution):
    motion, weights = solution.motion, np.linspace(-1.0, 1.0, len(solution.weights))
    flat = lambda f: lambda z: f(np.array(z).reshape(motion.shape))
    dense = np.array(jacobian(flat(demo.equations))(motion.ravel().tolist()))
    np.testing.assert_allclose(demo.constraints.jacobian(motion, sparse=True).toarray(), dense, atol=1e-13)
    weighted = lambda motion: demo.effort(motion) + sum(w * c for w, c in zip(weights.tolist(), demo.equations(motion)))
    dense = np.array(hessian(flat(weighted))(motion.ravel().tolist()))
    np.testing.assert_allclose(demo.lagrangian.hessian(motion, weights, sparse=True).toarray(), dense, atol=1e-13)


def test_no_motion_nearby_takes_less(solution):
    """Along every direction that keeps to the equations, the Lagrangian curves upwards."""
    motion, weights, *_ = solution
    free = np.linalg.svd(demo.constraints.jacobian(motion, sparse=True).toarray())[2][len(weights) :]
    curvature = free @ demo.lagrangian.hessian(motion, weights, sparse=True).toarray() @ free.T
    assert np.linalg.eigvalsh(curvature).min() > 0.0
    assert demo.norm_of_conditions(motion, weights) < 1e-10


def test_the_torque_swings_the_pendulum_up(solution):
    finer = demo.minimise(demo.first_guess(41))
    errors = [abs(demo.integrated(each.motion)[-1] - np.pi) for each in (solution, finer)]
    assert errors[1] < 0.4 * errors[0]  # the trapezoidal rule is of order 2
