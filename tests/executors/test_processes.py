"""Functions on real processes: how they get there, the same bits, lost workers, errors, Ctrl-C."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import numpy
import pytest

from autograd_mini import compile
from autograd_mini.executors import keeping, pools
from tests.executors import importable
from tests.executors.comparing import same_bits, same_matrices, table

pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
START = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"


def processes(n=2, start=START):
    return ProcessPoolExecutor(n, multiprocessing.get_context(start))


@pytest.fixture(scope="module")
def pool():
    with processes() as pool:
        yield pool


@pytest.fixture
def without_cloudpickle(monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    keeping._pickler.cache_clear()
    yield
    keeping._pickler.cache_clear()


@pytest.fixture(scope="module")
def expected():
    with ThreadPoolExecutor(1) as pool:
        return table(pool)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("start", ["thread", *multiprocessing.get_all_start_methods()])
def test_any_number_of_workers_of_any_kind_gives_the_same_bits(start, workers, expected):
    with ThreadPoolExecutor(workers) if start == "thread" else processes(workers, start) as pool:
        same_bits(table(pool), expected)


@pytest.mark.parametrize("workers", [1, 2])
def test_sparse_matrices_have_the_same_bits_on_any_number_of_workers(workers):
    pytest.importorskip("scipy.sparse")
    args = [0.3, 1.2], numpy.random.default_rng(0).normal(size=(700, 2))
    with ThreadPoolExecutor(1) as threads, processes(workers) as pool:
        for reduce in (None, "mean"):
            compiled = compile(importable.sparse, batch="x", wrt="a", reduce=reduce)
            expected = compiled.on(threads, 32).jacobian(*args, sparse=True)
            same_matrices(compiled.on(pool, 32, mixed="refuse").jacobian(*args, sparse=True), expected)
        pattern = compiled.on(pool, 32).sparsity("jacobian", *args)
        same_matrices(pattern, compiled.sparsity("jacobian", *args))


def test_lambdas_and_closures_travel_by_cloudpickle(pool):
    pytest.importorskip("cloudpickle")
    factor = 3.0
    assert compile(lambda x: factor * x, batch=True).on(pool)([1.0, 2.0]).tolist() == [3.0, 6.0]


def test_without_cloudpickle(pool, without_cloudpickle, monkeypatch):
    weights, examples = importable.data(20)
    with ThreadPoolExecutor(1) as threads:
        expected = importable.loss().on(threads, 8)(*weights, *examples)
    assert importable.loss().on(pool, 8)(*weights, *examples) == expected
    with pytest.raises(TypeError, match=r"<lambda> cannot be sent to another process .* or install cloudpickle"):
        compile(lambda x: x, batch=True).on(pool)([1.0])
    with pytest.raises(TypeError, match=r"it reads tests.executors.importable.(model|scale), which may differ"):
        compile(importable.with_values, batch=True).on(pool)(*examples)
    by_a_global = compile(importable.by_a_global, batch=True).on(pool)
    assert by_a_global([1.0]).tolist() == [2.0]
    monkeypatch.setattr(importable, "factor", 5.0)
    with pytest.raises(ValueError, match=r"importable.factor is 2.0 in this process and 5.0 where the call comes from"):
        by_a_global([1.0])


SCRIPT = """
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from autograd_mini import compile

rates = [3.0]

def earned(x):
    return x * rates[0]

with ProcessPoolExecutor(1) as pool, ThreadPoolExecutor(1) as threads:
    for executor in (pool, threads):
        print(compile(earned, batch=True).on(executor, 1)([1.0, 2.0]).tolist())
