"""How a workload is measured.

Every contender runs in its own process, on one thread, so that none pays for another's garbage or waits for its
threads. The contenders take turns, round by round, each in a plain loop like a user's script, with Python's garbage
collector on. The first runs of each turn are not timed, because memory and caches were taken by the others. Before
any timing, all must agree on the numbers.

A workload is a module with a TITLE, a BASELINE and CONTENDERS: a dict from names to functions that prepare everything
and return the function to run, or a pair of it and a function that puts its result into the common order. With SIZES,
a pair of what they count and a list of numbers, such as lengths of a batch, it is measured at each size, which is
passed to the functions. UNIT, "ms" by default, is the name of a unit and how many of it make a second.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

import numpy

SHORTEST_ROUND = 0.05
"""Seconds: a function that is faster is run repeatedly in each round, for about this long."""

SETTLING = 0.05
"""Seconds of untimed runs at the start of a turn: 784-128-10 took 22 ms there, and 9 afterwards. A function that takes
longer than this is timed at once."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",  # torch
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "NPROC": "1",  # the pool of XLA's CPU client
    "JAX_PLATFORMS": "cpu",
    "JAX_ENABLE_X64": "1",
}
"""The environment of every contender; it must be set before their libraries are imported."""

PINNED = "OPENBLAS_CORETYPE"
"""Not in that environment: where it names another processor, OpenBLAS takes up to 1.6 times as long."""


@dataclass
class Measured:
    """The measurements of one contender: seconds a run, by the clock and of processor time."""

    name: str
    size: int | None
    first_wall: float
    first_cpu: float
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    load: float = 0.0


@dataclass
class Missing:
    """A contender that could not run, and why."""

    name: str
    size: int | None
    reason: str


class LeftOut(Exception):
    """Raised by a contender that is not measured, with the reason."""


@dataclass
class Worker:
    """A process that holds one contender."""

    name: str
    process: multiprocessing.process.BaseProcess
    pipe: Connection

    def ask(self, *question: Any) -> Any:
        self.pipe.send(question)
        try:
            return self.pipe.recv()
        except EOFError:
            self.process.join()
            raise SystemExit(f"{self.name} died (exit code {self.process.exitcode}): nothing was measured") from None

    def stop(self) -> None:
        self.pipe.close()
        self.process.join()


def start(module: str, name: str) -> Worker:
    """Start a worker for a contender of the workload in that module."""
    os.environ.update(ONE_THREAD)
    os.environ.pop(PINNED, None)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(module, name, there), daemon=True)
    process.start()
    there.close()
    return Worker(name, process, here)


def _serve(module: str, name: str, pipe: Connection) -> None:
    while True:
        try:
            action, *args = pipe.recv()
        except EOFError:  # stopped
            return
        if action == "import":
            try:
                pipe.send(_timed(partial(importlib.import_module, *args), 1)[1:])
            except ImportError as error:
                pipe.send(f"not measured: {error}")
        elif action == "prepare":
            try:
                made = importlib.import_module(module).CONTENDERS[name](*args)
                run, arrange = made if isinstance(made, tuple) else (made, lambda result: result)
                result, *first = _timed(run, 1)
            except (ImportError, LeftOut, RecursionError) as error:  # not installed, left out, or the graph too deep
                pipe.send(f"not measured: {error}")
                continue
            numbers = numpy.array(list(_flat(arrange(result))))
            shortest = _timed(run, 1)[1]  # the first run compiles, the second prepares more
            if shortest < 1:
                shortest = min(shortest, *[_timed(run, 1)[1] for _ in range(3)])
            times = max(1, round(SHORTEST_ROUND / shortest))
            pipe.send((numbers, *first))
        else:
            if shortest < SETTLING:
                _timed(run, round(SETTLING / shortest))
            _, wall, cpu = _timed(run, times)
            pipe.send((wall / times, cpu / times))


