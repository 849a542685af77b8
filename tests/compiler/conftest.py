import pytest

from autograd_mini.compiler import deriving, partition, pipeline
from autograd_mini.compiler.ir.building import Builder
from autograd_mini.compiler.ir.scalars import operands
from autograd_mini.compiler.run import short_way
from tests.compiler.run.fences import Margined, fenced
from tests.compiler.verifying import verified

short_way.is_wanted()  # so that the first function of a process has a short way after its first call, as others do


@pytest.fixture(autouse=True, scope="session")
def in_order():
    """Check that every scalar of a program is computed from earlier ones."""

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
    """Check that all programs are well-formed."""
    so_far = Builder.so_far
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Builder, "so_far", lambda self, results: verified(so_far(self, results)))
        yield


@pytest.fixture
def between_margins():
    """Put all memory that machine code reads and writes between margins, which are checked after every run."""
    with fenced(Margined) as fences:
        yield fences


@pytest.fixture
def as_packs(monkeypatch):
    """Make programs run pack by pack, however small they are."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: False)


@pytest.fixture
def as_scalars(monkeypatch):
    """Make programs run scalar by scalar, however few scalars they have."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: True)


@pytest.fixture
def in_columns(monkeypatch):
    """Make programs of one example run column by column, however few columns they have."""
    for name in ("has_columns", "suits_columns"):
        monkeypatch.setattr(pipeline, name, lambda *args: True)


@pytest.fixture
def small_tiles(monkeypatch):
    """Make batches of a few hundred examples run tile by tile and shared by threads."""
    monkeypatch.setattr(partition, "TILE_BYTES", 0)
    monkeypatch.setattr(partition, "POINTERS_A_THREAD", 0)
