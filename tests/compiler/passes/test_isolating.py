"""Long sums of which some terms are summed over a batch."""

import numpy
import pytest

from autograd_mini import compile, dot, grad, sigmoid, tanh
from autograd_mini import sum as total


def loss(weights, xs):
    """A recurrent network with a gate: 2·units rows of weights for the input, the previous outputs and the bias."""
    units = len(weights) // 2
    h = [0.0] * units
    for x in xs:
        zs = [dot(row, [x, *h, 1.0]) for row in weights]
        h = [sigmoid(z) * tanh(g) + 0.5 * before for z, g, before in zip(zs[:units], zs[units:], h)]
    return total([y * y for y in h])


@pytest.mark.parametrize("backend", ["machine", "numpy"])
def test_weights_that_are_used_at_many_steps(backend, as_packs, between_margins):
    random = numpy.random.default_rng(3)
    weights, xs = 0.3 * random.normal(size=(16, 10)), random.normal(size=(4, 40))
    compiled = compile(loss, batch="xs", wrt="weights", reduce="sum", backend=backend)
    found = compiled.grad(weights, xs)
    expected = sum(numpy.array(grad(loss, 0)(weights.tolist(), row)) for row in xs.tolist())
    numpy.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
