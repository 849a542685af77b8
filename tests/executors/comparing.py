"""Compares nests of arrays."""

import numpy

from autograd_mini import compile
from autograd_mini.executors import Draws
from autograd_mini.structures import flatten
from tests.executors import importable


def arrays(nest):
    leaves, structure = flatten(nest, "the result", takes_others=True)
    return numpy.array(leaves, dtype=float), structure


def same_matrices(found, expected, tolerance=0.0):
    """Sparse matrices, or lists of them, with the same entries."""
    if isinstance(expected, list):
        assert isinstance(found, list)
        for one, two in zip(found, expected, strict=True):
            same_matrices(one, two, tolerance)
        return
    found.check_format(full_check=True)
    assert (type(found), found.shape, found.dtype) == (type(expected), expected.shape, expected.dtype)
    assert found.has_canonical_format
    assert found.indptr.tolist() == expected.indptr.tolist()
    assert found.indices.tolist() == expected.indices.tolist()
    if tolerance:
        numpy.testing.assert_allclose(found.data, expected.data, rtol=tolerance, atol=tolerance)
    else:
        assert found.data.tobytes() == expected.data.tobytes()


def same_bits(found, expected):
    (one, shape), (two, other) = arrays(found), arrays(expected)
    assert shape == other
    assert one.tobytes() == two.tobytes()


def table(executor):
    """Results of every kind: sums, rows, both, drawn numbers, derivatives with respect to Values."""
    weights, examples = importable.data(500)
    compiled = compile(importable.network, batch=["x", "d"], reduce="mean")
    with_values = compile(importable.with_values, batch=True, reduce="mean").on(executor, 32)
    return [
        *(importable.loss(reduce).on(executor, 32).value_and_grad(*weights, *examples) for reduce in ("sum", None)),
        compiled.on(executor, 32).value_and_grad(*weights, *examples),
        importable.decorated.on(executor, 1024).value_and_grad(Draws(9000, seed=2)),
        with_values.value_and_parameter_grads(*examples),
    ]


def same_numbers(found, expected, tolerance=1e-12):
    (one, shape), (two, other) = arrays(found), arrays(expected)
    assert shape == other
    numpy.testing.assert_allclose(one, two, rtol=tolerance, atol=tolerance * max(1.0, numpy.max(abs(two), initial=0.0)))
