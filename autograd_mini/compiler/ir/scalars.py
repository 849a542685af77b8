"""Programs as lists of scalars: few kinds of them, each made of earlier ones, sums as lists of terms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from autograd_mini.primitives import Primitive

if TYPE_CHECKING:
    from autograd_mini.compiler.scans.transforming import Scan

ONE = 0
"""The scalar 1, the second factor of a term that has only one."""


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


@dataclass(eq=False, slots=True)
class Looped:
    """A loop, from all that goes in; no number itself."""

    scan: Scan
    args: tuple[int, ...]


@dataclass(eq=False, slots=True)
class Picked:
    """One of the numbers that a loop gives."""

    loop: int
    index: int


Scalar = Input | Number | Application | Component | Terms | Looped | Picked


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
    if isinstance(scalar, Application | Looped):
        return scalar.args
    if isinstance(scalar, Picked):
        return (scalar.loop,)
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
