"""Throughput over many examples by the number of processes, compared with a single call in this process.

Measured for the prices and Greeks of a book, whose numbers are sent to the processes, and of an average price option,
whose paths are drawn where they are needed. All must give the same bits on any number of processes.
"""

from __future__ import annotations

import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy

from autograd_mini import compile, exp, maximum
from autograd_mini.executors import Draws
from tests.benchmarks.black_scholes import points, price

BOOK, PATHS, STEPS, ROUNDS = 400_000, 40_000, 52, 3


def book(spot, strike, years, rate, volatility):
    import autograd_mini

    return price(autograd_mini, lambda x: 0.5 * autograd_mini.erfc(x * -(0.5**0.5)))(
        spot, strike, years, rate, volatility
    )


def asian(spot, rate, volatility, z):
    """The discounted payoff of a call on the average price along one path."""
    step, level, total = 1.0 / STEPS, spot, 0.0
    for each in z:
        level = level * exp((rate - volatility * volatility / 2) * step + volatility * step**0.5 * each)
        total = total + level
    return exp(-rate) * maximum(total / STEPS - 100.0, 0.0)


def main():
    cases = {
        "a book, which is sent": (compile(book, batch=True), points(BOOK), BOOK),
        "paths, drawn in place": (
            compile(asian, batch="z", wrt=["spot", "rate", "volatility"], reduce="mean"),
            [100.0, 0.03, 0.2, Draws(PATHS, (STEPS,), seed=1)],
            PATHS,
        ),
    }
    figures = {}
    for name, (compiled, args, rows) in cases.items():
        print(f"\nworkers: {name}, {rows:,} rows, median of {ROUNDS}, rows a second on the clock")

        def one_call(*args, compiled=compiled):
            return compiled.value_and_grad(*[each.load(0, {}) if isinstance(each, Draws) else each for each in args])

        found = {"one call": rate_of(one_call, args, rows)}
        bits = set()
        for workers in range(1, (os.cpu_count() or 1) + 1):
            with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
                tiled = compiled.on(pool, 4096)
                found[f"{workers} processes"] = rate_of(tiled.value_and_grad, args, rows)
                bits.add(b"".join(numpy.asarray(each).tobytes() for each in tiled.grad(*args)))
        if len(bits) > 1:
            raise SystemExit("processes disagree on the bits: nothing was measured")
        for who, rate in found.items():
            print(f"  {who:14} {rate:12,.0f}   {rate / found['one call']:5.2f} x one call")
        figures[name] = found
    return figures


def rate_of(run, args, rows):
    run(*args)
    seconds = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        run(*args)
        seconds.append(time.perf_counter() - begin)
    return rows / statistics.median(seconds)
