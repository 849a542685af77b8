"""How pictures write numbers."""

from __future__ import annotations

from collections.abc import Callable

from autograd_mini.primitives import brief
from autograd_mini.value import Value


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


def local_derivatives(node: Value) -> tuple[float, ...]:
    """`node.local_grads`, completed by the one towards a plain number in second place that recording left out.

    >>> x = Value(3.0)
    >>> y = x**2
    >>> y.local_grads, local_derivatives(y)
    ((6.0, 0.0), (6.0, 9.887510598012987))
    """
    operation = node.operation
    if operation is None or operation.to_first is None or not node.parents[1].is_constant:
        return node.local_grads
    partials: tuple[float, ...] = operation.partials(node._data, *[parent._data for parent in node.parents])
    return node.local_grads[:1] + partials[1:]
