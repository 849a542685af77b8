"""Training on an executor: the numbers do not depend on the workers, and everything else is as in ordinary training."""

import itertools
import multiprocessing
import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy
import pytest

from autograd_mini.executors import pools
from autograd_mini.nn import MLP, RandomisedLeakyReLU, kl_softmax, squared_error
from autograd_mini.nn.state import StateError
from autograd_mini.optim import Adam
from autograd_mini.training import accuracy, fit, pairs
from tests.training.test_checkpoint import without_seconds

START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def examples(n, seed=0):
    random = numpy.random.default_rng(seed)
    x = random.normal(size=(n, 4))
    return pairs(x, ((x[:, 0] > 0).astype(int) + (x[:, 1] > 0)).tolist())


def train(executor, data=None, epochs=4, **options):
    """Train a model; return its numbers and the history."""
    model = MLP(4, [6, 3], activation="tanh", output="softmax", random=1)
    data = examples(230) if data is None else data
    optimizer = Adam(model.parameters(), 0.02)
    history = fit(model, data, kl_softmax, optimizer, epochs=epochs, batch_size=100, executor=executor, **options)
    return [weight.data for weight in model.parameters()], without_seconds(history)


def test_it_is_compiled_training_but_for_rounding():
    options = {"validation": examples(50, seed=1), "metrics": {"accuracy": accuracy}}
    with ThreadPoolExecutor(2) as pool:
        numbers, history = train(pool, **options)
    expected, expected_history = train(None, compiled=True, **options)
    numpy.testing.assert_allclose(numbers, expected, rtol=1e-9)
    assert history.keys() == expected_history.keys()
    for found, wanted in zip(history["epochs"], expected_history["epochs"]):
        assert found.pop("metrics") == pytest.approx(wanted.pop("metrics"))
        assert found == pytest.approx(wanted)


def test_any_number_of_workers_gives_the_same_numbers():
    found = []
    for workers in (1, 2, 3):
        with ThreadPoolExecutor(workers) as pool:
            found.append(train(pool, validation=examples(50, seed=1)))
    with ProcessPoolExecutor(2, multiprocessing.get_context(START)) as pool:
        found.append(train(pool, validation=examples(50, seed=1)))
    assert all(each == found[0] for each in found)


def test_functions_and_data_travel_once(monkeypatch):
    monkeypatch.setattr(pools, "HAS_MEMORY", False)  # they go through pipes, where the pool sees them
    sent = Counter()

    class Seeing(ProcessPoolExecutor):
        def submit(self, function, task, job, contents):
            sent.update(token for token, content in zip(task.tokens, contents) if content is not None)
            return super().submit(function, task, job, contents)

    with Seeing(1, multiprocessing.get_context(START)) as pool:
        train(pool, validation=examples(50, seed=1))
    assert len(sent) >= 6  # the loss and the validation, inputs and outputs of both
    assert {*sent.values()} == {1}


@pytest.mark.filterwarnings("ignore:a process of the pool died", "ignore:This process .* is multi-threaded")
def test_workers_that_are_killed_change_no_number():
    with ThreadPoolExecutor(1) as pool:
        expected = train(pool)

    class Deadly(ProcessPoolExecutor):
        """A process dies when so many tasks were submitted."""

        def submit(self, function, *args):
            future = super().submit(function, *args)
            if next(count) == 12:
                next(iter(self._processes.values())).kill()
            return future

    count = itertools.count()
    start = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    with Deadly(2, multiprocessing.get_context(start)) as pool:
        assert train(pool) == expected
    assert next(count) > 12


def test_it_resumes_on_another_number_of_workers(tmp_path):
    with ThreadPoolExecutor(3) as pool:
        expected = train(pool)
        train(pool, epochs=2, checkpoint=tmp_path / "state")
    with ThreadPoolExecutor(1) as pool:
        assert train(pool, checkpoint=tmp_path / "state", resume=True) == expected
    with pytest.raises(StateError, match="executor is True there and None here"):
        train(None, compiled=True, checkpoint=tmp_path / "state", resume=True)


def test_ctrl_c_keeps_the_best_parameters():
    steps = []

    class Interrupting(ThreadPoolExecutor):
        def submit(self, function, *args):
            steps.append(function)
            if len(steps) == 40:
                raise KeyboardInterrupt
            return super().submit(function, *args)

    with Interrupting(2) as pool:
        numbers, history = train(pool, epochs=100)
    assert history["interrupted"]
    with ThreadPoolExecutor(1) as pool:
        expected, _ = train(pool, epochs=history["best_epoch"] + 1)
    assert numbers == expected


def test_a_model_that_branches():
    """The example decides which of its parameters are used."""
    data = [([x / 10.0], abs(x / 10.0)) for x in range(-30, 31)]

    def make():
        return MLP(1, [4, 1], activation="leaky_relu", random=2)

    results = []
    for options in ({"compiled": True}, {"executor": 1}, {"executor": 3}):
        with ThreadPoolExecutor(options.get("executor", 1)) as pool:
            model = make()
            if "executor" in options:
                options = {"executor": pool}
            fit(model, data, with_branches, epochs=3, **options)
            results.append([weight.data for weight in model.parameters()])
    assert results[1] == results[2]
    numpy.testing.assert_allclose(results[1], results[0], rtol=1e-9)


def with_branches(y, d):
    return squared_error(y, d) if y > d else 2.0 * squared_error(y, d)


def test_what_is_refused():
    with pytest.raises(TypeError, match=r"takes an executor with submit or map"):
        train(3)
    model = MLP(4, [6, 3], activation=RandomisedLeakyReLU(random=1), output="softmax", random=1)
    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="the model draws random numbers"):
        fit(model, examples(20), kl_softmax, executor=pool)


def test_what_cannot_be_pickled():
    lock = threading.Lock()

    def failing(y, d):
        with lock:
            return y / d

    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(TypeError, match="the loss of MLP cannot be sent to another process"),
    ):
        fit(MLP(1, [1]), [([1.0], 1.0)], failing, epochs=2, executor=pool)
