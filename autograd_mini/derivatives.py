"""Derivatives as functions: from f to its gradient, Jacobian, Hessian.

Arguments and results are numbers, or numbers nested in lists, tuples, dicts, dataclasses, NumPy arrays and columns
and frames of pandas. The gradient of a dataclass is one: its fields that hold no numbers are left as they are.
Numbers give numbers. Values give Values that can be differentiated again, and so does everything within a function
that is being differentiated: nest these operators as you like. Strings, None, functions and other objects without
numbers are passed to f unchanged; the gradient has None in their place. A 0-dimensional array is passed to f as the
number it holds, and its gradient is such an array.
"""

from __future__ import annotations

from functools import wraps

from autograd_mini import graph, observing
from autograd_mini.adjoints import adjoints, descendants_of, differentiable_adjoints
from autograd_mini.calls import Run, along, as_value, require_callable, with_vector
from autograd_mini.primitives import brief
from autograd_mini.products import Differential, matrix_of
from autograd_mini.suggesting import did_you_mean
from autograd_mini.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Literal, overload

    from autograd_mini import signatures
    from autograd_mini.signatures import Argnums, Function, Numbers, Real


def require_values(name: str, *things: object) -> None:
    for thing in things:
        if not isinstance(thing, Value):
            raise TypeError(f"{name} takes Values, got {brief(thing)} ({type(thing).__name__})")


def topological_order(*roots: Value, known: Iterable[Value] = ()) -> list[Value]:
    """All Values that `roots` were computed from, roots included, every parent before its children.

    Args:
        roots: where to begin; without any, the order is empty.
        known: Values to leave out, together with what they were computed from.

    The order depends on the graph alone, not on addresses or hash seeds, and the graph may be of any depth.

    Raises:
        TypeError: an argument is not a Value.

    >>> x = Value(3.0, label="x")
    >>> y = x * x + x
    >>> [node.operation.symbol if node.operation else node.label for node in topological_order(y)]
    ['x', '*', '+']
    """
    known = tuple(known)
    require_values("topological_order", *roots, *known)
    return graph.topological_order(*roots, known=known)


def gradients(y: Value, xs: Sequence[Value], *, create_graph: bool = False) -> list[Any]:
    """dy/dx for each x of `xs`; nothing is written to any `grad`.

    Args:
        y: the result.
        xs: Values, leaves or not; one that y does not depend on has derivative 0.
        create_graph: return Values, recorded so that they can be differentiated again, instead of floats.

    Raises:
        TypeError: y or one of `xs` is not a Value.

    >>> x = Value(2.0)
    >>> first, = gradients(x**3, [x], create_graph=True)
    >>> gradients(first, [x])
    [12.0]
    """
    if not hasattr(xs, "__iter__"):
        raise TypeError(f"gradients takes a list of Values, got {brief(xs)}; write gradients(y, [x])")
    require_values("gradients", y, *xs)
    order = graph.topological_order(y)
    if not create_graph:
        if observing.active:
            observing.number_read(y, "gradients()")
        return adjoints(order, [(y, 1.0)], [*xs])
    recorded = differentiable_adjoints(order, [(y, 1.0)], descendants_of(xs, order))
    return [as_value(recorded.get(x, 0.0)) for x in xs]


if TYPE_CHECKING:

    @overload
    def value_and_grad(f: Function[Real], argnums: None = None) -> signatures.ValueAndGradient: ...

    @overload
    def value_and_grad(f: Function[Real], argnums: Literal[0]) -> signatures.FirstValueAndGradient: ...

    @overload
    def value_and_grad(f: Function[Real], argnums: Argnums) -> Callable[..., tuple[Any, Any]]: ...


def value_and_grad(f: Callable[..., Any], argnums: int | tuple[int, ...] | None = None) -> Callable[..., Any]:
    """A function that returns f's value together with its gradient, in one forward pass and one backward pass.

    Args:
        f: a function of numbers, nested as you like, to one number.
        argnums: the positional arguments to differentiate with respect to: an int (the gradient is that argument's),
            a tuple of ints (a tuple of gradients), or None for all (the gradient of the only one, or a tuple).

    Raises:
        TypeError: when called: f does not return one number, or an argument holds something other than numbers.
        IndexError: when called: `argnums` names an argument that is not there.

    >>> value_and_grad(lambda x: x[0] * x[1])([2.0, 5.0])
    (10.0, [5.0, 2.0])
    """
    require_callable(f, "value_and_grad")

    @wraps(f)
    def value_and_gradient(*args: Any, **keywords: Any) -> tuple[Any, Any]:
        run = Run(f, args, keywords, argnums)
        y = run.number()
        found = run.in_structure(Differential(run, [y]).pull([(y, 1.0)]))
        if isinstance(y, Value):
            return (y if run.keeps_graph else y._number), found
        return float(y), found

    return value_and_gradient


