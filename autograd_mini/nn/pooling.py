"""Maxima: maxout units, and the max over subsets of a layer such as pooling windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from numbers import Integral
from random import Random
from typing import Any

from autograd_mini import functions
from autograd_mini.nn.activations import VectorActivation
from autograd_mini.nn.grids import Pair, Shape, as_pair, as_shape, slide
from autograd_mini.nn.initialisers import Initialiser
from autograd_mini.nn.layers import Neuron, as_generator, as_inputs, require_count
from autograd_mini.nn.module import Module
from autograd_mini.primitives import brief
from autograd_mini.value import Value


class OverSubsets(Module, VectorActivation):
    """y_j = a function of all z_l with l ∈ δ_j, for subsets δ_1 … δ_M of the inputs."""

    _of_subset: Any
    _subset = "subset"  # what messages call one

    def __init__(self, n_inputs: int, subsets: Iterable[Iterable[int]]) -> None:
        self.n_inputs: int = require_count(n_inputs, "n_inputs")
        self.subsets: tuple[tuple[int, ...], ...] = require_subsets(subsets, self.n_inputs, self._subset)

    def __call__(self, zs: Iterable[Any]) -> list[Value]:
        values = as_inputs(zs, self.n_inputs, self)
        return [self._of_subset([values[index] for index in subset]) for subset in self.subsets]

    def details(self) -> str:
        return f"{self.n_inputs}, {brief([list(subset) for subset in self.subsets])}"


class MaxOver(OverSubsets):
    """y_j = max over l ∈ δ_j of z_l: each output the largest of a subset of the inputs (lecture: "Subgradients
    and the Max"). ∂y_j/∂z_i is 1 for the first i where the maximum is reached, 0 otherwise.

    It serves as a layer of its own and as the activation of a `Layer`.

    Args:
        n_inputs: the number of inputs.
        subsets: δ_1 … δ_M, each the indices of some inputs, from 0; they may overlap and leave inputs out.

    Raises:
        ValueError: there is no subset, or one is empty.
        IndexError: a subset names an input that is not there.

    >>> pool = MaxOver(4, [[0, 1], [1, 2, 3]])
    >>> [y.data for y in pool([5.0, 1.0, 2.0, 3.0])]
    [5.0, 3.0]
    """

    _of_subset = staticmethod(functions.max)


class MaxPool2d(MaxOver):
    """The maximum of each window that slides over a 2-d grid, channel by channel (lecture: "Subgradients and
    the Max": y_j = max over l ∈ δ_j of z_l, "will be seen in convolutional networks").

    Inputs and outputs are flat lists, as the module `grids` lays them out. Windows that would reach over
    the edge are left out. Within a window ties go to the first cell in reading order.

    Args:
        height, width: the size of the grid.
        window: rows and columns of a window, or one number for both.
        stride: how far apart windows are, down and across, or one number for both; by default the window's size.
        channels: how many grids there are, one after the other.

    Raises:
        ValueError: a window is larger than the grid.

    >>> pool = MaxPool2d(2, 4, window=2)
    >>> [y.data for y in pool([1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0])], pool.output_shape
    ([4.0, 8.0], (1, 1, 2))
    """

    def __init__(
        self,
        height: int,
        width: int,
        window: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        channels: int = 1,
    ) -> None:
        self.input_shape: Shape = as_shape(channels, height, width)
        self.window: Pair = as_pair(window, "window")
        self.stride: Pair = self.window if stride is None else as_pair(stride, "stride")
        counts, windows = slide(height, width, self.window, self.stride)
        self.output_shape: Shape = (channels, *counts)
        area = height * width
        subsets = [
            [channel * area + cell for cell in window if cell is not None]
            for channel in range(channels)
            for window in windows
        ]
        super().__init__(channels * area, subsets)

    def details(self) -> str:
        channels, height, width = self.input_shape
        return f"{height}, {width}, window={self.window}, stride={self.stride}, channels={channels}"


class Maxout(Module):
    """Maxout units, each the largest of several affine maps: y_j = max over l ∈ δ_j of z_l, z = W x + b
    (Goodfellow et al. 2013; lecture: "Subgradients and the Max"). A tie goes to the first.

    Args:
        n_inputs: the number of inputs.
        n_outputs: the number of units.
        n_pieces: the number of affine maps that a unit chooses from.
        bias, initialise, random: as for `Neuron`.

    >>> maxout = Maxout(1, 1, 2, bias=False)
    >>> for neuron, slope in zip(maxout.units[0], (-1.0, 1.0)):
    ...     neuron.weights[0].data = slope
    >>> [maxout([x])[0].data for x in (-3.0, 2.0)]  # the absolute value
    [3.0, 2.0]
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        n_pieces: int = 2,
        *,
        bias: bool = True,
        initialise: Initialiser | None = None,
        random: int | Random = 0,
    ) -> None:
        self.n_inputs: int = require_count(n_inputs, "n_inputs")
        self.n_outputs: int = require_count(n_outputs, "n_outputs")
        self.n_pieces: int = require_count(n_pieces, "n_pieces")
        piece = partial(Neuron, n_inputs, "identity", bias=bias, initialise=initialise, random=as_generator(random))
        self.units: list[list[Neuron]] = [
            [piece(_n_outputs=n_outputs) for _ in range(n_pieces)] for _ in range(n_outputs)
        ]

    def __call__(self, inputs: Iterable[Any]) -> list[Value]:
        values = as_inputs(inputs, self.n_inputs, self)
        return [functions.max([piece.affine(values) for piece in unit]) for unit in self.units]

    def details(self) -> str:
        return f"{self.n_inputs}, {self.n_outputs}, {self.n_pieces}"


def require_subsets(subsets: Iterable[Iterable[int]], n_inputs: int, name: str) -> tuple[tuple[int, ...], ...]:
    """`subsets` as tuples of ints; raise the errors of `MaxOver` if one is empty or holds anything but indices from 0
    to n_inputs - 1. Messages call a subset `name`."""
    try:
        chosen = tuple(tuple(subset) for subset in subsets)
    except TypeError:
        raise TypeError(
            f"{name}s must be lists of input indices, such as [[0, 1], [2, 3]], got {brief(subsets)}"
        ) from None
    if not chosen:
        raise ValueError(f"there must be one {name} or more, got none")
    for position, subset in enumerate(chosen):
        if not subset:
            raise ValueError(f"{name} {position} is empty; each needs one input or more")
        for index in subset:
            if not isinstance(index, Integral) or isinstance(index, bool):
                raise TypeError(f"{name} {position} must hold indices (ints), got {brief(index)}")
            if not 0 <= index < n_inputs:
                raise IndexError(f"{name} {position} names input {index}, but inputs go from 0 to {n_inputs - 1}")
    return tuple(tuple(int(index) for index in subset) for subset in chosen)
