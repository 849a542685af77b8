"""Comparisons, and the number without its derivative, as rows: compiled programs record them where eager mode decides.

Users write operators and `detach()`, which return a bool and a constant unless an observer answers in their place.
"""

from __future__ import annotations

import operator

from autograd_mini.primitives.primitive import auxiliary_row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from autograd_mini.primitives.primitive import Primitive

FLAT = "0 everywhere, at jumps too"


def _comparison(name: str, symbol: str, holds: Callable[[float, float], bool]) -> Primitive:
    return auxiliary_row(
        name,
        lambda x, y: 1.0 if holds(x, y) else 0.0,
        lambda out, x, y: (0.0, 0.0),
        policy=FLAT,
        selects=True,
        symbol=symbol,
        doc=f"1 if x {symbol} y, else 0.",
    )


less: Primitive = _comparison("less", "<", operator.lt)
less_equal: Primitive = _comparison("less_equal", "<=", operator.le)
equal: Primitive = _comparison("equal", "==", operator.eq)
not_equal: Primitive = _comparison("not_equal", "!=", operator.ne)
greater: Primitive = _comparison("greater", ">", operator.gt)
greater_equal: Primitive = _comparison("greater_equal", ">=", operator.ge)

stopped: Primitive = auxiliary_row(
    "stopped",
    operator.pos,
    lambda out, x: (0.0,),
    policy="0 everywhere",
    selects=True,
    doc="The number x without its derivative, for detach().",
)
