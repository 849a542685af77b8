"""How uncertain rounding makes a result: its graph evaluated again with every operation off by one rounding."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from sys import float_info
from typing import Any

from autograd_mini.graph import topological_order
from autograd_mini.value import Value

REPLAYS = 7
JUMP = 1e9


def rounding_noise(ys: Sequence[Any]) -> list[float]:
    """For each result, by how much it changes when every operation is randomly rounded up or down: the median of
    several replays of the recorded graph. Only forward functions are used, no derivative.

    Changes of 0, where the roundings happen to cancel, are left out, and those that are no rounding any more, because
    a step function jumped. A number that is no Value has no noise.

    Source: D. S. Parker, "Monte Carlo Arithmetic", UCLA Computer Science Department CSD-970002 (1997).

    >>> x = Value(1.0)
    >>> noise, = rounding_noise([(x + 1e16) - 1e16])
    >>> noise >= 1.0
    True
    """
    values = [y for y in ys if isinstance(y, Value)]
    order = topological_order(*values)
    largest = max((abs(node.data) for node in order if abs(node.data) < float_info.max), default=0.0)
    random = Random(0)
    changes: dict[Value, list[float]] = {y: [] for y in values}
    for _ in range(REPLAYS):
        results = _replay(order, random)
        for y, found in changes.items():
            change = abs(results[y] - y.data)
            if 0.0 < change < JUMP * float_info.epsilon * largest:
                found.append(change)
    middle = {y: sorted(found)[len(found) // 2] if found else 0.0 for y, found in changes.items()}
    return [middle[y] if isinstance(y, Value) else 0.0 for y in ys]


def _replay(order: Sequence[Value], random: Random) -> dict[Value, float]:
    results: dict[Value, float] = {}
    for node in order:
        if node.operation is None:
            results[node] = node.data
            continue
        out = node.operation.forward(*[results[parent] for parent in node.parents])
        # Not all by the same amount: equal errors would cancel.
        results[node] = out * (1.0 + random.choice((-1.0, 1.0)) * random.uniform(0.5, 1.0) * float_info.epsilon)
    return results
