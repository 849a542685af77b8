"""Differences between Linux, macOS and Windows, tested on whichever of them this runs."""

import ast
import ctypes
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_mini.__main__ as command_line
from autograd_mini.compiler.code import caching, libraries

ROOT = Path(__file__).parents[1]
SOURCES = [*(ROOT / "autograd_mini").rglob("*.py"), *(ROOT / "demos").glob("*.py")]
POSIX_MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix"}
POSIX_NAMES = {"os.getuid", "os.fork", "os.fchmod", "os.sched_getaffinity", "signal.SIGKILL", "signal.alarm"}


def calls(path):
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_text_is_written_and_read_in_utf_8(path):
    """UTF-8 is not the default encoding of every system."""
    for call in calls(path):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        given = [ast.unparse(each) for each in (*call.args, *(each.value for each in call.keywords))]
        if name in ("read_text", "write_text") or (name == "open" and isinstance(call.func, ast.Name)):
            assert {"'utf-8'", "'rb'", "'wb'", "'xb'", "'r+b'"} & {*given}, f"{path.name}:{call.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_some_systems_lack_is_asked_for(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    guarded = {inner for node in ast.walk(tree) if isinstance(node, ast.Try) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert node in guarded or not POSIX_MODULES & {alias.name for alias in node.names}, f"line {node.lineno}"
        if isinstance(node, ast.Attribute) and ast.unparse(node) in POSIX_NAMES:
            owner, _, name = ast.unparse(node).partition(".")
            assert f'hasattr({owner}, "{name}")' in text, f"line {node.lineno}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("CDLL"):
            assert ast.unparse(node.args[0]) != "None", f"line {node.lineno}"


class Library:
    """A C library, or none of that name."""

    def __init__(self, name):
        self.names = {
            "ucrtbase": {"exp"},
            "msvcrt": {"exp", "_hypot"},
            "libSystem.B.dylib": {"exp"},
            "libc.so": {"exp"},
        }
        if name not in self.names:
            raise OSError(name)
        self.name = name

    def __getattr__(self, symbol):
        if symbol not in self.names[self.name]:
            raise AttributeError(symbol)
        return self.name, symbol


@pytest.mark.parametrize(
    ("platform", "found", "expected"),
    [
        ("win32", {}, "ucrtbase"),
        ("darwin", {"m": "libm.dylib"}, "libSystem.B.dylib"),
        ("linux", {"c": "libc.so"}, "libc.so"),  # as musl has it
        ("freebsd14", {"m": "libm.so.5", "c": "libc.so"}, "libc.so"),
    ],
)
def test_elementary_functions_are_found(platform, found, expected, monkeypatch):
    announced = {}
    monkeypatch.setattr(libraries.sys, "platform", platform)
    monkeypatch.setattr(libraries, "find_library", found.get)
    monkeypatch.setattr(libraries.ctypes, "CDLL", Library)

    def announce(library, name):
        if not hasattr(library, name):
            return False
        announced[name] = library.name
        return True

    monkeypatch.setattr(libraries, "announce_from", announce)
    libraries.announce_libm.__wrapped__("exp")
    assert announced == {"exp": expected}
    with pytest.raises(NotImplementedError, match="no 'erfc' in its C library"):
        libraries.announce_libm.__wrapped__("erfc")


def test_this_host_has_them():
    for name in ("exp", "tgamma", "hypot"):
        for library in dict.fromkeys([*libraries.LIBM.get(sys.platform, ()), libraries.find_library("m")]):
            if library and hasattr(ctypes.CDLL(library), name):
                break
        else:
            pytest.fail(name)


def test_a_cache_where_files_have_no_owner(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "getuid", raising=False)
    tmp_path.chmod(0o777)
    cache = caching.CodeCache(tmp_path / "code")
    (tmp_path / "code").chmod(0o777)
    cache.put("text", b"code")
    assert cache.get("text") == b"code"


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437"])
@pytest.mark.parametrize(
    "arguments",
    [["draw", "√(w·x² + 1)", "w=1", "x=2"], ["primitives"], ["primitives", "gelu"], ["check", "x**2", "x=1"]],
)
def test_streams_of_any_encoding(encoding, arguments, monkeypatch):
    out, error = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", error)
    monkeypatch.setattr(sys, "argv", ["autograd_mini", *arguments])
    assert command_line.run() == 0
    assert len(out.buffer.getvalue()) > 20


def test_a_demo_on_a_console_without_greek(tmp_path):
    pytest.importorskip("matplotlib")
    command = [sys.executable, str(ROOT / "demos" / "subgradients.py"), "--quick", "--out", str(tmp_path)]
    settings = os.environ | {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=settings, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode("cp1252")


@pytest.mark.parametrize(
    ("platform", "error", "expected"),
    [
        ("linux", BrokenPipeError(32, "Broken pipe"), True),
        ("win32", OSError(22, "Invalid argument"), True),
        ("linux", OSError(22, "Invalid argument"), False),
        ("win32", OSError(22, "Invalid argument", "x?.svg"), False),
        ("win32", ValueError("x"), False),
    ],
)
def test_a_reader_that_has_gone(platform, error, expected, monkeypatch):
    monkeypatch.setattr(command_line.sys, "platform", platform)
    assert command_line.is_broken_pipe(error) is expected
