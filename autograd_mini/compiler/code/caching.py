"""Machine code kept on disk, as assembly text: what is left to do with it is to assemble it.

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
FORM = 2
"""Counts the changes of what stands in these files."""


class CodeCache:
    """Assembly in a folder, which is made if it is not there.

    Raises:
        OSError: it cannot be made, or others may write to it.
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

    def get(self, text: str) -> str | None:
        """The assembly of a module; None if there is none that is whole and this user's own."""
        path = self._path(text)
        try:
            kept = path.read_text(encoding="utf-8") if _is_own(path) else ""
        except (OSError, UnicodeDecodeError):
            return None
        first, _, assembly = kept.partition("\n")
        return assembly if first == _header(assembly) else None

    def put(self, text: str, assembly: str) -> None:
        """Keep the assembly of a module; if there is no room for it, it is made again next time."""
        with contextlib.suppress(OSError):
            write_whole(self._path(text), f"{_header(assembly)}\n{assembly}".encode())
            self._path(text).chmod(0o600)

    def _path(self, text: str) -> Path:
        key = "\0".join([str(FORM), *host(), text])
        return self.folder / f"{sha256(key.encode()).hexdigest()}.s"


def _header(assembly: str) -> str:
    return f"{HEADER} {sha256(assembly.encode()).hexdigest()}"


def _is_own(path: Path) -> bool:
    """Whether a file or folder belongs to this user, and nobody else may write to it."""
    status = path.stat()
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)
