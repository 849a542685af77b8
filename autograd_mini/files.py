"""Files that are written whole or not at all, and read within limits."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from autograd_mini.interrupts import ensure


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that whoever reads `path`, at any moment, finds either the old content or the new one.

    The content goes into a temporary file in the same folder, is flushed to the disk and then takes the
    place of `path` in one step. A process killed in between leaves `path` as it was. A pipe or a device, such as
    /dev/stdout, stays one: the content is written into it.

    Raises:
        OSError: the folder is missing or cannot be written to; `path` is left as it was.
    """
    given, target = Path(path), Path(os.path.realpath(path))
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        if given.exists() and not given.is_file() and not given.is_dir():
            given.write_bytes(content)
            return
        _write(part, content)
        if target.exists():
            part.chmod(target.stat().st_mode)
        os.replace(part, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise type(error)(
                f"cannot write {os.fspath(path)!r} ({error.strerror or error}); choose a file in a folder that exists "
                "and is writable"
            ) from None
        raise
    if os.name == "posix":  # the new name, too, must be on the disk
        _sync_folder(target.parent)


def _write(path: Path, content: bytes) -> None:
    opened: list[IO[bytes]] = []

    def work() -> None:
        opened.extend(map(open, [path], ["xb"]))  # no interrupt comes between opening and keeping
        opened[0].write(content)
        opened[0].flush()
        os.fsync(opened[0].fileno())

    ensure(lambda: [file.close() for file in opened], work)


def _sync_folder(path: Path) -> None:
    opened: list[int] = []
    closing = map(os.close, opened)  # each once, however often it is run

    def work() -> None:
        opened.extend(map(os.open, [path], [os.O_RDONLY]))
        os.fsync(opened[0])

    ensure(lambda: deque(closing, maxlen=0), work)


def read_within(path: str | os.PathLike[str], limit: int, refuse: Callable[[str], Exception]) -> bytes:
    """The content of a file of at most `limit` bytes; for a larger one, raise `refuse(reason)`."""
    with open(path, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise refuse(f"it is larger than the {limit:,} bytes that these parameters can take")
    return content


def parts_used(text: str, parts: Mapping[str, str]) -> list[str]:
    """The parts of a file that a text mentions by name, and those that these mention in turn, in the order of `parts`.

    >>> parts_used("f(x) + 1", {"e": "e = h", "f": "f(x) = g(x)", "g": "g(x) = x"})
    ['f(x) = g(x)', 'g(x) = x']
    """
    used, waiting = set[str](), [text]
    while waiting:
        fresh = {*re.findall(r"\w+", waiting.pop())} & parts.keys() - used
        used |= fresh
        waiting += [parts[name] for name in fresh]
    return [part for name, part in parts.items() if name in used]


def parse_json(content: bytes, refuse: Callable[[str], Exception]) -> Any:
    """What JSON from an untrusted source holds; for what is not JSON, raise `refuse(reason)`."""
    try:
        return json.loads(content)
    except RecursionError:
        raise refuse("it is nested too deeply") from None
    except ValueError as error:  # not JSON, not text, or a number of too many digits
        raise refuse(f"it is not a complete JSON file ({error})") from None
