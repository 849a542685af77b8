"""The fences around memory find machine code that leaves it."""

import ctypes

import numpy
import pytest

from autograd_mini import compile, sin, sum, tanh
from autograd_mini.compiler import pipeline
from autograd_mini.compiler.partition import COLUMNS
from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run.running import KernelStep
from tests.compiler.run.faults import columns_of_the_caller, too_small
from tests.compiler.run.fences import MARGIN, Margined, fenced

pytest.importorskip("llvmlite")
pytestmark = pytest.mark.usefixtures("as_packs", "small_tiles")

LEFT = "wrote (before|behind) an array of"


def assert_found(array, place, number, call):
    """What a call finds once there is this number so many places from the first of an array; then it is gone."""
    at = ctypes.c_double.from_address(memory.address(array, array.shape) + 8 * place)
    before = bytes(at)
    at.value = number
    with pytest.raises(AssertionError, match=LEFT):
        call()
    ctypes.memmove(ctypes.addressof(at), before, 8)


@pytest.mark.parametrize("place", [-MARGIN, -1, 12, 11 + MARGIN])
@pytest.mark.parametrize("number", [0.0, 1.0, numpy.nan])
def test_margins_see_any_number(place, number):
    with fenced(Margined) as fences:
        assert_found(memory.empty(3, 4), place, number, fences.check)


@pytest.mark.parametrize("place", [0, 11])
def test_within_there_is_room(place):
    with fenced(Margined):
        array = memory.empty(3, 4)
        ctypes.c_double.from_address(memory.address(array, (3, 4)) + 8 * place).value = 1.0
        assert array.ravel()[place] == 1.0


def test_inputs_are_only_read():
    array = numpy.ones((3, 4))
    with pytest.raises(AssertionError, match="wrote to an input"), fenced(Margined):
        ctypes.c_double.from_address(memory.address(array, (3, 4))).value = 2.0
    assert array[0, 0] == 1.0


def test_memory_is_watched_until_nobody_uses_it():
    with fenced(Margined) as fences:
        first, second = memory.empty(2), memory.empty(2)
        part = second[1:]
        assert len(fences._blocks) == 2
        del first, second
        fences.check()
        assert len(fences._blocks) == 1
        del part
        fences.check()
        assert not fences._blocks


POINT = [0.1 * i - 1.03 for i in range(20)]


def kinks():
    return compile(lambda v: sum([abs(x) for x in v]), backend="machine")


def test_columns_for_which_there_is_no_room_are_found(monkeypatch):
    """More columns than there are directions, even if they fit into a register."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: True)
    with columns_of_the_caller(25), pytest.raises(AssertionError, match=LEFT), fenced(Margined):
        kinks().hessian(POINT)


def test_a_step_that_takes_another_number_of_columns_is_refused(monkeypatch):
    """It is refused before anything runs."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: True)
    prepare = KernelStep.prepare

    def prepared(step, values, n):
        state = prepare(step, values, n)
        state.n = 20
        return state

    monkeypatch.setattr(KernelStep, "prepare", prepared)
    with pytest.raises(ValueError, match=r"needs an array \((\d+), 20\) with whole rows, but is given \(\1, 1\)"):
        kinks()(POINT)


def long(x):
    z = [tanh(x[i % 3] * (i + 1.5)) * sin(x[i % 3] + 0.1 * i) for i in range(40)]
    return sum([a / (1.0 + b * b) for a, b in zip(z, reversed(z))])


@pytest.fixture
def shapes(monkeypatch):
    """The shapes of all memory that a correct call allocates."""

    def found(n, as_scalars):
        monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: as_scalars)
        made = []
        with fenced(lambda *args: made.append(args[0]) or Margined(*args)):
            compile(long, batch=True, backend="machine").value_and_grad(numpy.ones((n, 3)))
        return [shape for shape in made if len(shape) == 2 and shape[0] and shape[1] > 1]

    return found


@pytest.mark.parametrize("as_scalars", [False, True])
def test_one_number_too_little_is_found(shapes, as_scalars):
    """In results, in scratch memory and in tables, whichever is too small."""
    n = 2 * COLUMNS
    candidates = set(shapes(n, as_scalars))
    assert {columns for _, columns in candidates} >= {n, COLUMNS}
    for shape in candidates:
        with pytest.raises(AssertionError, match=LEFT), fenced(too_small(shape)):
            compile(long, batch=True, backend="machine").value_and_grad(numpy.ones((n, 3)))


@pytest.mark.parametrize("as_scalars", [False, True])
def test_the_short_way_of_a_batch_runs_between_margins(monkeypatch, as_scalars):
    """It makes memory only where there is not enough, and writes what is computed to it."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: as_scalars)
    with fenced(Margined) as fences:
        compiled = compile(lambda x, y: x * y + sin(x), batch=True, backend="machine", threads=1, wrt="x")
        columns = [numpy.full(n, 2.5) for n in (16, 16, 3, 9, 17)]
        counts = [compiled.value_and_grad(x, 2.0 * x) and fences.n_made for x in columns]
        assert 0 < counts[0] == counts[1] == counts[2] == counts[3] < counts[4]
        arrays = [block.array for block, _ in fences._blocks.values()]
        rows = [array for array in arrays if array.ndim == 2 and (array[:, :9] == 12.5 + numpy.sin(2.5)).any()]
        assert rows
        for array in rows:
            assert_found(array, -1, 0.0, lambda: compiled.value_and_grad(columns[0], columns[0]))


@pytest.mark.parametrize("as_scalars", [False, True])
def test_the_short_way_runs_between_margins(monkeypatch, as_scalars):
    """The second call needs no arrays any more."""
    monkeypatch.setattr(pipeline, "suits_scalars", lambda *args: as_scalars)
    with fenced(Margined) as fences:
        compiled = compile(lambda x, y: x * y + sin(x), backend="machine")
        counts = [compiled.value_and_grad(x, 2.0) and fences.n_made for x in (1.0, 1.5, 3.25)]
        assert 0 < counts[0] == counts[1] == counts[2]
        arrays = [block.array for block, _ in fences._blocks.values()]
        numbers = [array for array in arrays if 3.25 in array]
        assert numbers
        for array in numbers:
            assert_found(array, array.size, 0.0, lambda: compiled.value_and_grad(1.0, 2.0))
