"""Every program goes as scalars here, however few they are."""

from importlib.util import find_spec

import pytest

from autograd_mini.compiler import pipeline

collect_ignore_glob = [] if find_spec("llvmlite") else ["test_*.py"]


@pytest.fixture
def as_scalars(monkeypatch):
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: True)
