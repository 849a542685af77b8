"""Corners, where axes do not tell: the median of three equal numbers stays what it is when one of them changes alone,
yet all around it has the slope 1 with respect to one of them and 0 with respect to the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

AROUND = 16
"""How many points all around are looked at, at each distance."""
NEAR, NEARER, NEAREST = 2.0**-12, 2.0**-22, 2.0**-34
"""How far off, against the numbers themselves; where slopes do not stay apart that close, it is no corner."""
STEP = 2.0**-6
"""That of the differences, against the distance."""
APART = 2.0**-10
"""How much slopes must differ to be told apart, against the largest of them."""


def slopes_around(
    f: Callable[[Sequence[float]], Sequence[float]], point: Sequence[float], result: int, place: int
) -> tuple[float, float] | None:
    """The least and the largest derivative of a result with respect to one number, of those all around the point.

    None where they come together the closer one looks: there is one gradient, or one that differences cannot tell.

    >>> slopes_around(lambda v: [sorted(v)[1]], [1.0, 1.0, 1.0], 0, 2)
    (0.0, 1.0)
    >>> slopes_around(lambda v: [v[0] * v[1]], [1.0, 1.0], 0, 0)
    """
    if len(point) < 2:
        return None
    falling = [1.0 / (1.0 + 0.618 * each) for each in range(len(point))]
    random = Random(0)
    ways = [falling, [-each for each in falling]]
    ways += [[random.uniform(-1.0, 1.0) for _ in point] for _ in range(AROUND - len(ways))]
    sizes = [abs(x) or 1.0 for x in point]

    def slope(way: Sequence[float], distance: float) -> float:
        right, left = ([x + distance * each * size for x, each, size in zip(point, way, sizes)] for _ in range(2))
        right[place] += STEP * distance * sizes[place]
        left[place] -= STEP * distance * sizes[place]
        return (f(right)[result] - f(left)[result]) / (right[place] - left[place])

    found = []
    for distance in (NEAR, NEARER, NEAREST):
        try:
            slopes = [slope(way, distance) for way in ways]
        except (ArithmeticError, ValueError):
            return None
        low, high = min(slopes), max(slopes)
        if not high - low > APART * max(abs(low), abs(high)):
            return None
        found.append((low, high))
    (far_low, far_high), (low, high), (near_low, near_high) = found
    moved = max(abs(far_low - low), abs(far_high - high), abs(near_low - low), abs(near_high - high))
    return (low, high) if moved <= 0.05 * (high - low) else None
