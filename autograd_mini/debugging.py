"""`debug()`: stop at the first nan or inf, where it is born."""

from __future__ import annotations

from math import isfinite, isnan

from autograd_mini.leaving import place
from autograd_mini.observing import Observer, user_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from autograd_mini.value import Value


def debug() -> Observer:
    """Within this context, raise at the first nan or inf that an operation produces rather than passes on.

    The message names the operation, its inputs and the line of your program: in the forward pass the line
    that is running, in the backward pass the one that recorded the operation whose local derivative is at fault
    (if it was recorded within the context too).

    Raises:
        FloatingPointError: inside the context, at that operation.

    >>> from autograd_mini import Value, debug
    >>> x = Value(0.0, label="x")
    >>> with debug():
    ...     y = 1 + x.log()
    Traceback (most recent call last):
    FloatingPointError: log(x=0.0) gave -inf, at <doctest autograd_mini.debugging.debug[2]>, line 2: y = 1 + x.log()
    """
    return _Debugger()


class _Debugger(Observer):
    def node_recorded(self, node: Value) -> None:
        node.origin = user_line()
        data = node._number
        if isfinite(data):
            return
        inputs = [parent._number for parent in node.parents]
        if any(map(isnan, inputs)) or (not isnan(data) and not all(map(isfinite, inputs))):
            return  # not born here, only passed on
        raise FloatingPointError(f"{_call(node)} gave {data}, at {_place(node)}")

    def adjoint_spread(self, node: Value, index: int, adjoint: float, contribution: float) -> None:
        if not isfinite(adjoint) or isfinite(contribution) or node.parents[index].is_constant:
            return
        local = node.local_grads[index]
        raise FloatingPointError(
            f"backward through {_call(node)} gave {contribution}: the adjoint {adjoint} times the local derivative "
            f"{local} for {_name(node, index)}; recorded at {_place(node)}"
        )

    def adjoint_summed(self, node: Value, index: int, before: float, contribution: float, total: float) -> None:
        if not (isfinite(before) and isfinite(contribution)) or isfinite(total) or node.parents[index].is_constant:
            return
        raise FloatingPointError(
            f"backward through {_call(node)} gave {total}: the adjoint of {_name(node, index)} was {before} already "
            f"and {contribution} was added to it; recorded at {_place(node)}"
        )


def _call(node: Value) -> str:
    operation = node.operation.name if node.operation else "Value"
    shown = [_name(node, index) for index in range(len(node.parents))]
    if len(shown) > 8:
        shown[6:] = [f"… {len(shown) - 6} more"]
    return f"{operation}({', '.join(shown)})"


def _name(node: Value, index: int) -> str:
    parent = node.parents[index]
    return f"{parent.label}={parent._number}" if parent.label else f"{parent._number}"


def _place(node: Value) -> str:
    if node.origin is None:
        return "a line outside debug(): build the graph inside the context to learn which"
    return place(node.origin)
