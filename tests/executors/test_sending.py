"""Pickles and their arrays, in memory shared between processes."""

import gc
import multiprocessing
import os
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import compile
from autograd_mini.executors import sending
from autograd_mini.executors.sending import Memory, Packed, in_memory, opened
from tests.executors import importable
from tests.executors.comparing import same_bits

in_linux = pytest.mark.skipif(not sending.HAS_MEMORY, reason="only Linux has files in memory without a name")
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

shapes = st.lists(st.lists(st.integers(0, 4), max_size=3), max_size=5)


def nest_of(shapes, order):
    random = numpy.random.default_rng(3)
    arrays = [numpy.asarray(random.normal(size=shape), order=order) for shape in shapes]
    return {"arrays": arrays, "strided": [array[..., ::2] for array in arrays if array.ndim], "text": "é"}


def same(one, two):
    assert one["text"] == two["text"]
    for name in ("arrays", "strided"):
        assert [each.tobytes() for each in one[name]] == [each.tobytes() for each in two[name]]
        assert [(each.shape, each.dtype) for each in one[name]] == [(each.shape, each.dtype) for each in two[name]]


@settings(deadline=None)
@given(shapes, st.sampled_from("CF"), st.sampled_from([4, 5]))
def test_a_nest_comes_back_by_any_way(shapes, order, protocol):
    nest = nest_of(shapes, order)
    same(opened(Packed.of(nest)), nest)
    there = opened(pickle.loads(pickle.dumps(Packed.of(nest), protocol)))
    same(there, nest)
    assert all(array.flags.writeable for array in there["arrays"])
    if sending.HAS_MEMORY:
        memory = in_memory(Packed.of(nest))
        same(opened(memory), nest)
        same(opened(pickle.loads(pickle.dumps(memory, protocol))), nest)


@in_linux
def test_what_is_written_anew_is_all_that_is_there():
    memory = in_memory(Packed.of(numpy.arange(1000.0)))
    pickle.loads(pickle.dumps(memory)).put(Packed.of([1.5]))
    assert opened(memory) == [1.5]


@in_linux
def test_a_file_that_has_the_number_of_one_that_is_gone_is_left_alone(tmp_path):
    memory = in_memory(Packed.of("it"))
    elsewhere = pickle.loads(pickle.dumps(memory))
    number = memory._file
    del memory
    with pytest.raises(OSError, match=f"/proc/{os.getpid()}/fd/{number}"):
        opened(elsewhere)
    (tmp_path / "file").write_text("of the user's")
    file = os.open(tmp_path / "file", os.O_RDWR)
    if file != number:
        os.dup2(file, number)
        os.close(file)
    with pytest.raises(OSError, match="is another file by now"):
        elsewhere.put(Packed.of("something"))
    os.close(number)
    assert (tmp_path / "file").read_text() == "of the user's"


class Listening(ProcessPoolExecutor):
    """Notes the lengths of the messages that pass through its pipes in either direction."""

    def __init__(self):
        super().__init__(2, multiprocessing.get_context("fork"))
        self.lengths = []

    def submit(self, function, *args):
        self.lengths.append(len(pickle.dumps((function, args))))
        future = super().submit(function, *args)
        future.add_done_callback(
            lambda _: future.exception() or self.lengths.append(len(pickle.dumps(future.result())))
        )
        return future


@in_linux
def test_no_message_is_longer_than_a_pipe_takes_in_one_piece():
    weights, examples = importable.data(50_000)
    compiled = importable.loss(reduce=None)
    with Listening() as pool:
        found = compiled.on(pool, 1024).value_and_grad(*weights, *examples)
        with pytest.raises(ZeroDivisionError):
            compile(importable.failing, batch=True).on(pool)(numpy.linspace(0.0, 10.0, 100_000))
        same_bits(found, compiled.value_and_grad(*weights, *examples))
        found[1][0][:] = 0.0  # they are the user's own
        assert max(pool.lengths) < 4096


def files_open():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@in_linux
def test_nothing_stays_open():
    x = numpy.linspace(0.0, 10.0, 100_000)
    failing, plain = (compile(each, batch=True) for each in (importable.failing, importable.branching))
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        found, files, expected = [], [], plain(x)
        for _ in range(4):
            with pytest.raises(ZeroDivisionError):
                failing.on(pool)(x)
            results = plain.on(pool)(iter([x, x, x]))
            found += [plain.on(pool)(x), plain.on(pool, 4096)(x), next(results), next(results)]
            results.close()
            files.append((files_open(), pool.submit(files_open).result()))
        same_bits(found, [expected] * 16)
    assert files[1] == files[2] == files[3]  # a function remembers what it was given last


@in_linux
def test_processes_out_of_reach_are_sent_everything_through_pipes(monkeypatch):
    monkeypatch.setattr(Memory, "__getstate__", lambda self: {"_place": ("/proc/0/fd/0", 0)})
    weights, examples = importable.data(5000)
    compiled = importable.loss(reduce=None)
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        tiled = compiled.on(pool, 512)
        for _ in range(2):
            same_bits(tiled.value_and_grad(*weights, *examples), compiled.value_and_grad(*weights, *examples))
        assert not tiled.pool.is_near
