"""Nests of arrays, compared."""

import numpy

from autograd_mini.structures import flatten


def arrays(nest):
    leaves, structure = flatten(nest, "the result", takes_others=True)
    return numpy.array(leaves, dtype=float), structure


def same_bits(found, expected):
    (one, shape), (two, other) = arrays(found), arrays(expected)
    assert shape == other
    assert one.tobytes() == two.tobytes()


def same_numbers(found, expected, tolerance=1e-12):
    (one, shape), (two, other) = arrays(found), arrays(expected)
    assert shape == other
    numpy.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance * max(1.0, numpy.max(abs(two), initial=0.0)))
