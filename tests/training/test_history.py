"""`History`: its figures, its repr, its picture; and the metric `accuracy`."""

import os
import subprocess
import sys

import pytest

from autograd_mini import Value
from autograd_mini.training import Epoch, History, accuracy


def history(n=3, validation=True, **flags):
    epochs = [Epoch(2.0**-k, 0.5 if validation else None, {"accuracy": 0.25 * k}, 0.1, 1.0) for k in range(n)]
    return History(epochs, best_epoch=n - 1 if n else None, **flags)


def test_the_figures_of_all_epochs():
    found = history()
    assert found.losses == [1.0, 0.5, 0.25]
    assert found.validation_losses == [0.5] * 3
    assert found.metrics == {"accuracy": [0.0, 0.25, 0.5]}
    assert found.learning_rates == [0.1] * 3
    assert found.seconds == [1.0] * 3
    assert len(found) == 3


def test_without_validation_or_epochs():
    assert history(validation=False).validation_losses == []
    empty = History()
    assert (empty.losses, empty.metrics, len(empty), bool(empty)) == ([], {}, 0, True)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (History(), "<History: 0 epochs>"),
        (history(1, validation=False), "<History: 1 epoch, loss 1 → 1, accuracy 0>"),
        (history(converged=True), "<History: 3 epochs, loss 1 → 0.25, validation 0.5 → 0.5, accuracy 0.5, converged>"),
        (
            history(2, validation=False, stopped_early=True, interrupted=True),
            "accuracy 0.25, stopped early, interrupted>",
        ),
    ],
)
def test_the_repr_is_short(found, text):
    assert repr(found).endswith(text)


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_the_picture_is_written(tmp_path, ending, start):
    pytest.importorskip("matplotlib")
    history().plot(tmp_path / f"curves.{ending}")
    assert (tmp_path / f"curves.{ending}").read_bytes().startswith(start)
    assert os.listdir(tmp_path) == [f"curves.{ending}"]


def test_the_picture_shows_every_curve():
    pytest.importorskip("matplotlib")
    losses, metrics = history().plot().axes
    assert {line.get_label() for line in losses.lines} == {"training", "validation", "best epoch: 3"}
    assert list(losses.lines[0].get_ydata()) == [1.0, 0.5, 0.25]
    assert list(losses.lines[0].get_xdata()) == [1, 2, 3]
    assert list(metrics.lines[0].get_ydata()) == [0.0, 0.25, 0.5]
    assert len({line.get_color() for line in losses.lines}) == len({line.get_linestyle() for line in losses.lines}) == 3


def test_losses_over_decades_are_drawn_logarithmically_unless_one_is_zero():
    pytest.importorskip("matplotlib")
    assert history(9).plot().axes[0].get_yscale() == "log"
    assert history(2).plot().axes[0].get_yscale() == "linear"
    with_zero = History([Epoch(loss, None, {}, 0.1, 1.0) for loss in (1.0, 0.0)])
    assert [axes.get_yscale() for axes in with_zero.plot().axes] == ["linear"]


def test_a_picture_that_fails_leaves_the_old_file(tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "curves.nonsense").write_bytes(b"old")
    with pytest.raises(ValueError, match="nonsense"):
        history().plot(tmp_path / "curves.nonsense")
    assert (tmp_path / "curves.nonsense").read_bytes() == b"old"


def test_nothing_to_plot():
    with pytest.raises(ValueError, match="no epoch was trained"):
        History().plot()


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        history().plot()


def test_the_package_loads_nothing_heavy():
    code = (
        "import sys, autograd_mini.training, autograd_mini.nn.saving;"
        "print([name for name in ('numpy', 'matplotlib', 'tqdm') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("y", "d", "right"),
    [
        ([0.1, 0.7, 0.2], 1, 1.0),
        ([0.1, 0.7, 0.2], 0, 0.0),
        ([0.4, 0.4, 0.2], 0, 1.0),
        ([0.1, 0.7, 0.2], [0.2, 0.5, 0.3], 1.0),
        ([0.1, 0.7, 0.2], [1, 0, 0], 0.0),
        ([Value(0.1), Value(0.9)], 1, 1.0),
        (0.5, 1, 1.0),
        (0.49, 1, 0.0),
        (Value(0.2), 0.0, 1.0),
    ],
)
def test_accuracy(y, d, right):
    assert accuracy(y, d) == right
