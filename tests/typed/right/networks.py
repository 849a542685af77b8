"""Networks, training, pictures."""

from typing import Any, assert_type

import autograd_mini
from autograd_mini import Value
from autograd_mini.draw import Drawing, draw_network
from autograd_mini.explain import Page
from autograd_mini.nn import MLP, Layer, Module, kl_softmax
from autograd_mini.optim import SGD
from autograd_mini.training import fit


class Line(Module):
    def __init__(self) -> None:
        self.slope, self.offset = Value(2.0), Value(1.0)

    def __call__(self, x: float) -> Value:
        return self.slope * x + self.offset


assert_type(Line()(3.0), Value)
assert_type(Layer(2, 3)([1.0, 2.0]), list[Value])
assert_type(Line().parameters(), list[Value])
model = MLP(2, [4, 2], activation="tanh", output="softmax", random=1)
examples: list[tuple[list[int], int]] = [([0, 0], 0), ([0, 1], 1)]
history = fit(model, examples, kl_softmax, SGD(model.parameters(), learning_rate=1.0), epochs=2)
assert_type(autograd_mini.draw(Value(1.0) * 2), Drawing)
assert_type(autograd_mini.explain(Value(1.0) * 2), Page)
draw_network(model).save("network.svg")


def outputs(module: Module) -> Any:
    return module([0.0, 1.0])
