"""Types for annotations alone: nothing here is imported at run time.

The other modules set `TYPE_CHECKING = False` themselves, as type checkers understand it, because importing
`typing` would take longer than all the rest of the package.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias, TypeVar, overload

from autograd_mini.value import Value

Number: TypeAlias = "float | Value"
"""What functions take: a plain number or a Value."""


class UnaryFunction(Protocol):
    @overload
    def __call__(self, x: Value, /) -> Value: ...
    @overload
    def __call__(self, x: float, /) -> float: ...


class BinaryFunction(Protocol):
    @overload
    def __call__(self, x: float, y: float, /) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, x: Number, y: Number, /) -> Value: ...


class Reduction(Protocol):
    @overload
    def __call__(self, xs: Iterable[float], /) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, xs: Iterable[Number], /) -> Value: ...


class Variadic(Protocol):
    @overload
    def __call__(self, xs: Iterable[float], /) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, xs: Iterable[Number], /) -> Value: ...
    @overload
    def __call__(self, *xs: float) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *xs: Number) -> Value: ...


class Pairing(Protocol):
    @overload
    def __call__(self, xs: Iterable[float], ys: Iterable[float], /) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, xs: Iterable[Number], ys: Iterable[Number], /) -> Value: ...


class VectorFunction(Protocol):
    @overload
    def __call__(self, xs: Iterable[float], /) -> list[float]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, xs: Iterable[Number], /) -> list[Value]: ...


class Node(Protocol):
    """What the walks of `graph` need to know of a node."""

    @property
    def parents(self) -> tuple[Any, ...]: ...


N = TypeVar("N", bound=Node)
