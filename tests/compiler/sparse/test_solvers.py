"""SciPy's solvers and IPOPT take sparse derivatives, and find the known minima."""

import numpy
import pytest

from autograd_mini import compile
from tests.benchmarks import luksan

optimize = pytest.importorskip("scipy.optimize")
N = 12


@pytest.fixture(scope="module")
def problem():
    """Lukšan and Vlček's problem: the objective, the constraints, and their sum weighted by multipliers."""
    import autograd_mini
    from autograd_mini import dot

    constraints = lambda x: luksan.constraints(autograd_mini, x)
    weighted = compile(lambda x, multipliers: dot(multipliers, constraints(x)), wrt="x")
    return compile(luksan.objective), compile(constraints), weighted


def start():
    return numpy.array([-1.2, 1.0] * (N // 2))


@pytest.fixture(scope="module")
def minimum(problem):
    """The minimum that an interior-point method finds with sparse derivatives throughout."""
    f, c, weighted = problem
    equal = optimize.NonlinearConstraint(
        c,
        0.0,
        0.0,
        jac=lambda x: c.jacobian(x, sparse=True),
        hess=lambda x, multipliers: weighted.hessian(x, multipliers, sparse=True),
    )
    options = {"gtol": 1e-9, "xtol": 1e-12}
    hessian = lambda x: f.hessian(x, sparse=True)
    found = optimize.minimize(f, start(), (), "trust-constr", f.grad, hessian, constraints=equal, options=options)
    assert found.success
    assert numpy.abs(c(found.x)).max() < 1e-9
    return found


def test_trust_constr(problem, minimum):
    """Another method, with dense gradients, finds the same nearby; with more numbers the minimum is published."""
    f, c, _ = problem
    equal = {"type": "eq", "fun": c, "jac": lambda x: numpy.array(c.jacobian(x))}
    dense = optimize.minimize(
        f, minimum.x + 0.01, jac=f.grad, constraints=equal, method="SLSQP", options={"ftol": 1e-14}
    )
    assert dense.success
    assert minimum.fun == pytest.approx(dense.fun, abs=1e-8)
    assert minimum.x == pytest.approx(dense.x, abs=1e-5)
    assert minimum.fun == pytest.approx(6.2324586, abs=1e-5)


def test_least_squares():
    """Broyden's tridiagonal equations, whose Jacobian SciPy estimates with as few differences as the pattern allows,
    or is given."""

    def residual(x):
        padded = [-0.5, *x, -0.5]
        return [(3.0 - 2.0 * b) * b - a - 2.0 * c + 1.0 for a, b, c in zip(padded, padded[1:], padded[2:])]

    f, x = compile(residual), numpy.full(60, -1.0)
    pattern = f.sparsity("jacobian", x)
    assert pattern.nnz == 3 * 60 - 2
    counted = []
    guessed = optimize.least_squares(lambda x: counted.append(x) or f(x), x, jac_sparsity=pattern, xtol=1e-14)
    given = optimize.least_squares(f, x, jac=lambda x: f.jacobian(x, sparse=True), xtol=1e-14)
    dense = optimize.least_squares(f, x, jac=lambda x: numpy.array(f.jacobian(x)), xtol=1e-14)
    assert len(counted) < 60
    assert given.x == pytest.approx(dense.x, abs=1e-9)
    assert guessed.x == pytest.approx(dense.x, abs=1e-6)
    assert numpy.abs(f(given.x)).max() < 1e-10


def test_ipopt(problem, minimum):
    cyipopt = pytest.importorskip("cyipopt")
    f, c, weighted = problem
    rows, columns = c.sparsity("jacobian", start()).nonzero()
    whole = compile(lambda x, scale, multipliers: scale * luksan.objective(x) + weighted(x, multipliers), wrt="x")
    ones = numpy.ones(N - 2)
    lower = numpy.tril(whole.sparsity("hessian", start(), 1.0, ones).toarray())

    class Problem:
        objective, gradient = staticmethod(f), staticmethod(f.grad)
        constraints = staticmethod(lambda x: numpy.array(c(x)))
        jacobianstructure = staticmethod(lambda: (rows, columns))
        hessianstructure = staticmethod(lambda: numpy.nonzero(lower))

        def jacobian(self, x):
            return c.jacobian(x, sparse=True).data

        def hessian(self, x, multipliers, scale):
            return whole.hessian(x, scale, multipliers, sparse=True).toarray()[numpy.nonzero(lower)]

    zeros = numpy.zeros(N - 2)
    unbounded = numpy.full(N, numpy.inf)
    solver = cyipopt.Problem(N, N - 2, Problem(), -unbounded, unbounded, zeros, zeros)
    solver.add_option("print_level", 0)
    x, found = solver.solve(start())
    assert found["status"] == 0
    assert x == pytest.approx(minimum.x, abs=1e-6)


def test_newton_by_sparse_factors():
    """Newton's method on 500 numbers takes a sparse factorisation a step, and ends at Rosenbrock's minimum."""
    from scipy.sparse.linalg import spsolve

    f = compile(lambda x: sum(100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in zip(x, x[1:])))
    x = numpy.full(500, 1.05)
    for _ in range(12):
        x = x - spsolve(f.hessian(x, sparse=True), f.grad(x))
    assert x == pytest.approx(numpy.ones(500), abs=1e-9)
