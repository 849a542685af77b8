"""Neurons, layers, multi-layer perceptrons, and modules in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import partial
from numbers import Integral
from random import Random
from typing import Any

from autograd_mini.mathematics import subscripted, weight_name
from autograd_mini.nn.activations import Activation, activated, find_activation, is_vector, name_of
from autograd_mini.nn.initialisers import Initialiser, find_initialiser
from autograd_mini.nn.module import Module
from autograd_mini.primitives import TABLE, brief, to_float
from autograd_mini.value import Constant, Value

_dot = TABLE["dot"]
ONE = Constant(1.0)
"""The input y₀ = 1 whose weight is the bias."""


class Neuron(Module):
    """y = f(z), z = Σᵢ wᵢ xᵢ with the bias as weight 0 of an extra input x₀ = 1 (lecture: "Forward pass").

    Args:
        n_inputs: the number of inputs, 1 or more.
        activation: the name of a scalar activation or any function of one Value.
        bias: whether there is a weight 0.
        initialise: the function that draws each weight; by default one that fits the activation. The bias starts at 0.
        random: what the weights are drawn by: a seed or a `random.Random`.

    Raises:
        ValueError: the activation is unknown.

    >>> neuron = Neuron(2, "tanh")
    >>> for weight, number in zip(neuron.weights, (0.5, 1.0, -1.0)):
    ...     weight.data = number
    >>> neuron([2.0, 2.0]).data == Value(0.5).tanh().data
    True
    """

    def __init__(
        self,
        n_inputs: int,
        activation: str | Activation = "relu",
        *,
        bias: bool = True,
        initialise: Initialiser | None = None,
        random: int | Random = 0,
        _n_outputs: int = 1,
    ) -> None:
        self.n_inputs: int = require_count(n_inputs, "n_inputs")
        self.activation: Activation = find_activation(activation)
        self.has_bias = bias
        generator = as_generator(random)
        draw = find_initialiser(initialise, name_of(self.activation))
        labels = (subscripted("w", i) for i in range(1, n_inputs + 1))
        self.weights: list[Value] = [Value(draw(n_inputs, _n_outputs, generator), label=label) for label in labels]
        if bias:
            self.weights.insert(0, Value(0.0, label="b"))

    def __call__(self, inputs: Iterable[Any]) -> Value:
        return self.activation(self.affine(as_inputs(inputs, self.n_inputs, self)))  # type: ignore[no-any-return]

    def affine(self, inputs: tuple[Value, ...]) -> Value:
        """The z for inputs that are Values already.

        >>> Neuron(2).affine((Value(0.0), Value(0.0))).data
        0.0
        """
        extended = (ONE, *inputs) if self.has_bias else inputs
        return Value.apply_primitive(_dot, (*self.weights, *extended))  # type: ignore[no-any-return]

    def details(self) -> str:
        return f"{self.n_inputs}, {name_of(self.activation)!r}{'' if self.has_bias else ', bias=False'}"


class Layer(Module):
    """Neurons side by side: z = W y + b, y = f(z), where f acts on each z or, as a vector activation such as
    `"softmax"`, on all of them (lecture: "Special cases 1: vector activations").

    Args and errors are those of `Neuron`, with `n_outputs` neurons.

    >>> layer = Layer(2, 3, "softmax")
    >>> round(sum(y.data for y in layer([1.0, -1.0])), 12)
    1.0
    """

    _shows_parts = False

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        activation: str | Activation = "relu",
        *,
        bias: bool = True,
        initialise: Initialiser | None = None,
        random: int | Random = 0,
    ) -> None:
        self.n_inputs: int = require_count(n_inputs, "n_inputs")
        self.n_outputs: int = require_count(n_outputs, "n_outputs")
        self.activation: Activation = find_activation(activation)
        f = "identity" if is_vector(self.activation) else self.activation
        initialise = find_initialiser(initialise, name_of(self.activation))
        neuron = partial(Neuron, n_inputs, f, bias=bias, initialise=initialise, random=as_generator(random))
        self.neurons: list[Neuron] = [neuron(_n_outputs=n_outputs) for _ in range(n_outputs)]
        self._label_weights()

    def __call__(self, inputs: Iterable[Any]) -> list[Value]:
        return activated(self.activation, self.affine(inputs))

    def affine(self, inputs: Iterable[Any]) -> list[Value]:
        """The outputs before the activation, z = W y + b.

        >>> [z.data for z in Layer(2, 3, random=1).affine([0.0, 0.0])]
        [0.0, 0.0, 0.0]
        """
        values = as_inputs(inputs, self.n_inputs, self)
        return [neuron.affine(values) for neuron in self.neurons]

    def _label_weights(self, number: int | None = None) -> None:
        """Label the weights as the lecture does, in a network with the layer's number."""
        for j, neuron in enumerate(self.neurons, 1):
            for i, weight in enumerate(neuron.weights, 0 if neuron.has_bias else 1):
                weight.label = weight_name(i, j, number)

    def details(self) -> str:
        return f"{self.n_inputs}, {self.n_outputs}, {name_of(self.activation)!r}"


