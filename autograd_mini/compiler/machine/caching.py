"""Kernels kept on disk, as text: LLVM's optimised assembly, which is verified and compiled to machine code anew.

A file is used only if it is whole, was made for this text, host and version of LLVM, and calls nothing that the text
itself does not call. Any other file is ignored.
"""

from __future__ import annotations

import contextlib
import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from autograd_mini.compiler.machine.libraries import binding, host
from autograd_mini.files import write_whole

HEADER = "; autograd_mini kernel"
FORM = 1
"""Counts the changes of what stands in these files."""

FUNCTION = re.compile(r"^define (?:\w+ )*(void|ptr) @BODY\([^)]*\)", re.MULTILINE)
CALLED = re.compile(r"@[\w.$\"-]+")


class KernelCache:
    """Optimised kernels in a folder, which is made if it is not there.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise type(error)(
                f"cache must be a folder for kernels, and {os.fspath(folder)!r} cannot be made one ({error.strerror})"
            ) from None

    def get(self, text: str) -> Any:
        """The optimised form of a kernel's text, as a module; None if there is none that can be trusted."""
        try:
            kept = self._path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        first, _, optimised = kept.partition("\n")
        return _harmless(optimised, text) if first == _header(optimised) else None

    def put(self, text: str, optimised: str) -> None:
        """Keep the optimised form of a kernel's text; if there is no room for it, it is made again next time."""
        with contextlib.suppress(OSError):
            write_whole(self._path(text), f"{_header(optimised)}\n{optimised}".encode())

    def _path(self, text: str) -> Path:
        key = "\0".join([str(FORM), *host(), text])
        return self.folder / f"{sha256(key.encode()).hexdigest()}.ll"


def _header(optimised: str) -> str:
    return f"{HEADER} {sha256(optimised.encode()).hexdigest()}"


def _harmless(optimised: str, text: str) -> Any:
    """The module, if it is one function like that of the text, which calls nothing else; else None."""
    of, own = FUNCTION.search(optimised), FUNCTION.search(text)
    if of is None or own is None or of[1] != own[1] or re.search(r"\basm\b", optimised):
        return None
    try:
        module = binding().parse_assembly(optimised)
        module.verify()
    except RuntimeError:
        return None
    allowed = set(CALLED.findall(text))
    named = [*module.functions, *module.global_variables]
    is_known = all(f"@{each.name}" in allowed or each.name.startswith("llvm.") for each in named)
    return module if is_known else None
