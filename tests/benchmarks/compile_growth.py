"""How compile times grow: `compile_times` for a chain and a network of 10⁴, 10⁵ and 10⁶ nodes, once each."""

from __future__ import annotations

from tests.benchmarks import compile_times

SIZES = {"sweep_chain": (1_430, 14_300, 143_000), "sweep_weights": (12, 124, 1_240)}


def main():
    workloads = [(name, [size]) for name, sizes in SIZES.items() for size in sizes]
    return compile_times.main(workloads, times=1, contenders=["autograd_mini, machine code"])
