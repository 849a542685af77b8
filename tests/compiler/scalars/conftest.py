"""Every program goes as scalars here, however few they are."""

from importlib.util import find_spec

import pytest

from autograd_mini.compiler import deriving

collect_ignore_glob = [] if find_spec("llvmlite") else ["test_*.py"]


@pytest.fixture
def as_scalars(monkeypatch):
    monkeypatch.setattr(deriving, "suits_scalars", lambda *args: True)
