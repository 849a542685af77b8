"""Compile times as in `compile_times`, for graphs of 50,000 to 100,000 nodes, once each."""

from __future__ import annotations

from tests.benchmarks import compile_times

WORKLOADS = [("sweep_chain", [8_000]), ("heston", []), ("bodies", []), ("sweep_steps", [192])]


def main():
    return compile_times.main(WORKLOADS, times=1)
