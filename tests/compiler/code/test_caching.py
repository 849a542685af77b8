"""Machine code kept on disk is read if it can be trusted, and compiled again otherwise."""

import os
from pathlib import Path
from weakref import WeakValueDictionary

import numpy
import pytest

from autograd_mini import compile, exp, tanh
from autograd_mini.compiler import pipeline
from autograd_mini.compiler.code import caching, engine
from autograd_mini.compiler.code.caching import HEADER, CodeCache
from autograd_mini.compiler.code.engine import addresses

pytestmark = pytest.mark.usefixtures("as_packs", "small_tiles")

X = numpy.random.default_rng(0).normal(size=(40, 3))


def f(v):
    return exp(v[0]) * tanh(v[1] * 1.375) - v[2] * v[0]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A function that compiles in a fresh process, and returns how many modules it kept."""
    made = []
    monkeypatch.setattr(CodeCache, "put", lambda *args, inner=CodeCache.put: made.append(args) or inner(*args))

    def run(folder=tmp_path / "kernels"):
        monkeypatch.setattr(engine, "_known", WeakValueDictionary())
        made.clear()
        value, slopes = compile(f, batch=True, backend="machine", cache=folder).value_and_grad(X)
        return numpy.column_stack([value, slopes]), len(made)

    return run


@pytest.fixture
def kernels(tmp_path, runs):
    """The files that a first run leaves."""
    assert runs()[1] > 0
    found = sorted((tmp_path / "kernels").iterdir())
    assert found
    return found


def expected():
    value, slopes = compile(f, batch=True, backend="machine").value_and_grad(X)
    return numpy.column_stack([value, slopes])


@pytest.fixture(autouse=True, params=["packs", "scalars"])
def kind(request, monkeypatch):
    """Runs a test for both kinds of programs."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: request.param == "scalars")


def test_a_second_process_compiles_nothing(kernels, runs, monkeypatch):
    monkeypatch.setattr(CodeCache, "put", lambda *args: pytest.fail("compiled"))
    found, made = runs()
    assert made == 0
    assert numpy.array_equal(found, expected())


DAMAGES = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content[:-20] + bytes([content[-20] ^ 1]) + content[-19:],
    "no text": lambda content: b"\xff\xfe" * 100,
    "no header": lambda content: content.partition(b"\n")[2],
    "another header": lambda content: b"; another program\n" + content.partition(b"\n")[2],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_ignored_and_made_anew(kernels, runs, damage):
    whole = [file.read_bytes() for file in kernels]
    for file, content in zip(kernels, whole):
        file.write_bytes(DAMAGES[damage](content))
    found, made = runs()
    assert made == len(kernels)
    assert numpy.array_equal(found, expected())
    assert [file.read_bytes() for file in kernels] == whole


PLAIN = """define void @BODY(ptr %p, ptr %ld, i64 %b, i64 %e) {
  ret void
}
"""


def test_kernels_with_tables_share_a_module(tmp_path, monkeypatch):
    """Each has its own private constants."""
    order = numpy.random.default_rng(0).permutation(30)

    def shuffled(x):
        y = [tanh(x[i]) for i in order]
        return sum(exp(-y[i] * x[j]) * y[j] for j, i in enumerate(order))

    x = numpy.random.default_rng(1).normal(size=(9, 30))
    whole = compile(shuffled, batch=True, backend="machine").value_and_grad(x)
    for _ in range(2):
        monkeypatch.setattr(engine, "_known", WeakValueDictionary())
        found = compile(shuffled, batch=True, backend="machine", cache=tmp_path).value_and_grad(x)
        assert numpy.array_equal(found[0], whole[0])
        assert numpy.array_equal(found[1], whole[1])
    assert list(tmp_path.iterdir())


def test_files_are_for_one_host_and_version(kernels, runs, monkeypatch):
    version, processor, features = caching.host()
    for other in (("1.2.3", processor, features), (version, "other", features), (version, processor, "")):
        monkeypatch.setattr(caching, "host", lambda other=other: other)
        assert runs()[1] == len(kernels)


def test_without_being_asked_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compile(f, batch=True, backend="machine")(X)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    """This is no reason to fail, but a path that is no folder is."""

    def full(path, content):
        raise OSError("no space left")

    monkeypatch.setattr(caching, "write_whole", full)
    monkeypatch.setattr(engine, "_known", WeakValueDictionary())
    assert numpy.isfinite(compile(f, batch=True, backend="machine", cache=tmp_path)(X)).all()
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OSError, match=r"cache must be a folder for machine code, and '.*file' cannot be made one"):
        compile(f, batch=True, backend="machine", cache=file)(X)
    with pytest.raises(TypeError, match="cache must be the path of a folder, or None, got 3"):
        compile(f, cache=3)


def test_paths_of_any_kind(tmp_path, runs):
    assert runs(str(tmp_path / "a" / "b"))[1] > 0
    assert runs(tmp_path / "a" / "b")[1] == 0
    assert isinstance(next((tmp_path / "a" / "b").iterdir()), Path)


def test_names_and_content(tmp_path):
    cache = CodeCache(tmp_path)
    text = PLAIN.replace("ret void", f"ret void ; of {tmp_path.name}")
    addresses([text], cache=cache)
    (file,) = tmp_path.iterdir()
    assert file.suffix == ".o"
    first, _, code = file.read_bytes().partition(b"\n")
    assert first.startswith(HEADER.encode())
    assert b"body0" in code


@pytest.mark.skipif(os.name != "posix", reason="needs the owners of files")
def test_files_that_others_may_write_are_ignored(kernels, runs):
    assert {file.stat().st_mode & 0o777 for file in kernels} == {0o600}
    for mode in (0o620, 0o602):
        for file in kernels:
            file.chmod(mode)
        assert runs()[1] == len(kernels)


@pytest.mark.skipif(os.name != "posix", reason="needs the owners of files")
def test_folders_that_others_may_write_to_are_refused(tmp_path, runs, monkeypatch):
    assert runs(tmp_path / "made")[1] > 0
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
    for mode in (0o770, 0o707):
        (tmp_path / "made").chmod(mode)
        with pytest.raises(
            PermissionError, match=r"a folder of your own that nobody else may write to.* '.*made' is not"
        ):
            runs(tmp_path / "made")
