"""Blocks of columns are copied from arrays of any memory layout by machine code of every register width."""

import ctypes

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.compiler.code.engine import addresses
from autograd_mini.compiler.code.taking import HEAD, RECORD, take

pytest.importorskip("llvmlite")
BODY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
ORDERS = {
    "rows": lambda array: numpy.ascontiguousarray(array),
    "columns": lambda array: numpy.asfortranarray(array),
    "columns backwards": lambda array: numpy.asfortranarray(array[:, ::-1])[:, ::-1],
    "every other": lambda array: numpy.repeat(numpy.asfortranarray(array), 2, axis=0)[::2],
    "one for all": lambda array: numpy.broadcast_to(array[:, :1], array.shape),
}


@given(
    st.sampled_from([1, 2, 4, 8]), st.lists(st.tuples(st.integers(1, 20), st.sampled_from(list(ORDERS))), max_size=3),
    st.integers(0, 5), st.integers(1, 4), st.integers(0, 7),
)  # fmt: skip
def test_blocks(width, arrays, before, count, missing):
    """Missing columns are replaced by the last one."""
    first, last = width * before, width * (before + count)
    n = last - min(missing, width - 1)
    given = [
        ORDERS[order](numpy.arange(float(lanes * n)).reshape(lanes, n) + 0.5 * number)
        for number, (lanes, order) in enumerate(arrays)
    ]
    blocks = [numpy.full((lanes + 1, last - first + 3), -1.0) for lanes, _ in arrays]
    lanes_of = [(number, lane) for number, (lanes, _) in enumerate(arrays) for lane in range(lanes)]
    rows = numpy.array([(place, *each) for place, each in enumerate(lanes_of)], numpy.int64).reshape(-1, 3)
    starts = numpy.array([(0, block.strides[0]) for block in blocks], numpy.int64).reshape(-1, 2)
    pointers = numpy.zeros(len(rows) + 1, numpy.int64)
    words = [pointers.ctypes.data, rows.ctypes.data, len(rows), starts.ctypes.data, len(given), n - 1]
    assert len(words) == HEAD
    for number, (array, block) in enumerate(zip(given, blocks)):
        record = [2 * number, array.ctypes.data, *array.strides, len(array), block.ctypes.data, block.strides[0]]
        assert len(record) == RECORD
        words += record
    table = numpy.array(words, numpy.int64)
    pointer = numpy.array([table.ctypes.data], numpy.int64)
    code = addresses([take(width)])
    BODY(code[0])(pointer.ctypes.data, first, last)
    for array, block in zip(given, blocks):
        expected = array[:, numpy.minimum(numpy.arange(first, last), n - 1)]
        numpy.testing.assert_array_equal(block[:-1, : last - first], expected)
        assert (block[-1] == -1.0).all()
        assert (block[:, last - first :] == -1.0).all()
    for place, number, lane in rows.tolist():
        assert pointers[place] == blocks[number][lane].ctypes.data - 8 * first
