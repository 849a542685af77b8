"""Tests many random programs against the contract: `python -m tests.compiler.many_programs numpy 10000 --seed 1`.

Half of them are drawn from the whole table within its domains, half are tricky ones. For each, value and gradient are
computed at one point; for half of each kind also in batches, in which every example must have the same bits. Some
hundreds at a time run in one process, whose end frees their machine code.
"""

import argparse
import random
import sys
from concurrent.futures import ProcessPoolExecutor
from unittest import mock

import numpy

from autograd_mini import TABLE, compile
from autograd_mini.compiler import pipeline
from autograd_mini.testing.programs import Builder
from tests.compiler.contract import Contract, faults, same_in_batches
from tests.compiler.tricky import tricky

AT_A_TIME = 250


def ordinary(chance):
    def number(low, high):
        return chance.choice([chance.uniform(low, high), round(2.0 * chance.uniform(low, high)) / 2.0])

    builder = Builder(chance.randint, number, [number(-4.0, 4.0) for _ in range(chance.randint(1, 3))])
    for _ in range(chance.randint(1, 10)):
        builder.add(chance.choice(list(TABLE.values())))
    return builder.program(chance.random() < 0.5)


def check(program, backend, lengths):
    """What is wrong with one program, in words; empty if nothing is."""
    compiled = compile(program, backend=backend)
    value, (again, gradient) = compiled(*program.point), compiled.value_and_grad(*program.point)
    if repr(value) != repr(again):
        return f"value {value}, with its gradient {again}"
    wrong = faults(program, program.point, backend, value, gradient)
    return wrong or (same_in_batches(program, program.point, backend, lengths) if lengths else "")


def check_some(kind, count, seed, lengths):
    """What is wrong with some programs, how many values are fixed to the bit, and how many left open."""
    chance, backend = random.Random(seed), "numpy" if kind == "numpy" else "machine"
    ways = {"scalars": ["suits_scalars"], "columns": ["has_columns", "suits_columns"]}.get(kind, [])
    chosen = dict.fromkeys(ways, lambda *args: True) or {"suits_scalars": pipeline.suits_scalars}
    found, n_exact, n_open = [], 0, 0
    for number in range(count):
        program = ordinary(chance) if number % 2 else tricky(chance.randint)
        with numpy.errstate(all="ignore"), mock.patch.multiple(pipeline, **chosen):
            wrong = check(program, backend, lengths if number % 4 < 2 else [])
            (allowed,) = Contract(program, program.point, backend).values
        n_exact += allowed is None or allowed.is_exact
        n_open += allowed is not None and allowed.low is None
        if wrong:
            found.append(f"{program} at {program.point}: {wrong}")
    return found, n_exact, n_open


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.compiler.many_programs")
    parser.add_argument("backend", choices=["numpy", "machine", "scalars", "columns"])
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lengths", type=int, nargs="*", default=[3, 19], help="of batches")
    options = parser.parse_args()
    starts = range(0, options.count, AT_A_TIME)
    counts = [min(AT_A_TIME, options.count - start) for start in starts]
    seeds = [f"{options.seed} {start}" for start in starts]
    n_wrong = n_exact = n_open = 0
    with ProcessPoolExecutor(1, max_tasks_per_child=1) as processes:
        kinds, lengths = [options.backend] * len(counts), [options.lengths] * len(counts)
        for found, exact, left_open in processes.map(check_some, kinds, counts, seeds, lengths):
            print(*found, sep="\n", end="\n" * bool(found), flush=True)
            n_wrong, n_exact, n_open = n_wrong + len(found), n_exact + exact, n_open + left_open
    print(f"{options.count} programs, {n_wrong} wrong; {n_exact} values exact to the bit, {n_open} left open")
    return n_wrong > 0


if __name__ == "__main__":
    sys.exit(main())
