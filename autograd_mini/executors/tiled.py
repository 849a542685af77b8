"""A compiled function on an executor."""

from __future__ import annotations

import uuid
import warnings
from dataclasses import replace
from functools import partialmethod
from typing import TYPE_CHECKING, Any

import numpy

from autograd_mini.executors.calling import Call
from autograd_mini.executors.keeping import SLOPES, SPARSITY, Parcel
from autograd_mini.executors.pools import Pool
from autograd_mini.executors.sending import Packed
from autograd_mini.executors.working import Done
from autograd_mini.observing import differentiations
from autograd_mini.primitives import brief

if TYPE_CHECKING:
    from autograd_mini.value import Value


PLAIN: set[type] = {bool, float, int, str, type(None)}


def _layout(arg: Any) -> Any:
    """What a call needs to know of an argument besides its numbers: its shape or type; None for a nest."""
    kind = type(arg)
    if kind is numpy.ndarray and not arg.dtype.hasobject:
        return arg.shape
    return kind if kind in PLAIN else None


class Tiled:
    """A compiled function whose batches are computed in tiles, on an executor; `Compiled.on` makes one.

    It and its methods take what the function and its methods take, and return the same. Its `parameters` are all the
    Values that the function holds; derivatives with respect to those that it does not use are 0.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from autograd_mini import Value, compile
    >>> w = Value(2.0, label="w")
    >>> loss = compile(lambda x: (w * x) ** 2, batch=True, reduce="sum")
    >>> with ThreadPoolExecutor(2) as pool:
    ...     tiled = loss.on(pool, tile=2)
    ...     tiled([1.0, 2.0, 3.0]), tiled.backward([1.0, 2.0, 3.0]), w.grad, tiled.parameters
    (56.0, 56.0, 56.0, [Value(data=2.0, grad=56.0, label='w')])
    """

    def __init__(self, compiled: Any, executor: Any, tile: int | None, retries: int, mixed: str) -> None:
        for name, number, least in (("tile", 1 if tile is None else tile, 1), ("retries", retries, 0)):
            if isinstance(number, bool) or not isinstance(number, int) or number < least:
                raise ValueError(f"{name} takes a whole number of {least} or more, got {brief(number)}")
        if mixed not in ("warn", "refuse"):
            raise ValueError(f"mixed must be 'warn' or 'refuse', got {brief(mixed)}")
        options = compiled._options
        if options.batch is False:
            raise ValueError(
                f"{compiled._name} has no batch to be cut into tiles; name the arguments that carry one in batch=…"
            )
        # A worker has one thread; and a mean is computed as a sum, which is divided when all of it is there.
        target = replace(options.target, threads=options.target.threads or 1)
        self.compiled: Any = compiled
        self.options: Any = replace(options, reduce="sum" if options.reduce else None, target=target)
        self.pool: Pool = Pool(executor)
        self.tile: int | None = tile
        self.retries: int = retries
        self.mixed = mixed
        self.token: str = uuid.uuid4().hex
        self.content: tuple[Any, ...] = compiled, self.options, {}
        self.held: dict[str, Any] = {}
        self._known: dict[str, tuple[list[Any], Call]] = {}  # the last call of each method, without its arguments
        self._parcel: Parcel | TypeError | None = None
        self._state: int | None = None
        self._is_held = False
        self._hosts: dict[str, dict[str, str]] = {}

    def _run(self, method: str, /, *args: Any, parameters: Any = None, **keywords: Any) -> Any:
        parameters, keywords = self.compiled._told_apart("parameters", parameters, args, keywords)
        is_plain = self.pool.is_here and not keywords and not differentiations
        layout = [*map(_layout, args)] if is_plain else [None]
        known, call = self._known.get(method, ((), None))
        if call is not None and known == layout:
            return call.again(args).result(parameters)
        if self.compiled._is_inside(args, keywords):  # the call is part of what is being differentiated
            return getattr(self.compiled, method)(*args, **keywords)
        call = Call(self, method, args, keywords)
        if None not in layout and len(args) == len(call.fixed):
            self._known[method] = layout, call.again([None] * len(args))
        return call.result(parameters)

    __call__: Any = partialmethod(_run, "__call__")
    value_and_grad: Any = partialmethod(_run, "value_and_grad")
    grad: Any = partialmethod(_run, "grad")
    value_and_parameter_grads: Any = partialmethod(_run, SLOPES)
    jacobian: Any = partialmethod(_run, "jacobian")
    hessian: Any = partialmethod(_run, "hessian")
    hvp: Any = partialmethod(_run, "hvp")
    sparsity: Any = partialmethod(_run, SPARSITY)
    jvp: Any = partialmethod(_run, "jvp")
    vjp: Any = partialmethod(_run, "vjp")

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{self.compiled._name} on an executor cannot be pickled, as the executor belongs to this process; pickle "
            "the function itself"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(type(self.compiled), name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        raise AttributeError(f"{name} of {self.compiled._name} does not run on executors; use the function's own")

    def backward(self, *args: Any, **keywords: Any) -> float:
        """Add the derivative of the result to the `grad` of every parameter; returns the value."""
        value, slopes = self.value_and_parameter_grads(*args, **keywords)
        return self.compiled._accumulate(value, slopes, self.parameters)  # type: ignore[no-any-return]

    @property
    def parameters(self) -> list[Value]:
        """The Values that the function holds, in the order in which its pickle meets them."""
        return self.parcel().values

    def parcel(self) -> Parcel:
        """The function, as it is now, to be sent to a worker; made anew if anything that it reads has changed.

        Raises:
            TypeError: it cannot be pickled; in this process, which needs no pickle, that is found out once.
        """
        state = self._state if self._is_held else self.compiled._plans.captured.settled()
        if self._parcel is None or self._state != state:
            try:
                self._parcel, self._state = Parcel(self.compiled, self.options), state
            except TypeError as error:
                if not self.pool.is_here:
                    raise
                self._parcel, self._state = error, state
        if isinstance(self._parcel, TypeError):
            raise self._parcel.with_traceback(None)
        return self._parcel

    def hold(self) -> None:
        """Assume from now on that nothing that the function reads will change, except the numbers of Values."""
        self.parcel()
        self._is_held = True

    def share(self, token: str, array: Any) -> None:
        """Send an array once, however many calls take rows of it as `Taken` by this token."""
        self.held[token] = array if self.pool.is_here else Packed.of(array)

    def compare(self, done: Done, samples: dict[str, str]) -> None:
        """Warn, or refuse, if workers differ in what results depend on, at the first result of each.

        Args:
            samples: for each result on the first tile of this call, a worker that found it.
        """
        differing = ""
        if done.worker not in self._hosts:
            self._hosts[done.worker] = done.host
            worker, host = next(iter(self._hosts.items()))
            differing = ", ".join(
                f"{key} ({host[key]}; {each})" for key, each in done.host.items() if host[key] != each
            )
        if done.sample:
            samples.setdefault(done.sample, done.worker)
            if len(samples) > 1 and not differing:
                worker, differing = next(iter(samples.values())), "their results on the first rows"
        if not differing:
            return
        sentence = (
            f"the workers of {self.compiled._name} differ, so that the last digits of results depend on who computes "
            f"what: {worker} and {done.worker} in {differing}"
        )
        if self.mixed == "refuse":
            raise RuntimeError(sentence)
        warnings.warn(sentence, RuntimeWarning, stacklevel=2)
