"""Matrix products on one thread: on several, BLAS adds in an order that depends on how many there are."""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy

NAMES = [
    ("scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"),
    ("openblas_get_num_threads64_", "openblas_set_num_threads64_"),
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
]

_lock = threading.Lock()
_before: list[int] = []
_inside = 0


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Within it BLAS has one thread, in the whole process; blocks may overlap."""
    global _before, _inside
    with _lock:
        if not _inside:
            _before = [number() for number, _ in _controls()]
            for _, limit in _controls():
                limit(1)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            for number, (_, limit) in zip(() if _inside else _before, _controls()):
                limit(number)


@cache
def _controls() -> list[tuple[Any, Any]]:
    """What gives and what sets the number of threads, of each OpenBLAS or MKL that is loaded."""
    numpy.dot(1.0, 1.0)
    try:
        paths = re.findall(r"/\S*(?:openblas|mkl_rt)\S*", Path("/proc/self/maps").read_text("utf-8", "replace"))
    except OSError:  # not Linux
        root = Path(numpy.__file__).parent
        folders = root.parent / "numpy.libs", root / ".dylibs"  # of Windows and Linux, of macOS
        paths = [str(path) for folder in folders for path in folder.glob("*openblas*")]
    libraries = map(ctypes.CDLL, sorted(set(paths)))
    pairs = [(getattr(each, one, None), getattr(each, two, None)) for each in libraries for one, two in NAMES]
    return [pair for pair in pairs if all(pair)]
