import pytest

from autograd_mini.compiler import deriving
from autograd_mini.compiler.run import machine


@pytest.fixture(autouse=True)
def as_packs(monkeypatch):
    """However small the programs are."""
    monkeypatch.setattr(deriving, "suits_scalars", lambda *args: False)


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Batches of a few hundred examples go tile by tile already."""
    monkeypatch.setattr(machine, "CACHE", 0)
