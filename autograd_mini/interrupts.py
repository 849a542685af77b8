"""Protection from Ctrl-C: endings that run in any case, and writes that happen together or not at all.

Python may raise KeyboardInterrupt between any two lines, those of `finally` and `__exit__` included, but never while
a function written in C runs. A second interrupt, while the first is being handled, is not provided for.
"""

from __future__ import annotations

import gc
from collections import deque
from itertools import repeat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    Result = TypeVar("Result")


def ensure(ending: Callable[[], object], work: Callable[[], Result]) -> Result:
    """Return what `work` returns, and run `ending` after it in any case.

    `ending` runs twice, so that an interrupt within it does no harm: its second run must change nothing.

    >>> ensure(lambda: print("ended"), lambda: 1 + 1)
    ended
    ended
    2
    """
    try:
        try:
            return work()
        finally:
            ending()
    finally:
        ending()


def write(objects: Sequence[object], names: str | Sequence[str], values: Sequence[Any]) -> None:
    """Set an attribute of each object to its value: of all objects or, if an interrupt comes, of none.

    Args:
        names: the attribute's name, or one for each object. Setting it must run no Python code, as a property would.

    >>> from autograd_mini import Value
    >>> xs = [Value(1.0), Value(2.0)]
    >>> write(xs, "label", ["a", "b"])
    >>> xs
    [Value(data=1.0, grad=0.0, label='a'), Value(data=2.0, grad=0.0, label='b')]
    """
    each = repeat(names) if isinstance(names, str) else names
    deque(map(setattr, list(objects), each, list(values)), maxlen=0)


def without_collector(work: Callable[[], Result]) -> Result:
    """Return what `work` does, with Python's cyclic garbage collector suspended: on a large graph it would take longer
    than all the rest. What was made meanwhile counts as old, so that it is not looked through right after."""
    if not gc.isenabled():
        return work()

    def suspended() -> Result:
        gc.disable()
        result = work()
        if not gc.get_freeze_count():
            ensure(gc.unfreeze, gc.freeze)
        return result

    return ensure(gc.enable, suspended)
