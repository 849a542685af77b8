"""Workloads written by hand in C, with examples side by side in registers, and compiled by gcc: how fast it can be."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path
from shutil import which

import numpy

from tests.benchmarks.run import LeftOut

HERE = Path(__file__).parent


def floor(name, *args, n_out):
    """A function that calls the C function `name` of the file of that name, and returns its `n_out` numbers.

    Args:
        args: its arguments: arrays, integers and floats.

    Raises:
        LeftOut: there is no gcc.
    """
    if which("gcc") is None:
        raise LeftOut("there is no gcc")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / f"{name}.so"
        options = "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC", "-Wno-psabi"
        subprocess.run(["gcc", *options, str(HERE / f"{name}.c"), "-o", str(library), "-lm"], check=True)
        function = getattr(ctypes.CDLL(str(library)), name)
    out = numpy.empty(n_out)
    arrays = [numpy.ascontiguousarray(arg, float) for arg in args if isinstance(arg, numpy.ndarray)]
    rest = iter(arrays)
    given = [_given(next(rest) if isinstance(arg, numpy.ndarray) else arg) for arg in (*args, out)[:-1]]

    def run(arrays=arrays):
        function(*given, ctypes.c_void_p(out.ctypes.data))
        return out

    return run


def _given(arg):
    if isinstance(arg, numpy.ndarray):
        return ctypes.c_void_p(arg.ctypes.data)
    return ctypes.c_double(arg) if isinstance(arg, float) else ctypes.c_long(arg)