def _timed(run: Any, times: int) -> tuple[Any, float, float]:
    """The result of the last run, and the seconds of all runs: by the clock, and of processor time over all threads."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(times):
        result = run()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def _flat(result: Any) -> Iterator[float]:
    if isinstance(result, (list, tuple)):
        for each in result:
            yield from _flat(each)
    else:
        if hasattr(result, "detach"):
            result = result.detach()
        yield from numpy.asarray(result, dtype=float).ravel().tolist()


def compare(workload: ModuleType, rounds: int) -> list[Measured | Missing]:
    """Measure all contenders of a workload and print medians, spread and ratios to its baseline."""
    print(f"\n{workload.TITLE}")
    counted, sizes = getattr(workload, "SIZES", ("", [None]))
    found: list[Measured | Missing] = []
    for size in sizes:
        if size is not None:
            print(f"  {counted}: {size:,}")
        workers = [start(workload.__name__, name) for name in workload.CONTENDERS]  # new processes for each size
        try:
            measured, missing = _measure(workers, size, rounds)
        finally:
            for worker in workers:
                worker.stop()
        _print(measured, workload.BASELINE, *getattr(workload, "UNIT", ("ms", 1e3)))
        found += [*measured, *missing]
    return found


def _measure(workers: Sequence[Worker], size: int | None, rounds: int) -> tuple[list[Measured], list[Missing]]:
    """Prepare all workers, require that they agree on the numbers, and measure them in turns; and who is missing."""
    ready, measured, missing, numbers = [], [], [], []
    for worker in workers:
        answer = worker.ask("prepare", *([] if size is None else [size]))
        if isinstance(answer, str):
            print(f"  {worker.name:34} {answer}")
            missing.append(Missing(worker.name, size, answer))
        else:
            ready.append(worker)
            numbers.append(answer[0])
            measured.append(Measured(worker.name, size, *answer[1:]))
    for worker, found in zip(ready[1:], numbers[1:]):
        if found.shape != numbers[0].shape or not numpy.allclose(found, numbers[0], rtol=1e-9, atol=1e-12):
            raise SystemExit(f"{ready[0].name} and {worker.name} disagree on the numbers: nothing was measured")
    if numbers:
        print(f"  all agree on {len(numbers[0]):,} numbers: {', '.join(worker.name for worker in ready)}")
    for _ in range(rounds):
        for worker, turn in zip(ready, measured):
            wall, cpu = worker.ask("run")
            turn.wall.append(wall)
            turn.cpu.append(cpu)
    for turn in measured:
        turn.load = os.getloadavg()[0]
    return measured, missing


def _print(measured: Sequence[Measured], baseline: str, unit: str, a_second: float) -> None:
    """Print a table. Ratios are of processor time, which other programs on the machine disturb least."""
    if not measured:
        return
    rounds = len(measured[0].wall)
    base = next((statistics.median(found.cpu) for found in measured if found.name == baseline), None)
    print(
        f"  {f'median of {rounds}, {unit} on one thread':34} {'clock':>9} {'min':>9} {'max':>9} {'processor':>9}"
        + ("" if base is None else f"   {baseline} takes")
    )
    for found in measured:
        cpu = statistics.median(found.cpu)
        figures = [statistics.median(found.wall), min(found.wall), max(found.wall), cpu]
        ratio = "" if base is None else f"   {base / cpu:{'7.2f' if base > cpu / 10 else '7.2g'}} x"
        print(f"  {found.name:34} " + " ".join(f"{a_second * s:9.3f}" for s in figures) + ratio)
    print(f"  load average {measured[0].load:.1f}")


def as_json(workload: ModuleType, found: Sequence[Measured | Missing]) -> dict[str, Any]:
    """The measurements as plain numbers, and the contenders that are missing."""
    measured = [
        {**asdict(each), "wall_median": statistics.median(each.wall), "cpu_median": statistics.median(each.cpu)}
        for each in found
        if isinstance(each, Measured)
    ]
    return {
        "title": workload.TITLE,
        "baseline": workload.BASELINE,
        "counted": getattr(workload, "SIZES", ("", []))[0],
        "measured": measured,
        "missing": [asdict(each) for each in found if isinstance(each, Missing)],
    }
