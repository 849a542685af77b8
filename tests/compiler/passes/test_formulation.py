"""The packs and matrix products that the compiler finds are those of the vector formulation."""

import numpy
import pytest

from autograd_mini import compile, dot, log_softmax, relu
from tests.compiler import test_networks as networks


def digits(w1, b1, w2, b2, x, d):
    y = [relu(dot(row, x) + b) for row, b in zip(w1, b1)]
    return -dot(d, log_softmax([dot(row, y) + b for row, b in zip(w2, b2)]))


def test_digits_have_the_products_of_the_lecture():
    """z₁ = W₁x, z₂ = W₂y₁ forward; ∇W₂ = ∇z₂y₁ᵀ, ∇y₁ = W₂ᵀ∇z₂, ∇W₁ = ∇z₁xᵀ backward."""
    random = numpy.random.default_rng(0)
    weights = [random.normal(size=size) for size in ((32, 64), 32, (10, 32), 10)]
    loss = compile(digits, batch=["x", "d"], wrt=["w1", "b1", "w2", "b2"], reduce="mean")
    loss.value_and_grad(*weights, random.normal(size=(20, 64)), numpy.eye(10)[random.integers(0, 10, 20)])
    shapes = sorted((block.lane.shape[1:], block.a.shape[2]) for block in loss.program.products)
    assert shapes == sorted([((32, 1), 64), ((10, 1), 32), ((32, 1), 10), ((10, 32), 1), ((32, 64), 1)])


@pytest.mark.parametrize(
    ("network", "n_products"),
    [
        (networks.perceptron, 5),
        (networks.pruned, 2),  # the missing weights are zeros of one matrix
        (networks.tied, 5),
        (networks.reparametrised, 2),
        (networks.penalised, 5),
        (networks.with_constants, 2),
        (networks.convolution, 2),  # each window by the one kernel
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_products(network, n_products):
    weights, x, d = networks.NETWORKS[network]
    xs, ds = (numpy.random.default_rng(0).normal(size=(4, *numpy.atleast_1d(size))) for size in (x, d))
    compiled = compile(network, batch=[1, 2], wrt=0, reduce="mean")
    compiled.value_and_grad(weights, xs, ds)
    assert len(compiled.program.products) == n_products
