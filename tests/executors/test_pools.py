"""Executors that misbehave, and what is sent to processes only once."""

import multiprocessing
import pickle
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy
import pytest

from autograd_mini import Value, compile
from autograd_mini.executors import pools
from tests.executors import importable
from tests.executors.comparing import same_bits

START = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
in_forks = pytest.mark.skipif(START != "fork", reason="its processes are forked")
squares = compile(importable.branching, batch=True)
x = numpy.linspace(0.0, 1.0, 23)


def processes(n):
    return ProcessPoolExecutor(n, multiprocessing.get_context(START))


class WithoutFutures:
    def submit(self, function, *args):
        return function(*args)


def test_things_that_are_not_executors():
    with pytest.raises(TypeError, match="takes an executor, got the class ThreadPoolExecutor; make an instance"):
        squares.on(ThreadPoolExecutor)
    with pytest.raises(TypeError, match="submit of WithoutFutures must return a future like concurrent"):
        squares.on(WithoutFutures())(x)


def failing_to_start():
    raise RuntimeError("it does not start")


def test_threads_that_cannot_start():
    with (
        ThreadPoolExecutor(1, initializer=failing_to_start) as pool,
        pytest.raises(RuntimeError, match=r"ThreadPoolExecutor broke \(A thread initializer failed.*make a new one"),
    ):
        squares.on(pool)(x)


def test_a_function_on_an_executor_is_not_pickled():
    with ThreadPoolExecutor(1) as pool, pytest.raises(TypeError, match="branching on an executor cannot be pickled"):
        pickle.dumps(squares.on(pool))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_thread_of_the_pool_may_call_it(workers):
    """All other threads may be busy with tasks that wait for it."""
    with ThreadPoolExecutor(workers) as pool:
        tiled = squares.on(pool, 3)
        waiting = [pool.submit(tiled, x) for _ in range(5)]
        same_bits([each.result(20.0) for each in waiting], [squares(x)] * 5)


factor = [2.0]
scale = Value(1.0)


def test_within_a_compiled_function_it_is_the_function():
    with ThreadPoolExecutor(2) as pool:
        inner = compile(lambda y: factor[0] * scale * y, batch=True).on(pool, 2)
        outer = compile(lambda y: y * inner(numpy.arange(3.0)).sum(), batch=True)
        try:
            for run in (outer, outer.on(pool, 5)):
                for factor[0], scale.data in ((2.0, 1.0), (5.0, 1.0), (5.0, -3.0)):
                    assert run([1.0, 2.0]).tolist() == [3.0 * factor[0] * scale.data, 6.0 * factor[0] * scale.data]
        finally:
            factor[0], scale.data = 2.0, 1.0


of_parent: Any = None


def called_here():
    return of_parent(x)


@in_forks
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_copies_of_executors_in_forked_processes_are_refused(kind, monkeypatch):
    with ThreadPoolExecutor(1) if kind == "threads" else processes(1) as pool:
        tiled = squares.on(pool, 5)
        tiled(x)
        monkeypatch.setattr(sys.modules[__name__], "of_parent", tiled)
        with processes(1) as child, pytest.raises(RuntimeError, match="belongs to the process that this one was"):
            child.submit(called_here).result(20.0)


@in_forks
@pytest.mark.filterwarnings("ignore:a process of the pool died")
def test_a_pool_knows_of_its_dead_when_a_call_ends():
    def chunks(pool):
        yield x
        yield x
        next(iter(pool._processes.values())).kill()

    for _ in range(2):
        with processes(2) as pool:
            tiled = compile(importable.branching, batch=True, reduce="sum", backend="numpy").on(pool, 4)
            assert tiled(chunks(pool)) == pytest.approx(2.0 * squares(x).sum())
            assert pool._broken or all(each.is_alive() for each in pool._processes.values())


def test_the_death_of_the_process_started_last_is_seen():
    """Nothing is heard from the other one."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for _ in range(2):
            pool.submit(time.sleep, 60.0)
        time.sleep(0.2)
        last = [*pool._processes.values()][-1]
        last.kill()
        last.join()
        pools.Pool(pool).leave()
        assert pool._broken


@pytest.mark.skipif(not pools.HAS_MEMORY, reason="only Linux has files in memory without a name")
def test_long_arguments_are_written_once_a_call(monkeypatch):
    lengths = []

    def noted(content):
        lengths.append(len(content))
        return in_memory(content)

    in_memory = pools.in_memory
    monkeypatch.setattr(pools, "in_memory", noted)
    w = numpy.linspace(0.0, 1.0, 20_000)
    compiled = compile(lambda w, x: w[0] * x[0] + w[19_999], batch="x", reduce="sum")
    with processes(2) as pool:
        tiled = compiled.on(pool, 4)
        found = [tiled(w, (x[at : at + 4, None] for at in range(0, 23, 4))) for _ in range(3)]
    assert found == [found[0]] * 3
    assert sum(length > 8 * w.size for length in lengths) == 3


SCRIPT = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from autograd_mini import compile

factor = 2.0

def scaled(x):
    return factor * x

if __name__ == "__main__":
    with ProcessPoolExecutor(1, multiprocessing.get_context(sys.argv[1])) as pool:
        tiled = compile(scaled, batch=True).on(pool)
        print(tiled([1.0, 2.0]).tolist())
        factor = 5.0
        print(tiled([1.0, 2.0]).tolist())
"""


@pytest.mark.parametrize("start", multiprocessing.get_all_start_methods())
def test_functions_of_a_script_read_what_it_holds(start, tmp_path):
    pytest.importorskip("cloudpickle")
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), start]
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert found.stdout.splitlines() == ["[2.0, 4.0]", "[5.0, 10.0]"]
