"""The rules of the table, run on symbols once, so that they can be run on scalars and on whole packs alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from autograd_mini.compiler.passes.tracing import trace
from autograd_mini.derivatives import gradients
from autograd_mini.graph import leaf
from autograd_mini.primitives import Primitive
from autograd_mini.primitives.symbols import Place, RuleRecorder
from autograd_mini.tapes import tape_of
from autograd_mini.value import Value


class Rules:
    """The rules that differentiate one function, as they are now: users' own rules may read what changes."""

    def __init__(self) -> None:
        self._found: dict[Any, Rule] = {}

    def rule(self, primitive: Primitive, constants: Sequence[float | None], wanted: Sequence[int]) -> Rule:
        """The rule for any arguments, of which some are these constants, by the arguments that are wanted."""
        key = primitive, *wanted, *[None if each is None else each.hex() for each in constants]
        rule = self._found.get(key)
        if rule is None:
            rule = self._found[key] = Rule(primitive, constants, wanted)
        return rule


class Rule(RuleRecorder):
    """What a rule computes of `out` and the arguments, in this order.

    Attributes:
        locals: the places of arguments, each with a sign and the place of the local derivative, None for 1.
    """

    def __init__(self, primitive: Primitive, constants: Sequence[float | None], wanted: Sequence[int]) -> None:
        super().__init__(1 + len(constants))
        out, *args = self.args
        operands = [arg if constant is None else constant for arg, constant in zip(args, constants)]
        self.locals: list[tuple[int, float, int | None]] = []
        last = 0
        for place, (local, is_wanted) in enumerate(zip(local_derivatives(primitive, out, operands), wanted)):
            if isinstance(local, Place):
                last = max(last, local.place if is_wanted else 0)
            elif local == 0.0 and primitive.selects:
                continue
            if is_wanted and not isinstance(local, Place) and abs(local) == 1.0:
                self.locals.append((place, float(local), None))
            elif is_wanted:
                self.locals.append((place, 1.0, self.place(local, primitive.name)))
        self.operations[:] = [each for each in self.operations if each[0] <= last]


def local_derivatives(primitive: Primitive, out: Any, operands: Sequence[Any]) -> tuple[Any, ...]:
    """Run a rule of the table on symbols. A rule that differentiates functions itself is first recorded on Values; one
    that branches on numbers becomes operations that run it on numbers."""
    try:
        return primitive.partials(out, *operands)
    except (TypeError, AttributeError):
        try:
            return _recorded_derivatives(primitive, out, operands)
        except (TypeError, ValueError, AttributeError):
            return tuple([_derivative(primitive, place)(out, *operands) for place in range(len(operands))])


def _recorded_derivatives(primitive: Primitive, out: Any, operands: Sequence[Any]) -> tuple[Any, ...]:
    """Record the rule on Values, and run the recorded operations on symbols."""
    numbers = [low + 0.4 if high == math.inf else high - 0.4 for low, high in primitive.domain]
    numbers = [0.4 if math.isinf(number) else number for number in numbers]
    values = [leaf(number, Value) for number in (primitive.forward(*numbers), *numbers)]
    recorded = trace(lambda *args: [*primitive.partials(*args)], primitive.name, [values], values)
    tape, outside = tape_of(values, recorded.outputs, recorded.order)
    if recorded.guards or outside:
        raise TypeError("it branches on a number, or uses a Value from outside")
    found = tape.run([out, *operands])
    return tuple([found[place] for place in tape.outputs])


@cache
def _derivative(primitive: Primitive, place: int) -> Primitive:
    return _row(f"{primitive.name}′", lambda *args: primitive.partials(*args)[place])


def _row(name: str, function: Callable[..., Any]) -> Primitive:
    """A function of floats or Values as an operation that runs as in eager mode, number by number."""

    @cache
    def slope(place: int) -> Primitive:
        return _row(f"{name}′", lambda *args: _slope(function, args, place))

    return Primitive(
        name,
        lambda *args: float(getattr(number := function(*args), "_number", number)),
        lambda out, *args: tuple([slope(place)(*args) for place in range(len(args))]),
        arity=None,
        symbol=name,
    )


def _slope(function: Callable[..., Any], args: Sequence[Any], place: int) -> Any:
    """The derivative of a function by the graph that it records."""
    variables = [+arg if isinstance(arg, Value) else Value(arg) for arg in args]
    result = function(*variables)
    return gradients(result, [variables[place]], create_graph=True)[0] if isinstance(result, Value) else 0.0
