"""Which executor runs a program: machine code where llvmlite is installed, else NumPy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from autograd_mini.compiler.code.libraries import binding
from autograd_mini.compiler.ir.program import Floats, Pack
from autograd_mini.compiler.run.numpy_executor import Results
from autograd_mini.observing import warn_user
from autograd_mini.primitives import brief
from autograd_mini.suggesting import did_you_mean


class Executor(Protocol):
    """A program ready to run; its seeds are leaves."""

    seeds: list[Pack]

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> Results: ...


@dataclass(frozen=True)
class Target:
    """What runs programs.

    Args:
        backend: "machine" or "numpy"; None for machine code if llvmlite is installed.
        threads: how many threads may work on one call; None for as many as there are processors.
        cache: a folder in which kernels are kept; None for none.

    Raises:
        TypeError: the cache is not a path.
        ValueError: the backend is none of these, or `threads` is not an int of 1 or more.
    """

    backend: str | None = None
    threads: int | None = None
    cache: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.backend not in (None, "machine", "numpy"):
            meant = did_you_mean(self.backend, ("machine", "numpy"))
            raise ValueError(f"backend must be None, 'machine' or 'numpy', got {brief(self.backend)}{meant}")
        is_count = isinstance(self.threads, int) and not isinstance(self.threads, bool) and self.threads >= 1
        if not (self.threads is None or is_count):
            raise ValueError(f"threads must be an int of 1 or more, or None, got {brief(self.threads)}")
        if not (self.cache is None or isinstance(self.cache, str | os.PathLike)):
            raise TypeError(f"cache must be the path of a folder, or None, got {brief(self.cache)}")


def is_machine(target: Target) -> bool:
    """Whether programs are run in machine code.

    Raises:
        ModuleNotFoundError: machine code is asked for, and llvmlite is not installed.
    """
    if target.backend == "machine" and binding() is None:
        raise ModuleNotFoundError(f"machine code needs llvmlite 0.45 or newer; {INSTALL}, or choose backend='numpy'")
    if target.backend is None and binding() is None:
        _notice()
    return target.backend != "numpy" and binding() is not None


def threads_of(target: Target) -> int:
    """How many threads may work on one call: those asked for, else one for each processor, limited by OMP_NUM_THREADS
    as those of BLAS are."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return target.threads or (min(found, int(limit)) if limit.isdigit() and int(limit) else found)


INSTALL = "install it with: pip install 'autograd_mini[jit]'"


@cache
def _notice() -> None:
    """Warn once that machine code would be faster, and say how to get it."""
    warn_user(
        f"compiled functions run in NumPy, several times slower than machine code by llvmlite; {INSTALL}", UserWarning
    )
