"""Convolution over a 2-d grid with shared weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from random import Random
from typing import Any

from autograd_mini.nn.activations import Activation, activated, find_activation, name_of
from autograd_mini.nn.grids import Pair, Shape, as_pair, as_shape, slide
from autograd_mini.nn.initialisers import Initialiser, find_initialiser
from autograd_mini.nn.layers import Neuron, as_generator, as_inputs, require_count
from autograd_mini.nn.module import Module
from autograd_mini.value import Constant, Value

_PADDING = Constant(0.0)


class Conv2d(Module):
    """z_j = b + Σᵢ wᵢ xᵢ over the window of output j, the same weights for all windows; y = f(z) (LeCun et al.
    1989; lecture: "Subgradients and the Max", which places max over subsets in convolutional networks).

    As usual in networks the kernel is not flipped. A filter is a neuron that looks at one window of all
    input channels; its weights are the bias, then channel by channel and row by row the kernel. Each output
    is one `dot`. Inputs and outputs are flat lists as the module `grids` lays them out, with `flatten_grid`
    and `unflatten_grid` to convert.

    Args:
        height, width: the size of the grid.
        kernel: rows and columns of a window, or one number for both.
        in_channels: how many grids come in.
        out_channels: how many filters there are, each of which gives one grid.
        activation: name or function, as for `Layer`.
        stride: how far apart windows are, down and across, or one number for both.
        padding: rows and columns of zeros around the grid on each side, or one number for both.
        bias, initialise, random: as for `Neuron`.

    Raises:
        ValueError: the kernel is larger than the padded grid.

    >>> edges = Conv2d(2, 3, kernel=(1, 2), activation="identity", bias=False)
    >>> for weight, number in zip(edges.filters[0].weights, (-1.0, 1.0)):
    ...     weight.data = number
    >>> [y.data for y in edges([0.0, 0.0, 9.0, 0.0, 9.0, 9.0])], edges.output_shape
    ([0.0, 9.0, 9.0, 0.0], (1, 2, 2))
    """

    _shows_parts = False

    def __init__(
        self,
        height: int,
        width: int,
        kernel: int | Sequence[int],
        in_channels: int = 1,
        out_channels: int = 1,
        activation: str | Activation = "relu",
        *,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        bias: bool = True,
        initialise: Initialiser | None = None,
        random: int | Random = 0,
    ) -> None:
        self.input_shape: Shape = as_shape(in_channels, height, width, "in_channels")
        require_count(out_channels, "out_channels")
        self.kernel: Pair = as_pair(kernel, "kernel")
        self.stride: Pair = as_pair(stride, "stride")
        self.padding: Pair = as_pair(padding, "padding", at_least=0)
        self.activation: Activation = find_activation(activation)
        counts, windows = slide(height, width, self.kernel, self.stride, self.padding)
        self.output_shape: Shape = (out_channels, *counts)
        area, channels = height * width, range(in_channels)
        self.n_inputs: int = in_channels * area
        self._windows = [
            [self.n_inputs if cell is None else channel * area + cell for channel in channels for cell in window]
            for window in windows
        ]
        cells, generator = self.kernel[0] * self.kernel[1], as_generator(random)
        initialise = find_initialiser(initialise, name_of(self.activation))
        neuron = partial(Neuron, in_channels * cells, "identity", bias=bias, initialise=initialise, random=generator)
        self.filters: list[Neuron] = [neuron(_n_outputs=out_channels * cells) for _ in range(out_channels)]

    def __call__(self, inputs: Iterable[Any]) -> list[Value]:
        return activated(self.activation, self.affine(inputs))

    def affine(self, inputs: Iterable[Any]) -> list[Any]:
        """The outputs before the activation, z.

        >>> [z.data for z in Conv2d(3, 3, 2).affine([0.0] * 9)]
        [0.0, 0.0, 0.0, 0.0]
        """
        values = (*as_inputs(inputs, self.n_inputs, self), _PADDING)
        seen = [tuple(values[index] for index in window) for window in self._windows]
        return [neuron.affine(window) for neuron in self.filters for window in seen]

    def details(self) -> str:
        (in_channels, height, width), out_channels = self.input_shape, self.output_shape[0]
        return (
            f"{height}, {width}, kernel={self.kernel}, in_channels={in_channels}, out_channels={out_channels}, "
            f"activation={name_of(self.activation)!r}, stride={self.stride}, padding={self.padding}"
        )
