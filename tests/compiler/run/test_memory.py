"""Machine code stays within its arrays. One number too far may end the process, so this happens in one of its own."""

import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import compile, tanh
from autograd_mini.compiler.partition import COLUMNS_OF_A_ROOM
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.machine import KEPT_FRAMES

pytest.importorskip("llvmlite")
ROOT = Path(__file__).parents[3]
needs_pages = pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")


def run(*args):
    command = [sys.executable, "-m", "tests.compiler.run.guarded", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)


@needs_pages
@pytest.mark.parametrize(
    ("sweep", "form"),
    [*product(["lengths", "lanes"], ["packs", "scalars"]), ("columns", "columns"), ("parameters", "scalars")],
)
def test_nothing_outside_is_touched(sweep, form):
    result = run(sweep, form)
    assert (result.returncode, result.stdout) == (0, "untouched\n"), result.stderr


@needs_pages
@pytest.mark.parametrize("fault", ["beyond", "planted"])
def test_guards_guard(fault):
    assert run(fault).returncode < 0


@given(st.integers(0, 9), st.integers(1, 400))
def test_rows_are_lines_apart(lanes, n):
    array = memory.lines_of(lanes, n)
    assert array.shape == (lanes, n)
    start, stride = memory.rows(array, lanes, n)
    assert n <= stride
    assert stride // memory.LINE % 2 == 1
    assert start % (8 * memory.LINE) == 0 or not lanes
    assert array.base.size * 8 >= start + 8 * stride * lanes - memory.address(array.base, array.base.shape)


@pytest.mark.parametrize("n", [0, 3, COLUMNS_OF_A_ROOM])
def test_room_is_for_each_result(n):
    arrays = memory.room([2, 0, 3], n)
    for number, array in enumerate(arrays):
        array[...] = number
    assert [array.shape for array in arrays] == [(2, n), (0, n), (3, n)]
    assert all((array == number).all() for number, array in enumerate(arrays))
    assert memory.room([], n) == []
    assert n < COLUMNS_OF_A_ROOM or arrays[0].ctypes.data % (8 * memory.LINE) == 0


@pytest.mark.parametrize("shape", [(0,), (1,), (4, 6), (0, 3), (3, 0)])
def test_addresses_of_all_kinds_of_arrays(shape):
    """For arrays that may be written and for read-only ones."""
    array = memory.empty(*shape)
    assert memory.address(array, shape) == array.ctypes.data
    array.setflags(write=False)
    assert memory.address(array, shape) == array.ctypes.data


def test_no_address_of_another_array():
    """Machine code is made for arrays of one shape, and would read or write beyond any other."""
    array = numpy.zeros((4, 6))
    kinds = memory.address, *(lambda array, shape, of=of: of(array, *shape) for of in (memory.rows, memory.scattered))
    for given_to in kinds:
        for other in (array[:, :5], array[:3], array.T, array[:, ::2]):
            with pytest.raises(ValueError, match=r"needs an array \(4, 6\)"):
                given_to(other, (4, 6))
    assert memory.rows(array[:, 1:3], 4, 2) == (memory.address(array, (4, 6)) + 8, 6)
    assert memory.scattered(array[::-1, ::2], 4, 3) == (memory.address(array, (4, 6)) + 8 * 18, -48, 16)
    with pytest.raises(ValueError, match="without gaps"):
        memory.address(array[:, 1:3], (4, 2))
    with pytest.raises(ValueError, match="whole rows"):
        memory.rows(array[:, ::2], 4, 3)


def test_memory_for_the_last_few_lengths_is_kept():
    compiled = compile(lambda x: tanh(x) * x, batch=True, backend="machine")
    lengths = [*range(20, 30), 28]
    for n in lengths:
        compiled.jacobian(numpy.ones(n))
    frames = compiled._latest.parts[0].plan.executor(compiled._latest.request)._memory.frames
    assert [*frames] == [*dict.fromkeys(reversed(lengths))][:KEPT_FRAMES][::-1]
