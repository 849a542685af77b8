"""Runs machine code on arrays next to memory that must not be touched: python -m tests.compiler.machine.guarded.

Inputs and whatever memory the executor makes for itself lie right behind and then right before a page that ends the
process when it is read or written; inputs are read-only, and what else shares their pages is watched.
"""

import ctypes
import mmap
import sys
from contextlib import ExitStack
from unittest import mock

import numpy

from autograd_mini import compile, dot, exp, maximum, sin, softmax, sum, tanh
from autograd_mini.compiler import deriving
from autograd_mini.compiler.machine import executor, memory, running, steps, terms
from autograd_mini.compiler.scalars import executor as scalars_executor

PAGE = mmap.PAGESIZE
CANARY = 0xAB
LENGTHS = [*range(1, 21), 31, 33, 127, 128, 129, 131, 257, 1024, 1027, 1537]

libc = ctypes.CDLL(None, use_errno=True)
executor.CACHE = 0  # batches of a few hundred examples go tile by tile already


class Guarded:
    """Memory of its own between two guard pages."""

    def __init__(self, shape, at_end):
        shape = (shape,) if isinstance(shape, int) else shape
        self.size = 8 * int(numpy.prod(shape))
        self.room = -(-max(self.size, 1) // PAGE) * PAGE
        self.memory = mmap.mmap(-1, self.room + 2 * PAGE)
        self.memory[PAGE : PAGE + self.room] = bytes([CANARY]) * self.room
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.protect(0, PAGE, 0)
        self.protect(PAGE + self.room, PAGE, 0)
        self.offset = PAGE + (self.room - self.size if at_end else 0)
        self.array = numpy.frombuffer(self.memory, numpy.float64, self.size // 8, self.offset).reshape(shape)

    def protect(self, start, length, how):
        if libc.mprotect(ctypes.c_void_p(self.address + start), ctypes.c_size_t(length), how):
            raise OSError(ctypes.get_errno(), "mprotect")

    def freeze(self):
        self.protect(PAGE, self.room, mmap.PROT_READ)
        return self

    def check(self):
        outside = self.memory[PAGE : self.offset] + self.memory[self.offset + self.size : PAGE + self.room]
        assert outside == bytes([CANARY]) * (self.room - self.size), "wrote next to an array"


def few(x, y):
    return exp(-x * x) * sin(y) + maximum(x, y)


def many(xs, w):
    order = numpy.random.default_rng(0).permutation(12)
    z = [tanh(xs[i]) * w[j] + xs[11 - j] for j, i in enumerate(order)]
    return dot(softmax(z), xs) + sum([tanh(each) for each in z])


def long(xs, w):
    """So many operations that several bodies share memory of a block of columns."""
    z = [tanh(xs[i % 12] * (i + 1.5)) * sin(xs[(5 * i) % 12] + w[i % 12]) for i in range(40)]
    return sum([a / (1.0 + b * b) for a, b in zip(z, reversed(z))])


def rows(xs, w):
    """Vectors of many rows in a loop."""
    outs = [softmax([xs[(i + j) % 12] * w[i] for j in range(3)]) for i in range(12)]
    return sum([tanh(out[i % 3]) for i, out in enumerate(outs)])


def layers(xs, w):
    """With matrix products."""
    hidden = [tanh(dot(row, xs)) for row in w]
    return sum([tanh(dot(row, hidden)) ** 2 for row in w])


def at_length(n, at_end, compiled, weights, as_scalars):
    deriving.suits_scalars = lambda *args: as_scalars
    random = numpy.random.default_rng(n)
    for function, weight in weights.items():
        reads = compiled[function]
        if function is few:
            given = [random.normal(size=n), random.normal(size=n)]
            places = [Guarded(n, at_end), Guarded(n, at_end)]
            args = [place.array for place in places]
        else:
            given = [random.normal(size=(n, 12)), weight]
            places = [Guarded((12, n), at_end), Guarded(weight.shape, at_end)]
            args = [places[0].array.T, places[1].array]
        for arg, numbers in zip(args, given):
            arg[...] = numbers
        for place in places:
            place.freeze()
        for each, plain in reads:
            made = []
            ours = Numpy(made, at_end)
            with ExitStack() as patched:
                for module in (executor, memory, running, steps, terms, scalars_executor):
                    patched.enter_context(mock.patch.object(module, "numpy", ours))
                value, gradient = each.value_and_grad(*args)
                curved = each.hessian(*args) if function is few and numpy.ndim(value) else ()
            for found, wanted in zip(curved, plain.hessian(*given) if curved else ()):
                numpy.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
            expected = plain.value_and_grad(*given)
            for found, wanted in ((value, expected[0]), *zip(gradient, expected[1])):
                numpy.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9 * numpy.abs(wanted).max())
            for place in [*places, *made]:
                place.check()


class Numpy:
    """NumPy for the executor, but for where it gets memory."""

    def __init__(self, made, at_end):
        self.made, self.at_end = made, at_end

    def empty(self, shape):
        self.made.append(Guarded(shape, self.at_end))
        return self.made[-1].array

    def zeros(self, shape):
        array = self.empty(shape)
        array[...] = 0.0
        return array

    def __getattr__(self, name):
        return getattr(numpy, name)


def main(beyond):
    if beyond:  # what these guards are good for
        place = Guarded(10, True)
        ctypes.c_double.from_address(place.address + place.offset + place.size).value  # noqa: B018
        return
    random = numpy.random.default_rng(1)
    weights = {few: None, many: random.normal(size=12), long: random.normal(size=12), rows: random.normal(size=12),
               layers: random.normal(size=(48, 12))[:12]}  # fmt: skip
    for as_scalars in (False, True):
        compiled = {
            function: [
                [compile(function, batch=[0, 1] if function is few else 0, reduce=reduce, backend=backend)
                 for backend in ("machine", "numpy")]
                for reduce in (None, "sum")
            ]
            for function in weights
        }  # fmt: skip
        for at_end in (False, True):
            for n in LENGTHS:
                print(n, "end" if at_end else "start", as_scalars, file=sys.stderr, flush=True)
                at_length(n, at_end, compiled, weights, as_scalars)
    print("untouched")


if __name__ == "__main__":
    main(sys.argv[1:])