"""


def test_scripts_read_their_own_globals():
    """After multiprocessing is imported, the module of a script has a second name."""
    pytest.importorskip("cloudpickle")
    said = subprocess.run([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert said.split("\n")[:2] == ["[3.0, 6.0]"] * 2


class Slow:
    """It is pickled when it may be."""

    def __init__(self):
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def __reduce__(self):
        self.begun.set()
        self.may_go_on.wait()
        return str, ()


def test_threads_that_send_at_once_take_modules_by_value():
    """Which cloudpickle keeps for all threads: none may end while another one goes on."""
    pytest.importorskip("cloudpickle")
    name, first, second = importable.__name__, Slow(), Slow()
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(keeping.packed, first, [name])
        first.begun.wait()
        other = threads.submit(keeping.packed, (second, importable.by_a_global), [name])
        second.begun.wait(0.2)
        first.may_go_on.set()
        one.result()
        second.may_go_on.set()
        assert b"factor" in other.result().stream  # what it reads, not its name alone


def test_what_modules_hold_travels_as_it_is_now(pool, monkeypatch):
    pytest.importorskip("cloudpickle")
    by_a_global, by_a_list = (
        compile(each, batch=True).on(pool) for each in (importable.by_a_global, importable.by_a_list)
    )
    assert by_a_global([1.0]).tolist() == by_a_list([1.0]).tolist() == [2.0]
    monkeypatch.setattr(importable, "factor", 5.0)
    monkeypatch.setattr(importable, "factors", [7.0])
    assert by_a_global([1.0]).tolist() == [5.0]
    assert by_a_list([1.0]).tolist() == [7.0]


def test_values_that_modules_hold_travel_as_they_are_now(pool):
    pytest.importorskip("cloudpickle")
    _, (x, d) = importable.data(30)
    compiled = compile(importable.with_values, batch=True, reduce="mean")
    before = importable.scale.data
    try:
        for number in (2.0, -3.0):
            importable.scale.data = number
            assert compiled.on(pool, 8)(x, d) == pytest.approx(compiled(x, d), rel=1e-12)
    finally:
        importable.scale.data = before


def test_a_worker_compiles_once_and_not_once_a_tile(pool, tmp_path):
    compiled = compile(partial(importable.noted, str(tmp_path / "traces")), batch=True)
    for _ in range(3):
        same_bits(compiled.on(pool, 4)(numpy.arange(100.0)), numpy.arange(100.0) ** 2)
    traces = (tmp_path / "traces").read_text().split()
    assert all(traces.count(process) <= 2 for process in {*traces})  # one trace runs it twice
    assert len({*traces}) <= 2


def test_a_folder_for_machine_code_that_all_share(pool, tmp_path):
    pytest.importorskip("llvmlite")
    weights, examples = importable.data(300)
    expected = importable.loss().on(pool, 64).value_and_grad(*weights, *examples)
    for _ in range(2):
        with processes(start="spawn") as others:  # which have compiled nothing
            same_bits(
                importable.loss(cache=str(tmp_path / "code")).on(others, 64).value_and_grad(*weights, *examples),
                expected,
            )
    files = list((tmp_path / "code").iterdir())
    assert files
    assert {path.suffix for path in files} == {".o"}


# Lost workers


def kill_one(pool, delay, again=()):
    """Kill a process; then one of the pool that has taken its place, and so on."""

    def kill():
        for seconds in (delay, *again):
            time.sleep(seconds)
            for process in list((getattr(pool, "executor", pool)._processes or {}).values())[:1]:
                process.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


def until_killed(thread, call):
    """The results of calls while `thread` kills, and of one more: a pool that is shut down before it knows of one who
    died between calls, and holds its lock, waits forever; a call sees to it."""
    found = [call()]
    while thread.is_alive():
        found.append(call())
    return [*found, call()]


@pytest.mark.filterwarnings("ignore:a process of the pool died")
@pytest.mark.parametrize("seed", range(3))
def test_a_worker_that_is_killed_changes_nothing(seed):
    weights, examples = importable.data(3000)
    compiled = importable.loss(reduce=None if seed else "sum", backend="numpy")
    with ThreadPoolExecutor(1) as threads:
        expected = compiled.on(threads, 4).value_and_grad(*weights, *examples)
    with processes() as pool:
        pool.submit(os.getpid).result()
        tiled = compiled.on(pool, 4)
        thread = kill_one(pool, random.Random(seed).uniform(0.0, 0.2))
        found = until_killed(thread, lambda: tiled.value_and_grad(*weights, *examples))
    same_bits(found, [expected] * len(found))


@pytest.mark.filterwarnings("ignore:a process of the pool died")
@pytest.mark.parametrize("seed", range(2))
def test_workers_that_are_killed_one_after_another_change_nothing(seed):
    """Results are so large that some are killed while they write them."""
    compiled = compile(importable.number, batch="x", backend="numpy")
    args = [0.3, 1.2], numpy.random.default_rng(seed).normal(size=(60_000, 2))
    with ThreadPoolExecutor(1) as threads:
        expected = compiled.on(threads, 1000).jacobian(*args)
    random_ = random.Random(seed)
    with processes() as pool:
        pool.submit(os.getpid).result()
        tiled = compiled.on(pool, 1000, retries=9)
        thread = kill_one(tiled.pool, 0.0, [random_.uniform(0.0, 0.1) for _ in range(4)])
        found = until_killed(thread, lambda: tiled.jacobian(*args))
    same_bits(found, [expected] * len(found))


def test_a_broken_pool_is_told_and_replaced():
    x = numpy.arange(50.0)
    with processes() as pool:
        with pytest.raises(BrokenProcessPool):
            pool.submit(os._exit, 1).result()
        tiled = compile(importable.branching, batch=True).on(pool, 8)
        with pytest.warns(RuntimeWarning, match="a process of the pool died; .* in a new pool of 2 processes"):
            found = tiled(x)
        same_bits(tiled(x), found)  # without another word
        assert found.tolist() == [importable.branching(each) for each in x]


class Forgetful(ProcessPoolExecutor):
    """As that of Python 3.11, where the process died just now: the next task is taken, and never told of."""

    def submit(self, function, *args):
        if self._broken and not hasattr(self, "forgotten"):
            self.forgotten = Future()
            return self.forgotten
        return super().submit(function, *args)


class Closed(ProcessPoolExecutor):
    """As where its pipes are closed between the death of a process and the first word of it."""

    def submit(self, function, *args):
        if self._broken:
            raise OSError("handle is closed")
        return super().submit(function, *args)


def test_a_breaking_pool_whose_pipes_are_closed_is_replaced():
    with Closed(2, multiprocessing.get_context(START)) as pool:
        with pytest.raises(BrokenProcessPool):
            pool.submit(os._exit, 1).result()
        with pytest.warns(RuntimeWarning, match="a process of the pool died"):
            found = compile(importable.branching, batch=True).on(pool, 8)(numpy.arange(50.0))
    assert found.tolist() == [importable.branching(each) for each in range(50)]


def test_what_a_broken_pool_left_running_is_ended():
    """Shutting the pool down would wait forever for a process that started as it broke."""
    with processes() as pool:
        with pytest.raises(BrokenProcessPool):
            pool.submit(os._exit, 1).result()
        pool._executor_manager_thread.join(20.0)
        left = multiprocessing.get_context(START).Process(target=time.sleep, args=[100.0])
        left.start()
        pool._processes[left.pid] = left
        with pytest.warns(RuntimeWarning, match="a process of the pool died"):
            compile(importable.branching, batch=True).on(pool, 8)(numpy.arange(50.0))
        left.join(20.0)
        assert left.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("n", [8, 50])
def test_a_task_that_a_breaking_pool_forgets_is_done_elsewhere(n):
    with Forgetful(2, multiprocessing.get_context(START)) as pool:
        with pytest.raises(BrokenProcessPool):
            pool.submit(os._exit, 1).result()
        with pytest.warns(RuntimeWarning, match="a process of the pool died"):
            found = compile(importable.branching, batch=True).on(pool, 8)(numpy.arange(float(n)))
        assert pool.forgotten.cancelled()
    assert found.tolist() == [importable.branching(each) for each in range(n)]


@pytest.mark.filterwarnings("ignore:a process of the pool died")
@pytest.mark.skipif(START != "fork", reason="pipes of this system are written otherwise")
def test_a_pool_that_waits_for_the_rest_of_a_message_is_woken(monkeypatch):
    monkeypatch.setattr(pools, "PATIENCE", 1.5)
    monkeypatch.setattr(pools, "SILENCE", 0.5)
    x = numpy.arange(50.0)
    with processes() as pool:
        half = pool.submit(importable.half_a_message)
        found = compile(importable.branching, batch=True).on(pool, 8)(x)
        with pytest.raises(BrokenProcessPool):
            half.result()
    assert found.tolist() == [importable.branching(each) for each in x]


class Broken:
    """A pool of another kind."""

    def submit(self, function, *args):
        raise BrokenExecutor


def test_a_broken_pool_of_another_kind_is_told():
    tiled = compile(importable.branching, batch=True).on(Broken())
    with pytest.raises(RuntimeError, match=r"Broken broke \(BrokenExecutor\); make a new one, and call again"):
        tiled(numpy.arange(5.0))


@pytest.mark.filterwarnings("ignore:a process of the pool died")
@pytest.mark.parametrize("retries", [0, 1])
def test_rows_that_kill_their_worker_are_named(retries):
    with processes() as pool, pytest.raises(RuntimeError) as found:
        compile(importable.deadly, batch=True).on(pool, 10, retries)(numpy.linspace(0.0, 10.0, 100))
    said = str(found.value)
    assert f"of deadly were lost {retries + 1} times, each time with a worker that died" in said
    if retries:
        assert said.startswith(("rows 90 to 99 ", "rows 80 to 99 "))


def test_errors_come_back_with_their_rows_and_lines(pool):
    with pytest.raises(ZeroDivisionError, match="that is too large") as found:
        compile(importable.failing, batch=True).on(pool, 10)(numpy.linspace(0.0, 10.0, 101))
    (note,) = found.value.__notes__
    assert note.startswith("This happened in rows 90 to 99 of failing, in a worker:\nTraceback")
    assert 'raise ZeroDivisionError("that is too large")' in note
    with pytest.raises(importable.TooLarge, match="that is too large"):
        compile(importable.failing_by_a_global, batch=True).on(pool, 10)(numpy.linspace(0.0, 10.0, 101))
    with pytest.raises((RuntimeError, importable.Unlucky), match="1"):  # which cannot be pickled, but for Dask's help
        compile(importable.unlucky, batch=True).on(pool)([1.0])
    with pytest.raises(TypeError, match="cannot pickle") as found:
        compile(importable.branching, batch="x").on(pool)(x={"a": threading.Lock(), "b": numpy.ones(3)})
    note = found.value.__notes__[-1]  # pickle adds some of its own from Python 3.14 on
    assert note == "This happened to arguments of branching, on the way to a worker."
    assert pool.submit(len, "ab").result() == 2


class Noting(ProcessPoolExecutor):
    """An executor that keeps the tasks it was given."""

    def __init__(self, n):
        super().__init__(n, multiprocessing.get_context(START))
        self.futures = []

    def submit(self, function, *args):
        self.futures.append(super().submit(function, *args))
        return self.futures[-1]


def test_what_raises_is_not_tried_again():
    tiled_of = partial(compile(importable.failing, batch=True).on, retries=5)
    with Noting(1) as pool:
        for submitted in (2, 3):  # the first time without the function, which is not there
            with pytest.raises(ZeroDivisionError):
                tiled_of(pool)(numpy.linspace(0.0, 10.0, 101))
            assert len(pool.futures) == submitted


def test_an_interrupt_cancels_what_processes_have_not_begun():
    def chunks():
        yield from [numpy.ones(8)] * 5
        raise KeyboardInterrupt

    compiled = compile(importable.branching, batch=True, reduce="sum")
    with Noting(2) as pool:
        asleep = [pool.submit(importable.seconds_asleep, 1.0) for _ in range(2)]
        tiled = compiled.on(pool, 8)
        with pytest.raises(KeyboardInterrupt):
            tiled(chunks())
        assert not any(each.done() for each in asleep)
        assert [each.cancelled() for each in pool.futures[5:]] == [True, True]  # before them, two run and three wait
        assert tiled(iter([numpy.ones(8)])) == 24.0


def test_ctrl_c_cancels_what_is_pending(request):
    done = []

    def slow(x):
        return x

    compiled = compile(slow, batch=True)

    class Slow(ThreadPoolExecutor):
        def submit(self, function, *args):
            def late():
                time.sleep(0.5)
                done.append(function(*args))
                return done[-1]

            return super().submit(late)

    # what was started in the background has inherited that interrupts are ignored
    request.addfinalizer(
        partial(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))
    )
    with Slow(2) as pool:
        threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            compiled.on(pool, 1)(numpy.arange(1000.0))
        assert pool.submit(len, "ab").result() == 2
    assert len(done) < 8  # those that had begun


def test_classes_among_the_arguments_are_those_that_the_function_knows(pool):
    compiled = compile(importable.by_kind, batch="point")
    point = importable.Point(numpy.arange(9.0), numpy.arange(9.0))
    for kind in importable.Kind:
        with ThreadPoolExecutor(1) as threads:
            for executor in (threads, pool):
                found = compiled.on(executor, 2)(kind, point)
                assert type(found) is importable.Point
                same_bits(found, compiled(kind, point))


@pytest.mark.skipif(START != "fork", reason="its processes are forked")
def test_the_memory_of_a_stream_does_not_grow_with_its_length():
    def peaks(chunks):
        command = [sys.executable, "-m", "tests.executors.stream", str(chunks)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        return numpy.array(said.split(), dtype=float)

    assert max(peaks(200) / peaks(50)) < 1.4
