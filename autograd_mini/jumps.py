"""Operations that jump: their values a little way before the jump, or after it.

They take germs: numbers that compare by how they are approached. They return None where no jump decides.
"""

from __future__ import annotations

from functools import partial
from math import copysign, isfinite

from autograd_mini.primitives import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _floor(x: Any) -> float:
    nearest: float = TABLE["floor"].forward(x.limit)
    return nearest - 1.0 if x.limit == nearest and x < nearest else nearest


def _ceil(x: Any) -> float:
    return -_floor(-x)


def _trunc(x: Any) -> float:
    return _floor(x) if x.limit > 0.0 else _ceil(x) if x.limit < 0.0 else float(x.limit)


def _rest(name: str, x: Any, y: Any) -> Any:
    """A remainder where it jumps: where x is a multiple of y or, for `remainder`, has half of y left; else None."""
    rest, one = TABLE[name].forward(x.limit, y.limit), abs(y)
    if abs(rest) != (0.5 * one.limit if name == "remainder" else 0.0) or not (isfinite(one.limit) and one.limit):
        return None
    rest = x - y * TABLE["rint"].forward((x.limit - rest) / y.limit)
    if name == "remainder":
        return rest - one if rest > 0.5 * one else rest + one if rest < -0.5 * one else rest
    side = y.limit if name == "mod" else x.limit
    if side < 0.0:
        return rest - one if rest > 0.0 else rest
    return rest + one if rest < 0.0 < side else rest


def _with_sign(x: Any, y: Any) -> Any:
    is_negative = copysign(1.0, y.limit) < 0.0 if y.is_zero else y < 0.0
    return -abs(x) if is_negative else abs(x)


JUMPS: dict[str, Callable[..., Any]] = {
    "floor": _floor,
    "ceil": _ceil,
    "trunc": _trunc,
    "rint": lambda x: _floor(x + 0.5) if abs(x.limit - TABLE["trunc"].forward(x.limit)) == 0.5 else None,
    "frac": lambda x: x - _trunc(x),
    "floordiv": lambda x, y: _floor(x / y) if y.limit and not TABLE["mod"].forward(x.limit, y.limit) else None,
    "mod": partial(_rest, "mod"),
    "fmod": partial(_rest, "fmod"),
    "remainder": partial(_rest, "remainder"),
    "copysign": _with_sign,
}
"""These functions by the names of the operations."""
