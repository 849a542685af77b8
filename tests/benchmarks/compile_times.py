"""From a function to its first result: seconds of the first run of a contender, each time in a fresh process.

What it has to import to be written down is imported before; what a library loads later is its own.
"""

from __future__ import annotations

import importlib
import os
import statistics

from tests.benchmarks.run import start

WORKLOADS = {"digits": [], "wide": [], "lstm": [256], "black_scholes": []}
"""By name, with the length of the batch for those that take one."""

TIMES = 3


def main():
    print(f"\ncompile: seconds from the function to its first result, median of {TIMES} fresh processes")
    print(f"  {'':14} {'':30} {'clock':>9} {'processor':>9}")
    figures = []
    for name, args in WORKLOADS.items():
        workload = importlib.import_module(f"tests.benchmarks.{name}")
        for contender in workload.CONTENDERS:
            if contender not in ("autograd_mini, machine code", "autograd_mini, NumPy") and "jit" not in contender:
                continue
            answers = [first_run(workload.__name__, contender, args) for _ in range(TIMES)]
            if isinstance(answers[0], str):
                print(f"  {name:14} {contender:30} {answers[0]}")
                continue
            wall, cpu = zip(*answers)
            print(f"  {name:14} {contender:30} {statistics.median(wall):9.3f} {statistics.median(cpu):9.3f}")
            figures.append({"workload": name, "name": contender, "wall": wall, "cpu": cpu})
    print(f"  load average {os.getloadavg()[0]:.1f}")
    return figures


def first_run(module, contender, args):
    """Seconds on the clock and of the processor, or why there are none."""
    worker = start(module, contender)
    answer = worker.ask("prepare", *args)
    worker.stop()
    return answer if isinstance(answer, str) else answer[1:]
