"""Which executor runs a program: machine code where llvmlite is, else NumPy."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from autograd_mini.compiler.machine.libraries import binding
from autograd_mini.compiler.numpy_executor import NumpyExecutor
from autograd_mini.compiler.program import Floats, Pack, Program
from autograd_mini.primitives import brief


class Executor(Protocol):
    """A program ready to run."""

    program: Program

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> dict[str, list[Floats]]: ...


@dataclass(frozen=True)
class Target:
    """What runs programs.

    Args:
        backend: "machine" or "numpy"; None for the best there is.
        threads: how many threads may work on one call; None for as many as there are processors.

    Raises:
        ValueError: the backend is none of these, or there is no thread.
    """

    backend: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.backend not in (None, "machine", "numpy"):
            raise ValueError(f"backend must be None, 'machine' or 'numpy', got {brief(self.backend)}")
        is_count = isinstance(self.threads, int) and not isinstance(self.threads, bool) and self.threads >= 1
        if not (self.threads is None or is_count):
            raise ValueError(f"threads must be an int of 1 or more, or None, got {brief(self.threads)}")


def executor_of(program: Program, target: Target) -> Executor:
    """The program ready to run.

    Raises:
        ModuleNotFoundError: machine code is asked for, and llvmlite is not installed.
    """
    backend = target.backend
    if backend == "machine" and binding() is None:
        raise ModuleNotFoundError(f"machine code needs llvmlite; {INSTALL}, or choose backend='numpy'")
    if backend == "numpy" or binding() is None:
        if backend is None:
            _notice()
        return NumpyExecutor(program)
    from autograd_mini.compiler.machine.executor import MachineExecutor

    return MachineExecutor(program, target.threads or _processors())


def _processors() -> int:
    """How many this process may use; OMP_NUM_THREADS limits them, as it limits those of BLAS."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(found, int(limit)) if limit.isdigit() and int(limit) else found


INSTALL = "install it with: pip install 'autograd_mini[jit]'"


@cache
def _notice() -> None:
    """Say once how to have more speed."""
    warnings.warn(
        f"compiled functions run in NumPy, several times slower than machine code by llvmlite; {INSTALL}", stacklevel=2
    )
