"""Recurrent cells: LSTM and GRU, the multiplicative networks of sequences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from random import Random
from typing import Any, NamedTuple

from autograd_mini.functions import dot, tanh
from autograd_mini.nn.initialisers import Initialiser
from autograd_mini.nn.layers import Layer, as_generator, as_inputs, require_count
from autograd_mini.nn.module import Module
from autograd_mini.primitives import brief, to_float
from autograd_mini.value import Constant, Value

Vector = Sequence[Any]
"""Numbers or Values."""


class LSTMState(NamedTuple):
    """What an LSTM carries from step to step.

    Attributes:
        hidden: h, which is its output too.
        memory: c.

    >>> LSTMState([0.0], memory=[0.5])
    LSTMState(hidden=[0.0], memory=[0.5])
    """

    hidden: Vector
    memory: Vector


class RecurrentCell(Module):
    """A function of an input and a state, applied step by step.

    Attributes:
        n_inputs: the number of numbers in an input.
        n_hidden: the number of numbers in the hidden state.

    >>> class Decay(RecurrentCell):
    ...     n_inputs = n_hidden = 1
    ...     def __call__(self, inputs, state=None):
    ...         return [0.5 * (self.initial_state() if state is None else state)[0] + inputs[0]]
    >>> outputs, last = Decay().run([[1.0], [0.0]])
    >>> [h.data for h in Decay().output(last)]
    [0.5]
    """

    n_inputs: int
    n_hidden: int
    _shows_parts = False

    def __call__(self, inputs: Iterable[Any], state: Any = None) -> Any:
        """The state after one more input; without a state, after the first input."""
        raise NotImplementedError

    def initial_state(self) -> Any:
        """The state before the first input: zeros."""
        return (Constant(0.0),) * self.n_hidden

    def output(self, state: Any) -> Vector:
        """What a state shows to the outside: h."""
        return state  # type: ignore[no-any-return]

    def run(self, sequence: Iterable[Iterable[Any]], state: Any = None) -> tuple[list[Vector], Any]:
        """Run the cell over a sequence.

        Args:
            sequence: the inputs, one for each step; it may be empty.
            state: the state to start from; by default zeros.

        Returns:
            The hidden state after every step, and the last state (to go on from).

        Raises:
            ValueError: an input or the state is not of the cell's size.
            TypeError: the sequence does not consist of lists of numbers.
        """
        if not hasattr(sequence, "__iter__"):
            raise TypeError(f"a sequence is a list of inputs, each a list of {self.n_inputs}, got {brief(sequence)}")
        state = self.initial_state() if state is None else state
        outputs = []
        for inputs in sequence:
            state = self(inputs, state)
            outputs.append(self.output(state))
        return outputs, state

    def details(self) -> str:
        return f"{self.n_inputs}, {self.n_hidden}"

    def _as_state(self, numbers: Any, what: str) -> tuple[Value, ...]:
        if not hasattr(numbers, "__len__"):
            raise TypeError(f"{self!r} takes a list of {self.n_hidden} numbers as {what}, got {brief(numbers)}")
        if len(numbers) != self.n_hidden:
            raise ValueError(f"{self!r} takes {self.n_hidden} numbers as {what}, got {len(numbers)}")
        return as_inputs(numbers, self.n_hidden, self)


class LSTMCell(RecurrentCell):
    """Long short-term memory: Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000 and
    without peepholes (lecture: "Special Case 2: Multiplicative networks").

    i = σ(W_i [x, h] + b_i), f = σ(W_f [x, h] + b_f), g = tanh(W_g [x, h] + b_g), o = σ(W_o [x, h] + b_o),
    c' = f ⊙ c + i ⊙ g, h' = o ⊙ tanh(c').

    These are the equations and, in this order, the gates of `torch.nn.LSTMCell`. Each gate is a `Layer` over
    the input followed by the hidden state; its one bias is the sum of PyTorch's two (`bias_ih + bias_hh`).

    Args:
        n_inputs: how many numbers an input x has.
        n_hidden: how many numbers h and c have each.
        bias, initialise, random: as for `Neuron`.
        forget_bias: the initial bias of the forget gate; 1 or so keeps the memory at first (Gers et al. 2000).

    >>> cell = LSTMCell(2, 3, random=7)
    >>> state = cell([1.0, -1.0])
    >>> state = cell([0.5, 2.0], state)
    >>> len(state.hidden), len(state.memory), len(cell.parameters())
    (3, 3, 72)
    >>> cell.output(state) == state.hidden, cell.initial_state().memory[0].data
    (True, 0.0)
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        bias: bool = True,
        initialise: Initialiser | None = None,
        forget_bias: float = 1.0,
        random: int | Random = 0,
    ) -> None:
        self.n_inputs: int = require_count(n_inputs, "n_inputs")
        self.n_hidden: int = require_count(n_hidden, "n_hidden")
        layer = partial(Layer, bias=bias, initialise=initialise, random=as_generator(random))
        gate = partial(layer, n_inputs + n_hidden, n_hidden)
        self.input_gate: Layer = gate("sigmoid")
        self.forget_gate: Layer = gate("sigmoid")
        self.candidate: Layer = gate("tanh")
        self.output_gate: Layer = gate("sigmoid")
        start = to_float(forget_bias, "forget_bias")
        for neuron in self.forget_gate.neurons if bias else ():
            neuron.weights[0].data = start

    def __call__(self, inputs: Iterable[Any], state: LSTMState | tuple[Vector, Vector] | None = None) -> LSTMState:
        if state is None:
            state = self.initial_state()
        if not isinstance(state, tuple) or len(state) != 2:
            raise TypeError(f"{self!r} takes a state of two lists, (hidden, memory), got {brief(state)}")
        hidden, memory = self._as_state(state[0], "hidden state"), self._as_state(state[1], "memory")
        values = as_inputs(inputs, self.n_inputs, self) + hidden
        i, f = _activate(self.input_gate, values), _activate(self.forget_gate, values)
        g, o = _activate(self.candidate, values), _activate(self.output_gate, values)
        new_memory = [dot((f[k], i[k]), (memory[k], g[k])) for k in range(self.n_hidden)]
        return LSTMState([o_k * tanh(c_k) for o_k, c_k in zip(o, new_memory)], new_memory)

    def initial_state(self) -> LSTMState:
        return LSTMState(super().initial_state(), super().initial_state())

    def output(self, state: LSTMState) -> Vector:
        return state.hidden


