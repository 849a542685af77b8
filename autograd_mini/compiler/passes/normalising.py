"""Normalise: the recorded graph as few kinds of scalars, the operations as they were written, sums as lists of terms.

`sum`, `dot` and their like, and chains of + are sums: what they add up is one list Σ x·y, in which products that
nothing else uses are taken in. Nothing else is rearranged.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from autograd_mini.compiler.passes.tracing import Trace
from autograd_mini.primitives import TABLE, Primitive
from autograd_mini.value import Value

ONE = 0
"""The scalar 1, the second factor of a term that has only one."""

SHORTEST_CHAIN = 4
"""A chain of + of fewer terms is carried out as it is written."""


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
    """A sum Σ c·x·y over three lists of equal length, each c 1 or -1.

    It may be added in any order. If it is `from_zero`, it begins with 0.0, and so is never -0.0.
    """

    cs: list[float] = field(default_factory=list)
    xs: list[int] = field(default_factory=list)
    ys: list[int] = field(default_factory=list)
    from_zero: bool = False

    def append(self, c: float, x: int, y: int) -> None:
        self.cs.append(c)
        self.xs.append(x)
        self.ys.append(y)

    def extend(self, other: Terms) -> None:
        self.cs += other.cs
        self.xs += other.xs
        self.ys += other.ys
        self.from_zero |= other.from_zero

    def __len__(self) -> int:
        return len(self.cs)


Scalar = Input | Number | Application | Component | Terms


@dataclass(eq=False)
class Scalars:
    """The normalised graph: scalars by number, each after those it is made of, and which of them are wanted.

    Attributes:
        tied: one that is not finite where something is at a kink, if anything is watched (`compiler.ties`).
    """

    scalars: list[Scalar]
    outputs: list[int]
    guards: list[int]
    tied: int | None = None

    @property
    def roots(self) -> list[int]:
        """All that are wanted."""
        return [*self.outputs, *self.guards, *([] if self.tied is None else [self.tied])]

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


class _Chain(NamedTuple):
    """A chain of + that may go on: the scalars it adds up, of which a sum has `size` terms in all."""

    scalars: tuple[int, ...]
    size: int
    from_zero: bool = False


class _Normaliser:
    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.found: list[Scalar] = [Number(1.0)]
        self.number_of: dict[Value, int] = {}
        self.memo: dict[Any, int] = {}
        self.constants = {ONE}  # scalars that are numbers
        self.single_use: set[int] = set()  # scalars that only one node is made of, and that only once
        self.chains: dict[int, _Chain] = {}
        self.sums: set[int] = set()  # those that are no chains of +
        self.uses = Counter(chain.from_iterable([node.parents for node in trace.order]))
        for root in [*trace.outputs, *(guard.node for guard in trace.guards)]:
            self.uses[root] += 2  # it must stay a scalar of its own

    def scalars(self) -> Scalars:
        number_of, found = self.number_of, self.found
        for array, values in [*enumerate(self.trace.inputs), (-1, self.trace.parameters)]:
            first = len(found)
            found += [Input(array, first)] * len(values)
            number_of.update(zip(values, range(first, len(found))))
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
        rule = _RULES.get(operation)
        if rule is not None:
            return rule(self, args)  # type: ignore[no-any-return]
        if operation.base in (TABLE["softmax"], TABLE["log_softmax"]):
            return self._component(operation, tuple(args))
        return self._applied(operation, *args)

    def _applied(self, operation: Primitive, *args: int) -> int:
        return self._shared((operation, args), lambda: Application(operation, args))

    def _component(self, operation: Primitive, numbers: tuple[int, ...]) -> int:
        """One output of a vector function; all of them are one vector."""
        options = {name: option for name, option in operation.options.items() if name != "index"}
        key = (operation.base.name, str(options), numbers)
        first = self.memo.get(key)
        if first is None:
            vector = Application(operation.base.variant(**options) if options else operation.base, numbers)
            first = self.memo[key] = len(self.found)
            self.found += [Component(vector, index) for index in range(len(numbers))]
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
        return len(self.found) - 1

    def _added(self, args: list[int]) -> int:
        """x + y: the next link of a chain, or its first. What is in brackets is one term, unless it is a sum."""
        x, y = args
        if self._open(x) is None and self._open(y) is not None and (y in self.sums or not self._is_sum(x)):
            x, y = y, x
        longer = self._longer(x, y)
        if longer is not None and (longer.size >= SHORTEST_CHAIN or self._is_layer(x, y)):
            return self._long(longer)
        found = self._applied(TABLE["add"], *args)
        if longer is not None:
            self.chains[found] = longer
        return found

    def _is_sum(self, number: int) -> bool:
        return type(self.found[number]) is Terms or number in self.chains

    def _is_layer(self, x: int, y: int) -> bool:
        """Whether x + y is a sum and a term after it, which is the same as one sum."""
        is_term = y not in self.constants and y not in self.sums and not self._is_product(y)
        return is_term and x in self.sums and x in self.single_use

    def _open(self, number: int) -> _Chain | None:
        """The chain that a scalar is so far, if nothing else reads it."""
        if number not in self.single_use:
            return None
        scalar = self.found[number]
        return _Chain((number,), len(scalar)) if type(scalar) is Terms else self.chains.get(number)

    def _longer(self, x: int, y: int) -> _Chain | None:
        """The chain x + y; None where a constant ends it."""
        if x in self.constants or y in self.constants:
            number, other = (x, y) if x in self.constants else (y, x)
            is_zero = self.found[number].number.hex() == "0x0.0p+0"  # type: ignore[union-attr]
            return (self._open(other) or _Chain((other,), 1))._replace(from_zero=True) if is_zero else None
        before = self._open(x) or _Chain((x,), 1)
        size = len(self.found[y]) if y in self.sums and y in self.single_use else 1  # type: ignore[arg-type]
        return _Chain((*before.scalars, y), before.size + size, before.from_zero)

    def _long(self, links: _Chain) -> int:
        """The sum of a chain; it grows in place."""
        first, *others = links.scalars
        scalar = self.found[first]
        if type(scalar) is Terms and first in self.single_use:
            terms, self.found[first] = scalar, Number(math.nan)  # nobody else uses it
        else:
            terms, others = Terms(), [first, *others]
        terms.from_zero |= links.from_zero
        return self._summed(others, terms)

    def _sum(self, args: Iterable[int]) -> int:
        found = self._summed(args, Terms(from_zero=True))
        self.sums.add(found)
        return found

    def _summed(self, args: Iterable[int], terms: Terms) -> int:
        for number in args:
            scalar = self.found[number]
            if number in self.single_use and number in self.sums:
                terms.extend(scalar)  # type: ignore[arg-type]
            elif self._is_product(number):
                args = scalar.args  # type: ignore[union-attr]
                (c, x), (d, y) = self._signed(args[0]), self._signed(args[-1])
                terms.append(c * d, x, y)
            else:
                terms.append(*self._signed(number), ONE)
        return self._new(terms)

    def _signed(self, number: int) -> tuple[float, int]:
        """A scalar as ±x: negation commutes with products exactly."""
        scalar = self.found[number]
        if type(scalar) is Application and scalar.primitive is _NEGATION:
            return -1.0, scalar.args[0]
        return 1.0, number

    def _is_product(self, number: int) -> bool:
        """Whether it is x·y or x², and only a sum reads it."""
        scalar = self.found[number]
        return number in self.single_use and type(scalar) is Application and scalar.primitive in _PRODUCTS

    def _dot(self, args: list[int]) -> int:
        half = len(args) // 2
        found = self._new(Terms([1.0] * half, args[:half], args[half:], from_zero=True))
        self.sums.add(found)
        return found

    def _mean(self, args: list[int]) -> int:
        return self._applied(TABLE["div"], self._sum(args), self._number(float(len(args))))

    def _power(self, args: list[int]) -> int:
        exponent = self.found[args[1]]
        if type(exponent) is Number and exponent.number == 2.0:
            return self._applied(TABLE["square"], args[0])
        return self._applied(TABLE["pow"], *args)


_PRODUCTS = {TABLE["mul"], TABLE["square"]}
_NEGATION = TABLE["neg"]

# By the primitive itself: a user's own of the same name is another.
_RULES: dict[Primitive, Any] = {
    TABLE["add"]: _Normaliser._added,
    TABLE["sum"]: _Normaliser._sum,
    TABLE["mean"]: _Normaliser._mean,
    TABLE["dot"]: _Normaliser._dot,
    TABLE["sumprod"]: _Normaliser._dot,
    TABLE["pow"]: _Normaliser._power,
}
