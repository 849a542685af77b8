"""Compiled functions as functions of PyTorch tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial, reduce, wraps
from typing import Any

import torch

from autograd_mini.neighbours.sweeps import Sweeps, as_compiled, leaves, rebuilt


def to_torch(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function usable in PyTorch: it takes tensors, and PyTorch can differentiate it, also twice.

    It runs in double precision on the CPU; results and gradients have the precision and the device of the tensors.
    Values that the function uses but does not take as arguments are constants.

    Args:
        function: a function for `compile`, or a compiled one, which may take a batch. Tensors of floats are
            differentiated; other arguments are passed on unchanged.

    Returns:
        A function whose results have a tensor for each array, list of numbers and number.

    Raises:
        TypeError: `function` is not a function; when called: no argument is a tensor of floats, or `compile` refuses
            the function.
        RuntimeError: on the way back: what the function reads from outside has changed since it was called.

    >>> from autograd_mini import tanh
    >>> import torch
    >>> w = torch.tensor([0.5, -1.0], dtype=torch.float64, requires_grad=True)
    >>> y = to_torch(lambda w: tanh(w[0]) * w[1])(w)
    >>> y.backward()
    >>> w.grad
    tensor([-0.7864,  0.4621], dtype=torch.float64)
    """
    compiled = as_compiled(function, "to_torch")
    sweeps = cache(partial(Sweeps, compiled))

    @wraps(function)
    def of_tensors(*args: Any) -> Any:
        places = tuple([at for at, arg in enumerate(args) if isinstance(arg, torch.Tensor) and arg.is_floating_point()])
        if not places:
            raise TypeError("a function of to_torch takes at least one tensor of floats, got none")
        others = {
            place: arg.clone().numpy(force=True) if isinstance(arg, torch.Tensor) else arg  # for the way back, too
            for place, arg in enumerate(args)
            if place not in places
        }
        call = _Call(sweeps(len(args), places), others)
        tensors = _Value.apply(call, *(args[place] for place in places))  # type: ignore[no-untyped-call, unused-ignore]
        return rebuilt(call.result, iter(tensors))

    return of_tensors


@dataclass(eq=False)
class _Call:
    """The parts of one call that are not tensors: its sweeps, its other arguments, its result, and what refuses to go
    backward after a change outside."""

    sweeps: Sweeps
    others: dict[int, Any]
    result: Any = None
    require_same: Any = None


def _arrays(tensors: Any) -> list[Any]:
    return [tensor.double().numpy(force=True) for tensor in tensors]  # NumPy has no bfloat16


def _like(arrays: Any, tensors: Any) -> tuple[Any, ...]:
    pairs = zip(arrays, tensors)
    return tuple(
        [torch.as_tensor(array, dtype=each.dtype, device=each.device).reshape(each.shape) for array, each in pairs]
    )


class _Value(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
    @staticmethod
    def forward(call: _Call, *tensors: Any) -> Any:
        call.result = call.sweeps.value(_arrays(tensors), call.others)
        _, call.require_same = call.sweeps.watch()
        dtype = reduce(torch.promote_types, [tensor.dtype for tensor in tensors])
        return tuple([torch.as_tensor(leaf, dtype=dtype, device=tensors[0].device) for leaf in leaves(call.result)])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.call, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *weights: Any) -> Any:
        tensors = ctx.saved_tensors
        return None, *_Pull.apply(ctx.call, len(tensors), *tensors, *weights)  # type: ignore[no-untyped-call, unused-ignore]


class _Pull(torch.autograd.Function):  # type: ignore[misc, unused-ignore]
    @staticmethod
    def forward(call: _Call, count: int, *tensors: Any) -> Any:
        call.require_same()
        arrays = _arrays(tensors)
        return _like(call.sweeps.pull(arrays[:count], call.others, arrays[count:]), tensors[:count])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.call, ctx.count, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]
    def backward(ctx: Any, *directions: Any) -> Any:
        ctx.call.require_same()
        tensors = ctx.saved_tensors
        arrays = _arrays(tensors)
        slopes, towards_weights = ctx.call.sweeps.pull_again(
            arrays[: ctx.count], ctx.call.others, arrays[ctx.count :], _arrays(directions)
        )
        return None, None, *_like([*slopes, *towards_weights], tensors)
