"""Programs as lists of scalars: few kinds of them, each computed from earlier ones, sums as lists of terms."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from itertools import chain, compress, count, repeat
from operator import is_, is_not
from typing import TYPE_CHECKING, Any

import numpy
from numpy.typing import NDArray

from autograd_mini.primitives import Primitive

if TYPE_CHECKING:
    from autograd_mini.compiler.scans.transforming import Scan

ONE = 0
"""The scalar 1, the second factor of a term that has only one."""

MANY = 64
"""Up to so many terms, it takes less time to look at them one by one than as arrays."""


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
    """A sum Σ c·x·y, each c 1 or -1, as one list: c, x and y of the first term, of the second, and so on.

    It may be added in any order. If it is `from_zero`, it begins with 0.0, and so is never -0.0.
    """

    tail: list[Any] = field(default_factory=list)
    from_zero: bool = False
    head: Any = None  # the terms before those in the list, if they are given as `columns`
    _columns: Any = field(default=None, init=False)

    @classmethod
    def of(cls, terms: Iterable[tuple[float, int, int]], from_zero: bool = False) -> Terms:
        return cls([*chain.from_iterable(terms)], from_zero)

    def __iter__(self) -> Iterator[tuple[float, int, int]]:
        flat = self.flat
        return zip(flat[::3], flat[1::3], flat[2::3])

    @property
    def flat(self) -> list[Any]:
        """All terms as one list."""
        if self.head is None:
            return self.tail
        listed: list[Any] = self.head.T.ravel().tolist()
        listed[::3] = map(float, listed[::3])
        return listed + self.tail

    @property
    def columns(self) -> NDArray[numpy.int64]:
        """All c, all x and all y as one array, [3, terms], which is kept."""
        if self._columns is None or self._columns.shape[1] != len(self):
            columns = numpy.fromiter(self.tail, numpy.int64, len(self.tail)).reshape(-1, 3).T
            self._columns = columns if self.head is None else numpy.concatenate([self.head, columns], axis=1)
        return self._columns  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self.tail) // 3 + (0 if self.head is None else int(self.head.shape[1]))


@dataclass(eq=False, slots=True)
class Looped:
    """A loop, applied to all that goes in; it is not a number itself."""

    scan: Scan
    args: tuple[int, ...]


@dataclass(eq=False, slots=True)
class Picked:
    """One of the numbers that come out of a loop."""

    loop: int
    index: int


Scalar = Input | Number | Application | Component | Terms | Looped | Picked


@dataclass(eq=False)
class Scalars:
    """The normalised graph: scalars by number, each after those that it reads, and which of them are wanted.

    Attributes:
        tied: the scalar that is not finite where something is at a kink, if anything is watched (`compiler.ties`).
    """

    scalars: list[Scalar]
    outputs: list[int]
    guards: list[int]
    tied: int | None = None

    @cached_property
    def loops(self) -> list[Looped]:
        """The loops of `scan`."""
        return [scalar for scalar in self.scalars[first_computed(self.scalars) :] if type(scalar) is Looped]

    @cached_property
    def primitives(self) -> set[tuple[Primitive, int]]:
        """The primitives applied, and to how many scalars."""
        return primitives_of(self.scalars[first_computed(self.scalars) :])

    @property
    def roots(self) -> list[int]:
        """All scalars that are wanted."""
        return [*self.outputs, *self.guards, *([] if self.tied is None else [self.tied])]

    def __repr__(self) -> str:
        kinds = [type(scalar).__name__ for scalar in self.scalars]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        return f"<{len(kinds)} scalars: {counts}>"


def primitives_of(scalars: Iterable[Scalar]) -> set[tuple[Primitive, int]]:
    """The primitives applied, and to how many scalars."""
    return {(scalar.primitive, len(scalar.args)) for scalar in scalars if type(scalar) is Application}


def of_kind(scalars: Iterable[Scalar], kind: type[Scalar]) -> list[int]:
    """Which are of a kind."""
    return [*compress(count(), map(is_, map(type, scalars), repeat(kind)))]


def operands(scalar: Scalar) -> Iterable[int]:
    """The scalars that a scalar reads."""
    if isinstance(scalar, Terms):
        return chain(scalar.flat[1::3], scalar.flat[2::3])
    if isinstance(scalar, Application):
        return scalar.args
    if isinstance(scalar, Component):
        return scalar.vector.args
    if isinstance(scalar, Picked):
        return (scalar.loop,)
    return scalar.args if isinstance(scalar, Looped) else ()


def leading(scalars: Sequence[Scalar]) -> Iterator[tuple[int, range]]:
    """The arrays that come before all that is computed, by their number, and the scalars of each."""
    start = 1
    while start < len(scalars) and type(first := scalars[start]) is Input:
        is_other = partial(is_not, first)
        stop = start + 1
        if stop < len(scalars) and scalars[stop] is first:  # all its lanes are one object
            stop = bisect_left(scalars, True, stop, key=is_other)
        yield first.array, range(start, stop)
        start = stop


def first_computed(scalars: Sequence[Scalar]) -> int:
    """The number of the first scalar that is not a lane of a leading array."""
    return max([1, *[lanes.stop for _, lanes in leading(scalars)]])


def alive(scalars: Sequence[Scalar], wanted: Sequence[int]) -> bytearray:
    """Which scalars the wanted ones depend on, those included."""
    found = bytearray(len(scalars))
    for number in wanted:
        found[number] = 1
    start = first_computed(scalars)
    for number in compress(range(len(scalars) - 1, start - 1, -1), reversed(found)):
        scalar = scalars[number]
        if type(scalar) is Terms and len(scalar) > MANY:
            numpy.frombuffer(found, dtype=numpy.uint8)[scalar.columns[1:]] = 1
        else:
            for operand in scalar.args if type(scalar) is Application else operands(scalar):
                found[operand] = 1
    return found


def depending(
    scalars: Sequence[Scalar], on: bytearray, goes_on: Callable[[Primitive], bool] = lambda primitive: True
) -> bytearray:
    """Which scalars depend on some, those included.

    Args:
        on: 1 for each of these; it is completed in place, and returned.
        goes_on: whether the result of a primitive counts as depending on its operands.
    """
    passes = cache(goes_on)
    for number in range(first_computed(scalars), len(scalars)):
        scalar = scalars[number]
        if type(scalar) is Terms and scalar.head is not None:
            on[number] |= numpy.frombuffer(on, dtype=numpy.uint8)[scalar.columns[1:]].max()
            continue
        for operand in scalar.args if type(scalar) is Application else operands(scalar):
            if on[operand]:
                on[number] = on[number] or type(scalar) is not Application or passes(scalar.primitive)
                break
    return on
