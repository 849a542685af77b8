"""What the host offers: the width of its registers, and glibc's vector functions (libmvec) where they are."""

from __future__ import annotations

import ctypes
import sys
from ctypes.util import find_library
from functools import cache
from typing import Any

from autograd_mini.primitives import brief

WIDTHS = {2: "b", 4: "d", 8: "e"}
"""The widths in doubles that libmvec has, and the letter of their instruction set."""

LIBM: dict[str, tuple[str, ...]] = {
    "linux": ("libm.so.6",),
    "darwin": ("libSystem.B.dylib",),
    "win32": ("ucrtbase", "msvcrt"),
}
"""The libraries that hold C's elementary functions, by platform; on others, the system is asked where they are."""

OLDEST = (16, 0, 0)
"""The first version of LLVM that can read the declarations written here; llvmlite 0.44 brings 15, 0.45 brings 20."""


@cache
def binding() -> Any:
    """llvmlite, ready for use; None where it is not installed, or too old."""
    try:
        import llvmlite.binding as llvm
    except ImportError:
        return None
    if llvm.llvm_version_info < OLDEST:
        return None
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    llvm.initialize_native_asmparser()
    return llvm


@cache
def host() -> tuple[str, str, str]:
    """What machine code depends on: the version of LLVM, the processor and its features."""
    llvm = binding()
    version = ".".join(map(str, llvm.llvm_version_info))
    return version, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def host_width() -> int:
    """How many doubles a register of this host holds."""
    features = binding().get_host_cpu_features()
    if features.get("avx512f"):
        return 8
    return 4 if features.get("avx2") else 2


@cache
def host_registers() -> int:
    """How many registers of doubles this host has."""
    features = binding().get_host_cpu_features()
    return 16 if features.get("sse2") and not features.get("avx512f") else 32


@cache
def _libmvec() -> Any:
    try:
        return ctypes.CDLL("libmvec.so.1")
    except OSError:
        return None


@cache
def vector_name(function: str, width: int, n_args: int) -> str | None:
    """The symbol of a vector function, made known to LLVM; None if there is none."""
    library = _libmvec()
    if library is None or width not in WIDTHS:
        return None
    symbol = f"_ZGV{WIDTHS[width]}N{width}{'v' * n_args}_{function}"
    return symbol if announce_from(library, symbol) else None


@cache
def announce_libm(function: str) -> None:
    """Make a function of libm known to LLVM."""
    for name in dict.fromkeys([*LIBM.get(sys.platform, ()), find_library("m"), find_library("c")]):
        try:
            if name and announce_from(ctypes.CDLL(name), function):
                return
        except OSError:
            continue
    raise NotImplementedError(f"this host has no {brief(function)} in its C library")


def announce_from(library: Any, symbol: str) -> bool:
    """Make a function of a library known to LLVM; false if it has none of this name."""
    function = getattr(library, symbol, None)
    if function is None:
        return False
    announce(symbol, ctypes.cast(function, ctypes.c_void_p).value or 0)
    return True


def announce(symbol: str, address: int) -> None:
    """Make a function known to LLVM by a name."""
    binding().add_symbol(symbol, address)
