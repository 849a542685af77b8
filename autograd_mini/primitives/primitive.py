"""What a primitive is: one operation, its derivative rule, and everything else that is known about it."""

from __future__ import annotations

from functools import partial
from math import inf, prod

from autograd_mini.primitives.numbers import to_float

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

Interval = tuple[float, float]

REAL: Interval = (-inf, inf)
POSITIVE: Interval = (0.0, inf)


class Primitive:
    """A scalar operation of the table: its forward function and its local derivatives.

    A primitive is called with numbers of any kind. Plain numbers give a float. Any other type takes
    part by defining a method `apply_primitive(primitive, args)`: `Value` does, to record a node, and so
    can interval, dual or symbolic numbers.

    Attributes:
        name: the name in the table, e.g. `"tanh"`.
        arity: how many arguments `forward` takes; `None` for any number of them.
        forward: `forward(*args) -> float`. Total in IEEE 754 arithmetic: returns inf or nan, never raises.
        partials: `partials(out, *args)`: the derivative of `out` with respect to every argument, in order. Written
            with operators and primitives only, so that one rule takes floats, Values (the result is then
            a differentiable graph) and the compiler's symbols.
        to_first: `to_first(out, *args)`: the derivative with respect to the first argument alone, if the others are
            costly and would be wasted where those arguments are plain numbers; mostly `None`.
        domain: an open interval (low, high) for each argument, where the function is defined and tests
            sample; one interval that holds for all arguments if `arity` is `None`.
        kinks: arguments at which the function is continuous but not differentiable.
        tied: `tied(out, *args)` says whether the arguments are at a kink, so that the local derivatives are a choice;
            by default whether `kinks` lists them. Written in comparisons and arithmetic alone, so that it takes the
            compiler's symbols, too.
        policy: what the derivative is at kinks and jumps, in words; empty for a smooth function.
        formula: the same function, written in operators and primitives; by default `forward` itself, which need not be:
            `symbols.formula_of` tells whether it is.
        selects: an exactly zero local derivative means "does not depend on it", even when the incoming
            adjoint is infinite (`where`, `max`).
        symbol: how it is printed: an infix operator such as `"+"`, or the name.
        doc: meaning and formula.
        example: an equation that holds, in Python.
        aliases: other names of its method, such as NumPy's.
        is_selector: chooses from data alone, for use within rules; gives plain floats on Values.
        options: what this variant fixes, e.g. `{"approximate": "tanh"}`.

    >>> TABLE["tanh"](0.0), TABLE["tanh"].partials(0.0, 0.0)
    (0.0, (1.0,))
    >>> TABLE["relu"].variant(at_zero=0.0)
    <primitive relu, at_zero=0.0>
    """

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any],
        partials: Callable[..., tuple[Any, ...]],
        *,
        arity: int | None = 1,
        to_first: Callable[..., Any] | None = None,
        formula: Callable[..., Any] | None = None,
        domain: tuple[Interval, ...] | None = None,
        kinks: tuple[tuple[float, ...], ...] = (),
        tied: Callable[..., Any] | None = None,
        policy: str = "",
        selects: bool = False,
        symbol: str = "",
        doc: str = "",
        example: str = "",
        aliases: tuple[str, ...] = (),
        is_selector: bool = False,
    ) -> None:
        self.name = name
        self.forward = forward
        self.partials = partials
        self.arity = arity
        self.to_first = to_first
        self.formula: Callable[..., Any] = formula or forward
        self.domain: tuple[Interval, ...] = domain or (REAL,) * (1 if arity is None else arity)
        self.kinks = kinks
        self.tied: Callable[..., Any] | None = tied or (_at(kinks) if kinks else None)
        self.policy = policy
        self.selects = selects
        self.symbol: str = symbol or name
        self.doc = doc
        self.example = example
        self.aliases = aliases
        self.is_selector = is_selector
        self.options: Mapping[str, Any] = {}
        self.base = self
        self._variants: dict[tuple[tuple[str, Any], ...], Primitive] = {}

    def variant(self, **options: Any) -> Primitive:
        """The same primitive with options fixed, e.g. `relu.variant(at_zero=0.0)`; made once."""
        key = tuple(sorted(options.items()))
        found = self._variants.get(key)
        if found is None:
            found = object.__new__(Primitive)
            found.__dict__.update(self.__dict__, options=options, _variants={})
            for name in ("forward", "partials", "formula", "tied"):
                function = getattr(self, name)
                setattr(found, name, function and partial(function, **options))
            found = self._variants.setdefault(key, found)
        return found

    def __call__(self, *args: Any) -> Any:
        for arg in args:
            if type(arg) is not float:
                return self._apply(args)
        return self.forward(*args)

    def _apply(self, args: tuple[Any, ...]) -> Any:
        for arg in args:
            apply = getattr(type(arg), "apply_primitive", None)
            if apply is not None:
                return apply(self, args)
        return self.forward(*(to_float(arg, self.name) for arg in args))

    def __repr__(self) -> str:
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"<primitive {self.name}{options}>"


def _at(kinks: tuple[tuple[float, ...], ...]) -> Callable[..., Any]:
    return lambda out, *args: sum([prod([x == at for x, at in zip(args, kink)]) for kink in kinks])


class Table(dict[str, Primitive]):
    """The primitives by name, in the order in which they were declared.

    Those in `auxiliary` serve within rules, or stand for operators and methods of Value; the table does not list them.

    >>> table = Table()
    >>> table.add(Primitive("double", lambda x: 2.0 * x, lambda out, x: (2.0,)))
    <primitive double>
    >>> list(table)
    ['double']
    """

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary: dict[str, Primitive] = {}

    def add(self, primitive: Primitive) -> Primitive:
        """Add a row; raise ValueError if there is one of that name."""
        if primitive.name in self or primitive.name in self.auxiliary:
            raise ValueError(f"a primitive named {primitive.name!r} is already in the table; choose another name")
        self[primitive.name] = primitive
        return primitive


TABLE = Table()
"""Every primitive by its name: `TABLE["tanh"].partials` is the rule of tanh."""


def row(name: str, forward: Callable[..., Any], partials: Any, **rest: Any) -> Primitive:
    """Declare a primitive: one row of the table."""
    return TABLE.add(_row(name, forward, partials, **rest))


def auxiliary_row(name: str, forward: Callable[..., Any], partials: Any, **rest: Any) -> Primitive:
    """Declare a primitive that users do not call by name."""
    return TABLE.auxiliary.setdefault(name, _row(name, forward, partials, **rest))


def _row(name: str, forward: Callable[..., Any], partials: Any, **rest: Any) -> Primitive:
    """A primitive whose arity is, unless it is given, the number of arguments of its rule."""
    if "arity" not in rest:
        code, has_any_number = partials.__code__, 0x04  # CO_VARARGS
        n_options = len(partials.__defaults__ or ())
        rest["arity"] = None if code.co_flags & has_any_number else code.co_argcount - n_options - 1
    return Primitive(name, forward, partials, **rest)
