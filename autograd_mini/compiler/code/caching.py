"""Machine code kept on disk, as object files of LLVM.

Whoever writes to the folder decides what runs: what a file holds is run as it is. It is trusted by ownership alone: the
folder and the file belong to this user, and nobody else may write to them; where there are no such owners (Windows),
whoever may write to the folder is trusted. A file is used if it is whole and was made for these texts, this host and
this version of LLVM; any other is ignored.
"""

from __future__ import annotations

import contextlib
import os
from hashlib import sha256
from pathlib import Path

from autograd_mini.compiler.code.libraries import host
from autograd_mini.files import write_whole

HEADER = "# autograd_mini machine code"
FORM = 3
"""The version of the format of these files."""


class CodeCache:
    """Machine code in a folder, which is made if it is not there.

    Raises:
        OSError: the folder cannot be made, or others may write to it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder: Path = Path(folder)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise type(error)(
                f"cache must be a folder for machine code, and {os.fspath(folder)!r} cannot be made one "
                f"({error.strerror})"
            ) from None
        if not _is_own(self.folder):
            raise PermissionError(
                "cache must be a folder of your own that nobody else may write to, since what is in it is run, and "
                f"{os.fspath(folder)!r} is not; take it back by chmod go-w, or name another"
            )

    def get(self, text: str) -> bytes | None:
        """The code kept for a module; None if there is none, or it is damaged, or not this user's own."""
        path = self._path(text)
        try:
            first, _, code = (path.read_bytes() if _is_own(path) else b"").partition(b"\n")
        except OSError:
            return None
        return code if first == _header(code) else None

    def put(self, text: str, code: bytes) -> None:
        """Keep the code of a module; if it cannot be written, it is made again next time."""
        with contextlib.suppress(OSError):
            write_whole(self._path(text), _header(code) + b"\n" + code)
            self._path(text).chmod(0o600)

    def _path(self, text: str) -> Path:
        key = "\0".join([str(FORM), *host(), text])
        return self.folder / f"{sha256(key.encode()).hexdigest()}.o"


def _header(code: bytes) -> bytes:
    return f"{HEADER} {sha256(code).hexdigest()}".encode()


def _is_own(path: Path) -> bool:
    """Whether a file or folder belongs to this user, and nobody else may write to it."""
    status = path.stat()
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
