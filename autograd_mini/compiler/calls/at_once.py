"""Many tiles of a batch at once, for executors: what each by itself would have given, put together."""

from __future__ import annotations

from typing import Any

from autograd_mini.compiler.calls.eager import Eager
from autograd_mini.compiler.calls.nests import as_number
from autograd_mini.compiler.calls.serving import OneByOne
from autograd_mini.compiler.ir.request import Kind


def at_once(compiled: Any, method: str, args: tuple[Any, ...], tile: int, parameters: Any = None) -> Any:
    """What a method gives for many tiles of so many examples, of which the last may have fewer, with the bits that sums
    of each tile by itself have, added in a binary tree.

    Raises:
        OneByOne: only running them one by one tells.
    """
    if method not in ("__call__", "grad", "value_and_grad", "value_and_parameter_grads"):
        raise OneByOne
    call = compiled._call(args, {}, parameters)
    if isinstance(call, Eager):
        raise OneByOne
    call.tile = tile
    if method == "value_and_parameter_grads":
        return compiled._value_and_slopes(call)[:2]
    plan, results = call.run(Kind.VALUE if method == "__call__" else Kind.GRADIENT)
    if method == "grad":
        return call.gradient(results)
    value = call.value(plan, results)
    return value if method == "__call__" else (as_number(value), call.gradient(results))
