"""Files are written whole or not at all, and read within limits."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.files import parse_json, read_within, write_whole
from tests.interrupting import interrupt_everywhere


def refuse(reason):
    return LookupError(reason)


def test_the_content_is_there_and_nothing_else(tmp_path):
    for content in (b"first", b"second, longer", b""):
        write_whole(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
        assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch, failing):
    write_whole(tmp_path / "file", b"old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_ctrl_c_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    write_whole(tmp_path / "file", b"old")

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_symbolic_link_keeps_pointing(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    write_whole(tmp_path / "link", b"content")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_bytes() == b"content"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_devices_are_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        read = pool.submit(pipe.read_bytes)
        write_whole(pipe, b"content")
        assert read.result() == b"content"
    assert pipe.is_fifo()
    write_whole(os.devnull, b"content")
    assert not os.path.isfile(os.devnull)
    assert os.listdir(tmp_path) == ["pipe"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    write_whole(tmp_path / "whole", b"")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "file", b"")


def test_reading_stops_at_the_limit(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert read_within(tmp_path / "file", 5, refuse) == b"12345"
    with pytest.raises(LookupError, match="larger than the 4 bytes"):
        read_within(tmp_path / "file", 4, refuse)


@given(st.binary(max_size=40))
def test_any_bytes_are_json_or_refused(content):
    with suppress(LookupError):
        parsed = parse_json(content, refuse)
        text = json.dumps(parsed)
        assert json.dumps(json.loads(text)) == text


@pytest.mark.parametrize("content", [b"[" * 1_000_000, b'{"a":' * 100_000, b"1" * 100_000, b"\xff\xfe", b'{"a": 1'])
def test_hostile_json_is_refused(content):
    with pytest.raises(LookupError, match=r"nested too deeply|not a complete JSON file"):
        parse_json(content, refuse)


def test_ctrl_c_anywhere_leaves_the_old_file_or_the_new_one(tmp_path):
    def make():
        (tmp_path / "file").write_bytes(b"old")

    def run(_):
        write_whole(tmp_path / "file", b"new")

    def check(_):
        assert (tmp_path / "file").read_bytes() in (b"old", b"new")
        assert os.listdir(tmp_path) == ["file"]

    interrupt_everywhere(make, run, check)