class GRUCell(RecurrentCell):
    """Gated recurrent unit: Cho et al. 2014 (lecture: "Special Case 2: Multiplicative networks").

    r = σ(W_r [x, h] + b_r), z = σ(W_z [x, h] + b_z), n = tanh(W_n x + b_n + r ⊙ (U_n h + c_n)),
    h' = (1 - z) ⊙ n + z ⊙ h.

    These are the equations of `torch.nn.GRUCell`, where the reset gate r acts after U_n (Cho et al. put it
    before: U_n (r ⊙ h)). The gates are `Layer`s over the input followed by the hidden state, each with one bias,
    the sum of PyTorch's two; the candidate n has two layers, and its biases b_n and c_n stay separate.

    Args:
        n_inputs: how many numbers an input x has.
        n_hidden: how many numbers h has.
        bias, initialise, random: as for `Neuron`.

    >>> cell = GRUCell(2, 3, random=7)
    >>> outputs, last = cell.run([[1.0, -1.0], [0.5, 2.0]])
    >>> len(outputs), outputs[-1] == last, len(cell.parameters())
    (2, True, 57)
    """

    def __init__(
        self,
        n_inputs: int,
        n_hidden: int,
        *,
        bias: bool = True,
        initialise: Initialiser | None = None,
        random: int | Random = 0,
    ) -> None:
        self.n_inputs: int = require_count(n_inputs, "n_inputs")
        self.n_hidden: int = require_count(n_hidden, "n_hidden")
        layer = partial(Layer, bias=bias, initialise=initialise, random=as_generator(random))
        self.reset_gate: Layer = layer(n_inputs + n_hidden, n_hidden, "sigmoid")
        self.update_gate: Layer = layer(n_inputs + n_hidden, n_hidden, "sigmoid")
        self.candidate_of_input: Layer = layer(n_inputs, n_hidden, "identity")
        self.candidate_of_hidden: Layer = layer(n_hidden, n_hidden, "identity")

    def __call__(self, inputs: Iterable[Any], state: Vector | None = None) -> list[Value]:
        hidden = self._as_state(self.initial_state() if state is None else state, "hidden state")
        values = as_inputs(inputs, self.n_inputs, self)
        r, z = _activate(self.reset_gate, values + hidden), _activate(self.update_gate, values + hidden)
        from_input = _activate(self.candidate_of_input, values)
        from_hidden = _activate(self.candidate_of_hidden, hidden)
        n = [tanh(a + r_k * b) for a, r_k, b in zip(from_input, r, from_hidden)]
        return [dot((1.0 - z[k], z[k]), (n[k], hidden[k])) for k in range(self.n_hidden)]


def _activate(layer: Layer, values: tuple[Value, ...]) -> list[Any]:
    """The layer's output for inputs that are Values already."""
    return [layer.activation(neuron.affine(values)) for neuron in layer.neurons]
