"""CasADi loads exported functions, patterns included, and its solvers find optima with them."""

import re
from pathlib import Path

import numpy
import pytest

import autograd_mini
from autograd_mini import compile, exp, sin
from tests.compiler.export.in_c import built, needs_gcc

casadi = pytest.importorskip("casadi")
pytestmark = needs_gcc


def rosenbrock(x):
    return sum((1.0 - a) ** 2 + 100.0 * (b - a * a) ** 2 for a, b in zip(x, x[1:]))


def constraints(x):
    return [3.0 * b**3 + 2.0 * c - 5.0 + sin(b - c) * sin(b + c) + 4.0 * b - a * exp(a - b) - 3.0
            for a, b, c in zip(x, x[1:], x[2:])]  # fmt: skip


def mixed(x, p):
    return [x[0] * x[1] + p[0] * sin(x[2]), exp(x[0]) * p[1], x[2] ** 3 / x[1]]


@pytest.fixture
def loaded(tmp_path):
    """Load a function from a library of its own: for equal names, CasADi would keep the first."""

    def load(function, *args, **options):
        function.export(tmp_path / "f.c", *args, **options)
        return casadi.external("f", built(tmp_path).library._name)

    return load


def test_derivatives(loaded):
    compiled = compile(mixed)
    x, p = [0.5, 1.2, 0.3], [2.0, 3.0]
    f = loaded(compiled, x, p)
    assert [f.name_in(place) for place in range(2)] == ["x", "p"]
    assert numpy.allclose(f(x, p).full()[:, 0], compiled(x, p), rtol=1e-14)
    jacobian = f.jacobian()(x, p, numpy.zeros(3))
    rows = [numpy.concatenate(row) for row in compiled.jacobian(x, p)]
    assert numpy.allclose(casadi.horzcat(*jacobian).full(), rows, rtol=1e-14)
    x_, p_, weights = casadi.MX.sym("x", 3), casadi.MX.sym("p", 2), casadi.MX.sym("w", 3)
    hessian, _ = casadi.hessian(casadi.dot(weights, f(x_, p_)), x_)
    found = casadi.Function("h", [x_, p_, weights], [hessian])(x, p, [1.0, 2.0, 3.0]).full()
    expected = compile(lambda x: sum(w * y for w, y in zip([1.0, 2.0, 3.0], mixed(x, p)))).hessian(x)
    assert numpy.allclose(found, expected, rtol=1e-14, atol=1e-15)


def test_an_optimum(loaded):
    n = 6
    f = loaded(compile(rosenbrock), [0.0] * n)
    x = casadi.MX.sym("x", n)
    solver = casadi.nlpsol("solver", "ipopt", {"x": x, "f": f(x)}, {"ipopt.print_level": 0, "print_time": False})
    assert numpy.allclose(solver(x0=[0.0] * n)["x"].full(), 1.0, atol=1e-8)
    assert solver.stats()["success"]


def test_constraints(loaded):
    """The same optimum as with functions that are CasADi's own."""
    n = 8
    start = [-1.2, 1.0] * (n // 2)
    g = loaded(compile(constraints), start)
    x = casadi.MX.sym("x", n)
    cost = rosenbrock([x[place] for place in range(n)])
    quiet = {"ipopt.print_level": 0, "print_time": False, "ipopt.tol": 1e-10}
    found = casadi.nlpsol("solver", "ipopt", {"x": x, "f": cost, "g": g(x)}, quiet)(x0=start, lbg=0.0, ubg=0.0)
    own = [3 * b**3 + 2 * c - 5 + casadi.sin(b - c) * casadi.sin(b + c) + 4 * b - a * casadi.exp(a - b) - 3
           for a, b, c in [(x[k], x[k + 1], x[k + 2]) for k in range(n - 2)]]  # fmt: skip
    problem = {"x": x, "f": cost, "g": casadi.vertcat(*own)}
    expected = casadi.nlpsol("solver", "ipopt", problem, quiet)(x0=start, lbg=0.0, ubg=0.0)
    assert numpy.allclose(found["x"].full(), expected["x"].full(), rtol=1e-7, atol=1e-9)


def test_the_lines_of_the_guide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (Path(autograd_mini.__file__).parent.parent / "demos" / "docs" / "compiling.md").read_text(encoding="utf-8")
    section = page.split("## In C")[1]
    (written,) = re.findall(r"```python\n(.*?)```", section.split("<!-- casadi -->")[0], re.DOTALL)
    (loading,) = re.findall(r"<!-- casadi -->\n```py\n(.*?)```", section, re.DOTALL)
    namespace = {}
    exec(written, namespace)
    compiled = namespace["chain"]
    Path("chain.so").symlink_to(built(tmp_path).library._name)
    exec(loading, namespace)
    assert numpy.abs(compiled.grad(namespace["solution"].full()[:, 0].tolist())).max() < 1e-6


def test_another_path_is_an_error(loaded):
    f = loaded(compile(lambda x: x * x if x > 1.0 else -x), 2.0)
    assert f(2.0) == 4.0
    with pytest.raises(RuntimeError):
        f(0.5)
