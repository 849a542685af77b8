"""Matrix products on one thread: on several, BLAS adds in an order that depends on how many there are."""

from __future__ import annotations

import ctypes
import re
import threading
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy

NAMES = [
    ("scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"),
    ("openblas_get_num_threads64_", "openblas_set_num_threads64_"),
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
]

_lock = threading.Lock()


class OneThread:
    """A context within which BLAS has one thread, in the whole process; such contexts may overlap."""

    inside: int = 0
    before: ClassVar[list[tuple[Any, int]]] = []

    def __enter__(self) -> None:
        with _lock:
            if not OneThread.inside:
                OneThread.before = [(limit, n) for number, limit in _controls() if (n := number()) > 1]
                for limit, _ in OneThread.before:
                    limit(1)
            OneThread.inside += 1

    def __exit__(self, *_: object) -> None:
        with _lock:
            OneThread.inside -= 1
            for limit, n in () if OneThread.inside else OneThread.before:
                limit(n)


@cache
def _controls() -> list[tuple[Any, Any]]:
    """The functions that return and set the number of threads, for each OpenBLAS or MKL that is loaded."""
    numpy.dot(1.0, 1.0)
    try:
        paths = re.findall(r"/\S*(?:openblas|mkl_rt)\S*", Path("/proc/self/maps").read_text("utf-8", "replace"))
    except OSError:  # not Linux
        root = Path(numpy.__file__).parent
        folders = root.parent / "numpy.libs", root / ".dylibs"  # on Windows and Linux, on macOS
        paths = [str(path) for folder in folders for path in folder.glob("*openblas*")]
    libraries = map(ctypes.CDLL, sorted(set(paths)))
    pairs = [(getattr(each, one, None), getattr(each, two, None)) for each in libraries for one, two in NAMES]
    return [pair for pair in pairs if all(pair)]
