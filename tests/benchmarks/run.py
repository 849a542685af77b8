"""How a workload is measured.

Every contender lives in a process of its own, so that none pays for another's garbage; the contenders take
turns, round by round, each in a plain loop as a user's script would run it, with Python's garbage collector as it
comes. Before any timing all must agree on the numbers.
"""

from __future__ import annotations

import importlib
import math
import multiprocessing
import statistics
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import ModuleType

ROUNDS = 11


@dataclass
class Worker:
    """A process that holds one contender, ready to run."""

    name: str
    process: multiprocessing.process.BaseProcess
    pipe: Connection
    numbers: list[float]

    def seconds(self) -> float:
        self.pipe.send("run")
        return float(self.pipe.recv())

    def stop(self) -> None:
        self.pipe.send("stop")
        self.process.join()


def start(module: str, name: str) -> Worker | str:
    """A worker for a contender of that workload, or the reason why there is none."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(module, name, there))
    process.start()
    answer = here.recv()
    if isinstance(answer, str):
        process.join()
        return answer
    return Worker(name, process, here, answer)


def _serve(module: str, name: str, pipe: Connection) -> None:
    try:
        run = importlib.import_module(module).CONTENDERS[name]()
    except ImportError as error:
        pipe.send(f"not measured: {error}")
        return
    numbers = run()
    run()
    pipe.send(list(numbers))
    while pipe.recv() == "run":
        begin = time.perf_counter()
        run()
        pipe.send(time.perf_counter() - begin)


def compare(workload: ModuleType) -> None:
    """Measure all contenders of a workload and print medians, spread and ratios to its baseline."""
    print(f"\n{workload.TITLE}")
    workers = []
    for name in workload.CONTENDERS:
        worker = start(workload.__name__, name)
        if isinstance(worker, str):
            print(f"  {name:34} {worker}")
        else:
            workers.append(worker)
    _require_agreement(workers)
    times = {worker.name: [] for worker in workers}
    for _ in range(ROUNDS):
        for worker in workers:
            times[worker.name].append(worker.seconds())
    for worker in workers:
        worker.stop()
    baseline = statistics.median(times[workload.BASELINE]) if workload.BASELINE in times else math.nan
    print(f"  {'median of ' + str(ROUNDS) + ' rounds':34} {'ms':>9} {'min':>9} {'max':>9}   {workload.BASELINE} takes")
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        figures = " ".join(f"{1e3 * s:9.2f}" for s in (middle, min(seconds), max(seconds)))
        print(f"  {name:34} {figures}   {baseline / middle:6.2f} x")


def _require_agreement(workers: list[Worker]) -> None:
    first = workers[0]
    for other in workers[1:]:
        pairs = list(zip(first.numbers, other.numbers, strict=True))
        if not all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) for x, y in pairs):
            raise SystemExit(f"{first.name} and {other.name} disagree on the numbers: nothing was measured")
    print(f"  all agree on {len(first.numbers)} numbers: {', '.join(worker.name for worker in workers)}")
