"""How uncertain rounding makes a result: its graph evaluated again with every operation off by one rounding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import frexp, inf, isfinite, sqrt
from random import Random
from struct import pack, unpack
from sys import float_info
from typing import Any

from autograd_mini.graph import topological_order
from autograd_mini.value import Value

REPLAYS = 7
NOTABLE = 2.0**10
"""How many roundings of its result an operation has to change by before one asks whether it jumped."""
HALVINGS = 30
HALF_A_UNIT = 2.0**-24
"""In the last place of a number in single precision, against the number."""
PROBED = 2.0**-5
DIFFERENT, COARSE = 6, 2.0**14
"""So many results of eight have to differ, and to need more bits than 14, before one concludes anything from them."""


def rounding_noise(ys: Sequence[Any]) -> list[float]:
    """For each result, by how much it changes when every operation is randomly rounded up or down: the median of
    several replays of the recorded graph. Only forward functions are used, no derivative.

    Changes of 0, where the roundings happen to cancel, are left out. An operation that a rounding would carry across
    a jump, as `floor`, stays on its side: what happens beyond is no noise. A number that is no Value has no noise.

    Source: D. S. Parker, "Monte Carlo Arithmetic", UCLA Computer Science Department CSD-970002 (1997).

    >>> x = Value(1.0)
    >>> noise, = rounding_noise([(x + 1e16) - 1e16])
    >>> noise >= 1.0
    True
    >>> noise, = rounding_noise([x / 0.01 * 0.01 // 1.0])  # 0 or 1, as it is rounded
    >>> noise < 1e-15
    True
    """
    values = [y for y in ys if isinstance(y, Value)]
    order = topological_order(*values)
    random = Random(0)
    changes: dict[Value, list[float]] = {y: [] for y in values}
    for _ in range(REPLAYS):
        results = _replay(order, random)
        for y, found in changes.items():
            change = abs(results[y] - y.data)
            if 0.0 < change < inf:
                found.append(change)
    middle = {y: sorted(found)[len(found) // 2] if found else 0.0 for y, found in changes.items()}
    return [middle[y] if isinstance(y, Value) else 0.0 for y in ys]


def single_precision_noise(f: Callable[[float], float], x: float) -> float:
    """How uncertain rounding makes f near x if it computes in single precision: all its results there are such
    numbers. Else 0.

    >>> from struct import pack, unpack
    >>> single_precision_noise(lambda x: unpack("f", pack("f", x * x))[0], 1.0) > 2.0**-25
    True
    >>> single_precision_noise(lambda x: x * x, 1.0)
    0.0
    """
    distance = PROBED * (abs(x) or 1.0)
    results = [f(x + distance * sqrt(prime) * side) for prime in (2.0, 3.0, 5.0, 7.0) for side in (-1.0, 1.0)]
    results = [y for y in results if isfinite(y)]
    with_digits = {y for y in results if not (frexp(y)[0] * COARSE).is_integer()}  # no whole numbers, as of floor
    if len(with_digits) < DIFFERENT or not all(map(_is_single, results)):
        return 0.0
    lowest, highest = min(results), max(results)
    slope = (highest - lowest) / distance  # the argument, too, was rounded
    return HALF_A_UNIT * (max(-lowest, highest) + slope * abs(x))


def _is_single(y: float) -> bool:
    try:
        return unpack("f", pack("f", y))[0] == y  # type: ignore[no-any-return]
    except OverflowError:
        return False


def _replay(order: Sequence[Value], random: Random) -> dict[Value, float]:
    results: dict[Value, float] = {}
    for node in order:
        if node.operation is None:
            results[node] = node.data
            continue
        args = [results[parent] for parent in node.parents]
        out = node.operation.forward(*args)
        if _jumps(node.operation.forward, [parent.data for parent in node.parents], args, node.data, out):
            out = node.data
        # Not all by the same amount: equal errors would cancel.
        results[node] = out * (1.0 + random.choice((-1.0, 1.0)) * random.uniform(0.5, 1.0) * float_info.epsilon)
    return results


def _jumps(f: Callable[..., float], near: Sequence[float], far: Sequence[float], before: float, after: float) -> bool:
    """Whether f, which is `before` at `near` and `after` at `far`, jumps on the way.

    Then it changes by as much further off, and all at once.
    """
    change = abs(after - before)
    if not NOTABLE * float_info.epsilon * abs(before) < change < inf:
        return False
    for distance in (4.0, 16.0):
        beyond = f(*[a + distance * (b - a) for a, b in zip(near, far)])
        if not abs(beyond - after) < 0.1 * change:
            return False
    for _ in range(HALVINGS):
        middle = [(a + b) / 2.0 for a, b in zip(near, far)]
        between = f(*middle)
        if abs(between - before) > abs(after - between):
            far, after = middle, between
        else:
            near, before = middle, between
    return abs(after - before) > 0.9 * change
