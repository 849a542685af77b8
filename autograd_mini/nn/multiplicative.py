"""Layers that multiply: products of pairs and of subsets, and gates."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from autograd_mini.functions import prod
from autograd_mini.nn.activations import Activation, name_of
from autograd_mini.nn.initialisers import Initialiser
from autograd_mini.nn.layers import Layer, as_inputs, require_count
from autograd_mini.nn.module import Module
from autograd_mini.nn.pooling import OverSubsets
from autograd_mini.primitives import brief
from autograd_mini.value import Value


class PairProducts(OverSubsets):
    """o_i = y_j · y_l over chosen pairs (j, l) (lecture: "Special Case 2: Multiplicative networks"), hence
    ∂Div/∂y_j = y_l ∂Div/∂o_i and ∂Div/∂y_l = y_j ∂Div/∂o_i.

    Without pairs it multiplies neighbours, y_i = z_{2i-1} z_{2i} (lecture: "Multiplicative combination as a
    case of vector activations"); so it serves as the activation of a `Layer` too.

    Args:
        n_inputs: the number of inputs.
        pairs: the two indices of each product, from 0; (j, j) squares. By default (0, 1), (2, 3), ….

    Raises:
        ValueError: there is no pair, one does not have two indices, or the inputs are odd in number without pairs.
        IndexError: a pair names an input that is not there.

    >>> [o.data for o in PairProducts(3, [(0, 1), (0, 2)])([2.0, 5.0, 7.0])]
    [10.0, 14.0]
    >>> [y.data for y in PairProducts(4)([2.0, 5.0, 3.0, 7.0])]
    [10.0, 21.0]
    """

    _of_subset = staticmethod(lambda pair: pair[0] * pair[1])
    _subset = "pair"

    def __init__(self, n_inputs: int, pairs: Iterable[Iterable[int]] | None = None) -> None:
        if pairs is None:
            if require_count(n_inputs, "n_inputs") % 2:
                raise ValueError(f"neighbours pair up only an even number of inputs, got {n_inputs}; give pairs")
            pairs = [(j, j + 1) for j in range(0, n_inputs, 2)]
        super().__init__(n_inputs, pairs)
        self.pairs: tuple[tuple[int, ...], ...] = self.subsets
        for pair in self.pairs:
            if len(pair) != 2:
                raise ValueError(f"a pair has two indices, got {brief(pair)}; ProductUnits multiplies any number")

    def details(self) -> str:
        return f"{self.n_inputs}, {brief(list(self.pairs))}"


class ProductUnits(OverSubsets):
    """o_i = Π over j ∈ δ_i of y_j: products of any number of inputs (lecture: "Special Case 2: Multiplicative
    networks", there with two). ∂o_i/∂y_j is the product of the others, correct even where some are 0.

    Args:
        n_inputs: the number of inputs.
        subsets: δ_1 … δ_M, each the indices of some inputs, from 0; one named twice is squared.

    Raises:
        ValueError: there is no subset, or one is empty.
        IndexError: a subset names an input that is not there.

    >>> [o.data for o in ProductUnits(3, [[0, 1, 2], [2]])([2.0, 5.0, 7.0])]
    [70.0, 7.0]
    """

    _of_subset = staticmethod(prod)


class Gate(Module):
    """y_i = x_i · g_i, where the gate g = σ(W c + b) says how much of each x_i passes: a multiplicative
    combination of one vector with another (lecture: "Special Case 2: Multiplicative networks", "seen in
    networks such as LSTMs, GRUs").

    Args:
        n_inputs: how many numbers are gated.
        n_controls: how many numbers c the gate looks at; by default the inputs themselves.
        activation: σ, of one Value; by default the sigmoid, from 0 (closed) to 1 (open).
        bias, initialise, random: as for `Neuron`.

    Raises:
        TypeError: when called: controls are missing, or given to a gate that takes none.

    >>> gate = Gate(2, 1, initialise=lambda n_inputs, n_outputs, random: 1000.0)
    >>> [y.data for y in gate([3.0, 4.0], [1.0])], [y.data for y in gate([3.0, 4.0], [-1.0])]
    ([3.0, 4.0], [0.0, 0.0])
    """

    _shows_parts = False

    def __init__(
        self,
        n_inputs: int,
        n_controls: int | None = None,
        activation: str | Activation = "sigmoid",
        *,
        bias: bool = True,
        initialise: Initialiser | None = None,
        random: int | Random = 0,
    ) -> None:
        self.n_inputs: int = require_count(n_inputs, "n_inputs")
        self.gates_itself: bool = n_controls is None
        self.n_controls: int = n_inputs if n_controls is None else require_count(n_controls, "n_controls")
        self.control: Layer = Layer(
            self.n_controls, n_inputs, activation, bias=bias, initialise=initialise, random=random
        )

    def __call__(self, inputs: Iterable[Any], controls: Iterable[Any] | None = None) -> list[Value]:
        if (controls is None) != self.gates_itself:
            wanted = "no controls: it gates its inputs by themselves" if self.gates_itself else "inputs and controls"
            raise TypeError(f"{self!r} takes {wanted}")
        values = as_inputs(inputs, self.n_inputs, self)
        return multiply(values, self.control(values if controls is None else controls))

    def details(self) -> str:
        controls = "" if self.gates_itself else f", {self.n_controls}"
        return f"{self.n_inputs}{controls}, activation={name_of(self.control.activation)!r}"


def multiply(xs: Iterable[Any], gates: Iterable[Any]) -> list[Any]:
    """The products x_i · g_i, one vector gated by another (lecture: "Special Case 2: Multiplicative networks").

    Raises:
        ValueError: the vectors differ in length.

    >>> multiply([3.0, 4.0], [0.5, 0.0])
    [1.5, 0.0]
    """
    xs, gates = list(xs), list(gates)
    if len(xs) != len(gates):
        raise ValueError(f"a vector is gated by one of its own length, {len(xs)}, got {len(gates)} gates")
    return [x * gate for x, gate in zip(xs, gates)]
