"""Which executor runs a program: machine code where llvmlite is, else NumPy."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from typing import Protocol

from autograd_mini.compiler.machine.libraries import binding
from autograd_mini.compiler.numpy_executor import NumpyExecutor
from autograd_mini.compiler.program import Floats, Pack, Program


class Executor(Protocol):
    """A program ready to run."""

    program: Program

    def __call__(self, leaves: Mapping[Pack, Floats], n_examples: int) -> dict[str, list[Floats]]: ...


def executor_of(program: Program, backend: str | None) -> Executor:
    """The program ready to run by the backend, "machine" or "numpy"; None for the best there is.

    Raises:
        ModuleNotFoundError: machine code is asked for, and llvmlite is not installed.
    """
    if backend == "machine" and binding() is None:
        raise ModuleNotFoundError(f"machine code needs llvmlite; {INSTALL}, or choose backend='numpy'")
    if backend == "numpy" or binding() is None:
        if backend is None:
            _notice()
        return NumpyExecutor(program)
    from autograd_mini.compiler.machine.executor import MachineExecutor

    return MachineExecutor(program)


INSTALL = "install it with: pip install 'autograd_mini[jit]'"


@cache
def _notice() -> None:
    """Say once how to have more speed."""
    warnings.warn(
        f"compiled functions run in NumPy, several times slower than machine code by llvmlite; {INSTALL}", stacklevel=2
    )
