"""A compiled function, and what can be asked of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_mini.compiler.calls.captured import data_read
from autograd_mini.compiler.calls.eager import Eager, holds_values
from autograd_mini.compiler.calls.nests import as_number
from autograd_mini.compiler.calls.serving import Ran
from autograd_mini.compiler.differentiable import Differentiable
from autograd_mini.compiler.ir.program import Floats, Program
from autograd_mini.compiler.ir.request import Kind
from autograd_mini.derivatives import value_and_grad
from autograd_mini.observing import Differentiation, differentiations
from autograd_mini.value import Value

if TYPE_CHECKING:
    from autograd_mini.executors import Tiled


class Compiled(Differentiable):
    """A function compiled by `compile`; call it with numbers and arrays.

    It may be called from several threads at once, and pickled if the function itself can be. Called with Values, or
    while a derivative is being taken or another function compiled, it is the function it was made from, applied to
    each example of the batch, and so are its derivatives.

    Attributes:
        function: the scalar Python function itself.

    >>> from autograd_mini import Value, compile
    >>> w = Value(3.0, label="w")
    >>> f = compile(lambda x: w * x**2 if x > 0 else 0.0 * x)
    >>> f(2.0), f.value_and_grad(2.0), f.branches
    (12.0, (12.0, 12.0), True)
    >>> f.backward(2.0), w.grad, f.parameters
    (12.0, 4.0, [Value(data=3.0, grad=4.0, label='w')])
    >>> f.value_and_parameter_grads(2.0)
    (12.0, array([4.]))
    """

    def __call__(self, *args: Any, parameters: Floats | None = None, **keywords: Any) -> Any:
        """The result of the function; over a batch, arrays with the batch axis first in place of its numbers and of
        its lists of numbers.

        >>> from autograd_mini import compile
        >>> compile(lambda x: [x[0], x[1], x[0] * x[1]], batch=True)([[1.0, 2.0], [3.0, 4.0]])
        array([[ 1.,  2.,  2.],
               [ 3.,  4., 12.]])

        Args:
            parameters: numbers to use in place of those of the Values in `parameters`, in their order.
        """
        short = self._short_value
        if short is not None and parameters is None and not keywords and not differentiations:
            found = short(args)
            if found is not None:
                self._latest = self._values
                return found
        given = None if parameters is None or keywords else self._by_way("value", (*args, parameters))
        if given is not None:
            return given
        call = self._call(args, keywords, parameters)
        if isinstance(call, Eager):
            return call.result()
        plan, results = call.run(Kind.VALUE)
        self._ran(call)
        if call.parameters is None and not call.roles.by_name:
            self._short_value, self._values = call.short(plan), call.ran
        else:
            self._open("value", call)
        return call.value(plan, results)

    def value_and_grad(self, *args: Any, **keywords: Any) -> tuple[Any, Any]:
        """The value, and the gradient with respect to the arguments, in their structure.

        Raises:
            TypeError: the result is not one number.
        """
        short = self._short
        if short is not None and not keywords and not differentiations:
            found = short(args)
            if found is not None:
                self._latest = self._gradients
                return found  # type: ignore[no-any-return]
        call = self._call(args, keywords)
        if isinstance(call, Eager):
            both: tuple[Any, Any] = call.derivative(value_and_grad)
            return both
        plan, results = call.run(Kind.GRADIENT)
        self._ran(call)
        if not call.roles.by_name:
            self._short, self._gradients = call.short(plan), call.ran
        return as_number(call.value(plan, results)), call.gradient(results)

    def grad(self, *args: Any, **keywords: Any) -> Any:
        """The gradient with respect to the arguments, in their structure; over a batch that is not reduced, arrays with
        the batch axis first in place of its numbers.

        >>> from autograd_mini import compile
        >>> compile(lambda x, y: x * y, batch="x").grad([1.0, 2.0], 5.0)
        (array([5., 5.]), array([1., 2.]))
        """
        return self.value_and_grad(*args, **keywords)[1]

    def on(self, executor: Any, tile: int | None = None, retries: int = 2, *, mixed: str = "warn") -> Tiled:
        """The same function, with its batches computed in tiles on an executor: threads, processes, a cluster.

        Tiles depend on the function and `tile` alone, and their sums are added in a fixed binary tree, in order: so the
        results have the same bits on any number of workers of one kind. Other results are put together in order.
        Numbers that the function reads, and those of its Values, are those at the time of the call; derivatives with
        respect to Values come back to these.

        Arguments that carry the batch may be arrays, arrays of Dask, `Draws`, or iterators of chunks, which may be
        larger than memory: an iterator of tuples stands for several arguments in a row. For a stream that is not
        reduced, the result is an iterator over the results of each chunk. Chunks are copied as they come: their arrays
        may be filled anew.

        >>> from concurrent.futures import ThreadPoolExecutor
        >>> from autograd_mini import compile
        >>> loss = compile(lambda w, x: (w - x) ** 2, wrt="w", batch="x", reduce="mean")
        >>> with ThreadPoolExecutor(2) as pool:
        ...     value, slope = loss.on(pool).value_and_grad(1.0, iter([[1.0, 2.0], [3.0]]))
        >>> round(value, 9), slope
        (1.666666667, -2.0)

        Args:
            executor: anything with `submit` or `map`, as executors of concurrent.futures and clients of Dask have. It
                stays the caller's, who shuts it down. Processes that do not begin as copies of this one (spawn,
                forkserver) import the main script: its work belongs under `if __name__ == "__main__":`.
            tile: how many examples are computed at a time; None for as many as hold about 2²⁰ numbers.
            retries: how many times rows are computed again if their worker died.
            mixed: what to do if workers differ in processor, libraries or versions, and so perhaps in the last digits
                of results: "warn" or "refuse".

        Raises:
            TypeError: the executor has neither method; when called: the function cannot be pickled.
            ValueError: the function has no batch, or an option is out of its range.
            RuntimeError: when called: the same rows were lost with a worker more often than `retries` says, an executor
                of another kind broke, or workers differ and that is refused. What the function raises in a worker
                comes back with a note of its rows.
        """
        from autograd_mini.executors import Tiled

        return Tiled(self, executor, tile, retries, mixed)

    def export(
        self, path: str | os.PathLike[str], *args: Any, name: str | None = None, order: int = 2, **keywords: Any
    ) -> None:
        """Write the function in C99, with a header beside it: value, gradient, Jacobian and Hessian, sparse where they
        are, by the interface of CasADi's external functions.

        What is written is the path that the function takes for an example: the arguments given here, or else those of
        the last call. On other paths the functions in C return 1, and their results are nan. At ties and kinks, first
        derivatives are those of compiled functions; second ones, and those of functions with parameters or a `scan`,
        return 2 and nan there. The Values that the function uses without being given them are constants. Each array
        among the arguments is an argument in C, in C's order, and so are all plain numbers of an argument together;
        the result is one array. Nothing is allocated; the functions may run in several threads at once.

        In CasADi, after `cc -shared -fPIC -O2 -std=c99 f.c -o f.so -lm`, `casadi.external("f", "./f.so")` loads it.

        Args:
            path: the path of the file in C; the header is written beside it.
            args: an example, of the layout that the file is for.
            name: the name of the function in C; by default that of the file.
            order: the order of the highest derivatives, 0 to 2.

        Raises:
            OSError: the files cannot be written; neither is.
            TypeError: `order` is not such a number, or the example holds Values.
            ValueError: there is no example, the function has a batch, its name is not one in C, or there is no C for an
                operation.

        >>> import os, tempfile
        >>> from autograd_mini import compile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     compile(lambda x: x[0] * x[1]).export(os.path.join(folder, "product.c"), [2.0, 3.0])
        ...     sorted(os.listdir(folder))
        ['product.c', 'product.h']
        """
        from autograd_mini.compiler.export.writing import write

        if type(order) is not int or order not in (0, 1, 2):
            raise TypeError(f"order must be that of the highest derivatives, 0, 1 or 2, got {order!r}")
        if args or keywords:
            call = self._plain_call("export", args, keywords)
            call.run(Kind.VALUE)
            self._ran(call)
        plan = self._latest_run().parts[0].plan
        if self._options.batch is not False or plan.has_batch:
            raise ValueError(f"export writes {self._name} for one example; compile it without batch=… for that")
        chosen, _ = self._roles_of(len(plan.ranges) - len(plan.by_name), *plan.by_name).wrt
        wrt = tuple([slot for position in chosen for slot in plan.ranges[position]])
        write(path, Path(path).stem if name is None else name, plan, wrt, order)

    @property
    def parameters(self) -> list[Value]:
        """The Values that the function uses without being given them, always in the same order; known after the first
        call."""
        return list(self._latest_run().parameters)

    @property
    def program(self) -> Program:
        """What the last call ran, to be printed or drawn; if a batch took several paths, that of most examples.

        Where scalars ran one by one, it is their vector formulation, and says so.

        >>> from autograd_mini import compile
        >>> f = compile(lambda x: x[0] * x[1], batch=True)
        >>> f([[2.0, 5.0], [3.0, 4.0]])
        array([10., 12.])
        >>> print(f.program)
        value = x[0] ∘ x[1]    1 × N
        vector formulation of the value: 4 packs, 0 matrix products, 1 line
        """
        return self._latest_run().program

    @property
    def branches(self) -> bool:
        """Whether the last call took branches that depend on numbers."""
        return any(part.plan.trace.guards for part in self._latest_run().parts)

    def _data_read(self) -> dict[tuple[str, str], Any]:
        return data_read(self.function)

    @staticmethod
    def _is_inside(args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
        """Whether a call takes part in what is being differentiated or compiled."""
        if differentiations and Differentiation.here():
            return True
        return any(map(holds_values, (*args, *keywords.values())))

    def _latest_run(self) -> Ran:
        if self._latest is None:
            raise ValueError(
                f"{self._name} has not been called yet, and its program depends on its arguments; call it first"
            )
        return self._latest

    def __reduce__(self) -> Any:
        module, name = sys.modules.get(self.__module__), getattr(self, "__qualname__", "")
        if getattr(module, name, None) is self:
            return name
        return Compiled, (self.function, self._options)

    def __repr__(self) -> str:
        return f"<compiled {self._name}>"
