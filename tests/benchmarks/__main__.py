"""Measurements, side by side in one run: `python -m tests.benchmarks [workload …] [--rounds N] [--json FILE]`.

Each module here but `run`, `perceptron` and `__main__` is one workload. Install the extra `peers` to measure the
others too; who is missing is named.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
from pathlib import Path

from tests.benchmarks.run import ONE_THREAD, as_json, compare

WORKLOADS = [
    "black_scholes", "one_point", "digits", "wide", "lstm", "attention", "convolution", "moons_compiled",
    "compile_times", "eager_moons", "eager_chain", "start_up",
]  # fmt: skip

PEERS = ["numpy", "scipy", "llvmlite", "torch", "jax", "casadi", "ddx-ad", "autograd", "xad", "micrograd"]


def versions():
    found = {}
    for peer in PEERS:
        try:
            found[peer] = importlib.metadata.version(peer)
        except importlib.metadata.PackageNotFoundError:
            found[peer] = None
    return found


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure side by side.")
    parser.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=11, help="turns of each contender (11)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    for name in options.workloads:
        if name not in WORKLOADS:
            parser.error(f"no workload is named {name!r}; choose from {', '.join(WORKLOADS)}")
    machine = f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}, {os.cpu_count()} cores"
    print(machine)
    print(", ".join(f"{peer} {version or 'is missing'}" for peer, version in versions().items()))
    print(f"Each contender in a process of its own, with {' '.join(f'{k}={v}' for k, v in ONE_THREAD.items())}")
    figures = {}
    for name in options.workloads or WORKLOADS:
        workload = importlib.import_module(f"tests.benchmarks.{name}")
        if hasattr(workload, "CONTENDERS"):
            figures[name] = as_json(compare(workload, options.rounds))
        else:
            figures[name] = workload.main()
    if options.json:
        found = {"machine": machine, "versions": versions(), "environment": ONE_THREAD, "workloads": figures}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
