"""Faults of memory access, planted for tests to find."""

from contextlib import contextmanager
from unittest import mock

import numpy

from autograd_mini.compiler.run import running
from tests.compiler.run.fences import MARGIN, Margined


@contextmanager
def columns_of_the_caller(n):
    """Kernels run on n columns even if there is room for fewer."""
    driver = running.Drive

    def more(address):
        drive = driver(address)
        return lambda bodies, starts, count, p, step, lo, hi, *rest: drive(bodies, starts, count, p, step, lo, n, *rest)

    with mock.patch.object(running, "Drive", more):
        yield


def too_small(*shapes):
    """What makes memory between margins, and one number too little of it for arrays of these shapes."""

    class Short(Margined):
        def __init__(self, shape, of=numpy.float64):
            self.claimed = shape
            super().__init__((int(numpy.prod(shape)) - 1,), of)

        @property
        def array(self):
            return self.whole[MARGIN : 1 - MARGIN].reshape(self.claimed)

    return lambda shape, of=numpy.float64: (Short if shape in shapes else Margined)(shape, of)
