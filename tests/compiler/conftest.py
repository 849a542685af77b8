import pytest

from autograd_mini.compiler import deriving, partition, pipeline
from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.scalars import operands
from tests.compiler.run.fences import Margined, fenced
from tests.compiler.verifying import verified


@pytest.fixture(autouse=True, scope="session")
def in_order():
    """Of all scalars that programs are made of, each is made of earlier ones."""

    class Source(deriving.Source):
        def __init__(self, scalars, *rest):
            for number, scalar in enumerate(scalars.scalars):
                assert max(operands(scalar), default=-1) < number, f"scalar {number} is out of order"
            super().__init__(scalars, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deriving, "Source", Source)
        yield


@pytest.fixture(autouse=True, scope="session")
def well_formed():
    """All programs are."""
    so_far = Builder.so_far
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Builder, "so_far", lambda self, results: verified(so_far(self, results)))
        yield


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
    """Batches of a few hundred examples go tile by tile already, and are shared by threads."""
    monkeypatch.setattr(partition, "TILE_BYTES", 0)
    monkeypatch.setattr(partition, "POINTERS_A_THREAD", 0)
