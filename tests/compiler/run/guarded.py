"""Runs machine code on arrays next to memory that must not be touched: python -m tests.compiler.run.guarded.

All arrays that it reads or writes lie directly before or after a page that ends the process when it is touched. Writing
to arrays that should only be read ends the process too, and the rest of their pages is watched.
"""

import ctypes
import sys
from functools import partial
from itertools import product

import numpy

from autograd_mini import Value, compile, dot, exp, maximum, relu, sin, softmax, sum, tanh
from autograd_mini import max as largest
from autograd_mini.compiler import partition, pipeline
from tests.compiler.run.faults import columns_of_the_caller
from tests.compiler.run.fences import Guarded, fenced

LENGTHS = [*range(1, 21), 31, 33, 127, 128, 129, 131, 257, 1024, 1027, 1537]
"""Of a batch."""

LANES = [*range(1, 21), 23, 24, 25, 31, 32, 33, 47, 48, 49, 63, 64, 65]
OPTIONS = [
    {},
    *({"batch": batch, "reduce": reduce} for batch in ((0, 1), (0,), (1,)) for reduce in (None, "sum", "mean")),
]
"""No batch, where directions are one; a batch in every argument, or in one of them; reduced and not."""


def few(x, y):
    return exp(-x[0] * x[0]) * sin(y[0]) + maximum(x[0], y[0])


def many(x, w):
    """A function with lanes out of order, and vectors."""
    order = numpy.random.default_rng(0).permutation(len(x))
    z = [tanh(x[i]) * w[j] + x[-1 - j] for j, i in enumerate(order)]
    return dot(softmax(z), x) + sum([tanh(each) for each in z])


def long(x, w):
    """A function of so many operations that several bodies share memory of a block of columns."""
    n = len(x)
    z = [tanh(x[i % n] * (i + 1.5)) * sin(x[(5 * i) % n] + w[i % n]) for i in range(40)]
    return sum([a / (1.0 + b * b) for a, b in zip(z, reversed(z))])


def rows(x, w):
    """A function with vectors of many rows in a loop."""
    n = len(x)
    outs = [softmax([x[(i + j) % n] * w[i % n] for j in range(3)]) for i in range(12)]
    return sum([tanh(out[i % 3]) for i, out in enumerate(outs)])


def layers(x, w):
    """A function with matrix products."""
    n = len(x)
    matrix = [[w[(i + j) % n] * (0.1 * (i * j % 7) - 0.3) for j in range(n)] for i in range(24)]
    hidden = [tanh(dot(row, x)) for row in matrix]
    return sum([tanh(dot(row, hidden[:n])) ** 2 for row in matrix])


def flat(x, w):
    """A function whose derivatives are constant, those of second order 0."""
    kinks = sum([abs(a) for a in x]) + sum([relu(1.0 - 2.0 * b) for b in w])
    return largest([2.0 * a for a in x]) + kinks + largest([relu(b) for b in w]) - 0.5 * sum([*x, *w])


def half(x, w):
    """A function curved in one argument only."""
    return sum([tanh(a) for a in x]) + largest([abs(b) for b in w])


def several(x, w):
    """A function with results of every kind: constant, with constant derivatives, of one argument, of both."""
    return [flat(x, w), 3.0, x[0] * w[-1], largest(x), *(a - 2.0 * b for a, b in zip(x[:3], w)), half(x, w)]


PROGRAMS = [few, many, long, rows, layers, flat, half, several]


def kinds(function, options):
    """The methods to call. Over a batch the Hessian is as many products, so one function is enough there."""
    if function is several:
        return ["__call__", "jacobian"]
    is_wide = "batch" in options and (options["reduce"] is not None or function is not few)
    return ["__call__", "value_and_grad", "jacobian", "hvp", *([] if is_wide else ["hessian"])]


def run(function, options, lanes, lengths, at_end, only=None):
    """Run everything that a function compiles to, or part of it, over batches of these lengths."""
    random = numpy.random.default_rng(lanes)
    with fenced(partial(Guarded, at_end=at_end)):
        machine, plain = (compile(function, backend=each, threads=3, **options) for each in ("machine", "numpy"))
        for n in lengths if options else [1]:
            args = [random.normal(size=(n, lanes) if i in options.get("batch", ()) else lanes) for i in range(2)]
            for kind in only or kinds(function, options):
                vector = [tuple(random.normal(size=arg.shape) for arg in args)] if kind == "hvp" else []
                expected = getattr(plain, kind)(*args, *vector)
                has_short_way = kind in ("__call__", "value_and_grad")  # which machine code goes alone
                for given in [args, [between_pages(arg, at_end, n % 2 == 0) for arg in args]][: 1 + has_short_way]:
                    found = getattr(machine, kind)(*given, *vector)
                    compare(found, expected, f"{kind} of {function.__name__} {options}, {lanes} lanes, {n} examples")


