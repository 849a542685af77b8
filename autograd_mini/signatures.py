"""Types for annotations alone: nothing here is imported at run time.

The other modules set `TYPE_CHECKING = False` themselves, as type checkers understand it, because importing
`typing` would take longer than all the rest of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias, overload

from autograd_mini.value import Value

Number: TypeAlias = "float | Value"
"""What functions take: a plain number or a Value."""


class Operators:
    """What `operators` and `functions` attach to Value from the table: + - * / …, < and ==, every primitive."""

    def __getattr__(self, name: str) -> Callable[..., Value]:
        raise NotImplementedError

    def _operator(self, other: Any) -> Value:
        raise NotImplementedError

    def _both(self, other: Any) -> tuple[Value, Value]:
        raise NotImplementedError

    def _sign(self) -> Value:
        raise NotImplementedError

    def _comparison(self, other: Any) -> bool:
        raise NotImplementedError

    __truediv__ = __floordiv__ = __mod__ = __pow__ = _operator
    __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = _operator
    __divmod__ = __rdivmod__ = _both
    __neg__ = __pos__ = __abs__ = _sign
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = _comparison
    __float__: Callable[[], float]
    __int__: Callable[[], int]
    __trunc__: Callable[[], int]
    __floor__: Callable[[], int]
    __ceil__: Callable[[], int]
    __round__: Callable[..., Any]


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
