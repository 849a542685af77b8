"""How a compiled function is called, and its derivatives: with respect to its parameters, as matrices, and their
products with vectors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

import numpy

from autograd_mini.compiler.calls.binding import HoldsValues
from autograd_mini.compiler.calls.call import Call
from autograd_mini.compiler.calls.eager import Eager, holds_values
from autograd_mini.compiler.calls.nests import as_number
from autograd_mini.compiler.calls.options import Options, Roles, argument_names, bound, chosen_names, roles
from autograd_mini.compiler.calls.planning import Plans
from autograd_mini.compiler.calls.serving import Ran
from autograd_mini.compiler.calls.sparse_call import jacobian_of, sparse_matrix, sparsity
from autograd_mini.compiler.ir.names import adjoint
from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.request import PARAMETERS, Kind
from autograd_mini.compiler.run.short_way import Short
from autograd_mini.derivatives import hessian, hvp, jacobian
from autograd_mini.observing import Differentiation, active, differentiations, number_read, write_numbers
from autograd_mini.primitives import brief
from autograd_mini.products import jvp, vjp
from autograd_mini.value import Value

_accumulating = threading.Lock()
"""Held while derivatives are added to the `grad` of Values, which functions may share."""


class Differentiable:
    """Calls of a compiled function, or of one on an executor, and derivatives as methods.

    Args:
        function: the scalar Python function itself.
    """

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.function = function
        self._options = options
        self._name = getattr(function, "__name__", None) or type(function).__name__
        self._names, self._by_name, self._fewest, tells_all = argument_names(function)
        self._chosen: set[str] = chosen_names(options, self._names + self._by_name)
        self._plans = Plans(function, self._name, reduces=options.reduce is not None, target=options.target)
        self._roles: dict[tuple[int | str, ...], Roles] = {}
        if tells_all:
            self._roles_of(len(self._names), *self._by_name)
        self._latest: Ran | None = None
        self._short: Short | None = None
        self._short_value: Short | None = None
        self._ways: dict[object, tuple[Short, Callable[[Any], Any], Ran]] = {}
        self._gradients: Ran | None = None
        self._values: Ran | None = None
        self._state: object = None
        itself: Any = self
        update_wrapper(itself, function, updated=())

    def value_and_parameter_grads(
        self, *args: Any, parameters: Floats | None = None, **keywords: Any
    ) -> tuple[Any, Floats]:
        """The value, and its derivative for every Value of `parameters` as one array (over a batch that is not
        reduced, [examples, parameters]).

        Args:
            parameters: numbers to use in place of those of the Values, in their order.
        """
        found = self._value_and_slopes(args, keywords, parameters)
        if isinstance(found, Eager):
            raise TypeError(
                f"value_and_parameter_grads of {self._name} takes plain numbers, outside functions being "
                "differentiated or compiled"
            )
        return found[:2]

    def backward(self, *args: Any, **keywords: Any) -> float:
        """Add the derivative of the result to the `grad` of every parameter, as `Value.backward` does.

        Returns:
            The value.

        Raises:
            TypeError: the result is not one number, or is one for each example and not reduced.
        """
        found = self._value_and_slopes(args, keywords)
        if isinstance(found, Eager):
            value = found.result()
            if isinstance(value, Value):
                value.backward()
                return value.data
            return self._accumulate(value, numpy.zeros(0), ())
        return self._accumulate(*found)

    def _accumulate(self, value: Any, slopes: Floats, parameters: Sequence[Value]) -> float:
        """Add the derivatives of a value, which must be one number, to the `grad` of parameters; return the value."""
        if not isinstance(value, float):
            raise TypeError(
                f"backward() needs one number, but {self._name} gives one for each example; compile it with "
                "reduce='sum' or reduce='mean'"
            )
        with _accumulating:
            for parameter in parameters if active else ():
                number_read(parameter, ".grad")
            grads = [parameter._grad + slope for parameter, slope in zip(parameters, slopes.tolist())]
            write_numbers(parameters, "grad", grads)
        return value

    def jacobian(self, *args: Any, sparse: bool | None = None, **keywords: Any) -> Any:
        """The Jacobian: for each number of the result its gradient, as `autograd_mini.jacobian` gives it.

        >>> from autograd_mini import compile
        >>> compile(lambda v: [v[0] * v[1], v[0] + v[1]]).jacobian([2.0, 5.0])
        [[5.0, 2.0], [1.0, 1.0]]

        Args:
            sparse: give a `scipy.sparse.csr_array` with sorted indices. It has a row for each number of the result and
                a column for each number of the arguments to differentiate, both from left to right as they are
                nested, arrays row by row. Its entries are those that can be other than 0 on the path of branches that
                is taken, even if they are 0 at this point. Over a batch it is a list with a matrix for each example;
                over a batch that is reduced, it is one matrix for all.

        >>> print(compile(lambda v: [v[0] * v[1], 3 * v[1]]).jacobian([2.0, 5.0], sparse=True).toarray())
        [[5. 2.]
         [0. 3.]]

        Raises:
            ModuleNotFoundError: a sparse matrix is wanted, and SciPy is not installed.
            ValueError: a sparse matrix is wanted, the batch is reduced, and an argument to differentiate carries it.
        """
        return self._matrix(jacobian, jacobian_of, Kind.SPARSE_JACOBIAN, sparse, args, keywords)

    def hessian(self, *args: Any, sparse: bool | None = None, **keywords: Any) -> Any:
        """The second derivatives, as `autograd_mini.hessian` gives them; over a batch that is not reduced,
        arrays with the batch axis first in place of its numbers.

        >>> from autograd_mini import compile
        >>> compile(lambda x, y: x * x * y).hessian(2.0, 3.0)
        ((6.0, 4.0), (4.0, 0.0))

        Args:
            sparse: give a `scipy.sparse.csr_array`, as for `jacobian`, with rows and columns for the numbers of the
                arguments.

        Raises:
            TypeError: the result is not one number.
            ModuleNotFoundError: a sparse matrix is wanted, and SciPy is not installed.
            ValueError: the batch is reduced, and an argument to differentiate carries it.
        """
        return self._matrix(hessian, Call.hessian, Kind.SPARSE_HESSIAN, sparse, args, keywords)

    def sparsity(self, which: str, /, *args: Any, **keywords: Any) -> Any:
        """Which entries of the sparse Jacobian or Hessian can be other than 0, as a `scipy.sparse.csr_array` of bools,
        all of them True: what SciPy takes as `jac_sparsity`. Over a batch it is that of all examples together.

        The pattern is that of the path of branches that the function takes at these arguments; it may differ for other
        paths.

        >>> from autograd_mini import compile
        >>> pattern = compile(lambda x: [x[0] * x[1], x[1] ** 2]).sparsity("jacobian", [2.0, 0.0])
        >>> print(pattern.toarray())
        [[ True  True]
         [False  True]]

        Args:
            which: "jacobian" or "hessian".

        Raises:
            ValueError: `which` is neither.
            TypeError: the result is not one number, and its Hessian is wanted.
            ModuleNotFoundError: SciPy is not installed.
        """
        kinds = {"jacobian": Kind.SPARSE_JACOBIAN, "hessian": Kind.SPARSE_HESSIAN}
        if which not in kinds:
            raise ValueError(f"sparsity of {self._name} takes 'jacobian' or 'hessian' first, got {brief(which)}")
        call = self._plain_call("sparsity", args, keywords)
        return self._ran(call, sparsity(call, kinds[which]))

    def _told_apart(self, option: str, given: Any, args: Any, keywords: Any) -> tuple[Any, dict[str, Any]]:
        """An option of a method, None if the function itself takes an argument by this name, and the keywords."""
        if given is None or option not in self._names[len(args) :] + self._by_name:
            return given, keywords
        return None, {**keywords, option: given}

    def _matrix(
        self, operator: Any, dense: Callable[[Call], Any], of_sparse: Kind, sparse: Any, args: Any, keywords: Any
    ) -> Any:
        """Apply an operator to the function, or compute the sparse matrix of this kind."""
        if sparse is not None:
            sparse, keywords = self._told_apart("sparse", sparse, args, keywords)
        key = operator.__name__, (kind := of_sparse if sparse else None)
        short = None if keywords else self._by_way(key, args)
        if short is not None:
            return short
        what = f"{operator.__name__} with sparse=True"
        call = self._call(args, keywords) if kind is None else self._plain_call(what, args, keywords)
        if isinstance(call, Eager):
            return call.derivative(operator)
        result = self._ran(call, dense(call) if kind is None else sparse_matrix(call, kind))
        if call.finish is not None:
            self._open(key, call, call.finish)
        return result

    def _value_and_slopes(
        self, args: tuple[Any, ...], keywords: dict[str, Any], parameters: Floats | None = None
    ) -> tuple[Any, Floats, Sequence[Value]] | Eager:
        """The value, its derivatives with respect to the parameters, and the parameters."""
        way, given = ("slopes", args) if parameters is None else ("slopes of given", (*args, parameters))
        short = None if keywords else self._by_way(way, given)
        if short is not None:
            return short  # type: ignore[no-any-return]
        call = self._call(args, keywords, parameters)
        if isinstance(call, Eager):
            return call
        plan, results = call.run(Kind.GRADIENT, PARAMETERS)
        self._ran(call)
        found = call.ran.parameters
        self._open("slopes" if call.parameters is None else "slopes of given", call, lambda both: (*both, found))
        rows = call.scaled(results.rows.get(adjoint(-1), numpy.zeros((len(found), 1))))
        return as_number(call.value(plan, results)), (rows.T.copy() if plan.per_example else rows[:, 0].copy()), found

    def _by_way(self, key: object, args: tuple[Any, ...]) -> Any:
        """The result by a short way that was kept; None if there is none that serves these arguments."""
        kept = None if differentiations else self._ways.get(key)
        found = None if kept is None else kept[0](args)
        if kept is None or found is None:
            return None
        _, finish, self._latest = kept
        return finish(found)

    def _open(self, key: object, call: Call, finish: Callable[[Any], Any] = lambda found: found) -> None:
        """Keep the short way to what a call just found, if there is one; `finish` makes the results from that."""
        if call.roles.by_name:
            return  # what it finds is not of the arguments by position
        opened = call.short(call.ran.parts[0].plan)
        if opened is None:
            self._ways.pop(key, None)
        else:
            self._ways[key] = opened, finish, call.ran

    def _plain_call(self, what: str, args: Any, keywords: dict[str, Any]) -> Call:
        call = self._call(args, keywords)
        if isinstance(call, Eager):
            raise TypeError(
                f"{what} of {self._name} takes plain numbers, outside functions being differentiated or compiled"
            )
        return call

    def hvp(self, *args: Any, **keywords: Any) -> Any:
        """The product of the Hessian with a vector, the last argument, in the structure of the gradient: that of the
        argument if there is one to differentiate, else a tuple.

        >>> from autograd_mini import compile
        >>> compile(lambda x, y: x * x * y).hvp(2.0, 3.0, (1.0, 0.0))
        (6.0, 4.0)

        Raises:
            TypeError: the result is not one number, or the vector has another structure.
        """
        return self._product(hvp, "gradient", Call.product, args, keywords)

    def jvp(self, *args: Any, **keywords: Any) -> Any:
        """The product J v of the Jacobian with a vector, the last argument, in the structure of the arguments to
        differentiate: for several, a tuple. It is the change of the result along v, by one sweep forward.

        >>> from autograd_mini import compile
        >>> compile(lambda x: [x[0] * x[1], x[0] + 3 * x[1]]).jvp([2.0, 5.0], [1.0, -1.0])
        [3.0, -2.0]

        Raises:
            TypeError: the vector has another structure.
            ValueError: it has another number of examples.
        """
        return self._product(jvp, "arguments", Call.change, args, keywords)

    def vjp(self, *args: Any, **keywords: Any) -> Any:
        """The product wᵀ J of a vector w, the last argument, with the Jacobian. w has the structure of the result, the
        product that of the gradient; over a batch that is not reduced, w has the batch axis first.

        >>> from autograd_mini import compile
        >>> compile(lambda x: [x[0] * x[1], x[0] + 3 * x[1]]).vjp([2.0, 5.0], [1.0, -1.0])
        [4.0, -1.0]

        Raises:
            TypeError: the vector has another structure.
            ValueError: it has another number of examples.
        """
        return self._product(vjp, "result", Call.pulled, args, keywords)

    def _product(
        self, operator: Any, whose: str, of_call: Callable[[Call, Any], Any], args: Any, keywords: dict[str, Any]
    ) -> Any:
        """Apply an operator to the function, its arguments and a vector."""
        if not args or len(args) + len(keywords) < max(1, self._fewest) + 1:
            raise TypeError(
                f"{operator.__name__} of {self._name} takes its arguments and then the vector, in the structure of the "
                f"{whose}; got {len(args) + len(keywords)} argument(s) in all"
            )
        call = self._call(args[:-1], keywords)
        if isinstance(call, Eager):
            return call.product(operator, args[-1])
        try:
            return self._ran(call, of_call(call, args[-1]))
        except HoldsValues:
            return self._as_function(args[:-1], keywords).product(operator, args[-1])

    def _call(self, args: tuple[Any, ...], keywords: dict[str, Any], parameters: Floats | None = None) -> Call | Eager:
        """The call; in eager mode, if it is given Values or takes part in what is being differentiated."""
        parameters, keywords = self._told_apart("parameters", parameters, args, keywords)
        if not (differentiations and Differentiation.here()):
            try:
                return Call(self._plans, *self._arranged(args, keywords), parameters)
            except HoldsValues:
                if not any(map(holds_values, (*args, *keywords.values()))):
                    raise
        if parameters is not None:
            raise TypeError(
                f"{self._name} takes parameters=… only with plain numbers, outside functions being differentiated or "
                "compiled"
            )
        return self._as_function(args, keywords)

    def _as_function(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Eager:
        return Eager(self.function, self._name, *self._arranged(args, keywords))

    def _arranged(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Roles, tuple[Any, ...]]:
        """The roles of the arguments, and all arguments in order, those that the function is given by name last."""
        if keywords or (self._chosen and len(args) < len(self._names + self._by_name)):
            args, keywords = bound(self.function, self._name, self._chosen, args, keywords)
        return self._roles_of(len(args), *keywords), (*args, *keywords.values())

    def _roles_of(self, count: int, *by_name: str) -> Roles:
        key: tuple[int | str, ...] = (count, *by_name)
        found = self._roles.get(key)
        if found is None:
            found = self._roles[key] = roles(self._options, self._name, self._names, count, *by_name)
        return found

    def _ran(self, call: Call, result: Any = None) -> Any:
        """Record what ran last; close the short ways if anything outside has changed."""
        if self._state is not self._plans.captured.seen:
            self._state, self._short, self._short_value = self._plans.captured.seen, None, None
            self._ways.clear()
        self._latest = call.ran
        return result
