"""How pictures write numbers."""

from __future__ import annotations

from collections.abc import Callable

from autograd_mini.primitives import brief


def number_formatter(number_format: str) -> Callable[[float], str]:
    """The function that writes a float in a format of Python.

    Raises:
        ValueError: the format does not format floats.

    >>> number_formatter(".4g")(2.0)
    '2'
    """
    try:
        format(1.5, number_format)
    except (TypeError, ValueError):
        raise ValueError(
            f"number_format must be a format of Python for floats, such as '.4g' or '.2f', got {brief(number_format)}"
        ) from None
    return lambda number: format(number, number_format)
