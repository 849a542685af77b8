"""Functions whose derivatives are the same at every point, or towards every direction: there, one column is enough.

Each run has a process of its own, which a write beyond memory may end long after.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNS = ["machine packs heap", "machine scalars heap", "machine packs margins", "machine scalars margins"]


@pytest.mark.parametrize("args", ["numpy either heap", *(RUNS if find_spec("llvmlite") else [])])
def test_compiled_as_eager(args):
    command = [sys.executable, "-m", "tests.compiler.constant_derivatives", *args.split()]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert (result.returncode, result.stdout) == (0, "alive\n"), result.stderr
