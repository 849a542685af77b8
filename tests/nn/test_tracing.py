"""No module branches on its numbers: what is recorded at one point holds at all others."""

import pytest

from autograd_mini import Value
from autograd_mini.nn import (
    MLP,
    Conv2d,
    Gate,
    GRUCell,
    LSTMCell,
    Maxout,
    MaxOver,
    MaxPool2d,
    PairProducts,
    PReLU,
    ProductUnits,
    RandomisedLeakyReLU,
    SelfAttention,
    Sequential,
)
from autograd_mini.nn.activations import SCALAR, VECTOR
from autograd_mini.observing import Observer


class Strict(Observer):
    """An observer that refuses whatever takes a number out of the graph."""

    def compared(self, primitive, x, y):
        return primitive(x, y)

    def truth_asked(self, node):
        raise AssertionError("a branch was taken on data")

    def number_read(self, node, how):
        raise AssertionError(f"a number was read by {how}")

    def number_written(self, node, how):
        raise AssertionError(f"a number was written by {how}")


def values(n):
    return [Value(0.5 * i - 1.0) for i in range(n)]


MODULES = {
    **{f"MLP {name}": (MLP(3, [4, 2], name, name), values(3)) for name in [*SCALAR, *VECTOR]},
    "one output": (MLP(2, [1], output="sigmoid"), values(2)),
    "PReLU": (MLP(2, [3, 1], PReLU()), values(2)),
    "RandomisedLeakyReLU": (MLP(2, [3, 1], RandomisedLeakyReLU()), values(2)),
    "Conv2d": (Conv2d(4, 4, kernel=2, padding=1), values(16)),
    "MaxPool2d": (MaxPool2d(4, 4, window=2), values(16)),
    "MaxOver": (MaxOver(3, [[0, 1], [1, 2]]), values(3)),
    "Maxout": (Maxout(2, 2, 2), values(2)),
    "Sequential": (Sequential(Conv2d(4, 4, kernel=3), MLP(4, [2], output="softmax")), values(16)),
    "PairProducts": (PairProducts(4), values(4)),
    "ProductUnits": (ProductUnits(3, [[0, 1], [2]]), values(3)),
    "Gate": (Gate(2), values(2)),
    "LSTMCell": (LSTMCell(2, 3), values(2)),
    "GRUCell": (GRUCell(2, 3), values(2)),
    "SelfAttention": (SelfAttention(4, n_heads=2), [values(4), values(4)]),
    "causal SelfAttention": (SelfAttention(4, causal=True), [values(4), values(4)]),
}


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_read_on_the_way_forward(name):
    module, inputs = MODULES[name]
    with Strict():
        repr(module)
        outputs = module(inputs)
        if isinstance(module, MLP):
            module.logits(inputs)
        if isinstance(module, (LSTMCell, GRUCell)):
            module([1.0, 2.0], outputs)
            module.run([inputs, inputs])
    assert outputs is not None
