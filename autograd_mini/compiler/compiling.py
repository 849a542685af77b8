"""`compile`: scalar Python code as a function of arrays."""

from __future__ import annotations

# batch=False is tried first
# mypy: disable-error-code="overload-overlap"
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Unpack, overload

from autograd_mini.compiler.calls.options import Chosen, Options
from autograd_mini.compiler.compiled import Compiled
from autograd_mini.compiler.run.executing import Target
from autograd_mini.primitives import brief

if TYPE_CHECKING:
    from autograd_mini.signatures import Batched, Function, OnePoint, Real, Reduced

R = TypeVar("R")


class _Running(TypedDict, total=False):
    static: Chosen
    backend: str | None
    threads: int | None
    cache: str | os.PathLike[str] | None
    as_lists: bool


@overload
def compile(function: Function[R], *, batch: Literal[False] = False, **options: Unpack[_Running]) -> OnePoint[R]: ...
@overload
def compile(*, batch: Literal[False] = False, **options: Unpack[_Running]) -> Callable[[Function[R]], OnePoint[R]]: ...
@overload
def compile(
    function: Function[R], *, batch: Chosen, reduce: None = None, **options: Unpack[_Running]
) -> Batched[R]: ...
@overload
def compile(
    *, batch: Chosen, reduce: None = None, **options: Unpack[_Running]
) -> Callable[[Function[R]], Batched[R]]: ...
@overload
def compile(
    function: Function[Real],
    *,
    reduce: Literal["sum", "mean"],
    wrt: Chosen = None,
    batch: Chosen,
    **options: Unpack[_Running],
) -> Reduced: ...
@overload
def compile(
    *, reduce: Literal["sum", "mean"], wrt: Chosen = None, batch: Chosen, **options: Unpack[_Running]
) -> Callable[[Function[Real]], Reduced]: ...
@overload
def compile(
    function: Function[Any], *, wrt: Chosen, batch: Chosen = False, **options: Unpack[_Running]
) -> Compiled: ...
@overload
def compile(
    *, wrt: Chosen, batch: Chosen = False, **options: Unpack[_Running]
) -> Callable[[Function[Any]], Compiled]: ...
def compile(
    function: Callable[..., Any] | None = None,
    *,
    wrt: Chosen = None,
    batch: Chosen = False,
    static: Chosen = (),
    reduce: str | None = None,
    backend: str | None = None,
    threads: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    as_lists: bool = False,
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
        function: a function of numbers and arrays, nested in lists, tuples, dicts and dataclasses as you like, columns
            and frames of pandas included, that computes with operators and functions of `autograd_mini`. It sees one
            example: Values, and arrays of Values. Strings, None and other things without numbers are passed on as they
            are, and it is compiled anew for each; so it is for integers with which it counts or indexes, as `range(n)`
            and `xs[n - 1]` do, and whose derivative is None.
            Values that it uses without being given them are parameters, read anew at each call. If anything else
            changes that it reads from closures, defaults, globals or attributes, or the contents of lists, dicts,
            arrays and networks there, it is compiled anew: make numbers that change often arguments, or Values. What
            is imported from a library is assumed not to change, and so are arrays of more than 2²⁴ numbers.
        wrt: the arguments to differentiate, by position or name; by default all that are given and not static, those
            that the function takes by name alone last. Integers in arguments named here are numbers like all others,
            with which Python cannot count; defaults count as given.
        batch: the arguments that carry a batch as their first axis: True for all, or by position or name. They are
            arrays, or lists of numbers.
        static: the arguments that are passed on as they are, by position or name: anything that is hashable. The
            function is compiled anew for each that differs by type or value (objects without an equality of their own
            are the same only if they are one object, with the same attributes), and what functions among them read is
            watched.
        reduce: what becomes of the batch: None for a result for each example, "sum", or "mean" as in the lecture's
            Loss(W) = 1/N Σᵢ Div(f(Xᵢ; W), dᵢ). Over no examples, the sum is 0 and the mean nan.
        backend: what runs it: "machine" for machine code by llvmlite, "numpy"; None for the first that is installed.
        threads: how many threads work on one call with a large batch; None for as many as there are processors, or
            OMP_NUM_THREADS says. Matrix products that are left to BLAS have its threads. The results do not depend on
            `threads`.
        cache: a folder in which machine code is kept from one run of Python to the next; None to keep none. What is in
            it is run: it has to be yours, and nobody else may write to it.
        as_lists: over a batch, lists in the result stay lists, with an array for each of their numbers; see below.

    Results have the structure that the function gives. Over a batch of N that is not reduced, each of their numbers
    becomes an array [N], and each array or list of numbers one array with the batch axis first: a list of M numbers
    [N, M], M lists of K numbers [N, M, K], M arrays of one shape [N, M, *shape]. Lists that no array can hold, as their
    lengths differ or they have tuples or dicts in them, stay lists; tuples and dicts stay what they are. Jacobians
    follow the same rule: that of a list of M numbers with respect to an array [N, D] is [N, M, D]. Without a batch,
    lists stay lists, and an array without axes stays an array.

    Returns:
        A `Compiled`; without a function, a decorator that makes one.

    Raises:
        TypeError: `function` is not callable, or a method without its object; an option has the wrong type; when
            called: an argument or the result holds something other than numbers, a static one is not hashable, or the
            function reads the number of a Value (`.data`, `float()`, `math.exp(x)`), which would be frozen in, or
            counts with one.
        ModuleNotFoundError: when called: the backend "machine" is asked for without llvmlite.
        OSError: when called: the folder for the cache cannot be made, or others may write to it.
        ValueError: `reduce`, `backend` or `threads` is none of these, or there is no batch to reduce; an option names
            an argument that does not exist (if a function takes any number of them, or a call leaves out one of the
            batch, this is raised when it is called), or wrt or batch one that is static; when called: the function
            takes more than 64 paths through its branches, batches differ in length, or the function computes two
            different things when it is run twice, as with random numbers.

    >>> import numpy
    >>> @compile(batch="x", reduce="mean")
    ... def loss(w, x):
    ...     return (w[0] * x + w[1]) ** 2
    >>> value, (slope_w, slope_x) = loss.value_and_grad([2.0, 1.0], numpy.array([0.0, 1.0]))
    >>> value, slope_w
    (5.0, [3.0, 4.0])
    >>> compile(lambda xs, n: sum(xs[:n])).grad([1.0, 2.0, 3.0], 2)
    ([1.0, 1.0, 0.0], None)
    """
    options = Options(wrt, batch, static, reduce, as_lists, Target(backend, threads, cache))
    return partial(_compiled, options) if function is None else _compiled(options, function)


def _compiled(options: Options, function: Callable[..., Any]) -> Compiled:
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
