"""Checkpoints: resumed training gives the numbers of uninterrupted training, and only whole files count."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd_mini.nn import MLP, RandomisedLeakyReLU, kl_softmax
from autograd_mini.nn.state import StateError
from autograd_mini.optim import SGD, Adam, AdamW, Cosine
from autograd_mini.training import History, fit
from tests.training.wide import train_wide

ROOT = Path(__file__).parents[2]
OPTIMIZERS = {
    "SGD": lambda w: SGD(w, 0.1),
    "momentum": lambda w: SGD(w, 0.1, momentum=0.9, nesterov=True),
    "Adam": lambda w: Adam(w, Cosine(0.1, 20)),
    "AdamW": lambda w: AdamW(w, 0.05),
}


def examples(seed, n=7):
    random = Random(seed)
    return [([random.gauss(0, 1), random.gauss(0, 1)], random.randrange(3)) for _ in range(n)]


def network(activation="tanh"):
    return MLP(2, [3, 3], activation, "softmax", random=1)


def numbers(model):
    return [parameter.data.hex() for parameter in model.parameters()]


def without_seconds(history):
    plain = history.as_dict()
    for epoch in plain["epochs"]:
        del epoch["seconds"]
    return plain


def train(model, optimizer="Adam", **kwargs):
    defaults = {"batch_size": 3, "tolerance": 0.0, "patience": 4, "metrics": {"first": lambda y, d: y[0]}}
    return fit(model, examples(1), kl_softmax, OPTIMIZERS[optimizer](model.parameters()), **{**defaults, **kwargs})


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    stops=st.lists(st.integers(1, 8), min_size=1, max_size=3),
    batch_size=st.sampled_from([None, 1, 3]),
    held_out=st.booleans(),
    seed=st.integers(0, 99),
)
def test_resumed_training_gives_the_numbers_of_uninterrupted_training(
    tmp_path, optimizer, stops, batch_size, held_out, seed
):
    path = tmp_path / "checkpoint.json"
    path.unlink(missing_ok=True)
    kwargs = {"batch_size": batch_size, "validation": examples(2) if held_out else None, "seed": seed}
    whole = network()
    expected = train(whole, optimizer, epochs=8, **kwargs)
    for epochs in [*sorted(stops), 8]:
        model = network()
        history = train(model, optimizer, epochs=epochs, checkpoint=path, resume=True, **kwargs)
    assert numbers(model) == numbers(whole)
    assert without_seconds(history) == without_seconds(expected)


def test_a_model_that_draws_numbers_goes_on_drawing(tmp_path):
    whole, first, second = (network(RandomisedLeakyReLU(random=3)) for _ in range(3))
    train(whole, epochs=6)
    train(first, epochs=3, checkpoint=tmp_path / "checkpoint.json")
    train(second, epochs=6, checkpoint=tmp_path / "checkpoint.json", resume=True)
    assert numbers(second) == numbers(whole)


def test_training_that_had_converged_is_not_taken_up_again(tmp_path):
    kwargs = {"tolerance": 0.5, "patience": 2, "epochs": 50, "checkpoint": tmp_path / "checkpoint.json"}
    first = train(network(), **kwargs)
    model = network()
    second = train(model, **kwargs, resume=True)
    assert first.converged
    assert without_seconds(second) == without_seconds(first)


def test_after_ctrl_c_training_goes_on_as_if_nothing_had_happened(tmp_path):
    calls = iter(range(25))

    def interrupted(y, d):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return 0.0

    kwargs = {"checkpoint": tmp_path / "checkpoint.json", "epochs": 6}
    assert train(network(), metrics={"first": interrupted}, **kwargs).interrupted
    model, whole = network(), network()
    history = train(model, metrics={"first": lambda y, d: 0.0}, **kwargs, resume=True)
    train(whole, epochs=6)
    assert numbers(model) == numbers(whole)
    assert not history.interrupted


def test_an_existing_checkpoint_is_not_overwritten_by_accident(tmp_path):
    path = tmp_path / "checkpoint.json"
    train(network(), epochs=2, checkpoint=path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="exists already; go on from it with resume=True, or delete it"):
        train(network(), epochs=2, checkpoint=path)
    assert path.read_bytes() == before


def test_a_checkpoint_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    model = network()
    before = numbers(model)
    with pytest.raises(FileNotFoundError):
        train(model, epochs=2, checkpoint=tmp_path / "missing" / "checkpoint.json")
    assert numbers(model) == before


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"batch_size": 2}, "another training run: batch_size is 3 there and 2 here"),
        ({"shuffle": False}, "another training run: shuffle is True there and False here"),
        ({"validation": examples(2)}, "another training run: validation is 0 there and 7 here"),
        ({"metrics": None}, r"another training run: metrics is \['first'\] there and \[\] here"),
        ({"optimizer": "SGD"}, "SGD needs the state of an optimizer of its kind"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, kwargs, message):
    path = tmp_path / "checkpoint.json"
    train(network(), epochs=2, checkpoint=path)
    model = network()
    before = numbers(model)
    with pytest.raises(StateError, match=f"cannot resume from .*: .*{message}"):
        train(model, epochs=3, checkpoint=path, resume=True, **kwargs)
    assert numbers(model) == before


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    train(network(), epochs=1, checkpoint=tmp_path / "checkpoint.json")
    with pytest.raises(StateError, match="it belongs to another model"):
        train(MLP(2, [4, 3], "tanh", "softmax"), epochs=2, checkpoint=tmp_path / "checkpoint.json", resume=True)


def test_a_damaged_checkpoint_is_refused_and_changes_nothing(tmp_path):
    path = tmp_path / "checkpoint.json"
    train(network(), epochs=1, checkpoint=path)
    content = path.read_bytes()
    state = json.loads(content)
    damaged = [content[: len(content) * k // 20] for k in range(20)]
    damaged += [json.dumps({**state, key: wrong}).encode() for key in state for wrong in (None, [], {}, "text", [[]])]
    damaged += [json.dumps({name: part for name, part in state.items() if name != key}).encode() for key in state]
    damaged += [json.dumps({**state, "generators": [[3, [1, 2], None]]}).encode()]
    damaged += [json.dumps({**state, "history": {**state["history"], "epochs": [{"loss": "low"}]}}).encode()]
    model = network()
    before = numbers(model)
    for wrong in damaged:
        path.write_bytes(wrong)
        with pytest.raises(StateError, match="cannot resume from"):
            train(model, epochs=2, checkpoint=path, resume=True)
        assert numbers(model) == before
        assert path.read_bytes() == wrong


def test_a_history_comes_back_from_plain_numbers():
    history = train(network(), epochs=3, validation=examples(2))
    assert History.from_dict(json.loads(json.dumps(history.as_dict()))) == history


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_process_killed_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.json"
    random = Random(849)
    command = [sys.executable, "-m", "tests.training.wide", str(path)]
    trained = 0
    for _ in range(5):
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = subprocess.Popen(command, cwd=ROOT)
        while process.poll() is None and not (path.exists() and path.stat().st_mtime_ns > before):
            time.sleep(0.002)
        time.sleep(random.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        _, history = train_wide(epochs=1, checkpoint=path, resume=True)
        assert len(history) >= trained
        trained = len(history)
    assert trained >= 4  # every process but the first has finished an epoch
    resumed, _ = train_wide(trained + 2, checkpoint=path, resume=True)
    whole, _ = train_wide(trained + 2)
    assert numbers(resumed) == numbers(whole)
    assert [name for name in os.listdir(tmp_path) if not name.endswith(".part")] == ["checkpoint.json"]


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on the size of files")
def test_a_process_killed_within_a_write_leaves_the_checkpoint_before(tmp_path):
    path = tmp_path / "checkpoint.json"
    train_wide(epochs=2, checkpoint=path)
    before = path.read_bytes()
    random = Random(849)
    for byte in (0, 1, *(random.randrange(len(before)) for _ in range(2))):
        command = [sys.executable, "-m", "tests.training.wide", str(path), str(byte)]
        assert subprocess.run(command, cwd=ROOT).returncode == -signal.SIGXFSZ
        assert path.read_bytes() == before
    _, history = train_wide(epochs=3, checkpoint=path, resume=True)
    assert len(history) == 3
