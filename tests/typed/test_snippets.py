"""Users' code, as type checkers see it: right snippets pass, and in wrong ones exactly the marked lines are errors."""

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]


def marked():
    """The lines that are errors, as (file, line)."""
    paths = (HERE / "wrong").glob("*.py")
    lines = [
        (path.name, number, line) for path in paths for number, line in enumerate(path.read_text().splitlines(), 1)
    ]
    return sorted((name, number) for name, number, line in lines if line.endswith("# error"))


def mypy(folder, *options):
    command = [sys.executable, "-m", "mypy", "--config-file", "setup.cfg", "--cache-dir", ".mypy_cache", *options]
    done = subprocess.run([*command, *map(str, (HERE / folder).glob("*.py"))], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == "", done.stderr
    return done.stdout


def pyright(*arguments, **environment):
    pytest.importorskip("pyright")
    command = [sys.executable, "-m", "pyright", "--outputjson", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, **environment})
    return json.loads(done.stdout)


def test_mypy_takes_what_is_right():
    assert mypy("right").startswith("Success")


def test_mypy_finds_what_is_wrong():
    found = re.findall(r"wrong/(\w+\.py):(\d+): error", mypy("wrong"))
    assert sorted({(name, int(number)) for name, number in found}) == marked()


@pytest.mark.parametrize("folder", ["right", "wrong"])
def test_pyright_agrees(folder):
    reported = pyright("--pythonpath", sys.executable, HERE / folder)["generalDiagnostics"]
    found = [each for each in reported if each["severity"] == "error"]
    places = sorted({(Path(each["file"]).name, each["range"]["start"]["line"] + 1) for each in found})
    assert places == ([] if folder == "right" else marked())


def test_pyright_knows_nearly_all_types_of_the_package(tmp_path):
    """It asks the first Python of PATH what that has on its path: one is made that has this tree there."""
    venv.create(tmp_path, with_pip=False)
    scripts, packages = (sysconfig.get_path(kind, "venv", {"base": str(tmp_path)}) for kind in ("scripts", "purelib"))
    Path(packages, "here.pth").write_text(f"{ROOT}\n{sysconfig.get_path('purelib')}\n")
    path = scripts + os.pathsep + os.environ["PATH"]
    found = pyright("--verifytypes", "autograd_mini", "--ignoreexternal", PATH=path)["typeCompleteness"]
    assert found["completenessScore"] >= 0.98


@pytest.mark.parametrize("name", ["values", "derivatives", "compiled", "numpy_arrays"])
def test_what_is_right_runs(name, capsys):
    """And its results have the types that it states, as far as a class can tell."""
    tree = ast.parse((HERE / "right" / f"{name}.py").read_text())
    kinds = {"float": float, "int": int, "bool": bool, "list": list, "tuple": tuple, "dict": dict}
    checked = 0
    names = {}
    for node in tree.body:
        exec(compile(ast.Module([node], []), f"{name}.py", "exec"), names)
        match node:
            case ast.Expr(ast.Call(ast.Name("assert_type"), [said, kind])):
                given = eval(compile(ast.Expression(said), f"{name}.py", "eval"), names)
                written = ast.unparse(kind).partition("[")[0]
                wanted = kinds.get(written) or names[{"Floats": "np", "NDArray": "np"}.get(written, written)]
                wanted = getattr(wanted, "ndarray", wanted)
                assert isinstance(given, wanted), ast.unparse(node)
                checked += 1
    assert checked > 5
