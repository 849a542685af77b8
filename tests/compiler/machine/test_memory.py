"""Machine code stays within its arrays: one number too far ends the process, so this happens in one of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")
ROOT = Path(__file__).parents[3]


def run(*args):
    command = [sys.executable, "-m", "tests.compiler.machine.guarded", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")
def test_nothing_outside_is_touched():
    result = run()
    assert (result.returncode, result.stdout) == (0, "untouched\n"), result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")
def test_guards_guard():
    assert run("beyond").returncode < 0
