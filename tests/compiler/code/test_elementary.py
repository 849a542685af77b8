"""This package's own elementary functions: as precise as they claim, and right at every edge."""

import math
from math import inf

import mpmath
import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini.compiler.code import cells, elementary, libraries
from tests.compiler.code.kernels_of import WIDTHS, machine
from tests.compiler.code.test_machine_rows import MANY, exact_values, units_in_the_last_place
from tests.primitives.points import ROWS

MOST = {"exp": 1.1, "tanh": 3.0, "sin": 0.8, "cos": 0.8}
"""Units in the last place."""


@pytest.fixture(autouse=True)
def without_libmvec(monkeypatch):
    libraries.vector_name.cache_clear()
    monkeypatch.setattr(libraries, "_libmvec", lambda: None)
    yield
    libraries.vector_name.cache_clear()


def test_every_function_is_tried():
    assert MOST.keys() == elementary.FUNCTIONS.keys() | {"tanh"}  # which is written out where it stands


@pytest.mark.parametrize("width", sorted({2, *WIDTHS}))
@pytest.mark.parametrize("name", MOST)
def test_units_in_the_last_place(name, width):
    (args,), exact = exact_values(name)
    got = machine(ROWS[name], 1, width)(args).tolist()
    with mpmath.workdps(50):
        errors = [units_in_the_last_place(*each) for each in zip(exact, got)]
    worst = int(numpy.argmax(errors))
    assert errors[worst] <= MOST[name], f"{name}({args[worst]}): {got[worst]}, not {exact[worst]}"
    assert cells.own_function(name, width) is not None or name == "tanh"


@pytest.mark.parametrize("name", MOST)
def test_every_double(name):
    compute = machine(ROWS[name], 1, 4)

    @settings(max_examples=300)
    @given(st.lists(st.floats(), min_size=4, max_size=4))
    def test(args):
        for x, got in zip(args, compute(args).tolist()):
            if x != x:
                assert got != got
            elif abs(x) == inf:
                assert got == ROWS[name].forward(x) or name in elementary.OF_ANGLES
            else:
                with mpmath.workdps(400):
                    assert units_in_the_last_place(getattr(mpmath, name)(mpmath.mpf(x)), got) <= MOST[name]

    test()


@pytest.mark.parametrize("name", sorted(elementary.OF_ANGLES))
def test_angles_of_every_size(name):
    """Near multiples of ½π, and around the limit beyond which libm is called, alone or beside others."""
    random = numpy.random.default_rng(4)
    turns = numpy.concatenate([numpy.arange(1.0, 300.0), random.integers(1, 2**22, 300)]) * (math.pi / 2.0)
    near = numpy.concatenate([turns, numpy.nextafter(turns, inf), -turns])
    args = numpy.concatenate([near, random.uniform(-1e7, 1e7, 300), 10.0 ** random.uniform(-320, 300, 300)])
    args = args[random.permutation(args.size)][: args.size // 4 * 4]
    found = machine(ROWS[name], 1, 4)(args)
    with mpmath.workdps(400):
        for x, got in zip(args.tolist(), found.tolist()):
            assert units_in_the_last_place(getattr(mpmath, name)(mpmath.mpf(x)), got) <= MOST[name], x


@pytest.mark.parametrize("name", elementary.OF_ANGLES)
@given(st.floats(-0.8, 0.8))
def test_small_angles_have_the_bits_that_they_have_among_others(name, x):
    compute = machine(ROWS[name], 1, 4)
    assert compute(numpy.array([x] * 4))[0].hex() == compute(numpy.array([x, 2.0, 1e9, 2.0]))[0].hex()


@pytest.mark.parametrize("name", MOST)
def test_signs_and_bounds(name):
    got = machine(ROWS[name], 1, 4)(MANY)
    expected = numpy.array([ROWS[name].forward(x) for x in MANY])
    special = (expected == 0.0) | (abs(expected) == 1.0) | ~numpy.isfinite(expected)
    numpy.testing.assert_array_equal(got[special], expected[special])
    is_number = ~numpy.isnan(expected)
    assert (numpy.signbit(got) == numpy.signbit(expected))[is_number].all()
