"""A compiled function on an executor: its batches in tiles."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from autograd_mini.compiler.calls.call import Call
from autograd_mini.compiler.calls.captured import data_read
from autograd_mini.compiler.calls.eager import Eager, holds_values
from autograd_mini.compiler.calls.nests import as_number
from autograd_mini.compiler.calls.planning import Plans
from autograd_mini.compiler.calls.serving import OneByOne
from autograd_mini.compiler.differentiable import Differentiable
from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.request import Kind
from autograd_mini.observing import Differentiation, differentiations
from autograd_mini.value import Value

if TYPE_CHECKING:
    from autograd_mini.executors import Tiled


class InTiles(Differentiable):
    """A function of which calls can be made, for many tiles at once and on executors."""

    function: Callable[..., Any]
    _plans: Plans

    @abstractmethod
    def _call(
        self, args: tuple[Any, ...], keywords: dict[str, Any], parameters: Floats | None = None
    ) -> Call | Eager: ...

    @abstractmethod
    def _value_and_slopes(self, call: Call) -> tuple[Any, Floats, Sequence[Value]]: ...

    def on(self, executor: Any, tile: int | None = None, retries: int = 2, *, mixed: str = "warn") -> Tiled:
        """The same function, its batches computed in tiles on an executor: threads, processes, a cluster.

        Tiles depend on the function and `tile` alone and are summed in a fixed binary tree, in order: so the results
        have the same bits on any number of workers of one kind. They are put together in order. Numbers that the
        function reads, and those of its Values, are those at the time of the call; derivatives towards Values come
        back to these.

        Arguments that carry the batch may be arrays, arrays of Dask, `Draws`, or iterators of chunks, which may be
        larger than memory: one that gives tuples stands for several arguments in a row. Of a stream that is not
        reduced the result is an iterator, over the results for each chunk.

        >>> from concurrent.futures import ThreadPoolExecutor
        >>> from autograd_mini import compile
        >>> loss = compile(lambda w, x: (w - x) ** 2, wrt="w", batch="x", reduce="mean")
        >>> with ThreadPoolExecutor(2) as pool:
        ...     value, slope = loss.on(pool).value_and_grad(1.0, iter([[1.0, 2.0], [3.0]]))
        >>> round(value, 9), slope
        (1.666666667, -2.0)

        Args:
            executor: whatever has `submit` or `map`, as those of concurrent.futures and a client of Dask have. It
                stays the caller's, who shuts it down. Processes that do not begin as copies of this one (spawn,
                forkserver) import the main script: its work belongs under `if __name__ == "__main__":`.
            tile: how many examples are computed at a time; None for as many as hold about 2²⁰ numbers.
            retries: how many times rows are computed again whose worker died.
            mixed: what to do where workers differ in processor, libraries or versions, and with these perhaps in the
                last digits of results: "warn" or "refuse".

        Raises:
            TypeError: the executor has neither; when called: the function cannot be pickled.
            ValueError: the function has no batch, or an option is out of its range.
            RuntimeError: when called: the same rows were lost with a worker more often than `retries` says, or workers
                differ and that is refused. What the function raises in a worker comes back with a note of its rows.
        """
        from autograd_mini.executors import Tiled

        return Tiled(self, executor, tile, retries, mixed)

    def _of_tiles(self, method: str, args: tuple[Any, ...], tile: int, parameters: Floats | None = None) -> Any:
        """What a method gives for many tiles of so many examples, of which the last may have fewer, with the bits that
        sums of each tile by itself have, added in a binary tree.

        Raises:
            OneByOne: only running them one by one tells.
        """
        if method not in ("__call__", "grad", "value_and_grad", "value_and_parameter_grads"):
            raise OneByOne
        call = self._call(args, {}, parameters)
        if isinstance(call, Eager):
            raise OneByOne
        call.tile = tile
        if method == "value_and_parameter_grads":
            return self._value_and_slopes(call)[:2]
        plan, results = call.run(Kind.VALUE if method == "__call__" else Kind.GRADIENT)
        self._ran(call)
        if method == "grad":
            return call.gradient(results)
        value = call.value(plan, results)
        return value if method == "__call__" else (as_number(value), call.gradient(results))

    def _state_read(self) -> int:
        """The number of the state of what the function reads: another one where anything of it has changed."""
        return self._plans.captured.settled()

    def _data_read(self) -> dict[tuple[str, str], Any]:
        return data_read(self.function)

    @staticmethod
    def _is_inside(args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
        """Whether a call takes part in what is being differentiated or compiled."""
        if differentiations and Differentiation.here():
            return True
        return any(map(holds_values, (*args, *keywords.values())))
