"""The compiler's page for maintainers: its example runs, and the files that it names exist."""

import doctest
import re
from pathlib import Path

import pytest

from autograd_mini.compiler import pipeline
from autograd_mini.compiler.code.libraries import binding

ROOM = Path(pipeline.__file__).parent
PAGE = ROOM / "README.md"


@pytest.mark.skipif(binding() is None, reason="needs llvmlite")
def test_the_example_runs():
    failed, tried = doctest.testfile(str(PAGE), module_relative=False)
    assert tried > 8
    assert not failed


def test_the_files_it_names_are_there():
    files = {path.relative_to(ROOM).as_posix() for path in ROOM.rglob("*.py")}
    named = re.findall(r"`([\w/]+\.py)`", PAGE.read_text())
    assert len(named) > 15
    for name in named:
        assert any(file == name or file.endswith("/" + name) for file in files) or (ROOM.parent / name).exists(), name


def test_every_room_is_on_it():
    rooms = {path.name for path in ROOM.iterdir() if path.is_dir() and not path.name.startswith("_")}
    text = PAGE.read_text()
    assert all(f"`{room}/" in text for room in rooms)
