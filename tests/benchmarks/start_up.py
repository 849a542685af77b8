"""How long `import autograd_mini` takes in a fresh interpreter, its bytecode written before."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

PROGRAM = "import time; begin = time.perf_counter(); import autograd_mini; print(time.perf_counter() - begin)"


def main():
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    _, *seconds = [float(subprocess.check_output([sys.executable, "-c", PROGRAM], env=environment)) for _ in range(12)]
    print(f"\nimport autograd_mini: median of 11 fresh interpreters {1e3 * statistics.median(seconds):.1f} ms")
