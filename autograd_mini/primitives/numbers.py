"""What counts as one real number, and how error messages show what does not."""

from __future__ import annotations

import sys
from math import inf, prod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def to_float(number: Any, taker: str) -> float:
    """`number` as a float64; an int too large for one becomes ±inf, as IEEE 754 rounds it. If the `taker` is Value, an
    array or tensor with one element will do.

    Raises:
        TypeError: `number` is not one real number.

    >>> to_float(True, "sin"), to_float(10**400, "sin")
    (1.0, inf)
    """
    kind = type(number)
    if kind is float:
        return number  # type: ignore[no-any-return]
    if kind is int or (is_real(kind) and not hasattr(kind, "apply_primitive")):
        try:
            return float(number)
        except OverflowError:
            return inf if number > 0 else -inf
        except (TypeError, ValueError):  # a date, a signalling nan
            pass
    advice = ""
    if hasattr(kind, "__len__") and hasattr(kind, "__array__"):
        advice = f"; apply it to each number, as numpy.vectorize({taker}, otypes=[object])(array) does"
        if taker.startswith("Value"):
            if getattr(number, "shape", None) is not None and prod(number.shape) == 1:
                return to_float(number.item(), taker)
            advice = "; for an array of Values use a list, or a NumPy array with dtype=object"
    elif kind in (list, tuple):
        advice = "; give it the numbers one by one"
    elif hasattr(kind, "apply_primitive"):
        advice = "; use it as it is, or its .data for the plain number"
    raise TypeError(f"{taker} takes a real number, got {brief(number)} ({kind.__name__}){advice}")


def is_real(kind: type) -> bool:
    """Whether an object of type `kind` is one real number: not an array, nor one of NumPy's complex scalars.

    >>> is_real(int), is_real(complex), is_real(list)
    (True, False, False)
    """
    is_complex = hasattr(kind, "dtype") and hasattr(kind, "__complex__")
    return hasattr(kind, "__float__") and not hasattr(kind, "__len__") and not is_complex


def require_plain(array: Any, what: str) -> Any:
    """`array`, if its arithmetic is NumPy's own; that of masked arrays, units or matrices would be lost.

    Raises:
        TypeError: its arithmetic is another one.

    >>> import numpy
    >>> require_plain(numpy.ones(2), "x is")
    array([1., 1.])
    """
    kind, plain = type(array), sys.modules["numpy"].ndarray
    if any(getattr(kind, name) is not getattr(plain, name) for name in ("__mul__", "__array_ufunc__")):
        raise TypeError(
            f"{what} a {kind.__name__}, whose own arithmetic would be lost; pass numpy.asarray(…) of it, or "
            ".filled(…) if it is masked"
        )
    return array


def brief(thing: Any, limit: int = 60) -> str:
    """`repr(thing)` on one line and cut to `limit` characters, for messages.

    >>> brief(list(range(100)), limit=20)
    '[0, 1, 2, 3, 4, 5, …'
    """
    text = " ".join(repr(thing).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
