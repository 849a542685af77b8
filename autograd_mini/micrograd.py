"""micrograd's classes under its names and conventions, for code and lessons that must reproduce its numbers.

In place of `from micrograd.engine import Value` and `from micrograd.nn import MLP` (A. Karpathy's, 2020) write
`from autograd_mini.micrograd import Value, MLP`: data, gradients and draws of random numbers are micrograd's to the
last digit. Where this Value differs from `autograd_mini.Value`:

- relu has the derivative 0 at 0, and a/b is a·b⁻¹ with its two roundings, not the quotient.
- `backward()` sets its own `grad` to 1 and calls `_backward()` node by node, so that intermediate nodes keep what
  earlier calls left there, and functions assigned to `_backward` are called.
- `==` tells whether two Values are the same object, and every Value counts as true, even 0.
"""

from __future__ import annotations

import operator
import random

from autograd_mini import functions, observing
from autograd_mini import value as plain
from autograd_mini.graph import leaf
from autograd_mini.primitives import TABLE, to_float

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def _giving_ours(method: Callable[..., Any]) -> Any:
    """Wrap a method so that its result is a Value of this module."""

    def operation(*args: Any) -> Any:
        out = method(*args)
        if type(out) is plain.Value:
            out.__class__ = Value
        return out

    return operation


def _taking_numbers(method: Callable[..., Any]) -> Any:
    """Wrap an operator's method so that a plain number as the other operand becomes a Constant of this module."""

    def operation(self: Value, other: Any) -> Any:
        if type(other) is float or type(other) is int:
            other = leaf(to_float(other, "Value"), Constant)
        return method(self, other)

    return operation


class Value(plain.Value):
    """A number that remembers how it was computed, with micrograd's conventions.

    >>> x = Value(3.0)
    >>> y = (x / 49).relu()
    >>> y.backward()
    >>> y, x.grad
    (Value(data=0.061224489795918366, grad=1.0), 0.02040816326530612)
    """

    __slots__ = ()

    def __eq__(self, other: object, /) -> bool:
        return self is other

    def __ne__(self, other: object, /) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return object.__hash__(self)

    _backward = plain.Value._make_step

    apply_primitive: Any = staticmethod(_giving_ours(plain.Value.apply_primitive))

    @property
    def _prev(self) -> tuple[plain.Value, ...]:
        return self.parents[:1] if self._has_plain_exponent() else self.parents

    @property
    def _op(self) -> str:
        if self._has_plain_exponent():
            exponent = self.parents[1].data
            return f"**{int(exponent) if exponent.is_integer() else exponent}"
        return "ReLU" if super()._op == "relu" else super()._op

    def _has_plain_exponent(self) -> bool:
        return self.operation is TABLE["pow"] and self.parents[1].is_constant

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return other + (-self)

    def __truediv__(self, other: Any) -> Any:
        return self * other**-1

    def __rtruediv__(self, other: Any) -> Any:
        return other * self**-1

    def __bool__(self) -> bool:
        return True

    def relu(self, at_zero: float | None = 0.0) -> Any:
        return functions.relu(self, at_zero=at_zero)

    def backward(self, seed: Any = 1) -> None:
        if observing.active:
            observing.number_written(self, "backward()")
        self.grad = seed
        for node in reversed(_order(self)):
            node._backward()


for _name in ("add", "radd", "mul", "rmul", "pow", "rpow", "mod", "rmod", "floordiv", "rfloordiv"):
    setattr(Value, f"__{_name}__", _giving_ours(getattr(plain.Value, f"__{_name}__")))
for _name in ("add", "radd", "mul", "rmul"):
    setattr(Value, f"__{_name}__", _taking_numbers(getattr(Value, f"__{_name}__")))


class Constant(Value, plain.Constant):
    """A plain number as an operand.

    >>> (Value(2.0) * 3).parents[1]
    Constant(data=3.0, grad=0.0)
    """

    __slots__ = ()


def _order(root: plain.Value) -> list[plain.Value]:
    """micrograd's topological order, in which the first operand's ancestors come first, without its recursion."""
    order, seen, stack = [], {root}, [(root, iter(root.parents))]
    while stack:
        node, parents = stack[-1]
        for parent in parents:
            if parent not in seen:
                seen.add(parent)
                stack.append((parent, iter(parent.parents)))
                break
        else:
            order.append(node)
            stack.pop()
    return order


class Module:
    """The base class of everything that has parameters.

    >>> neuron = Neuron(2)
    >>> (neuron([1.0, 2.0]) + neuron.b).backward()
    >>> neuron.zero_grad()
    >>> [p.grad for p in neuron.parameters()]
    [0.0, 0.0, 0.0]
    """

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for p in self.parameters():
            p.grad = 0

    def parameters(self) -> list[Value]:
        """The Values of its parameters, weights before biases."""
        return []


class Neuron(Module):
    """w·x + b with `nin` weights drawn from [-1, 1) by the module `random` and b = 0, then relu if `nonlin`.

    >>> Neuron(2), Neuron(2, nonlin=False), len(Neuron(2).parameters())
    (ReLUNeuron(2), LinearNeuron(2), 3)
    """

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w: list[Value] = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b: Value = Value(0)
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Any]) -> Any:
        z: Any = sum(map(operator.mul, self.w, x), self.b)
        return z.relu() if self.nonlin else z

    def parameters(self) -> list[Value]:
        return [*self.w, self.b]

    def __repr__(self) -> str:
        return f"{'ReLU' if self.nonlin else 'Linear'}Neuron({len(self.w)})"


class Layer(Module):
    """`nout` neurons of `nin` inputs each; one alone gives its output bare.

    >>> layer = Layer(2, 3)
    >>> len(layer([1.0, 2.0])), len(layer.parameters())
    (3, 9)
    """

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        self.neurons: list[Neuron] = [Neuron(nin, **kwargs) for _ in range(nout)]

    def __call__(self, x: Sequence[Any]) -> Any:
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        return [p for neuron in self.neurons for p in neuron.parameters()]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """Layers of the widths `nouts` over `nin` inputs, with relu in all but the last.

    >>> MLP(2, [3, 1])
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]
    """

    def __init__(self, nin: int, nouts: list[int]) -> None:
        widths = [nin, *nouts]
        self.layers: list[Layer] = [
            Layer(widths[i], widths[i + 1], nonlin=i != len(nouts) - 1) for i in range(len(nouts))
        ]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for p in layer.parameters()]

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"
