"""Whether compiled and eager results agree: equal up to rounding, inf where inf is, nan where nan is.

The compiler adds sums in another order, multiplies brackets out and folds constants into coefficients; NumPy's
functions and `math`'s differ in the last places. So numbers that cancel may differ by more than 1e-12 of the
largest result, but by no more than some roundings of all intermediate results move eager's own. Where a sum or a
product of eager's overflows or underflows half-way, the compiled number may be the better one.
"""

from importlib.util import find_spec
from random import Random

import numpy
import pytest

from autograd_mini.structures import flatten

TOLERANCE = 1e-12
ROUNDING = 2.0**-50
REPLAYS = 6
TINIEST = 5e-324

BACKENDS = [
    "numpy",
    pytest.param("machine", marks=pytest.mark.skipif(find_spec("llvmlite") is None, reason="needs llvmlite")),
]


def flat(nest):
    """The numbers of a nest as one array."""
    return numpy.array(flatten(nest, "a result")[0], dtype=float)


def moved(program, seed):
    """A random program with every input and every result off by a few roundings."""
    random = Random(seed)

    def off(x):
        return x * (1.0 + random.choice((-1, 1)) * ROUNDING) + random.choice((-1, 0, 1)) * TINIEST

    def run(*inputs):
        results = [off(x) for x in inputs]
        for primitive, operands in program.steps:
            results.append(off(primitive(*[results[o] if isinstance(o, int) else o for o in operands])))
        return results[-1]

    return run


def disagreement(found, expected, replays=(), *, may_be_better=False, scale=0.0):
    """What is wrong with the numbers found, in words; empty if nothing is.

    Args:
        replays: what else would do, one after the other: nests like `expected`, off by roundings.
        may_be_better: a finite number in place of eager's inf, and any in place of its nan, is accepted: rounded
            once, x·y + z overflows less often.
        scale: the size of what cancels in the results, if that is known.
    """
    found, expected = flat(found), flat(expected)
    if found.shape != expected.shape:
        return f"{len(found)} numbers in place of {len(expected)}"
    with numpy.errstate(all="ignore"):
        is_finite = numpy.isfinite(expected)
        scale = numpy.abs(expected[is_finite]).max(initial=scale)
        distance = numpy.abs(found - expected)
        is_close = distance <= numpy.maximum(TOLERANCE * scale, 8 * TINIEST)
        right = (found == expected) | (numpy.isnan(found) & numpy.isnan(expected)) | is_close
        if may_be_better:
            right |= (numpy.isfinite(found) & ~is_finite) | numpy.isnan(expected)
        for replay in replays:
            if right.all():
                break
            other = flat(replay)
            right |= (numpy.isfinite(other) != is_finite) | (distance <= 20 * numpy.abs(other - expected))
    return "" if right.all() else f"found {found}, eagerly {expected}"
