"""Observers of node creation: how debugging (and whoever else must see every node born) listens in.

Observers live in a ContextVar, so that threads and tasks do not hear each other. `active` lists those of all
threads: while it is empty, recording a node pays for one test only.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from os.path import dirname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from autograd_mini.value import Value

active: list[Observer] = []
_observers: ContextVar[tuple[Observer, ...]] = ContextVar("autograd_mini_observers", default=())
_package = dirname(__file__)


class Observer:
    """Hears what happens in its thread or task within its `with` block; each method may raise."""

    _tokens: list[Token[tuple[Observer, ...]]]

    def __enter__(self) -> None:
        self._tokens = [*getattr(self, "_tokens", ()), _observers.set((*_observers.get(), self))]
        active.append(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        active.remove(self)
        _observers.reset(self._tokens.pop())

    def node_recorded(self, node: Value) -> None:
        """`node` was just computed."""

    def adjoint_spread(self, node: Value, index: int, adjoint: float, contribution: float) -> None:
        """`contribution` = adjoint of `node` · its local derivative towards parent number `index`."""

    def adjoint_summed(self, node: Value, index: int, before: float, contribution: float, total: float) -> None:
        """`total` = `before` + `contribution`: the adjoint of that parent so far."""


class silence:
    """A context in which this thread or task hears nothing; gives the observers that were silenced."""

    def __enter__(self) -> tuple[Observer, ...]:
        observers = _observers.get()
        self._token = _observers.set(())
        return observers

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _observers.reset(self._token)


def current_observers() -> tuple[Observer, ...]:
    """Those of this thread or task."""
    return _observers.get()


def notify(node: Value) -> None:
    """Tell the observers of this thread or task that `node` was recorded."""
    for observer in _observers.get():
        observer.node_recorded(node)


def user_line() -> tuple[str, int]:
    """File and line number of the innermost caller outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_package):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
