"""Benchmarks on workloads of a few numbers: what they refuse, name and write. Times are not judged."""

import json
import sys
from importlib import import_module

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks.run import ONE_THREAD, compare

CONTENDER = """
def of(result):
    return lambda *size: lambda: (result, *map(float, size))
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A function that writes and imports a workload with this source."""
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "")  # to be put back
    (tmp_path / "fakes").mkdir()
    monkeypatch.syspath_prepend(tmp_path)

    def write(name, source):
        (tmp_path / "fakes" / f"{name}.py").write_text(f"TITLE = 'a fake'\nBASELINE = 'first'\n{CONTENDER}{source}")
        return import_module(f"fakes.{name}")

    yield write
    for module in [name for name in sys.modules if name.partition(".")[0] == "fakes"]:
        del sys.modules[module]


@pytest.fixture
def run(monkeypatch):
    def run(*words):
        monkeypatch.setattr(command, "PACKAGE", "fakes")
        monkeypatch.setattr(command, "WORKLOADS", ["fake", "sweep_fake"])
        monkeypatch.setattr(sys, "argv", ["benchmarks", *map(str, words)])
        command.main()

    return run


@pytest.mark.parametrize("other", ["1.0 + 1e-8", "float('nan')", "(1.0, 1.0)"])
def test_contenders_that_disagree_are_not_measured(other, written):
    fake = written("fake", f"CONTENDERS = {{'first': of(1.0), 'second': of({other})}}")
    with pytest.raises(SystemExit, match="first and second disagree on the numbers: nothing was measured"):
        compare(fake, 1)


def test_a_contender_that_dies_is_named(written):
    fake = written("fake", "import os\nCONTENDERS = {'first': lambda: lambda: os._exit(3)}")
    with pytest.raises(SystemExit, match=r"first died \(exit code 3\)"):
        compare(fake, 1)


def test_results_are_compared_in_the_order_that_all_share(written):
    swap = "lambda: (lambda: [2.0, 1.0], lambda result: result[::-1])"
    fake = written("fake", f"CONTENDERS = {{'first': of((1.0, 2.0)), 'second': {swap}}}")
    assert [each.name for each in compare(fake, 1)] == ["first", "second"]


def test_figures_and_a_picture_name_who_is_missing(written, run, tmp_path, capsys):
    written("fake", "def absent():\n    import no_such_peer\nCONTENDERS = {'first': of(1.0), 'absent': absent}")
    written(
        "sweep_fake",
        """
SIZES = 'sizes', (1, 10)
def shallow(n):
    return lambda: deep(n)
def deep(n):
    if n > 1:
        raise RecursionError('too deep')
    return 1.0, float(n)
CONTENDERS = {'autograd_mini, machine code': of(1.0), 'torch': shallow}
""",
    )
    run("--rounds", 2, "--json", tmp_path / "found.json", "--plot", tmp_path / "found.svg")
    printed = capsys.readouterr().out
    assert "not measured: No module named 'no_such_peer'" in printed
    assert printed.count("not measured: too deep") == 1

    workloads = json.loads((tmp_path / "found.json").read_text())["workloads"]
    fake, sweep = workloads["fake"], workloads["sweep_fake"]
    assert [(each["name"], each["size"], len(each["wall"])) for each in fake["measured"]] == [("first", None, 2)]
    assert fake["missing"] == [
        {"name": "absent", "size": None, "reason": "not measured: No module named 'no_such_peer'"}
    ]
    assert [(each["name"], each["size"]) for each in sweep["measured"]] == [
        ("autograd_mini, machine code", 1),
        ("torch", 1),
        ("autograd_mini, machine code", 10),
    ]
    assert [(each["name"], each["size"]) for each in sweep["missing"]] == [("torch", 10)]

    picture = (tmp_path / "found.svg").read_text()
    for text in ("absent not measured", "[1", "autograd_mini, machine code", "too deep"):
        assert f"<!-- {text}" in picture or text in picture  # matplotlib notes the text of its outlines
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fakes", "found.json", "found.svg"]


def test_a_picture_of_nothing_measured_is_drawn(tmp_path):
    from tests.benchmarks.plot import save_plot

    save_plot({"machine": "none", "workloads": {"start_up": None}}, tmp_path / "empty.png")
    assert (tmp_path / "empty.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nothing"], "no workload is named 'nothing'"),
        (["--rounds", 0], "at least one turn"),
        (["--json", "missing/found.json"], "is in no folder that exists"),
        (["--plot", "found.xyz"], "found.xyz"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_measured(words, reason, run, capsys):
    with pytest.raises(SystemExit):
        run(*words)
    printed = capsys.readouterr()
    assert reason in printed.err
    assert "Each contender" not in printed.out


def test_every_workload_is_listed_and_complete():
    for name in command.WORKLOADS + command.LONG:
        workload = import_module(f"tests.benchmarks.{name}")
        if hasattr(workload, "CONTENDERS"):
            bases = [each for each in workload.CONTENDERS if each == workload.BASELINE]
            assert len(bases) == 1, name
        else:
            assert callable(workload.main)
