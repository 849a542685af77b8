"""Operations of your own: rows added to the table, and methods added to Value."""

from __future__ import annotations

from keyword import iskeyword

from autograd_mini.functions import attach, documented
from autograd_mini.operators import unary
from autograd_mini.primitives import TABLE, Primitive, brief
from autograd_mini.primitives.symbols import formula_of, within
from autograd_mini.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


def register_primitive(
    name: str,
    forward: Callable[..., float],
    partials: Callable[..., tuple[Any, ...]],
    *,
    arity: int = 1,
    **rest: Any,
) -> Callable[..., Any]:
    """Add a primitive of your own to the table: it works like a built-in one in eager and higher-order
    mode, in pictures and in checks, and becomes a method of Value. Compiled, a primitive written in operators and
    functions of `autograd_mini` is as fast as the same code without a row; one that uses `math`, branches on its
    numbers or repeats something until it converges runs number by number, as it does in eager mode.

    Args:
        name: a new name, a Python identifier; or one that was registered with the very same source before, as when a
            notebook's cell runs again. That primitive stays, then.
        forward: `forward(*floats) -> float`. If it is written in operators, then wherever it raises, as 1/0 does, or
            gives a complex number, the result is what IEEE 754 defines instead.
        partials: `partials(out, *args)`, a tuple with the derivative of `out` for each argument,
            written with operators and functions of `autograd_mini` (not of `math`). It need not be the derivative of
            `forward`: it is taken as it stands.
        arity: the number of arguments, 1 or more.
        rest: `domain`, `kinks`, `policy`, `selects`, `symbol`, `doc`, `example` as `Primitive` documents them.

    Returns:
        The function of numbers and Values.

    Raises:
        TypeError: `forward` or `partials` does not take as many numbers as `arity` says, or gives something else, as
            the rule does that uses a Value from outside.
        ValueError: the name is taken or not an identifier; or the rule does not give one derivative per argument,
            or hides its arguments from differentiation.

    >>> import math
    >>> cube = register_primitive("cube_", lambda x: x * x * x, lambda out, x: (3 * x * x,), doc="x³.")
    >>> x = Value(2.0)
    >>> cube(x).backward()
    >>> x.grad, x.cube_().data
    (12.0, 8.0)
    """
    source = [_source(each) for each in (name, forward, partials, arity, *rest.items())]
    if getattr(getattr(Value, name, None), "source", None) == source:
        return getattr(Value, name)  # type: ignore[no-any-return]
    for each in (name, *rest.get("aliases", ())):
        if not isinstance(each, str) or not each.isidentifier() or iskeyword(each):
            raise ValueError(f"a primitive's name must be an identifier, got {brief(each)}")
        if hasattr(Value, each):
            raise ValueError(f"Value has an attribute named {each!r} already; choose another name for the primitive")
    for rule in (forward, partials):
        if not callable(rule):
            raise TypeError(f"forward and partials of {name} must be functions, got {brief(rule)}")
    if not isinstance(arity, int) or arity < 1:
        raise ValueError(f"a primitive's arity must be an integer ≥ 1, got {brief(arity)}")

    def total(*args: float) -> float:
        try:
            return float(forward(*args))
        except (ArithmeticError, ValueError, TypeError):  # as 1/0, or (-8)**(1/3), which is complex in Python
            formula = formula_of(primitive, arity)
            if formula is None:
                raise
            return formula(*args)  # type: ignore[no-any-return]

    primitive = Primitive(name, total, partials, arity=arity, formula=forward, **rest)
    _try_rule(primitive)
    try:
        TABLE.add(primitive)
        function = documented(unary(primitive) if arity == 1 else lambda *args: primitive(*args), name)
        function.__module__, function.__qualname__ = Value.__module__, f"Value.{name}"  # where pickle finds it
        function.source = source
        attach(primitive, function)
    except KeyboardInterrupt:
        _remove(primitive)
        raise
    return function  # type: ignore[no-any-return]


def _source(thing: Any) -> Any:
    """What is equal for a function that is defined again by the same lines, or for the same option."""
    code = getattr(thing, "__code__", None)
    if code is None or thing.__closure__:
        return thing
    unplaced = code.replace(co_firstlineno=1, co_linetable=b"")
    return unplaced, thing.__defaults__, thing.__kwdefaults__, id(thing.__globals__)


def _try_rule(primitive: Primitive) -> None:
    """Run the rule once on floats and once on Values at two points of the domain."""
    from contextlib import suppress
    from warnings import catch_warnings, simplefilter

    if len(primitive.domain) != primitive.arity:
        raise ValueError(f"{primitive.name} has {primitive.arity} arguments but {len(primitive.domain)} domains")
    seen = []
    for place in (0.4, 0.7):
        args = [within(interval, place) for interval in primitive.domain]
        numbers = f"{primitive.arity} number(s), as arity={primitive.arity} says"
        out = _called(primitive.forward, args, f"forward of {primitive.name} must take {numbers}, and give one")
        rule = f"partials of {primitive.name} must take the result and then {numbers}"
        local_grads = _called(primitive.partials, (out, *args), rule)
        if not isinstance(local_grads, tuple) or len(local_grads) != primitive.arity:
            raise ValueError(
                f"the partials of {primitive.name} must give a tuple with {primitive.arity} derivative(s), one per "
                f"argument, got {brief(local_grads)}"
            )
        found = [*local_grads]
        with suppress(ArithmeticError, ValueError, TypeError):
            found.append(primitive.formula(*args))
        if any(isinstance(each, Value) for each in found):
            raise TypeError(
                f"the rule of {primitive.name} gives a Value for plain numbers, so it uses one from outside, whose "
                "derivative would be lost; make it an argument of the primitive, or a plain number"
            )
        with catch_warnings():  # of functions of math, which are refused below where it matters
            simplefilter("ignore")
            symbolic = primitive.partials(Value(out), *map(Value, args))
        seen.append([(float(x), isinstance(y, Value)) for x, y in zip(local_grads, symbolic)])
    for index, ((x, is_graph), (y, _)) in enumerate(zip(*seen)):
        if x != y and not is_graph:
            raise ValueError(
                f"the derivative of {primitive.name} for argument {index} varies but gives a plain number on "
                "Values, so that higher derivatives would be lost; write it with operators and functions of "
                "autograd_mini instead of math"
            )


def _called(function: Callable[..., Any], args: Sequence[float], demand: str) -> Any:
    try:
        return function(*args)
    except TypeError as error:
        raise TypeError(f"{demand}, but: {error}") from error


def _remove(primitive: Primitive) -> None:
    """Remove a primitive's methods and its row, as far as they were added."""
    for name in (primitive.name, *primitive.aliases):
        if name in vars(Value):
            delattr(Value, name)
    if TABLE.get(primitive.name) is primitive:
        del TABLE[primitive.name]
