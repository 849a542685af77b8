"""The option book on a cluster gives the numbers of the closed forms, and runs as a command."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "demos")
    cluster, book = import_module("cluster"), import_module("option_book")


def test_one_function_has_all_sensitivities():
    assert cluster.largest_difference() < cluster.TOLERANCE
    contracts, _ = book.draw_book(1000, seed=3)
    np.testing.assert_allclose(cluster.compiled(*contracts), np.transpose(book.greeks_of(*contracts)), atol=1e-11)


def test_the_book_comes_in_chunks_and_has_the_same_bits_on_an_executor(monkeypatch):
    monkeypatch.setattr(cluster, "CHUNK", 700)
    assert [len(chunk[0]) for chunk in cluster.chunks(1500)] == [700, 700, 100]
    _, digest, total = cluster.run(None, 1500)
    with ThreadPoolExecutor(2) as pool:
        _, found, totals = cluster.run(pool, 1500, shows=True)
    assert found == digest
    assert totals.tobytes() == total.tobytes()


def test_it_runs_as_a_command(tmp_path):
    pytest.importorskip("distributed", reason="this demo needs Dask: pip install -e '.[cluster]'")
    command = [sys.executable, "demos/cluster.py", "--quick", "--out", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    assert "2 workers: " in run.stdout
    assert (tmp_path / "cluster.png").stat().st_size > 10_000
