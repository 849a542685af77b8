"""Checks of the arguments that callers of `draw` and its relatives pass."""

from __future__ import annotations

from typing import Any

from autograd_mini.primitives import brief
from autograd_mini.value import Value


def values_of(things: Any, taker: str) -> list[Value]:
    """The Values in a nest of iterables and dicts, each once; a TypeError if it holds anything else."""
    values: dict[Value, None] = {}

    def collect(thing: Any) -> None:
        if isinstance(thing, Value):
            values[thing] = None
        elif hasattr(thing, "__iter__") and not isinstance(thing, (str, bytes)):
            for part in thing.values() if isinstance(thing, dict) else thing:
                collect(part)
        else:
            raise TypeError(
                f"{taker} takes Values, got {brief(thing)} ({type(thing).__name__}); make it a Value, or pass what "
                "was computed from Values"
            )

    collect(things)
    return list(values)


def check_options(direction: str, **limits: int) -> None:
    """Raise ValueError unless `direction` is "LR" or "TB" and all limits are integers ≥ 1."""
    if direction not in ("LR", "TB"):
        raise ValueError(f"direction must be 'LR' (left to right) or 'TB' (top to bottom), got {brief(direction)}")
    for name, limit in limits.items():
        if not isinstance(limit, int) or limit < 1:
            raise ValueError(f"{name} must be an integer ≥ 1, got {brief(limit)}")