def between_pages(array, at_end, turned):
    """The same numbers next to such a page, only to be read, and in another order where that is wanted."""
    block = Guarded(array.shape[::-1] if turned else array.shape, at_end=at_end)
    found = block.array.T if turned else block.array
    found[...] = array
    block.freeze()
    return found


def numbers(nest):
    """All numbers in one row; `flatten` would take the arrays of a long batch apart."""
    if isinstance(nest, (list, tuple)) or (isinstance(nest, numpy.ndarray) and nest.dtype.kind == "O"):
        return numpy.concatenate([numpy.zeros(0), *map(numbers, nest)])
    return numpy.ravel(nest)


def compare(found, expected, what):
    found, expected = map(numbers, (found, expected))
    scale = numpy.abs(expected).max(initial=1.0)
    numpy.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * scale, err_msg=what)


def by_length():
    """Each program at one number of lanes, over batches of every length; these and the sides take turns."""
    for turn, (function, options) in enumerate(product(PROGRAMS, OPTIONS)):
        at_end = (turn + turn // len(OPTIONS)) % 2 == 0
        run(function, options, 1 if function is few else 12, LENGTHS[turn % 3 :: 3], at_end)


def by_lanes():
    """Many numbers of lanes, which without a batch is that of directions; programs, options, lengths and sides take
    turns."""
    for lanes in LANES:
        turn, at_end = lanes // 2, lanes // 2 % 2 == 0
        run(flat, {}, lanes, [], at_end)
        if lanes % 2:
            run([half, many, several][turn % 3], {}, lanes, [], not at_end)
        else:
            lengths = [1, LENGTHS[turn % len(LENGTHS)]]
            run([several, many, half, flat][turn % 4], OPTIONS[1 + turn % 9], lanes, lengths, not at_end)


def by_columns():
    """Value and gradient of one example, each number of lanes once; programs and sides take turns."""
    for turn, lanes in enumerate([1, 2, 3, 4, 7, 8, 9, 12, 15, 16, 17, 24] * 2):
        function = few if lanes == 1 else [many, layers, long, rows, half][turn % 5]
        run(function, {}, lanes, [], turn % 24 < 12, ["__call__", "value_and_grad"])


def by_parameters():
    """Derivatives with respect to Values that the function uses, whose numbers may be passed."""
    for turn, (function, options) in enumerate(product([few, many, half], [{}, *OPTIONS[1:4]])):
        lanes = 1 if function is few else 7 + turn
        train(function, options, lanes, LENGTHS[turn % 5 : -3 : 5], turn % 2 == 0)


def train(function, options, lanes, lengths, at_end):
    """Value, and derivatives by the parameters, of a function of one argument and of Values in place of the other,
    over batches of these lengths."""
    random = numpy.random.default_rng(lanes)
    parameters = [Value(random.normal()) for _ in range(lanes)]
    options, ways = {**options, "batch": True} if options else {}, set()
    with fenced(partial(Guarded, at_end=at_end)):
        machine, plain = (
            compile(lambda x: function(x, parameters), backend=each, threads=1, **options)
            for each in ("machine", "numpy")
        )
        for n in lengths if options else [1, 1]:
            x = random.normal(size=(n, lanes) if options else lanes)
            given, others = between_pages(x, at_end, n % 2 == 0), random.normal(size=lanes)
            for numbers in (None, between_pages(others, at_end, False)):
                for kind in ("__call__", "value_and_parameter_grads"):
                    expected = getattr(plain, kind)(x, parameters=numbers)
                    for _ in range(2):
                        found = getattr(machine, kind)(given, parameters=numbers)
                        compare(
                            found, expected, f"{kind} of {function.__name__} {options}, {lanes} lanes, {n} examples"
                        )
                    ways |= machine._ways.keys()
    assert ways == {"value", "slopes", "slopes of given"}


def beyond():
    """One number too far."""
    place = Guarded((10,))
    ctypes.c_double.from_address(place.address + place.offset + place.size).value  # noqa: B018


def planted():
    """Directions counted as columns where all is the same for them."""
    with columns_of_the_caller(20):
        run(lambda x, w: sum([abs(a) for a in x]), {}, 12, [], True)


SWEEPS = {
    "lengths": by_length,
    "lanes": by_lanes,
    "columns": by_columns,
    "parameters": by_parameters,
    "beyond": beyond,
    "planted": planted,
}


def main(sweep, form="packs"):
    pipeline.suits_scalars = lambda *args: form == "scalars"
    pipeline.has_columns = pipeline.suits_columns = lambda *args: form == "columns"
    partition.TILE_BYTES = 0  # batches of a few hundred examples go tile by tile already
    partition.COLUMNS_A_THREAD, partition.POINTERS_A_THREAD = 128, 0
    SWEEPS[sweep]()
    print("untouched")


if __name__ == "__main__":
    main(*sys.argv[1:])