if TYPE_CHECKING:

    @overload
    def grad(f: Function[Real], argnums: None = None) -> signatures.Gradient: ...

    @overload
    def grad(f: Function[Real], argnums: Literal[0]) -> signatures.FirstGradient: ...

    @overload
    def grad(f: Function[Real], argnums: Literal[1]) -> signatures.SecondGradient: ...

    @overload
    def grad(f: Function[Real], argnums: Argnums) -> Callable[..., Any]: ...


def grad(f: Callable[..., Any], argnums: int | tuple[int, ...] | None = None) -> Callable[..., Any]:
    """The gradient of f as a function of the same arguments, in their structure.

    Args:
        f: a function of numbers, nested as you like, to one number.
        argnums: with respect to which positional arguments: an int, a tuple (for a tuple of gradients), None for all.

    Raises:
        TypeError: when called: f does not return one number, or an argument holds something other than numbers.
        IndexError: when called: `argnums` names an argument that is not there.

    >>> grad(lambda x, y: x * y)(2.0, 5.0)
    (5.0, 2.0)
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    """
    require_callable(f, "grad")
    both = value_and_grad(f, argnums)
    return wraps(f)(lambda *args, **keywords: both(*args, **keywords)[1])


if TYPE_CHECKING:

    @overload
    def jacobian(f: Function[Real], argnums: None = None, mode: str = "auto") -> signatures.Gradient: ...

    @overload
    def jacobian(f: Function[Numbers], argnums: None = None, mode: str = "auto") -> signatures.Rows: ...

    @overload
    def jacobian(f: Function[Any], argnums: Argnums = None, mode: str = "auto") -> Callable[..., Any]: ...


def jacobian(
    f: Callable[..., Any], argnums: int | tuple[int, ...] | None = None, mode: str = "auto"
) -> Callable[..., Any]:
    """The Jacobian of f as a function: the structure of f's result, with its gradient in place of each number.
    M numbers differentiated by D numbers give M rows of D. In place of an array among the results stands the gradient's
    structure with an array for each number, which has the axes of both, as in JAX: for an array an array, for several
    arguments a tuple of arrays (SciPy's `curve_fit` wants them stacked: `numpy.stack(…, axis=-1)`).

    Args:
        f: a function of numbers to numbers, both nested as you like.
        argnums: as for `value_and_grad`.
        mode: "reverse" for one backward pass per result, "forward" for one forward pass per number in the
            arguments, "auto" for whichever takes fewer passes.

    Raises:
        ValueError: `mode` is none of these.
        TypeError: when called: the result of f or an argument holds something other than numbers.
        IndexError: when called: `argnums` names an argument that is not there.

    >>> jacobian(lambda x: [x[0] * x[1], x[0] + 3 * x[1]])([2.0, 5.0])
    [[5.0, 2.0], [1.0, 3.0]]
    """
    require_callable(f, "jacobian")
    if mode not in ("auto", "forward", "reverse"):
        meant = did_you_mean(mode, ("auto", "forward", "reverse"))
        raise ValueError(f"jacobian's mode must be 'auto', 'forward' or 'reverse', got {brief(mode)}{meant}")

    return matrix_of(f, argnums, mode)


if TYPE_CHECKING:

    @overload
    def hessian(f: Function[Real], argnums: None = None) -> signatures.SecondDerivatives: ...

    @overload
    def hessian(f: Function[Real], argnums: Argnums) -> Callable[..., Any]: ...


def hessian(f: Callable[..., Any], argnums: int | tuple[int, ...] | None = None) -> Callable[..., Any]:
    """The matrix of second derivatives of f, the Jacobian of its gradient, as a function; arguments and
    errors as for `value_and_grad`.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([3.0, 5.0])
    [[10.0, 6.0], [6.0, 0.0]]
    """
    require_callable(f, "hessian")
    return matrix_of(grad(f, argnums), argnums, "auto", is_gradient=True)


if TYPE_CHECKING:

    @overload
    def hvp(f: Function[Real], argnums: None = None) -> signatures.HessianProduct: ...

    @overload
    def hvp(f: Function[Real], argnums: Argnums) -> Callable[..., Any]: ...


def hvp(f: Callable[..., Any], argnums: int | tuple[int, ...] | None = None) -> Callable[..., Any]:
    """The product of f's Hessian with a vector, at the cost of a few gradients, as a function of f's arguments
    and, last, the vector. The vector has the structure of f's gradient: for several arguments, a tuple.

    Args:
        f, argnums: as for `grad`.

    Raises:
        TypeError: when called: as for `value_and_grad`, or the vector's structure differs from the gradient's.

    >>> hvp(lambda x: x[0] ** 2 * x[1])([3.0, 5.0], [1.0, 0.0])
    [10.0, 6.0]
    >>> hvp(lambda x, y: x**2 * y)(3.0, 5.0, (1.0, 0.0))
    (10.0, 6.0)
    """

    def product(vector: Any, /, *args: Any, **keywords: Any) -> Any:
        def slope(*points: Any, **more: Any) -> Any:
            return along(grad(f, argnums)(*points, **more), vector)

        return grad(slope, argnums)(*args, **keywords)

    return with_vector("hvp", f, product)
