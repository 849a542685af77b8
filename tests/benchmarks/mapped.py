"""For CasADi: a function of one example over all of them."""

from __future__ import annotations

import numpy


def mapped(one, n, weights, *batches):
    """`one` over all examples, its results summed; it reads and writes NumPy's arrays in place."""
    all_of_them = one.map("all", "serial", n, [0], [0, 1])
    buffer, evaluate = all_of_them.buffer()
    columns = numpy.asfortranarray(weights.reshape(one.size_in(0)))
    value, slopes = numpy.empty(1), numpy.empty(one.size_out(1), order="F")
    args = [columns, *map(numpy.ascontiguousarray, batches)]
    for position, array in enumerate(args):
        buffer.set_arg(position, memoryview(array.ravel("K")))
    for position, array in enumerate([value, slopes]):
        buffer.set_res(position, memoryview(array.ravel("K")))

    def run():
        evaluate()
        return value, slopes

    run.kept = buffer, all_of_them, args  # nothing else keeps them
    return run
