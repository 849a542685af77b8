"""Whether two computations of the same numbers agree: equal up to rounding, with inf and nan in the same places."""

from importlib.util import find_spec

import numpy
import pytest

from autograd_mini.structures import flatten

TOLERANCE = 1e-12
TINIEST = 5e-324

BACKENDS = [
    "numpy",
    pytest.param("machine", marks=pytest.mark.skipif(find_spec("llvmlite") is None, reason="needs llvmlite")),
]


def flat(nest):
    """The numbers of a nest as one array."""
    return numpy.array(flatten(nest, "a result")[0], dtype=float)


def disagreement(found, expected, *, scale=0.0):
    """Say how numbers differ from the expected ones; "" if they agree.

    Args:
        scale: the size of what cancels in the results, if that is known.
    """
    found, expected = flat(found), flat(expected)
    if found.shape != expected.shape:
        return f"{len(found)} numbers in place of {len(expected)}"
    with numpy.errstate(all="ignore"):
        scale = numpy.abs(expected[numpy.isfinite(expected)]).max(initial=scale)
        is_close = numpy.abs(found - expected) <= numpy.maximum(TOLERANCE * scale, 8 * TINIEST)
        right = (found == expected) | (numpy.isnan(found) & numpy.isnan(expected)) | is_close
    return "" if right.all() else f"found {found}, eagerly {expected}"


def arrays_of(nest):
    """The arrays in lists, tuples and dicts."""
    if isinstance(nest, numpy.ndarray):
        yield nest
    elif isinstance(nest, dict | list | tuple):
        for part in nest.values() if isinstance(nest, dict) else nest:
            yield from arrays_of(part)
