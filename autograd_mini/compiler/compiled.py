"""`compile`: scalar Python code as a function of arrays."""

from __future__ import annotations

import inspect
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any, overload

import numpy

from autograd_mini.compiler.binding import HoldsValues, nest_of_results
from autograd_mini.compiler.calling import Call, Chosen, Options, Ran, arranged, differentiated
from autograd_mini.compiler.deriving import Plan, Wanted
from autograd_mini.compiler.direct import Short
from autograd_mini.compiler.eager import Eager
from autograd_mini.compiler.executing import Target
from autograd_mini.compiler.planning import Plans
from autograd_mini.compiler.program import Floats, Program
from autograd_mini.derivatives import hessian, jacobian, value_and_grad
from autograd_mini.observing import Differentiation, differentiations, write_numbers
from autograd_mini.primitives import brief
from autograd_mini.value import Value

PARAMETERS: Wanted = (-1,)

_accumulating = threading.Lock()
"""Held while derivatives are added to the `grad` of Values, which functions may share."""


class Compiled:
    """A function compiled by `compile`; call it with numbers and arrays.

    It may be called from several threads at once, and pickled if the function itself can be. Called with Values, or
    while a derivative is being taken or another function compiled, it is the function it was made from, applied to
    each example of the batch, and so are its derivatives.

    Attributes:
        function: the scalar Python function itself.
    """

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.function = function
        self._options = options
        self._name = getattr(function, "__name__", None) or type(function).__name__
        self._names, self._fewest = _argument_names(function)
        self._plans = Plans(function, self._name, reduces=options.reduce is not None, target=options.target)
        self._latest: Ran | None = None
        self._short: Short | None = None
        update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, parameters: Floats | None = None, **keywords: Any) -> Any:
        """The result of the function; over a batch, arrays with the batch axis first in place of its numbers.

        Args:
            parameters: numbers to use in place of those of the Values in `parameters`, in their order.
        """
        call = self._call(args, keywords, parameters)
        if isinstance(call, Eager):
            return call.result()
        plan, results = call.run("value", ())
        self._ran(call)
        return _value(call, plan, results)

    def value_and_grad(self, *args: Any, **keywords: Any) -> tuple[Any, Any]:
        """The value, and the gradient towards the arguments in their structure.

        Raises:
            TypeError: the result is not one number.
        """
        if self._short is not None and not keywords:
            found = self._short(args)
            if found is not None:
                return found
        call = self._call(args, keywords)
        if isinstance(call, Eager):
            both: tuple[Any, Any] = call.derivative(value_and_grad)
            return both
        wanted = call.wanted()
        plan, results = call.run("gradient", wanted, scalar=True)
        self._ran(call)
        self._short = call.short(plan)
        return _value(call, plan, results), call.in_structure(plan, results)

    def grad(self, *args: Any, **keywords: Any) -> Any:
        """The gradient towards the arguments, in their structure; over a batch that is not reduced, arrays with the
        batch axis first in place of its numbers.

        >>> compile(lambda x, y: x * y, batch="x").grad([1.0, 2.0], 5.0)
        (array([5., 5.]), array([1., 2.]))
        """
        return self.value_and_grad(*args, **keywords)[1]

    def value_and_parameter_grads(
        self, *args: Any, parameters: Floats | None = None, **keywords: Any
    ) -> tuple[Any, Floats]:
        """The value, and its derivative towards every Value of `parameters` as one array (over a batch that is not
        reduced, [examples, parameters]).

        Args:
            parameters: numbers to use in place of those of the Values, in their order.
        """
        call = self._call(args, keywords, parameters)
        if isinstance(call, Eager):
            raise TypeError(
                f"value_and_parameter_grads of {self._name} takes plain numbers, outside of what is being "
                "differentiated or compiled"
            )
        value, slopes, _ = self._value_and_slopes(call)
        return value, slopes

    def backward(self, *args: Any, **keywords: Any) -> float:
        """Add the derivative of the result to the `grad` of every parameter, as `Value.backward` does.

        Returns:
            The value.

        Raises:
            TypeError: the result is not one number, or one an example that is not reduced.
        """
        call = self._call(args, keywords)
        if isinstance(call, Eager):
            value = call.result()
            if isinstance(value, Value):
                value.backward()
                return value.data
        else:
            value, slopes, parameters = self._value_and_slopes(call)
        if not isinstance(value, float):
            raise TypeError(
                f"backward() needs one number, but {self._name} gives one an example; compile it with reduce='sum' or "
                "reduce='mean'"
            )
        if isinstance(call, Eager):
            return value
        with _accumulating:
            grads = [parameter.grad + slope for parameter, slope in zip(parameters, slopes.tolist())]
            write_numbers(parameters, "grad", grads)
        return value

    def jacobian(self, *args: Any, **keywords: Any) -> Any:
        """For each number of the result its gradient towards the arguments, as `autograd_mini.jacobian`.

        >>> compile(lambda v: [v[0] * v[1], v[0] + v[1]]).jacobian([2.0, 5.0])
        [[5.0, 2.0], [1.0, 1.0]]
        """
        call = self._call(args, keywords)
        if isinstance(call, Eager):
            return call.derivative(jacobian)
        result = call.jacobian()
        self._ran(call)
        return result

    def hessian(self, *args: Any, **keywords: Any) -> Any:
        """The second derivatives towards the arguments, as `autograd_mini.hessian`; over a batch that is not reduced,
        arrays with the batch axis first in place of its numbers.

        >>> compile(lambda x, y: x * x * y).hessian(2.0, 3.0)
        ((6.0, 4.0), (4.0, 0.0))

        Raises:
            TypeError: the result is not one number.
            ValueError: the batch is reduced, and they are wanted towards an argument that carries it.
        """
        call = self._call(args, keywords)
        if isinstance(call, Eager):
            return call.derivative(hessian)
        result = call.hessian()
        self._ran(call)
        return result

    def hvp(self, *args: Any, **keywords: Any) -> Any:
        """The product of the Hessian with a vector, the last argument, in the structure of the gradient: that of the
        argument if there is one to differentiate towards, else a tuple.

        >>> compile(lambda x, y: x * x * y).hvp(2.0, 3.0, (1.0, 0.0))
        (6.0, 4.0)

        Raises:
            TypeError: the result is not one number, or the vector is of another structure.
        """
        if len(args) < max(1, self._fewest - len(keywords)) + 1:
            raise TypeError(
                f"hvp of {self._name} takes its arguments and then the vector, in the structure of the gradient; got "
                f"{len(args) + len(keywords)} argument(s) in all"
            )
        call = self._call(args[:-1], keywords)
        if isinstance(call, Eager):
            return call.product(args[-1])
        try:
            result = call.product(args[-1])
        except HoldsValues:
            return self._as_function(args[:-1], keywords).product(args[-1])
        self._ran(call)
        return result

    @property
    def parameters(self) -> list[Value]:
        """The Values that the function uses without being given them, always in the same order; known once it was
        called."""
        return list(self._latest_run().parameters)

    @property
    def program(self) -> Program:
        """What the last call ran, to be printed or drawn: of several paths within a batch, that of most examples.

        Where scalars ran one by one, it is their vector formulation, and says so.
        """
        return self._latest_run().program

    @property
    def branches(self) -> bool:
        """Whether the last call took branches that depend on numbers."""
        return any(part.plan.trace.guards for part in self._latest_run().parts)

    def _value_and_slopes(self, call: Call) -> tuple[Any, Floats, Sequence[Value]]:
        """The value, its derivatives towards the parameters, and these."""
        plan, results = call.run("gradient", PARAMETERS, scalar=True)
        self._ran(call)
        found = call.ran.parameters
        rows = call.scaled(results.get("adjoint -1", numpy.zeros((len(found), 1))))
        return _value(call, plan, results), (rows.T.copy() if plan.per_example else rows[:, 0].copy()), found

    def _call(self, args: tuple[Any, ...], keywords: dict[str, Any], parameters: Floats | None = None) -> Call | Eager:
        """The call; of the function itself, if it is given Values or takes part in what is being differentiated."""
        if parameters is not None and "parameters" in self._names:
            keywords, parameters = {**keywords, "parameters": parameters}, None  # an argument of the function's own
        if not (differentiations and Differentiation.here()):
            try:
                return Call(self._plans, self._names, self._options, args, keywords, parameters)
            except HoldsValues:
                if not any(map(_holds_values, (*args, *keywords.values()))):
                    raise
        if parameters is not None:
            raise TypeError(
                f"{self._name} takes parameters=… only next to plain numbers, outside of what is being differentiated "
                "or compiled"
            )
        return self._as_function(args, keywords)

    def _as_function(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Eager:
        args, names, batched = arranged(self.function, self._name, self._names, self._options, args, keywords)
        chosen, is_single = differentiated(self._options, names, self._name)
        argnums = chosen[0] if is_single and chosen else tuple(chosen)
        return Eager(self.function, self._name, args, names, batched, self._options.reduce, argnums)

    def _ran(self, call: Call) -> None:
        """Keep what ran last; the short way, which keeps nothing, is open only while that is its own program."""
        self._short = None
        self._latest = call.ran

    def _latest_run(self) -> Ran:
        if self._latest is None:
            raise ValueError(
                f"{self._name} was not called yet, and its program depends on its arguments; call it first"
            )
        return self._latest

    def __reduce__(self) -> Any:
        module, name = sys.modules.get(self.__module__), getattr(self, "__qualname__", "")
        if getattr(module, name, None) is self:
            return name
        return Compiled, (self.function, self._options)

    def __repr__(self) -> str:
        return f"<compiled {self._name}>"


def _holds_values(nest: Any) -> bool:
    if isinstance(nest, (list, tuple)):
        return any(map(_holds_values, nest))
    if isinstance(nest, dict):
        return any(map(_holds_values, nest.values()))
    if isinstance(nest, numpy.ndarray) and nest.dtype.hasobject:
        return any(map(_holds_values, nest.ravel().tolist()))
    return isinstance(nest, Value)


def _value(call: Call, plan: Plan, results: dict[str, Floats]) -> Any:
    return nest_of_results(plan.trace.structure, call.scaled(results["value"]), plan.per_example)


def _argument_names(function: Callable[..., Any]) -> tuple[tuple[str, ...], int]:
    """The names of the arguments that may be given by position, and how many it takes at least."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return (), 0
    kinds = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [parameter for parameter in signature.parameters.values() if parameter.kind in kinds]
    return tuple(each.name for each in parameters), sum(each.default is each.empty for each in parameters)


@overload
def compile(
    function: Callable[..., Any],
    *,
    wrt: Chosen = None,
    batch: Chosen = False,
    reduce: str | None = None,
    backend: str | None = None,
    threads: int | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> Compiled: ...
@overload
def compile(
    function: None = None,
    *,
    wrt: Chosen = None,
    batch: Chosen = False,
    reduce: str | None = None,
    backend: str | None = None,
    threads: int | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(
    function: Callable[..., Any] | None = None,
    *,
    wrt: Chosen = None,
    batch: Chosen = False,
    reduce: str | None = None,
    backend: str | None = None,
    threads: int | None = None,
    cache: str | os.PathLike[str] | None = None,
) -> Any:
    """Compile scalar Python code into a function of arrays, with its derivatives.

    At the first call the function runs once on Values; the graph it records is rearranged into a short program of
    array operations and matrix products, which is what runs from then on. Where it branches on numbers there is one
    program for each path; the examples of a batch are split by the path that each takes.

    Arithmetic is carried out as it is written, to the bit. Only sums (`sum`, `mean`, `dot`, `sumprod`, chains of + of
    four terms or more whose partial sums nothing else uses, and the adding up of adjoints) may be added in another
    order, and fused with their products: n terms are off by at most n·ε·Σ|terms|. Functions such as `exp` are off by up
    to 4 units in the last place, the same for one point and for an example of any batch. Where something is tied, or a
    zero meets inf, derivatives are those of eager mode, at more cost.

    Args:
        function: a function of numbers and arrays, nested in lists, tuples and dicts as you like, that computes
            with operators and functions of `autograd_mini`. It sees one example: Values, and arrays of Values.
            Texts and None among its arguments stay what they are, and it is compiled anew for each.
            Values that it uses without being given them are parameters, read anew at each call. Where something
            changes that it reads from closures, defaults, globals or attributes, or what lists, dicts, arrays and
            networks there hold, it is compiled anew: numbers that change often are better arguments, or Values. What
            is imported from a library is taken to stay, and so are arrays of more than 2²⁴ numbers.
        wrt: the arguments to differentiate towards, by position or name; all of them by default.
        batch: the arguments that carry a batch as their first axis: True for all, or by position or name. They are
            arrays, or lists of numbers.
        reduce: what becomes of the batch: None for one result an example, "sum", or "mean" as in the lecture's
            Loss(W) = 1/N Σᵢ Div(f(Xᵢ; W), dᵢ). Of no example, the sum is 0 and the mean nan.
        backend: what runs it: "machine" for machine code by llvmlite, "numpy"; None for the first that is installed.
        threads: how many work on one call with a large batch, if there are no matrix products in it (BLAS has threads
            of its own); None for as many as there are processors, or OMP_NUM_THREADS says. The results do not depend
            on it.
        cache: a folder in which machine code is kept from one run of Python to the next, as assembly text that is
            checked before it is used, on processors of the kind x86-64; None to keep none. Files that others may
            write to are ignored.

    Returns:
        A `Compiled`; without a function, a decorator that makes one.

    Raises:
        TypeError: `function` is not callable, or a method without its object; an option is of another type; when
            called: an argument or the result holds something else than numbers, or the function reads the number of
            a Value (`.data`, `float()`, `math.exp(x)`), which would be frozen in.
        ModuleNotFoundError: when called: the backend "machine" is asked for without llvmlite.
        OSError: when called: the folder for the cache cannot be made.
        ValueError: `reduce`, `backend` or `threads` is none of these, or there is no batch to reduce; when called: a
            function takes more than 64 paths through its branches, batches are of unequal length, or the function
            computes something else when it is run twice, as with random numbers.

    >>> import numpy
    >>> @compile(batch="x", reduce="mean")
    ... def loss(w, x):
    ...     return (w[0] * x + w[1]) ** 2
    >>> value, (slope_w, slope_x) = loss.value_and_grad([2.0, 1.0], numpy.array([0.0, 1.0]))
    >>> value, slope_w
    (5.0, [3.0, 4.0])
    """
    options = Options(wrt, batch, reduce, Target(backend, threads, cache))
    if function is None:
        return partial(compile, wrt=wrt, batch=batch, reduce=reduce, backend=backend, threads=threads, cache=cache)
    if not callable(function):
        raise TypeError(f"compile takes a function, got {brief(function)} ({type(function).__name__})")
    if isinstance(function, Compiled):
        raise TypeError(f"compile takes a Python function, got {function!r}; give it the .function of that")
    compiled = Compiled(function, options)
    if compiled._names[:1] == ("self",):
        raise TypeError(
            f"compile takes a function, and {compiled._name} is a method without its object; compile it where there is "
            f"one: self.{compiled._name} = compile(self.{compiled._name}, …) in __init__"
        )
    return compiled
