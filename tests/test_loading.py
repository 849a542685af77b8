"""The compiled core and its source give the same numbers, and a compiled core never runs for another source."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_mini
from autograd_mini.loading import COMPILED, names_of

PACKAGE = Path(autograd_mini.__file__).parent
PROGRAM = """
import sys, autograd_mini
from autograd_mini import Value, compiled_core, fsum, grad, hessian, logsumexp, maximum, tanh

xs = [Value(0.1 * i - 0.7) for i in range(15)]
ys = [sum(xs[j] * (i + j) - xs[i] / (2.0 + j) for j in range(15)).tanh() for i in range(15)]
total = logsumexp(ys) + fsum([maximum(y, 0.1) ** 3 - 1e-3 * y for y in ys]) + 1e300 * xs[3] * 1e300
total.backward()
print(total.data.hex(), *[x.grad.hex() for x in xs], *[y.grad.hex() for y in ys])
f = lambda v: tanh(v[0] * v[1] - v[2]) * v[0] + (v[1] - v[1]) * v[2] + abs(v[0] - v[0])
print(*[number.hex() for number in grad(f)([0.3, -1.2, 0.9])], hessian(f)([0.3, -1.2, 0.9]))
print(compiled_core, file=sys.stderr)
"""


def run(folder, **environment):
    """What a program prints with the package in that folder, and whether its core was compiled."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr == "True\n"


def names_in(folder):
    return names_of([(folder / f"{name}.py").read_bytes() for name in COMPILED])


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "autograd_mini", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_environment_can_ask_for_the_source():
    numbers, is_compiled = run(PACKAGE.parent, AUTOGRAD_MINI_PURE="1")
    assert not is_compiled
    as_installed, is_compiled = run(PACKAGE.parent, AUTOGRAD_MINI_PURE="")
    assert numbers == as_installed
    assert is_compiled or not list(PACKAGE.glob(f"{names_in(PACKAGE)[0]}.*"))


@pytest.mark.parametrize("name", COMPILED)
def test_all_of_them_are_machine_code_or_none(name):
    module = importlib.import_module(f"autograd_mini.{name}")
    assert module.__file__.endswith(".py") is not autograd_mini.compiled_core


@pytest.mark.parametrize("name", COMPILED)
def test_whatever_was_edited_no_source_runs_with_machine_code_of_another(copied, name):
    edited = copied / "autograd_mini" / f"{name}.py"
    edited.write_text(edited.read_text() + "# another\n")
    assert run(copied) == (run(PACKAGE.parent)[0], False)


def test_what_was_edited_runs_as_it_was_edited(copied):
    graph = copied / "autograd_mini" / "graph.py"
    before, was_compiled = run(copied)
    graph.write_text(graph.read_text().replace("self._number + right._number", "self._number + right._number + 1.0"))
    after, is_compiled = run(copied)
    assert not is_compiled
    assert after != before
    if was_compiled:  # back to what it was made of
        shutil.copy(PACKAGE / "graph.py", graph)
        assert run(copied) == (before, True)


def test_what_cannot_be_loaded_is_left_aside(copied):
    graph = copied / "autograd_mini" / "graph.py"
    graph.write_text(graph.read_text() + "# another\n")
    *_, last = names_in(copied / "autograd_mini")  # of two, the other could be loaded
    (copied / "autograd_mini" / f"{last}.py").write_text("raise ImportError('no such symbol')\n")
    numbers, is_compiled = run(copied)
    assert not is_compiled
    assert numbers == run(PACKAGE.parent)[0]


def test_the_names_tell_the_sources():
    assert names_of([b"x = 1\n", b""]) == names_of([b"x = 1\n", b""]) != names_of([b"x = 2\n", b""])
    assert all(name.isidentifier() for name in names_of([b"", b""]))
