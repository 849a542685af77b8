"""Matrices of derivatives of a compiled function, and their products with vectors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from autograd_mini.compiler.calls.binding import HoldsValues
from autograd_mini.compiler.calls.call import Call
from autograd_mini.compiler.calls.eager import Eager
from autograd_mini.derivatives import hessian, hvp, jacobian
from autograd_mini.products import jvp, vjp


class Differentiable:
    """A function of which calls can be made."""

    _name: str
    _fewest: int

    @abstractmethod
    def _call(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Call | Eager: ...

    @abstractmethod
    def _as_function(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Eager: ...

    @abstractmethod
    def _ran(self, call: Call, result: Any = None) -> Any: ...

    def jacobian(self, *args: Any, **keywords: Any) -> Any:
        """For each number of the result its gradient towards the arguments, as `autograd_mini.jacobian`.

        >>> from autograd_mini import compile
        >>> compile(lambda v: [v[0] * v[1], v[0] + v[1]]).jacobian([2.0, 5.0])
        [[5.0, 2.0], [1.0, 1.0]]
        """
        call = self._call(args, keywords)
        return call.derivative(jacobian) if isinstance(call, Eager) else self._ran(call, call.jacobian())

    def hessian(self, *args: Any, **keywords: Any) -> Any:
        """The second derivatives towards the arguments, as `autograd_mini.hessian`; over a batch that is not reduced,
        arrays with the batch axis first in place of its numbers.

        >>> from autograd_mini import compile
        >>> compile(lambda x, y: x * x * y).hessian(2.0, 3.0)
        ((6.0, 4.0), (4.0, 0.0))

        Raises:
            TypeError: the result is not one number.
            ValueError: the batch is reduced, and they are wanted towards an argument that carries it.
        """
        call = self._call(args, keywords)
        return call.derivative(hessian) if isinstance(call, Eager) else self._ran(call, call.hessian())

    def hvp(self, *args: Any, **keywords: Any) -> Any:
        """The product of the Hessian with a vector, the last argument, in the structure of the gradient: that of the
        argument if there is one to differentiate towards, else a tuple.

        >>> from autograd_mini import compile
        >>> compile(lambda x, y: x * x * y).hvp(2.0, 3.0, (1.0, 0.0))
        (6.0, 4.0)

        Raises:
            TypeError: the result is not one number, or the vector is of another structure.
        """
        return self._product(hvp, "gradient", Call.product, args, keywords)

    def jvp(self, *args: Any, **keywords: Any) -> Any:
        """The product J v of the Jacobian with a vector, the last argument, in the structure of the arguments to
        differentiate towards: of several a tuple. It is the change of the result along v, by one sweep forward.

        >>> from autograd_mini import compile
        >>> compile(lambda x: [x[0] * x[1], x[0] + 3 * x[1]]).jvp([2.0, 5.0], [1.0, -1.0])
        [3.0, -2.0]

        Raises:
            TypeError: the vector is of another structure.
            ValueError: it has another number of examples.
        """
        return self._product(jvp, "arguments", Call.change, args, keywords)

    def vjp(self, *args: Any, **keywords: Any) -> Any:
        """The product wᵀ J of a vector, the last argument, in the structure of the result, with the Jacobian. It is in
        the structure of the gradient; over a batch that is not reduced, w has the batch axis first.

        >>> from autograd_mini import compile
        >>> compile(lambda x: [x[0] * x[1], x[0] + 3 * x[1]]).vjp([2.0, 5.0], [1.0, -1.0])
        [4.0, -1.0]

        Raises:
            TypeError: the vector is of another structure.
            ValueError: it has another number of examples.
        """
        return self._product(vjp, "result", Call.pulled, args, keywords)

    def _product(
        self, operator: Any, whose: str, of_call: Callable[[Call, Any], Any], args: Any, keywords: dict[str, Any]
    ) -> Any:
        """What an operator makes of the function, its arguments and a vector."""
        if len(args) < max(1, self._fewest - len(keywords)) + 1:
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
