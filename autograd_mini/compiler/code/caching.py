"""Machine code kept on disk, as assembly text: what is left to do with it is to assemble it.

A file is used only if it is whole, nobody else can have written it, it was made for these texts, this host and this
version of LLVM, every line of it is one that a compiler writes, and it names no symbol but those of its texts. Any
other file is ignored.
"""

from __future__ import annotations

import contextlib
import os
import re
from hashlib import sha256
from pathlib import Path

from autograd_mini.compiler.code.libraries import host
from autograd_mini.files import write_whole

HEADER = "# autograd_mini machine code"
FORM = 2
"""Counts the changes of what stands in these files."""

LINES = re.compile(
    r"""(?:(?:
        [\w.$]+:                                                                                      # a label
        | \t\.(?:text|section|globl|p2align|type|size|file|quad|long|short|byte|zero|cfi_\w+)\b[^;#\n]*  # a directive
        | \t(?!sys|int\b|int[13o]\b|hlt|in[bwl]?\b|out[bwl]?\b)[a-z][a-z0-9]*(?:\t[^;#\n]*)?           # an instruction
    )?\n)*""",
    re.VERBOSE,
)
LABEL = re.compile(r"^(\w[\w.$]*):$", re.MULTILINE)
NAMED = re.compile(r"@([\w.$-]+)")
SYMBOL = re.compile(r"(?<![%\w.@{\"<-])(?<!\n\t)[A-Za-z_][\w.$]*")  # no register, type, flag or mnemonic


class CodeCache:
    """Assembly in a folder, which is made if it is not there.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise type(error)(
                f"cache must be a folder for machine code, and {os.fspath(folder)!r} cannot be made one "
                f"({error.strerror})"
            ) from None

    def get(self, text: str, functions: list[str]) -> str | None:
        """The assembly of a module with these functions; None if there is none that can be trusted."""
        path = self._path(text)
        try:
            kept = path.read_text(encoding="utf-8") if _is_own(path) else ""
        except (OSError, UnicodeDecodeError):
            return None
        first, _, assembly = kept.partition("\n")
        is_whole = first == _header(assembly)
        return assembly if is_whole and is_harmless(assembly, text, functions) else None

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
    """Whether a file belongs to this user, and nobody else may write to it."""
    status = path.stat()
    return os.name != "posix" or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


def is_harmless(assembly: str, text: str, functions: list[str]) -> bool:
    """Whether assembly is nothing but these functions, and names only what their text names."""
    named = set(NAMED.findall(text))
    allowed = {*named, *(name.split(".")[1] for name in named if name.startswith("llvm."))}  # a function of libm, maybe
    return (
        LINES.fullmatch(assembly) is not None
        and set(LABEL.findall(assembly)) == set(functions)
        and allowed.issuperset(SYMBOL.findall(assembly))
    )
