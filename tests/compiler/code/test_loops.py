"""Loops in LLVM's language take the turns that Python's range has."""

import ctypes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.loops import Function

pytest.importorskip("llvmlite")

Body = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)


@settings(max_examples=30, deadline=None)
@given(st.integers(-3, 4), st.integers(-3, 9), st.integers(1, 3), st.booleans(), st.booleans())
def test_loops_take_the_turns_of_a_range(start, stop, step, start_is_known, stop_is_known):
    """Whether their bounds are known when they are written, or come with the call."""
    f = Function()

    def turn(k, total):
        return [f.let(f"add i64 {f.let(f'mul i64 {total}, 3')}, {k}")]

    bounds = start if start_is_known else "%start", stop if stop_is_known else "%stop"
    some = start < stop
    (total,) = f.loop(*bounds, turn, [("i64", "10")], step, some=some)
    code = addresses([f.text("i64 @BODY(i64 %start, i64 %stop)", f"ret i64 {total}")], effort=0)
    expected = 10
    for k in range(start, stop, step):
        expected = 3 * expected + k
    assert Body(code[0])(start, stop) == expected