class MLP(Module):
    """A multi-layer perceptron: layers in a row, y₀ = x, y_k = f_k(W_k y_{k-1} + b_k) (lecture: "The forward
    pass").

    Args:
        n_inputs: the number of inputs.
        widths: the width of each layer; the last one is the number of outputs.
        activation: the activation of all layers except the last.
        output: the activation of the last layer.
        bias, initialise, random: as for `Neuron`; one generator serves all layers.

    A network with one output returns that Value, one with several a list.

    >>> network = MLP(3, [4, 1], random=7)
    >>> isinstance(network([1.0, 2.0, 3.0]), Value)
    True
    >>> len(network.parameters())
    21
    >>> classifier = MLP(3, [4, 2], output="softmax")
    >>> classifier.output_activation([0.0, 0.0])
    [0.5, 0.5]
    >>> len(classifier.logits([1.0, 2.0, 3.0]))
    2
    """

    def __init__(
        self,
        n_inputs: int,
        widths: Sequence[int],
        activation: str | Activation = "relu",
        output: str | Activation = "identity",
        *,
        bias: bool = True,
        initialise: Initialiser | None = None,
        random: int | Random = 0,
    ) -> None:
        if isinstance(widths, str) or not hasattr(widths, "__len__") or not len(widths):
            raise ValueError(f"widths must list the width of each layer, such as [16, 10], got {brief(widths)}")
        find_activation(activation)  # refuse a wrong one even where a single layer does not use it
        sizes = [n_inputs, *widths]
        activations = [activation] * (len(sizes) - 2) + [output]
        generator = as_generator(random)
        self.layers: list[Layer] = [
            Layer(n_in, n_out, f, bias=bias, initialise=initialise, random=generator)
            for n_in, n_out, f in zip(sizes, sizes[1:], activations)
        ]
        for number, layer in enumerate(self.layers, 1):
            layer._label_weights(number)

    @property
    def output_activation(self) -> Activation:
        """The activation of the last layer."""
        return self.layers[-1].activation

    def __call__(self, inputs: Iterable[Any]) -> Any:
        return self._through(inputs, Layer.__call__)

    def logits(self, inputs: Iterable[Any]) -> Any:
        """The z of the last layer: the output before its activation."""
        return self._through(inputs, Layer.affine)

    def _through(self, inputs: Iterable[Any], last: Callable[[Layer, Iterable[Any]], list[Any]]) -> Any:
        ys: Iterable[Any] = inputs
        for layer in self.layers[:-1]:
            ys = layer(ys)
        outputs = last(self.layers[-1], ys)
        return outputs[0] if len(outputs) == 1 else outputs


class Sequential(Module):
    """Steps in a row, each given the output of the one before: Y = f_N(… f_2(f_1(x))) (lecture: "The forward
    pass").

    Args:
        steps: modules, or any functions of one argument.

    Raises:
        ValueError: there is no step.
        TypeError: a step cannot be called.

    >>> from autograd_mini.nn import MLP, Conv2d, MaxPool2d
    >>> digits = Sequential(Conv2d(4, 4, 3, padding=1), MaxPool2d(4, 4, window=2), MLP(4, [10], output="softmax"))
    >>> round(sum(y.data for y in digits([0.0] * 16)), 12)
    1.0
    >>> len(digits.logits([0.0] * 16)), digits.output_activation([0.0, 0.0])
    (10, [0.5, 0.5])
    """

    def __init__(self, *steps: Callable[[Any], Any]) -> None:
        if not steps:
            raise ValueError("Sequential needs one step or more, got none")
        for step in steps:
            if not callable(step):
                raise TypeError(f"a step is a module or a function, got {brief(step)} ({type(step).__name__})")
        self.steps: list[Activation] = list(steps)

    def __call__(self, inputs: Any) -> Any:
        for step in self.steps:
            inputs = step(inputs)
        return inputs

    def logits(self, inputs: Any) -> Any:
        """The output before the activation of the last step, which must be an `MLP` or another module that
        has `logits`."""
        for step in self.steps[:-1]:
            inputs = step(inputs)
        last: Any = self.steps[-1]
        if not hasattr(last, "logits"):
            raise AttributeError(f"only a Sequential that ends in an MLP has logits, this one ends in {brief(last)}")
        return last.logits(inputs)

    @property
    def output_activation(self) -> Activation:
        """The output activation of the last step, if that has one."""
        last: Any = self.steps[-1]
        return last.output_activation  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        shown = [repr(step) if isinstance(step, Module) else name_of(step) for step in self.steps]
        indented = [f"  {index}: {text}".replace("\n", "\n  ") for index, text in enumerate(shown)]
        return "\n".join(["Sequential(", *indented, ")"])


def as_inputs(inputs: Iterable[Any], n_inputs: int, module: Module) -> tuple[Value, ...]:
    """Inputs as Values, once for all neurons that share them; raise ValueError if there are more or fewer than
    `n_inputs`, TypeError if they are not numbers."""
    try:
        if isinstance(inputs, (Mapping, Set)) or hasattr(inputs, "columns"):
            raise TypeError  # one would read keys, or numbers in any order
        numbers = tuple(inputs)
    except TypeError:
        raise TypeError(
            f"{module!r} takes a list of {n_inputs} inputs, got {brief(inputs)} ({type(inputs).__name__})"
        ) from None
    if len(numbers) != n_inputs:
        raise ValueError(f"{module!r} takes {n_inputs} inputs, got {len(numbers)}")
    return tuple(x if isinstance(x, Value) else Constant(to_float(x, "an input")) for x in numbers)


def as_generator(random: int | Random) -> Random:
    """A generator from a seed, or the generator itself."""
    if isinstance(random, Random):
        return random
    if isinstance(random, Integral):
        return Random(int(random))
    raise TypeError(f"random takes a seed (an int) or a random.Random, got {brief(random)}")


def require_count(count: Any, name: str) -> int:
    """`count`, which must be a whole number of 1 or more."""
    if isinstance(count, bool) or not isinstance(count, Integral):
        raise TypeError(f"{name} must be an int, got {brief(count)} ({type(count).__name__})")
    if count < 1:
        raise ValueError(f"{name} must be 1 or more, got {count}")
    return int(count)
