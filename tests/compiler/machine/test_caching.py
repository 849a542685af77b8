"""Kernels kept on disk: read when they can be trusted, made anew when they cannot."""

from pathlib import Path

import numpy
import pytest

from autograd_mini import compile, exp, tanh
from autograd_mini.compiler.machine import caching, engine
from autograd_mini.compiler.machine.caching import HEADER, KernelCache
from autograd_mini.compiler.machine.engine import addresses

X = numpy.random.default_rng(0).normal(size=(40, 3))


def f(v):
    return exp(v[0]) * tanh(v[1] * 1.375) - v[2] * v[0]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A function that compiles in a process that has compiled nothing yet, and how often it optimised a kernel."""
    made = []
    monkeypatch.setattr(engine, "_optimise", lambda *args, inner=engine._optimise: made.append(args) or inner(*args))

    def run(folder=tmp_path / "kernels"):
        monkeypatch.setattr(engine, "_addresses", {})
        made.clear()
        value, slopes = compile(f, batch=True, backend="machine", cache=folder).value_and_grad(X)
        return numpy.column_stack([value, slopes]), len(made)

    return run


@pytest.fixture
def kernels(tmp_path, runs):
    """The files of a first run."""
    assert runs()[1] > 0
    found = sorted((tmp_path / "kernels").iterdir())
    assert found
    return found


def expected():
    value, slopes = compile(f, batch=True, backend="machine").value_and_grad(X)
    return numpy.column_stack([value, slopes])


def test_a_second_process_optimises_nothing(kernels, runs):
    found, optimised = runs()
    assert optimised == 0
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
    found, optimised = runs()
    assert optimised == len(kernels)
    assert numpy.array_equal(found, expected())
    assert [file.read_bytes() for file in kernels] == whole


def forged(text):
    """A file whose header is right."""
    return f"{caching._header(text)}\n{text}".encode()


PLAIN = """define void @BODY(ptr %p, ptr %ld, i64 %b, i64 %e) {
  ret void
}
"""
FORGERIES = {
    "a call of its own": PLAIN.replace("  ret", "  %1 = call i32 @system(ptr %p)\n  ret")
    + "declare i32 @system(ptr)\n",
    "assembly of its own": PLAIN.replace("  ret", '  call void asm sideeffect "nop", ""()\n  ret'),
    "no function": "declare void @system()\n",
    "another function": PLAIN.replace("@BODY", "@other"),
    "a second function": PLAIN + PLAIN.replace("@BODY", "@other"),
    "ill-formed": PLAIN.replace("  ret void", "  ret i64 0"),
    "no assembly": "import os",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_foreign_files_are_ignored(kernels, runs, forgery):
    for file in kernels:
        file.write_bytes(forged(FORGERIES[forgery]))
    found, optimised = runs()
    assert optimised == len(kernels)
    assert numpy.array_equal(found, expected())


def test_kernels_with_tables_share_a_module(tmp_path, monkeypatch):
    """Each has private constants, which have the same names in every file."""
    order = numpy.random.default_rng(0).permutation(30)

    def shuffled(x):
        y = [tanh(x[i]) for i in order]
        return sum(exp(-y[i] * x[j]) * y[j] for j, i in enumerate(order))

    x = numpy.random.default_rng(1).normal(size=(9, 30))
    whole = compile(shuffled, batch=True, backend="machine").value_and_grad(x)
    for _ in range(2):
        monkeypatch.setattr(engine, "_addresses", {})
        found = compile(shuffled, batch=True, backend="machine", cache=tmp_path).value_and_grad(x)
        assert numpy.array_equal(found[0], whole[0])
        assert numpy.array_equal(found[1], whole[1])
    assert sum("private" in file.read_text() for file in tmp_path.iterdir()) > 1


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
    """It is no reason to fail; to be none at all is."""

    def full(path, content):
        raise OSError("no space left")

    monkeypatch.setattr(caching, "write_whole", full)
    monkeypatch.setattr(engine, "_addresses", {})
    assert numpy.isfinite(compile(f, batch=True, backend="machine", cache=tmp_path)(X)).all()
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OSError, match=r"cache must be a folder for kernels, and '.*file' cannot be made one"):
        compile(f, batch=True, backend="machine", cache=file)(X)
    with pytest.raises(TypeError, match="cache must be the path of a folder, or None, got 3"):
        compile(f, cache=3)


def test_paths_of_any_kind(tmp_path, runs):
    assert runs(str(tmp_path / "a" / "b"))[1] > 0
    assert runs(tmp_path / "a" / "b")[1] == 0
    assert isinstance(next((tmp_path / "a" / "b").iterdir()), Path)


def test_names_and_content(tmp_path):
    cache = KernelCache(tmp_path)
    text = PLAIN.replace("ret void", "ret void ; of this test alone")
    assert cache.get(text) is None
    addresses([text], cache=cache)
    (file,) = tmp_path.iterdir()
    assert file.suffix == ".ll"
    assert file.read_text().startswith(HEADER)
    assert "ret void" in str(cache.get(text))
