"""Compile times: seconds from a function to its first result, each time in a fresh process.

The library that makes machine code, LLVM here and XLA there, is imported before; how long that takes, once a process,
is the first figure. What is loaded later counts. For this package, also microseconds for each node of the compiled
graph.
"""

from __future__ import annotations

import importlib
import os
import statistics

import numpy

from tests.benchmarks.run import start

WORKLOADS = [("digits", []), ("wide", []), ("lstm", [256]), ("black_scholes", [100_000])]
"""Workloads by name, each with its size if it takes one."""

OURS = {"autograd_mini, machine code": "llvmlite.binding", "autograd_mini, NumPy": "autograd_mini"}
"""This package's contenders, each with what it imports; the others import JAX."""


def main(workloads=WORKLOADS, times=3, contenders=None):
    print(f"\ncompile: seconds from the function to its first result (in fresh processes, median of {times})")
    print(f"  {'':14} {'':30} {'import':>9} {'clock':>9} {'processor':>9} {'nodes':>9} {'µs a node':>9}")
    measured, missing = [], []
    for name, size in workloads:
        workload = importlib.import_module(f"tests.benchmarks.{name}")
        nodes = count_nodes(*workload.scalars(*size))
        for contender in workload.CONTENDERS:
            is_ours = contender in OURS
            if contender not in contenders if contenders else not is_ours and "jit" not in contender:
                continue
            answers = [first_run(workload.__name__, contender, size, OURS.get(contender, "jax")) for _ in range(times)]
            if isinstance(answers[0], str):
                print(f"  {name:14} {contender:30} {answers[0]}")
                missing.append({"name": contender, "size": name, "reason": answers[0]})
                continue
            imports, wall, cpu = zip(*answers)
            once, clock, seconds = map(statistics.median, (imports, wall, cpu))
            of_graph = f" {nodes:9,} {1e6 * seconds / nodes:9.1f}" if is_ours else ""
            print(f"  {name:14} {contender:30} {once:9.3f} {clock:9.3f} {seconds:9.3f}{of_graph}")
            found = {"name": contender, "size": name, "wall": wall, "cpu": cpu, "cpu_median": seconds, "nodes": nodes}
            found |= {"imports": imports}
            measured.append(found)
    print(f"  load average {os.getloadavg()[0]:.1f}")
    title = "compile: from the function to its first result"
    return {"title": title, "baseline": "JAX", "counted": "of", "measured": measured, "missing": missing}


def count_nodes(function, args):
    """The number of nodes in the graph that the function records at these numbers."""
    from autograd_mini import Value
    from autograd_mini.graph import topological_order

    def values(nest):
        return [values(each) for each in nest] if isinstance(nest, (list, tuple, numpy.ndarray)) else Value(nest)

    return len(topological_order(function(*map(values, args))))


def first_run(module, contender, size, library):
    """Seconds of processor time that the import takes, and those by the clock and of processor time from the function
    to its first result; or, as text, why there are none."""
    worker = start(module, contender)
    try:
        imported = worker.ask("import", library)
        answer = imported if isinstance(imported, str) else worker.ask("prepare", *size)
    finally:
        worker.stop()
    return answer if isinstance(answer, str) else (imported[1], *answer[1:])
