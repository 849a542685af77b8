"""Exported functions, compiled by gcc and called through ctypes."""

import ctypes
import shutil
import subprocess
from ctypes import POINTER, c_char_p, c_double, c_int, c_longlong
from itertools import count

import numpy
import pytest

WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
MARGIN, SENTINEL = 8, -1.2345e99
NUMBERS = POINTER(c_double)
NUMBER = count()

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")


def built(folder, *options):
    """Compile all C files of a folder into one library."""
    library = folder / f"library{next(NUMBER)}.so"  # one that is loaded stays so under its name
    sources = sorted(map(str, folder.glob("*.c")))
    command = ["gcc", *WARNINGS, "-O1", *options, "-shared", "-fPIC", *sources, "-o", str(library), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return Library(ctypes.CDLL(str(library)))


def with_margins(numbers):
    """An array in the middle of a larger one, around which nothing must be written."""
    whole = numpy.full(len(numbers) + 2 * MARGIN, SENTINEL)
    whole[MARGIN : MARGIN + len(numbers)] = numbers
    return whole, whole[MARGIN : MARGIN + len(numbers)]


class Library:
    """Functions with the interface of CasADi's external ones."""

    def __init__(self, library):
        self.library = library

    def __contains__(self, name):
        return hasattr(self.library, name)

    def __call__(self, name, *args, wanted=None):
        """Call a function; return its status and its results as arrays: matrices in full, with zeros, and columns with
        one axis.

        Args:
            wanted: the places of the results to compute; all by default.
        """
        inputs, outputs = (self.patterns(name, which) for which in ("in", "out"))
        arrays = [with_margins(numpy.asarray(arg, dtype=float).ravel()) for arg in args]
        assert [len(array) for _, array in arrays] == [len(rows) for _, rows, _ in inputs[: len(arrays)]]
        results = [with_margins(numpy.full(len(rows), SENTINEL)) for _, rows, _ in outputs]
        memory, work = with_margins(numpy.full(self.sizes(name)[3], numpy.nan))
        given = [array.ctypes.data_as(NUMBERS) for _, array in arrays]
        given += [NUMBERS()] * (len(inputs) - len(given))
        wanted = range(len(results)) if wanted is None else wanted
        taken = [array.ctypes.data_as(NUMBERS) if n in wanted else NUMBERS() for n, (_, array) in enumerate(results)]
        function = getattr(self.library, name)
        function.restype = c_int
        status = function(
            (NUMBERS * max(1, len(given)))(*given),
            (NUMBERS * max(1, len(taken)))(*taken),
            POINTER(c_longlong)(),
            work.ctypes.data_as(NUMBERS),
            c_int(0),
        )
        for whole, inner in [*arrays, *results, (memory, work)]:
            assert (whole[:MARGIN] == SENTINEL).all()
            assert (whole[MARGIN + len(inner) :] == SENTINEL).all()
        return status, [matrix(pattern, array) for pattern, (_, array) in zip(outputs, results)]

    def patterns(self, name, which):
        """Of arguments or results the shape, and the rows and columns of the nonzeros."""
        ask = getattr(self.library, f"{name}_sparsity_{which}")
        ask.restype, ask.argtypes = POINTER(c_longlong), [c_longlong]
        n = self.number(f"{name}_n_{which}")
        assert not ask(n)
        return [pattern(ask(place)) for place in range(n)]

    def names(self, name, which):
        ask = getattr(self.library, f"{name}_name_{which}")
        ask.restype, ask.argtypes = c_char_p, [c_longlong]
        return [ask(place).decode() for place in range(self.number(f"{name}_n_{which}"))]

    def number(self, name):
        ask = getattr(self.library, name)
        ask.restype = c_longlong
        return ask()

    def sizes(self, name):
        """The sizes of arg, res, iw and w."""
        found = [c_longlong(-1) for _ in range(4)]
        assert getattr(self.library, f"{name}_work")(*map(ctypes.byref, found)) == 0
        return [each.value for each in found]


def pattern(integers):
    n_rows, n_columns = integers[0], integers[1]
    if integers[2] == 1:
        columns, rows = (each.ravel() for each in numpy.indices((n_columns, n_rows)))
        return (n_rows, n_columns), rows, columns
    starts = [integers[2 + column] for column in range(n_columns + 1)]
    assert starts[0] == 0
    rows = numpy.array([integers[3 + n_columns + place] for place in range(starts[-1])], dtype=int)
    columns = numpy.repeat(numpy.arange(n_columns), numpy.diff(starts))
    assert (numpy.diff(columns * (n_rows + 1) + rows) > 0).all()
    return (n_rows, n_columns), rows, columns


def matrix(pattern, numbers):
    shape, rows, columns = pattern
    found = numpy.zeros(shape)
    found[rows, columns] = numbers
    return found[:, 0] if shape[1] == 1 else found
