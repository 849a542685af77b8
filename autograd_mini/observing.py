"""Observers of Values: how debugging, pictures and compilation listen in, and answer where eager mode would decide.

Observers live in a ContextVar, so that threads and tasks do not hear each other. `active` lists those of all
threads: while it is empty, recording a node or reading a number pays for one test only.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from os.path import dirname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType
    from typing import Any

    from autograd_mini.primitives import Primitive
    from autograd_mini.value import Value

active: list[Observer] = []
_observers: ContextVar[tuple[Observer, ...]] = ContextVar("autograd_mini_observers", default=())
_package = dirname(__file__)


class Observer:
    """Hears what happens in its thread or task within its `with` block; each method may raise.

    Where a method gives something, the first observer to give more than None decides the result; if none does,
    eager mode decides from the data.

    Attributes:
        hears_rules: whether it also hears what derivative rules calculate within `create_graph=True`.
    """

    hears_rules = False
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

    def compared(self, primitive: Primitive, x: Value, y: Value) -> Any:
        """An operator compares x with y; `primitive` is its row. Gives the result in place of a bool, or None."""

    def selected(self, primitive: Primitive, args: tuple[Value, ...]) -> Any:
        """A derivative rule chooses by a selector. Gives the choice in place of plain numbers, or None."""

    def carried(self, operation: Primitive, adjoint: Any, local: Any) -> Any:
        """A rule of `operation` multiplies an adjoint by a local derivative, and whether the product carries anything
        depends on data. Gives the product in place of one for this data, or None."""

    def detached(self, node: Value) -> Any:
        """`node.detach()` is called. Gives its result in place of a constant, or None."""

    def truth_asked(self, node: Value) -> None:
        """The program branches on whether `node` is 0."""

    def number_read(self, node: Value, how: str) -> None:
        """The number of `node`, or one computed from it, is about to leave the graph, by `how`, such as ".data"."""

    def number_written(self, node: Value, how: str) -> None:
        """A number of `node`, or of what it was computed from, is about to change, by `how`, such as "backward()"."""


class silence:
    """A context in which only those observers of this thread or task hear on that hear rules; gives them all."""

    def __enter__(self) -> tuple[Observer, ...]:
        observers = _observers.get()
        self._token = _observers.set(tuple(observer for observer in observers if observer.hears_rules))
        return observers

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _observers.reset(self._token)


class unheard(silence):
    """A context in which none of them hears anything."""

    def __enter__(self) -> tuple[Observer, ...]:
        observers = _observers.get()
        self._token = _observers.set(())
        return observers


def current_observers() -> tuple[Observer, ...]:
    """Those of this thread or task."""
    return _observers.get()


def notify(node: Value) -> None:
    """Tell the observers of this thread or task that `node` was recorded."""
    for observer in _observers.get():
        observer.node_recorded(node)


def ask(question: str, *args: Any) -> Any:
    """What the first observer of this thread or task that has an answer gives: `question` is a method of theirs."""
    for observer in _observers.get():
        answer = getattr(observer, question)(*args)
        if answer is not None:
            return answer
    return None


def number_read(node: Value, how: str) -> None:
    """Tell the observers of this thread or task."""
    for observer in _observers.get():
        observer.number_read(node, how)


def number_written(node: Value, how: str) -> None:
    """Tell the observers of this thread or task."""
    for observer in _observers.get():
        observer.number_written(node, how)


def user_line() -> tuple[str, int]:
    """File and line number of the innermost caller outside this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_package):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
