"""Prints the peak memory of a stream of n chunks, here and in its processes: `python -m tests.executors.stream 9`.

Each chunk and each result has a megabyte, so it would show in longer streams if they were kept.
"""

import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy

from autograd_mini import compile, exp

ROWS = 2**17


def chunks(n):
    for seed in range(n):
        yield numpy.full(ROWS, 1.0 / (1.0 + seed))


def bump(a, x):
    return exp(-a * x * x)


def main(n):
    each, mean = compile(bump, batch="x"), compile(bump, batch="x", wrt="a", reduce="mean")
    for make in (ThreadPoolExecutor, ProcessPoolExecutor):
        options = {"mp_context": multiprocessing.get_context("fork")} if make is ProcessPoolExecutor else {}
        with make(2, **options) as pool:
            assert mean.on(pool).value_and_grad(0.5, chunks(n))[0] > 0.0
            assert sum(len(rows) for rows in each.on(pool)(0.5, chunks(n))) == n * ROWS
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(*peaks)


if __name__ == "__main__":
    main(int(sys.argv[1]))
