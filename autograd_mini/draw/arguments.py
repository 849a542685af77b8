"""What callers hand in, checked."""

from __future__ import annotations

from collections.abc import Iterable

from autograd_mini.primitives import brief
from autograd_mini.value import Value

DIRECTIONS = ("LR", "TB")


def values_of(things: Iterable[Value | Iterable[Value]], taker: str) -> list[Value]:
    """The Values among `things` and in the iterables among them, each once; a TypeError if there is something else."""
    if isinstance(things, Value) or not hasattr(things, "__iter__"):
        things = [things]  # type: ignore[list-item]
    values: dict[Value, None] = {}
    for thing in things:
        items = [thing] if isinstance(thing, Value) or not hasattr(thing, "__iter__") else thing
        for item in items:
            if not isinstance(item, Value):
                raise TypeError(
                    f"{taker} takes Values, got {brief(item)} ({type(item).__name__}); make it a Value, or pass what "
                    "was computed from Values"
                )
            values[item] = None
    return list(values)


def results_of(things: Iterable[Value | Iterable[Value]], taker: str) -> list[Value]:
    """The same for what is to be drawn, of which there must be something."""
    results = values_of(things, taker)
    if not results:
        raise ValueError(f"{taker} needs at least one Value, got none")
    return results


def check_options(direction: str, **limits: int) -> None:
    """Raise ValueError for an option that has no such setting."""
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be 'LR' (left to right) or 'TB' (top to bottom), got {brief(direction)}")
    for name, limit in limits.items():
        if not isinstance(limit, int) or limit < 1:
            raise ValueError(f"{name} must be an integer ≥ 1, got {brief(limit)}")
