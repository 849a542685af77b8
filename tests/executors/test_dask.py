"""Functions on a Dask cluster of real processes, one of which is killed while it works."""

import contextlib
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from autograd_mini import compile
from autograd_mini.executors import pools
from autograd_mini.nn import MLP, squared_error
from autograd_mini.training import fit, pairs
from tests.executors import importable
from tests.executors.comparing import same_bits, table

distributed = pytest.importorskip("distributed", reason="these tests need Dask: pip install -e '.[cluster]'")
array = pytest.importorskip("dask.array")

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("dask"))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", local_directory=folder
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def test_the_same_bits_by_its_client_and_by_its_executor(client, threads):
    weights, examples = importable.data(500)
    for reduce in ("mean", None):
        compiled = importable.loss(reduce)
        expected = compiled.on(threads, 32).value_and_grad(*weights, *examples)
        for executor in (client, client.get_executor()):
            same_bits(compiled.on(executor, 32).value_and_grad(*weights, *examples), expected)
    same_bits(table(client), table(threads))


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_gives_the_same_bits(workers, threads, tmp_path):
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "local_directory": str(tmp_path)}
    with distributed.LocalCluster(n_workers=workers, **options) as cluster, distributed.Client(cluster) as client:
        same_bits(table(client), table(threads))


def test_arrays_of_dask(client, threads):
    weights, examples = importable.data(500)
    x, d = (array.from_array(each, chunks=(size, *each.shape[1:])) for each, size in zip(examples, (70, 130)))
    for compiled in (importable.loss(), importable.loss(reduce=None)):
        expected = compiled.on(threads, 16).value_and_grad(*weights, *examples)
        same_bits(compiled.on(client, 16).value_and_grad(*weights, x, d), expected)
        same_bits(compiled.on(threads, 16).value_and_grad(*weights, x, examples[1]), expected)
    with pytest.raises(ValueError, match=r"compute_chunk_sizes\(\) finds"):
        compile(importable.branching, batch=True).on(client)(d[d > 0.0])


def processes_of(client):
    """Those of both workers; asked again while the cluster does not know yet that one has died."""
    while True:
        with contextlib.suppress(OSError):
            client.wait_for_workers(2)
            return sorted(client.run(os.getpid).values())


def test_a_worker_that_is_killed_changes_nothing(client, threads):
    weights, examples = importable.data(4000)
    compiled = importable.loss(backend="numpy")
    expected = compiled.on(threads, 4).value_and_grad(*weights, *examples)
    random_ = random.Random(1)
    for _ in range(2):
        victim = random_.choice(processes_of(client))
        thread = threading.Timer(random_.uniform(0.0, 0.3), os.kill, [victim, signal.SIGKILL])
        thread.start()
        while True:
            same_bits(compiled.on(client, 4).value_and_grad(*weights, *examples), expected)
            if not thread.is_alive():
                break
        while victim in processes_of(client):
            time.sleep(0.05)


def test_a_cluster_without_workers_is_waited_for_and_that_is_said(tmp_path):
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", "local_directory": str(tmp_path)}
    with distributed.LocalCluster(n_workers=0, **options) as cluster, distributed.Client(cluster) as client:
        tiled = compile(importable.branching, batch=True).on(client.get_executor(), 4)
        timer = threading.Timer(1.5 * pools.SILENCE, cluster.scale, [1])
        timer.start()
        with pytest.warns(RuntimeWarning, match="the cluster of Dask has no worker; this call waits until it has one"):
            found = tiled(numpy.arange(9.0))
        timer.join()
    assert found.tolist() == [importable.branching(float(each)) for each in range(9)]


def test_training(client, threads, monkeypatch):
    """Large data is sent from worker to worker."""
    monkeypatch.setattr(pools, "LARGE", 100)
    random_ = numpy.random.default_rng(1)
    data = pairs(random_.normal(size=(100, 3)), random_.normal(size=100))
    found = []
    for executor in (client, threads):
        model = MLP(3, [4, 1], activation="tanh", random=3)
        fit(model, data, squared_error, batch_size=64, epochs=3, executor=executor)
        found.append([weight.data for weight in model.parameters()])
    assert found[0] == found[1]


def test_rows_that_kill_their_worker_are_named(client):
    client.cluster.scheduler.allowed_failures = 0  # how many workers it may cost, of which each takes seconds to start
    with pytest.raises(RuntimeError, match=r"^rows \d+ to 99 of deadly were lost too often, each time with a worker"):
        compile(importable.deadly, batch=True).on(client, 50)(numpy.linspace(0.0, 10.0, 100))
    client.wait_for_workers(2)


def test_errors_come_back_with_their_rows(client):
    with pytest.raises(ZeroDivisionError, match="that is too large") as found:
        compile(importable.failing, batch=True).on(client, 10)(numpy.linspace(0.0, 10.0, 101))
    assert found.value.__notes__[0].startswith("This happened in rows 90 to 99 of failing, in a worker:\nTraceback")
