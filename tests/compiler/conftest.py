import pytest

from tests.compiler.machine.fences import Margined, fenced


@pytest.fixture
def between_margins():
    """All that machine code reads and writes stands between margins, which are looked at after every run."""
    with fenced(Margined) as fences:
        yield fences
