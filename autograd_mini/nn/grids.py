"""Two-dimensional grids as flat lists: channel by channel, row by row.

The number of channel c, row r and column s has the index (c·height + r)·width + s, so that a grid can go
from a convolution into a pooling layer and on into an MLP as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

from autograd_mini.nn.layers import require_count
from autograd_mini.primitives import brief

Shape = tuple[int, int, int]
"""Channels, height, width."""
Pair = tuple[int, int]
"""Vertical, horizontal."""
Window = tuple[int | None, ...]
"""The indices of a window's cells; `None` for a cell of the padding."""


def flatten_grid(grid: Iterable[Iterable[Iterable[Any]]]) -> list[Any]:
    """The numbers of a nested grid[channel][row][column] as one flat list.

    Raises:
        ValueError: its channels or rows differ in length.
        TypeError: it is not nested three deep.

    >>> flatten_grid([[[1, 2], [3, 4]]])
    [1, 2, 3, 4]
    """
    try:
        channels = [[list(row) for row in channel] for channel in grid]
    except TypeError:
        raise TypeError(f"a grid is a list of channels, each a list of rows of numbers, got {brief(grid)}") from None
    rows = [row for channel in channels for row in channel]
    if len({len(channel) for channel in channels}) > 1 or len({len(row) for row in rows}) > 1:
        raise ValueError("a grid must have as many rows in each channel as in any other, and rows of equal length")
    return [number for row in rows for number in row]


def unflatten_grid(numbers: Sequence[Any], shape: Shape) -> list[list[list[Any]]]:
    """The nested grid[channel][row][column] of a flat list.

    Args:
        numbers: channels · height · width of them.
        shape: channels, height and width, such as the `output_shape` of a convolution.

    Raises:
        ValueError: there are more or fewer numbers than the shape has.

    >>> unflatten_grid([1, 2, 3, 4], (1, 2, 2))
    [[[1, 2], [3, 4]]]
    """
    channels, height, width = (require_count(count, "each of channels, height and width") for count in shape)
    if len(numbers) != channels * height * width:
        raise ValueError(f"a grid of shape {tuple(shape)} has {channels * height * width} numbers, got {len(numbers)}")
    rows = [list(numbers[start : start + width]) for start in range(0, len(numbers), width)]
    return [rows[start : start + height] for start in range(0, len(rows), height)]


def as_shape(channels: int, height: int, width: int, name: str = "channels") -> Shape:
    """The shape, of three counts that must be 1 or more; error messages call the first one `name`."""
    return require_count(channels, name), require_count(height, "height"), require_count(width, "width")


def as_pair(size: int | Sequence[int], name: str, at_least: int = 1) -> Pair:
    """`size`, two ints or one for both, as (vertical, horizontal); raise TypeError for anything else, and ValueError
    for an int below `at_least`."""
    pair = tuple(size) if isinstance(size, Sequence) else (size, size)
    if len(pair) != 2 or not all(isinstance(n, Integral) and not isinstance(n, bool) for n in pair):
        raise TypeError(f"{name} must be an int or two of them, (vertical, horizontal), got {brief(size)}")
    if min(pair) < at_least:
        raise ValueError(f"{name} must be {at_least} or more, got {brief(size)}")
    return int(pair[0]), int(pair[1])


def slide(height: int, width: int, window: Pair, stride: Pair, padding: Pair = (0, 0)) -> tuple[Pair, list[Window]]:
    """Slide a window over a grid of one channel.

    Returns:
        The number of windows in vertical and in horizontal direction, ⌊(size + 2·padding - window)/stride⌋ + 1, and
        for each window the indices of its cells, row by row; `None` stands for a cell of the padding.

    Raises:
        ValueError: the window is larger than the padded grid.
    """
    spans = (height + 2 * padding[0], width + 2 * padding[1])
    if window[0] > spans[0] or window[1] > spans[1]:
        raise ValueError(
            f"a window of {window[0]} × {window[1]} does not fit into a grid of {spans[0]} × {spans[1]}"
            f"{', padding included' if any(padding) else ''}"
        )
    counts = tuple((span - size) // step + 1 for span, size, step in zip(spans, window, stride))

    def cell(row: int, column: int) -> int | None:
        return row * width + column if 0 <= row < height and 0 <= column < width else None

    corners = [
        (i * stride[0] - padding[0], j * stride[1] - padding[1]) for i in range(counts[0]) for j in range(counts[1])
    ]
    windows = [
        tuple(cell(top + i, left + j) for i in range(window[0]) for j in range(window[1])) for top, left in corners
    ]
    return (counts[0], counts[1]), windows
