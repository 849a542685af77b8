import pytest

from autograd_mini.compiler import deriving
from autograd_mini.compiler.machine import executor


@pytest.fixture(autouse=True)
def as_packs(monkeypatch):
    """However small the programs are."""
    monkeypatch.setattr(deriving, "suits_scalars", lambda *args: False)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Batches of a few hundred examples go tile by tile already."""
    monkeypatch.setattr(executor, "CACHE", 0)
