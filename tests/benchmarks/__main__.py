"""Measures workloads side by side in one run: `python -m tests.benchmarks [workload …]`; options save the results.

Install the extra `bench` to measure other libraries too; those that are missing are named.
"""

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
from importlib.util import find_spec
from pathlib import Path

from autograd_mini.files import write_whole
from autograd_mini.suggesting import did_you_mean
from tests.benchmarks.plot import save_plot
from tests.benchmarks.run import ONE_THREAD, as_json, compare

PACKAGE = "tests.benchmarks"

WORKLOADS = [
    "black_scholes", "one_point", "digits", "wide", "lstm", "attention", "convolution", "moons_compiled",
    "asian", "newton", "tall_jacobian", "sparse_rosenbrock", "luksan", "compile_times", "eager_moons", "eager_chain",
    "microgpt", "start_up", "tiles",
    "workers",
]  # fmt: skip

LONG = [
    "compile_large", "compile_growth", "heston", "bodies", "scan", "scan_memory", "sweep_points", "sweep_weights",
    "sweep_steps", "sweep_chain",
]  # fmt: skip
"""Workloads that run only if named, or with --all: together they take an hour on a busy machine."""

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
    parser.add_argument(
        "workloads",
        nargs="*",
        metavar="workload",
        help=", ".join(WORKLOADS) + "; and only if named: " + ", ".join(LONG),
    )
    parser.add_argument("--rounds", type=int, default=11, help="turns of each contender (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="also run the long workloads")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw ratios and sweeps to this .png, .svg or .pdf")
    options = parser.parse_args()
    names = options.workloads or [*WORKLOADS, *(LONG if options.all else [])]
    for name in names:
        if name not in WORKLOADS + LONG:
            choices = f"; choose from {', '.join(WORKLOADS + LONG)}"
            parser.error(f"no workload is named {name!r}{did_you_mean(name, WORKLOADS + LONG, choices)}")
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: each contender needs at least one turn")
    for path in filter(None, (options.json, options.plot)):  # rather now than after minutes of measuring
        if not path.absolute().parent.is_dir():
            parser.error(f"{str(path)!r} is in no folder that exists")
    if options.plot and options.plot.suffix not in (".png", ".svg", ".pdf"):
        parser.error(f"{str(options.plot)!r} is no picture; call it .png, .svg or .pdf")
    if options.plot and not find_spec("matplotlib"):
        parser.error("--plot needs matplotlib; install it with: pip install matplotlib")
    machine = f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}, {os.cpu_count()} cores"
    print(machine)
    print(", ".join(f"{peer} {version or 'is missing'}" for peer, version in versions().items()))
    print(f"Each contender runs in its own process, with {' '.join(f'{k}={v}' for k, v in ONE_THREAD.items())}")
    figures = {}
    for name in names:
        workload = importlib.import_module(f"{PACKAGE}.{name}")
        if hasattr(workload, "CONTENDERS"):
            figures[name] = as_json(workload, compare(workload, options.rounds))
        else:
            figures[name] = workload.main()
    found = {"machine": machine, "versions": versions(), "environment": ONE_THREAD, "workloads": figures}
    if options.json:
        write_whole(options.json, f"{json.dumps(found, indent=1)}\n".encode())
    if options.plot:
        save_plot(found, options.plot)


if __name__ == "__main__":
    main()
