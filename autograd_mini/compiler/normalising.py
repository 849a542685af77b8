"""Normalise: the recorded graph as few kinds of scalars, with sums of products as one universal linear form.

`Σ c·x·y + …` covers + - * and negation, sums, means and dot products. Sums used once only are taken into what
uses them; constants go into the coefficients c.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from autograd_mini.compiler.tracing import Trace
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.value import Value

ONE = 0
"""The scalar 1, the second factor of a term that has only one."""

LONGEST_SCALED = 64
"""A sum with more terms than this is not multiplied out, so that normalising stays linear in the graph."""

SMALLEST, LARGEST = 1e-30, 1e30
"""Between these, or 0, coefficients are taken together: what the graph can bear must not overflow here."""


@dataclass(eq=False, slots=True)
class Input:
    """A number of a leaf: `array` counts the arrays among the arguments, -1 stands for the parameters; `first` is the
    scalar of its first lane."""

    array: int
    first: int


@dataclass(eq=False, slots=True)
class Number:
    """A constant of the function."""

    number: float


@dataclass(eq=False, slots=True)
class Application:
    """A primitive applied to scalars."""

    primitive: Primitive
    args: tuple[int, ...]


@dataclass(eq=False, slots=True)
class Component:
    """Component `index` of a function of vectors to vectors, such as softmax; `vector` is the same object for all."""

    vector: Application
    index: int


@dataclass(eq=False, slots=True)
class Terms:
    """Σ c·x·y over three lists of equal length."""

    cs: list[float] = field(default_factory=list)
    xs: list[int] = field(default_factory=list)
    ys: list[int] = field(default_factory=list)

    def append(self, c: float, x: int, y: int) -> None:
        self.cs.append(c)
        self.xs.append(x)
        self.ys.append(y)

    def extend(self, other: Terms, factor: float) -> None:
        self.cs += other.cs if factor == 1.0 else [factor * c for c in other.cs]
        self.xs += other.xs
        self.ys += other.ys

    def __len__(self) -> int:
        return len(self.cs)


Scalar = Input | Number | Application | Component | Terms


@dataclass(eq=False)
class Scalars:
    """The normalised graph: scalars by number, each after those it is made of, and which of them are wanted."""

    scalars: list[Scalar]
    outputs: list[int]
    guards: list[int]

    def __repr__(self) -> str:
        kinds = [type(scalar).__name__ for scalar in self.scalars]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        return f"<{len(kinds)} scalars: {counts}>"

    def verify(self) -> Scalars:
        """The scalars themselves, if each is made of earlier ones.

        Raises:
            AssertionError: one is not.
        """
        for number, scalar in enumerate(self.scalars):
            assert max(operands(scalar), default=-1) < number, f"scalar {number} is out of order"
        return self


def operands(scalar: Scalar) -> Iterable[int]:
    """The scalars it is made of."""
    if isinstance(scalar, Input):
        return ()
    if isinstance(scalar, Terms):
        return chain(scalar.xs, scalar.ys)
    if isinstance(scalar, Application):
        return scalar.args
    return scalar.vector.args if isinstance(scalar, Component) else ()


def alive(scalars: Sequence[Scalar], wanted: Sequence[int]) -> bytearray:
    """Which scalars the wanted ones are made of, those included."""
    found = bytearray(len(scalars))
    for number in wanted:
        found[number] = 1
    for number in range(len(scalars) - 1, -1, -1):
        if found[number]:
            for operand in operands(scalars[number]):
                found[operand] = 1
    return found


def normalise(trace: Trace) -> Scalars:
    """The trace in normal form."""
    return _Normaliser(trace).scalars()


class _Normaliser:
    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.found: list[Scalar] = [Number(1.0)]
        self.number_of: dict[Value, int] = {}
        self.memo: dict[Any, int] = {}
        self.constants = {ONE}  # scalars that are numbers
        self.factors: set[int] = set()  # scalars that products hold as they are
        self.single_use: set[int] = set()  # scalars that only one node is made of, and that only once
        self.uses = Counter(chain.from_iterable([node.parents for node in trace.order]))
        for root in [*trace.outputs, *(guard.node for guard in trace.guards)]:
            self.uses[root] += 2  # it must stay a scalar of its own

    def scalars(self) -> Scalars:
        number_of, found = self.number_of, self.found
        for array, values in [*enumerate(self.trace.inputs), (-1, self.trace.parameters)]:
            first = len(found)
            found += [Input(array, first)] * len(values)
            number_of.update(zip(values, range(first, len(found))))
        self.factors.update(range(1, len(found)))
        for node in self.trace.order:
            if node not in number_of:
                args = [*map(number_of.__getitem__, node.parents)]
                if self.constants.issuperset(args):
                    number_of[node] = self._number(node._data)
                else:
                    number = number_of[node] = self._scalar(node.operation, args)
                    if self.uses[node] == 1:
                        self.single_use.add(number)
        wanted = [number_of[output] for output in self.trace.outputs]
        return Scalars(found, wanted, [number_of[guard.node] for guard in self.trace.guards])

    def _scalar(self, operation: Any, args: list[int]) -> int:
        linear = _LINEAR.get(operation)
        if linear is not None:
            return linear(self, args)  # type: ignore[no-any-return]
        numbers = tuple(args)
        if operation.base in (TABLE["softmax"], TABLE["log_softmax"]):
            return self._component(operation, numbers)
        return self._shared((operation, numbers), lambda: Application(operation, numbers))

    def _component(self, operation: Primitive, numbers: tuple[int, ...]) -> int:
        """One output of a vector function; all of them are one vector."""
        options = {name: option for name, option in operation.options.items() if name != "index"}
        key = (operation.base.name, str(options), numbers)
        first = self.memo.get(key)
        if first is None:
            vector = Application(operation.base.variant(**options) if options else operation.base, numbers)
            first = self.memo[key] = len(self.found)
            self.found += [Component(vector, index) for index in range(len(numbers))]
            self.factors.update(range(first, len(self.found)))
        return first + int(operation.options.get("index", 0))

    def _number(self, number: float) -> int:
        found = self._shared(("number", number.hex()), lambda: Number(number))
        self.constants.add(found)
        return found

    def _shared(self, key: Any, make: Any) -> int:
        """The scalar made before for the same key, or a new one."""
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = self._new(make())
        return found

    def _new(self, scalar: Scalar) -> int:
        self.found.append(scalar)
        number = len(self.found) - 1
        if type(scalar) is Application or (type(scalar) is Terms and not _is_multiple(scalar)):
            self.factors.add(number)
        return number

    def _take(self, terms: Terms, number: int, factor: float) -> None:
        """Add factor·scalar to a sum."""
        scalar = self.found[number]
        if type(scalar) is Number:
            terms.append(factor * scalar.number, ONE, ONE)
        elif type(scalar) is Terms and number in self.single_use and _may_scale(scalar, factor):
            terms.extend(scalar, factor)
        else:
            terms.append(factor, number, ONE)

    def _linear(self, args: list[int], factors: tuple[float, ...]) -> int:
        longest = None if self.single_use.isdisjoint(args) else self._longest(args, factors)
        if longest is None:
            terms = Terms()
        else:  # a long chain of sums grows one list
            terms = self.found[args[longest]]  # type: ignore[assignment]
            self.found[args[longest]] = Number(math.nan)  # nobody else uses it
        for place, (arg, factor) in enumerate(zip(args, factors)):
            if place != longest:
                self._take(terms, arg, factor)
        return self._new(terms)

    def _longest(self, args: list[int], factors: tuple[float, ...]) -> int | None:
        """The place of the longest sum among the arguments that can be taken over as it is."""
        lengths = {}
        for place, (arg, factor) in enumerate(zip(args, factors)):
            scalar = self.found[arg]
            if factor == 1.0 and type(scalar) is Terms and arg in self.single_use:
                lengths[place] = len(scalar.cs)
        return max(lengths, key=lengths.__getitem__, default=None)

    def _factor(self, number: int) -> tuple[float, int]:
        """A scalar as c·x: a multiple of another one, or itself."""
        scalar = self.found[number]
        if type(scalar) is Terms and number in self.single_use and _is_multiple(scalar):
            return scalar.cs[0], scalar.xs[0]
        return 1.0, number

    def _products(self, xs: list[int], ys: list[int]) -> int:
        if self.factors.issuperset(xs) and self.factors.issuperset(ys):
            return self._new(Terms([1.0] * len(xs), xs, ys))
        terms = Terms()
        for x, y in zip(xs, ys):
            self._multiply(terms, x, y)
        return self._new(terms)

    def _multiply(self, terms: Terms, x: int, y: int) -> None:
        a, b = self.found[x], self.found[y]
        if type(a) is Number and _is_moderate(a.number):
            self._take(terms, y, a.number)
        elif type(b) is Number and _is_moderate(b.number):
            self._take(terms, x, b.number)
        else:
            (c, i), (d, j) = self._factor(x), self._factor(y)
            if not _is_moderate(c * d):
                (c, i), (d, j) = (1.0, x), (1.0, y)
            terms.append(c * d, i, j)

    def _quotient(self, args: list[int]) -> int:
        x, y = args
        divisor = self.found[y]
        if type(divisor) is Number and _is_moderate(divisor.number) and math.frexp(abs(divisor.number))[0] == 0.5:
            return self._linear([x], (1.0 / divisor.number,))
        return self._shared((TABLE["div"], x, y), lambda: Application(TABLE["div"], (x, y)))

    def _power(self, args: list[int]) -> int:
        x, y = args
        exponent = self.found[y]
        if type(exponent) is Number and exponent.number == 2.0:
            return self._products([x], [x])
        return self._shared((TABLE["pow"], x, y), lambda: Application(TABLE["pow"], (x, y)))


def _is_multiple(terms: Terms) -> bool:
    """Whether a sum is c·x for one scalar x."""
    return len(terms.cs) == 1 and terms.ys[0] == ONE


def _is_moderate(c: float) -> bool:
    return SMALLEST <= abs(c) <= LARGEST or c == 0.0


def _may_scale(terms: Terms, factor: float) -> bool:
    """Whether a sum may be multiplied out."""
    if factor == 1.0:
        return True
    return len(terms) <= LONGEST_SCALED and all(_is_moderate(factor * c) for c in terms.cs)


_BY_NAME: dict[str, Any] = {
    "add": lambda self, args: self._linear(args, (1.0, 1.0)),
    "sub": lambda self, args: self._linear(args, (1.0, -1.0)),
    "neg": lambda self, args: self._linear(args, (-1.0,)),
    "pos": lambda self, args: self._linear(args, (1.0,)),
    "mul": lambda self, args: self._products(args[:1], args[1:]),
    "square": lambda self, args: self._products(args, [*args]),
    "sum": lambda self, args: self._linear(args, (1.0,) * len(args)),
    "mean": lambda self, args: self._linear(args, (1.0 / len(args),) * len(args)),
    "dot": lambda self, args: self._products(args[: len(args) // 2], args[len(args) // 2 :]),
    "div": _Normaliser._quotient,
    "pow": _Normaliser._power,
}
# By the primitive itself: a user's own of the same name is another.
_LINEAR = {TABLE[name]: rule for name, rule in _BY_NAME.items()}
