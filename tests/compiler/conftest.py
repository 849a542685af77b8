import pytest

from autograd_mini.compiler import partition, pipeline
from tests.compiler.run.fences import Margined, fenced


@pytest.fixture
def between_margins():
    """All that machine code reads and writes stands between margins, which are looked at after every run."""
    with fenced(Margined) as fences:
        yield fences


@pytest.fixture
def as_packs(monkeypatch):
    """Programs go as packs, however small they are."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: False)


@pytest.fixture
def as_scalars(monkeypatch):
    """Programs go as scalars, however few these are."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: True)


@pytest.fixture
def in_columns(monkeypatch):
    """Programs of one example go column by column, however few these are."""
    for name in ("has_columns", "suits_columns"):
        monkeypatch.setattr(pipeline, name, lambda *args: True)


@pytest.fixture
def small_tiles(monkeypatch):
    """Batches of a few hundred examples go tile by tile already."""
    monkeypatch.setattr(partition, "TILE_BYTES", 0)
